//! Templates: text with `{placeholder}`s, parsed once and filled by position (`providers.md`, section 2.8).
//! No functions, no conditions; a value that was put in is not looked at again.

use std::borrow::Cow;
use std::fmt;

use http::header::HeaderValue;
use secrecy::{ExposeSecret as _, SecretString};
use zeroize::Zeroizing;

use super::values::Values;

/// The longest header value that is sent, in bytes.
pub const MAX_HEADER: usize = 4096;

/// Text with placeholders.
#[derive(Clone, PartialEq, Eq)]
pub struct Template {
    source: String,
    parts: Vec<Part>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Part {
    Literal(String),
    Slot(Slot),
}

/// A placeholder and what stands there when it has no value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Slot {
    pub(super) name: String,
    pub(super) fallback: Fallback,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) enum Fallback {
    /// A missing value is an error.
    #[default]
    Required,
    /// A missing value drops the header or parameter.
    Optional,
    /// The default of the variable.
    Default(String),
}

/// Why a template cannot be read. Positions are bytes into it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TemplateError {
    /// `{` without `}`.
    #[error("`{{` without `}}`; a literal brace is written twice")]
    Unclosed,
    /// `}` without `{`.
    #[error("`}}` without `{{`; a literal brace is written twice")]
    Unopened,
    /// What stands between the braces is no name.
    #[error("`{{{0}}}` is no placeholder: names are lower-case letters, digits and `_`")]
    BadName(String),
}

/// Why a template cannot be filled. Names variables, never values.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RenderError {
    /// A required value is not there.
    #[error("no value for `{0}`")]
    Missing(String),
    /// A header value is not visible ASCII, is empty or is longer than [`MAX_HEADER`].
    #[error("the values do not fit into a header")]
    Header,
    /// The user name of Basic has a colon or either part a control character.
    #[error("the values do not fit into HTTP Basic")]
    Basic,
    /// The value changes more of the URL than its own place.
    #[error("the value of `{0}` does not fit into a URL")]
    UrlValue(String),
    /// The built URL is not the one that the definition describes.
    #[error("the values do not give the URL that the definition describes")]
    Url,
    /// The definition has no such method or endpoint.
    #[error("the definition has no such method or endpoint")]
    Undeclared,
}

/// Whether `name` can be the name of a variable.
pub(super) fn is_name(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_lowercase())
        && name
            .chars()
            .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
}

impl Template {
    /// Reads a template.
    pub fn parse(source: &str) -> Result<Self, TemplateError> {
        let mut parts = Vec::new();
        let mut literal = String::new();
        let mut rest = source;
        while let Some(at) = rest.find(['{', '}']) {
            literal.push_str(&rest[..at]);
            let tail = &rest[at..];
            if let Some(after) = tail.strip_prefix("{{") {
                literal.push('{');
                rest = after;
            } else if let Some(after) = tail.strip_prefix("}}") {
                literal.push('}');
                rest = after;
            } else if let Some(after) = tail.strip_prefix('{') {
                let end = after.find('}').ok_or(TemplateError::Unclosed)?;
                let name = &after[..end];
                if !is_name(name) {
                    return Err(TemplateError::BadName(name.to_owned()));
                }
                if !literal.is_empty() {
                    parts.push(Part::Literal(std::mem::take(&mut literal)));
                }
                parts.push(Part::Slot(Slot {
                    name: name.to_owned(),
                    fallback: Fallback::Required,
                }));
                rest = &after[end + 1..];
            } else {
                return Err(TemplateError::Unopened);
            }
        }
        literal.push_str(rest);
        if !literal.is_empty() {
            parts.push(Part::Literal(literal));
        }
        Ok(Self {
            source: source.to_owned(),
            parts,
        })
    }

    /// The template as written.
    pub fn source(&self) -> &str {
        &self.source
    }

    /// The names of the placeholders, in order, repeated where the template repeats them.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.parts.iter().filter_map(|part| match part {
            Part::Literal(_) => None,
            Part::Slot(slot) => Some(slot.name.as_str()),
        })
    }

    /// Whether there is no placeholder in it.
    pub fn is_literal(&self) -> bool {
        self.names().next().is_none()
    }

    pub(super) fn parts(&self) -> &[Part] {
        &self.parts
    }

    pub(super) fn bind(&mut self, fallback: &dyn Fn(&str) -> Fallback) {
        for part in &mut self.parts {
            if let Part::Slot(slot) = part {
                slot.fallback = fallback(&slot.name);
            }
        }
    }

    /// The template filled; `None` if it uses an optional variable that was left empty, in which case the header
    /// or parameter is dropped.
    pub fn render_text(&self, values: &Values) -> Result<Option<SecretString>, RenderError> {
        Ok(self
            .fill(values, |_, value| Ok(value.into()))?
            .map(|text| SecretString::from(text.as_str())))
    }

    /// As [`render_text`](Self::render_text), for a header: trimmed visible ASCII of at most [`MAX_HEADER`] bytes,
    /// marked sensitive.
    pub fn render_header(&self, values: &Values) -> Result<Option<HeaderValue>, RenderError> {
        let Some(text) = self.fill(values, |_, value| Ok(value.trim().into()))? else {
            return Ok(None);
        };
        let text = text.trim();
        if text.is_empty() || text.len() > MAX_HEADER || !fits_header(text) {
            return Err(RenderError::Header);
        }
        let mut header = HeaderValue::from_str(text).map_err(|_| RenderError::Header)?;
        header.set_sensitive(true);
        Ok(Some(header))
    }

    /// Fills the template; `encode` gets the name and the value of each placeholder.
    pub(super) fn fill<'a>(
        &'a self,
        values: &'a Values,
        encode: impl Fn(&'a str, &'a str) -> Result<Cow<'a, str>, RenderError>,
    ) -> Result<Option<Zeroizing<String>>, RenderError> {
        let mut text = Zeroizing::new(String::with_capacity(self.source.len() + 256));
        for part in &self.parts {
            match part {
                Part::Literal(literal) => text.push_str(literal),
                Part::Slot(slot) => match slot.value(values)? {
                    None => return Ok(None),
                    Some(value) => text.push_str(&encode(&slot.name, value)?),
                },
            }
        }
        Ok(Some(text))
    }
}

/// Whether every character may stand in a header value: visible ASCII, and spaces between.
pub(super) fn fits_header(text: &str) -> bool {
    text.bytes().all(|byte| (0x20..=0x7e).contains(&byte))
}

impl Slot {
    fn value<'a>(&'a self, values: &'a Values) -> Result<Option<&'a str>, RenderError> {
        let value = values
            .get(&self.name)
            .map(SecretString::expose_secret)
            .filter(|value| !value.is_empty());
        match (value, &self.fallback) {
            (Some(value), _) => Ok(Some(value)),
            (None, Fallback::Default(default)) => Ok(Some(default)),
            (None, Fallback::Optional) => Ok(None),
            (None, Fallback::Required) => Err(RenderError::Missing(self.name.clone())),
        }
    }
}

impl fmt::Debug for Template {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.source)
    }
}
