//! Hub API keys.

use axum::Json;
use http::StatusCode;
use vouchsafe_entity::id::ApiKeyId;

use super::{Answer, Made};
use crate::http::extract::{Caller, InPath, JsonBody, KeysWrite, Listing, NoBody, NoFilter, NoQuery};
use crate::http::view::{ApiKeyIn, ApiKeyOut, ApiKeyPatch, DeletedOut, NewApiKeyOut, PageOut, PageParams};

/// Makes a key. Its value is shown this once.
#[utoipa::path(
    post, path = "/api-keys", tag = "api keys", security(("key" = ["keys:write"])),
    request_body = ApiKeyIn,
    responses(
        (status = 201, description = "The key with its value", body = NewApiKeyOut),
        (status = 403, description = "`scope_missing`, `scope_exceeded`"),
        (status = 409, description = "`too_many_keys`")
    )
)]
pub(in crate::http) async fn create_api_key(
    caller: Caller<KeysWrite>,
    _: NoQuery,
    JsonBody(key): JsonBody<ApiKeyIn>,
) -> Made<NewApiKeyOut> {
    let grantor = Some(&caller.key.scopes);
    let made = caller.hub.create_api_key(&caller.actor, grantor, key.into()).await?;
    Ok((StatusCode::CREATED, Json(made.into())))
}

/// Lists the keys of the environment, newest first.
#[utoipa::path(
    get, path = "/api-keys", tag = "api keys", security(("key" = ["keys:write"])), params(PageParams),
    responses((status = 200, description = "A page of keys", body = PageOut<ApiKeyOut>))
)]
pub(in crate::http) async fn list_api_keys(
    caller: Caller<KeysWrite>,
    Listing { page, .. }: Listing<NoFilter>,
) -> Answer<PageOut<ApiKeyOut>> {
    let found = caller.hub.list_api_keys(&caller.actor, &page).await?;
    Ok(Json(PageOut::of(found, ApiKeyOut::from)))
}

/// Shows a key, without its value.
#[utoipa::path(
    get, path = "/api-keys/{apiKeyId}", tag = "api keys", security(("key" = ["keys:write"])),
    params(("apiKeyId" = String, Path)),
    responses((status = 200, description = "The key", body = ApiKeyOut), (status = 404, description = "No such key"))
)]
pub(in crate::http) async fn get_api_key(
    caller: Caller<KeysWrite>,
    InPath(id): InPath<ApiKeyId>,
    _: NoQuery,
) -> Answer<ApiKeyOut> {
    Ok(Json(caller.hub.get_api_key(&caller.actor, id).await?.into()))
}

/// Renames a key, or switches it off and on.
#[utoipa::path(
    patch, path = "/api-keys/{apiKeyId}", tag = "api keys", security(("key" = ["keys:write"])),
    params(("apiKeyId" = String, Path)),
    request_body = ApiKeyPatch,
    responses((status = 200, description = "The key", body = ApiKeyOut), (status = 404, description = "No such key"))
)]
pub(in crate::http) async fn update_api_key(
    caller: Caller<KeysWrite>,
    InPath(id): InPath<ApiKeyId>,
    _: NoQuery,
    JsonBody(change): JsonBody<ApiKeyPatch>,
) -> Answer<ApiKeyOut> {
    let key = caller.hub.update_api_key(&caller.actor, id, change.name, change.active).await?;
    Ok(Json(key.into()))
}

/// Removes a key; it stops at once.
#[utoipa::path(
    delete, path = "/api-keys/{apiKeyId}", tag = "api keys", security(("key" = ["keys:write"])),
    params(("apiKeyId" = String, Path)),
    responses((status = 200, description = "Gone", body = DeletedOut), (status = 404, description = "No such key"))
)]
pub(in crate::http) async fn delete_api_key(
    caller: Caller<KeysWrite>,
    InPath(id): InPath<ApiKeyId>,
    _: NoQuery,
) -> Answer<DeletedOut> {
    caller.hub.delete_api_key(&caller.actor, id).await?;
    Ok(Json(DeletedOut::DONE))
}

/// Gives a key a new value; the old one works for seven days more.
#[utoipa::path(
    post, path = "/api-keys/{apiKeyId}/rotate", tag = "api keys", security(("key" = ["keys:write"])),
    params(("apiKeyId" = String, Path)),
    responses(
        (status = 200, description = "The key with its new value", body = NewApiKeyOut),
        (status = 403, description = "`scope_missing`, `scope_exceeded`"),
        (status = 404, description = "No such key")
    )
)]
pub(in crate::http) async fn rotate_api_key(
    caller: Caller<KeysWrite>,
    InPath(id): InPath<ApiKeyId>,
    _: NoQuery,
    _: NoBody,
) -> Answer<NewApiKeyOut> {
    let grantor = Some(&caller.key.scopes);
    Ok(Json(caller.hub.rotate_api_key(&caller.actor, grantor, id).await?.into()))
}
