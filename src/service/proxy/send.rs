//! Sending a call: once as a rule; once more where the app refuses a token that can be renewed, or where a connection
//! fails that changed nothing.

use std::sync::Arc;
use std::time::Duration;

use http::header::RETRY_AFTER;
use http::{HeaderMap, Method, Request, Response, StatusCode};
use vouchsafe_entity::id::{CredentialId, EnvironmentId};
use vouchsafe_entity::millis::Millis;

use super::allow::{Allowed, CalledApp};
use super::record::Entry;
use super::{Prepared, body, headers, query, trailers};
use crate::domain::actor::Actor;
use crate::egress::{NotSent, StreamBody, StreamError};
use crate::service::limits::With;
use crate::service::references::SecretUses;
use crate::service::tokens::Served;
use crate::service::{Code, Error, Hub};
use crate::signing::strict_query;

impl Hub {
    /// Makes a prepared call and gives its answer as it comes.
    pub(super) async fn carry(
        &self,
        actor: &Actor,
        prepared: &mut Prepared,
        mut entry: Entry,
    ) -> Result<Response<StreamBody>, Error> {
        let with = goes_with(actor, &prepared.allowed);
        match self.call_limits.enter(with, &prepared.allowed.to.host, self.now()) {
            Ok(place) => entry.hold(place),
            Err(error) => return Err(entry.refused(error)),
        }
        let mut answer = match self.send_call(actor, prepared, &entry).await {
            Ok(answer) => answer,
            Err(error) => return Err(entry.failed(error)),
        };
        if answer.status() == StatusCode::UNAUTHORIZED
            && let Some(app) = &prepared.allowed.app
            && let Some(renewed) = self.renewed_after_refusal(actor, app, prepared.payload.is_at_hand()).await
        {
            match self.send_again(actor, prepared, renewed, &entry).await {
                Ok(Some(second)) => answer = second,
                Ok(None) => {}
                Err(error) => return Err(entry.failed(error)),
            }
        }
        self.note_wait(with, &prepared.allowed.to.host, &answer);
        let (parts, body) = answer.into_parts();
        let headers = headers::answered(&parts.headers);
        let body = trailers::filtered(body, headers::Filter::of_app(&parts.headers));
        let mut response = Response::new(entry.until_end(parts.status, body));
        *response.status_mut() = parts.status;
        *response.headers_mut() = headers;
        Ok(response)
    }

    async fn send_again(
        &self,
        actor: &Actor,
        prepared: &mut Prepared,
        renewed: Served,
        entry: &Entry,
    ) -> Result<Option<Response<StreamBody>>, Error> {
        let host = format!("{}:{}", prepared.allowed.to.host, prepared.allowed.to.port);
        // What it was allowed before, with the new token; whatever forbids it now is the first answer's to tell.
        let Ok(allowed) = self.allow_with(actor, renewed, Some(&host)).await else {
            return Ok(None);
        };
        prepared.allowed = allowed;
        self.send_call(actor, prepared, entry).await.map(Some)
    }

    /// Sends the call; where that fails before an answer, once more if sending it twice is as good as once.
    async fn send_call(
        &self,
        actor: &Actor,
        prepared: &mut Prepared,
        entry: &Entry,
    ) -> Result<Response<StreamBody>, Error> {
        let mut uses = Uses::of(self, actor, prepared);
        let first = self.send_once(prepared, entry).await;
        uses.went_out = has_left(&first);
        let failure = match first? {
            Ok(answer) => return Ok(answer),
            Err(failure) => failure,
        };
        let passing = match failure {
            StreamError::Broken => true,
            StreamError::NotSent(cause) => !matches!(cause, NotSent::Guard(_) | NotSent::Request),
            StreamError::Idle | StreamError::Switched | StreamError::HungUp | StreamError::Unreadable => {
                false
            }
        };
        let again = passing && is_idempotent(&prepared.method) && prepared.payload.is_at_hand();
        if !again {
            return Err(unanswered(&prepared.allowed, failure));
        }
        let before = std::mem::replace(&mut uses.went_out, true);
        let second = self.send_once(prepared, entry).await;
        uses.went_out = before || has_left(&second);
        second?.map_err(|failure| unanswered(&prepared.allowed, failure))
    }

    async fn send_once(
        &self,
        prepared: &mut Prepared,
        entry: &Entry,
    ) -> Result<Result<Response<StreamBody>, StreamError>, Error> {
        let allowed = &prepared.allowed;
        let mut query = query::with(prepared.query.as_deref(), &allowed.query);
        if allowed.signer.is_some() {
            query = query.as_deref().map(strict_query);
        }
        let address = allowed.base.address(&prepared.path, query.as_deref())?;
        let signature = self.signature(prepared, &address)?;
        let body = prepared.payload.take().ok_or(Error::internal("a body that was sent already"))?;
        let mut request = Request::new(entry.counting(body));
        *request.method_mut() = prepared.method.clone();
        *request.uri_mut() = address;
        let headers = request.headers_mut();
        headers.clone_from(&prepared.headers);
        for (name, value) in &allowed.headers {
            headers.insert(name.clone(), value.clone());
        }
        headers.extend(signature);
        let port = allowed.named_port;
        Ok(self.egress.stream(request, port).await)
    }

