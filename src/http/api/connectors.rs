//! Connectors.

use axum::Json;
use serde::Deserialize;
use utoipa::IntoParams;

use super::{Answer, Made, made};
use crate::http::extract::{
    Caller, ConnectorsRead, ConnectorsWrite, Flag, InPath, JsonBody, Listing, NoFilter, NoQuery, Query,
    Segment,
};
use crate::http::view::{ConnectorIn, ConnectorOut, DeletedOut, PageOut, PageParams};

/// Lists the connectors that were PUT or have credentials.
#[utoipa::path(
    get, path = "/connectors", tag = "connectors", security(("key" = ["connectors:read"])), params(PageParams),
    responses((status = 200, description = "A page of connectors", body = PageOut<ConnectorOut>))
)]
pub(in crate::http) async fn list_connectors(
    caller: Caller<ConnectorsRead>,
    Listing { page, .. }: Listing<NoFilter>,
) -> Answer<PageOut<ConnectorOut>> {
    let found = caller.hub.list_connectors(&caller.actor, &page, None).await?;
    Ok(Json(PageOut::of(found, ConnectorOut::from)))
}

/// Shows a connector.
#[utoipa::path(
    get, path = "/connectors/{key}", tag = "connectors", security(("key" = ["connectors:read"])),
    params(("key" = String, Path, description = "The connector's key")),
    responses(
        (status = 200, description = "The connector", body = ConnectorOut),
        (status = 404, description = "No such connector")
    )
)]
pub(in crate::http) async fn get_connector(
    caller: Caller<ConnectorsRead>,
    InPath(Segment(key)): InPath<Segment>,
    _: NoQuery,
) -> Answer<ConnectorOut> {
    Ok(Json(caller.hub.get_connector(&caller.actor, &key, None).await?.into()))
}

/// Makes or replaces a connector. A secret that is left out stays as it was.
#[utoipa::path(
    put, path = "/connectors/{key}", tag = "connectors", security(("key" = ["connectors:write"])),
    params(("key" = String, Path, description = "The connector's key")),
    request_body = ConnectorIn,
    responses(
        (status = 200, description = "Replaced", body = ConnectorOut),
        (status = 201, description = "New", body = ConnectorOut),
        (status = 400, description = "`invalid_request`, `secret_missing`"),
        (status = 403, description = "`scope_missing`, `subscription_required`")
    )
)]
pub(in crate::http) async fn put_connector(
    caller: Caller<ConnectorsWrite>,
    InPath(Segment(key)): InPath<Segment>,
    _: NoQuery,
    JsonBody(connector): JsonBody<ConnectorIn>,
) -> Made<ConnectorOut> {
    let (connector, fresh) = caller.hub.put_connector(&caller.actor, &key, connector.into(), None).await?;
    Ok((made(fresh), Json(connector.into())))
}

/// How to delete.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(in crate::http) struct Deletion {
    /// Whether its credentials are deleted too.
    #[serde(default)]
    #[param(value_type = bool, default = false, required = false)]
    force: Flag,
}

/// Removes a connector; with `force` its credentials too.
#[utoipa::path(
    delete, path = "/connectors/{key}", tag = "connectors", security(("key" = ["connectors:write"])),
    params(("key" = String, Path, description = "The connector's key"), Deletion),
    responses(
        (status = 200, description = "Gone", body = DeletedOut),
        (status = 404, description = "No such connector"),
        (status = 409, description = "`in_use`")
    )
)]
pub(in crate::http) async fn delete_connector(
    caller: Caller<ConnectorsWrite>,
    InPath(Segment(key)): InPath<Segment>,
    Query(how): Query<Deletion>,
) -> Answer<DeletedOut> {
    caller.hub.delete_connector(&caller.actor, &key, how.force.0).await?;
    Ok(Json(DeletedOut::DONE))
}
