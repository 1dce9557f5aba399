//! Webhook endpoints: made, changed, given a new secret, removed. What happens is told to them by `deliver`.

mod deliver;
mod given_up;
mod log;
mod replay;

pub use crate::store::webhook::Replay;
pub(super) use deliver::Line;
pub use deliver::Pace;
pub use log::{DeliveryDetail, LoggedDelivery};
pub use replay::{NewReplay, Redelivery};

use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use url::Url;
use vouchsafe_entity::id::{EnvironmentId, EventId, WebhookEndpointId};
use vouchsafe_entity::millis::Millis;
use vouchsafe_entity::sealed::Sealed;

use super::audit::Target;
use super::material::place;
use super::validate::Checker;
use super::{Code, Error, Hub, Seen};
use crate::domain::actor::Actor;
use crate::domain::event::EventType;
use crate::domain::page::{Page, PageRequest};
use crate::domain::role::Action;
use crate::domain::webhook::{Delivery, OVERLAP_SECONDS, WebhookEndpoint};
use crate::domain::workspace::Tenant;
use crate::egress::guard::Refusal;
use crate::secret::WebhookSecret;
use crate::store::delivery::Waiting;
use crate::store::{self, Tx};

const PLACE: (&str, &str) = ("webhook_endpoint", "sealed");
/// Endpoints of one environment: each event is written down for each of them.
const MOST_ENDPOINTS: u64 = 50;
const LONGEST_URL: usize = 2_000;
const SWITCHED_OFF: &str = "the endpoint was switched off";

/// An endpoint to be made.
#[derive(Clone, Debug)]
pub struct NewEndpoint {
    /// Where deliveries go.
    pub url: String,
    /// The types it wants; none = all.
    pub events: Option<Vec<String>>,
    /// A label.
    pub description: Option<String>,
}

/// Changes of an endpoint; what is none stays. The inner none clears.
#[derive(Clone, Debug, Default)]
pub struct EndpointChange {
    /// Where deliveries go.
    pub url: Option<String>,
    /// The types it wants; the inner none = all.
    pub events: Option<Option<Vec<String>>>,
    /// A label.
    pub description: Option<Option<String>>,
    /// Whether it is told.
    pub enabled: Option<bool>,
}

/// The secrets of an endpoint as they are sealed.
#[derive(Serialize)]
struct WrittenSecrets<'a> {
    current: &'a str,
    previous: Option<(&'a str, i64)>,
}

/// The same, open.
#[derive(Deserialize)]
struct Secrets {
    current: SecretString,
    /// The one before, and until when it signs.
    previous: Option<(SecretString, i64)>,
}

impl Secrets {
    /// Those that sign at `now`, the newest first.
    fn signing(self, now: Millis) -> Vec<WebhookSecret> {
        let previous = self.previous.filter(|(_, until)| now.0 < *until).map(|(secret, _)| secret);
        [Some(self.current), previous].into_iter().flatten().map(WebhookSecret::kept).collect()
    }
}

impl Hub {
    /// Makes an endpoint; its secret is shown this once.
    ///
    /// # Errors
    /// [`Error::Invalid`], [`Code::TooManyEndpoints`].
    pub async fn create_webhook_endpoint(
        &self,
        actor: &Actor,
        new: NewEndpoint,
    ) -> Result<(WebhookEndpoint, WebhookSecret), Error> {
        self.permit(actor, Action::ManageWebhooks).await?;
        let mut checker = Checker::default();
        let url = self.check_endpoint_url(&mut checker, &new.url).await;
        let events = new.events.as_deref().map(|words| check_events(&mut checker, words));
        checker.optional_text("/description", new.description.as_deref(), 200);
        checker.finish()?;
        let (id, secret, now) = (
            WebhookEndpointId::new(self.ids.next()),
            WebhookSecret::random(self.random.as_ref()),
            self.now(),
        );
        let endpoint = WebhookEndpoint {
            id,
            url,
            events,
            description: new.description,
            enabled: true,
            disabled_reason: None,
            sealed: self.seal_secrets(actor.tenant, (id, 0), &secret, None)?,
            version: 0,
            failing_since: None,
            created_at: now,
            updated_at: now,
        };
        let tx = self.store.begin().await?;
        if store::webhook::count(&tx, actor.environment()).await? >= MOST_ENDPOINTS {
            let detail = format!("An environment has at most {MOST_ENDPOINTS} endpoints; delete one first.");
            return Err(Error::refused(Code::TooManyEndpoints, detail));
        }
        store::webhook::insert(&tx, actor.environment(), &endpoint).await?;
        self.record(&tx, actor, "webhook_endpoint.create", target(id), None).await?;
        tx.commit().await?;
        Ok((endpoint, secret))
    }

