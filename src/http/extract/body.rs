//! Bodies: JSON of a known shape, at most 1 MiB.

use std::time::Duration;

use axum::body::Body;
use axum::extract::{FromRequest, Request};
use bytes::{Bytes, BytesMut};
use http::HeaderMap;
use http::header::CONTENT_TYPE;
use http_body_util::BodyExt as _;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::object::Object;
use crate::http::{HttpState, Problem};
use crate::service::Violation;
use crate::service::error::escape;
use crate::service::shape::violation;

const LIMIT: usize = 1024 * 1024;
/// So much more is read and thrown away, so that a caller who is still writing gets to read the refusal.
const DRAINED: usize = 8 * 1024 * 1024;
const DRAIN_TIME: Duration = Duration::from_secs(5);

/// A JSON body of the shape `T`. Mistakes are pointed at, unknown members are mistakes, values are never repeated.
pub(in crate::http) struct JsonBody<T>(pub(in crate::http) T);

/// No body, or an empty object.
pub(in crate::http) struct NoBody;

impl<T: DeserializeOwned> FromRequest<HttpState> for JsonBody<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &HttpState) -> Result<Self, Problem> {
        let (parts, body) = request.into_parts();
        // Where the answer has no time limit, what is sent has.
        let read = tokio::time::timeout(state.handler_timeout, read_body(body)).await;
        let body = read.unwrap_or_else(|_| Err(Problem::timeout()))?;
        let unsaid = body.is_empty() && !parts.headers.contains_key(CONTENT_TYPE);
        if !unsaid && !is_json(&parts.headers) {
            return Err(Problem::unsupported_media_type());
        }
        parse::<Object<T>>(&body).map(|Object(parsed)| Self(parsed))
    }
}

impl FromRequest<HttpState> for NoBody {
    type Rejection = Problem;

    async fn from_request(request: Request, _: &HttpState) -> Result<Self, Problem> {
        #[derive(serde::Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Nothing {}

        let (parts, body) = request.into_parts();
        let body = read_body(body).await?;
        if body.is_empty() {
            return Ok(Self);
        }
        if !is_json(&parts.headers) {
            return Err(Problem::unsupported_media_type());
        }
        parse::<Option<Object<Nothing>>>(&body).map(|_| Self)
    }
}

/// The whole body.
pub(in crate::http) async fn read_body(mut body: Body) -> Result<Bytes, Problem> {
    let mut read = BytesMut::new();
    while let Some(frame) = body.frame().await {
        let unreadable = |_| Problem::invalid_at("", "unreadable", "The body could not be read to its end.");
        let Ok(data) = frame.map_err(unreadable)?.into_data() else {
            continue;
        };
        if read.len() + data.len() > LIMIT {
            drain(body).await;
            return Err(Problem::body_too_large());
        }
        read.extend_from_slice(&data);
    }
    Ok(read.freeze())
}

async fn drain(mut body: Body) {
    let mut left = DRAINED;
    let reading = async {
        while let Some(Ok(frame)) = body.frame().await {
            left = left.saturating_sub(frame.data_ref().map_or(0, Bytes::len));
            if left == 0 {
                break;
            }
        }
    };
    // The refusal is sent whether or not the caller stopped writing by then.
    let _ = tokio::time::timeout(DRAIN_TIME, reading).await;
}

/// Whether the body is declared as `application/json` or `application/…+json`.
fn is_json(headers: &HeaderMap) -> bool {
    let Some(kind) = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()) else {
        return false;
    };
    let essence = kind.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    essence
        .strip_prefix("application/")
        .is_some_and(|subtype| subtype == "json" || subtype.ends_with("+json"))
}

