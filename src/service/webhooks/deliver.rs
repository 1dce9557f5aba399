//! Telling endpoints: claim what is due, sign and send it, write down what came of it. The queue is the database;
//! a process that dies gives its claims up, and an event may then arrive twice under the same id.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use chrono::{DateTime, Utc};
use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use tokio::sync::Notify;
use tokio::task::JoinHandle;
use url::Url;
use vouchsafe_entity::id::{DeliveryId, EnvironmentId};
use vouchsafe_entity::millis::Millis;
use vouchsafe_entity::sealed::Sealed;
use zeroize::Zeroizing;

use super::Secrets;
use crate::domain::webhook::{ClaimedDelivery, LEASE_SECONDS, Outcome};
use crate::domain::workspace::Tenant;
use crate::egress::{Answer, Class, EgressError, OutboundRequest};
use crate::failpoint::failpoint;
use crate::service::Failures;
use crate::service::material::place;
use crate::service::{Error, Hub};
use crate::store;
use crate::store::delivery::Claims;
use crate::store::webhook::Key;

/// What came back, in a row.
pub(super) const ANSWER: (&str, &str) = ("delivery", "sealed_answer");
/// Deliveries under way at once in this process, and of one environment: slow endpoints of one do not hold up others.
const PLACES: usize = 128;
const EACH: usize = 32;
/// The largest body that is sent.
const LARGEST_BODY: usize = 20_000;
/// What is kept of an answer.
const KEPT_ANSWER: usize = 4 * 1024;
const READ_ANSWER: usize = 64 * 1024;

const ID: HeaderName = HeaderName::from_static("webhook-id");
const TIMESTAMP: HeaderName = HeaderName::from_static("webhook-timestamp");
const SIGNATURE: HeaderName = HeaderName::from_static("webhook-signature");

/// The times of deliveries.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    /// How long an endpoint may take.
    pub timeout: Duration,
    /// How often the outbox is looked at for what other replicas put there and what is due again.
    pub poll: Duration,
}

impl Default for Pace {
    fn default() -> Self {
        Self { timeout: Duration::from_secs(15), poll: Duration::from_secs(1) }
    }
}

/// The deliveries under way in this process, and whose replay had its turn.
#[derive(Default)]
pub(in crate::service) struct Line {
    busy: Mutex<BTreeMap<EnvironmentId, usize>>,
    freed: Notify,
    replayed: Mutex<Option<Key>>,
}

impl Line {
    fn claims(&self) -> Claims {
        let busy = self.busy.lock().unwrap_or_else(PoisonError::into_inner).clone();
        Claims { places: PLACES.saturating_sub(busy.values().sum()), each: EACH, busy }
    }

    fn enter(&self, environment: EnvironmentId) {
        *self.busy.lock().unwrap_or_else(PoisonError::into_inner).entry(environment).or_default() += 1;
    }

    fn leave(&self, environment: EnvironmentId) {
        let mut busy = self.busy.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = busy.get_mut(&environment) {
            *count -= 1;
            if *count == 0 {
                busy.remove(&environment);
            }
        }
        drop(busy);
        self.freed.notify_one();
    }

    /// The endpoint whose replay was moved on last.
    pub(super) fn replayed(&self) -> Option<Key> {
        *self.replayed.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes that the replay of an endpoint has its turn.
    pub(super) fn note_replayed(&self, endpoint: Key) {
        *self.replayed.lock().unwrap_or_else(PoisonError::into_inner) = Some(endpoint);
    }
}

/// A place in the line; given back when dropped.
struct InLine {
    hub: Arc<Hub>,
    environment: EnvironmentId,
}

impl Drop for InLine {
    fn drop(&mut self) {
        self.hub.line.leave(self.environment);
    }
}

/// A request on its way, and what must not be kept of its answer.
struct Prepared {
    request: OutboundRequest,
    secrets: Vec<Zeroizing<String>>,
}

impl Hub {
    /// Delivers until the hub closes. Deliveries under way then end by themselves.
    pub async fn run_deliveries(self: Arc<Self>) {
        let closing = self.closing();
        let mut failures = Failures::default();
        while !closing.is_cancelled() {
            let begun = self.begin_deliveries().await;
            let more = begun.as_ref().is_ok_and(|begun| !begun.is_empty());
            failures.tell("claim deliveries", begun.map(drop));
            if more {
                continue;
            }
            tokio::select! {
                () = closing.cancelled() => {}
                () = self.store.outbox().notified() => {}
                () = self.line.freed.notified() => {}
                () = tokio::time::sleep(self.pace.poll) => {}
            }
        }
    }