    /// The endpoints of the actor's environment, newest first.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn list_webhook_endpoints(
        &self,
        actor: &Actor,
        page: &PageRequest,
    ) -> Result<Page<WebhookEndpoint>, Error> {
        self.permit(actor, Action::ViewDeliveries).await?;
        Ok(store::webhook::list(&self.store, actor.environment(), page).await?)
    }

    /// One endpoint of the actor's environment.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub async fn get_webhook_endpoint(
        &self,
        actor: &Actor,
        id: WebhookEndpointId,
    ) -> Result<WebhookEndpoint, Error> {
        self.permit(actor, Action::ViewDeliveries).await?;
        store::webhook::find(&self.store, actor.environment(), id).await?.ok_or(Error::NotFound)
    }

    /// Changes what was sent of an endpoint, where it is as it was `seen`. What waits for one that is switched off is
    /// called off.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Invalid`], [`Code::ChangedMeanwhile`].
    pub async fn update_webhook_endpoint(
        &self,
        actor: &Actor,
        id: WebhookEndpointId,
        change: EndpointChange,
        seen: Option<Seen>,
    ) -> Result<WebhookEndpoint, Error> {
        self.permit(actor, Action::ManageWebhooks).await?;
        self.get_webhook_endpoint(actor, id).await?;
        let mut checker = Checker::default();
        let url = match &change.url {
            Some(url) => Some(self.check_endpoint_url(&mut checker, url).await),
            None => None,
        };
        let events = change.events.map(|events| events.map(|words| check_events(&mut checker, &words)));
        if let Some(description) = &change.description {
            checker.optional_text("/description", description.as_deref(), 200);
        }
        checker.finish()?;

        let environment = actor.environment();
        let tx = self.store.begin().await?;
        let mut endpoint = store::webhook::lock(&tx, environment, id).await?.ok_or(Error::NotFound)?;
        Seen::ensure(seen, Some(endpoint.updated_at))?;
        endpoint.url = url.unwrap_or(endpoint.url);
        endpoint.events = events.unwrap_or(endpoint.events);
        endpoint.description = change.description.unwrap_or(endpoint.description);
        endpoint.switch(change.enabled.unwrap_or(endpoint.enabled));
        endpoint.updated_at = self.now();
        store::webhook::update(&tx, environment, &endpoint).await?;
        if !endpoint.enabled {
            self.call_off(&tx, environment, id).await?;
        }
        self.record(&tx, actor, "webhook_endpoint.update", target(id), None).await?;
        tx.commit().await?;
        Ok(endpoint)
    }

    /// Calls off what waits for an endpoint that is switched off.
    async fn call_off(
        &self,
        tx: &Tx,
        environment: EnvironmentId,
        id: WebhookEndpointId,
    ) -> Result<(), Error> {
        store::webhook::save_replay(tx, environment, id, None).await?;
        let which = Waiting::To(id);
        Ok(store::delivery::cancel(tx, environment, which, SWITCHED_OFF, self.now()).await?)
    }

    /// Removes an endpoint with the log of its deliveries.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub async fn delete_webhook_endpoint(&self, actor: &Actor, id: WebhookEndpointId) -> Result<(), Error> {
        self.permit(actor, Action::ManageWebhooks).await?;
        let tx = self.store.begin().await?;
        if !store::webhook::delete(&tx, actor.environment(), id).await? {
            return Err(Error::NotFound);
        }
        self.record(&tx, actor, "webhook_endpoint.delete", target(id), None).await?;
        Ok(tx.commit().await?)
    }

    /// Gives an endpoint a new secret; the old one signs beside it for a day.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub async fn rotate_webhook_secret(
        &self,
        actor: &Actor,
        id: WebhookEndpointId,
    ) -> Result<(WebhookEndpoint, WebhookSecret), Error> {
        self.permit(actor, Action::ManageWebhooks).await?;
        let environment = actor.environment();
        let tx = self.store.begin().await?;
        let mut endpoint = store::webhook::lock(&tx, environment, id).await?.ok_or(Error::NotFound)?;
        let old = self.open_secrets(actor.tenant, (id, endpoint.version), &endpoint.sealed)?;
        let (secret, now) = (WebhookSecret::random(self.random.as_ref()), self.now());
        endpoint.version += 1;
        let previous = Some((old.current.expose_secret(), now.plus_seconds(OVERLAP_SECONDS)));
        endpoint.sealed = self.seal_secrets(actor.tenant, (id, endpoint.version), &secret, previous)?;
        endpoint.updated_at = now;
        store::webhook::update(&tx, environment, &endpoint).await?;
        self.record(&tx, actor, "webhook_endpoint.rotate_secret", target(id), None).await?;
        tx.commit().await?;
        Ok((endpoint, secret))
    }

    /// The attempts to tell of an event, newest first.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub async fn list_deliveries(
        &self,
        actor: &Actor,
        event: EventId,
        page: &PageRequest,
    ) -> Result<Page<Delivery>, Error> {
        self.permit(actor, Action::ViewDeliveries).await?;
        let environment = actor.environment();
        store::event::find(&self.store, environment, event).await?.ok_or(Error::NotFound)?;
        Ok(store::delivery::of_event(&self.store, environment, event, page).await?)
    }

    /// Writes down, in the transaction of an event, whom it goes to.
    pub(super) async fn post(
        &self,
        tx: &Tx,
        environment: EnvironmentId,
        event: EventId,
        kind: EventType,
    ) -> Result<u64, Error> {
        let listening = store::webhook::listening(tx, environment).await?;
        let deliveries: Vec<Delivery> = listening
            .iter()
            .filter(|endpoint| kind.is_subscribable() && endpoint.wants(kind))
            .map(|endpoint| self.first_delivery(endpoint.id, event))
            .collect();
        store::delivery::insert(tx, environment, &deliveries).await?;
        Ok(deliveries.len() as u64)
    }

    fn first_delivery(&self, endpoint: WebhookEndpointId, event: EventId) -> Delivery {
        let id = vouchsafe_entity::id::DeliveryId::new(self.ids.next());
        Delivery::first(id, endpoint, event, self.now())
    }

    async fn check_endpoint_url(&self, checker: &mut Checker, text: &str) -> String {
        let parsed =
            Url::parse(text).ok().filter(|url| text.len() <= LONGEST_URL && url.fragment().is_none());
        let Some(url) = parsed else {
            checker.add("/url", "invalid_url", "Write an https address of at most 2,000 characters.");
            return String::new();
        };
        if let Err(refusal) = self.egress.check_reachable(&url).await {
            checker.add("/url", "url_not_allowed", explain(refusal));
        }
        url.into()
    }

    fn seal_secrets(
        &self,
        tenant: Tenant,
        (id, version): (WebhookEndpointId, i64),
        current: &WebhookSecret,
        previous: Option<(&str, Millis)>,
    ) -> Result<Sealed, Error> {
        let previous = previous.map(|(secret, until)| (secret, until.0));
        let written = WrittenSecrets { current: current.expose(), previous };
        Ok(self.vault.seal(&place(tenant, PLACE, &id.to_string(), (0, version)), &written)?)
    }

    fn open_secrets(
        &self,
        tenant: Tenant,
        (id, version): (WebhookEndpointId, i64),
        sealed: &Sealed,
    ) -> Result<Secrets, Error> {
        Ok(self.vault.open(&place(tenant, PLACE, &id.to_string(), (0, version)), sealed)?)
    }
}

