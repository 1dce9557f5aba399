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
    /// What a map makes of another variable, or of that one's default.
    Mapped { of: String, default: Option<String>, map: Vec<(String, String)> },
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
        && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
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
                parts.push(Part::Slot(Slot { name: name.to_owned(), fallback: Fallback::Required }));
                rest = &after[end + 1..];
            } else {
                return Err(TemplateError::Unopened);
            }
        }
        literal.push_str(rest);
        if !literal.is_empty() {
            parts.push(Part::Literal(literal));
        }
        Ok(Self { source: source.to_owned(), parts })
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

    /// The placeholders, each with what stands there when it has no value.
    pub(super) fn slots(&self) -> impl Iterator<Item = &Slot> {
        self.parts.iter().filter_map(|part| if let Part::Slot(slot) = part { Some(slot) } else { None })
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
        Ok(self.fill(values, |_, value| Ok(value.into()))?.map(|text| SecretString::from(text.as_str())))
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
        let value = values.get(&self.name).map(SecretString::expose_secret).filter(|value| !value.is_empty());
        match (value, &self.fallback) {
            (Some(value), _) => Ok(Some(value)),
            (None, Fallback::Default(default)) => Ok(Some(default)),
            (None, Fallback::Optional) => Ok(None),
            (None, Fallback::Mapped { of, default, map }) => {
                let given = values.get(of).map(SecretString::expose_secret).filter(|given| !given.is_empty());
                let given = given.or(default.as_deref());
                let found = map.iter().find(|(word, _)| Some(word.as_str()) == given);
                found.map(|(_, value)| Some(value.as_str())).ok_or_else(|| RenderError::Missing(of.clone()))
            }
            (None, Fallback::Required) => Err(RenderError::Missing(self.name.clone())),
        }
    }
}

impl fmt::Debug for Template {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.source)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::fuzz::{CASES, mutation};

    fn template(source: &str) -> Template {
        Template::parse(source).expect("a template")
    }

    #[test]
    fn braces_are_written_twice() {
        let values = Values::new().with("a", "1{b}");
        let text = template("{{x}} {a}{{{a}}}").render_text(&values).unwrap().unwrap();
        assert_eq!(text.expose_secret(), "{x} 1{b}{1{b}}", "values are not scanned again");
    }

    #[test]
    fn broken_templates_are_refused() {
        for (source, error) in [
            ("{a", TemplateError::Unclosed),
            ("a}", TemplateError::Unopened),
            ("{}", TemplateError::BadName(String::new())),
            ("{A}", TemplateError::BadName("A".to_owned())),
            ("{1a}", TemplateError::BadName("1a".to_owned())),
            ("$Secret{KEY}", TemplateError::BadName("KEY".to_owned())),
        ] {
            assert_eq!(Template::parse(source), Err(error), "{source}");
        }
    }

    #[test]
    fn headers_are_trimmed_visible_ascii_of_limited_length() {
        let bearer = template("Bearer {t}");
        let render = |value: &str| bearer.render_header(&Values::new().with("t", value));
        let header = render("  abc\n").unwrap().unwrap();
        assert_eq!(header.as_bytes(), b"Bearer abc");
        assert!(header.is_sensitive());
        for byte in (0..=0x1f_u8).chain([0x7f]) {
            let value = format!("a{}b", char::from(byte));
            assert_eq!(render(&value), Err(RenderError::Header), "{byte:#x}");
        }
        for bad in ["é", "a\u{a0}b", "\u{feff}a", "a\r\nX: y"] {
            assert_eq!(render(bad), Err(RenderError::Header), "{bad:?}");
        }
        assert!(render(&"a".repeat(MAX_HEADER - 7)).is_ok());
        assert_eq!(render(&"a".repeat(MAX_HEADER - 6)), Err(RenderError::Header));
        assert_eq!(render(""), Err(RenderError::Missing("t".to_owned())));
    }

    #[test]
    fn debug_and_errors_have_no_values() {
        let values = Values::new().with("t", "canary\u{e9}");
        let error = template("Bearer {t}").render_header(&values).unwrap_err();
        assert!(!format!("{error} {error:?}").contains("canary"));
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(source in ".{0,40}") {
            if let Ok(template) = Template::parse(&source) {
                prop_assert_eq!(template.source(), source.as_str());
                let _ = template.render_text(&Values::new());
            }
        }

        #[test]
        fn text_without_braces_stays_as_it_is(source in "[^{}]{0,40}") {
            let text = template(&source).render_text(&Values::new()).unwrap().unwrap();
            prop_assert_eq!(text.expose_secret(), source.as_str());
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(CASES))]

        #[test]
        fn s15_template_of_a_header(change in mutation(), value in mutation()) {
            let source = change.text_of(&["Bearer {a}", "Token {a}, id=\"{b}\"", "{{x}}{a}{b} "]);
            let Ok(template) = Template::parse(&source) else { return Ok(()) };
            let value = value.text_of(&["sk-live_1", "  padded\n", "a\r\nX-Evil: 1", "{b}"]);
            let values = template.names().fold(Values::new(), |values, name| values.with(name, value.as_str()));
            if let Ok(Some(header)) = template.render_header(&values) {
                let bytes = header.as_bytes();
                prop_assert!((1..=4096).contains(&bytes.len()) && header.is_sensitive());
                prop_assert!(bytes.iter().all(|byte| (0x20..=0x7e).contains(byte)));
                prop_assert!(bytes.first() != Some(&b' ') && bytes.last() != Some(&b' '));
            }
        }
    }
}
