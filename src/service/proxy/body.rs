//! The caller's body: streamed, or kept where it is small enough to be sent again, or read whole where the references
//! in it are to be resolved.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use futures_util::stream;
use http::HeaderMap;
use http::header::{CONTENT_ENCODING, CONTENT_LENGTH};
use http_body_util::{BodyExt as _, Full, StreamBody as Frames};
use hyper::body::{Body as _, Frame};
use serde::de::IgnoredAny;

use super::{dynamic_text, media_type, query};
use crate::egress::{BodyError, StreamBody, StreamError};
use crate::service::references::OpenSecrets;
use crate::service::{Code, Error};
use crate::signing::Content;

/// A body of a known length up to this is kept, so that the call can be made again.
const KEPT: u64 = 64 * 1024;
/// A body whose references are resolved has at most so many bytes.
const RESOLVED: usize = 1024 * 1024;
/// A body that is signed as a whole has at most so many bytes.
const SIGNED: usize = 8 * 1024 * 1024;
/// A caller may pause so long.
const PAUSE: Duration = Duration::from_mins(1);
/// The word of a body whose sender is gone.
const CUT_OFF: &str = "cut_off";

/// A body, and whether it can be sent again.
pub(super) enum Payload {
    /// At hand.
    Whole(Whole),
    /// At hand, with references to resolve.
    Dynamic(Whole, Shape),
    /// On its way; none once it was sent.
    Streamed(Option<StreamBody>),
}

/// A body that was read to its end, with the trailers behind it.
#[derive(Clone, Default)]
pub(super) struct Whole {
    bytes: Bytes,
    trailers: Option<HeaderMap>,
}

/// How a body with references is written.
#[derive(Clone, Copy)]
pub(super) enum Shape {
    Json,
    Form,
}

impl Payload {
    /// Takes the caller's body; one that is to be resolved is read whole.
    pub(super) async fn of(body: StreamBody, headers: &HeaderMap, resolve: bool) -> Result<Self, Error> {
        if body.is_end_stream() {
            return Ok(Self::Whole(Whole::default()));
        }
        if resolve {
            let shape = shape_of(headers)?;
            let whole = read(body, RESOLVED).await?;
            let text = std::str::from_utf8(&whole.bytes).map_err(|_| malformed())?;
            if matches!(shape, Shape::Json) {
                serde_json::from_str::<IgnoredAny>(text).map_err(|_| malformed())?;
            }
            return Ok(if dynamic_text(text) { Self::Dynamic(whole, shape) } else { Self::Whole(whole) });
        }
        let length = headers.get(CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse::<u64>().ok());
        match length {
            Some(length) if length <= KEPT => Ok(Self::Whole(read(body, RESOLVED).await?)),
            _ => Ok(Self::Streamed(Some(body))),
        }
    }

    /// The same with all of it read, for those who sign it.
    pub(super) async fn at_hand(self) -> Result<Self, Error> {
        match self {
            Self::Streamed(Some(body)) => Ok(Self::Whole(read(body, SIGNED).await?)),
            there => Ok(there),
        }
    }

    /// What is known of the body before it is sent.
    pub(super) fn content(&self) -> Content<'_> {
        match self {
            Self::Whole(whole) | Self::Dynamic(whole, _) => Content::Whole(&whole.bytes),
            Self::Streamed(_) => Content::Streamed,
        }
    }

    /// The texts with references or escapes in them.
    pub(super) fn dynamic(&self) -> Vec<String> {
        match self {
            Self::Dynamic(whole, Shape::Form) => query::dynamic(whole.text()).collect(),
            Self::Dynamic(whole, Shape::Json) => {
                strings(whole.text()).into_iter().map(|(_, value)| value).collect()
            }
            Self::Whole(_) | Self::Streamed(_) => Vec::new(),
        }
    }

    /// Replaces the references, encoded as data; true where the length may have changed.
    pub(super) fn resolve(&mut self, secrets: &OpenSecrets) -> Result<bool, Error> {
        let Self::Dynamic(whole, shape) = self else {
            return Ok(false);
        };
        let written = match shape {
            Shape::Form => query::resolve(whole.text(), secrets)?,
            Shape::Json => resolved_json(whole.text(), secrets)?,
        };
        *self = Self::Whole(Whole { bytes: Bytes::from(written), trailers: whole.trailers.take() });
        Ok(true)
    }

    /// Whether trailers are known to come behind it: then HTTP/1.1 must send it in chunks.
    pub(super) fn has_trailers(&self) -> bool {
        match self {
            Self::Whole(whole) | Self::Dynamic(whole, _) => whole.trailers.is_some(),
            Self::Streamed(_) => false,
        }
    }

    /// The body to send; none where it was sent already and can't be again.
    pub(super) fn take(&mut self) -> Option<StreamBody> {
        match self {
            Self::Whole(whole) | Self::Dynamic(whole, _) => Some(whole.clone().into_stream()),
            Self::Streamed(body) => body.take(),
        }
    }

    /// Whether it can still be sent.
    pub(super) fn is_at_hand(&self) -> bool {
        !matches!(self, Self::Streamed(None))
    }
}