fn target(id: WebhookEndpointId) -> Target {
    Target::new("webhook_endpoint", id)
}

fn check_events(checker: &mut Checker, words: &[String]) -> Vec<EventType> {
    checker.ensure(!words.is_empty(), "/events", "required", "Name at least one type, or none for all.");
    let mut kinds = Vec::new();
    for (at, word) in words.iter().enumerate() {
        match word.parse::<EventType>() {
            Ok(kind) if kind.is_subscribable() => {
                if !kinds.contains(&kind) {
                    kinds.push(kind);
                }
            }
            _ => {
                let known: Vec<&str> = EventType::subscribable().map(EventType::as_str).collect();
                let message = format!("There is no such type of event; the types are {}.", known.join(", "));
                checker.add(format!("/events/{at}"), "unknown", message);
            }
        }
    }
    kinds
}

const fn explain(refusal: Refusal) -> &'static str {
    match refusal {
        Refusal::Scheme => "Write an https address.",
        Refusal::UserInfo => "The address must not carry a user name or password.",
        Refusal::Host => "The address has no host.",
        Refusal::Port => "The hub calls port 443 alone.",
        Refusal::Address => "The hub does not call private and reserved addresses.",
        Refusal::Own => "This is the hub's own address.",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_old_secret_signs_until_its_time_is_over() {
        let secrets = || Secrets { current: "new".into(), previous: Some(("old".into(), 1_000)) };
        let signing = |now| {
            let signing = secrets().signing(Millis(now));
            signing.iter().map(|secret| secret.expose().to_owned()).collect::<Vec<_>>()
        };
        assert_eq!(signing(999), ["new", "old"]);
        assert_eq!(signing(1_000), ["new"]);
    }
}
