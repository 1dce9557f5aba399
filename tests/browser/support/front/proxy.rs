//! Passing one request on, as a trusted reverse proxy does: unbuffered both ways, and saying who asked.

use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll};

use axum::body::{Body, Bytes};
use http::header::{CONNECTION, HOST, HeaderName, HeaderValue, TRANSFER_ENCODING, UPGRADE};
use http::{HeaderMap, Request, Response};
use hyper::body::{Frame, Incoming, SizeHint};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};

type Failure = Box<dyn std::error::Error + Send + Sync>;

const HOP_BY_HOP: [HeaderName; 3] = [CONNECTION, TRANSFER_ENCODING, UPGRADE];

/// Sends `request` to `upstream` on a connection of its own and gives the answer as it comes.
///
/// `Host` stays what the browser sent; `X-Forwarded-For`, `-Proto` and `-Host` are set, never taken over.
pub(super) async fn pass(
    mut request: Request<Incoming>,
    peer: SocketAddr,
    upstream: SocketAddr,
) -> Result<Response<Body>, Failure> {
    let stream = TcpStream::connect(upstream).await?;
    stream.set_nodelay(true)?;
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    // The answer says when a connection broke; nobody reads this.
    tokio::spawn(async move { drop(connection.await) });

    let headers = request.headers_mut();
    strip(headers);
    if let Some(host) = headers.get(HOST).cloned() {
        headers.insert("x-forwarded-host", host);
    }
    headers.insert("x-forwarded-proto", HeaderValue::from_static("https"));
    headers.insert("x-forwarded-for", HeaderValue::from_str(&peer.ip().to_string())?);

    let mut response = sender.send_request(request).await?;
    strip(response.headers_mut());
    Ok(response.map(Body::new))
}

fn strip(headers: &mut HeaderMap) {
    for name in HOP_BY_HOP {
        headers.remove(name);
    }
}

/// `body`, which fails in the middle once `cut` is cancelled.
pub(super) fn breakable(body: Body, cut: CancellationToken) -> Body {
    Body::new(Breakable { body, cut: Box::pin(cut.cancelled_owned()) })
}

struct Breakable {
    body: Body,
    cut: Pin<Box<WaitForCancellationFutureOwned>>,
}

impl hyper::body::Body for Breakable {
    type Data = Bytes;
    type Error = Failure;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Failure>>> {
        if self.cut.as_mut().poll(context).is_ready() {
            return Poll::Ready(Some(Err("the test cut this stream".into())));
        }
        Pin::new(&mut self.body).poll_frame(context).map_err(Into::into)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
