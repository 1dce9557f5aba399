//! Users.

use axum::Json;
use http::StatusCode;
use serde::Deserialize;
use serde_json::{Map, Value};
use utoipa::IntoParams;

use super::credentials::{CredentialFilterOfUser, credentials_page};
use super::{Answer, Made};
use crate::http::extract::{
    Caller, CredentialsRead, CredentialsReveal, InPath, JsonBody, Listing, NoFilter, NoQuery, Segment,
    UsersRead, UsersWrite,
};
use crate::http::view::{
    BatchIn, BatchOut, CredentialOut, DeletedOut, PageOut, PageParams, TokenOut, TokenShape, UserIn,
    UserIntegrationOut, UserOut, UserPatch,
};
use crate::service::users::{Batch, NewUser};
use crate::service::{Code, Error, Violation};

/// Makes a user.
#[utoipa::path(
    post, path = "/users", tag = "users", security(("key" = ["users:write"])),
    request_body = UserIn,
    responses((status = 201, description = "The new user", body = UserOut), (status = 409, description = "`username_taken`"))
)]
pub(in crate::http) async fn create_user(
    caller: Caller<UsersWrite>,
    _: NoQuery,
    JsonBody(user): JsonBody<UserIn>,
) -> Made<UserOut> {
    let user = caller.hub.create_user(&caller.actor, user.into()).await?;
    Ok((StatusCode::CREATED, Json(user.into())))
}

/// Makes up to 1,000 users; those with mistakes are answered and the rest is made.
#[utoipa::path(
    post, path = "/users/batch", tag = "users", security(("key" = ["users:write"])),
    request_body = BatchIn,
    responses((status = 200, description = "What was made and what was not", body = BatchOut))
)]
pub(in crate::http) async fn create_users(
    caller: Caller<UsersWrite>,
    _: NoQuery,
    JsonBody(BatchIn { users }): JsonBody<BatchIn>,
) -> Answer<BatchOut> {
    if users.is_empty() || users.len() > 1_000 {
        return Err(Error::invalid("/users", "invalid_length", "Send 1 to 1,000 users.").into());
    }
    let (shaped, mut invalid) = shape(&users);
    let (places, new): (Vec<usize>, Vec<NewUser>) = shaped.into_iter().unzip();
    let made = if new.is_empty() {
        Vec::new()
    } else {
        let Batch { users, invalid: refused } = caller.hub.create_users(&caller.actor, new).await?;
        invalid.extend(refused.into_iter().map(|(at, why)| (places[at], why)));
        users
    };
    invalid.sort_by_key(|(at, _)| *at);
    let invalid = invalid.into_iter().map(|(at, why)| as_sent(&users[at], &why)).collect();
    Ok(Json(BatchOut::new(made, invalid)))
}

type Placed<T> = Vec<(usize, T)>;

/// The users that have the shape of one, and what is wrong with the others.
fn shape(sent: &[Map<String, Value>]) -> (Placed<NewUser>, Placed<Violation>) {
    let (mut shaped, mut invalid) = (Vec::new(), Vec::new());
    for (at, user) in sent.iter().enumerate() {
        match crate::service::shape::shaped::<UserIn>(user.clone()) {
            Ok(user) => shaped.push((at, user.into())),
            Err(violation) => invalid.push((at, violation)),
        }
    }
    (shaped, invalid)
}

/// A refused user as it was sent, with the reason beside its members.
fn as_sent(user: &Map<String, Value>, why: &Violation) -> Map<String, Value> {
    let member = why.pointer.splitn(4, '/').last().unwrap_or_default();
    let taken = why.code == Code::UsernameTaken.as_str();
    let message = if taken { why.message.clone() } else { format!("{member}: {}", why.message) };
    let mut shown = user.clone();
    shown.insert("code".to_owned(), why.code.into());
    shown.insert("message".to_owned(), message.into());
    shown
}

/// Which users are wanted.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(in crate::http) struct UserFilter {
    /// Those with this text in username, name, address or organization.
    search: Option<String>,
}

/// Lists users, newest first.
#[utoipa::path(
    get, path = "/users", tag = "users", security(("key" = ["users:read"])), params(PageParams, UserFilter),
    responses((status = 200, description = "A page of users", body = PageOut<UserOut>))
)]
pub(in crate::http) async fn list_users(
    caller: Caller<UsersRead>,
    Listing { page, filter }: Listing<UserFilter>,
) -> Answer<PageOut<UserOut>> {
    let users = caller.hub.list_users(&caller.actor, filter.search.as_deref(), &page).await?;
    Ok(Json(PageOut::of(users, UserOut::from)))
}

