//! Asking the app whether a credential works (`providers.md`, section 7).

use std::time::Duration;

use http::header::{ACCEPT, CONTENT_TYPE, USER_AGENT};
use http::{HeaderValue, Method as HttpMethod};
use serde_json::Value;
use vouchsafe_entity::id::WorkspaceId;
use vouchsafe_entity::kind::Method;
use zeroize::Zeroizing;

use super::throttle::{Patience, Turn};
use super::{Code, Error, Hub};
use crate::egress::{Answer, Class, EgressError, NotSent, OutboundRequest};
use crate::provider::{CheckOutcome, CheckRequest, Definition, Values};
use crate::signing::{Content, Moment, Signer, Unsigned, strict_query};

/// How the hub names itself to apps.
const AGENT: &str = concat!("vouchsafe/", env!("CARGO_PKG_VERSION"));

/// After this long no more try begins.
const LAST_TRY: Duration = Duration::from_secs(12);
/// All tries together take so long: the caller must hear within thirty seconds.
const WITHIN: Duration = Duration::from_secs(25);

/// What a check found.
pub(super) struct Checked {
    /// The outcome.
    pub(super) outcome: CheckOutcome,
    /// The status, where an answer came.
    pub(super) status: Option<u16>,
    /// The answer as JSON, for captures.
    pub(super) body: Option<Value>,
}

impl Hub {
    /// Runs the provider's check with a credential of `method`; none where the definition has none. An unreachable
    /// app is asked twice more.
    ///
    /// # Errors
    /// [`Code::ProviderBusy`], where the check may be refused.
    pub(super) async fn run_check(
        &self,
        workspace: WorkspaceId,
        definition: &Definition,
        method: Method,
        values: &Values,
        patience: Patience,
    ) -> Result<Option<Checked>, Error> {
        let Some(request) = definition.check_request(method, values) else {
            return Ok(None);
        };
        let Ok(request) = request else {
            // A value that cannot be written into the request cannot be a working key.
            return Ok(Some(Checked { outcome: CheckOutcome::WrongKey, status: None, body: None }));
        };
        let began = std::time::Instant::now();
        let mut checked = self.check_once(workspace, definition, method, &request, patience).await?;
        for wait in &self.check_waits {
            if checked.outcome != CheckOutcome::Unreachable || began.elapsed() > LAST_TRY {
                break;
            }
            tokio::time::sleep(*wait).await;
            let again = self.check_once(workspace, definition, method, &request, patience);
            match tokio::time::timeout(WITHIN.saturating_sub(began.elapsed()), again).await {
                Ok(Ok(again)) => checked = again,
                // It was asked and did not answer: that is what there is to tell.
                Ok(Err(_)) | Err(_) => break,
            }
        }
        Ok(Some(checked))
    }

    async fn check_once(
        &self,
        workspace: WorkspaceId,
        definition: &Definition,
        method: Method,
        request: &CheckRequest,
        patience: Patience,
    ) -> Result<Checked, Error> {
        let turn = self.turn_at(workspace, definition, &request.url, patience).await?;
        Ok(match self.call_app(request, turn).await {
            Err(error) => {
                tracing::info!(
                    provider.slug = definition.slug(),
                    error = &error as &dyn std::error::Error,
                    "a check had no answer"
                );
                Checked { outcome: CheckOutcome::Unreachable, status: None, body: None }
            }
            Ok(answer) => Checked {
                outcome: definition.read_check(method, answer.status, &answer.body),
                status: Some(answer.status.as_u16()),
                body: serde_json::from_slice(&answer.body).ok(),
            },
        })
    }

    /// Signs a request of the hub's own; none where what signs does not fit into a header.
    pub(super) fn sign_outbound(&self, signer: &Signer, outbound: &mut OutboundRequest) -> Option<()> {
        if let Some(query) = outbound.url.query().map(strict_query) {
            outbound.url.set_query(Some(&query));
        }
        let url = &outbound.url;
        let host = match url.port() {
            Some(port) => format!("{}:{port}", url.host_str()?),
            None => url.host_str()?.to_owned(),
        };
        let request = Unsigned {
            method: &outbound.method,
            scheme: url.scheme(),
            host: &host,
            path: url.path(),
            query: url.query(),
            headers: &outbound.headers,
            content: Content::Whole(outbound.body.as_ref().map_or(&[], |body| body.as_slice())),
        };
        let headers = signer.headers(&request, &self.signing_moment())?;
        outbound.headers.extend(headers);
        Some(())
    }

    /// What differs from one signature to the next.
    pub(super) fn signing_moment(&self) -> Moment {
        Moment { now: self.clock.now(), nonce: hex::encode(self.random.bytes::<16>()) }
    }

    /// One request with a credential, no redirect followed. It uses up its turn.
    pub(super) async fn call_app(&self, request: &CheckRequest, turn: Turn) -> Result<Answer, EgressError> {
        let unfit = || EgressError::NotSent(NotSent::Request);
        let method = HttpMethod::from_bytes(request.method.as_str().as_bytes()).unwrap_or(HttpMethod::GET);
        let mut outbound = OutboundRequest::new(method, request.url.clone(), Class::Check);
        // A port stands literally in a definition, so the one of the rendered address is the definition's.
        outbound.allowed_ports.extend(request.url.port());
        outbound.headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
        outbound.headers.insert(USER_AGENT, HeaderValue::from_static(AGENT));
        for (name, value) in &request.headers {
            outbound.headers.insert(name.clone(), value.clone());
        }
        if let Some(json) = &request.json {
            outbound.headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
            outbound.body = Some(Zeroizing::new(json.to_string().into_bytes()));
        }
        if let Some(signer) = &request.signer {
            self.sign_outbound(signer, &mut outbound).ok_or_else(unfit)?;
        }
        let answer = self.egress.send(outbound).await;
        drop(turn);
        answer
    }
}

/// The usual waits between tries of a check.
pub const CHECK_WAITS: [Duration; 2] = [Duration::from_secs(1), Duration::from_secs(3)];

/// The word for an outcome.
pub const fn outcome_word(outcome: CheckOutcome) -> &'static str {
    match outcome {
        CheckOutcome::Ok => "ok",
        CheckOutcome::WrongKey => "wrong_key",
        CheckOutcome::MissingPermission => "missing_permission",
        CheckOutcome::Unreachable => "unreachable",
        CheckOutcome::Unexpected => "unexpected",
    }
}

/// The refusal for an outcome after which nothing is stored; none where something is.
pub(super) fn refusal(definition: &Definition, checked: &Checked) -> Option<Error> {
    let name = definition.name();
    let status = checked.status.map(|status| format!(" (it answered {status})")).unwrap_or_default();
    let (code, detail) = match checked.outcome {
        CheckOutcome::Ok | CheckOutcome::MissingPermission => return None,
        CheckOutcome::WrongKey => (
            Code::CredentialRejected,
            format!("{name} didn't accept this{status}. Check that all of it was copied, or make a new one."),
        ),
        CheckOutcome::Unreachable => (
            Code::ProviderUnreachable,
            format!("{name} couldn't be reached{status}, so nothing was stored. Try again in a moment."),
        ),
        CheckOutcome::Unexpected => (
            Code::ProviderUnreachable,
            format!("{name} gave an unexpected answer{status}, so nothing was stored. Check the address."),
        ),
    };
    Some(Error::refused(code, detail).answered(checked.status))
}
