//! Values taken from answers: the token response, the callback, the check and look-ups.

use secrecy::SecretString;
use serde_json::Value;
use vouchsafe_entity::kind::Method;

use super::Definition;
use crate::provider::template::MAX_HEADER;
use crate::provider::variable::{Pattern, ValueSource, Variable};

/// An answer that values are captured from.
#[derive(Clone, Copy)]
pub enum Captured<'a> {
    /// The token response.
    Token(&'a Value),
    /// The parameters of the callback, in order.
    Callback(&'a [(String, String)]),
    /// The answer of the check.
    Check(&'a Value),
}

/// Why a value could not be captured. Names the variable, never its value.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CaptureError {
    /// Not in the answer.
    #[error("the answer has no value for `{0}`")]
    Missing(String),
    /// In the answer, but not what the definition lets through.
    #[error("the answer has a value for `{0}` that the definition does not accept")]
    Refused(String),
}

impl Definition {
    /// The values that `method` takes from an answer, each checked against its pattern.
    pub fn captures(
        &self,
        method: Method,
        answer: Captured<'_>,
    ) -> Result<Vec<(String, SecretString)>, CaptureError> {
        let mut captured = Vec::new();
        for variable in self.variables_of(method) {
            let found = match (&variable.source, answer) {
                (ValueSource::Token(path), Captured::Token(value))
                | (ValueSource::Check(path), Captured::Check(value)) => path.text(value),
                (ValueSource::Callback(name), Captured::Callback(pairs)) => {
                    pairs.iter().find(|(other, _)| other == name).map(|(_, value)| value.clone())
                }
                _ => continue,
            };
            if let Some(value) = variable.accept(found)? {
                captured.push((variable.name.clone(), value));
            }
        }
        Ok(captured)
    }

    /// The value of a looked-up variable in the answer to its request.
    pub fn lookup_value(
        &self,
        variable: &Variable,
        answer: &Value,
    ) -> Result<Option<SecretString>, CaptureError> {
        let found = match &variable.source {
            ValueSource::Lookup(lookup) => lookup.path.text(answer),
            _ => None,
        };
        variable.accept(found)
    }
}

impl Variable {
    fn accept(&self, found: Option<String>) -> Result<Option<SecretString>, CaptureError> {
        let Some(mut value) = found.filter(|value| !value.is_empty()) else {
            return match (&self.default, self.optional) {
                (Some(default), _) => Ok(Some(default.as_str().into())),
                (None, true) => Ok(None),
                (None, false) => Err(CaptureError::Missing(self.name.clone())),
            };
        };
        if !self.map.is_empty() {
            let known = self.map.iter().find(|(word, _)| *word == value);
            let (_, meant) = known.ok_or_else(|| CaptureError::Refused(self.name.clone()))?;
            value.clone_from(meant);
        }
        if self.places.host {
            value.truncate(value.trim_end_matches('/').len());
            value.make_ascii_lowercase();
        }
        let fits = value.len() <= MAX_HEADER && !value.contains(char::is_control) && self.allows(&value);
        if fits { Ok(Some(value.into())) } else { Err(CaptureError::Refused(self.name.clone())) }
    }

    /// Whether a value satisfies options or pattern.
    pub(in crate::provider) fn allows(&self, value: &str) -> bool {
        self.lists(value) && self.pattern.as_ref().is_none_or(|pattern| pattern.matches(value))
    }

    /// The same of a sample in the file. The compiled pattern is not kept: few are ever needed again.
    pub(in crate::provider) fn allows_sample(&self, value: &str) -> bool {
        let fits = |pattern: &Pattern| Pattern::new(pattern.source()).matches(value);
        self.lists(value) && self.pattern.as_ref().is_none_or(fits)
    }

    fn lists(&self, value: &str) -> bool {
        self.options.is_empty() || self.options.iter().any(|(_, option)| option == value)
    }
}
