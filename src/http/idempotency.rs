//! Changes that are carried out whole: a handler that changes something runs to its end even when the caller hangs
//! up, and a POST with an `Idempotency-Key` is carried out once.
//!
//! It must not know what the handlers do.

use std::any::Any;
use std::convert::Infallible;
use std::panic::{AssertUnwindSafe, resume_unwind};
use std::sync::Arc;
use std::task::{Context, Poll};

use axum::body::Body;
use axum::extract::Request;
use axum::response::{IntoResponse, Response};
use futures_util::FutureExt as _;
use futures_util::future::{BoxFuture, Either};
use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use secrecy::ExposeSecret;
use tower::{Layer, Service, ServiceExt as _};
use tracing::Instrument as _;

use super::HttpState;
use super::extract::{authenticate, read_body};
use super::layers::RequestId;
use super::problem::{Problem, complete};
use crate::domain::actor::Actor;
use crate::service::Hub;
use crate::service::idempotency::{Begun, KeptAnswer, Repetition};

const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");
const REPLAYED: HeaderName = HeaderName::from_static("idempotent-replayed");
const LONGEST_KEY: usize = 255;

/// Among the extensions of an answer that must not be given again from what was kept.
#[derive(Clone, Copy, Debug)]
pub(super) struct NotKept;

/// The layer around routes that may change something.
#[derive(Clone)]
pub(super) struct Carry {
    state: Arc<HttpState>,
    takes_keys: bool,
}

impl Carry {
    pub(super) fn new(state: HttpState) -> Self {
        Self { state: Arc::new(state), takes_keys: true }
    }

    /// The same around the routes of end users, who send no `Idempotency-Key`: one that comes is not looked at.
    pub(super) fn without_keys(state: HttpState) -> Self {
        Self { takes_keys: false, ..Self::new(state) }
    }
}

impl<S> Layer<S> for Carry {
    type Service = Carried<S>;

    fn layer(&self, inner: S) -> Carried<S> {
        Carried { state: Arc::clone(&self.state), takes_keys: self.takes_keys, inner }
    }
}

/// A route whose changes are carried out whole. Reads pass as if it were not there.
#[derive(Clone)]
pub(super) struct Carried<S> {
    state: Arc<HttpState>,
    takes_keys: bool,
    inner: S,
}

impl<S> Service<Request> for Carried<S>
where
    S: Service<Request, Response = Response, Error = Infallible> + Clone + Send + 'static,
    S::Future: Send + 'static,
{
    type Response = Response;
    type Error = Infallible;
    type Future = Either<S::Future, BoxFuture<'static, Result<Response, Infallible>>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request) -> Self::Future {
        if request.method().is_safe() {
            return Either::Left(self.inner.call(request));
        }
        let keyed = self.takes_keys && is_keyed(&request);
        let carried = carry_through(Arc::clone(&self.state), request, self.inner.clone(), keyed);
        Either::Right(carried.map(Ok).boxed())
    }
}

fn is_keyed(request: &Request) -> bool {
    request.method() == Method::POST && request.headers().contains_key(&IDEMPOTENCY_KEY)
}

/// What the route answers.
async fn answer<S>(route: S, request: Request) -> Response
where
    S: Service<Request, Response = Response, Error = Infallible>,
{
    let Ok(response) = route.oneshot(request).await;
    response
}

/// Carries a change through; once, where its request has a key.
async fn carry_through<S>(state: Arc<HttpState>, request: Request, route: S, keyed: bool) -> Response
where
    S: Service<Request, Response = Response, Error = Infallible> + Send + 'static,
    S::Future: Send + 'static,
{
    if keyed {
        return carry_once(&state, request, route).await.unwrap_or_else(IntoResponse::into_response);
    }
    let carried = AssertUnwindSafe(answer(route, request)).catch_unwind();
    finished(state.hub.spawn(carried.in_current_span()).await)
}

