//! The HTTPS front of the browser tests: one listener for all sites of a test, told apart by host.
//!
//! It serves pages of the test itself or passes requests on, as a reverse proxy before the hub would. It knows
//! nothing of the hub.
#![allow(dead_code, reason = "not every story needs every part of the front")]

#[path = "front/proxy.rs"]
mod proxy;
#[path = "front/tls.rs"]
mod tls;

use std::collections::HashMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::Router;
use axum::body::Body;
use http::header::{HOST, HeaderValue};
use http::{Method, Request, Response, StatusCode};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::AbortHandle;
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt as _;

/// The host page: the product that embeds the modal.
pub(crate) const APP: &str = "app.test";
/// The hub.
pub(crate) const HUB: &str = "hub.test";
/// The authorization server.
pub(crate) const IDP: &str = "idp.test";
/// The fake provider.
pub(crate) const FERNHILL: &str = "fernhill.test";

/// Name of the header that separates a page from the window that opened it.
const OPENER_POLICY: &str = "cross-origin-opener-policy";

/// A request that the front has seen. Its query is left out, as secrets travel there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Seen {
    /// The method.
    pub(crate) method: Method,
    /// The path without query.
    pub(crate) path: String,
}

#[derive(Clone)]
enum Backend {
    Pages(Router),
    Proxy(SocketAddr),
}

#[derive(Default)]
struct Site {
    backend: Option<Backend>,
    opener_policy: Option<HeaderValue>,
    refused: Vec<String>,
    streams: CancellationToken,
    seen: Vec<Seen>,
}

#[derive(Default)]
struct Sites(Mutex<HashMap<String, Site>>);

impl Sites {
    fn lock(&self) -> MutexGuard<'_, HashMap<String, Site>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A running front. It ends when it is dropped.
pub(crate) struct Front {
    address: SocketAddr,
    ca_pem: String,
    sites: Arc<Sites>,
    tasks: Vec<AbortHandle>,
}

impl Front {
    /// Starts a front on a free port of 127.0.0.1; no site answers before it is given a backend.
    pub(crate) async fn start() -> Self {
        let tls = tls::Identity::for_hosts(&[APP, HUB, IDP, FERNHILL, "localhost"]);
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let sites = Arc::new(Sites::default());
        let accepting = tokio::spawn(accept(listener, tls.acceptor, Arc::clone(&sites)));
        Self { address, ca_pem: tls.ca_pem, sites, tasks: vec![accepting.abort_handle()] }
    }

    /// Where it listens.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// The certificate of the authority made for this front, which clients other than the browser must trust.
    pub(crate) fn ca_pem(&self) -> &str {
        &self.ca_pem
    }

    /// The origin of a site as the browser sees it, `https://hub.test:40123`.
    pub(crate) fn origin(&self, host: &str) -> String {
        format!("https://{host}:{}", self.address.port())
    }

    /// Lets `router` answer for `host`.
    pub(crate) fn pages(&self, host: &str, router: Router) {
        self.change(host, |site| site.backend = Some(Backend::Pages(router)));
    }

    /// Passes requests for `host` to `upstream`.
    pub(crate) fn proxy(&self, host: &str, upstream: SocketAddr) {
        self.change(host, |site| site.backend = Some(Backend::Proxy(upstream)));
    }

    /// Puts `Cross-Origin-Opener-Policy: value` on every answer of `host`; `None` leaves answers as they are.
    pub(crate) fn opener_policy(&self, host: &str, value: Option<&'static str>) {
        self.change(host, |site| {
            site.opener_policy = value.map(HeaderValue::from_static);
        });
    }

    /// Answers 502 to paths of `host` that begin with `prefix`, and breaks every stream of `host` in flight.
    pub(crate) fn refuse(&self, host: &str, prefix: &str) {
        self.change(host, |site| site.refused.push(prefix.to_owned()));
        self.cut(host);
    }

    /// Ends what [`Front::refuse`] began.
    pub(crate) fn restore(&self, host: &str) {
        self.change(host, |site| site.refused.clear());
    }

