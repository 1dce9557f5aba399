//! Large bodies through a hub in a process of its own: its memory stays flat.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::json;

use crate::support::process::{RunningHub, say, vouchsafe};
use crate::support::proxy::raw_definition;
use crate::support::scripted::{Connection, RawServer};
use crate::support::wait::eventually;

const LARGE: usize = 50_000_000;
const MOST_MORE: usize = 8 * 1024 * 1024;

/// A hub, a key and a credential for an app at `address`.
struct Rig {
    hub: RunningHub,
    key: String,
    credential: String,
    _home: tempfile::TempDir,
}

impl Rig {
    async fn start(address: &str) -> Self {
        let home = tempfile::tempdir().unwrap();
        let providers = home.path().join("providers");
        std::fs::create_dir(&providers).unwrap();
        std::fs::write(providers.join("raw.toml"), raw_definition(&format!("http://{address}/base")))
            .unwrap();
        let mut command = vouchsafe(home.path(), &["serve"]);
        set(&mut command, &providers);
        let hub = RunningHub::start_with(home.path(), &mut command).await;
        let key = say(home.path(), &["keys", "create", "--environment", "production"]).ok().trim().to_owned();
        let api = hub.api(&key);
        api.done("POST", "/users", Some(&json!({"username": "u"}))).await;
        let body = json!({"userId": "u", "connector": "raw", "data": {"key": "k"}, "verify": false});
        let made = api.done("POST", "/credentials", Some(&body)).await;
        let credential = made["credentialId"].as_str().unwrap().to_owned();
        Self { hub, key, credential, _home: home }
    }

    async fn call(&self, line: &str, more: &str) -> Connection {
        let mut connection = Connection::to(&self.hub.base_url).await;
        let head = format!(
            "{line} HTTP/1.1\r\nhost: h\r\nauthorization: Bearer {}\r\nvouchsafe-credential: {}\r\n{more}\r\n",
            self.key, self.credential
        );
        assert!(connection.write(head).await);
        connection
    }

    /// The most memory of its own that the hub has had so far, in bytes. What it maps from its binary, page by page as
    /// code is first run, is none.
    fn peak(&self) -> usize {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.hub.pid())).unwrap();
        let bytes = |name: &str| {
            let line = status.lines().find(|line| line.starts_with(name)).unwrap();
            line.split_whitespace().nth(1).unwrap().parse::<usize>().unwrap() * 1024
        };
        bytes("VmHWM:") - bytes("RssFile:")
    }
}

fn set(command: &mut std::process::Command, providers: &Path) {
    command
        .env("VOUCHSAFE_PROVIDERS_DIR", providers)
        .env("VOUCHSAFE_EGRESS_ALLOW", "127.0.0.0/8")
        .env("VOUCHSAFE_EGRESS_HTTP", "true");
}

/// Answers a GET with as many bytes as its path says, and anything else with the number that it received.
async fn serve(mut connection: Connection, sent: Arc<AtomicUsize>) {
    let head = connection.head().await;
    let piece = vec![b'x'; 64 * 1024];
    if head.starts_with("get ") {
        let wanted: usize = head.split(['/', ' ']).find_map(|word| word.parse().ok()).unwrap();
        connection
            .write(format!("HTTP/1.1 200 OK\r\ncontent-length: {wanted}\r\nconnection: close\r\n\r\n"))
            .await;
        let mut left = wanted;
        while left > 0 && connection.write(&piece[..left.min(piece.len())]).await {
            left -= left.min(piece.len());
            sent.store(wanted - left, Ordering::SeqCst);
        }
    } else {
        let length: usize =
            head.lines().find_map(|line| line.strip_prefix("content-length: ")?.parse().ok()).unwrap();
        let mut received = 0;
        while received < length {
            let part = connection.bytes((length - received).min(piece.len())).await;
            assert!(!part.is_empty());
            received += part.len();
        }
        let received = received.to_string();
        // Said before it happens, or the hub would meet its end with the next call.
        let head =
            format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\nconnection: close\r\n\r\n", received.len());
        connection.write(head + &received).await;
    }
}

async fn download(rig: &Rig, count: usize) {
    let mut connection = rig.call(&format!("GET /proxy/{count}"), "connection: close\r\n").await;
    assert!(connection.head().await.starts_with("http/1.1 200 "));
    let mut left = count;
    while left > 0 {
        let part = connection.bytes(left.min(256 * 1024)).await;
        assert!(part.iter().all(|byte| *byte == b'x') && !part.is_empty());
        left -= part.len();
    }
}

async fn upload(rig: &Rig, count: usize) {
    let more = format!("connection: close\r\ncontent-length: {count}\r\n");
    let mut connection = rig.call("POST /proxy/up", &more).await;
    let piece = vec![b'y'; 64 * 1024];
    let mut left = count;
    while left > 0 {
        assert!(connection.write(&piece[..left.min(piece.len())]).await);
        left -= left.min(piece.len());
    }
    let head = connection.head().await;
    assert!(head.starts_with("http/1.1 200 "), "{head}");
    assert_eq!(connection.rest().await, count.to_string());
}

async fn server() -> (RawServer, Arc<AtomicUsize>) {
    let sent = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&sent);
    (RawServer::start(move |connection, _| serve(connection, Arc::clone(&counter))).await, sent)
}

/// Each of the hub's threads has its share of memory for what it has done once.
async fn warm_up(rig: &Rig) {
    futures_util::future::join_all((0..8).map(async |_| {
        download(rig, 1_000_000).await;
        upload(rig, 1_000_000).await;
    }))
    .await;
}

#[tokio::test]
async fn fifty_megabytes_up_and_down_take_no_memory() {
    let (server, _) = server().await;
    let rig = Rig::start(&server.address).await;
    warm_up(&rig).await;
    let before = rig.peak();
    download(&rig, LARGE).await;
    upload(&rig, LARGE).await;
    let more = rig.peak().saturating_sub(before);
    assert!(more < MOST_MORE, "{more} bytes more for {LARGE} each way");
    rig.hub.stop().await;
}

#[tokio::test]
async fn a_slow_reader_holds_the_app_back() {
    let (server, sent) = server().await;
    let rig = Rig::start(&server.address).await;
    warm_up(&rig).await;
    let before = rig.peak();
    let wanted = 4 * LARGE;
    sent.store(0, Ordering::SeqCst);
    let mut connection = rig.call(&format!("GET /proxy/{wanted}"), "").await;
    connection.until("\r\n\r\n").await;
    // Nobody reads on: what the app can send comes to an end long before the body does.
    let (mut last, mut still) = (0, 0);
    let stopped = eventually("the app to be held back", || {
        let now = sent.load(Ordering::SeqCst);
        still = if now == last && now > 0 { still + 1 } else { 0 };
        last = now;
        std::future::ready(if still > 100 { Ok(now) } else { Err(now) })
    })
    .await;
    assert!(stopped < LARGE, "{stopped} bytes were taken though nobody read");
    let more = rig.peak().saturating_sub(before);
    assert!(more < MOST_MORE, "{more} bytes more while nobody read");
    drop(connection);
    rig.hub.stop().await;
}
