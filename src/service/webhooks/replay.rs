//! Telling again: a test, one event once more, or everything since a moment. A replay lies in the database and is
//! worked off in batches, so that neither its size nor a restart matters.

use chrono::DateTime;
use vouchsafe_entity::id::{EnvironmentId, EventId, WebhookEndpointId};
use vouchsafe_entity::millis::Millis;

use super::target;
use crate::domain::actor::Actor;
use crate::domain::event::EventType;
use crate::domain::role::Action;
use crate::domain::webhook::{Delivery, WebhookEndpoint};
use crate::ids::Ids;
use crate::service::audit::Target;
use crate::service::{Code, Error, Hub};
use crate::store::delivery::Waiting;
use crate::store::webhook::Replay;
use crate::store::{self, Tx};

/// Events taken up at once.
const BATCH: u64 = 500;
/// A replay waits while so many deliveries to its endpoint wait.
const MOST_WAITING: i64 = 1_000;
/// Replays moved on in one round.
const REPLAYS: i64 = 10;
/// An event's id may be a little younger than the event.
const MARGIN: i64 = -60_000;

/// What to tell again.
#[derive(Clone, Debug)]
pub struct NewReplay {
    /// From this moment, RFC 3339.
    pub since: String,
    /// To this one; none = now.
    pub until: Option<String>,
}

/// An event that is told again.
#[derive(Clone, Copy, Debug)]
pub struct Redelivery {
    /// The event.
    pub event: EventId,
    /// To how many endpoints.
    pub deliveries: u64,
}

impl Hub {
    /// Tells an endpoint of nothing, to see whether it listens.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Code::EndpointDisabled`].
    pub async fn test_webhook_endpoint(
        &self,
        actor: &Actor,
        id: WebhookEndpointId,
    ) -> Result<Redelivery, Error> {
        self.permit(actor, Action::ManageWebhooks).await?;
        let endpoint = self.get_webhook_endpoint(actor, id).await?;
        ensure_enabled(&endpoint)?;
        let tx = self.store.begin().await?;
        let news = self.news(&tx, actor.tenant, EventType::WebhookTest).await?;
        let event = news.id;
        self.emit(&tx, actor.tenant, news).await?;
        store::delivery::insert(&tx, actor.environment(), &[self.first_delivery(id, event)]).await?;
        self.record(&tx, actor, "webhook_endpoint.test", target(id), None).await?;
        tx.commit().await?;
        Ok(Redelivery { event, deliveries: 1 })
    }