impl Whole {
    fn into_stream(self) -> StreamBody {
        let Some(trailers) = self.trailers else {
            return Full::new(self.bytes).map_err(|never| match never {}).boxed_unsync();
        };
        // Of no known length: what has one ends with it.
        let frames = [Ok::<_, BodyError>(Frame::data(self.bytes)), Ok(Frame::trailers(trailers))];
        Frames::new(stream::iter(frames)).boxed_unsync()
    }

    /// Checked to be UTF-8 when it was taken.
    fn text(&self) -> &str {
        std::str::from_utf8(&self.bytes).unwrap_or_default()
    }
}

fn shape_of(headers: &HeaderMap) -> Result<Shape, Error> {
    let kind = media_type(headers);
    let json =
        kind.strip_prefix("application/").is_some_and(|kind| kind == "json" || kind.ends_with("+json"));
    if headers.contains_key(CONTENT_ENCODING) {
        let detail = "References are resolved in bodies that are not compressed.";
        return Err(Error::refused(Code::UnsupportedMediaType, detail));
    }
    match kind.as_str() {
        _ if json => Ok(Shape::Json),
        "application/x-www-form-urlencoded" => Ok(Shape::Form),
        _ => Err(Error::refused(
            Code::UnsupportedMediaType,
            "References are resolved in JSON and form bodies alone; leave Vouchsafe-Resolve out for others.",
        )),
    }
}

fn malformed() -> Error {
    Error::invalid(
        "",
        "malformed_body",
        "The body is not what its media type says, so nothing can be resolved.",
    )
}

/// The refusal of a body that is malformed or pauses for too long.
pub(super) fn unreadable() -> Error {
    Error::invalid("", "unreadable", "The body could not be read to its end.")
}

/// That of a body whose sender is gone. Who has shut down one side alone can still read it.
pub(super) fn cut_off() -> Error {
    Error::invalid("", CUT_OFF, "The body ended too soon.")
}

/// Whether this is [`cut_off`].
pub(super) fn is_cut_off(error: &Error) -> bool {
    matches!(error, Error::Invalid(violations) if violations.iter().any(|violation| violation.code == CUT_OFF))
}

fn broken(error: &BodyError) -> Error {
    if StreamError::of_body(&**error) == StreamError::HungUp { cut_off() } else { unreadable() }
}

async fn read(mut body: StreamBody, most: usize) -> Result<Whole, Error> {
    let (mut bytes, mut trailers) = (BytesMut::new(), None);
    loop {
        let next = tokio::time::timeout(PAUSE, body.frame());
        let Some(frame) = next.await.map_err(|_| unreadable())? else {
            return Ok(Whole { bytes: bytes.freeze(), trailers });
        };
        let data = match frame.map_err(|error| broken(&error))?.into_data() {
            Ok(data) => data,
            Err(other) => {
                trailers = other.into_trailers().ok();
                continue;
            }
        };
        if bytes.len() + data.len() > most {
            let most = most / (1024 * 1024);
            let detail = format!("A body that the hub must read before it is sent has at most {most} MiB.");
            return Err(Error::refused(Code::BodyTooLarge, detail));
        }
        bytes.extend_from_slice(&data);
    }
}

/// The string values in valid JSON that hold references, each with its place, quotation marks included. Names of
/// members are none.
fn strings(json: &str) -> Vec<(std::ops::Range<usize>, String)> {
    let bytes = json.as_bytes();
    let mut found = Vec::new();
    let mut at = 0;
    while at < bytes.len() {
        if bytes[at] != b'"' {
            at += 1;
            continue;
        }
        let start = at;
        at += 1;
        while at < bytes.len() && bytes[at] != b'"' {
            at += if bytes[at] == b'\\' { 2 } else { 1 };
        }
        at = (at + 1).min(bytes.len());
        let literal = &json[start..at];
        let is_name = json[at..].trim_start().starts_with(':');
        // A dollar may be written as `\u0024`.
        if !is_name
            && literal.contains(['$', '\\'])
            && let Ok(value) = serde_json::from_str::<String>(literal)
            && dynamic_text(&value)
        {
            found.push((start..at, value));
        }
    }
    found
}

