//! A request as it will be sent, for those who sign all of it, and the strict encoding that they share.

use std::borrow::Cow;

use chrono::{DateTime, Utc};
use http::header::{HeaderName, HeaderValue};
use http::{HeaderMap, Method};
use url::form_urlencoded;

use super::{aws, oauth1};

/// A request that is to be signed. Nothing of it changes afterwards.
#[derive(Clone, Copy)]
pub struct Unsigned<'a> {
    /// The method.
    pub method: &'a Method,
    /// `http` or `https`.
    pub scheme: &'a str,
    /// As the `Host` header has it.
    pub host: &'a str,
    /// As it is written in the request line.
    pub path: &'a str,
    /// As it is written in the request line; see [`strict_query`].
    pub query: Option<&'a str>,
    /// What is sent beside the signature.
    pub headers: &'a HeaderMap,
    /// The body.
    pub content: Content<'a>,
}

/// A body, as far as it is known before it is sent.
#[derive(Clone, Copy)]
pub enum Content<'a> {
    /// All of it.
    Whole(&'a [u8]),
    /// It comes later.
    Streamed,
}

/// What differs from one signature to the next.
#[derive(Clone, Debug)]
pub struct Moment {
    /// The present moment.
    pub now: DateTime<Utc>,
    /// Random letters and digits, never used twice.
    pub nonce: String,
}

/// Who signs each call.
#[derive(Clone, Debug)]
pub enum Signer {
    /// AWS Signature Version 4.
    Aws(aws::Keys),
    /// OAuth 1.0a.
    OAuth1(oauth1::Keys),
}

impl Signer {
    /// The headers that carry the signature, marked sensitive; none where the values fit into no header.
    pub fn headers(&self, request: &Unsigned<'_>, moment: &Moment) -> Option<Vec<(HeaderName, HeaderValue)>> {
        let mut headers = match self {
            Self::Aws(keys) => keys.headers(request, moment.now)?,
            Self::OAuth1(keys) => keys.headers(request, moment, &[])?,
        };
        for (_, value) in &mut headers {
            value.set_sensitive(true);
        }
        Some(headers)
    }

    /// Headers that the signer may set, so that nobody else does.
    pub fn owns(&self) -> &'static [HeaderName] {
        match self {
            Self::Aws(_) => &aws::OWNED,
            Self::OAuth1(_) => &oauth1::OWNED,
        }
    }

    /// Whether a body of this media type must be known before it is sent.
    pub fn needs_body(&self, media_type: &str) -> bool {
        match self {
            Self::Aws(keys) => !keys.unsigned_payload,
            Self::OAuth1(_) => media_type == oauth1::FORM,
        }
    }
}

/// Percent-encodes everything but the unreserved characters of RFC 3986, section 2.3, and `also`.
pub(super) fn encoded(text: &[u8], also: u8, out: &mut String) {
    const HEX: &[u8; 16] = b"0123456789ABCDEF";
    for byte in text {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(byte) || *byte == also {
            out.push(char::from(*byte));
        } else {
            out.push('%');
            out.push(char::from(HEX[usize::from(byte >> 4)]));
            out.push(char::from(HEX[usize::from(byte & 15)]));
        }
    }
}

/// The same as a text of its own, with nothing left out.
pub(super) fn strict(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 16);
    encoded(text.as_bytes(), b'-', &mut out);
    out
}

/// Names and values of a query or form, decoded; whether the pair has a `=` comes with it.
pub(super) fn pairs(query: &str) -> impl Iterator<Item = (Cow<'_, str>, Cow<'_, str>, bool)> {
    query.split('&').filter(|pair| !pair.is_empty()).map(|pair| {
        let (name, value) = form_urlencoded::parse(pair.as_bytes()).next().unwrap_or_default();
        (name, value, pair.contains('='))
    })
}

/// A query in the one way of writing that all signers agree on: a space is `%20`, and whatever may be encoded is. What is
/// signed is sent like this, since apps decode `+` differently.
pub fn strict_query(query: &str) -> String {
    let mut out = String::with_capacity(query.len() + 16);
    for (name, value, assigned) in pairs(query) {
        if !out.is_empty() {
            out.push('&');
        }
        encoded(name.as_bytes(), b'-', &mut out);
        if assigned {
            out.push('=');
            encoded(value.as_bytes(), b'-', &mut out);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_is_written_in_one_way() {
        assert_eq!(strict_query("b=a+b&&a=%7e%2B*&acl&c="), "b=a%20b&a=~%2B%2A&acl&c=");
        assert_eq!(strict_query(""), "");
        assert_eq!(strict("é/ +~"), "%C3%A9%2F%20%2B~");
    }
}
