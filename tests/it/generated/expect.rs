//! What a request must be, exactly, and where one differs.

use std::collections::BTreeMap;

use http::HeaderMap;
use serde_json::Value;
use url::form_urlencoded;

use super::raw::{Address, decoded};
use super::signature::Signature;
use super::signed::{self, JWT};

/// Any value will do, as long as there is one.
pub(super) const ANY: &str = "\0any";
/// In front of a challenge (RFC 7636): the value must be its verifier.
pub(super) const VERIFIER: &str = "\0verifier of ";

/// Headers that belong to the connection, or to nobody.
const FREE: [&str; 8] = [
    "host",
    "content-length",
    "transfer-encoding",
    "connection",
    "accept-encoding",
    "user-agent",
    "accept",
    "content-type",
];

/// A body.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Body {
    Empty,
    Form(Vec<(String, String)>),
    Json(Value),
}

/// A request that must come next.
#[derive(Clone, Debug)]
pub(super) struct Wanted {
    /// What it is, for whoever reads a failure.
    pub(super) step: &'static str,
    pub(super) method: &'static str,
    pub(super) address: Address,
    /// By name in lower case. One that isn't here must not be there.
    pub(super) headers: BTreeMap<String, String>,
    pub(super) body: Body,
    /// How it is signed, where it is.
    pub(super) signature: Option<Signature>,
}

/// A request that came.
pub(super) struct Seen {
    pub(super) method: String,
    /// From the TLS handshake.
    pub(super) server_name: String,
    pub(super) target: String,
    pub(super) headers: HeaderMap,
    pub(super) body: Vec<u8>,
}

/// An answer of the fake.
#[derive(Clone, Debug)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) kind: &'static str,
    pub(super) body: String,
    /// The connection ends in the middle of the body.
    pub(super) broken_off: bool,
    /// The body is sent as gzip, which nobody asked for.
    pub(super) compressed: bool,
}

impl Answer {
    /// JSON.
    pub(super) fn json(status: u16, body: &Value) -> Self {
        Self { kind: "application/json", ..Self::text(status, body.to_string()) }
    }

    /// Plain text.
    pub(super) fn text(status: u16, body: String) -> Self {
        Self { status, kind: "text/plain", body, broken_off: false, compressed: false }
    }

    /// The same, of which only the first half arrives.
    pub(super) fn cut(self) -> Self {
        Self { broken_off: true, ..self }
    }
}

impl Wanted {
    /// How a request differs; `None` where it doesn't.
    pub(super) fn differs(&self, seen: &Seen) -> Option<String> {
        let (path, query) = seen.target.split_once('?').unwrap_or((&seen.target, ""));
        let path = decoded(path);
        let host = seen.headers.get("host").and_then(|host| host.to_str().ok()).unwrap_or_default();
        let line = format!("{} https://{host}{path}", seen.method);
        let wanted = format!("{} https://{}{}", self.method, self.address.host, self.address.path);
        if line != wanted || seen.server_name != host {
            return Some(format!("is {line} (TLS: {}), not {wanted}", seen.server_name));
        }
        pairs_differ("query", &self.address.query, &pairs_of(query.as_bytes()))
            .or_else(|| self.headers_differ(&seen.headers))
            .or_else(|| self.body_differs(seen))
            .or_else(|| self.signature.as_ref().and_then(|signature| signature.differs(seen)))
    }

    fn headers_differ(&self, seen: &HeaderMap) -> Option<String> {
        for name in seen.keys() {
            if !FREE.contains(&name.as_str()) && !self.headers.contains_key(name.as_str()) {
                return Some(format!("has a header `{name}` that nothing asks for"));
            }
        }
        for (name, wanted) in &self.headers {
            let values: Vec<_> =
                seen.get_all(name).iter().map(|value| value.to_str().unwrap_or("?")).collect();
            if values.len() != 1 || !same(wanted, values[0]) {
                return Some(format!("has the header `{name}` as {values:?}, not {wanted:?}"));
            }
        }
        None
    }

    fn body_differs(&self, seen: &Seen) -> Option<String> {
        let kind = seen.headers.get("content-type").and_then(|kind| kind.to_str().ok()).unwrap_or_default();
        let is = |wanted: &str| (kind != wanted).then(|| format!("has a body of `{kind}`, not `{wanted}`"));
        match &self.body {
            Body::Empty => (!seen.body.is_empty()).then(|| "has a body where none belongs".to_owned()),
            Body::Form(wanted) => is("application/x-www-form-urlencoded")
                .or_else(|| pairs_differ("form", wanted, &pairs_of(&seen.body))),
            Body::Json(wanted) => is("application/json").or_else(|| {
                let found: Value = serde_json::from_slice(&seen.body).unwrap_or(Value::Null);
                json_differs("body", wanted, &found)
            }),
        }
    }
}

/// Pairs of a query or form, decoded.
pub(super) fn pairs_of(text: &[u8]) -> Vec<(String, String)> {
    form_urlencoded::parse(text).into_owned().collect()
}

/// How pairs differ, whatever their order.
pub(super) fn pairs_differ(
    what: &str,
    wanted: &[(String, String)],
    found: &[(String, String)],
) -> Option<String> {
    let mut rest: Vec<_> = found.iter().collect();
    for (name, value) in wanted {
        let Some(place) = rest.iter().position(|(other, found)| other == name && same(value, found)) else {
            let found: Vec<_> = found.iter().filter(|(other, _)| other == name).collect();
            return Some(format!("lacks `{name}={value}` in its {what}, where {found:?} stands"));
        };
        rest.remove(place);
    }
    rest.first().map(|(name, _)| format!("has `{name}` in its {what}, which nothing asks for"))
}

pub(super) fn json_differs(at: &str, wanted: &Value, found: &Value) -> Option<String> {
    match (wanted, found) {
        (Value::Object(wanted), Value::Object(found)) => {
            if let Some(name) = found.keys().find(|name| !wanted.contains_key(*name)) {
                return Some(format!("has `{name}` in its {at}, which nothing asks for"));
            }
            let missing = Value::Null;
            wanted.iter().find_map(|(name, value)| {
                json_differs(&format!("{at}.{name}"), value, found.get(name).unwrap_or(&missing))
            })
        }
        (Value::String(wanted), Value::String(found)) if same(wanted, found) => None,
        _ => (wanted != found).then(|| format!("has {found} at {at}, not {wanted}")),
    }
}

/// Whether a text is the one that is wanted.
pub(super) fn same(wanted: &str, found: &str) -> bool {
    if let Some((before, jwt)) = wanted.split_once(JWT) {
        return found.strip_prefix(before).is_some_and(|found| signed::same(jwt, found));
    }
    if let Some(challenge) = wanted.strip_prefix(VERIFIER) {
        use base64::Engine as _;
        use sha2::Digest as _;
        let hash = sha2::Sha256::digest(found.as_bytes());
        let long = (43..=128).contains(&found.len());
        return long && base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(hash) == challenge;
    }
    if wanted == ANY { !found.is_empty() } else { wanted == found }
}
