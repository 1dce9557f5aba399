//! Why a token request failed, in the classes of `refresh.md`, section 6. Nothing here holds a URL or a secret, and
//! what the provider said is bounded before it is kept.

use std::{collections::BTreeMap, fmt, time::Duration};

use secrecy::{ExposeSecret, SecretString};
use vouchsafe_entity::kind::FailClass;

use crate::{egress::EgressError, provider::RenderError};

const MAX_CODE: usize = 64;
const MAX_DESCRIPTION: usize = 300;
const MAX_RETRY_AFTER: Duration = Duration::from_hours(1);
/// Shorter values would match ordinary words.
const MIN_SECRET: usize = 6;

/// A failed token request.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct TokenError {
    /// The class that decides what happens next.
    pub class: FailClass,
    /// The provider's error code: `[a-z0-9_.-]`, at most 64 characters.
    pub code: Option<String>,
    /// What the provider said: at most 300 characters, no control characters, no HTML, nothing that we sent secretly.
    pub description: Option<String>,
    /// The status of the answer, if one came.
    pub status: Option<u16>,
    /// How long the provider asks to wait, at most an hour.
    pub retry_after: Option<Duration>,
    /// What went wrong on our side, when no answer says it.
    #[source]
    pub cause: Option<Cause>,
}

/// Why there is no answer to read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Cause {
    /// The request did not leave, or its answer did not arrive whole.
    #[error(transparent)]
    Egress(EgressError),
    /// Definition and values make no request.
    #[error(transparent)]
    Render(RenderError),
}

impl fmt::Display for TokenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "token request failed: {}", self.class)?;
        if let Some(status) = self.status {
            write!(f, ", status {status}")?;
        }
        self.code.as_deref().map_or(Ok(()), |code| write!(f, ", code {code}"))
    }
}

impl TokenError {
    pub(super) fn of(class: FailClass) -> Self {
        Self { class, code: None, description: None, status: None, retry_after: None, cause: None }
    }

    /// G: the request could not be built from definition and values.
    pub fn local() -> Self {
        Self::of(FailClass::Local)
    }

    pub(super) fn with_status(self, status: u16) -> Self {
        Self { status: Some(status), ..self }
    }

    pub(super) fn with_retry_after(self, wait: Option<Duration>) -> Self {
        Self { retry_after: wait.map(|wait| wait.min(MAX_RETRY_AFTER)), ..self }
    }
}

impl From<RenderError> for TokenError {
    fn from(error: RenderError) -> Self {
        Self { cause: Some(Cause::Render(error)), ..Self::local() }
    }
}

impl From<EgressError> for TokenError {
    fn from(error: EgressError) -> Self {
        let told = match &error {
            EgressError::NotSent(_) => Self::of(FailClass::NotSent),
            EgressError::Ambiguous { head: None, .. } => Self::of(FailClass::Ambiguous),
            EgressError::Ambiguous { head: Some(head), .. } => {
                // The status alone tells only "slow down"; everything else needs the body that did not come.
                let status = head.status.as_u16();
                let throttled = by_status(status, head.retry_after) == Some(FailClass::Throttled);
                let class = if throttled { FailClass::Throttled } else { FailClass::Ambiguous };
                Self::of(class).with_status(status).with_retry_after(head.retry_after)
            }
        };
        Self { cause: Some(Cause::Egress(error)), ..told }
    }
}

/// The class of statuses whose body does not matter.
pub(super) fn by_status(status: u16, retry_after: Option<Duration>) -> Option<FailClass> {
    match status {
        429 => Some(FailClass::Throttled),
        503 if retry_after.is_some() => Some(FailClass::Throttled),
        408 | 425 | 500.. => Some(FailClass::Ambiguous),
        _ => None,
    }
}

