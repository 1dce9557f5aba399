//! The environment of the key.

use axum::Json;

use super::Answer;
use crate::http::extract::{Caller, ConnectorsRead, ConnectorsWrite, JsonBody, NoQuery};
use crate::http::view::{EnvironmentOut, EnvironmentPatch};

/// Shows the environment that the key belongs to.
#[utoipa::path(
    get, path = "/environment", tag = "environment", security(("key" = ["connectors:read"])),
    responses((status = 200, description = "The environment", body = EnvironmentOut))
)]
pub(in crate::http) async fn get_environment(
    caller: Caller<ConnectorsRead>,
    _: NoQuery,
) -> Answer<EnvironmentOut> {
    Ok(Json(caller.hub.get_environment(&caller.actor).await?.into()))
}

/// Changes the settings that are sent.
#[utoipa::path(
    patch, path = "/environment", tag = "environment", security(("key" = ["connectors:write"])),
    request_body = EnvironmentPatch,
    responses((status = 200, description = "The environment", body = EnvironmentOut))
)]
pub(in crate::http) async fn update_environment(
    caller: Caller<ConnectorsWrite>,
    _: NoQuery,
    JsonBody(change): JsonBody<EnvironmentPatch>,
) -> Answer<EnvironmentOut> {
    Ok(Json(caller.hub.update_environment(&caller.actor, change.into(), None).await?.into()))
}
