//! The log of deliveries: what was sent to an endpoint, and what came back.

use std::collections::HashMap;

use vouchsafe_entity::id::{DeliveryId, EventId, WebhookEndpointId};
use vouchsafe_entity::kind::DeliveryStatus;

use super::deliver::ANSWER;
use crate::domain::actor::Actor;
use crate::domain::event::{EventBody, EventType};
use crate::domain::page::{Page, PageRequest};
use crate::domain::role::Action;
use crate::domain::webhook::{Delivery, WebhookEndpoint};
use crate::service::material::place;
use crate::service::{Error, Hub};
use crate::store;
use crate::store::webhook::Replay;

/// A delivery with the type of its event.
#[derive(Clone, Debug)]
pub struct LoggedDelivery {
    /// The delivery.
    pub delivery: Delivery,
    /// Of what it tells.
    pub kind: EventType,
}

/// A delivery with all that is known of it.
#[derive(Clone, Debug)]
pub struct DeliveryDetail {
    /// The delivery.
    pub delivery: Delivery,
    /// Where it goes, as the endpoint stands now.
    pub endpoint: WebhookEndpoint,
    /// What is sent.
    pub body: EventBody,
    /// What came back, as far as it is kept.
    pub answer: Option<String>,
}

impl Hub {
    /// The deliveries to an endpoint, newest first; those of one status where asked.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub async fn list_deliveries_to(
        &self,
        actor: &Actor,
        id: WebhookEndpointId,
        status: Option<DeliveryStatus>,
        page: &PageRequest,
    ) -> Result<Page<LoggedDelivery>, Error> {
        self.get_webhook_endpoint(actor, id).await?;
        let environment = actor.environment();
        let found = store::delivery::to_endpoint(&self.store, environment, id, status, page).await?;
        let events: Vec<EventId> = found.items.iter().map(|delivery| delivery.event).collect();
        let kinds: HashMap<_, _> =
            store::event::kinds(&self.store, environment, events).await?.into_iter().collect();
        // An event goes with its deliveries, perhaps between the two queries.
        let Page { items, next_cursor } = found;
        let logged = items.into_iter().filter_map(|delivery| {
            let kind = *kinds.get(&delivery.event)?;
            Some(LoggedDelivery { delivery, kind })
        });
        Ok(Page { items: logged.collect(), next_cursor })
    }

    /// One delivery to an endpoint, with request and answer.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub async fn get_delivery(
        &self,
        actor: &Actor,
        endpoint: WebhookEndpointId,
        id: DeliveryId,
    ) -> Result<DeliveryDetail, Error> {
        let endpoint = self.get_webhook_endpoint(actor, endpoint).await?;
        let found = store::delivery::find(&self.store, actor.environment(), id).await?;
        let delivery = found.filter(|found| found.endpoint == endpoint.id).ok_or(Error::NotFound)?;
        let body = self.get_event(actor, delivery.event).await?;
        let row = id.to_string();
        let place = place(actor.tenant, ANSWER, &row, (0, 0));
        let answer: Option<String> = match &delivery.sealed_answer {
            Some(sealed) => Some(self.vault.open(&place, sealed)?),
            None => None,
        };
        Ok(DeliveryDetail { delivery, endpoint, body, answer })
    }

    /// Whether somebody may make and change endpoints, for a page that offers it.
    ///
    /// # Errors
    /// [`crate::service::Code::Forbidden`].
    pub async fn may_manage_webhooks(&self, actor: &Actor) -> Result<(), Error> {
        self.permit(actor, Action::ManageWebhooks).await
    }

    /// The replay to an endpoint that is under way.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn replay_under_way(
        &self,
        actor: &Actor,
        id: WebhookEndpointId,
    ) -> Result<Option<Replay>, Error> {
        self.permit(actor, Action::ViewDeliveries).await?;
        Ok(store::webhook::replay(&self.store, actor.environment(), id).await?)
    }
}