/// Everything but the strings with references stays byte for byte: numbers keep their digits.
fn resolved_json(json: &str, secrets: &OpenSecrets) -> Result<String, Error> {
    let mut written = String::with_capacity(json.len() + 256);
    let mut from = 0;
    for (place, value) in strings(json) {
        written.push_str(&json[from..place.start]);
        let value = secrets.fill(&value)?;
        let literal = serde_json::to_string(value.as_str()).map_err(|_| malformed())?;
        written.push_str(&literal);
        from = place.end;
    }
    written.push_str(&json[from..]);
    Ok(written)
}

#[cfg(test)]
mod tests {
    use http::{HeaderName, HeaderValue};
    use proptest::prelude::*;
    use serde_json::Value;

    use super::*;

    #[test]
    fn references_are_found_in_values_alone_and_in_every_writing() {
        let found = |json: &str| strings(json).into_iter().map(|(_, value)| value).collect::<Vec<_>>();
        assert_eq!(found(r#"{"$Secret{A}": "$Secret{B}"}"#), ["$Secret{B}"]);
        assert_eq!(found(r#"{"a" : ["x $Token{B}", 1, "\u0024Secret{C}"]}"#), ["x $Token{B}", "$Secret{C}"]);
        assert_eq!(found(r#""$$Secret{B} \" $Secret{C}""#), ["$$Secret{B} \" $Secret{C}"]);
        assert_eq!(found(r#"{"a": "\\", "b\"": "c"}"#), [""; 0]);
    }

    #[test]
    fn what_has_no_reference_stays_byte_for_byte() {
        let json = "{ \"n\": 1.0e400, \"big\": 12345678901234567890123,\n \"a\": \"$$Secret{K}\" }";
        let written = resolved_json(json, &OpenSecrets::default()).unwrap();
        assert_eq!(written, json.replace("$$Secret", "$Secret"));
    }

    #[tokio::test]
    async fn trailers_stay_behind_a_body_that_is_kept() {
        let sum: HeaderMap =
            [(HeaderName::from_static("x-sum"), HeaderValue::from_static("7"))].into_iter().collect();
        let frames =
            [Ok::<_, BodyError>(Frame::data(Bytes::from_static(b"ab"))), Ok(Frame::trailers(sum.clone()))];
        let body = Frames::new(stream::iter(frames)).boxed_unsync();
        let headers = [(CONTENT_LENGTH, HeaderValue::from_static("2"))].into_iter().collect();
        let mut payload = Payload::of(body, &headers, false).await.unwrap();
        assert!(payload.is_at_hand() && payload.has_trailers());
        for _ in 0..2 {
            let sent = payload.take().unwrap();
            assert_eq!(sent.size_hint().exact(), None, "HTTP/1.1 has no trailers behind a length");
            let sent = sent.collect().await.unwrap();
            assert_eq!(sent.trailers(), Some(&sum));
            assert_eq!(sent.to_bytes(), "ab");
        }
    }

    fn json() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<i64>().prop_map(Value::from),
            "[a-z\"\\\\$ é\\n]{0,8}".prop_map(Value::from),
            Just(Value::from("$$Secret{K}")),
        ];
        leaf.prop_recursive(3, 24, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                prop::collection::btree_map("[a-z\"\\\\$:]{0,4}", inner, 0..4)
                    .prop_map(|members| Value::Object(members.into_iter().collect())),
            ]
        })
    }

    fn unescaped(value: &Value) -> Value {
        match value {
            Value::String(text) => Value::from(text.replace("$$Secret{", "$Secret{")),
            Value::Array(items) => items.iter().map(unescaped).collect(),
            Value::Object(members) => {
                Value::Object(members.iter().map(|(name, value)| (name.clone(), unescaped(value))).collect())
            }
            other => other.clone(),
        }
    }

    proptest! {
        #[test]
        fn a_resolved_body_is_the_same_json(value in json(), pretty in any::<bool>()) {
            let text = if pretty { serde_json::to_string_pretty(&value) } else { serde_json::to_string(&value) };
            let written = resolved_json(&text.unwrap(), &OpenSecrets::default()).unwrap();
            prop_assert_eq!(serde_json::from_str::<Value>(&written).unwrap(), unescaped(&value));
        }
    }
}
