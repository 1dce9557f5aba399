//! Serving: the listener, its connections and loops, and the way they end.

mod begun;

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::extract::ConnectInfo;
use axum::{Extension, Router};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower::Layer as _;

use self::begun::Begun;
use super::lock::DirLock;
use super::{App, BuildError, Deps};
use crate::config::Config;
use crate::http::{self, MetricsText};
use crate::journal::Journal;
use crate::random::Random;
use crate::service::Hub;
use crate::worker;

/// A client has so long to send its request's head, and to answer where it is asked whether it is there.
const HEADER_TIME: Duration = Duration::from_secs(10);
/// Clients of HTTP/2 are asked that so often.
const STILL_THERE: Duration = Duration::from_secs(30);
/// What HTTP/1.1 reads at once: the largest head of a request, and what a streamed body holds.
const BUFFER: usize = 64 * 1024;
/// Connections at once.
const CONNECTIONS: usize = 20_000;
/// Files that may be open at once: a connection is one, the call that it is for another, and there are those of the database.
const FILES: u64 = 65_536;
/// That no connection can be taken is told once in so long.
const TOLD_EVERY: Duration = Duration::from_secs(10);
/// Calls and refreshes under way have so long to finish.
const GRACE: Duration = Duration::from_secs(30);
/// Calls are cut before that, so that there is time to write them down.
const DRAIN: Duration = Duration::from_secs(27);

/// Why a hub does not run.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The address can't be listened on.
    #[error("cannot listen on {address}: {source}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// Why.
        source: std::io::Error,
    },
    /// The hub can't be built.
    #[error(transparent)]
    Build(#[from] BuildError),
}

impl ServeError {
    /// The exit code.
    pub const fn exit_code(&self) -> u8 {
        match self {
            Self::Listen { .. } => 1,
            Self::Build(error) => error.exit_code(),
        }
    }
}

/// A hub at work.
pub struct Running {
    /// Where it listens.
    pub address: SocketAddr,
    /// The use cases.
    pub hub: Arc<Hub>,
    /// Whether this was the first start on an empty database.
    pub first_start: bool,
    servers: TaskTracker,
    workers: TaskTracker,
    _lock: DirLock,
}

impl Running {
    /// Starts a hub: takes the data directory, listens, serves and works.
    ///
    /// # Errors
    /// [`ServeError`].
    pub async fn start(
        config: &Config,
        deps: Deps,
        metrics: Option<MetricsText>,
    ) -> Result<Self, ServeError> {
        super::make_data_dir(&config.database.data_dir)?;
        let lock = DirLock::take(&config.database.data_dir)?;
        raise_files();
        let listener = listen(config.server.listen).await?;
        let address = listener.local_addr().unwrap_or(config.server.listen);
        let metrics_listener = match config.server.metrics_listen {
            Some(address) => Some(listen(address).await?),
            None => None,
        };
        let random = Arc::clone(&deps.random);
        let journal = open_journal(config, random.as_ref())?;
        let mut app = App::build(config, deps, address, Some(journal)).await?;
        super::compare_clocks(&app.hub).await?;
        app.hub.note_definitions().await.map_err(BuildError::Bootstrap)?;
        super::home::move_in(config, &app.hub, random.as_ref()).await?;
        app.hub.note_start(&config.given);
        let own_metrics = metrics_listener.is_some();
        app.state.metrics = metrics.clone().filter(|_| !own_metrics);
        write_address(&config.database.data_dir, address);

        let servers = TaskTracker::new();
        let mut listeners = vec![address];
        if let (Some(listener), Some(metrics)) = (metrics_listener, metrics) {
            listeners.extend(listener.local_addr());
            servers.spawn(serve(listener, metrics_router(metrics), Arc::clone(&app.hub)));
        }
        app.set_listeners(listeners);
        servers.spawn(serve(listener, http::router(app.state.clone()), Arc::clone(&app.hub)));
        servers.close();
        // Before anything is claimed: what the last run left in the journal comes first.
        app.hub.replay().await.map_err(BuildError::Bootstrap)?;
        let workers = worker::start(&app.hub);
        Ok(Self { address, hub: app.hub, first_start: app.first_start, servers, workers, _lock: lock })
    }

    /// Stops accepting and claiming, lets calls and refreshes that were sent finish (up to 30 s), writes what waits, and
    /// ends.
    pub async fn stop(self) {
        let ended = async {
            self.hub.close();
            self.servers.wait().await;
            self.hub.note_calls_over();
            self.workers.wait().await;
            self.hub.finish().await;
        };
        if tokio::time::timeout(GRACE, ended).await.is_err() {
            tracing::warn!("some calls or refreshes were still under way at the end of the time for them");
        }
        self.hub.note_calls_over();
        worker::finish(&self.hub).await;
    }
}

