//! Connect sessions.

use axum::Json;
use http::StatusCode;
use vouchsafe_entity::id::SessionId;

use super::{Answer, Made};
use crate::http::extract::{Caller, InPath, JsonBody, NoQuery, SessionsWrite};
use crate::http::view::{ConfirmationIn, DeletedOut, NewSessionOut, SessionIn, SessionOut};

/// Makes a connect session for a user. Its token is shown this once.
#[utoipa::path(
    post, path = "/connect/sessions", tag = "connecting", security(("key" = ["sessions:write"])),
    request_body = SessionIn,
    responses(
        (status = 201, description = "The session with its token", body = NewSessionOut),
        (status = 400, description = "`invalid_request`, `connector_incomplete`, `connector_disabled`"),
        (status = 403, description = "`scope_missing`, `subscription_required`")
    )
)]
pub(in crate::http) async fn create_connect_session(
    caller: Caller<SessionsWrite>,
    _: NoQuery,
    JsonBody(session): JsonBody<SessionIn>,
) -> Made<NewSessionOut> {
    let made = caller.hub.create_session(&caller.actor, session.try_into()?).await?;
    Ok((StatusCode::CREATED, Json(made.into())))
}

/// Shows how far a session is.
#[utoipa::path(
    get, path = "/connect/sessions/{sessionId}", tag = "connecting", security(("key" = ["sessions:write"])),
    params(("sessionId" = String, Path)),
    responses((status = 200, description = "The session", body = SessionOut), (status = 404, description = "No such session"))
)]
pub(in crate::http) async fn get_connect_session(
    caller: Caller<SessionsWrite>,
    InPath(id): InPath<SessionId>,
    _: NoQuery,
) -> Answer<SessionOut> {
    Ok(Json(caller.hub.get_session(&caller.actor, id).await?.into()))
}

/// Ends a session; the modal stops at once.
#[utoipa::path(
    delete, path = "/connect/sessions/{sessionId}", tag = "connecting", security(("key" = ["sessions:write"])),
    params(("sessionId" = String, Path)),
    responses((status = 200, description = "Ended", body = DeletedOut), (status = 404, description = "No such session"))
)]
pub(in crate::http) async fn cancel_connect_session(
    caller: Caller<SessionsWrite>,
    InPath(id): InPath<SessionId>,
    _: NoQuery,
) -> Answer<DeletedOut> {
    caller.hub.cancel_session(&caller.actor, id).await?;
    Ok(Json(DeletedOut::DONE))
}

/// Confirms a credential, inside the back end's own user's session.
#[utoipa::path(
    post, path = "/connect/sessions/{sessionId}/confirm", tag = "connecting",
    security(("key" = ["sessions:write"])),
    params(("sessionId" = String, Path)),
    request_body = ConfirmationIn,
    responses(
        (status = 200, description = "The session", body = SessionOut),
        (status = 400, description = "`confirmation_refused`"),
        (status = 403, description = "`scope_missing`, `subscription_required`"),
        (status = 404, description = "No such session"),
        (status = 409, description = "`confirmation_expired`")
    )
)]
pub(in crate::http) async fn confirm_connect_session(
    caller: Caller<SessionsWrite>,
    InPath(id): InPath<SessionId>,
    _: NoQuery,
    JsonBody(given): JsonBody<ConfirmationIn>,
) -> Answer<SessionOut> {
    let confirmed =
        caller.hub.confirm_session(&caller.actor, id, &given.user_id, &given.confirmation_code).await?;
    Ok(Json(confirmed.into()))
}