    /// Claims what is due and begins to deliver it, within what there is room for.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn begin_deliveries(self: &Arc<Self>) -> Result<Vec<JoinHandle<()>>, Error> {
        self.advance_replays().await?;
        let claims = self.line.claims();
        let now = self.now();
        if claims.places == 0 || !store::delivery::is_anything_due(&self.store, now).await? {
            return Ok(Vec::new());
        }
        let tx = self.store.begin().await?;
        let claimed = store::delivery::claim(&tx, &claims, now, now.plus_seconds(LEASE_SECONDS)).await?;
        tx.commit().await?;
        Ok(claimed.into_iter().map(|delivery| self.begin_delivery(delivery)).collect())
    }

    fn begin_delivery(self: &Arc<Self>, claimed: ClaimedDelivery) -> JoinHandle<()> {
        let hub = Arc::clone(self);
        let environment = claimed.environment;
        self.line.enter(environment);
        let place = InLine { hub: Arc::clone(self), environment };
        self.spawn(async move {
            let done = if hub.closing.is_cancelled() {
                hub.give_back_delivery(&claimed).await
            } else {
                hub.deliver(&claimed).await
            };
            if let Err(error) = done {
                tracing::error!(
                    delivery.id = %claimed.id,
                    error = &error as &dyn std::error::Error,
                    "a delivery could not be carried out or written down; it is made again"
                );
            }
            drop(place);
        })
    }

    async fn give_back_delivery(&self, claimed: &ClaimedDelivery) -> Result<(), Error> {
        let tx = self.store.begin().await?;
        store::delivery::give_back(&tx, claimed, self.now()).await?;
        Ok(tx.commit().await?)
    }

    async fn deliver(self: &Arc<Self>, claimed: &ClaimedDelivery) -> Result<(), Error> {
        let (_, tenant) = *self.environment_of(claimed.environment).await?;
        let started_at = self.now();
        failpoint!("webhook::claimed");
        let outcome = match self.prepare_delivery(tenant, claimed, started_at) {
            Ok(Ok(prepared)) => {
                let answer = self.egress.send(prepared.request).await;
                outcome_of(answer, &prepared.secrets, self.clock.now())
            }
            Ok(Err(unfit)) => unfit,
            // An outcome like any other: left without one, it would be claimed every minute for a month.
            Err(error) => {
                tracing::error!(
                    delivery.id = %claimed.id,
                    event.id = %claimed.event,
                    error = &error as &dyn std::error::Error,
                    "a delivery could not be prepared"
                );
                Outcome::ours("the hub could not open or sign the event")
            }
        };
        failpoint!("webhook::sent");
        let word = if outcome.is_success() { "ok" } else { "failed" };
        metrics::counter!("vouchsafe_deliveries_total", "outcome" => word).increment(1);
        self.note_outcome(tenant, claimed, &outcome, started_at).await
    }

    /// The signed request, or what came of it where none is made.
    fn prepare_delivery(
        &self,
        tenant: Tenant,
        claimed: &ClaimedDelivery,
        now: Millis,
    ) -> Result<Result<Prepared, Outcome>, Error> {
        let body = self.open_event(tenant, claimed.event, &claimed.sealed_body)?;
        let place = (claimed.endpoint, claimed.secrets_version);
        let secrets: Secrets = self.open_secrets(tenant, place, &claimed.sealed_secrets)?;
        let written = serde_json::to_vec(&body).map_err(|_| Error::internal("an event is no JSON"))?;
        let written = Zeroizing::new(written);
        if written.len() > LARGEST_BODY {
            return Ok(Err(Outcome::ours("the event is too large to be sent")));
        }
        let Ok(url) = Url::parse(&claimed.url) else {
            return Ok(Err(Outcome::failed("the address can't be read")));
        };
        let seconds = now.0.div_euclid(1_000);
        let mut kept_out: Vec<Zeroizing<String>> = Vec::new();
        let mut signatures = Vec::new();
        for secret in secrets.signing(now) {
            let signature = secret.sign(&body.id, seconds, &written);
            signatures.push(signature.ok_or(Error::internal("a webhook secret that can't sign"))?);
            kept_out.push(Zeroizing::new(secret.expose().trim_start_matches("whsec_").to_owned()));
        }
        if let Some((_, token)) = body.reconnect_url.as_ref().and_then(|link| link.split_once('#')) {
            kept_out.push(Zeroizing::new(token.to_owned()));
        }
        let mut request = OutboundRequest::new(Method::POST, url, Class::Webhook);
        request.headers = headers(&body.id, seconds, &signatures)?;
        request.body = Some(written);
        request.timeout = Some(self.pace.timeout);
        request.max_body = READ_ANSWER;
        Ok(Ok(Prepared { request, secrets: kept_out }))
    }