/// The class of an error code. A refusal counts only with a status that means one.
pub(super) fn by_code(code: &str, status: u16, map: &BTreeMap<String, FailClass>) -> FailClass {
    let class = map.get(code).copied().unwrap_or_else(|| match code.to_ascii_lowercase().as_str() {
        "invalid_grant" => FailClass::Refused,
        "invalid_client" | "unauthorized_client" | "unsupported_grant_type" | "invalid_scope" => {
            FailClass::Client
        }
        _ => FailClass::Other,
    });
    let refusal = matches!(class, FailClass::Refused | FailClass::Revoked);
    if refusal && !matches!(status, 200..=299 | 400 | 401 | 403) { FailClass::Other } else { class }
}

/// A code fit for logs and columns.
pub(super) fn tidy_code(code: &str, secrets: &[SecretString]) -> Option<String> {
    if code.is_empty() || mentions(code, secrets) {
        return None;
    }
    let keep = |c: char| {
        if c.is_ascii_alphanumeric() || "_.-".contains(c) { c.to_ascii_lowercase() } else { '_' }
    };
    let code: String = code.chars().take(MAX_CODE).map(keep).collect();
    // What was put into other letters may have become one.
    (!mentions(&code, secrets)).then_some(code)
}

/// A description fit for people, or nothing when it is markup or repeats a secret.
pub(super) fn tidy_description(text: &str, secrets: &[SecretString]) -> Option<String> {
    if text.contains(['<', '>']) || mentions(text, secrets) {
        return None;
    }
    let hidden = |c: &char| {
        c.is_control()
            || matches!(c, '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
    };
    let text: String = text.chars().filter(|c| !hidden(c)).take(MAX_DESCRIPTION).collect();
    let text = text.trim();
    // What was taken out may have stood in the midst of one.
    (!text.is_empty() && !mentions(text, secrets)).then(|| text.to_owned())
}

fn mentions(text: &str, secrets: &[SecretString]) -> bool {
    secrets
        .iter()
        .map(ExposeSecret::expose_secret)
        .any(|secret| secret.len() >= MIN_SECRET && text.contains(secret))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_and_descriptions_are_bounded_and_clean() {
        let secrets = [SecretString::from("rt-canary")];
        assert_eq!(tidy_code("invalid_grant", &secrets).as_deref(), Some("invalid_grant"));
        assert_eq!(tidy_code("Bad Token!\n", &secrets).as_deref(), Some("bad_token__"));
        assert_eq!(tidy_code(&"x".repeat(500), &secrets).map(|code| code.len()), Some(64));
        assert_eq!(tidy_code("rt-canary", &secrets), None);
        assert_eq!(tidy_code("RT-Canary", &secrets), None);
        assert_eq!(tidy_code("", &secrets), None);
        let tidy = |text: &str| tidy_description(text, &secrets);
        assert_eq!(tidy("a\u{7}b\r\n\u{202e}c ").as_deref(), Some("abc"));
        assert_eq!(tidy(&"é".repeat(500)).map(|text| text.chars().count()), Some(300));
        assert_eq!(tidy("<b>no</b>"), None);
        assert_eq!(tidy("token rt-canary is spent"), None);
        assert_eq!(tidy("token rt-\u{200b}canary is spent"), None);
        assert_eq!(tidy(" \n"), None);
    }

    #[test]
    fn a_refusal_needs_a_status_that_means_one() {
        let map = BTreeMap::from([
            ("gone".to_owned(), FailClass::Revoked),
            ("invalid_scope".to_owned(), FailClass::Ambiguous),
        ]);
        for (code, status, class) in [
            ("invalid_grant", 400, FailClass::Refused),
            ("INVALID_GRANT", 200, FailClass::Refused),
            ("invalid_grant", 404, FailClass::Other),
            ("gone", 403, FailClass::Revoked),
            ("gone", 422, FailClass::Other),
            ("invalid_client", 401, FailClass::Client),
            ("unauthorized_client", 422, FailClass::Client),
            ("unsupported_grant_type", 400, FailClass::Client),
            ("invalid_scope", 400, FailClass::Ambiguous),
            ("invalid_request", 400, FailClass::Other),
        ] {
            assert_eq!(by_code(code, status, &map), class, "{code} {status}");
        }
    }
}
