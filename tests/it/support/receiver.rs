//! Somebody who receives webhooks: keeps what came and answers as told.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use axum::body::Body;
use axum::extract::{Request, State};
use axum::response::Response;
use bytes::Bytes;
use http::HeaderMap;
use http_body_util::BodyExt as _;
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use super::wait::eventually;

/// What came.
#[derive(Clone, Debug)]
pub(crate) struct Received {
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Received {
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    /// Whether one of its signatures is what the published library makes of it with `secret`. When it was signed does
    /// not matter, as tests hold the clock.
    pub(crate) fn is_signed_with(&self, secret: &str) -> bool {
        let library = standardwebhooks::Webhook::new(secret).unwrap();
        let timestamp = self.header("webhook-timestamp").parse().unwrap();
        let expected = library.sign(self.header("webhook-id"), timestamp, &self.body).unwrap();
        self.header("webhook-signature").split(' ').any(|signature| signature == expected)
    }
}

/// How it answers.
#[derive(Clone, Debug)]
pub(crate) struct Reply {
    status: u16,
    headers: Vec<(&'static str, String)>,
    body: String,
    held: bool,
}

impl Reply {
    pub(crate) fn status(status: u16) -> Self {
        Self { status, headers: Vec::new(), body: String::new(), held: false }
    }

    /// Takes the request and never answers.
    pub(crate) fn never() -> Self {
        Self { held: true, ..Self::status(200) }
    }

    pub(crate) fn header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    pub(crate) fn body(mut self, body: impl Into<String>) -> Self {
        self.body = body.into();
        self
    }
}

#[derive(Default)]
struct Shared {
    seen: Vec<Received>,
    next: VecDeque<Reply>,
    usual: Option<Reply>,
}

/// A receiver of webhooks on a port of its own.
pub(crate) struct Receiver {
    pub(crate) url: String,
    pub(crate) port: u16,
    shared: Arc<Mutex<Shared>>,
    task: JoinHandle<()>,
}

impl Receiver {
    /// One that answers 204.
    pub(crate) async fn start() -> Self {
        let shared = Arc::<Mutex<Shared>>::default();
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let router = axum::Router::new().fallback(receive).with_state(Arc::clone(&shared));
        let task = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { url: format!("http://127.0.0.1:{port}/hook"), port, shared, task }
    }

    /// Answers so from now on, unless told otherwise by [`Receiver::then`].
    pub(crate) fn usually(&self, reply: Reply) -> &Self {
        self.lock().usual = Some(reply);
        self
    }

    /// Answers so once, after what it was told before.
    pub(crate) fn then(&self, reply: Reply) -> &Self {
        self.lock().next.push_back(reply);
        self
    }

    /// What came so far.
    pub(crate) fn seen(&self) -> Vec<Received> {
        self.lock().seen.clone()
    }

    /// What came since the last time, and forgets it.
    pub(crate) fn take(&self) -> Vec<Received> {
        std::mem::take(&mut self.lock().seen)
    }

    /// The types of the events that came, and forgets them.
    pub(crate) fn take_types(&self) -> Vec<String> {
        self.take().iter().map(|one| one.json()["type"].as_str().unwrap().to_owned()).collect()
    }

    /// Waits until `count` have come.
    pub(crate) async fn received(&self, count: usize) -> Vec<Received> {
        eventually(&format!("{count} deliveries"), async || {
            let seen = self.seen();
            if seen.len() >= count { Ok(seen) } else { Err(seen.len()) }
        })
        .await
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Shared> {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn receive(State(shared): State<Arc<Mutex<Shared>>>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    let reply = {
        let mut shared = shared.lock().unwrap_or_else(PoisonError::into_inner);
        shared.seen.push(Received { headers: parts.headers, body });
        let next = shared.next.pop_front();
        next.or_else(|| shared.usual.clone()).unwrap_or_else(|| Reply::status(204))
    };
    if reply.held {
        std::future::pending::<()>().await;
    }
    let mut response = Response::builder().status(reply.status);
    for (name, value) in reply.headers {
        response = response.header(name, value);
    }
    response.body(Body::from(reply.body)).unwrap()
}
