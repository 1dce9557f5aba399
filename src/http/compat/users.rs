//! Users in the dialects.

use axum::Json;
use serde::Serialize;
use serde_json::{Map, Value, json};

use super::loose::{Loose, text};
use super::{DONE, Data, Done, first, next};
use crate::domain::user::User;
use crate::http::Problem;
use crate::http::extract::{Caller, InPath, Segment, SessionsWrite, UsersRead, UsersWrite};
use crate::service::Error;
use crate::service::users::{Batch, NewUser, UserChange};

type Answer<T> = Result<Json<T>, Problem>;

/// A user.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct UserOut {
    user_id: String,
    username: String,
    full_name: Option<String>,
}

impl From<User> for UserOut {
    fn from(user: User) -> Self {
        Self { user_id: user.id.to_string(), username: user.username, full_name: user.full_name }
    }
}

/// What came of a batch.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct BatchOut {
    message: &'static str,
    invalid_users: Vec<Value>,
}

/// `POST /users`.
pub(super) async fn create_user(caller: Caller<UsersWrite>, body: Loose) -> Answer<Value> {
    let new = NewUser {
        username: body.required("username")?,
        full_name: body.text("fullName")?,
        ..NewUser::default()
    };
    let user = caller.hub.create_user(&caller.actor, new).await?;
    Ok(Json(json!({"userId": user.id.to_string()})))
}

/// `POST /users/batch`: those that cannot be made are given back.
pub(super) async fn create_users(caller: Caller<UsersWrite>, body: Loose) -> Answer<BatchOut> {
    let users = body.value("users")?;
    let Value::Array(users) = users else {
        return Err(Problem::invalid_at("/users", "invalid_type", "Send a list of users."));
    };
    if users.is_empty() || users.len() > 1_000 {
        return Err(Error::invalid("/users", "invalid_length", "Send 1 to 1,000 users.").into());
    }
    let (mut places, mut new, mut invalid) = (Vec::new(), Vec::new(), Vec::new());
    for (at, user) in users.iter().enumerate() {
        match user.as_object().and_then(new_user) {
            Some(user) => {
                places.push(at);
                new.push(user);
            }
            None => invalid.push(at),
        }
    }
    if !new.is_empty() {
        let Batch { invalid: refused, .. } = caller.hub.create_users(&caller.actor, new).await?;
        invalid.extend(refused.into_iter().map(|(at, _)| places[at]));
    }
    invalid.sort_unstable();
    let invalid_users = invalid.into_iter().map(|at| as_sent(&users[at])).collect();
    Ok(Json(BatchOut { message: "success", invalid_users }))
}

fn new_user(sent: &Map<String, Value>) -> Option<NewUser> {
    let username = text(sent, "username", "").ok()??;
    let full_name = text(sent, "fullName", "").ok()?;
    Some(NewUser { username, full_name, ..NewUser::default() })
}

fn as_sent(user: &Value) -> Value {
    let member = |name: &str| Some((name.to_owned(), user.get(name)?.clone()));
    Value::Object(["fullName", "username"].into_iter().filter_map(member).collect())
}

/// `GET /users`.
pub(super) async fn list_users(caller: Caller<UsersRead>) -> Answer<Data<Vec<UserOut>>> {
    let (mut users, mut page) = (Vec::new(), Some(first()));
    while let Some(request) = page {
        let found = caller.hub.list_users(&caller.actor, None, &request).await?;
        page = next(&found);
        users.extend(found.items.into_iter().map(UserOut::from));
    }
    Ok(Json(Data { data: users }))
}

/// `GET /users/{user}`.
pub(super) async fn get_user(
    caller: Caller<UsersRead>,
    InPath(Segment(user)): InPath<Segment>,
) -> Answer<UserOut> {
    Ok(Json(caller.hub.get_user(&caller.actor, &user).await?.into()))
}

/// `PUT /users/{user}`.
pub(super) async fn update_user(
    caller: Caller<UsersWrite>,
    InPath(Segment(user)): InPath<Segment>,
    body: Loose,
) -> Answer<UserOut> {
    let full_name = if body.has("fullName") { Some(body.text("fullName")?) } else { None };
    let change = UserChange { username: body.text("username")?, full_name, ..UserChange::default() };
    Ok(Json(caller.hub.update_user(&caller.actor, &user, change).await?.into()))
}

/// `DELETE /users/{user}`.
pub(super) async fn delete_user(
    caller: Caller<UsersWrite>,
    InPath(Segment(user)): InPath<Segment>,
) -> Answer<Done> {
    caller.hub.delete_user(&caller.actor, &user).await?;
    Ok(Json(DONE))
}

/// `GET /users/{user}/token`: a connect session token.
pub(super) async fn get_user_token(
    caller: Caller<SessionsWrite>,
    InPath(Segment(user)): InPath<Segment>,
) -> Answer<Value> {
    let made = caller.hub.user_session(&caller.actor, &user).await?;
    Ok(Json(json!({"token": made.token.expose()})))
}