async fn carry_once<S>(state: &HttpState, request: Request, route: S) -> Result<Response, Problem>
where
    S: Service<Request, Response = Response, Error = Infallible> + Send + 'static,
    S::Future: Send + 'static,
{
    let (mut parts, body) = request.into_parts();
    let actor = authenticate(&mut parts, state).await?.actor;
    let key = idempotency_key(&parts.headers)?.to_owned();
    let body = read_body(body).await?;
    let path = parts.uri.path_and_query().map_or("/", |path| path.as_str());
    let begun = match state.hub.begin_request(&actor, &key, path, &body).await? {
        Repetition::Replay(answer) => return Ok(replay(&answer)),
        Repetition::First(begun) => begun,
    };
    let id = parts.extensions.get::<RequestId>().map(|id| id.0.to_string()).unwrap_or_default();
    let request = Request::from_parts(parts, Body::from(body));
    let hub = state.hub.clone();
    let carried = async move {
        let answer = AssertUnwindSafe(answer(route, request)).catch_unwind().await;
        match answer {
            Ok(response) => Ok(keep(&hub, &actor, begun, complete(response, &id)).await),
            Err(panic) => {
                note(hub.finish_request(&actor, begun, None).await);
                Err(panic)
            }
        }
    };
    Ok(finished(state.hub.spawn(carried.in_current_span()).await))
}

/// The answer of a task. A panic goes on as if there had been no task.
fn finished(outcome: Result<Result<Response, Box<dyn Any + Send>>, tokio::task::JoinError>) -> Response {
    match outcome {
        Ok(Ok(response)) => response,
        Ok(Err(panic)) => resume_unwind(panic),
        Err(_) => Problem::internal().into_response(),
    }
}

fn idempotency_key(headers: &HeaderMap) -> Result<&str, Problem> {
    let mut sent = headers.get_all(&IDEMPOTENCY_KEY).iter();
    let key = sent.next().and_then(|value| value.to_str().ok());
    key.filter(|key| (1..=LONGEST_KEY).contains(&key.len()) && key.bytes().all(|b| b.is_ascii_graphic()))
        .filter(|_| sent.next().is_none())
        .ok_or_else(|| {
            let message = "An Idempotency-Key is sent once and has 1 to 255 visible ASCII characters.";
            Problem::invalid_at("/Idempotency-Key", "invalid_format", message)
        })
}

/// Keeps the answer for repetitions. One that says to try again is not final, so it is forgotten.
async fn keep(hub: &Hub, actor: &Actor, begun: Begun, response: Response) -> Response {
    let (parts, body) = response.into_parts();
    let final_answer = parts.extensions.get::<NotKept>().is_none();
    let Ok(body) = axum::body::to_bytes(body, usize::MAX).await else {
        note(hub.finish_request(actor, begun, None).await);
        return Problem::internal().into_response();
    };
    let passing = parts.status.is_server_error() || parts.status == StatusCode::TOO_MANY_REQUESTS;
    let content_type = parts.headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let kept = match std::str::from_utf8(&body) {
        Ok(text) if !passing && final_answer => Some((parts.status.as_u16(), content_type, text)),
        _ => None,
    };
    note(hub.finish_request(actor, begun, kept).await);
    Response::from_parts(parts, Body::from(body))
}

/// The change is done by now, so its caller hears of that and the log of this.
fn note(outcome: Result<(), crate::service::Error>) {
    if let Err(error) = outcome {
        tracing::error!(
            error = &error as &dyn std::error::Error,
            "the answer to a request with an Idempotency-Key could not be kept"
        );
    }
}

fn replay(answer: &KeptAnswer) -> Response {
    let mut response = Response::new(Body::from(answer.body.expose_secret().to_owned()));
    *response.status_mut() = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::OK);
    let headers = response.headers_mut();
    headers.insert(REPLAYED, HeaderValue::from_static("true"));
    if let Some(kind) = answer.content_type.as_deref().and_then(|kind| HeaderValue::from_str(kind).ok()) {
        headers.insert(CONTENT_TYPE, kind);
    }
    response
}
