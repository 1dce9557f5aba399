//! What goes out and what comes back. Bodies are wiped when dropped, and no `Debug` shows a URL, header or body.

use std::{fmt, time::Duration};

use bytes::Bytes;
use chrono::{DateTime, Utc};
use http::{HeaderMap, Method, StatusCode, header::RETRY_AFTER};
use url::Url;
use zeroize::Zeroizing;

use super::EgressError;
use crate::failpoint::failpoint;

/// What a call is for. It decides the connection and the default timeout.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// A token request: a fresh HTTP/1.1 connection of its own, 20 s. Only so "never sent" can be told from "outcome
    /// unknown" (`refresh.md`, section 5).
    Token,
    /// A check, look-up or revocation: 10 s.
    Check,
    /// A delivery to a webhook endpoint: 15 s.
    Webhook,
}

impl Class {
    /// How long the whole call may take unless the request says otherwise.
    pub const fn timeout(self) -> Duration {
        match self {
            Self::Token => Duration::from_secs(20),
            Self::Check => Duration::from_secs(10),
            Self::Webhook => Duration::from_secs(15),
        }
    }
}

/// One request. Headers are sent as given, and nothing is asked to be compressed.
pub struct OutboundRequest {
    /// The method.
    pub method: Method,
    /// The absolute URL.
    pub url: Url,
    /// The headers.
    pub headers: HeaderMap,
    /// The body, wiped after sending.
    pub body: Option<Zeroizing<Vec<u8>>>,
    /// What the call is for.
    pub class: Class,
    /// Replaces the timeout of the class.
    pub timeout: Option<Duration>,
    /// Ports other than 443 that the definition or connector names.
    pub allowed_ports: Vec<u16>,
    /// The largest answer body taken, in bytes.
    pub max_body: usize,
}

impl OutboundRequest {
    /// The largest answer body taken by default.
    pub const MAX_BODY: usize = 256 * 1024;

    /// A request without headers and body, with the defaults of `class`.
    pub fn new(method: Method, url: Url, class: Class) -> Self {
        Self {
            method,
            url,
            headers: HeaderMap::new(),
            body: None,
            class,
            timeout: None,
            allowed_ports: Vec::new(),
            max_body: Self::MAX_BODY,
        }
    }

    pub(super) fn into_reqwest(self) -> reqwest::Request {
        let mut request = reqwest::Request::new(self.method, self.url);
        *request.headers_mut() = self.headers;
        *request.body_mut() = self.body.map(|body| Bytes::from_owner(body).into());
        request
    }
}

impl fmt::Debug for OutboundRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OutboundRequest")
            .field("method", &self.method)
            .field("host", &self.url.host_str())
            .field("class", &self.class)
            .finish_non_exhaustive()
    }
}

/// A complete answer of any status; a redirect is an answer like any other.
#[derive(Clone)]
pub struct Answer {
    /// The status.
    pub status: StatusCode,
    /// The headers.
    pub headers: HeaderMap,
    /// The body as it was sent, never decompressed.
    pub body: Zeroizing<Vec<u8>>,
}

impl Answer {
    /// The whole seconds of `Retry-After`; a date is left out, as its meaning hangs on the sender's clock.
    pub fn retry_after(&self) -> Option<Duration> {
        retry_after(&self.headers)
    }

    /// How long `Retry-After` asks to wait at `now`, also where it names a date (RFC 9110, section 10.2.3).
    pub fn wait_from(&self, now: DateTime<Utc>) -> Option<Duration> {
        let date = || {
            let text = self.headers.get(RETRY_AFTER)?.to_str().ok()?;
            (DateTime::parse_from_rfc2822(text.trim()).ok()?.to_utc() - now).to_std().ok()
        };
        self.retry_after().or_else(date)
    }
}

impl fmt::Debug for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Answer")
            .field("status", &self.status)
            .field("bytes", &self.body.len())
            .finish_non_exhaustive()
    }
}

pub(super) fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let seconds = headers.get(RETRY_AFTER)?.to_str().ok()?.trim().parse().ok()?;
    Some(Duration::from_secs(seconds))
}

/// Reads the body of `answer` within `max` bytes, with at most `idle` between two pieces.
pub(super) async fn read_body(
    mut answer: reqwest::Response,
    class: Class,
    max: usize,
    idle: Duration,
) -> Result<Zeroizing<Vec<u8>>, EgressError> {
    let head = super::Head { status: answer.status(), retry_after: retry_after(answer.headers()) };
    let ambiguous = |cause| EgressError::Ambiguous { cause, head: Some(head) };
    if answer.content_length().is_some_and(|length| length > max as u64) {
        return Err(ambiguous(super::Ambiguity::TooLarge));
    }
    let mut pieces: Vec<Bytes> = Vec::new();
    let mut total = 0_usize;
    loop {
        let piece = tokio::time::timeout(idle, answer.chunk())
            .await
            .map_err(|_| ambiguous(super::Ambiguity::Timeout))?
            .map_err(|_| ambiguous(super::Ambiguity::Cut))?;
        let Some(piece) = piece else { break };
        failpoint!("refresh::mid_body" if class == Class::Token && pieces.is_empty());
        total += piece.len();
        if total > max {
            return Err(ambiguous(super::Ambiguity::TooLarge));
        }
        pieces.push(piece);
    }
    // One allocation of the right size: a growing buffer would leave copies behind that nobody wipes.
    let mut body = Zeroizing::new(Vec::with_capacity(total));
    for piece in &pieces {
        body.extend_from_slice(piece);
    }
    Ok(body)
}
