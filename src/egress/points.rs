//! The places inside a token request at which fault tests stop the process, in the order in which they are reached:
//! `connected`, `mid_write`, `written`, `headers`, `mid_body`, `body_read`. It exists only with the feature
//! `failpoints` and must not change what is sent.

use std::future::ready;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use futures_util::stream::{self, Stream, StreamExt as _};
use http::{HeaderValue, header::CONTENT_LENGTH};
use tokio::sync::oneshot;
use tower::{Layer, Service};
use zeroize::Zeroizing;

use super::{Ambiguity, Class, EgressError, OutboundRequest, classify};
use crate::failpoint::{Injected, reach};

type Failure = Box<dyn std::error::Error + Send + Sync>;

/// What is handed to the connection is on its way to the socket after so long, on a busy machine too.
const ON_ITS_WAY: Duration = Duration::from_millis(50);

impl From<Injected> for EgressError {
    fn from(_: Injected) -> Self {
        Self::Ambiguous { cause: Ambiguity::Cut, head: None }
    }
}

/// Sends a request. The body of a token request goes in two halves under one length, so that there is a place
/// between them.
pub(super) async fn execute(
    client: &reqwest::Client,
    mut request: OutboundRequest,
) -> Result<reqwest::Response, EgressError> {
    let body = if request.class == Class::Token { request.body.take() } else { None };
    let mut request = request.into_reqwest();
    let Some(body) = body else {
        return client.execute(request).await.map_err(|error| classify(&error));
    };
    request.headers_mut().insert(CONTENT_LENGTH, HeaderValue::from(body.len()));
    let (hand_over, handed_over) = oneshot::channel();
    *request.body_mut() = Some(reqwest::Body::wrap_stream(halves(body, hand_over)));
    let written = async {
        if handed_over.await.is_ok() {
            tokio::time::sleep(ON_ITS_WAY).await;
            reach("refresh::written")?;
        }
        Ok::<_, EgressError>(())
    };
    let (answer, written) = tokio::join!(client.execute(request), written);
    let answer = answer.map_err(|error| classify(&error))?;
    written?;
    Ok(answer)
}

fn halves(
    body: Zeroizing<Vec<u8>>,
    hand_over: oneshot::Sender<()>,
) -> impl Stream<Item = Result<Bytes, Failure>> + Send + 'static {
    let mut first = Bytes::from_owner(body);
    let second = first.split_off(first.len() / 2);
    let rest = async move {
        // The connection flushes what it has when the body makes it wait.
        tokio::task::yield_now().await;
        reach("refresh::mid_write")?;
        let _ = hand_over.send(());
        Ok(second)
    };
    stream::once(ready(Ok(first))).chain(stream::once(rest))
}

/// Marks the place at which a connection is made and nothing is sent yet.
#[derive(Clone, Copy, Debug)]
pub(super) struct Connected;

/// A connector with that place behind it.
#[derive(Clone)]
pub(super) struct Marked<S>(S);

impl<S> Layer<S> for Connected {
    type Service = Marked<S>;

    fn layer(&self, connector: S) -> Marked<S> {
        Marked(connector)
    }
}

impl<S, To> Service<To> for Marked<S>
where
    S: Service<To, Error = Failure, Future: Send + 'static>,
{
    type Response = S::Response;
    type Error = Failure;
    type Future = Pin<Box<dyn Future<Output = Result<S::Response, Failure>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Failure>> {
        self.0.poll_ready(context)
    }

    fn call(&mut self, to: To) -> Self::Future {
        let connecting = self.0.call(to);
        Box::pin(async move {
            let connection = connecting.await?;
            reach("refresh::connected")?;
            Ok(connection)
        })
    }
}
