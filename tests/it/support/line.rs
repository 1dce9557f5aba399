//! A line to the database of a test that can lose an answer.

use std::io;
use std::net::Ipv4Addr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use url::Url;

/// How the driver asks for a commit.
const COMMIT: &[u8] = b"COMMIT\0";

/// Passes connections on to a PostgreSQL server. Dropped, it takes no more.
pub(crate) struct Line {
    url: Url,
    loses: Arc<AtomicBool>,
    task: JoinHandle<()>,
}

impl Line {
    /// A line to the database at `url`.
    pub(crate) async fn to(url: &str) -> Self {
        let mut url = Url::parse(url).unwrap();
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let to = url.port().unwrap();
        url.set_port(Some(listener.local_addr().unwrap().port())).unwrap();
        let loses = Arc::new(AtomicBool::new(false));
        let task = tokio::spawn(pass_on(listener, to, Arc::clone(&loses)));
        Self { url, loses, task }
    }

    /// Its own address.
    pub(crate) fn url(&self) -> &str {
        self.url.as_str()
    }

    /// The next commit is done, and its connection ends before anybody hears of it.
    pub(crate) fn lose_a_commit(&self) {
        self.loses.store(true, Ordering::SeqCst);
    }

    /// Whether it has yet to come.
    pub(crate) fn is_to_lose(&self) -> bool {
        self.loses.load(Ordering::SeqCst)
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn pass_on(listener: TcpListener, to: u16, loses: Arc<AtomicBool>) {
    while let Ok((near, _)) = listener.accept().await {
        let loses = Arc::clone(&loses);
        tokio::spawn(async move {
            if let Ok(far) = TcpStream::connect((Ipv4Addr::LOCALHOST, to)).await {
                // However it ends, both ends are closed.
                let _ = pass(near, far, &loses).await;
            }
        });
    }
}

async fn pass(mut near: TcpStream, mut far: TcpStream, loses: &AtomicBool) -> io::Result<()> {
    let (mut asked, mut answered) = (vec![0; 16_384], vec![0; 16_384]);
    loop {
        tokio::select! {
            count = near.read(&mut asked) => {
                let part = &asked[..count?];
                if part.is_empty() {
                    return Ok(());
                }
                far.write_all(part).await?;
                let commits = part.windows(COMMIT.len()).any(|bytes| bytes == COMMIT);
                if commits && loses.swap(false, Ordering::SeqCst) {
                    assert_ne!(far.read(&mut answered).await?, 0, "an answer to a commit");
                    return Ok(());
                }
            }
            count = far.read(&mut answered) => {
                let part = &answered[..count?];
                if part.is_empty() {
                    return Ok(());
                }
                near.write_all(part).await?;
            }
        }
    }
}
