//! Which headers and trailers go on and which end here, in both directions. `_` and `-` are one in names, since some
//! servers take them for one.

use std::borrow::Cow;

use http::header::{CONNECTION, HeaderMap, HeaderName, HeaderValue, TE, USER_AGENT};

use super::dynamic_text;
use crate::provider::MAX_HEADER;
use crate::service::Error;
use crate::service::references::OpenSecrets;

/// How the hub names itself where the caller does not.
const AGENT: HeaderValue = HeaderValue::from_static(concat!("vouchsafe/", env!("CARGO_PKG_VERSION")));

/// They concern one connection (RFC 9110, section 7.6.1). `Trailer` is not among them: it announces what comes at the
/// end of a body that is passed on.
const HOP_BY_HOP: &[&str] = &[
    "connection",
    "http2-settings",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authentication-info",
    "proxy-authorization",
    "proxy-connection",
    "te",
    "transfer-encoding",
    "upgrade",
];

/// What a caller can't send to an app: the hub's own, who the caller is, and where it came from.
const NOT_SENT: &[&str] =
    &["authorization", "cookie", "cookie2", "expect", "forwarded", "host", "via", "x-real-ip"];

/// What an app can't say to whoever looks at the hub's origin.
const NOT_ANSWERED: &[&str] = &[
    "alt-svc",
    "clear-site-data",
    "content-security-policy",
    "content-security-policy-report-only",
    "nel",
    "origin-agent-cluster",
    "report-to",
    "reporting-endpoints",
    "service-worker-allowed",
    "set-cookie",
    "set-cookie2",
    "strict-transport-security",
    "x-content-type-options",
];

/// How a body is read is said before it, and nothing behind it says otherwise (RFC 9110, section 6.5.1).
const BEFORE_BODIES: &[&str] = &["content-encoding", "content-length", "content-range", "content-type"];

/// The name as servers may read it.
fn canonical(name: &HeaderName) -> Cow<'_, str> {
    let name = name.as_str();
    if name.contains('_') { name.replace('_', "-").into() } else { name.into() }
}

/// The names that `Connection` adds to those of one connection.
fn named_by_connection(headers: &HeaderMap) -> Vec<String> {
    let lines = headers.get_all(CONNECTION).iter().filter_map(|value| value.to_str().ok());
    lines
        .flat_map(|line| line.split(','))
        .map(|name| name.trim().to_ascii_lowercase().replace('_', "-"))
        .collect()
}

/// What ends here of one message, among its headers and in the trailers behind its body alike.
pub(super) struct Filter {
    /// What ends here in this message, as servers may read it.
    own: Vec<String>,
    /// What ends here in all of this direction.
    always: fn(&str) -> bool,
}

impl Filter {
    /// For what a caller sends with these headers: none of one connection, none of the hub's, none that is `injected`.
    pub(super) fn of_caller(headers: &HeaderMap, injected: &[&HeaderName]) -> Self {
        let mut own = named_by_connection(headers);
        own.extend(injected.iter().map(|name| canonical(name).into_owned()));
        let always = |word: &str| {
            NOT_SENT.contains(&word)
                || word.starts_with("vouchsafe-")
                || word.starts_with("proxy-")
                || word.starts_with("x-forwarded-")
        };
        Self { own, always }
    }

    /// For what an app answers with these headers.
    pub(super) fn of_app(headers: &HeaderMap) -> Self {
        let always = |word: &str| {
            NOT_ANSWERED.contains(&word)
                || word.starts_with("vouchsafe-")
                || word.starts_with("access-control-")
        };
        Self { own: named_by_connection(headers), always }
    }

    /// Those that go on.
    pub(super) fn kept(&self, fields: &HeaderMap) -> HeaderMap {
        let mut kept = HeaderMap::with_capacity(fields.len() + 2);
        for (name, value) in fields {
            let canonical = canonical(name);
            let word = &*canonical;
            let ends_here =
                HOP_BY_HOP.contains(&word) || (self.always)(word) || self.own.iter().any(|own| own == word);
            if !ends_here {
                kept.append(name.clone(), value.clone());
            }
        }
        kept
    }

    /// The same of what stands behind a body.
    pub(super) fn kept_behind(&self, trailers: &HeaderMap) -> HeaderMap {
        let mut kept = self.kept(trailers);
        for name in BEFORE_BODIES {
            kept.remove(*name);
        }
        kept
    }
}

/// The headers of the caller that go on.
pub(super) fn forwarded(headers: &HeaderMap, injected: &[&HeaderName]) -> HeaderMap {
    let mut kept = Filter::of_caller(headers, injected).kept(headers);
    if takes_trailers(headers) {
        kept.insert(TE, HeaderValue::from_static("trailers"));
    }
    kept.entry(USER_AGENT).or_insert(AGENT);
    kept
}

/// Whether the caller reads what comes behind a body. It holds for the whole way, since the hub passes it on.
fn takes_trailers(headers: &HeaderMap) -> bool {
    let lines = headers.get_all(TE).iter().filter_map(|value| value.to_str().ok());
    lines
        .flat_map(|line| line.split(','))
        .any(|one| one.split(';').next().unwrap_or_default().trim().eq_ignore_ascii_case("trailers"))
}

/// The headers of the app that go on. Whatever it sends is shown to no browser as a page of the hub's.
pub(super) fn answered(headers: &HeaderMap) -> HeaderMap {
    let mut kept = Filter::of_app(headers).kept(headers);
    kept.insert(http::header::CONTENT_SECURITY_POLICY, HeaderValue::from_static("sandbox"));
    kept.insert(http::header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    kept
}

/// The values that hold references or escapes.
pub(super) fn dynamic(headers: &HeaderMap) -> Result<impl Iterator<Item = String>, Error> {
    let mut texts = Vec::new();
    for (name, value) in headers {
        if crate::domain::secret_reference::is_dynamic(value.as_bytes()) {
            let text = value.to_str().map_err(|_| unfit(name))?;
            texts.push(text.to_owned());
        }
    }
    Ok(texts.into_iter())
}

/// Replaces the references in values.
pub(super) fn resolve(headers: &mut HeaderMap, secrets: &OpenSecrets) -> Result<(), Error> {
    for (name, value) in headers.iter_mut() {
        let Some(text) = value.to_str().ok().filter(|text| dynamic_text(text)) else {
            continue;
        };
        *value = written(&secrets.fill(text)?).ok_or_else(|| unfit(name))?;
    }
    Ok(())
}

/// A header value of visible ASCII, trimmed, at most [`MAX_HEADER`] bytes: `HeaderValue` alone lets more through.
fn written(text: &str) -> Option<HeaderValue> {
    let text = text.trim_matches([' ', '\t']);
    let fits =
        !text.is_empty() && text.len() <= MAX_HEADER && text.bytes().all(|b| (0x20..=0x7e).contains(&b));
    let mut value = HeaderValue::from_str(text).ok().filter(|_| fits)?;
    value.set_sensitive(true);
    Some(value)
}

fn unfit(name: &HeaderName) -> Error {
    let message = format!(
        "A header holds 1 to {MAX_HEADER} visible ASCII characters once its references are replaced."
    );
    Error::invalid(format!("/{name}"), "invalid_characters", message)
}

#[cfg(test)]
mod tests;
