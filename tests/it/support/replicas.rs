//! More hubs on the database of a test, as replicas of one deployment: each with a journal, limits and a listener of its
//! own.

use std::net::SocketAddr;
use std::sync::Arc;

use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use vouchsafe::http::HttpState;
use vouchsafe::http::render::Renderer;
use vouchsafe::journal::Journal;
use vouchsafe::service::{Hub, Parts};
use vouchsafe::store::{DatabaseUrl, Store};

use super::app::TestApp;
use super::process::Api;

/// A hub beside that of the test.
pub(crate) struct Replica {
    pub(crate) hub: Arc<Hub>,
    /// A caller with the key of [`TestApp::as_key`].
    pub(crate) api: Api,
    tasks: Vec<JoinHandle<()>>,
    _folder: TempDir,
}

impl TestApp {
    /// Starts one more hub.
    pub(crate) async fn replica(&self, name: &str) -> Replica {
        Self::replica_of(self.parts().await, name, self.key()).await
    }

    /// The same, which reaches the database at `url`.
    pub(crate) async fn replica_over(&self, name: &str, url: &str) -> Replica {
        let mut parts = self.parts().await;
        parts.store = Store::open(&DatabaseUrl::parse(url).unwrap()).await.unwrap();
        Self::replica_of(parts, name, self.key()).await
    }

    async fn replica_of(mut parts: Parts, name: &str, key: &str) -> Replica {
        let folder = tempfile::tempdir().unwrap();
        parts.journal = Some(Journal::open(&folder.path().join("journal"), || name.to_owned()).unwrap());
        let hub = Arc::new(Hub::new(parts));
        hub.bootstrap().await.unwrap();
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let base_url = format!("http://{}", listener.local_addr().unwrap());
        let state = HttpState::new(Arc::clone(&hub), Arc::new(Renderer::new()));
        let service = vouchsafe::http::router(state).into_make_service_with_connect_info::<SocketAddr>();
        let tasks = vec![
            tokio::spawn(async move { axum::serve(listener, service).await.unwrap() }),
            tokio::spawn(Arc::clone(&hub).run_refreshes()),
        ];
        Replica { hub, api: Api::new(base_url, key), tasks, _folder: folder }
    }
}

impl Drop for Replica {
    fn drop(&mut self) {
        for task in &self.tasks {
            task.abort();
        }
    }
}
