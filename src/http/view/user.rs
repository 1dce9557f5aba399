//! Users on the wire.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;

use super::{Time, given, present};
use crate::domain::user::User;
use crate::service::users::{NewUser, UserChange};

/// A user to be made.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(in crate::http) struct UserIn {
    /// Your name for the user, unique in the environment.
    #[schema(example = "u-17", min_length = 1, max_length = 200)]
    username: String,
    /// For display.
    #[schema(example = "Jo Smith", min_length = 1, max_length = 200)]
    full_name: Option<String>,
    /// For display and events.
    #[schema(example = "jo@acme.test", max_length = 254)]
    email: Option<String>,
    /// For display.
    #[schema(min_length = 1, max_length = 200)]
    organization: Option<String>,
    /// Words of yours, at most 50.
    #[schema(max_items = 50)]
    tags: Option<Vec<String>>,
}

impl From<UserIn> for NewUser {
    fn from(user: UserIn) -> Self {
        Self {
            username: user.username,
            full_name: user.full_name,
            email: user.email,
            organization: user.organization,
            tags: user.tags.unwrap_or_default(),
        }
    }
}

/// Changes of a user. What is left out stays; null clears.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(in crate::http) struct UserPatch {
    /// Your name for the user.
    #[serde(default, deserialize_with = "given")]
    #[schema(nullable = false, min_length = 1, max_length = 200)]
    username: Option<String>,
    /// For display.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<String>, min_length = 1, max_length = 200)]
    full_name: Option<Option<String>>,
    /// For display and events.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<String>, max_length = 254)]
    email: Option<Option<String>>,
    /// For display.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<String>, min_length = 1, max_length = 200)]
    organization: Option<Option<String>>,
    /// Words of yours, at most 50.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<Vec<String>>, max_items = 50)]
    tags: Option<Option<Vec<String>>>,
}

impl From<UserPatch> for UserChange {
    fn from(patch: UserPatch) -> Self {
        Self {
            username: patch.username,
            full_name: patch.full_name,
            email: patch.email,
            organization: patch.organization,
            tags: patch.tags.map(Option::unwrap_or_default),
        }
    }
}

/// An end user.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(in crate::http) struct UserOut {
    /// Our id.
    #[schema(example = "user_01jz0000000000000000000000")]
    user_id: String,
    /// Your name for the user.
    #[schema(example = "u-17")]
    username: String,
    /// For display.
    full_name: Option<String>,
    /// For display and events.
    email: Option<String>,
    /// For display.
    organization: Option<String>,
    /// Words of yours.
    tags: Vec<String>,
    /// When the user was made.
    created_at: Time,
    /// When the user last changed.
    updated_at: Time,
}

impl From<User> for UserOut {
    fn from(user: User) -> Self {
        Self {
            user_id: user.id.to_string(),
            username: user.username,
            full_name: user.full_name,
            email: user.email,
            organization: user.organization,
            tags: user.tags,
            created_at: user.created_at.into(),
            updated_at: user.updated_at.into(),
        }
    }
}

/// Up to 1,000 users.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::http) struct BatchIn {
    /// The users; one with a mistake does not keep the others from being made.
    #[schema(value_type = Vec<UserIn>, min_items = 1, max_items = 1000)]
    pub(in crate::http) users: Vec<Map<String, Value>>,
}

/// What came of a batch.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(in crate::http) struct BatchOut {
    /// Always `success`.
    #[schema(example = "success")]
    message: &'static str,
    /// Those that were made.
    users: Vec<UserOut>,
    /// The others as they were sent, each with `code` and `message`.
    invalid_users: Vec<Map<String, Value>>,
}

impl BatchOut {
    /// The users that were made, and the others.
    pub(in crate::http) fn new(users: Vec<User>, invalid_users: Vec<Map<String, Value>>) -> Self {
        Self { message: "success", users: users.into_iter().map(UserOut::from).collect(), invalid_users }
    }
}
