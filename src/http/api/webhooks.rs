//! Webhook endpoints, and telling again.

use axum::Json;
use http::StatusCode;
use vouchsafe_entity::id::{EventId, WebhookEndpointId};

use super::{Answer, Made};
use crate::http::extract::{
    Caller, EventsRead, InPath, JsonBody, Listing, NoBody, NoFilter, NoQuery, WebhooksWrite,
};
use crate::http::view::{
    DeletedOut, DeliveryOut, NewWebhookEndpointOut, PageOut, PageParams, RedeliveryOut, ReplayIn, ReplayOut,
    WebhookEndpointIn, WebhookEndpointOut, WebhookEndpointPatch,
};

/// Makes an endpoint. Its secret is shown this once.
#[utoipa::path(
    post, path = "/webhook-endpoints", tag = "webhooks", security(("key" = ["webhooks:write"])),
    request_body = WebhookEndpointIn,
    responses(
        (status = 201, description = "The endpoint with its secret", body = NewWebhookEndpointOut),
        (status = 409, description = "`too_many_endpoints`")
    )
)]
pub(in crate::http) async fn create_webhook_endpoint(
    caller: Caller<WebhooksWrite>,
    _: NoQuery,
    JsonBody(endpoint): JsonBody<WebhookEndpointIn>,
) -> Made<NewWebhookEndpointOut> {
    let made = caller.hub.create_webhook_endpoint(&caller.actor, endpoint.into()).await?;
    Ok((StatusCode::CREATED, Json(made.into())))
}

/// Lists the endpoints of the environment, newest first.
#[utoipa::path(
    get, path = "/webhook-endpoints", tag = "webhooks", security(("key" = ["webhooks:write"])), params(PageParams),
    responses((status = 200, description = "A page of endpoints", body = PageOut<WebhookEndpointOut>))
)]
pub(in crate::http) async fn list_webhook_endpoints(
    caller: Caller<WebhooksWrite>,
    Listing { page, .. }: Listing<NoFilter>,
) -> Answer<PageOut<WebhookEndpointOut>> {
    let found = caller.hub.list_webhook_endpoints(&caller.actor, &page).await?;
    Ok(Json(PageOut::of(found, WebhookEndpointOut::from)))
}

/// Shows an endpoint, without its secret.
#[utoipa::path(
    get, path = "/webhook-endpoints/{webhookEndpointId}", tag = "webhooks",
    security(("key" = ["webhooks:write"])), params(("webhookEndpointId" = String, Path)),
    responses(
        (status = 200, description = "The endpoint", body = WebhookEndpointOut),
        (status = 404, description = "No such endpoint")
    )
)]
pub(in crate::http) async fn get_webhook_endpoint(
    caller: Caller<WebhooksWrite>,
    InPath(id): InPath<WebhookEndpointId>,
    _: NoQuery,
) -> Answer<WebhookEndpointOut> {
    Ok(Json(caller.hub.get_webhook_endpoint(&caller.actor, id).await?.into()))
}

/// Changes an endpoint, or switches it off and on.
#[utoipa::path(
    patch, path = "/webhook-endpoints/{webhookEndpointId}", tag = "webhooks",
    security(("key" = ["webhooks:write"])), params(("webhookEndpointId" = String, Path)),
    request_body = WebhookEndpointPatch,
    responses(
        (status = 200, description = "The endpoint", body = WebhookEndpointOut),
        (status = 404, description = "No such endpoint")
    )
)]
pub(in crate::http) async fn update_webhook_endpoint(
    caller: Caller<WebhooksWrite>,
    InPath(id): InPath<WebhookEndpointId>,
    _: NoQuery,
    JsonBody(change): JsonBody<WebhookEndpointPatch>,
) -> Answer<WebhookEndpointOut> {
    Ok(Json(caller.hub.update_webhook_endpoint(&caller.actor, id, change.into(), None).await?.into()))
}

/// Removes an endpoint with the log of its deliveries.
#[utoipa::path(
    delete, path = "/webhook-endpoints/{webhookEndpointId}", tag = "webhooks",
    security(("key" = ["webhooks:write"])), params(("webhookEndpointId" = String, Path)),
    responses(
        (status = 200, description = "Gone", body = DeletedOut),
        (status = 404, description = "No such endpoint")
    )
)]
pub(in crate::http) async fn delete_webhook_endpoint(
    caller: Caller<WebhooksWrite>,
    InPath(id): InPath<WebhookEndpointId>,
    _: NoQuery,
) -> Answer<DeletedOut> {
    caller.hub.delete_webhook_endpoint(&caller.actor, id).await?;
    Ok(Json(DeletedOut::DONE))
}