    /// Writes down what came of an attempt, plans the next, and switches off an endpoint that is gone or has taken
    /// nothing for days.
    async fn note_outcome(
        self: &Arc<Self>,
        tenant: Tenant,
        claimed: &ClaimedDelivery,
        outcome: &Outcome,
        started_at: Millis,
    ) -> Result<(), Error> {
        let (environment, now) = (claimed.environment, self.now());
        let tx = self.store.begin().await?;
        // The endpoint first, as every transaction that takes both does.
        let endpoint = if outcome.is_success() {
            store::webhook::note_success(&tx, environment, claimed.endpoint).await?;
            None
        } else {
            store::webhook::lock(&tx, environment, claimed.endpoint).await?
        };
        let answer = outcome.answer.as_ref().map(|answer| self.seal_answer(tenant, claimed.id, answer));
        if !store::delivery::finish(&tx, claimed, outcome, started_at, now, answer.transpose()?).await? {
            // Somebody else has it by now and writes down what came of theirs.
            return Ok(());
        }
        let mut alarm = None;
        if let Some(mut endpoint) = endpoint {
            let off = !outcome.is_ours && endpoint.note_failure(outcome.is_gone(), now);
            store::webhook::update(&tx, environment, &endpoint).await?;
            if off {
                alarm = Some(self.note_switched_off(&tx, tenant, &endpoint).await?);
            }
            let next = DeliveryId::new(self.ids.next());
            let next = claimed.next(next, self.jitter(), outcome.retry_after, now);
            if let Some(next) = next.filter(|_| endpoint.enabled) {
                store::delivery::insert(&tx, environment, &[next]).await?;
            }
        }
        tx.commit().await?;
        match alarm {
            Some(alarm) => self.tell_owners(tenant, alarm).await,
            None => Ok(()),
        }
    }

    fn seal_answer(&self, tenant: Tenant, id: DeliveryId, answer: &str) -> Result<Sealed, Error> {
        Ok(self.vault.seal(&place(tenant, ANSWER, &id.to_string(), (0, 0)), &answer)?)
    }
}

fn headers(id: &str, seconds: i64, signatures: &[String]) -> Result<HeaderMap, Error> {
    let value = |text: &str| HeaderValue::from_str(text).map_err(|_| Error::internal("a webhook header"));
    Ok(HeaderMap::from_iter([
        (CONTENT_TYPE, HeaderValue::from_static("application/json")),
        (ID, value(id)?),
        (TIMESTAMP, value(&seconds.to_string())?),
        (SIGNATURE, value(&signatures.join(" "))?),
    ]))
}

fn outcome_of(
    answer: Result<Answer, EgressError>,
    secrets: &[Zeroizing<String>],
    now: DateTime<Utc>,
) -> Outcome {
    let millis = |wait: Duration| i64::try_from(wait.as_millis()).unwrap_or(i64::MAX);
    match answer {
        Ok(answer) => {
            let text = kept(&answer.body, secrets);
            Outcome::answered(answer.status.as_u16(), answer.wait_from(now).map(millis), text)
        }
        // The head says what the endpoint thinks of it; what it says beyond is not needed.
        Err(EgressError::Ambiguous { head: Some(head), .. }) => {
            Outcome::answered(head.status.as_u16(), head.retry_after.map(millis), None)
        }
        Err(error) => {
            let cause = std::error::Error::source(&error).map(ToString::to_string);
            Outcome::failed(cause.unwrap_or_else(|| error.to_string()))
        }
    }
}

/// What is kept of an answer: text, without what it may repeat of ours, and not much of it.
fn kept(body: &[u8], secrets: &[Zeroizing<String>]) -> Option<String> {
    let mut text = String::from_utf8_lossy(body).into_owned();
    for secret in secrets {
        text = text.replace(secret.as_str(), "[redacted]");
    }
    text.retain(|c| c == '\n' || !c.is_control());
    text.truncate(text.floor_char_boundary(KEPT_ANSWER));
    (!text.is_empty()).then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_of_an_answer_is_short_and_holds_no_secret() {
        let secrets = [Zeroizing::new("c2VjcmV0".to_owned())];
        let text = kept(b"got whsec_c2VjcmV0 and c2VjcmV0\x00\x1b[31m\n", &secrets).unwrap();
        assert_eq!(text, "got whsec_[redacted] and [redacted][31m\n");
        let long = "ä".repeat(5_000);
        let text = kept(long.as_bytes(), &[]).unwrap();
        assert!(text.len() <= KEPT_ANSWER && text.chars().all(|c| c == 'ä'));
        assert_eq!(kept(b"", &secrets), None);
    }

    #[test]
    fn a_place_in_the_line_is_counted_and_given_back() {
        let line = Line::default();
        let environment = EnvironmentId::new(uuid::Uuid::from_u128(1));
        line.enter(environment);
        line.enter(environment);
        assert_eq!((line.claims().places, line.claims().busy[&environment]), (PLACES - 2, 2));
        line.leave(environment);
        line.leave(environment);
        assert_eq!((line.claims().places, line.claims().busy.len()), (PLACES, 0));
    }
}
