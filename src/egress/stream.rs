//! Calls whose bodies stream both ways: pooled connections, HTTP/1.1 and HTTP/2, the same guard before each
//! connection. Nothing is followed, kept or compressed here, and nothing is held back.

use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::uri::Uri;
use http::{Request, Response, StatusCode, Version};
use http_body_util::BodyExt as _;
use http_body_util::combinators::UnsyncBoxBody;
use hyper::body::{Body, Frame, SizeHint};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use tokio::time::{Instant, Sleep};
use url::Url;

use super::connect::{Guarding, Timed};
use super::resolve::Resolver;
use super::{Egress, NotSent};

/// Whatever went wrong with a body.
pub type BodyError = Box<dyn std::error::Error + Send + Sync>;
/// A body on its way.
pub type StreamBody = UnsyncBoxBody<Bytes, BodyError>;

type Connector = Timed<HttpsConnector<Guarding>>;

/// A connection that nobody uses is kept so long.
const POOLED: Duration = Duration::from_mins(1);
/// What HTTP/1.1 reads at once. More makes no call faster, and each one holds as much.
const BUFFER: usize = 64 * 1024;
/// What one HTTP/2 stream, and one connection, may send ahead of its reader, in bytes.
const STREAM_WINDOW: u32 = 512 * 1024;
const CONNECTION_WINDOW: u32 = 4 * 1024 * 1024;

/// Why [`Egress::stream`] has no answer. No message holds a URL.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StreamError {
    /// The request never left.
    #[error("request not sent")]
    NotSent(#[source] NotSent),
    /// The connection broke before the head of an answer came.
    #[error("the connection broke before an answer came")]
    Broken,
    /// Nothing moved for too long.
    #[error("no answer came in time")]
    Idle,
    /// The answer changes the protocol, which nobody had asked for.
    #[error("the answer changes the protocol")]
    Switched,
    /// Whoever sends the body hung up in the middle of it.
    #[error("the sender of the body hung up")]
    HungUp,
    /// The body that was to be sent is malformed, or paused for too long.
    #[error("the body could not be read to its end")]
    Unreadable,
}

impl StreamError {
    /// What it means that a body on its way out came to no end: its sender is gone, or wrote what nobody can read.
    pub fn of_body(error: &(dyn std::error::Error + 'static)) -> Self {
        let mut source = Some(error);
        while let Some(layer) = source {
            if let Some(error) = layer.downcast_ref::<io::Error>()
                && matches!(error.kind(), io::ErrorKind::InvalidData | io::ErrorKind::InvalidInput)
            {
                return Self::Unreadable;
            }
            source = layer.source();
        }
        Self::HungUp
    }
}

/// A body stood still for too long.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("the body paused for too long")]
pub struct BodyIdle;

/// The clients. A port other than 443 that a definition names is let through for the calls that may use it alone, so
/// those have a pool of their own.
pub(super) struct Streams {
    resolver: Arc<Resolver>,
    connect_timeout: Duration,
    idle: Duration,
    tls: rustls::ClientConfig,
    usual: OnceLock<Client<Connector, StreamBody>>,
    named_port: OnceLock<Client<Connector, StreamBody>>,
}

impl Streams {
    pub(super) fn new(
        resolver: &Arc<Resolver>,
        connect_timeout: Duration,
        idle: Duration,
        tls: rustls::ClientConfig,
    ) -> Self {
        Self {
            resolver: Arc::clone(resolver),
            connect_timeout,
            idle,
            tls,
            usual: OnceLock::new(),
            named_port: OnceLock::new(),
        }
    }

