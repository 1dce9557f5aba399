//! What came of a call, as the page shows it.

use std::fmt::Write as _;

use serde::Serialize;
use serde::de::IgnoredAny;

use crate::http::Problem;
use crate::service::Error;
use crate::service::proxy::Tried;

/// What came of a call.
#[derive(Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub(super) enum Outcome {
    /// The app answered.
    Answered(Shown),
    /// The hub did not make the call, or had no answer.
    Refused {
        /// Its code.
        code: &'static str,
        /// What happened and what to do.
        detail: String,
    },
}

/// An answer.
#[derive(Serialize)]
pub(super) struct Shown {
    status: u16,
    reason: &'static str,
    mark: &'static str,
    millis: i64,
    headers: Vec<(String, String)>,
    /// The body as text; none where it is none.
    text: Option<String>,
    /// What is to be said of the body.
    note: String,
}

impl Outcome {
    /// An answer that took so many milliseconds.
    pub(super) fn answered(tried: Tried, millis: i64) -> Self {
        let Tried { status, headers, body, cut } = tried;
        let size = sized(body.len());
        let text = String::from_utf8(body).ok().filter(|text| !text.contains('\0'));
        let note = match (&text, cut) {
            (Some(text), false) if text.is_empty() => "The answer has no body.".to_owned(),
            (Some(_), false) => size,
            (Some(_), true) => format!("The first {size}"),
            (None, _) => format!("{size} that are no text"),
        };
        let mark = match status.as_u16() {
            200..=299 => "good",
            400..=499 => "warning",
            500..=599 => "danger",
            _ => "neutral",
        };
        Self::Answered(Shown {
            status: status.as_u16(),
            reason: status.canonical_reason().unwrap_or_default(),
            mark,
            millis,
            headers,
            text: text.map(|text| laid_out(&text).unwrap_or(text)).filter(|text| !text.is_empty()),
            note,
        })
    }

    /// Why there is no answer.
    pub(super) fn refused(error: Error) -> Self {
        let message = match &error {
            Error::NotFound => {
                Some("There is no such user, credential, connector or integration.".to_owned())
            }
            Error::Invalid(violations) => {
                let said: Vec<_> = violations.iter().map(|violation| violation.message.as_str()).collect();
                Some(said.join(" "))
            }
            Error::Refused { .. } | Error::Store(_) | Error::Internal(_) => None,
        };
        let problem = Problem::from(error);
        Self::Refused { code: problem.code(), detail: message.unwrap_or_else(|| problem.detail().to_owned()) }
    }
}

fn sized(bytes: usize) -> String {
    match bytes {
        1 => "1 byte".to_owned(),
        0..=2_047 => format!("{bytes} bytes"),
        _ => format!("{} KiB", bytes / 1_024),
    }
}

/// JSON on lines of its own, with its members in their order and its numbers with their digits; none for other texts.
fn laid_out(text: &str) -> Option<String> {
    serde_json::from_str::<IgnoredAny>(text).ok()?;
    let mut laid = String::with_capacity(text.len() * 2);
    let (mut depth, mut quoted, mut escaped, mut empty) = (0_usize, false, false, false);
    for letter in text.chars() {
        if quoted {
            laid.push(letter);
            quoted = escaped || letter != '"';
            escaped = letter == '\\' && !escaped;
            continue;
        }
        if letter.is_whitespace() {
            continue;
        }
        match letter {
            '}' | ']' => {
                depth = depth.saturating_sub(1);
                if !empty {
                    line(&mut laid, depth);
                }
            }
            _ if empty => line(&mut laid, depth),
            _ => {}
        }
        empty = false;
        laid.push(letter);
        match letter {
            '{' | '[' => {
                depth += 1;
                empty = true;
            }
            ',' => line(&mut laid, depth),
            ':' => laid.push(' '),
            '"' => quoted = true,
            _ => {}
        }
    }
    Some(laid)
}

fn line(laid: &mut String, depth: usize) {
    // Deep nesting would be mostly space.
    let _ = write!(laid, "\n{:width$}", "", width = 2 * depth.min(30));
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::Value;

    use super::*;

    #[test]
    fn json_is_laid_out_and_says_the_same() {
        let laid = |text| laid_out(text).unwrap();
        assert_eq!(
            laid(r#"{"b":[1.0e9,{}],"a":"x, {\"y\"}\\"}"#),
            "{\n  \"b\": [\n    1.0e9,\n    {}\n  ],\n  \"a\": \"x, {\\\"y\\\"}\\\\\"\n}"
        );
        assert_eq!([laid("[ ]"), laid("7"), laid("\"\"")], ["[]", "7", "\"\""]);
        assert_eq!(laid_out("plain"), None);
    }

    proptest! {
        #[test]
        fn whatever_is_laid_out_reads_the_same(texts in prop::collection::vec("\\PC{0,6}", 0..4), n in any::<i64>()) {
            let value = serde_json::json!({"a": texts, "b": {"c": n, "d": []}, "e": [[{}]]});
            let laid = laid_out(&value.to_string()).unwrap();
            prop_assert_eq!(serde_json::from_str::<Value>(&laid).unwrap(), value);
        }
    }
}
