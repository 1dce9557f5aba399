//! A plain HTTP/1.1 accept loop whose connections can be cut from inside a handler. `axum::serve` hides the
//! socket, and half of the faults are about the socket. Knows nothing of what is served.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use axum::Router;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower::ServiceExt as _;

/// The connection a request came in on; handlers find it among the request's extensions.
#[derive(Debug, Clone, Default)]
pub(super) struct Line {
    hang_up: CancellationToken,
    reset: Arc<AtomicBool>,
}

impl Line {
    /// Closes the connection: what was flushed stays sent, the rest is lost.
    pub(super) fn close(&self) {
        self.hang_up.cancel();
    }

    /// Closes the connection with a TCP reset.
    pub(super) fn reset(&self) {
        self.reset.store(true, Ordering::Release);
        self.hang_up.cancel();
    }
}

/// A running accept loop.
#[derive(Debug)]
pub(super) struct Server {
    stop: CancellationToken,
    tasks: TaskTracker,
}

impl Server {
    /// Serves `router` on `listener` until stopped or dropped.
    pub(super) fn start(listener: TcpListener, router: Router) -> Self {
        let server = Self { stop: CancellationToken::new(), tasks: TaskTracker::new() };
        let (stop, tasks) = (server.stop.clone(), server.tasks.clone());
        server.tasks.spawn(async move {
            loop {
                tokio::select! {
                    () = stop.cancelled() => break,
                    accepted = listener.accept() => match accepted {
                        Ok((stream, _)) => {
                            tasks.spawn(connection(stream, router.clone(), stop.clone()));
                        }
                        // Out of file descriptors, mostly: yield to the connections that will free some.
                        Err(_) => tokio::time::sleep(Duration::from_millis(10)).await,
                    },
                }
            }
        });
        server.tasks.close();
        server
    }

    /// Stops listening, drops every connection and waits until the port is free.
    pub(super) async fn stop(&self) {
        self.stop.cancel();
        self.tasks.wait().await;
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

async fn connection(stream: TcpStream, router: Router, stop: CancellationToken) {
    let line = Line::default();
    let handed = line.clone();
    let service = hyper::service::service_fn(move |request: hyper::Request<Incoming>| {
        let mut request = request.map(axum::body::Body::new);
        request.extensions_mut().insert(handed.clone());
        router.clone().oneshot(request)
    });
    // Many small answers: without it Nagle's algorithm adds 40 ms to each.
    let _ = stream.set_nodelay(true);
    let mut served = http1::Builder::new()
        .timer(TokioTimer::new())
        // What has come whole is worked off, though its sender may be dead by now.
        .half_close(true)
        .header_read_timeout(Duration::from_secs(30))
        .serve_connection(TokioIo::new(stream), service);
    tokio::select! {
        _ = &mut served => return,
        () = line.hang_up.cancelled() => {}
        () = stop.cancelled() => {}
    }
    if line.reset.load(Ordering::Acquire) {
        let _ = served.into_parts().io.inner().set_zero_linger();
    }
}
