//! What happens around every request, from outside in: its id, its line in the log, security headers, panics, time.
//! It is one layer, written out: each layer made of an async function costs every request two boxes and a copy of all
//! that lies inside it.
//!
//! It must not know routes, but for three things: a call to an app streams, and its path and answer are the app's; a
//! sign-in that comes back from an app is answered however long it takes; and what fails in the dashboard is told as a
//! page.

use std::any::Any;
use std::borrow::Cow;
use std::convert::Infallible;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use axum::extract::{MatchedPath, Request};
use axum::response::{IntoResponse, Response};
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, REFERRER_POLICY, STRICT_TRANSPORT_SECURITY,
    X_CONTENT_TYPE_OPTIONS,
};
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use tower::{Layer, Service};
use tracing::Instrument as _;

use super::HttpState;
use super::dashboard::OwedPage;
use super::problem::{Problem, complete};
use crate::service::Hub;

const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const VOUCHSAFE_REQUEST_ID: HeaderName = HeaderName::from_static("vouchsafe-request-id");
const VOUCHSAFE_ERROR: HeaderName = HeaderName::from_static("vouchsafe-error");
/// Where calls to apps go in.
const CALLS: &str = "/proxy";
/// Where apps send browsers back to. Each call that follows has a limit of its own; an answer cut off would take the
/// page and its confirmation code away from a user who is connected.
const CALLBACKS: &str = "/oauth/callback/";
/// Where users send what they typed. It is tested at the app with the same limits of its own, and stored however long
/// that takes: an answer cut off would say that it was not.
const TYPED: &str = "/connect/credentials";
const LONGEST_REQUEST_ID: usize = 128;
/// What the log shows of a path, in bytes.
const LONGEST_PATH: usize = 512;

/// The id of a request, as sent in `X-Request-Id` or made here; among the extensions of every request.
#[derive(Clone, Debug)]
pub struct RequestId(pub Arc<str>);

/// Among the extensions of an answer that an app gave: it is passed on as it is.
#[derive(Clone, Copy, Debug)]
pub(super) struct FromApp;

/// The layer around every route.
#[derive(Clone)]
pub(super) struct Surround(Arc<HttpState>);

impl Surround {
    pub(super) fn new(state: HttpState) -> Self {
        Self(Arc::new(state))
    }
}

impl<S> Layer<S> for Surround {
    type Service = Surrounded<S>;

    fn layer(&self, inner: S) -> Surrounded<S> {
        Surrounded { state: Arc::clone(&self.0), inner }
    }
}

/// A route with all that belongs around it.
#[derive(Clone)]
pub(super) struct Surrounded<S> {
    state: Arc<HttpState>,
    inner: S,
}

impl<S> Service<Request> for Surrounded<S>
where
    S: Service<Request, Response = Response, Error = Infallible>,
    S::Future: Send + 'static,
{
    type Response = Response;
    type Error = Infallible;
    type Future = BoxFuture<'static, Result<Response, Infallible>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, mut request: Request) -> Self::Future {
        let id = request_id(&self.state.hub, request.headers());
        request.extensions_mut().insert(RequestId(Arc::clone(&id)));
        let is_call = is_call(request.uri().path());
        let path = if is_call { Cow::Borrowed(CALLS) } else { shown(request.uri().path()) };
        // Headers and query never appear in the log.
        let span = tracing::info_span!(
            "request",
            method = method_label(request.method()),
            path = &*path,
            request_id = &*id,
        );
        drop(path);
        let measured = Measured::begin(&request);
        let is_limited = !is_call && !takes_its_time(request.uri().path());
        let limit = is_limited.then_some(self.state.handler_timeout);
        let https = self.state.hub.public_url().scheme() == "https";
        let owed = OwedPage::to(&mut request).map(|page| (page, Arc::clone(&self.state)));
        let answer = self.inner.call(request).map(|Ok(response)| response);
        let answer = AssertUnwindSafe(in_time(limit, answer)).catch_unwind();
        Box::pin(async move {
            let mut response = answer.instrument(span.clone()).await.unwrap_or_else(panicked);
            if let Some((page, state)) = owed {
                response = page.instead_of(response, &state, &id);
            }
            span.in_scope(|| measured.end(&response));
            Ok(finish(response, &id, is_call, https))
        })
    }
}

/// Adds what belongs to an answer, whatever the handler.
fn finish(mut response: Response, id: &str, is_call: bool, https: bool) -> Response {
    if response.extensions().get::<FromApp>().is_some() {
        return named_beside(response, id);
    }
    secure(response.headers_mut(), https);
    if is_call && let Some(code) = response.extensions().get::<Problem>().map(Problem::code) {
        // So that it cannot be taken for the app's.
        response.headers_mut().insert(VOUCHSAFE_ERROR, HeaderValue::from_static(code));
    }
    let mut response = complete(response, id);
    if let Ok(value) = HeaderValue::from_str(id) {
        response.headers_mut().insert(X_REQUEST_ID, value);
    }
    response
}