/// Reads JSON of the shape `T`.
pub(in crate::http) fn parse<T: DeserializeOwned>(body: &[u8]) -> Result<T, Problem> {
    if body.iter().all(u8::is_ascii_whitespace) {
        return Err(Problem::invalid_at("", "required", "Send a JSON object as the body."));
    }
    refuse_nul(body)?;
    let mut deserializer = serde_json::Deserializer::from_slice(body);
    let parsed = serde_path_to_error::deserialize(&mut deserializer).map_err(|error| {
        let inner = error.inner();
        if inner.is_data() {
            Problem::invalid(vec![violation(error.path(), &inner.to_string())])
        } else {
            malformed(inner)
        }
    })?;
    deserializer.end().map_err(|error| malformed(&error))?;
    Ok(parsed)
}

fn malformed(error: &serde_json::Error) -> Problem {
    let message = format!("The body is not valid JSON (line {}, column {}).", error.line(), error.column());
    Problem::invalid_at("", "malformed_json", message)
}

/// PostgreSQL keeps no NUL in a text, so none is let in. It can only come as the escape `\u0000`.
fn refuse_nul(body: &[u8]) -> Result<(), Problem> {
    if !body.windows(6).any(|six| six == br"\u0000") {
        return Ok(());
    }
    // An escaped backslash may stand before `u0000`, and what is no JSON at all is refused after this.
    let Ok(value) = serde_json::from_slice::<Value>(body) else {
        return Ok(());
    };
    let mut found = Vec::new();
    find_nul(&value, String::new(), &mut found);
    if found.is_empty() { Ok(()) } else { Err(Problem::invalid(found)) }
}

fn find_nul(value: &Value, at: String, found: &mut Vec<Violation>) {
    let mut refuse = |at: String| {
        let message = "The character U+0000 is not allowed.";
        found.push(Violation::new(at, "invalid_characters", message));
    };
    match value {
        Value::String(text) if text.contains('\0') => refuse(at),
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                find_nul(item, format!("{at}/{index}"), found);
            }
        }
        Value::Object(members) => {
            if members.keys().any(|name| name.contains('\0')) {
                refuse(at.clone());
            }
            for (name, member) in members {
                find_nul(member, format!("{at}/{}", escape(name)), found);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use axum::response::IntoResponse as _;
    use http::{HeaderValue, StatusCode};

    use super::*;

    fn is_refused(body: &str) -> bool {
        parse::<Value>(body.as_bytes()).is_err()
    }

    #[test]
    fn nul_is_refused_wherever_it_stands_and_its_look_alike_is_not() {
        assert!(is_refused(r#"{"a":["\u0000"]}"#));
        assert!(is_refused(r#"{"a\u0000":1}"#));
        assert!(is_refused(r#"{"a":"\\\u0000"}"#));
        assert!(!is_refused(r#"{"a":"\\u0000"}"#));
        assert!(!is_refused(r#"{"a":"\u0001"}"#));
    }

    #[test]
    fn what_is_no_json_is_malformed() {
        for body in ["", " ", "{", "{} {}", "\u{feff}{}", r#"{"a":"\ud800"}"#, "nul"] {
            assert!(is_refused(body), "{body:?}");
        }
    }

    #[test]
    fn json_is_known_by_its_media_type() {
        let json = |kind: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(CONTENT_TYPE, HeaderValue::from_str(kind).unwrap());
            is_json(&headers)
        };
        for kind in ["application/json", "Application/JSON; charset=utf-8", "application/merge-patch+json"] {
            assert!(json(kind), "{kind}");
        }
        for kind in ["text/json", "application/jsonp", "application/x-www-form-urlencoded", "application"] {
            assert!(!json(kind), "{kind}");
        }
    }

    #[tokio::test]
    async fn a_body_has_at_most_a_mebibyte() {
        assert_eq!(read_body(Body::from(vec![b' '; LIMIT])).await.unwrap().len(), LIMIT);
        let refused = read_body(Body::from(vec![b' '; LIMIT + 1])).await.unwrap_err();
        assert_eq!(refused.into_response().status(), StatusCode::PAYLOAD_TOO_LARGE);
    }
}
