//! Every route of the hub, in one flat list, and the layers around them.

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::routing::{any, get};
use tower_http::compression::CompressionLayer;
use utoipa::OpenApi as _;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::api::{
    api_keys, connectors, credentials, environment, events, integrations, providers, proxy, secrets, service,
    sessions, users, webhooks,
};
use super::openapi::Described;
use super::{HttpState, assets, compat, connect, dashboard, icons, idempotency, layers};

/// The largest body that pages take; the API reads its own.
const BODY_LIMIT: usize = 1024 * 1024;

/// The API. Order of routes = order in the document's source; the document itself is sorted.
fn api() -> OpenApiRouter<HttpState> {
    OpenApiRouter::with_openapi(Described::openapi())
        .routes(routes!(service::get_health))
        .routes(routes!(service::get_readiness))
        .routes(routes!(service::get_metrics))
        .routes(routes!(service::get_openapi))
        .routes(routes!(providers::list_providers))
        .routes(routes!(providers::get_provider))
        .routes(routes!(connectors::list_connectors))
        .routes(routes!(connectors::get_connector, connectors::put_connector, connectors::delete_connector))
        .routes(routes!(integrations::list_integrations))
        .routes(routes!(
            integrations::get_integration,
            integrations::put_integration,
            integrations::delete_integration
        ))
        .routes(routes!(environment::get_environment, environment::update_environment))
        .routes(routes!(users::list_users, users::create_user))
        .routes(routes!(users::create_users))
        .routes(routes!(users::get_user, users::update_user, users::delete_user))
        .routes(routes!(users::list_user_credentials))
        .routes(routes!(users::list_user_integrations))
        .routes(routes!(users::get_user_token))
        .routes(routes!(credentials::list_credentials, credentials::create_credential))
        .routes(routes!(
            credentials::get_credential,
            credentials::update_credential,
            credentials::delete_credential
        ))
        .routes(routes!(credentials::verify_credential))
        .routes(routes!(credentials::refresh_credential))
        .routes(routes!(credentials::revoke_credential))
        .routes(routes!(credentials::get_credential_token))
        .routes(routes!(api_keys::list_api_keys, api_keys::create_api_key))
        .routes(routes!(api_keys::get_api_key, api_keys::update_api_key, api_keys::delete_api_key))
        .routes(routes!(api_keys::rotate_api_key))
        .routes(routes!(sessions::create_connect_session))
        .routes(routes!(sessions::get_connect_session, sessions::cancel_connect_session))
        .routes(routes!(sessions::confirm_connect_session))
        .routes(routes!(secrets::list_secrets, secrets::create_secret))
        .routes(routes!(secrets::get_secret, secrets::update_secret, secrets::delete_secret))
        .routes(routes!(secrets::deactivate_secret))
        .routes(routes!(secrets::reactivate_secret))
        .routes(routes!(secrets::revoke_secret))
        .routes(routes!(secrets::reveal_secret))
        .routes(routes!(events::list_events))
        .routes(routes!(webhooks::list_deliveries))
        .routes(routes!(webhooks::redeliver_event))
        .routes(routes!(webhooks::list_webhook_endpoints, webhooks::create_webhook_endpoint))
        .routes(routes!(
            webhooks::get_webhook_endpoint,
            webhooks::update_webhook_endpoint,
            webhooks::delete_webhook_endpoint
        ))
        .routes(routes!(webhooks::rotate_webhook_secret))
        .routes(routes!(webhooks::test_webhook_endpoint))
        .routes(routes!(webhooks::replay_webhook_endpoint))
        .routes(routes!(events::list_audit_events))
}

/// What browsers load.
fn pages(state: &HttpState) -> Router<HttpState> {
    Router::new()
        .route("/docs", get(service::get_docs))
        .route("/docs/start.js", get(service::get_docs_start))
        .route("/docs/viewer.js", get(service::get_docs_viewer))
        .merge(files())
        .route("/icons/{provider}", get(icons::get_provider_icon))
        .merge(connect::routes(state))
}

/// Files, the same for everybody. They alone are compressed: the size of a compressed answer tells of the secrets in it
/// (BREACH).
fn files() -> Router<HttpState> {
    Router::new()
        .route("/connect.js", get(assets::get_embed_script))
        .route("/assets/{file}", get(assets::get_asset))
        .layer(CompressionLayer::new())
}

/// Calls to apps. They stream, so neither the time nor the size of other requests bounds them.
fn calls() -> Router<HttpState> {
    Router::new()
        .route("/proxy", any(proxy::call_app))
        .route("/proxy/", any(proxy::call_app))
        .route("/proxy/{*path}", any(proxy::call_app))
}

/// What the handlers say of themselves.
pub(super) fn described() -> utoipa::openapi::OpenApi {
    api().into_openapi()
}

/// All routes with their layers. The server puts the peer's address among the extensions of each request, as
/// `ConnectInfo<SocketAddr>`.
pub fn router(state: HttpState) -> Router {
    let (api, _) = api().split_for_parts();
    api.route_layer(idempotency::Carry::new(state.clone()))
        .merge(pages(&state))
        .merge(compat::routes())
        .merge(dashboard::routes(&state))
        .layer(DefaultBodyLimit::max(BODY_LIMIT))
        .merge(calls())
        .fallback(dashboard::nothing_here)
        .method_not_allowed_fallback(dashboard::other_methods)
        .layer(layers::Surround::new(state.clone()))
        .with_state(state)
}
