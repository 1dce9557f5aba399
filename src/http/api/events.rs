//! Events and audit events.

use axum::Json;
use serde::Deserialize;
use utoipa::IntoParams;
use vouchsafe_entity::id::CredentialId;

use super::Answer;
use crate::domain::event::EventType;
use crate::http::Problem;
use crate::http::extract::{AuditRead, Caller, EventsRead, Listing};
use crate::http::view::{AuditEventOut, EventOut, PageOut, PageParams};

/// Which events are wanted.
#[derive(Deserialize, IntoParams)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[into_params(parameter_in = Query, rename_all = "camelCase")]
pub(in crate::http) struct EventFilter {
    /// Of this type.
    #[serde(rename = "type")]
    #[param(rename = "type", example = "credential.expired")]
    kind: Option<String>,
    /// Of this credential.
    credential_id: Option<String>,
}

impl EventFilter {
    fn checked(self) -> Result<crate::service::events::EventFilter, Problem> {
        let kind = self.kind.map(|word| {
            word.parse::<EventType>()
                .map_err(|_| Problem::invalid_at("/type", "unknown", "There is no such type of event."))
        });
        let credential = self.credential_id.map(|id| {
            let message = "This is no id of a credential (`cred_…`).";
            id.parse::<CredentialId>()
                .map_err(|_| Problem::invalid_at("/credentialId", "invalid_format", message))
        });
        Ok(crate::service::events::EventFilter {
            kind: kind.transpose()?,
            credential: credential.transpose()?,
        })
    }
}

/// Lists events, newest first.
#[utoipa::path(
    get, path = "/events", tag = "events", security(("key" = ["events:read"])), params(PageParams, EventFilter),
    responses((status = 200, description = "A page of events", body = PageOut<EventOut>))
)]
pub(in crate::http) async fn list_events(
    caller: Caller<EventsRead>,
    Listing { page, filter }: Listing<EventFilter>,
) -> Answer<PageOut<EventOut>> {
    let found = caller.hub.list_events(&caller.actor, filter.checked()?, &page).await?;
    Ok(Json(PageOut::of(found, EventOut::from)))
}

/// Which audit events are wanted.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(in crate::http) struct AuditFilter {
    /// Those of this action.
    #[param(example = "credential.token")]
    action: Option<String>,
    /// Those about this thing, by its id.
    target: Option<String>,
}

/// Lists audit events, newest first.
#[utoipa::path(
    get, path = "/audit-events", tag = "audit", security(("key" = ["audit:read"])), params(PageParams, AuditFilter),
    responses((status = 200, description = "A page of audit events", body = PageOut<AuditEventOut>))
)]
pub(in crate::http) async fn list_audit_events(
    caller: Caller<AuditRead>,
    Listing { page, filter }: Listing<AuditFilter>,
) -> Answer<PageOut<AuditEventOut>> {
    let filter = crate::service::audit::AuditFilter {
        action: filter.action,
        target: filter.target,
        ..Default::default()
    };
    let found = caller.hub.list_audit_events(&caller.actor, &filter, &page).await?;
    Ok(Json(PageOut::of(found, AuditEventOut::from)))
}