fn open_journal(config: &Config, random: &dyn Random) -> Result<Journal, BuildError> {
    let directory = config.database.data_dir.join("journal");
    Ok(Journal::open(&directory, || format!("node_{}", hex::encode(random.bytes::<16>())))?)
}

/// Lets this process have as many files open as the system allows it: by default it may have far fewer.
fn raise_files() {
    let limit = getrlimit(Resource::Nofile);
    let most = limit.maximum.map_or(FILES, |most| most.min(FILES));
    if limit.current.is_none_or(|current| current >= most) {
        return;
    }
    if let Err(error) = setrlimit(Resource::Nofile, Rlimit { current: Some(most), maximum: limit.maximum }) {
        tracing::warn!(error = &error as &dyn std::error::Error, "no more files may be open at once");
    }
}

async fn listen(address: SocketAddr) -> Result<TcpListener, ServeError> {
    TcpListener::bind(address).await.map_err(|source| ServeError::Listen { address, source })
}

/// For whoever asked for port 0. Not being able to write it stops nothing.
fn write_address(directory: &Path, address: SocketAddr) {
    let file = directory.join("address");
    if let Err(error) = std::fs::write(&file, address.to_string()) {
        let error = &error as &dyn std::error::Error;
        tracing::warn!(path = %file.display(), error, "the address file could not be written");
    }
}

fn metrics_router(metrics: MetricsText) -> Router {
    Router::new().route("/metrics", axum::routing::get(move || std::future::ready(metrics())))
}

async fn serve(listener: TcpListener, router: Router, hub: Arc<Hub>) {
    let closing = hub.closing();
    let mut told: Option<Instant> = None;
    let graceful = GracefulShutdown::new();
    let places = Arc::new(Semaphore::new(CONNECTIONS));
    let (connections, cut) = (TaskTracker::new(), CancellationToken::new());
    let mut builder = auto::Builder::new(TokioExecutor::new());
    builder.http1().timer(TokioTimer::new()).header_read_timeout(HEADER_TIME).max_buf_size(BUFFER);
    builder.http2().timer(TokioTimer::new()).keep_alive_interval(STILL_THERE).keep_alive_timeout(HEADER_TIME);
    loop {
        let accepted = tokio::select! {
            () = closing.cancelled() => break,
            accepted = listener.accept() => accepted,
        };
        let (stream, peer) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                // Out of file descriptors, say: wait for some to come back.
                if told.is_none_or(|told| told.elapsed() >= TOLD_EVERY) {
                    told = Some(Instant::now());
                    tracing::warn!(
                        error = &error as &dyn std::error::Error,
                        "a connection could not be accepted"
                    );
                }
                tokio::time::sleep(Duration::from_millis(50)).await;
                continue;
            }
        };
        let Ok(place) = Arc::clone(&places).acquire_owned().await else {
            break;
        };
        let connection = connect(&builder, stream, peer, &router);
        let connection = graceful.watch(connection);
        let cut = cut.clone();
        connections.spawn(async move {
            let ended = tokio::select! {
                ended = connection => ended,
                () = cut.cancelled() => return,
            };
            if let Err(error) = ended {
                tracing::debug!(%error, "a connection ended");
            }
            drop(place);
        });
    }
    drop(listener);
    tokio::select! {
        () = graceful.shutdown() => {}
        () = tokio::time::sleep(DRAIN) => tracing::warn!("calls that take longer than the time for them are cut"),
    }
    // What was cut is written down as that.
    cut.cancel();
    connections.close();
    connections.wait().await;
}

fn connect(
    builder: &auto::Builder<TokioExecutor>,
    stream: TcpStream,
    peer: SocketAddr,
    router: &Router,
) -> impl hyper_util::server::graceful::GracefulConnection<Error = Box<dyn std::error::Error + Send + Sync>> + use<>
{
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "TCP_NODELAY could not be set");
    }
    // Around the router, not inside it: a layer of the router would be put around each of its routes.
    let service = Extension(ConnectInfo(peer)).layer(router.clone());
    builder
        .serve_connection_with_upgrades(
            TokioIo::new(Begun::within(stream, HEADER_TIME)),
            TowerToHyperService::new(service),
        )
        .into_owned()
}
