//! The hub about itself: health, readiness, metrics, its own description.

use std::sync::LazyLock;

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http::HeaderValue;
use http::header::{CACHE_CONTROL, CONTENT_ENCODING, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderName};
use serde::Serialize;
use utoipa::ToSchema;

use crate::http::extract::{Caller, Everything, NoQuery};
use crate::http::{HttpState, Problem, files, openapi};

/// That all is well.
#[derive(Serialize, ToSchema)]
pub(in crate::http) struct HealthOut {
    /// Always `ok`.
    #[schema(example = "ok")]
    status: &'static str,
}

/// Says that the process runs.
#[utoipa::path(
    get, path = "/healthz", tag = "service",
    responses((status = 200, description = "The process runs", body = HealthOut))
)]
pub(in crate::http) async fn get_health(_: NoQuery) -> Json<HealthOut> {
    Json(HealthOut { status: "ok" })
}

/// Says whether database and keys are there.
#[utoipa::path(
    get, path = "/readyz", tag = "service",
    responses(
        (status = 200, description = "Ready", body = HealthOut),
        (status = 503, description = "The database or the keys are not available")
    )
)]
pub(in crate::http) async fn get_readiness(
    State(state): State<HttpState>,
    _: NoQuery,
) -> Result<Json<HealthOut>, Problem> {
    match state.hub.ready().await {
        Ok(()) => Ok(Json(HealthOut { status: "ok" })),
        Err(error) => {
            tracing::warn!(error = &error as &dyn std::error::Error, "the hub is not ready");
            Err(Problem::not_ready())
        }
    }
}

/// Gives the metrics of the process, as Prometheus reads them. Not here where they have a listener of their own.
#[utoipa::path(
    get, path = "/metrics", tag = "service", security(("key" = ["*"])),
    responses(
        (status = 200, description = "Metrics", body = String, content_type = "text/plain"),
        (status = 404, description = "They have a listener of their own")
    )
)]
pub(in crate::http) async fn get_metrics(
    State(state): State<HttpState>,
    _: Caller<Everything>,
    _: NoQuery,
) -> Result<Response, Problem> {
    let metrics = state.metrics.as_ref().ok_or_else(Problem::not_found)?;
    let kind = HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");
    Ok(([(CONTENT_TYPE, kind)], metrics()).into_response())
}

const REVALIDATED: HeaderValue = HeaderValue::from_static("no-cache");
const OPENER_POLICY: HeaderName = HeaderName::from_static("cross-origin-opener-policy");
/// The page may run its own script, which writes its own styles, and speak to the hub; no other host is named.
const DOCS_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; \
    img-src 'self' data:; font-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; \
    frame-ancestors 'none'";

/// Gives the OpenAPI 3.1 document of this API.
#[utoipa::path(
    get, path = "/openapi.json", tag = "service",
    responses((status = 200, description = "The document", body = serde_json::Value))
)]
pub(in crate::http) async fn get_openapi(_: NoQuery) -> Response {
    static DOCUMENT: LazyLock<Bytes> = LazyLock::new(|| openapi::document().into());
    let kind = HeaderValue::from_static("application/json");
    ([(CONTENT_TYPE, kind), (CACHE_CONTROL, REVALIDATED)], DOCUMENT.clone()).into_response()
}

/// `GET /docs`: the document for people.
pub(in crate::http) async fn get_docs() -> Response {
    let Some(page) = files::read("docs.html") else {
        return Problem::not_found().into_response();
    };
    let headers = [
        (CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8")),
        (CONTENT_SECURITY_POLICY, HeaderValue::from_static(DOCS_POLICY)),
        (OPENER_POLICY, HeaderValue::from_static("same-origin")),
    ];
    (headers, page.into_owned()).into_response()
}

/// `GET /docs/viewer.js`: what draws the document. It is embedded compressed, which every browser takes.
pub(in crate::http) async fn get_docs_viewer() -> Response {
    let Some(script) = files::read("assets/vendor/api-reference.js.gz") else {
        return Problem::not_found().into_response();
    };
    let headers = [
        (CONTENT_TYPE, HeaderValue::from_static("text/javascript; charset=utf-8")),
        (CONTENT_ENCODING, HeaderValue::from_static("gzip")),
        (CACHE_CONTROL, REVALIDATED),
    ];
    (headers, script.into_owned()).into_response()
}

/// `GET /docs/start.js`: tells the viewer what to draw.
pub(in crate::http) async fn get_docs_start() -> Response {
    let Some(script) = files::read("docs.js") else {
        return Problem::not_found().into_response();
    };
    let kind = HeaderValue::from_static("text/javascript; charset=utf-8");
    ([(CONTENT_TYPE, kind), (CACHE_CONTROL, REVALIDATED)], script.into_owned()).into_response()
}
