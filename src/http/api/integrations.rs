//! Integrations.

use axum::Json;

use super::{Answer, Made, made};
use crate::http::extract::{
    Caller, ConnectorsRead, ConnectorsWrite, InPath, JsonBody, Listing, NoFilter, NoQuery, Segment,
};
use crate::http::view::{DeletedOut, IntegrationIn, IntegrationOut, PageOut, PageParams};

/// Lists integrations.
#[utoipa::path(
    get, path = "/integrations", tag = "integrations", security(("key" = ["connectors:read"])), params(PageParams),
    responses((status = 200, description = "A page of integrations", body = PageOut<IntegrationOut>))
)]
pub(in crate::http) async fn list_integrations(
    caller: Caller<ConnectorsRead>,
    Listing { page, .. }: Listing<NoFilter>,
) -> Answer<PageOut<IntegrationOut>> {
    let found = caller.hub.list_integrations(&caller.actor, &page).await?;
    Ok(Json(PageOut::of(found, IntegrationOut::from)))
}

/// Shows an integration.
#[utoipa::path(
    get, path = "/integrations/{slug}", tag = "integrations", security(("key" = ["connectors:read"])),
    params(("slug" = String, Path)),
    responses(
        (status = 200, description = "The integration", body = IntegrationOut),
        (status = 404, description = "No such integration")
    )
)]
pub(in crate::http) async fn get_integration(
    caller: Caller<ConnectorsRead>,
    InPath(Segment(slug)): InPath<Segment>,
    _: NoQuery,
) -> Answer<IntegrationOut> {
    Ok(Json(caller.hub.get_integration(&caller.actor, &slug).await?.into()))
}

/// Makes or replaces an integration.
#[utoipa::path(
    put, path = "/integrations/{slug}", tag = "integrations", security(("key" = ["connectors:write"])),
    params(("slug" = String, Path)),
    request_body = IntegrationIn,
    responses(
        (status = 200, description = "Replaced", body = IntegrationOut),
        (status = 201, description = "New", body = IntegrationOut)
    )
)]
pub(in crate::http) async fn put_integration(
    caller: Caller<ConnectorsWrite>,
    InPath(Segment(slug)): InPath<Segment>,
    _: NoQuery,
    JsonBody(integration): JsonBody<IntegrationIn>,
) -> Made<IntegrationOut> {
    let (integration, fresh) =
        caller.hub.put_integration(&caller.actor, &slug, integration.into(), None).await?;
    Ok((made(fresh), Json(integration.into())))
}

/// Removes an integration. Credentials stay: they belong to their users.
#[utoipa::path(
    delete, path = "/integrations/{slug}", tag = "integrations", security(("key" = ["connectors:write"])),
    params(("slug" = String, Path)),
    responses((status = 200, description = "Gone", body = DeletedOut), (status = 404, description = "No such integration"))
)]
pub(in crate::http) async fn delete_integration(
    caller: Caller<ConnectorsWrite>,
    InPath(Segment(slug)): InPath<Segment>,
    _: NoQuery,
) -> Answer<DeletedOut> {
    caller.hub.delete_integration(&caller.actor, &slug).await?;
    Ok(Json(DeletedOut::DONE))
}