    /// The credential with another token than the app has just refused; none where there is none to be had, or where
    /// the call could not be made again.
    async fn renewed_after_refusal(&self, actor: &Actor, app: &CalledApp, at_hand: bool) -> Option<Served> {
        let used = &app.credential;
        if !at_hand {
            self.renew_behind(actor.tenant, used.id, used.version).await;
            return None;
        }
        let renewed = self.after_unauthorized(actor.tenant, used.id, used.version).await.ok().flatten();
        let (credential, material) = renewed?;
        let connector = self.connector_of_use(actor.environment(), credential.connector_id).await.ok()?;
        let definition = self.definition_of(&connector).ok()?;
        Some(Served { credential: Arc::new(credential.into()), connector, definition, material })
    }

    /// Remembers that the app wants no more calls for a while, for all who call with the same.
    fn note_wait(&self, with: With, host: &str, answer: &Response<StreamBody>) {
        let asks = matches!(answer.status(), StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE);
        if asks && let Some(wait) = retry_after(answer.headers(), self.clock.now()) {
            self.call_limits.pause(with, host, wait, self.now());
        }
    }
}

/// The credential and the secrets of a call. They are used once it goes out, also where its caller hangs up meanwhile,
/// and not by one that the guard refuses.
struct Uses<'h> {
    hub: &'h Hub,
    credential: Option<((EnvironmentId, CredentialId), Option<Millis>)>,
    secrets: SecretUses,
    went_out: bool,
}

impl<'h> Uses<'h> {
    /// Those of a call that is under way from now on.
    fn of(hub: &'h Hub, actor: &Actor, prepared: &Prepared) -> Self {
        let mut secrets = prepared.secrets.uses().clone();
        let app = prepared.allowed.app.as_ref();
        if let Some(app) = app {
            secrets.extend(app.settings.clone());
        }
        let credential = app.map(|app| {
            let credential = &app.credential;
            ((actor.environment(), credential.id), credential.last_used_at)
        });
        Self { hub, credential, secrets, went_out: true }
    }
}

impl Drop for Uses<'_> {
    fn drop(&mut self) {
        if !self.went_out {
            return;
        }
        if let Some((credential, last)) = self.credential {
            self.hub.uses.note(credential, last, self.hub.now());
        }
        self.hub.note_secret_uses(&self.secrets);
    }
}

/// Whether anything of a call may have left the hub.
fn has_left<T>(sent: &Result<Result<T, StreamError>, Error>) -> bool {
    !matches!(sent, Err(_) | Ok(Err(StreamError::NotSent(_))))
}

fn goes_with(actor: &Actor, allowed: &Allowed) -> With {
    match &allowed.app {
        Some(app) => With::Credential(app.credential.id, app.connector_id),
        None => With::Secrets(actor.environment()),
    }
}

/// `Retry-After` in seconds or as a date (RFC 9110, section 10.2.3).
fn retry_after(headers: &HeaderMap, now: chrono::DateTime<chrono::Utc>) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    if let Ok(seconds) = text.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let at = chrono::DateTime::parse_from_rfc2822(text).ok()?;
    (at.to_utc() - now).to_std().ok()
}

/// Whether sending twice is as good as sending once (RFC 9110, section 9.2.2).
fn is_idempotent(method: &Method) -> bool {
    matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS | Method::PUT | Method::DELETE)
}

fn unanswered(allowed: &Allowed, failure: StreamError) -> Error {
    let host = &allowed.to.host;
    tracing::info!(host, error = &failure as &dyn std::error::Error, "a call through the hub had no answer");
    match failure {
        StreamError::Idle => {
            Error::refused(Code::ProviderTimeout, format!("`{host}` took too long to answer."))
        }
        StreamError::NotSent(NotSent::Guard(refusal)) => {
            let detail = format!("`{host}` may not be called from this hub: {refusal}.");
            Error::refused(Code::ProviderUnreachable, detail)
        }
        StreamError::NotSent(_) => Error::refused(
            Code::ProviderUnreachable,
            format!("`{host}` couldn't be reached. Try again in a moment."),
        ),
        StreamError::Broken => Error::refused(
            Code::ProviderUnreachable,
            format!("The connection to `{host}` broke before an answer came; it may have seen the call."),
        ),
        StreamError::Switched => Error::refused(
            Code::ProviderUnreachable,
            format!("`{host}` answered in another protocol than HTTP, for which nobody had asked."),
        ),
        StreamError::HungUp => body::cut_off(),
        StreamError::Unreadable => body::unreadable(),
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    #[test]
    fn a_wait_is_told_in_seconds_or_as_a_date() {
        let now = chrono::DateTime::from_timestamp(1_893_456_000, 0).unwrap();
        let wait = |text: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(RETRY_AFTER, HeaderValue::from_str(text).unwrap());
            retry_after(&headers, now)
        };
        assert_eq!(wait("7"), Some(Duration::from_secs(7)));
        assert_eq!(wait("Tue, 01 Jan 2030 00:00:30 GMT"), Some(Duration::from_secs(30)));
        assert_eq!(wait("Mon, 31 Dec 2029 00:00:00 GMT"), None);
        assert_eq!(wait("soon"), None);
        assert_eq!(retry_after(&HeaderMap::new(), now), None);
    }
}