    /// Breaks every answer of `host` that is still being sent, without refusing the next one.
    pub(crate) fn cut(&self, host: &str) {
        self.change(host, |site| std::mem::take(&mut site.streams).cancel());
    }

    /// The requests for `host` so far, in order.
    pub(crate) fn seen(&self, host: &str) -> Vec<Seen> {
        self.sites.lock().get(host).map(|site| site.seen.clone()).unwrap_or_default()
    }

    /// How many requests of `method` for `path` at `host` there were.
    pub(crate) fn count(&self, host: &str, method: &Method, path: &str) -> usize {
        self.seen(host).iter().filter(|seen| seen.method == *method && seen.path == path).count()
    }

    /// Serves `router` in plain HTTP and gives its origin, `http://localhost:40124`: the host page of a
    /// developer's machine.
    pub(crate) async fn plain_pages(&mut self, router: Router) -> String {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let origin = format!("http://localhost:{}", listener.local_addr().unwrap().port());
        let serving = tokio::spawn(async move { axum::serve(listener, router).await });
        self.tasks.push(serving.abort_handle());
        origin
    }

    fn change(&self, host: &str, change: impl FnOnce(&mut Site)) {
        change(self.sites.lock().entry(host.to_owned()).or_default());
    }
}

impl Drop for Front {
    fn drop(&mut self) {
        for task in &self.tasks {
            task.abort();
        }
    }
}

async fn accept(listener: TcpListener, tls: TlsAcceptor, sites: Arc<Sites>) {
    while let Ok((stream, peer)) = listener.accept().await {
        tokio::spawn(serve(stream, peer, tls.clone(), Arc::clone(&sites)));
    }
}

async fn serve(stream: TcpStream, peer: SocketAddr, tls: TlsAcceptor, sites: Arc<Sites>) {
    // A browser opens connections ahead and drops some of them.
    let Ok(stream) = tls.accept(stream).await else {
        return;
    };
    let service = service_fn(move |request| {
        let sites = Arc::clone(&sites);
        async move { Ok::<_, std::convert::Infallible>(answer(request, peer, &sites).await) }
    });
    // What breaks off here is the browser's wish or a cut that the test ordered.
    let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
}

async fn answer(request: Request<Incoming>, peer: SocketAddr, sites: &Sites) -> Response<Body> {
    let host = host_of(&request);
    let path = request.uri().path().to_owned();
    let (backend, opener_policy, streams) = {
        let mut sites = sites.lock();
        let Some(site) = sites.get_mut(&host) else {
            return plain(StatusCode::MISDIRECTED_REQUEST);
        };
        site.seen.push(Seen { method: request.method().clone(), path: path.clone() });
        if site.refused.iter().any(|prefix| path.starts_with(prefix)) {
            return plain(StatusCode::BAD_GATEWAY);
        }
        let Some(backend) = site.backend.clone() else {
            return plain(StatusCode::SERVICE_UNAVAILABLE);
        };
        (backend, site.opener_policy.clone(), site.streams.clone())
    };
    let mut response = match backend {
        Backend::Pages(router) => match router.oneshot(request.map(Body::new)).await {
            Ok(response) => response,
            Err(never) => match never {},
        },
        Backend::Proxy(upstream) => proxy::pass(request, peer, upstream).await.unwrap_or_else(|error| {
            eprintln!("front: {host}{path}: {error}");
            plain(StatusCode::BAD_GATEWAY)
        }),
    };
    if let Some(value) = opener_policy {
        response.headers_mut().insert(OPENER_POLICY, value);
    }
    response.map(|body| proxy::breakable(body, streams))
}

/// The host that was asked for, without its port.
fn host_of<B>(request: &Request<B>) -> String {
    let named = request.headers().get(HOST).and_then(|value| value.to_str().ok()).unwrap_or_default();
    named.split(':').next().unwrap_or_default().to_ascii_lowercase()
}

fn plain(status: StatusCode) -> Response<Body> {
    let mut response = Response::new(Body::from(status.to_string()));
    *response.status_mut() = status;
    response
}
