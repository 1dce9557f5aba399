//! Faults: what is programmed, and which call it hits. Playing them on the wire is `wire`.

use std::collections::BTreeMap;

use base64::Engine as _;
use http::StatusCode;
use serde::{Deserialize, Serialize};

use super::grants::GrantId;

/// A kind of call that a fault can wait for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Endpoint {
    /// The sign-on page and its answer.
    Authorize,
    /// The token endpoint, whatever is asked of it.
    Token,
    /// The token endpoint with an authorization code.
    Exchange,
    /// The token endpoint with a refresh token.
    Refresh,
    /// The token endpoint with client credentials.
    ClientCredentials,
    /// The revocation endpoint.
    Revoke,
    /// The session login.
    Login,
    /// Everything under `/api`.
    Api,
}

impl Endpoint {
    fn covers(self, called: Self) -> bool {
        match self {
            Self::Token => {
                matches!(called, Self::Token | Self::Exchange | Self::Refresh | Self::ClientCredentials)
            }
            Self::Authorize
            | Self::Exchange
            | Self::Refresh
            | Self::ClientCredentials
            | Self::Revoke
            | Self::Login
            | Self::Api => self == called,
        }
    }
}

/// What happens on the socket once the answer is made.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Wire {
    /// The answer is sent as it is.
    #[default]
    Whole,
    /// The connection is closed after this many bytes of the body.
    Cut(usize),
    /// The connection is closed without an answer.
    Close,
    /// The connection is reset without an answer.
    Reset,
    /// The body comes a byte at a time, this many milliseconds apart.
    Slow(u64),
    /// No answer comes and the connection stays open.
    Never,
}

/// One fault. *Processing* is what the call does at the provider: for a refresh, the token is spent.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct Fault {
    /// Milliseconds to wait before processing. Processing goes on if the caller hangs up meanwhile.
    pub before_ms: u64,
    /// Whether the call is processed at all.
    pub process: bool,
    /// Milliseconds to wait after processing, before the answer.
    pub after_ms: u64,
    /// Whether the answer then waits until the provider is told to release what it holds.
    pub hold: bool,
    /// The status instead of the true one; the body is empty then, unless given.
    pub status: Option<u16>,
    /// Headers added to, or replacing, those of the answer.
    pub headers: BTreeMap<String, String>,
    /// The body instead of the true one.
    pub body: Option<String>,
    /// The same, for bytes that are no text.
    pub body_base64: Option<String>,
    /// Members put into the true JSON answer; `null` removes one (write `body` to send a `null`).
    pub merge: serde_json::Map<String, serde_json::Value>,
    /// What happens on the socket.
    pub wire: Wire,
}

impl Default for Fault {
    fn default() -> Self {
        Self {
            before_ms: 0,
            process: true,
            after_ms: 0,
            hold: false,
            status: None,
            headers: BTreeMap::new(),
            body: None,
            body_base64: None,
            merge: serde_json::Map::new(),
            wire: Wire::Whole,
        }
    }
}

impl Fault {
    /// Answers `status` with an empty body; nothing is processed.
    pub fn status(status: StatusCode) -> Self {
        Self { process: false, status: Some(status.as_u16()), ..Self::default() }
    }

    /// Answers `status` with `body`; nothing is processed.
    pub fn answer(status: StatusCode, content_type: &str, body: impl Into<String>) -> Self {
        Self { body: Some(body.into()), ..Self::status(status) }.header("content-type", content_type)
    }

    /// An OAuth error, whatever the status: RFC 6749 says 400, some providers say 200 or 403.
    pub fn oauth_error(status: StatusCode, error: &str) -> Self {
        Self::answer(status, "application/json", serde_json::json!({ "error": error }).to_string())
    }

    /// 429 with `Retry-After`; nothing is processed.
    pub fn throttled(retry_after_seconds: u32) -> Self {
        Self::status(StatusCode::TOO_MANY_REQUESTS).header("retry-after", &retry_after_seconds.to_string())
    }

    /// Changes members of the true answer; `null` removes one.
    pub fn merge(members: serde_json::Map<String, serde_json::Value>) -> Self {
        Self { merge: members, ..Self::default() }
    }

    /// Closes the connection; nothing is processed.
    pub fn close_before() -> Self {
        Self { process: false, wire: Wire::Close, ..Self::default() }
    }

    /// Processes the call and closes the connection without an answer: the answer is lost.
    pub fn close_after() -> Self {
        Self { wire: Wire::Close, ..Self::default() }
    }

    /// Processes the call and plays the true answer by `wire`.
    pub fn wire(wire: Wire) -> Self {
        Self { wire, ..Self::default() }
    }

    /// Processes the call after this many milliseconds.
    pub fn delay_before(ms: u64) -> Self {
        Self { before_ms: ms, ..Self::default() }
    }

    /// Processes the call and answers this many milliseconds later.
    pub fn delay_after(ms: u64) -> Self {
        Self { after_ms: ms, ..Self::default() }
    }

