//! Webhook endpoints and deliveries on the wire.

use serde::{Deserialize, Serialize, Serializer};
use utoipa::ToSchema;
use vouchsafe_entity::kind::{DeliveryStatus, DisabledReason};
use vouchsafe_entity::millis::Millis;

use super::{DeliveryStatusWord, DisabledReasonWord, Time, given, present};
use crate::domain::event::EventType;
use crate::domain::webhook::{Delivery, WebhookEndpoint};
use crate::secret::WebhookSecret;
use crate::service::webhooks::{EndpointChange, NewEndpoint, NewReplay, Redelivery};

/// An endpoint to be made.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(in crate::http) struct WebhookEndpointIn {
    /// Where deliveries go: https, port 443, no private address.
    #[schema(example = "https://app.acme.test/hooks/vouchsafe", max_length = 2000)]
    url: String,
    /// The types it wants; left out = all.
    #[schema(example = json!(["credential.expired"]), min_items = 1)]
    events: Option<Vec<String>>,
    /// A label.
    #[schema(min_length = 1, max_length = 200)]
    description: Option<String>,
}

impl From<WebhookEndpointIn> for NewEndpoint {
    fn from(endpoint: WebhookEndpointIn) -> Self {
        Self { url: endpoint.url, events: endpoint.events, description: endpoint.description }
    }
}

/// Changes of an endpoint. What is left out stays; null clears.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(in crate::http) struct WebhookEndpointPatch {
    /// Where deliveries go.
    #[serde(default, deserialize_with = "given")]
    #[schema(nullable = false, max_length = 2000)]
    url: Option<String>,
    /// The types it wants; null = all.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<Vec<String>>, min_items = 1)]
    events: Option<Option<Vec<String>>>,
    /// A label.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<String>, min_length = 1, max_length = 200)]
    description: Option<Option<String>>,
    /// Whether it is told. What it missed while it was not is only sent by a replay.
    #[serde(default, deserialize_with = "given")]
    #[schema(nullable = false)]
    enabled: Option<bool>,
}

impl From<WebhookEndpointPatch> for EndpointChange {
    fn from(patch: WebhookEndpointPatch) -> Self {
        Self { url: patch.url, events: patch.events, description: patch.description, enabled: patch.enabled }
    }
}

/// A webhook endpoint, without its secret.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(in crate::http) struct WebhookEndpointOut {
    /// Its id.
    #[schema(example = "webhook_01jz0000000000000000000000")]
    webhook_endpoint_id: String,
    /// Where deliveries go.
    url: String,
    /// The types it wants; null = all.
    events: Option<Vec<&'static str>>,
    /// A label.
    description: Option<String>,
    /// Whether it is told.
    enabled: bool,
    /// Why the hub switched it off: it said that it is gone (410), or took nothing for five days.
    #[schema(value_type = Option<DisabledReasonWord>)]
    disabled_reason: Option<DisabledReason>,
    /// When it was made.
    created_at: Time,
    /// When it last changed.
    updated_at: Time,
}

impl From<WebhookEndpoint> for WebhookEndpointOut {
    fn from(endpoint: WebhookEndpoint) -> Self {
        let words = |kinds: Vec<EventType>| kinds.into_iter().map(EventType::as_str).collect();
        Self {
            webhook_endpoint_id: endpoint.id.to_string(),
            url: endpoint.url,
            events: endpoint.events.map(words),
            description: endpoint.description,
            enabled: endpoint.enabled,
            disabled_reason: endpoint.disabled_reason,
            created_at: endpoint.created_at.into(),
            updated_at: endpoint.updated_at.into(),
        }
    }
}

/// An endpoint with its secret, which is shown this once.
#[derive(Serialize, ToSchema)]
pub(in crate::http) struct NewWebhookEndpointOut {
    #[serde(flatten)]
    shown: WebhookEndpointOut,
    /// What signs deliveries, as Standard Webhooks has it. It cannot be shown again.
    #[serde(serialize_with = "expose")]
    #[schema(value_type = String, example = "whsec_…")]
    secret: WebhookSecret,
}

impl From<(WebhookEndpoint, WebhookSecret)> for NewWebhookEndpointOut {
    fn from((endpoint, secret): (WebhookEndpoint, WebhookSecret)) -> Self {
        Self { shown: endpoint.into(), secret }
    }
}

fn expose<S: Serializer>(secret: &WebhookSecret, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(secret.expose())
}

/// What to tell again.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(in crate::http) struct ReplayIn {
    /// From this moment, RFC 3339.
    #[schema(example = "2030-01-31T12:00:00Z", format = DateTime)]
    since: String,
    /// To this one; left out = now.
    #[schema(format = DateTime)]
    until: Option<String>,
}

impl From<ReplayIn> for NewReplay {
    fn from(replay: ReplayIn) -> Self {
        Self { since: replay.since, until: replay.until }
    }
}

/// What is told again.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(in crate::http) struct ReplayOut {
    /// From this moment.
    since: Time,
    /// To this one.
    until: Time,
}

impl From<(Millis, Millis)> for ReplayOut {
    fn from((since, until): (Millis, Millis)) -> Self {
        Self { since: since.into(), until: until.into() }
    }
}

/// An event that is told, or told again.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(in crate::http) struct RedeliveryOut {
    /// Its id.
    #[schema(example = "evt_01jz0000000000000000000000")]
    event_id: String,
    /// To how many endpoints.
    deliveries: u64,
}

impl From<Redelivery> for RedeliveryOut {
    fn from(redelivery: Redelivery) -> Self {
        Self { event_id: redelivery.event.to_string(), deliveries: redelivery.deliveries }
    }
}

/// One attempt to tell an endpoint of an event.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(in crate::http) struct DeliveryOut {
    /// Its id.
    #[schema(example = "dlv_01jz0000000000000000000000")]
    delivery_id: String,
    /// Who was told.
    webhook_endpoint_id: String,
    /// Its number, from 1.
    attempt: i32,
    /// How far it is.
    #[schema(value_type = DeliveryStatusWord)]
    status: DeliveryStatus,
    /// When it was sent; null while it is to be made.
    started_at: Option<Time>,
    /// How many milliseconds the endpoint took.
    duration_ms: Option<i64>,
    /// What went wrong.
    error: Option<String>,
}

impl From<Delivery> for DeliveryOut {
    fn from(delivery: Delivery) -> Self {
        Self {
            delivery_id: delivery.id.to_string(),
            webhook_endpoint_id: delivery.endpoint.to_string(),
            attempt: delivery.attempt,
            status: delivery.status,
            started_at: delivery.started_at.map(Time),
            duration_ms: delivery.duration_ms,
            error: delivery.error,
        }
    }
}
