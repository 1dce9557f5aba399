//! How streamed calls get a connection: the guard looks at the address, the name is resolved once and every address
//! checked, and only those are connected to. It runs for each new connection, since a pool outlives a look-up.

use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use http::Uri;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::connect::dns::Name;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tower::Service;
use url::Url;

use super::guard::Refusal;
use super::resolve::Resolver;

type Failure = Box<dyn std::error::Error + Send + Sync>;
type Connecting<T> = Pin<Box<dyn Future<Output = Result<T, Failure>> + Send>>;

/// Connecting took too long.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("connecting took too long")]
pub(super) struct TimedOut;

/// Connects to checked addresses alone.
#[derive(Clone)]
pub(super) struct Guarding {
    resolver: Arc<Resolver>,
    timeout: Duration,
    any_port: bool,
}

impl Guarding {
    pub(super) fn new(resolver: Arc<Resolver>, timeout: Duration, any_port: bool) -> Self {
        Self { resolver, timeout, any_port }
    }

    async fn connect(self, uri: Uri) -> Result<TokioIo<TcpStream>, Failure> {
        let url = Url::parse(&uri.to_string()).map_err(|_| Refusal::Host)?;
        let port = url.port_or_known_default().ok_or(Refusal::Port)?;
        let named: &[u16] = if self.any_port { &[port] } else { &[] };
        let target = self.resolver.guard.check_url(&url, named)?;
        let addresses: Vec<SocketAddr> = match (target.literal, url.domain()) {
            (Some(ip), _) => {
                self.resolver.check(&target, SocketAddr::new(ip, port))?;
                vec![SocketAddr::new(ip, port)]
            }
            (None, Some(name)) => self.resolver.resolve_checked(name, &target).await?.collect(),
            (None, None) => return Err(Refusal::Host.into()),
        };
        let mut connector = HttpConnector::new_with_resolver(Checked(addresses));
        connector.enforce_http(false);
        connector.set_nodelay(true);
        connector.set_connect_timeout(Some(self.timeout));
        Ok(connector.call(uri).await?)
    }
}

impl Service<Uri> for Guarding {
    type Response = TokioIo<TcpStream>;
    type Error = Failure;
    type Future = Connecting<Self::Response>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Failure>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        Box::pin(self.clone().connect(uri))
    }
}

/// A resolver that was asked already.
#[derive(Clone)]
struct Checked(Vec<SocketAddr>);

impl Service<Name> for Checked {
    type Response = std::vec::IntoIter<SocketAddr>;
    type Error = std::convert::Infallible;
    type Future = std::future::Ready<Result<Self::Response, Self::Error>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Name) -> Self::Future {
        std::future::ready(Ok(self.0.clone().into_iter()))
    }
}

/// Bounds resolving, connecting and the TLS handshake together.
#[derive(Clone)]
pub(super) struct Timed<C> {
    inner: C,
    timeout: Duration,
}

impl<C> Timed<C> {
    pub(super) fn new(inner: C, timeout: Duration) -> Self {
        Self { inner, timeout }
    }
}

impl<C> Service<Uri> for Timed<C>
where
    C: Service<Uri, Error = Failure>,
    C::Future: Send + 'static,
{
    type Response = C::Response;
    type Error = Failure;
    type Future = Connecting<C::Response>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Failure>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        let connecting = tokio::time::timeout(self.timeout, self.inner.call(uri));
        Box::pin(async move { connecting.await.unwrap_or_else(|_| Err(TimedOut.into())) })
    }
}
