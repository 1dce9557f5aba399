//! What happens around every request, from outside in: its id, its line in the log, security headers, panics, time.
//!
//! It must not know routes.

use std::any::Any;
use std::sync::Arc;
use std::time::Instant;

use axum::extract::{MatchedPath, Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, REFERRER_POLICY, STRICT_TRANSPORT_SECURITY,
    X_CONTENT_TYPE_OPTIONS,
};
use http::{HeaderName, HeaderValue};
use tracing::Instrument as _;

use super::HttpState;
use super::problem::{Problem, complete};

const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const VOUCHSAFE_REQUEST_ID: HeaderName = HeaderName::from_static("vouchsafe-request-id");
const VOUCHSAFE_ERROR: HeaderName = HeaderName::from_static("vouchsafe-error");
const LONGEST_REQUEST_ID: usize = 128;

/// The id of a request, as sent in `X-Request-Id` or made here; among the extensions of every request.
#[derive(Clone, Debug)]
pub struct RequestId(pub Arc<str>);

/// Among the extensions of an answer that an app gave: it is passed on as it is.
#[derive(Clone, Copy, Debug)]
pub(super) struct FromApp;

/// Takes or makes the request's id, answers with it, and writes it into problems.
pub(super) async fn identify(State(state): State<HttpState>, mut request: Request, next: Next) -> Response {
    let sent = request
        .headers()
        .get(&X_REQUEST_ID)
        .and_then(|value| value.to_str().ok())
        .filter(|id| is_request_id(id))
        .map(Arc::from);
    let id: Arc<str> = sent.unwrap_or_else(|| state.hub.new_request_id().into());
    request.extensions_mut().insert(RequestId(Arc::clone(&id)));
    let response = next.run(request).await;
    let from_app = response.extensions().get::<FromApp>().is_some();
    let mut response = if from_app { response } else { complete(response, &id) };
    if let Ok(value) = HeaderValue::from_str(&id) {
        // The id of an app's own is what its support asks for.
        let name = if from_app && response.headers().contains_key(&X_REQUEST_ID) {
            VOUCHSAFE_REQUEST_ID
        } else {
            X_REQUEST_ID
        };
        response.headers_mut().insert(name, value);
    }
    response
}

fn is_request_id(id: &str) -> bool {
    (1..=LONGEST_REQUEST_ID).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_graphic())
}

/// Writes one line for each request. Headers and query never appear in it.
pub(super) async fn trace(request: Request, next: Next) -> Response {
    let began = Instant::now();
    let method = request.method().clone();
    let route = request
        .extensions()
        .get::<MatchedPath>()
        .map_or_else(|| "unmatched".to_owned(), |path| path.as_str().to_owned());
    let id = request.extensions().get::<RequestId>().map(|id| Arc::clone(&id.0));
    let span = tracing::info_span!(
        "request",
        %method,
        path = logged(request.uri().path()),
        request_id = id.as_deref(),
    );
    let response = next.run(request).instrument(span.clone()).await;
    let status = response.status().as_u16();
    let took = began.elapsed();
    metrics::histogram!(
        "vouchsafe_http_request_seconds",
        "method" => method.to_string(), "route" => route, "status" => status.to_string()
    )
    .record(took.as_secs_f64());
    let duration_ms = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
    span.in_scope(|| tracing::info!(status, duration_ms, "answered"));
    response
}

/// The path for the log; that of an app's API may hold anything.
fn logged(path: &str) -> &str {
    if path.starts_with("/proxy/") { "/proxy/…" } else { path }
}

/// Adds what every answer carries, where a handler has not said otherwise.
pub(super) async fn secure(State(state): State<HttpState>, request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    if response.extensions().get::<FromApp>().is_some() {
        return response;
    }
    let headers = response.headers_mut();
    let mut add = |name: HeaderName, value: &'static str| {
        headers.entry(name).or_insert(HeaderValue::from_static(value));
    };
    add(X_CONTENT_TYPE_OPTIONS, "nosniff");
    add(REFERRER_POLICY, "no-referrer");
    add(CACHE_CONTROL, "no-store");
    add(CONTENT_SECURITY_POLICY, "default-src 'none'; frame-ancestors 'none'");
    if state.hub.public_url().scheme() == "https" {
        add(STRICT_TRANSPORT_SECURITY, "max-age=31536000; includeSubDomains");
    }
    response
}

/// Marks refusals of the hub on paths where an app answers too, so that they cannot be taken for the app's.
pub(super) async fn mark_refusals(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    let code = response.extensions().get::<Problem>().map(Problem::code);
    if let Some(code) = code {
        response.headers_mut().insert(VOUCHSAFE_ERROR, HeaderValue::from_static(code));
    }
    response
}

/// The answer after a panic. What it said may hold anything, so it is not repeated.
pub(super) fn panicked(_: Box<dyn Any + Send + 'static>) -> Response {
    tracing::error!("a request handler panicked");
    Problem::internal().into_response()
}

/// Ends the wait for a handler. What it began goes on where it changes something (see [`super::idempotency`]).
pub(super) async fn limit_time(State(state): State<HttpState>, request: Request, next: Next) -> Response {
    match tokio::time::timeout(state.handler_timeout, next.run(request)).await {
        Ok(response) => response,
        Err(_) => Problem::timeout().into_response(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_panic_is_a_problem_that_repeats_nothing() {
        use http_body_util::BodyExt as _;
        use tower::ServiceExt as _;
        use tower_http::catch_panic::CatchPanicLayer;

        async fn fail() -> Response {
            panic!("hunter2")
        }

        let router: axum::Router =
            axum::Router::new().route("/", axum::routing::get(fail)).layer(CatchPanicLayer::custom(panicked));
        let answer = router.oneshot(Request::new(axum::body::Body::empty())).await.unwrap();
        let answer = complete(answer, "r");
        assert_eq!(answer.status(), http::StatusCode::INTERNAL_SERVER_ERROR);
        let body = answer.into_body().collect().await.unwrap().to_bytes();
        let body = String::from_utf8(body.to_vec()).unwrap();
        assert!(body.contains("\"internal_error\"") && !body.contains("hunter2"), "{body}");
    }

    #[test]
    fn a_request_id_is_short_and_visible() {
        assert!(is_request_id("01J-abc/~"));
        assert!(is_request_id(&"x".repeat(128)));
        for bad in ["", "a b", "a\tb", "é", &"x".repeat(129)] {
            assert!(!is_request_id(bad), "{bad}");
        }
    }
}
