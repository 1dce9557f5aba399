//! The connect modal: what an end user sees while connecting an app.

pub mod page;

use axum::Router;

use super::HttpState;

/// The routes of the connect pages.
pub fn routes() -> Router<HttpState> {
    Router::new()
}
