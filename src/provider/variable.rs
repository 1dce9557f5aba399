//! Variables: the values that a definition asks for, takes from the connector or captures from answers.

use std::sync::OnceLock;

use regex::Regex;

use super::path::Path;
use super::pattern::{self, HostFacts};
use super::url_template::UrlTemplate;

/// The pattern of a variable in a host that names none: one DNS label.
pub(super) const LABEL: &str = "[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?";

/// The most memory that a compiled pattern may take, in bytes.
pub(super) const MAX_PATTERN: usize = 64 * 1024;

/// A regular expression that a whole value must match. Compiled when first used; its syntax was checked at load.
#[derive(Debug)]
pub struct Pattern {
    source: String,
    compiled: OnceLock<Option<Regex>>,
    host: OnceLock<Option<HostFacts>>,
    origin: OnceLock<Option<HostFacts>>,
}

impl Pattern {
    pub(super) fn new(source: &str) -> Self {
        Self {
            source: source.to_owned(),
            compiled: OnceLock::new(),
            host: OnceLock::new(),
            origin: OnceLock::new(),
        }
    }

    /// The expression as written, without anchors.
    pub fn source(&self) -> &str {
        &self.source
    }

    /// Whether the whole of `value` matches. A pattern that does not compile matches nothing.
    pub fn matches(&self, value: &str) -> bool {
        // The commonest pattern by far, and asked at load for every example.
        if self.source == LABEL {
            return is_label(value);
        }
        self.regex().is_some_and(|regex| regex.is_match(value))
    }

    /// What the pattern says about a host that it stands in; `None` if it cannot be read.
    pub(super) fn host(&self) -> Option<HostFacts> {
        *self.host.get_or_init(|| pattern::host_facts(&self.source))
    }

    /// The same for the host of an origin, in a pattern that begins with `https://`.
    pub(super) fn origin(&self) -> Option<HostFacts> {
        *self.origin.get_or_init(|| pattern::host_facts(self.source.strip_prefix("https://")?))
    }

    pub(super) fn regex(&self) -> Option<&Regex> {
        let compile = || {
            let anchored = format!(r"\A(?:{})\z", self.source);
            regex::RegexBuilder::new(&anchored).size_limit(MAX_PATTERN).build().ok()
        };
        self.compiled.get_or_init(compile).as_ref()
    }
}

/// One DNS label in lower case, as [`LABEL`] has it.
fn is_label(value: &str) -> bool {
    let letter = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let bytes = value.as_bytes();
    bytes.len() <= 63
        && bytes.first().copied().is_some_and(letter)
        && bytes.last().copied().is_some_and(letter)
        && bytes.iter().all(|byte| letter(*byte) || *byte == b'-')
}

/// Where the value of a variable comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ValueSource {
    /// Asked of the user in the modal.
    User,
    /// Given by the embedder with the connector.
    Connector,
    /// Captured from the token response.
    Token(Path),
    /// Captured from the query of the callback, by parameter name.
    Callback(String),
    /// Captured from the answer of the check.
    Check(Path),
    /// Looked up with the new credential.
    Lookup(Box<Lookup>),
    /// What the map makes of another variable.
    Variable(String),
}

/// One GET with the new credential after connecting.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lookup {
    /// What is called.
    pub url: UrlTemplate,
    /// Where the value is in the answer.
    pub path: Path,
}

/// One value that templates can use.
#[derive(Debug)]
pub struct Variable {
    /// The name in templates.
    pub name: String,
    /// Who gives it.
    pub source: ValueSource,
    /// Form label.
    pub label: Option<String>,
    /// Page that shows where to find the value.
    pub help: Option<String>,
    /// Sample for the empty field.
    pub example: Option<String>,
    /// What the whole value must match.
    pub pattern: Option<Pattern>,
    /// The only values, each with its label.
    pub options: Vec<(String, String)>,
    /// What comes, with what it stands for; empty where a value stands for itself.
    pub map: Vec<(String, String)>,
    /// Used when left empty.
    pub default: Option<String>,
    /// May stay empty.
    pub optional: bool,
    /// Never shown again.
    pub secret: bool,
    pub(super) places: Places,
}

impl Variable {
    /// Whether its value is what the connector or a user writes, whoever has the browser that comes back, or a server
    /// that may be of their choice, and not one of a list of the file's.
    pub(super) fn is_free(&self) -> bool {
        !matches!(self.source, ValueSource::Variable(_)) && self.options.is_empty() && self.map.is_empty()
    }
}

/// Where the values of a variable end up, over all methods; decides how an entered value is cleaned and checked, and
/// whether it may be a reference to a secret.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "seven independent facts")]
pub(super) struct Places {
    /// In a host, or as an origin: lower-cased.
    pub(super) host: bool,
    /// Raw in a header: visible ASCII.
    pub(super) header: bool,
    /// In the user name of Basic: no colon.
    pub(super) user_name: bool,
    /// Anywhere but in a request body: at most 4 KiB, trimmed.
    pub(super) outside_body: bool,
    /// In a parameter of the address that the browser is sent to.
    pub(super) browser: bool,
    /// In calls to the API, checks and look-ups included.
    pub(super) calls: bool,
    /// In requests for tokens and about their end.
    pub(super) tokens: bool,
}

/// What a form asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "four independent facts")]
pub struct Field {
    /// The name of the variable.
    pub name: String,
    /// Form label.
    pub label: String,
    /// Page that shows where to find the value.
    pub help: Option<String>,
    /// Sample for the empty field.
    pub example: Option<String>,
    /// Text that the form shows before the field (`https://`).
    pub prefix: Option<String>,
    /// Text that the form shows behind the field (`.zendesk.com`).
    pub suffix: Option<String>,
    /// Whether it may not stay empty.
    pub required: bool,
    /// Whether it is masked and never shown again.
    pub secret: bool,
    /// Whether it has several lines, as a private key in PEM does.
    pub multiline: bool,
    /// Whether it is kept in lower case, as it goes into a host; the pattern is for that.
    pub lower: bool,
    /// What the whole value must match.
    pub pattern: Option<String>,
    /// The only values, as (label, value).
    pub options: Vec<(String, String)>,
    /// Used when left empty.
    pub default: Option<String>,
}

/// The text around `name` in the host of `base`, as a form shows it; `None` where the placeholder is not there.
pub(super) fn affixes(template: &UrlTemplate, name: &str) -> Option<(Option<String>, Option<String>)> {
    let source = template.source();
    let at = source.find(&format!("{{{name}}}"))?;
    let authority = source.find("://").map_or(0, |scheme| scheme + 3);
    let end = source[authority..].find(['/', '?']).map_or(source.len(), |end| end + authority);
    if at >= end {
        return None;
    }
    let before = &source[..at];
    let behind = &source[at + name.len() + 2..end];
    let shown = |text: &str| (!text.is_empty() && !text.contains('{')).then(|| text.to_owned());
    Some((shown(before), shown(behind)))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_label_is_what_its_pattern_says(value in "[a-zA-Z0-9-]{0,3}[a-z0-9_.-]{0,70}[a-z0-9-]{0,2}\\PC?") {
            let regex = Regex::new(&format!(r"\A(?:{LABEL})\z")).unwrap();
            prop_assert_eq!(is_label(&value), regex.is_match(&value), "{}", value);
        }
    }
}
