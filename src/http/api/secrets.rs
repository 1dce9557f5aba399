//! Secrets.

use axum::Json;
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use serde::Deserialize;
use utoipa::IntoParams;
use vouchsafe_entity::kind::SecretType;

use super::{Answer, Made};
use crate::http::Problem;
use crate::http::extract::{
    Caller, Flag, InPath, JsonBody, Listing, NoBody, NoQuery, Query, SecretsRead, SecretsReveal,
    SecretsWrite, Segment,
};
use crate::http::idempotency::NotKept;
use crate::http::view::{
    DeletedOut, PageOut, PageParams, RevealedOut, SecretIn, SecretOut, SecretPatch, SecretTypeWord,
};
use crate::service::secrets::SecretFilter;
use crate::service::{Code, Error};

/// Which secrets are wanted.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(in crate::http) struct SecretQuery {
    /// Switched on, or off.
    #[param(value_type = Option<bool>)]
    active: Option<Flag>,
    /// Issued by this third party.
    issuer: Option<String>,
    /// Of this type.
    #[serde(rename = "type")]
    #[param(rename = "type", value_type = Option<SecretTypeWord>)]
    kind: Option<SecretType>,
    /// Covering the environment of this name too.
    environment: Option<String>,
}

impl From<SecretQuery> for SecretFilter {
    fn from(query: SecretQuery) -> Self {
        Self {
            active: query.active.map(|flag| flag.0),
            issuer: query.issuer,
            kind: query.kind,
            environment: query.environment,
            ..Self::default()
        }
    }
}

/// Lists the secrets of the environment, by key, without their values.
#[utoipa::path(
    get, path = "/secrets", tag = "secrets", security(("key" = ["secrets:read"])), params(PageParams, SecretQuery),
    responses((status = 200, description = "A page of secrets", body = PageOut<SecretOut>))
)]
pub(in crate::http) async fn list_secrets(
    caller: Caller<SecretsRead>,
    Listing { page, filter }: Listing<SecretQuery>,
) -> Answer<PageOut<SecretOut>> {
    let found = caller.hub.list_secrets(&caller.actor, &filter.into(), &page).await?;
    Ok(Json(PageOut::of(found, SecretOut::from)))
}

/// Makes a secret.
#[utoipa::path(
    post, path = "/secrets", tag = "secrets", security(("key" = ["secrets:write"])),
    request_body = SecretIn,
    responses(
        (status = 201, description = "The secret, without its value", body = SecretOut),
        (status = 400, description = "`invalid_request`, `wrong_environment`"),
        (status = 403, description = "`scope_missing`, `subscription_required`"),
        (status = 409, description = "`key_taken`")
    )
)]
pub(in crate::http) async fn create_secret(
    caller: Caller<SecretsWrite>,
    _: NoQuery,
    JsonBody(secret): JsonBody<SecretIn>,
) -> Made<SecretOut> {
    let made = caller.hub.create_secret(&caller.actor, secret.into()).await?;
    Ok((StatusCode::CREATED, Json(made.into())))
}

/// Shows a secret, without its value.
#[utoipa::path(
    get, path = "/secrets/{secretKey}", tag = "secrets", security(("key" = ["secrets:read"])),
    params(("secretKey" = String, Path, description = "The secret's key")),
    responses((status = 200, description = "The secret", body = SecretOut), (status = 404, description = "No such secret"))
)]
pub(in crate::http) async fn get_secret(
    caller: Caller<SecretsRead>,
    InPath(Segment(key)): InPath<Segment>,
    _: NoQuery,
) -> Answer<SecretOut> {
    Ok(Json(caller.hub.get_secret(&caller.actor, &key).await?.into()))
}

/// Changes what is sent of a secret. Key, visibility, type and issuer never change.
#[utoipa::path(
    patch, path = "/secrets/{secretKey}", tag = "secrets", security(("key" = ["secrets:write"])),
    params(("secretKey" = String, Path, description = "The secret's key")),
    request_body = SecretPatch,
    responses(
        (status = 200, description = "The secret", body = SecretOut),
        (status = 400, description = "`invalid_request`, `immutable_field`, `wrong_environment`"),
        (status = 403, description = "`scope_missing`, `subscription_required`"),
        (status = 404, description = "No such secret"),
        (status = 409, description = "`secret_expired`, `secret_revoked`, `key_taken`")
    )
)]
pub(in crate::http) async fn update_secret(
    caller: Caller<SecretsWrite>,
    InPath(Segment(key)): InPath<Segment>,
    _: NoQuery,
    JsonBody(change): JsonBody<SecretPatch>,
) -> Answer<SecretOut> {
    if let Some(name) = change.immutable() {
        let detail = format!("The {name} of a secret never changes; make another secret.");
        return Err(Error::refused_at(Code::ImmutableField, &format!("/{name}"), detail).into());
    }
    Ok(Json(caller.hub.update_secret(&caller.actor, &key, change.into(), None).await?.into()))
}

