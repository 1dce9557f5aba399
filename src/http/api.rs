//! The handlers of the API, a file a noun. Each takes a caller and a checked input, calls one use case, and wraps a view;
//! its name is the operation id.

pub(super) mod api_keys;
pub(super) mod connectors;
pub(super) mod credentials;
pub(super) mod environment;
pub(super) mod events;
pub(super) mod integrations;
pub(super) mod providers;
pub(super) mod proxy;
pub(super) mod secrets;
pub(super) mod service;
pub(super) mod sessions;
pub(super) mod users;
pub(super) mod webhooks;

use axum::Json;
use http::StatusCode;

use super::Problem;

/// What a handler gives: a view, or why not.
type Answer<T> = Result<Json<T>, Problem>;
/// The same with a status of its own.
type Made<T> = Result<(StatusCode, Json<T>), Problem>;

/// 201 for what is new, 200 for what was replaced.
const fn made(fresh: bool) -> StatusCode {
    if fresh { StatusCode::CREATED } else { StatusCode::OK }
}