/// Shows a user.
#[utoipa::path(
    get, path = "/users/{userId}", tag = "users", security(("key" = ["users:read"])),
    params(("userId" = String, Path, description = "`user_…` or your username")),
    responses((status = 200, description = "The user", body = UserOut), (status = 404, description = "No such user"))
)]
pub(in crate::http) async fn get_user(
    caller: Caller<UsersRead>,
    InPath(Segment(user)): InPath<Segment>,
    _: NoQuery,
) -> Answer<UserOut> {
    Ok(Json(caller.hub.get_user(&caller.actor, &user).await?.into()))
}

/// Changes the fields of a user that are sent.
#[utoipa::path(
    put, path = "/users/{userId}", tag = "users", security(("key" = ["users:write"])),
    params(("userId" = String, Path, description = "`user_…` or your username")),
    request_body = UserPatch,
    responses(
        (status = 200, description = "The user", body = UserOut),
        (status = 404, description = "No such user"),
        (status = 409, description = "`username_taken`")
    )
)]
pub(in crate::http) async fn update_user(
    caller: Caller<UsersWrite>,
    InPath(Segment(user)): InPath<Segment>,
    _: NoQuery,
    JsonBody(change): JsonBody<UserPatch>,
) -> Answer<UserOut> {
    Ok(Json(caller.hub.update_user(&caller.actor, &user, change.into()).await?.into()))
}

/// Deletes a user with their credentials, revoking those at the app where it can be told.
#[utoipa::path(
    delete, path = "/users/{userId}", tag = "users", security(("key" = ["users:write"])),
    params(("userId" = String, Path, description = "`user_…` or your username")),
    responses((status = 200, description = "Gone", body = DeletedOut), (status = 404, description = "No such user"))
)]
pub(in crate::http) async fn delete_user(
    caller: Caller<UsersWrite>,
    InPath(Segment(user)): InPath<Segment>,
    _: NoQuery,
) -> Answer<DeletedOut> {
    caller.hub.delete_user(&caller.actor, &user).await?;
    Ok(Json(DeletedOut::DONE))
}

/// Lists the credentials of a user, newest first; with `expiresBefore`, the soonest end first.
#[utoipa::path(
    get, path = "/users/{userId}/credentials", tag = "users", security(("key" = ["credentials:read"])),
    params(("userId" = String, Path, description = "`user_…` or your username"), PageParams, CredentialFilterOfUser),
    responses(
        (status = 200, description = "A page of credentials", body = PageOut<CredentialOut>),
        (status = 404, description = "No such user")
    )
)]
pub(in crate::http) async fn list_user_credentials(
    caller: Caller<CredentialsRead>,
    InPath(Segment(user)): InPath<Segment>,
    Listing { page, filter }: Listing<CredentialFilterOfUser>,
) -> Answer<PageOut<CredentialOut>> {
    let user = caller.hub.get_user(&caller.actor, &user).await?;
    let query = filter.query(Some(user.id.to_string()))?;
    credentials_page(&caller.hub, &caller.actor, query, &page).await
}

/// Shows how far a user is with each integration.
#[utoipa::path(
    get, path = "/users/{userId}/integrations", tag = "users", security(("key" = ["users:read"])),
    params(("userId" = String, Path, description = "`user_…` or your username"), PageParams),
    responses(
        (status = 200, description = "A page of integrations", body = PageOut<UserIntegrationOut>),
        (status = 404, description = "No such user")
    )
)]
pub(in crate::http) async fn list_user_integrations(
    caller: Caller<UsersRead>,
    InPath(Segment(user)): InPath<Segment>,
    Listing { page, .. }: Listing<NoFilter>,
) -> Answer<PageOut<UserIntegrationOut>> {
    let found = caller.hub.list_user_integrations(&caller.actor, &user, &page).await?;
    Ok(Json(PageOut::of(found, UserIntegrationOut::from)))
}

/// Reads a token that works, by user and connector: of the newest usable credential, else the newest.
#[utoipa::path(
    get, path = "/users/{userId}/connectors/{connector}/token", tag = "users",
    security(("key" = ["credentials:reveal"])),
    params(
        ("userId" = String, Path, description = "`user_…` or your username"),
        ("connector" = String, Path, description = "The connector's key")
    ),
    responses(
        (status = 200, description = "The token", body = TokenShape),
        (status = 404, description = "No such user, connector or credential"),
        (status = 409, description = "`credential_expired`, `credential_inactive`, `credential_pending`, `credential_revoked`"),
        (status = 500, description = "`key_unavailable`"),
        (status = 503, description = "`refresh_pending`, `connector_failing`")
    )
)]
pub(in crate::http) async fn get_user_token(
    caller: Caller<CredentialsReveal>,
    InPath(names): InPath<(Segment, Segment)>,
    _: NoQuery,
) -> Answer<TokenOut> {
    let (Segment(user), Segment(connector)) = names;
    let token = caller.hub.read_user_token(&caller.actor, &user, &connector).await?;
    Ok(Json(token.into()))
}