    /// Tells of an event once more, at once, whoever wants to know; of a test, whoever it was for.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub async fn redeliver_event(&self, actor: &Actor, id: EventId) -> Result<Redelivery, Error> {
        self.permit(actor, Action::RedeliverEvents).await?;
        let environment = actor.environment();
        let event = store::event::find(&self.store, environment, id).await?.ok_or(Error::NotFound)?;
        let tx = self.store.begin().await?;
        let again = "the event was sent again";
        store::delivery::cancel(&tx, environment, Waiting::Of(id), again, self.now()).await?;
        let deliveries = if event.kind.is_subscribable() {
            self.post(&tx, environment, id, event.kind).await?
        } else {
            self.test_again(&tx, environment, id).await?
        };
        self.record(&tx, actor, "event.redeliver", Target::new("event", id), None).await?;
        tx.commit().await?;
        Ok(Redelivery { event: id, deliveries })
    }

    async fn test_again(&self, tx: &Tx, environment: EnvironmentId, id: EventId) -> Result<u64, Error> {
        let told = store::delivery::told_of(tx, environment, id).await?;
        let listening = store::webhook::listening(tx, environment).await?;
        let deliveries: Vec<Delivery> = listening
            .iter()
            .filter(|endpoint| told.contains(&endpoint.id))
            .map(|endpoint| self.first_delivery(endpoint.id, id))
            .collect();
        store::delivery::insert(tx, environment, &deliveries).await?;
        Ok(deliveries.len() as u64)
    }

    /// Tells an endpoint again of what happened between two moments. A replay under way is made longer.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Invalid`], [`Code::EndpointDisabled`].
    pub async fn replay_webhook_endpoint(
        &self,
        actor: &Actor,
        id: WebhookEndpointId,
        replay: NewReplay,
    ) -> Result<(Millis, Millis), Error> {
        self.permit(actor, Action::ManageWebhooks).await?;
        let environment = actor.environment();
        ensure_enabled(&self.get_webhook_endpoint(actor, id).await?)?;
        let now = self.now();
        let since = moment("/since", &replay.since)?;
        let until = replay.until.as_deref().map(|text| moment("/until", text)).transpose()?;
        let until = until.map_or(now, |until| until.min(now));
        if since >= until {
            let (at, message) = ("/since", "The beginning must lie before the end, and in the past.");
            return Err(Error::invalid(at, "out_of_range", message));
        }
        let after = EventId::new(Ids::earliest(since.plus(MARGIN).0));
        let tx = self.store.begin().await?;
        ensure_enabled(&store::webhook::lock(&tx, environment, id).await?.ok_or(Error::NotFound)?)?;
        let under_way = store::webhook::replay(&tx, environment, id).await?;
        let merged = under_way.map_or(Replay { after, since, until }, |other| Replay {
            after: other.after.min(after),
            since: other.since.min(since),
            until: other.until.max(until),
        });
        store::webhook::save_replay(&tx, environment, id, Some(merged)).await?;
        let range = Some(format!("{since} to {until}"));
        self.record(&tx, actor, "webhook_endpoint.replay", target(id), range).await?;
        tx.commit().await?;
        Ok((since, until))
    }

    /// Moves replays on by a batch each, in turn.
    pub(super) async fn advance_replays(&self) -> Result<(), Error> {
        let last = self.line.replayed();
        let page = store::webhook::replaying(&self.store, last, MOST_WAITING, REPLAYS).await?;
        for (environment, endpoint) in page {
            self.line.note_replayed((environment, endpoint));
            let tx = self.store.begin().await?;
            match self.advance_replay(&tx, environment, endpoint).await {
                // It waits until somebody has mended the row; the others go on.
                Err(Error::Store(error)) if error.tells_of_row() => {}
                advanced => {
                    advanced?;
                    tx.commit().await?;
                }
            }
        }
        Ok(())
    }

    async fn advance_replay(
        &self,
        tx: &Tx,
        environment: EnvironmentId,
        id: WebhookEndpointId,
    ) -> Result<(), Error> {
        let Some(endpoint) = store::webhook::lock(tx, environment, id).await? else {
            return Ok(());
        };
        let Some(replay) = store::webhook::replay(tx, environment, id).await? else {
            return Ok(());
        };
        if store::delivery::waiting(tx, environment, id, MOST_WAITING).await? >= MOST_WAITING {
            return Ok(());
        }
        let (after, until) = (replay.after, replay.until);
        let events = store::event::following(tx, environment, after, until, BATCH).await?;
        let deliveries: Vec<Delivery> = events
            .iter()
            .filter(|event| event.created_at >= replay.since)
            .filter(|event| event.kind.is_subscribable() && endpoint.wants(event.kind))
            .map(|event| self.first_delivery(id, event.id))
            .collect();
        store::delivery::insert(tx, environment, &deliveries).await?;
        let more = u64::try_from(events.len()).is_ok_and(|found| found == BATCH);
        let last = events.last().filter(|_| more);
        let rest = last.map(|event| Replay { after: event.id, ..replay });
        Ok(store::webhook::save_replay(tx, environment, id, rest).await?)
    }
}

fn ensure_enabled(endpoint: &WebhookEndpoint) -> Result<(), Error> {
    if endpoint.enabled {
        return Ok(());
    }
    let detail = "This endpoint is switched off; enable it first.";
    Err(Error::refused(Code::EndpointDisabled, detail))
}

fn moment(pointer: &str, text: &str) -> Result<Millis, Error> {
    let parsed = DateTime::parse_from_rfc3339(text).map(|at| Millis(at.timestamp_millis()));
    parsed.map_err(|_| Error::invalid(pointer, "invalid_date", "Write a time such as 2031-01-31T12:00:00Z."))
}
