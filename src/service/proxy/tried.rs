//! A call that a member tries out: its answer is read whole, up to a limit, and shown without the values that the hub
//! put in, since nobody sees those in the dashboard.

use std::sync::Arc;
use std::time::Duration;

use http::StatusCode;
use http_body_util::BodyExt as _;
use secrecy::{ExposeSecret as _, SecretString};
use tokio::time::{Instant, timeout_at};
use zeroize::Zeroizing;

use super::{Call, Prepared, StreamBody};
use crate::domain::actor::Actor;
use crate::service::{Code, Error, Hub};

/// So many bytes of an answer are shown.
const MOST: usize = 256 * 1024;
/// An answer is read no longer than this.
const PATIENCE: Duration = Duration::from_secs(15);
/// Shorter values stand in many a text by chance.
const LEAST_HIDDEN: usize = 6;
/// Stands for a value that is not shown.
const HIDDEN: &str = "••••••";

/// The answer of an app, for a person to look at.
#[derive(Debug)]
pub struct Tried {
    /// Its status.
    pub status: StatusCode,
    /// Its headers, in order.
    pub headers: Vec<(String, String)>,
    /// Its body, as far as it was read.
    pub body: Vec<u8>,
    /// Whether there is more of it.
    pub cut: bool,
}

impl Hub {
    /// Calls an app as [`Hub::proxy_call`] does, for a person who looks at the answer, and who waits no longer than
    /// `patience` for all of it.
    ///
    /// # Errors
    /// Those of [`Hub::proxy_call`].
    pub async fn try_call(
        self: &Arc<Self>,
        actor: &Actor,
        call: Call,
        patience: Duration,
    ) -> Result<Tried, Error> {
        let until = Instant::now() + patience;
        let called = timeout_at(until, self.make_call(actor, call)).await;
        let (answer, prepared) = called.map_err(|_| given_up())??;
        let hidden = hidden(&prepared);
        let (parts, body) = answer.into_parts();
        let headers = parts.headers.iter().map(|(name, value)| {
            let value = without(value.as_bytes(), &hidden, false);
            (name.as_str().to_owned(), String::from_utf8_lossy(&value).into_owned())
        });
        let headers = headers.collect();
        let (body, cut) = read(body, until.min(Instant::now() + PATIENCE)).await;
        Ok(Tried { status: parts.status, headers, body: without(&body, &hidden, cut), cut })
    }
}

fn given_up() -> Error {
    let detail = "The app took too long to answer. It may have done what it was asked for.";
    Error::refused(Code::ProviderTimeout, detail)
}

/// The body up to the limit, as far as it comes until then, and whether it goes on.
async fn read(mut body: StreamBody, until: Instant) -> (Vec<u8>, bool) {
    let mut bytes = Vec::new();
    let whole = async {
        while bytes.len() <= MOST {
            match body.frame().await {
                Some(Ok(frame)) => bytes.extend(frame.data_ref().into_iter().flatten()),
                Some(Err(_)) => return false,
                None => return true,
            }
        }
        false
    };
    let whole = timeout_at(until, whole).await.unwrap_or(false);
    bytes.truncate(MOST);
    (bytes, !whole)
}

/// What the hub put into a call, as apps write it back: as it is, in JSON, in an address.
fn hidden(prepared: &Prepared) -> Vec<Zeroizing<String>> {
    let injected = prepared.allowed.headers.iter().filter_map(|(_, value)| value.to_str().ok());
    // Behind a scheme stands what matters.
    let injected = injected.flat_map(|value| [Some(value), value.split_once(' ').map(|(_, rest)| rest)]);
    let queries = prepared.allowed.query.iter().map(|(_, value)| value.expose_secret());
    let secrets = prepared.secrets.values().map(SecretString::expose_secret);
    let mut hidden = Vec::new();
    for value in injected.flatten().chain(queries).chain(secrets) {
        if value.len() < LEAST_HIDDEN {
            continue;
        }
        let json = Zeroizing::new(serde_json::to_string(value).unwrap_or_default());
        let encoded: String = url::form_urlencoded::byte_serialize(value.as_bytes()).collect();
        hidden.push(Zeroizing::new(value.to_owned()));
        hidden.push(Zeroizing::new(json.trim_matches('"').to_owned()));
        hidden.push(Zeroizing::new(encoded));
    }
    // The longest first: one may be part of another.
    hidden.sort_by_key(|value| std::cmp::Reverse(value.len()));
    hidden.dedup();
    hidden
}

/// `bytes` with a mark in the place of each of `hidden`. Where they are cut, an end that one of `hidden` begins with is
/// left out: the rest of it may stand behind the cut.
fn without(bytes: &[u8], hidden: &[Zeroizing<String>], cut: bool) -> Vec<u8> {
    let mut left = bytes;
    let mut shown = Vec::with_capacity(bytes.len());
    while let Some(first) = left.first() {
        if cut && hidden.iter().any(|value| value.len() > left.len() && value.as_bytes().starts_with(left)) {
            break;
        }
        if let Some(value) = hidden.iter().find(|value| left.starts_with(value.as_bytes())) {
            shown.extend_from_slice(HIDDEN.as_bytes());
            left = &left[value.len()..];
        } else {
            shown.push(*first);
            left = &left[1..];
        }
    }
    shown
}

#[cfg(test)]
mod tests {
    use http_body_util::Full;

    use super::*;

    #[test]
    fn what_was_put_in_is_not_shown_wherever_it_stands() {
        let hidden = ["Bearer abcdef".to_owned(), "abcdef".to_owned()].map(Zeroizing::new);
        let shown = |text: &str| String::from_utf8(without(text.as_bytes(), &hidden, false)).unwrap();
        assert_eq!(
            shown(r#"{"a":"Bearer abcdef","b":["abcdefabcdef"],"c":"abcde"}"#),
            r#"{"a":"••••••","b":["••••••••••••"],"c":"abcde"}"#
        );
        assert_eq!(shown(""), "");
        assert_eq!(shown("Bearer abcde"), "Bearer abcde", "it is whole, so nothing of it is missing");
    }

    #[tokio::test]
    async fn a_value_across_the_limit_is_not_shown_in_part() {
        let hidden = ["abcdef-and-more".to_owned(), "abcdef".to_owned()].map(Zeroizing::new);
        for (before_the_limit, value, end) in [
            (9, "abcdef-and-more", "xx"),
            (1, "abcdef-and-more", "xx"),
            (15, "abcdef-and-more", "x••••••"),
            (6, "abcdef!", "xx"),
            (7, "abcdef!", "x••••••!"),
        ] {
            let text = format!("{}{value} and so on", "x".repeat(MOST - before_the_limit));
            let body = Full::new(bytes::Bytes::from(text)).map_err(|never| match never {}).boxed_unsync();
            let (body, cut) = read(body, Instant::now() + PATIENCE).await;
            assert_eq!((body.len(), cut), (MOST, true));
            let shown = String::from_utf8(without(&body, &hidden, cut)).unwrap();
            assert!(shown.ends_with(&format!("x{end}")), "{before_the_limit} of {value}");
        }
    }
}