    /// Processes the call and holds its answer back until the provider is told to release it.
    pub fn hold() -> Self {
        Self { hold: true, ..Self::default() }
    }

    /// The same fault, but the call is processed: the token is spent.
    #[must_use]
    pub fn processed(mut self) -> Self {
        self.process = true;
        self
    }

    /// The same fault, but nothing is processed.
    #[must_use]
    pub fn unprocessed(mut self) -> Self {
        self.process = false;
        self
    }

    /// The same fault with one header more.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.insert(name.to_owned(), value.to_owned());
        self
    }

    pub(super) fn body_bytes(&self) -> Option<Vec<u8>> {
        if let Some(text) = &self.body {
            return Some(text.clone().into_bytes());
        }
        let encoded = self.body_base64.as_ref()?;
        base64::engine::general_purpose::STANDARD.decode(encoded).ok()
    }
}

/// A fault and the calls it hits.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Plan {
    /// The kind of call.
    pub endpoint: Endpoint,
    /// Only calls with a token of this grant.
    #[serde(default)]
    pub grant: Option<GrantId>,
    /// Only calls with a token of this version.
    #[serde(default)]
    pub version: Option<u64>,
    /// Only calls of this client.
    #[serde(default)]
    pub client: Option<String>,
    /// How many fitting calls pass unharmed first.
    #[serde(default)]
    pub skip: u32,
    /// How many calls are hit after that; `null` hits until cleared.
    #[serde(default = "once")]
    pub times: Option<u32>,
    /// What happens to them.
    pub fault: Fault,
}

#[expect(clippy::unnecessary_wraps, reason = "the default of an optional field")]
fn once() -> Option<u32> {
    Some(1)
}

impl Plan {
    /// Hits the next call of `endpoint`.
    pub fn next(endpoint: Endpoint, fault: Fault) -> Self {
        Self { endpoint, grant: None, version: None, client: None, skip: 0, times: once(), fault }
    }

    /// Hits the next `n` fitting calls.
    #[must_use]
    pub fn times(mut self, n: u32) -> Self {
        self.times = Some(n);
        self
    }

    /// Hits every fitting call until cleared.
    #[must_use]
    pub fn always(mut self) -> Self {
        self.times = None;
        self
    }

    /// Lets the first `n` fitting calls pass.
    #[must_use]
    pub fn skip(mut self, n: u32) -> Self {
        self.skip = n;
        self
    }

    /// Hits only calls with a token of `grant`.
    #[must_use]
    pub fn grant(mut self, grant: GrantId) -> Self {
        self.grant = Some(grant);
        self
    }

    /// Hits only calls with a token of `version`.
    #[must_use]
    pub fn version(mut self, version: u64) -> Self {
        self.version = Some(version);
        self
    }

    fn fits(&self, call: &Call<'_>) -> bool {
        self.endpoint.covers(call.endpoint)
            && self.grant.is_none_or(|grant| call.grant == Some(grant))
            && self.version.is_none_or(|version| call.version == Some(version))
            && self.client.as_deref().is_none_or(|client| call.client == Some(client))
    }
}

/// A call as the faults see it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Call<'a> {
    pub(super) endpoint: Endpoint,
    pub(super) grant: Option<GrantId>,
    pub(super) version: Option<u64>,
    pub(super) client: Option<&'a str>,
}

impl<'a> Call<'a> {
    pub(super) fn of(endpoint: Endpoint, token: Option<(GrantId, u64)>, client: Option<&'a str>) -> Self {
        Self { endpoint, grant: token.map(|(grant, _)| grant), version: token.map(|(_, v)| v), client }
    }
}

/// The programmed faults, in the order they were programmed.
#[derive(Debug, Default)]
pub(super) struct FaultBook {
    plans: Vec<(u64, Plan)>,
    next_id: u64,
}

impl FaultBook {
    pub(super) fn program(&mut self, plan: Plan) -> u64 {
        self.next_id += 1;
        self.plans.push((self.next_id, plan));
        self.next_id
    }

    pub(super) fn clear(&mut self) {
        self.plans.clear();
    }

    /// The plans that still wait, with their ids and what is left of them.
    pub(super) fn pending(&self) -> Vec<(u64, Plan)> {
        self.plans.clone()
    }

    /// The fault for this call, counted down: the first plan that fits and has nothing left to skip.
    pub(super) fn take(&mut self, call: &Call<'_>) -> Option<Fault> {
        let at = self.plans.iter_mut().position(|(_, plan)| {
            if !plan.fits(call) || plan.times == Some(0) {
                return false;
            }
            if plan.skip > 0 {
                plan.skip -= 1;
                return false;
            }
            true
        })?;
        let plan = &mut self.plans.get_mut(at)?.1;
        let fault = plan.fault.clone();
        if let Some(times) = &mut plan.times {
            *times -= 1;
            if *times == 0 {
                self.plans.remove(at);
            }
        }
        Some(fault)
    }
}
