//! Credentials.

use axum::Json;
use http::StatusCode;
use serde::Deserialize;
use utoipa::IntoParams;
use vouchsafe_entity::id::CredentialId;
use vouchsafe_entity::kind::Status;
use vouchsafe_entity::millis::Millis;

use super::{Answer, Made};
use crate::domain::actor::Actor;
use crate::domain::page::{Page, PageRequest};
use crate::http::Problem;
use crate::http::extract::{
    Caller, CredentialsRead, CredentialsReveal, CredentialsWrite, InPath, JsonBody, Listing, NoBody, NoQuery,
};
use crate::http::view::{
    CredentialIn, CredentialOut, CredentialPatch, EndedOut, PageOut, PageParams, StatusWord, TokenOut,
    TokenShape, VerificationOut,
};
use crate::service::Hub;
use crate::service::credentials::{CredentialQuery, Stored};

/// Which credentials are wanted.
#[derive(Deserialize, IntoParams)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[into_params(parameter_in = Query, rename_all = "camelCase")]
pub(in crate::http) struct CredentialFilter {
    /// Of this user, by `user_…` or username.
    user_id: Option<String>,
    /// Of this connector.
    connector: Option<String>,
    /// Of the connectors of this integration.
    integration: Option<String>,
    /// Shown with this status.
    #[param(value_type = Option<StatusWord>)]
    status: Option<Status>,
    /// Somebody must act before this time; the soonest comes first.
    #[param(format = DateTime)]
    expires_before: Option<String>,
}

/// Which credentials of a user are wanted.
#[derive(Deserialize, IntoParams)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[into_params(parameter_in = Query, rename_all = "camelCase")]
pub(in crate::http) struct CredentialFilterOfUser {
    /// Of this connector.
    connector: Option<String>,
    /// Of the connectors of this integration.
    integration: Option<String>,
    /// Shown with this status.
    #[param(value_type = Option<StatusWord>)]
    status: Option<Status>,
    /// Somebody must act before this time; the soonest comes first.
    #[param(format = DateTime)]
    expires_before: Option<String>,
}

impl CredentialFilterOfUser {
    /// The same as the use case takes it.
    pub(in crate::http) fn query(self, user: Option<String>) -> Result<CredentialQuery, Problem> {
        Ok(CredentialQuery {
            user,
            connector: self.connector,
            integration: self.integration,
            status: self.status,
            expires_before: self.expires_before.as_deref().map(moment).transpose()?,
        })
    }
}

fn moment(text: &str) -> Result<Millis, Problem> {
    // A `+` of an offset arrives as a space where the caller did not encode it.
    let at = chrono::DateTime::parse_from_rfc3339(&text.replace(' ', "+"));
    at.map(|at| at.to_utc().into()).map_err(|_| {
        let message = "Write a time such as 2031-01-31T12:00:00Z.";
        Problem::invalid_at("/expiresBefore", "invalid_date", message)
    })
}

/// A page of credentials with their views.
pub(in crate::http) async fn credentials_page(
    hub: &Hub,
    actor: &Actor,
    query: CredentialQuery,
    page: &PageRequest,
) -> Answer<PageOut<CredentialOut>> {
    let found = hub.list_credentials(actor, query, page).await?;
    let mut shown = Vec::with_capacity(found.items.len());
    for credential in found.items {
        shown.push(view(hub, actor, credential.into()).await?);
    }
    let page = Page { items: shown, next_cursor: found.next_cursor };
    Ok(Json(PageOut::of(page, |credential| credential)))
}

async fn view(hub: &Hub, actor: &Actor, stored: Stored) -> Result<CredentialOut, Problem> {
    let Stored { credential, warnings } = stored;
    let reconnect_url = hub.reconnect_url_of(actor, &credential).await?;
    Ok(CredentialOut::new(credential, reconnect_url, &warnings, hub.now()))
}