/// What an app answered is passed on as it is; the app's own request id is what its support asks for.
fn named_beside(mut response: Response, id: &str) -> Response {
    let headers = response.headers_mut();
    let name = if headers.contains_key(&X_REQUEST_ID) { VOUCHSAFE_REQUEST_ID } else { X_REQUEST_ID };
    if let Ok(value) = HeaderValue::from_str(id) {
        headers.insert(name, value);
    }
    response
}

/// A path as the log has it.
fn shown(path: &str) -> Cow<'_, str> {
    if path.len() <= LONGEST_PATH {
        return Cow::Borrowed(path);
    }
    Cow::Owned(format!("{}…", &path[..path.floor_char_boundary(LONGEST_PATH)]))
}

/// Whether a path is that of a call to an app.
fn is_call(path: &str) -> bool {
    path.strip_prefix(CALLS).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// Whether a user waits at a path for an app, however often it has to be asked.
fn takes_its_time(path: &str) -> bool {
    path.starts_with(CALLBACKS) || path == TYPED
}

/// The id that was sent, where it can be one, or a new one.
fn request_id(hub: &Hub, headers: &HeaderMap) -> Arc<str> {
    let sent = headers.get(&X_REQUEST_ID).and_then(|value| value.to_str().ok());
    sent.filter(|id| is_request_id(id)).map_or_else(|| hub.new_request_id().into(), Arc::from)
}

fn is_request_id(id: &str) -> bool {
    (1..=LONGEST_REQUEST_ID).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_graphic())
}

/// A request whose time runs, for its line in the log and for the metrics.
struct Measured {
    began: Instant,
    method: Method,
    route: Option<MatchedPath>,
}

impl Measured {
    fn begin(request: &Request) -> Self {
        let route = request.extensions().get::<MatchedPath>().cloned();
        Self { began: Instant::now(), method: request.method().clone(), route }
    }

    fn end(self, response: &Response) {
        let status = response.status().as_u16();
        let took = self.began.elapsed();
        let route = self.route.as_ref().map_or("unmatched", MatchedPath::as_str);
        metrics::histogram!(
            "vouchsafe_http_request_seconds",
            "method" => method_label(&self.method), "route" => route.to_owned(), "status" => status.to_string()
        )
        .record(took.as_secs_f64());
        let duration_ms = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
        tracing::info!(status, duration_ms, "answered");
    }
}

/// Methods that nobody defined share a label: callers must not decide how many series there are.
fn method_label(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::HEAD => "HEAD",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::PATCH => "PATCH",
        Method::DELETE => "DELETE",
        Method::OPTIONS => "OPTIONS",
        _ => "other",
    }
}

/// Adds what every answer carries, where a handler has not said otherwise.
fn secure(headers: &mut HeaderMap, https: bool) {
    let mut add = |name: HeaderName, value: &'static str| {
        headers.entry(name).or_insert(HeaderValue::from_static(value));
    };
    add(X_CONTENT_TYPE_OPTIONS, "nosniff");
    add(REFERRER_POLICY, "no-referrer");
    add(CACHE_CONTROL, "no-store");
    add(CONTENT_SECURITY_POLICY, "default-src 'none'; frame-ancestors 'none'");
    if https {
        add(STRICT_TRANSPORT_SECURITY, "max-age=31536000; includeSubDomains");
    }
}

/// The answer after a panic. What it said may hold anything, so it is not repeated.
fn panicked(_: Box<dyn Any + Send + 'static>) -> Response {
    tracing::error!("a request handler panicked");
    Problem::internal().into_response()
}

/// Ends the wait for a handler. What it began goes on where it changes something (see [`super::idempotency`]).
async fn in_time(limit: Option<Duration>, answer: impl Future<Output = Response>) -> Response {
    let Some(limit) = limit else { return answer.await };
    tokio::time::timeout(limit, answer).await.unwrap_or_else(|_| Problem::timeout().into_response())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_panic_is_a_problem_that_repeats_nothing() {
        use http_body_util::BodyExt as _;

        let failing = std::future::poll_fn::<Response, _>(|_| panic!("hunter2"));
        let answer = AssertUnwindSafe(in_time(Some(Duration::from_secs(1)), failing)).catch_unwind().await;
        let answer = complete(answer.unwrap_or_else(panicked), "r");
        assert_eq!(answer.status(), http::StatusCode::INTERNAL_SERVER_ERROR);
        let body = answer.into_body().collect().await.unwrap().to_bytes();
        let body = String::from_utf8(body.to_vec()).unwrap();
        assert!(body.contains("\"internal_error\"") && !body.contains("hunter2"), "{body}");
    }

    #[test]
    fn an_invented_method_makes_no_series_of_its_own() {
        assert_eq!(method_label(&Method::PATCH), "PATCH");
        assert_eq!(method_label(&Method::from_bytes(b"BREW").unwrap()), "other");
    }

    #[test]
    fn a_long_path_is_cut_in_the_log() {
        let long = format!("/{}", "é".repeat(300));
        assert_eq!(shown("/users"), "/users");
        assert_eq!(shown(&long[..511]), long[..511]);
        assert_eq!(shown(&long), format!("{}…", &long[..511]));
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