/// How to delete.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(in crate::http) struct SecretDeletion {
    /// Whether it is deleted although settings refer to it.
    #[serde(default)]
    #[param(value_type = bool, default = false, required = false)]
    force: Flag,
}

/// Removes a secret and its value.
#[utoipa::path(
    delete, path = "/secrets/{secretKey}", tag = "secrets", security(("key" = ["secrets:write"])),
    params(("secretKey" = String, Path, description = "The secret's key"), SecretDeletion),
    responses(
        (status = 200, description = "Gone", body = DeletedOut),
        (status = 404, description = "No such secret"),
        (status = 409, description = "`in_use`")
    )
)]
pub(in crate::http) async fn delete_secret(
    caller: Caller<SecretsWrite>,
    InPath(Segment(key)): InPath<Segment>,
    Query(how): Query<SecretDeletion>,
) -> Answer<DeletedOut> {
    caller.hub.delete_secret(&caller.actor, &key, how.force.0).await?;
    Ok(Json(DeletedOut::DONE))
}

/// Switches a secret off.
#[utoipa::path(
    post, path = "/secrets/{secretKey}/deactivate", tag = "secrets", security(("key" = ["secrets:write"])),
    params(("secretKey" = String, Path, description = "The secret's key")),
    responses((status = 200, description = "The secret", body = SecretOut), (status = 404, description = "No such secret"))
)]
pub(in crate::http) async fn deactivate_secret(
    caller: Caller<SecretsWrite>,
    InPath(Segment(key)): InPath<Segment>,
    _: NoQuery,
    _: NoBody,
) -> Answer<SecretOut> {
    Ok(Json(caller.hub.deactivate_secret(&caller.actor, &key).await?.into()))
}

/// Switches a secret on again.
#[utoipa::path(
    post, path = "/secrets/{secretKey}/reactivate", tag = "secrets", security(("key" = ["secrets:write"])),
    params(("secretKey" = String, Path, description = "The secret's key")),
    responses(
        (status = 200, description = "The secret", body = SecretOut),
        (status = 403, description = "`scope_missing`, `subscription_required`"),
        (status = 404, description = "No such secret"),
        (status = 409, description = "`secret_expired`, `secret_revoked`")
    )
)]
pub(in crate::http) async fn reactivate_secret(
    caller: Caller<SecretsWrite>,
    InPath(Segment(key)): InPath<Segment>,
    _: NoQuery,
    _: NoBody,
) -> Answer<SecretOut> {
    Ok(Json(caller.hub.reactivate_secret(&caller.actor, &key).await?.into()))
}

/// Ends a secret for good: its value is wiped, its row stays. Tell its issuer yourself.
#[utoipa::path(
    post, path = "/secrets/{secretKey}/revoke", tag = "secrets", security(("key" = ["secrets:write"])),
    params(("secretKey" = String, Path, description = "The secret's key")),
    responses((status = 200, description = "The secret", body = SecretOut), (status = 404, description = "No such secret"))
)]
pub(in crate::http) async fn revoke_secret(
    caller: Caller<SecretsWrite>,
    InPath(Segment(key)): InPath<Segment>,
    _: NoQuery,
    _: NoBody,
) -> Answer<SecretOut> {
    Ok(Json(caller.hub.revoke_secret(&caller.actor, &key).await?.into()))
}

/// Shows the value of a masked secret. Each time is audited, so an `Idempotency-Key` replays nothing here.
#[utoipa::path(
    post, path = "/secrets/{secretKey}/reveal", tag = "secrets", security(("key" = ["secrets:reveal"])),
    params(("secretKey" = String, Path, description = "The secret's key")),
    responses(
        (status = 200, description = "The value", body = RevealedOut),
        (status = 403, description = "`scope_missing`, `restricted`"),
        (status = 404, description = "No such secret"),
        (status = 409, description = "`secret_revoked`")
    )
)]
pub(in crate::http) async fn reveal_secret(
    caller: Caller<SecretsReveal>,
    InPath(Segment(key)): InPath<Segment>,
    _: NoQuery,
    _: NoBody,
) -> Result<Response, Problem> {
    let value = caller.hub.reveal_secret(&caller.actor, &key).await?;
    let mut response = Json(RevealedOut { value }).into_response();
    response.extensions_mut().insert(NotKept);
    Ok(response)
}
