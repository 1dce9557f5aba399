//! The only way out to the network. Every call passes one address guard, follows no redirect, uses no proxy of the
//! environment and keeps no cookie (`security.md`, section 5). It must not know what it carries: neither OAuth nor
//! providers, nor whether an answer is good news.

mod connect;
pub mod guard;
mod message;
#[cfg(feature = "failpoints")]
mod points;
mod resolve;
pub mod smtp;
mod stream;
mod tls;

use std::{collections::HashMap, io, net::SocketAddr, sync::Arc, time::Duration};

use arc_swap::ArcSwap;
use http::StatusCode;
use ipnet::IpNet;
use url::Url;

use crate::failpoint::failpoint;

pub use self::message::{Answer, Class, OutboundRequest};
pub use self::stream::{BodyError, BodyIdle, StreamBody, StreamError};
use self::{
    guard::{Guard, Refusal, Target},
    resolve::{Guarded, LookUp, Resolver, TARGET, Unresolved},
};

/// What the operator decides about outbound calls.
#[derive(Clone, Debug)]
pub struct EgressConfig {
    /// Networks opened although they are private or reserved, with any port (`VOUCHSAFE_EGRESS_ALLOW`).
    pub allow: Vec<IpNet>,
    /// Whether plain http is let through inside `allow` (`VOUCHSAFE_EGRESS_HTTP`).
    pub allow_http: bool,
    /// Where the hub itself listens; never called, inside `allow` or not.
    pub own_listeners: Vec<SocketAddr>,
    /// How long resolving, connecting and the TLS handshake may take together.
    pub connect_timeout: Duration,
    /// How long an answer's body may pause.
    pub idle_timeout: Duration,
    /// How long a streamed call may stand still, in either direction or before its answer.
    pub stream_idle_timeout: Duration,
    /// How long a whole token request may take ([`Class::Token`]).
    pub token_timeout: Duration,
}

impl Default for EgressConfig {
    fn default() -> Self {
        Self {
            allow: Vec::new(),
            allow_http: false,
            own_listeners: Vec::new(),
            connect_timeout: Duration::from_secs(5),
            idle_timeout: Duration::from_secs(5),
            stream_idle_timeout: Duration::from_mins(1),
            token_timeout: Class::Token.timeout(),
        }
    }
}

/// What tests put in the place of the world. The guard is not one of these things.
#[derive(Clone, Debug, Default)]
pub struct EgressHooks {
    /// Names and their addresses; with a table, any other name does not resolve. An address with a port other than 0
    /// is connected to at that port when the URL names none.
    pub names: Option<HashMap<String, Vec<SocketAddr>>>,
    /// The only root certificates trusted, in PEM.
    pub roots: Option<Vec<u8>>,
}

/// Why a request never left. None of these changed anything at the provider.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotSent {
    /// The guard refused URL or address.
    #[error("refused by the egress guard: {0}")]
    Guard(Refusal),
    /// The name has no address.
    #[error("the host name does not resolve")]
    Dns,
    /// Nobody listens there.
    #[error("the connection was refused")]
    Refused,
    /// The TLS handshake failed.
    #[error("no trusted TLS connection could be made")]
    Tls,
    /// No connection within the connect timeout.
    #[error("connecting took too long")]
    ConnectTimeout,
    /// Another failure before the connection was made.
    #[error("no connection could be made")]
    Connect,
    /// Header or URL cannot be written as a request.
    #[error("the request cannot be built")]
    Request,
}

/// Why the outcome of a request is unknown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Ambiguity {
    /// The time was over.
    #[error("no complete answer in time")]
    Timeout,
    /// The connection broke.
    #[error("the connection broke before the answer was complete")]
    Cut,
    /// The answer was larger than the cap.
    #[error("the answer is too large")]
    TooLarge,
}

/// What was seen of an answer that did not arrive whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Head {
    /// The status.
    pub status: StatusCode,
    /// The seconds of `Retry-After`.
    pub retry_after: Option<Duration>,
}

/// Why [`Egress::send`] has no answer. No message holds a URL, a query or user information.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EgressError {
    /// The request never left.
    #[error("request not sent")]
    NotSent(#[source] NotSent),
    /// A connection was made; what the other side did is unknown.
    #[error("outcome of the request unknown")]
    Ambiguous {
        /// What went wrong.
        #[source]
        cause: Ambiguity,
        /// The head of the answer, when it arrived.
        head: Option<Head>,
    },
}

