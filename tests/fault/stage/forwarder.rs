//! A line to a database that a test leads to another.

use std::net::Ipv4Addr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU16, Ordering};

use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// Passes connections on to a port of this machine. Dropped, it takes no more.
pub(crate) struct Forwarder {
    port: u16,
    to: Arc<AtomicU16>,
    task: JoinHandle<()>,
}

impl Forwarder {
    /// A line to the port `to`.
    pub(crate) async fn start(to: u16) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let to = Arc::new(AtomicU16::new(to));
        let task = tokio::spawn(pass_on(listener, Arc::clone(&to)));
        Self { port, to, task }
    }

    /// The database at its other end.
    pub(crate) fn url(&self) -> String {
        format!("postgres://postgres@127.0.0.1:{}/postgres", self.port)
    }

    /// Leads whoever connects from now on to another port.
    pub(crate) fn lead_to(&self, port: u16) {
        self.to.store(port, Ordering::SeqCst);
    }
}

impl Drop for Forwarder {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn pass_on(listener: TcpListener, to: Arc<AtomicU16>) {
    while let Ok((mut near, _)) = listener.accept().await {
        let port = to.load(Ordering::SeqCst);
        tokio::spawn(async move {
            // Where nobody listens, the caller's connection ends as well.
            if let Ok(mut far) = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await {
                // However it ends, both ends are closed.
                let _ = tokio::io::copy_bidirectional(&mut near, &mut far).await;
            }
        });
    }
}
