//! The connect modal: the pages that an end user sees, and the browser's way to the app and back.
//!
//! Handlers turn requests into calls of [`crate::service`] and what comes of them into pages; they decide nothing.

pub(super) mod answer;
mod build;
mod frame;
pub mod page;
mod popup;
mod stream;
mod theme;
pub(super) mod visitor;

use axum::Router;
use axum::routing::{get, post};

use super::HttpState;
use super::idempotency::Carry;

/// The routes that browsers use; none of them takes a hub API key. What changes something is carried through when the
/// browser goes away.
pub fn routes(state: &HttpState) -> Router<HttpState> {
    Router::new()
        .route("/connect", get(frame::show_frame))
        .route("/connect/theme.css", get(theme::get_theme))
        .route("/connect/page", get(frame::show_page))
        .route("/connect/state", get(stream::get_state))
        .route("/connect/events", get(stream::stream_state))
        .route("/connect/credentials", post(frame::submit_credential))
        .route("/connect/disconnect", post(frame::disconnect))
        .route("/connect/tickets", post(frame::create_ticket))
        .route("/connect/start", get(popup::start_flow))
        .route("/connect/start/handshake", post(popup::shake_hands))
        .route("/connect/start/continue", post(popup::go_on))
        .route("/connect/start/cancel", post(popup::decline))
        .route("/connect/account", post(popup::decide_account))
        .route_layer(Carry::without_keys(state.clone()))
        // Mostly a GET, so it carries itself through.
        .route("/oauth/callback/{connector}", get(popup::finish_flow).post(popup::finish_flow_by_form))
        .route("/favicon.ico", get(super::assets::get_icon))
}