/// Lists credentials, newest first; with `expiresBefore`, the soonest end first.
#[utoipa::path(
    get, path = "/credentials", tag = "credentials", security(("key" = ["credentials:read"])),
    params(PageParams, CredentialFilter),
    responses((status = 200, description = "A page of credentials", body = PageOut<CredentialOut>))
)]
pub(in crate::http) async fn list_credentials(
    caller: Caller<CredentialsRead>,
    Listing { page, filter }: Listing<CredentialFilter>,
) -> Answer<PageOut<CredentialOut>> {
    let of_user = CredentialFilterOfUser {
        connector: filter.connector,
        integration: filter.integration,
        status: filter.status,
        expires_before: filter.expires_before,
    };
    credentials_page(&caller.hub, &caller.actor, of_user.query(filter.user_id)?, &page).await
}

/// Makes a credential of typed values, once the app has taken them.
#[utoipa::path(
    post, path = "/credentials", tag = "credentials", security(("key" = ["credentials:write"])),
    request_body = CredentialIn,
    responses(
        (status = 201, description = "The new credential", body = CredentialOut),
        (status = 400, description = "`invalid_request`, `oauth_connector`, `connector_incomplete`, `connector_disabled`, `credential_rejected`"),
        (status = 403, description = "`scope_missing`, `subscription_required`"),
        (status = 502, description = "`provider_unreachable`: nothing was stored")
    )
)]
pub(in crate::http) async fn create_credential(
    caller: Caller<CredentialsWrite>,
    _: NoQuery,
    JsonBody(credential): JsonBody<CredentialIn>,
) -> Made<CredentialOut> {
    let stored = caller.hub.create_credential(&caller.actor, credential.into()).await?;
    Ok((StatusCode::CREATED, Json(view(&caller.hub, &caller.actor, stored).await?)))
}

/// Shows a credential.
#[utoipa::path(
    get, path = "/credentials/{credentialId}", tag = "credentials", security(("key" = ["credentials:read"])),
    params(("credentialId" = String, Path)),
    responses(
        (status = 200, description = "The credential", body = CredentialOut),
        (status = 404, description = "No such credential")
    )
)]
pub(in crate::http) async fn get_credential(
    caller: Caller<CredentialsRead>,
    InPath(id): InPath<CredentialId>,
    _: NoQuery,
) -> Answer<CredentialOut> {
    let credential = caller.hub.get_credential(&caller.actor, id).await?;
    Ok(Json(view(&caller.hub, &caller.actor, credential.into()).await?))
}

/// Changes what is sent of a credential. A new value is tested before it takes the place of the old.
#[utoipa::path(
    patch, path = "/credentials/{credentialId}", tag = "credentials", security(("key" = ["credentials:write"])),
    params(("credentialId" = String, Path)),
    request_body = CredentialPatch,
    responses(
        (status = 200, description = "The credential", body = CredentialOut),
        (status = 400, description = "`invalid_request`, `credential_rejected`"),
        (status = 404, description = "No such credential"),
        (status = 409, description = "`credential_expired`, `credential_revoked`"),
        (status = 502, description = "`provider_unreachable`: nothing was changed")
    )
)]
pub(in crate::http) async fn update_credential(
    caller: Caller<CredentialsWrite>,
    InPath(id): InPath<CredentialId>,
    _: NoQuery,
    JsonBody(change): JsonBody<CredentialPatch>,
) -> Answer<CredentialOut> {
    let stored = caller.hub.update_credential(&caller.actor, id, change.into()).await?;
    Ok(Json(view(&caller.hub, &caller.actor, stored).await?))
}

/// Deletes a credential, revoking it at the app where that can be told.
#[utoipa::path(
    delete, path = "/credentials/{credentialId}", tag = "credentials", security(("key" = ["credentials:write"])),
    params(("credentialId" = String, Path)),
    responses((status = 200, description = "Gone", body = EndedOut), (status = 404, description = "No such credential"))
)]
pub(in crate::http) async fn delete_credential(
    caller: Caller<CredentialsWrite>,
    InPath(id): InPath<CredentialId>,
    _: NoQuery,
) -> Answer<EndedOut> {
    Ok(Json(caller.hub.delete_credential(&caller.actor, id).await?.into()))
}