/// Gives an endpoint a new secret; for a day the old one signs beside it.
#[utoipa::path(
    post, path = "/webhook-endpoints/{webhookEndpointId}/rotate-secret", tag = "webhooks",
    security(("key" = ["webhooks:write"])), params(("webhookEndpointId" = String, Path)),
    responses(
        (status = 200, description = "The endpoint with its new secret", body = NewWebhookEndpointOut),
        (status = 404, description = "No such endpoint")
    )
)]
pub(in crate::http) async fn rotate_webhook_secret(
    caller: Caller<WebhooksWrite>,
    InPath(id): InPath<WebhookEndpointId>,
    _: NoQuery,
    _: NoBody,
) -> Answer<NewWebhookEndpointOut> {
    Ok(Json(caller.hub.rotate_webhook_secret(&caller.actor, id).await?.into()))
}

/// Sends an endpoint an event of the type `webhook.test`, whatever types it wants.
#[utoipa::path(
    post, path = "/webhook-endpoints/{webhookEndpointId}/test", tag = "webhooks",
    security(("key" = ["webhooks:write"])), params(("webhookEndpointId" = String, Path)),
    responses(
        (status = 202, description = "On its way", body = RedeliveryOut),
        (status = 404, description = "No such endpoint"),
        (status = 409, description = "`endpoint_disabled`")
    )
)]
pub(in crate::http) async fn test_webhook_endpoint(
    caller: Caller<WebhooksWrite>,
    InPath(id): InPath<WebhookEndpointId>,
    _: NoQuery,
    _: NoBody,
) -> Made<RedeliveryOut> {
    let sent = caller.hub.test_webhook_endpoint(&caller.actor, id).await?;
    Ok((StatusCode::ACCEPTED, Json(sent.into())))
}

/// Sends an endpoint again all that happened between two moments and that it wants to know.
#[utoipa::path(
    post, path = "/webhook-endpoints/{webhookEndpointId}/replay", tag = "webhooks",
    security(("key" = ["webhooks:write"])), params(("webhookEndpointId" = String, Path)),
    request_body = ReplayIn,
    responses(
        (status = 202, description = "On its way", body = ReplayOut),
        (status = 404, description = "No such endpoint"),
        (status = 409, description = "`endpoint_disabled`")
    )
)]
pub(in crate::http) async fn replay_webhook_endpoint(
    caller: Caller<WebhooksWrite>,
    InPath(id): InPath<WebhookEndpointId>,
    _: NoQuery,
    JsonBody(replay): JsonBody<ReplayIn>,
) -> Made<ReplayOut> {
    let range = caller.hub.replay_webhook_endpoint(&caller.actor, id, replay.into()).await?;
    Ok((StatusCode::ACCEPTED, Json(range.into())))
}

/// Lists the attempts to tell of an event, newest first.
#[utoipa::path(
    get, path = "/events/{eventId}/deliveries", tag = "webhooks", security(("key" = ["events:read"])),
    params(("eventId" = String, Path), PageParams),
    responses(
        (status = 200, description = "A page of attempts", body = PageOut<DeliveryOut>),
        (status = 404, description = "No such event")
    )
)]
pub(in crate::http) async fn list_deliveries(
    caller: Caller<EventsRead>,
    InPath(id): InPath<EventId>,
    Listing { page, .. }: Listing<NoFilter>,
) -> Answer<PageOut<DeliveryOut>> {
    let found = caller.hub.list_deliveries(&caller.actor, id, &page).await?;
    Ok(Json(PageOut::of(found, DeliveryOut::from)))
}

/// Tells of an event once more, whoever wants to know.
#[utoipa::path(
    post, path = "/events/{eventId}/redeliver", tag = "webhooks", security(("key" = ["webhooks:write"])),
    params(("eventId" = String, Path)),
    responses(
        (status = 202, description = "On its way", body = RedeliveryOut),
        (status = 404, description = "No such event")
    )
)]
pub(in crate::http) async fn redeliver_event(
    caller: Caller<WebhooksWrite>,
    InPath(id): InPath<EventId>,
    _: NoQuery,
    _: NoBody,
) -> Made<RedeliveryOut> {
    let sent = caller.hub.redeliver_event(&caller.actor, id).await?;
    Ok((StatusCode::ACCEPTED, Json(sent.into())))
}
