//! Events and audit events on the wire.

use serde::Serialize;
use utoipa::ToSchema;

use super::Time;
use crate::domain::audit::AuditEvent;
use crate::domain::event::EventBody;

/// Something that happened; a webhook carries the same body.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(in crate::http) struct EventOut {
    /// The same on every delivery.
    #[schema(example = "evt_01jz0000000000000000000000")]
    id: String,
    /// What happened.
    #[serde(rename = "type")]
    #[schema(example = "credential.expired")]
    kind: String,
    /// When, RFC 3339.
    timestamp: String,
    /// The environment's name.
    environment: String,
    /// Whose credential.
    user_id: Option<String>,
    /// Their address.
    user_email: Option<String>,
    /// Which credential.
    credential_id: Option<String>,
    /// Its name.
    credential_name: Option<String>,
    /// Its connector's key.
    connector: Option<String>,
    /// Its provider's slug.
    provider: Option<String>,
    /// Why.
    reason: Option<String>,
    /// Where the user can mend it.
    reconnect_url: Option<String>,
    /// Which secret; events of others leave it out.
    #[serde(skip_serializing_if = "Option::is_none")]
    secret_key: Option<String>,
}

impl From<EventBody> for EventOut {
    fn from(body: EventBody) -> Self {
        Self {
            id: body.id,
            kind: body.kind,
            timestamp: body.timestamp,
            environment: body.environment,
            user_id: body.user_id,
            user_email: body.user_email,
            credential_id: body.credential_id,
            credential_name: body.credential_name,
            connector: body.connector,
            provider: body.provider,
            reason: body.reason,
            reconnect_url: body.reconnect_url,
            secret_key: body.secret_key,
        }
    }
}

/// Who did what to what.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(in crate::http) struct AuditEventOut {
    /// Its id.
    #[schema(example = "audit_01jz0000000000000000000000")]
    audit_event_id: String,
    /// When.
    at: Time,
    /// What was done.
    #[schema(example = "credential.create")]
    action: String,
    /// By whom.
    actor: PartyOut,
    /// To what.
    target: PartyOut,
    /// `ok` or `refused`.
    #[schema(example = "ok")]
    result: String,
    /// Why refused, or what changed.
    reason: Option<String>,
    /// The request.
    request_id: Option<String>,
    /// From where.
    address: Option<String>,
}

/// Who acted, or what was acted on.
#[derive(Serialize, ToSchema)]
struct PartyOut {
    /// The kind.
    #[serde(rename = "type")]
    #[schema(example = "credential")]
    kind: String,
    /// Which one.
    id: Option<String>,
}

impl From<AuditEvent> for AuditEventOut {
    fn from(event: AuditEvent) -> Self {
        Self {
            audit_event_id: event.id.to_string(),
            at: event.at.into(),
            action: event.action.into_owned(),
            actor: PartyOut { kind: event.actor_type.into_owned(), id: event.actor_id },
            target: PartyOut { kind: event.target_type.into_owned(), id: event.target_id },
            result: event.result.into_owned(),
            reason: event.reason,
            request_id: event.request_id.map(|id| id.to_string()),
            address: event.address,
        }
    }
}
