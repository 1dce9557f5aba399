//! Plays an answer on the wire, whole or as a fault wants it. Knows nothing of OAuth.

use std::convert::Infallible;
use std::time::Duration;

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures_util::stream::{self, StreamExt as _};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};

use super::fault::{Fault, Wire};
use super::state::Programmed;
use crate::demo::serve::Line;

/// An answer before it meets the wire.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
}

impl Answer {
    pub(super) fn json(status: StatusCode, body: &serde_json::Value) -> Self {
        let mut headers = HeaderMap::new();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        Self { status, headers, body: body.to_string().into() }
    }

    pub(super) fn empty(status: StatusCode) -> Self {
        Self { status, headers: HeaderMap::new(), body: Bytes::new() }
    }

    fn changed(mut self, fault: &Fault) -> Self {
        if let Some(status) = fault.status.and_then(|status| StatusCode::from_u16(status).ok()) {
            self.status = status;
            self.body = Bytes::new();
        }
        if !fault.merge.is_empty()
            && let Ok(serde_json::Value::Object(mut members)) = serde_json::from_slice(&self.body)
        {
            for (name, value) in &fault.merge {
                if value.is_null() {
                    members.remove(name);
                } else {
                    members.insert(name.clone(), value.clone());
                }
            }
            self.body = serde_json::Value::Object(members).to_string().into();
        }
        if let Some(body) = fault.body_bytes() {
            self.body = body.into();
        }
        for (name, value) in &fault.headers {
            if let (Ok(name), Ok(value)) = (HeaderName::try_from(name.as_str()), HeaderValue::from_str(value))
            {
                self.headers.insert(name, value);
            }
        }
        self
    }
}

impl IntoResponse for Answer {
    fn into_response(self) -> Response {
        (self.status, self.headers, self.body).into_response()
    }
}

/// Processes a call and answers it, by `fault` if there is one.
pub(super) async fn play<F>(programmed: Option<Programmed>, line: &Line, process: F) -> Response
where
    F: FnOnce() -> Answer + Send + 'static,
{
    let Some(Programmed { fault, mut releases }) = programmed else {
        return process().into_response();
    };
    let (before, processed) = (Duration::from_millis(fault.before_ms), fault.process);
    // In a task of its own: a provider that has the request goes on with it when the caller hangs up.
    let work = tokio::spawn(async move {
        pause(before).await;
        processed.then(process)
    });
    let answer = match work.await {
        Ok(Some(answer)) => answer,
        Ok(None) => Answer::empty(StatusCode::SERVICE_UNAVAILABLE),
        Err(_) => Answer::empty(StatusCode::INTERNAL_SERVER_ERROR),
    };
    pause(Duration::from_millis(fault.after_ms)).await;
    if fault.hold {
        // A provider that goes away lets go as well.
        let _ = releases.changed().await;
    }
    send(answer.changed(&fault), fault.wire, line).await
}

async fn send(answer: Answer, wire: Wire, line: &Line) -> Response {
    match wire {
        Wire::Whole => answer.into_response(),
        Wire::Close => {
            line.close();
            std::future::pending().await
        }
        Wire::Reset => {
            line.reset();
            std::future::pending().await
        }
        Wire::Never => std::future::pending().await,
        Wire::Cut(after) => {
            let line = line.clone();
            let first = stream::iter([answer.body.slice(..after.min(answer.body.len()))]);
            let end = stream::once(async move {
                // hyper flushes what it has when the body makes it wait; only then may the line go.
                tokio::task::yield_now().await;
                line.close();
                std::future::pending::<Bytes>().await
            });
            streamed(&answer, first.chain(end))
        }
        Wire::Slow(ms) => {
            let bytes = answer.body.clone();
            let drops = stream::iter(0..bytes.len()).then(move |at| {
                let drop = bytes.slice(at..=at);
                async move {
                    pause(Duration::from_millis(ms)).await;
                    drop
                }
            });
            streamed(&answer, drops)
        }
    }
}

/// The answer with its true length announced and its body left to `bytes`.
fn streamed<S>(answer: &Answer, bytes: S) -> Response
where
    S: futures_util::Stream<Item = Bytes> + Send + 'static,
{
    let mut headers = answer.headers.clone();
    headers.insert(header::CONTENT_LENGTH, HeaderValue::from(answer.body.len()));
    let body = Body::from_stream(bytes.map(Ok::<_, Infallible>));
    (answer.status, headers, body).into_response()
}

async fn pause(by: Duration) {
    if !by.is_zero() {
        tokio::time::sleep(by).await;
    }
}