    fn client(&self, any_port: bool) -> &Client<Connector, StreamBody> {
        let slot = if any_port { &self.named_port } else { &self.usual };
        slot.get_or_init(|| {
            let guarding = Guarding::new(Arc::clone(&self.resolver), self.connect_timeout, any_port);
            let tls = HttpsConnectorBuilder::new()
                .with_tls_config(self.tls.clone())
                .https_or_http()
                .enable_all_versions()
                .wrap_connector(guarding);
            Client::builder(TokioExecutor::new())
                .pool_idle_timeout(POOLED)
                .pool_timer(TokioTimer::new())
                .timer(TokioTimer::new())
                .http1_max_buf_size(BUFFER)
                .http2_initial_stream_window_size(STREAM_WINDOW)
                .http2_initial_connection_window_size(CONNECTION_WINDOW)
                .build(Timed::new(tls, self.connect_timeout))
        })
    }
}

impl Egress {
    /// Sends `request` to its absolute address and gives the answer once its head is here; both bodies stream.
    /// `named_port` is the port that the definition writes, or that the secrets of the call list, where there is one. A
    /// request that met a pooled connection at its end, and of which nothing was written, is sent once more; nothing else
    /// is.
    ///
    /// # Errors
    /// [`StreamError`].
    pub async fn stream(
        &self,
        request: Request<StreamBody>,
        named_port: Option<u16>,
    ) -> Result<Response<StreamBody>, StreamError> {
        let port = named_port.filter(|port| *port != 443);
        let url = origin(request.uri()).ok_or(StreamError::NotSent(NotSent::Request))?;
        self.check_url(&url, port.as_slice())
            .map_err(|refusal| StreamError::NotSent(NotSent::Guard(refusal)))?;
        let (mut parts, body) = request.into_parts();
        // What the connection speaks is decided by its handshake.
        parts.version = Version::HTTP_11;
        let idle = self.streams.idle;
        let moved = Moved::now();
        let body = Paced { moved: Some(moved.clone()), ..Paced::new(body, idle) };
        let sending =
            self.streams.client(port.is_some()).request(Request::from_parts(parts, body.boxed_unsync()));
        let answer = moved.unless_still(idle, sending).await.ok_or_else(|| moved.who_is_still())?;
        let answer = answer.map_err(|error| moved.cut().unwrap_or_else(|| classify(&error)))?;
        if answer.status() == StatusCode::SWITCHING_PROTOCOLS {
            return Err(StreamError::Switched);
        }
        Ok(answer.map(|body| Paced::new(body, idle).boxed_unsync()))
    }
}

/// Scheme and authority alone, for the guard.
fn origin(uri: &Uri) -> Option<Url> {
    Url::parse(&format!("{}://{}/", uri.scheme_str()?, uri.authority()?)).ok()
}

fn classify(error: &hyper_util::client::legacy::Error) -> StreamError {
    if error.is_connect() {
        return StreamError::NotSent(super::not_sent(error, NotSent::Connect));
    }
    StreamError::Broken
}

/// How a request moves: when something last did, in milliseconds since it began, and how its body fares.
#[derive(Clone)]
struct Moved {
    began: Instant,
    state: Arc<State>,
}

#[derive(Default)]
struct State {
    at: AtomicU64,
    /// Whether the next piece of the body is waited for.
    awaits_body: AtomicBool,
    /// Why the body came to no end.
    cut: OnceLock<StreamError>,
}

impl Moved {
    fn now() -> Self {
        Self { began: Instant::now(), state: Arc::default() }
    }

    fn note(&self) {
        let elapsed = u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.state.at.store(elapsed, Ordering::Relaxed);
        self.state.awaits_body.store(false, Ordering::Relaxed);
    }

    fn await_body(&self) {
        self.state.awaits_body.store(true, Ordering::Relaxed);
    }

    fn note_cut(&self, why: StreamError) {
        let _ = self.state.cut.set(why);
    }

    /// Why the body came to no end; none where it did, or is on its way. HTTP/2 tells nobody whose fault it was.
    fn cut(&self) -> Option<StreamError> {
        self.state.cut.get().copied()
    }

    /// Who is waited for, now that nothing moves: whoever sends the body, or the app.
    fn who_is_still(&self) -> StreamError {
        let sender = self.state.awaits_body.load(Ordering::Relaxed);
        self.cut().unwrap_or(if sender { StreamError::Unreadable } else { StreamError::Idle })
    }

    /// What `work` gives, unless nothing moves for `idle`.
    async fn unless_still<T>(&self, idle: Duration, work: impl Future<Output = T>) -> Option<T> {
        tokio::pin!(work);
        loop {
            let seen = self.state.at.load(Ordering::Relaxed);
            let until = self.began + Duration::from_millis(seen) + idle;
            match tokio::time::timeout_at(until, &mut work).await {
                Ok(done) => return Some(done),
                Err(_) if self.state.at.load(Ordering::Relaxed) == seen => return None,
                Err(_) => {}
            }
        }
    }
}

/// A body that fails when its next piece does not come in time. The timer runs only while it is waited for.
struct Paced<B> {
    body: Pin<Box<B>>,
    idle: Duration,
    timer: Option<Pin<Box<Sleep>>>,
    waiting: bool,
    moved: Option<Moved>,
}

impl<B> Paced<B> {
    fn new(body: B, idle: Duration) -> Self {
        Self { body: Box::pin(body), idle, timer: None, waiting: false, moved: None }
    }
}

impl<B> Body for Paced<B>
where
    B: Body<Data = Bytes>,
    B::Error: Into<BodyError>,
{
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let this = &mut *self;
        if let Poll::Ready(frame) = this.body.as_mut().poll_frame(context) {
            this.waiting = false;
            let frame: Option<Result<_, BodyError>> = frame.map(|frame| frame.map_err(Into::into));
            if let Some(moved) = &this.moved {
                moved.note();
                if let Some(Err(error)) = &frame {
                    moved.note_cut(StreamError::of_body(&**error));
                }
            }
            return Poll::Ready(frame);
        }
        let until = Instant::now() + this.idle;
        let timer = this.timer.get_or_insert_with(|| Box::pin(tokio::time::sleep_until(until)));
        if !this.waiting {
            this.waiting = true;
            timer.as_mut().reset(until);
            if let Some(moved) = &this.moved {
                moved.await_body();
            }
        }
        let idle = timer.as_mut().poll(context);
        if let Some(moved) = &this.moved
            && idle.is_ready()
        {
            moved.note_cut(StreamError::Unreadable);
        }
        idle.map(|()| Some(Err(BodyIdle.into())))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
