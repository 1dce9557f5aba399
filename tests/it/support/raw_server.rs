//! A TCP server that answers as it is told, byte by byte: what no honest HTTP library would send. It can also stand in
//! front of a real server and lose answers on their way.

use std::future::Future;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream};
use tokio::task::JoinHandle;

use super::app::TestApp;
use super::outside;

/// So little is taken by the kernel on its own account that [`RawServer::written`] is near to what was read.
const SEND_BUFFER: u32 = 16 * 1024;

/// What goes on after the first bytes.
#[derive(Clone, Debug)]
pub(crate) enum Then {
    /// Nothing: the connection is closed.
    Close,
    /// These bytes again and again, so often.
    Repeat(Vec<u8>, u64),
    /// These bytes one at a time, so far apart.
    Drip(Vec<u8>, Duration),
}

/// An answer.
#[derive(Clone, Debug)]
pub(crate) struct Reply {
    first: Vec<u8>,
    then: Then,
}

impl Reply {
    /// These bytes, and no more.
    pub(crate) fn bytes(bytes: impl Into<Vec<u8>>) -> Self {
        Self { first: bytes.into(), then: Then::Close }
    }

    /// An answer with its length announced.
    pub(crate) fn whole(head: &str, body: &str) -> Self {
        Self::bytes(format!("HTTP/1.1 {head}\r\nContent-Length: {}\r\n\r\n{body}", body.len()))
    }

    /// A head, and then more.
    pub(crate) fn then(head: &str, then: Then) -> Self {
        Self { first: format!("HTTP/1.1 {head}\r\n\r\n").into_bytes(), then }
    }
}

/// A running server.
pub(crate) struct RawServer {
    /// Without a slash at the end.
    pub(crate) base_url: String,
    seen: Arc<Mutex<Vec<String>>>,
    written: Arc<AtomicU64>,
    task: JoinHandle<()>,
}

impl RawServer {
    /// Answers every request by `script`, which is told what came.
    pub(crate) async fn start(script: impl Fn(&str) -> Reply + Send + Sync + 'static) -> Self {
        Self::serve(move |request| std::future::ready(script(&request))).await
    }

    /// Passes every request on to `upstream`, and its answer back unless `lose` says that it is lost on its way. The
    /// upstream has seen the request by then.
    pub(crate) async fn front(upstream: &str, lose: impl Fn(&str) -> bool + Send + Sync + 'static) -> Self {
        let upstream = upstream.to_owned();
        let lose = Arc::new(lose);
        Self::serve(move |request| {
            let (upstream, lose) = (upstream.clone(), Arc::clone(&lose));
            async move {
                let reply = pass_on(&upstream, &request).await;
                if lose(&request) { Reply::bytes("") } else { reply }
            }
        })
        .await
    }

    #[expect(clippy::unused_async, reason = "a server is waited for, as all others are")]
    async fn serve<F>(script: impl Fn(String) -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = Reply> + Send + 'static,
    {
        let socket = TcpSocket::new_v4().unwrap();
        // Connections have it from their listener.
        socket.set_send_buffer_size(SEND_BUFFER).unwrap();
        socket.bind(([127, 0, 0, 1], 0).into()).unwrap();
        let listener = socket.listen(128).unwrap();
        let base_url = format!("http://{}", listener.local_addr().unwrap());
        let seen = Arc::<Mutex<Vec<String>>>::default();
        let written = Arc::<AtomicU64>::default();
        let (script, kept, count) = (Arc::new(script), Arc::clone(&seen), Arc::clone(&written));
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (script, kept, count) = (Arc::clone(&script), Arc::clone(&kept), Arc::clone(&count));
                tokio::spawn(async move {
                    let mut stream = stream;
                    let request = read_request(&mut stream).await;
                    kept.lock().unwrap().push(request.clone());
                    let reply = script(request).await;
                    // Whoever asked may have had enough.
                    let _ = answer(&mut stream, reply, &count).await;
                });
            }
        });
        Self { base_url, seen, written, task }
    }

    /// The requests so far, head and body.
    pub(crate) fn requests(&self) -> Vec<String> {
        self.seen.lock().unwrap().clone()
    }

    /// Bytes that were taken off its hands.
    pub(crate) fn written(&self) -> u64 {
        self.written.load(Ordering::Relaxed)
    }
}

impl Drop for RawServer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl TestApp {
    /// Lets Fernhill's token endpoint be another address.
    pub(crate) fn ask_for_tokens_at(&self, url: &str) {
        let here = format!("token_endpoint = \"{}/oauth/token\"", self.fake.base_url());
        self.redefine(|text| text.replace(&here, &format!("token_endpoint = \"{url}\"")));
    }
}

/// Sends a request as it came to another server; the answer, to be given back.
async fn pass_on(upstream: &str, request: &str) -> Reply {
    let (head, body) = request.split_once("\r\n\r\n").unwrap();
    let mut lines = head.lines();
    let mut words = lines.next().unwrap().split(' ');
    let (method, path) = (words.next().unwrap().parse().unwrap(), words.next().unwrap());
    let mut sent = outside::client().request(method, format!("{upstream}{path}")).body(body.to_owned());
    for line in lines {
        let (name, value) = line.split_once(':').unwrap();
        if !["host", "content-length", "connection"].contains(&name.to_ascii_lowercase().as_str()) {
            sent = sent.header(name, value.trim());
        }
    }
    let answer = sent.send().await.unwrap();
    let kind = answer.headers().get("content-type").map_or("", |kind| kind.to_str().unwrap()).to_owned();
    let status = answer.status();
    let reason = status.canonical_reason().unwrap_or("Other");
    let head = format!("{} {reason}\r\nContent-Type: {kind}", status.as_u16());
    Reply::whole(&head, &answer.text().await.unwrap())
}

/// Head and body of one request, as far as `Content-Length` tells.
async fn read_request(stream: &mut TcpStream) -> String {
    let mut bytes = Vec::new();
    let mut buffer = [0; 4096];
    loop {
        let text = String::from_utf8_lossy(&bytes);
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head.lines().find_map(|line| {
                let (name, value) = line.split_once(':')?;
                name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse::<usize>().unwrap())
            });
            if body.len() >= length.unwrap_or(0) {
                return text.into_owned();
            }
        }
        match stream.read(&mut buffer).await {
            Ok(0) | Err(_) => return String::from_utf8_lossy(&bytes).into_owned(),
            Ok(count) => bytes.extend_from_slice(&buffer[..count]),
        }
    }
}

async fn answer(stream: &mut TcpStream, reply: Reply, count: &AtomicU64) -> std::io::Result<()> {
    stream.write_all(&reply.first).await?;
    match reply.then {
        Then::Close => {}
        Then::Repeat(bytes, times) => {
            for _ in 0..times {
                stream.write_all(&bytes).await?;
                count.fetch_add(bytes.len() as u64, Ordering::Relaxed);
            }
        }
        Then::Drip(bytes, period) => {
            let mut ticks = tokio::time::interval(period);
            for byte in bytes {
                ticks.tick().await;
                stream.write_all(&[byte]).await?;
                count.fetch_add(1, Ordering::Relaxed);
            }
        }
    }
    stream.shutdown().await
}