/// The TLS set-up of the machine is unusable: no client could be built.
#[derive(Debug, thiserror::Error)]
pub enum SetupError {
    /// By the client of plain calls.
    #[error("no HTTP client could be built")]
    Client(#[source] reqwest::Error),
    /// By the client of streamed calls.
    #[error("no TLS client could be built")]
    Tls(#[source] rustls::Error),
    /// The roots of a test are no certificates.
    #[error("the given roots can't be read")]
    Roots,
}

/// The HTTP clients of the hub and the guard before them.
pub struct Egress {
    resolver: Arc<Resolver>,
    /// A connection of its own for each call.
    fresh: reqwest::Client,
    /// Pooled connections.
    pooled: reqwest::Client,
    idle_timeout: Duration,
    /// The client of streamed calls.
    streams: stream::Streams,
    connect_timeout: Duration,
    token_timeout: Duration,
}

impl Egress {
    /// The clients as `config` says.
    pub fn new(config: EgressConfig) -> Result<Arc<Self>, SetupError> {
        Self::with_hooks(config, EgressHooks::default())
    }

    /// As [`Egress::new`], in a world made by a test.
    pub fn with_hooks(config: EgressConfig, hooks: EgressHooks) -> Result<Arc<Self>, SetupError> {
        let names = hooks.names.map(|table| -> LookUp {
            Box::new(move |name: &str| table.get(name).cloned().unwrap_or_default())
        });
        Self::build(config, names, hooks.roots.as_deref())
    }

    /// As [`Egress::new`], where `look_up` is asked for the addresses of a name, each time anew: names whose owner gives
    /// another answer each time.
    pub fn with_names(
        config: EgressConfig,
        look_up: impl Fn(&str) -> Vec<SocketAddr> + Send + Sync + 'static,
    ) -> Result<Arc<Self>, SetupError> {
        Self::build(config, Some(Box::new(look_up)), None)
    }

    fn build(
        config: EgressConfig,
        names: Option<LookUp>,
        roots: Option<&[u8]>,
    ) -> Result<Arc<Self>, SetupError> {
        let resolver = Arc::new(Resolver {
            guard: Guard::new(config.allow, config.allow_http),
            own: ArcSwap::from_pointee(config.own_listeners),
            names,
        });
        let tls = tls::verified(roots)?;
        let client = |http2| client(&resolver, config.connect_timeout, tls::speaking(&tls, http2));
        let fresh = client(false).http1_only().pool_max_idle_per_host(0);
        #[cfg(feature = "failpoints")]
        let fresh = fresh.connector_layer(points::Connected);
        let fresh = fresh.build().map_err(SetupError::Client)?;
        let pooled =
            client(true).pool_idle_timeout(Duration::from_secs(30)).build().map_err(SetupError::Client)?;
        let streams =
            stream::Streams::new(&resolver, config.connect_timeout, config.stream_idle_timeout, tls);
        let EgressConfig { idle_timeout, connect_timeout, token_timeout, .. } = config;
        Ok(Arc::new(Self { resolver, fresh, pooled, idle_timeout, streams, connect_timeout, token_timeout }))
    }

    /// Replaces the hub's own listeners, once their ports are known.
    pub fn set_own_listeners(&self, listeners: Vec<SocketAddr>) {
        self.resolver.own.store(Arc::new(listeners));
    }

    /// Checks what can be known of `url` without resolving it: scheme, user information, port, literal address.
    pub fn check_url(&self, url: &Url, allowed_ports: &[u16]) -> Result<Target, Refusal> {
        let target = self.resolver.guard.check_url(url, allowed_ports)?;
        if let Some(ip) = target.literal {
            self.resolver.check(&target, SocketAddr::new(ip, target.port))?;
        }
        Ok(target)
    }

    /// Checks `url` as a call would: names are resolved, and none of their addresses may be refused. A name that has
    /// no address yet passes, unless the URL is one that only allowed networks may have.
    pub async fn check_reachable(&self, url: &Url) -> Result<(), Refusal> {
        let target = self.check_url(url, &[])?;
        let Some(url::Host::Domain(name)) = url.host() else {
            return Ok(());
        };
        tokio::time::timeout(self.connect_timeout, self.resolver.check_name(name, &target))
            .await
            .unwrap_or_else(|_| target.unproven())
    }

    /// Sends `request` once and reads its answer, whatever the status. Nothing is retried here.
    pub async fn send(&self, request: OutboundRequest) -> Result<Answer, EgressError> {
        let target = self
            .check_url(&request.url, &request.allowed_ports)
            .map_err(|refusal| EgressError::NotSent(NotSent::Guard(refusal)))?;
        let timeout = request.timeout.unwrap_or_else(|| match request.class {
            Class::Token => self.token_timeout,
            class @ (Class::Check | Class::Webhook) => class.timeout(),
        });
        // The limits of a definition (calls in flight and per second for each token host) are to be awaited here, before
        // the timeout starts.
        let call = TARGET.scope(target, self.call(request));
        tokio::time::timeout(timeout, call)
            .await
            .unwrap_or(Err(EgressError::Ambiguous { cause: Ambiguity::Timeout, head: None }))
    }

    async fn call(&self, request: OutboundRequest) -> Result<Answer, EgressError> {
        let client = match request.class {
            Class::Token => &self.fresh,
            Class::Check | Class::Webhook => &self.pooled,
        };
        let (class, max_body) = (request.class, request.max_body);
        #[cfg(not(feature = "failpoints"))]
        let answer = client.execute(request.into_reqwest()).await.map_err(|error| classify(&error))?;
        #[cfg(feature = "failpoints")]
        let answer = points::execute(client, request).await?;
        failpoint!("refresh::headers" if class == Class::Token);
        let (status, headers) = (answer.status(), answer.headers().clone());
        let body = message::read_body(answer, class, max_body, self.idle_timeout).await?;
        failpoint!("refresh::body_read" if class == Class::Token);
        Ok(Answer { status, headers, body })
    }
}

impl std::fmt::Debug for Egress {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Egress").field("guard", &self.resolver.guard).finish_non_exhaustive()
    }
}

#[expect(clippy::disallowed_methods, reason = "the one module that holds an HTTP client")]
fn client(
    resolver: &Arc<Resolver>,
    connect_timeout: Duration,
    tls: rustls::ClientConfig,
) -> reqwest::ClientBuilder {
    reqwest::Client::builder()
        .user_agent(concat!("vouchsafe/", env!("CARGO_PKG_VERSION")))
        .redirect(reqwest::redirect::Policy::none())
        .retry(reqwest::retry::never())
        .referer(false)
        .no_proxy()
        .connect_timeout(connect_timeout)
        .dns_resolver(Guarded(Arc::clone(resolver)))
        .tls_backend_preconfigured(tls)
}

/// Tells "never sent" from "unknown". Only the kind survives: `reqwest::Error` itself holds the URL.
fn classify(error: &reqwest::Error) -> EgressError {
    if error.is_builder() {
        return EgressError::NotSent(NotSent::Request);
    }
    if !error.is_connect() {
        let cause = if error.is_timeout() { Ambiguity::Timeout } else { Ambiguity::Cut };
        return EgressError::Ambiguous { cause, head: None };
    }
    let usual = if error.is_timeout() { NotSent::ConnectTimeout } else { NotSent::Connect };
    EgressError::NotSent(not_sent(error, usual))
}

/// Why no connection was made, as the layers below tell it.
fn not_sent(error: &(dyn std::error::Error + 'static), usual: NotSent) -> NotSent {
    let mut not_sent = usual;
    let mut source: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(layer) = source {
        if let Some(refusal) = layer.downcast_ref::<Refusal>() {
            not_sent = NotSent::Guard(*refusal);
        } else if layer.is::<Unresolved>() {
            not_sent = NotSent::Dns;
        } else if layer.is::<connect::TimedOut>() {
            not_sent = NotSent::ConnectTimeout;
        } else if let Some(io) = layer.downcast_ref::<io::Error>() {
            not_sent = match io.kind() {
                io::ErrorKind::ConnectionRefused => NotSent::Refused,
                io::ErrorKind::InvalidData | io::ErrorKind::UnexpectedEof => NotSent::Tls,
                _ => not_sent,
            };
        }
        // `io::Error::source` skips the error it wraps, and the TLS connector wraps one in another.
        source = match layer.downcast_ref::<io::Error>().and_then(io::Error::get_ref) {
            Some(wrapped) => Some(wrapped),
            None => layer.source(),
        };
    }
    not_sent
}

#[cfg(test)]
mod tests;