/// Ends the use of a credential for good; its row and history stay.
#[utoipa::path(
    post, path = "/credentials/{credentialId}/revoke", tag = "credentials", security(("key" = ["credentials:write"])),
    params(("credentialId" = String, Path)),
    responses((status = 200, description = "Ended", body = EndedOut), (status = 404, description = "No such credential"))
)]
pub(in crate::http) async fn revoke_credential(
    caller: Caller<CredentialsWrite>,
    InPath(id): InPath<CredentialId>,
    _: NoQuery,
    _: NoBody,
) -> Answer<EndedOut> {
    Ok(Json(caller.hub.revoke_credential(&caller.actor, id).await?.into()))
}

/// Asks the app whether a credential works.
#[utoipa::path(
    post, path = "/credentials/{credentialId}/verify", tag = "credentials", security(("key" = ["credentials:write"])),
    params(("credentialId" = String, Path)),
    responses(
        (status = 200, description = "What the app said", body = VerificationOut),
        (status = 404, description = "No such credential"),
        (status = 409, description = "`no_check`, `credential_expired`, `credential_inactive`, `credential_pending`, `credential_revoked`"),
        (status = 503, description = "`refresh_pending`, `connector_failing`")
    )
)]
pub(in crate::http) async fn verify_credential(
    caller: Caller<CredentialsWrite>,
    InPath(id): InPath<CredentialId>,
    _: NoQuery,
    _: NoBody,
) -> Answer<VerificationOut> {
    Ok(Json(caller.hub.verify_credential(&caller.actor, id).await?.into()))
}

/// Renews the tokens of a credential now.
#[utoipa::path(
    post, path = "/credentials/{credentialId}/refresh", tag = "credentials", security(("key" = ["credentials:write"])),
    params(("credentialId" = String, Path)),
    responses(
        (status = 200, description = "The credential", body = CredentialOut),
        (status = 400, description = "`not_refreshable`"),
        (status = 404, description = "No such credential"),
        (status = 409, description = "`credential_expired`, `credential_inactive`, `credential_pending`, `credential_revoked`"),
        (status = 429, description = "`refresh_too_soon`"),
        (status = 503, description = "`refresh_pending`, `connector_failing`")
    )
)]
pub(in crate::http) async fn refresh_credential(
    caller: Caller<CredentialsWrite>,
    InPath(id): InPath<CredentialId>,
    _: NoQuery,
    _: NoBody,
) -> Answer<CredentialOut> {
    let credential = caller.hub.refresh_credential(&caller.actor, id).await?;
    Ok(Json(view(&caller.hub, &caller.actor, credential.into()).await?))
}

/// Reads a token that works for at least 30 s more, or to its end where nothing renews it; or the values of a key.
#[utoipa::path(
    get, path = "/credentials/{credentialId}/token", tag = "credentials",
    security(("key" = ["credentials:reveal"])), params(("credentialId" = String, Path)),
    responses(
        (status = 200, description = "The token", body = TokenShape),
        (status = 404, description = "No such credential"),
        (status = 409, description = "`credential_expired`, `credential_inactive`, `credential_pending`, `credential_revoked`"),
        (status = 500, description = "`key_unavailable`"),
        (status = 503, description = "`refresh_pending`, `connector_failing`")
    )
)]
pub(in crate::http) async fn get_credential_token(
    caller: Caller<CredentialsReveal>,
    InPath(id): InPath<CredentialId>,
    _: NoQuery,
) -> Answer<TokenOut> {
    Ok(Json(caller.hub.read_token(&caller.actor, id).await?.into()))
}
