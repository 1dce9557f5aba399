//! S24: sockets that say nothing or never end, bodies without an end, and streams of HTTP/2 that are taken back at once.
//! Others are served as before, and memory stays what it was.

use serde_json::json;

use crate::support::outside;
use crate::support::process::{RunningHub, say};
use crate::support::scripted::Connection;

const SOCKETS: usize = 200;
const BODIES: usize = 20;
const PIECE: usize = 64 * 1024;
/// Far beyond what a body of the API may have, what the hub reads of one to be heard, and what lies in between.
const PIECES: usize = 1_024;
const RESETTING: usize = 10;
const RESETS: u32 = 1_000;

/// Resident memory, in KiB.
fn memory(hub: &RunningHub) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", hub.pid())).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

async fn assert_served(hub: &RunningHub, key: &str) {
    for path in ["/healthz", "/readyz"] {
        let answer = outside::client().get(format!("{}{path}", hub.base_url)).send().await.unwrap();
        assert_eq!(answer.status(), 200, "{path}");
    }
    let page = hub.api(key).done("GET", "/users", None).await;
    assert_eq!(page["data"][0]["username"], "u-1");
}

/// Writes until the other side has had enough.
async fn write_on(connection: &mut Connection, piece: &[u8], times: usize) -> usize {
    for time in 0..times {
        if !connection.write(piece).await {
            return time;
        }
    }
    times
}

/// A frame of HTTP/2 (RFC 9113, section 4.1).
fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    [&length[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
}

/// Requests for the health, each taken back at once.
fn resets() -> Vec<u8> {
    // `:method: GET`, `:scheme: http`, `:path: /healthz`, `:authority: hub`, as RFC 7541 writes them.
    let head = [&[0x82, 0x86, 0x04, 8][..], b"/healthz", &[0x01, 3], b"hub"].concat();
    let mut bytes = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec();
    bytes.extend(frame(4, 0, 0, &[]));
    for number in 0..RESETS {
        let stream = 2 * number + 1;
        bytes.extend(frame(1, 0x5, stream, &head));
        bytes.extend(frame(3, 0, stream, &8_u32.to_be_bytes()));
    }
    bytes
}

/// How the answer to a head begins that has so many headers.
async fn status_line(hub: &RunningHub, headers: usize) -> String {
    let others = "x-more: 1\r\n".repeat(headers - 1);
    let mut connection = Connection::to(&hub.base_url).await;
    connection.write(format!("GET /healthz HTTP/1.1\r\nhost: hub.test\r\n{others}\r\n")).await;
    connection.head().await.lines().next().unwrap_or_default().to_owned()
}

#[tokio::test]
async fn s24_slow_sockets_endless_bodies_and_rapid_resets_hold_nobody_up() {
    let home = tempfile::tempdir().unwrap();
    let hub = RunningHub::start(home.path()).await;
    let key = say(home.path(), &["keys", "create", "--environment", "production"]).ok();
    let key = key.trim();
    assert!(status_line(&hub, 100).await.contains(" 200 "));
    assert!(status_line(&hub, 101).await.contains(" 431 "), "as README.md says");
    hub.api(key).done("POST", "/users", Some(&json!({"username": "u-1"}))).await;
    let post = format!(
        "POST /users HTTP/1.1\r\nhost: hub.test\r\nauthorization: Bearer {key}\r\n\
         content-type: application/json\r\n"
    );
    for _ in 0..10 {
        assert_served(&hub, key).await;
    }
    let before = memory(&hub);

    let half = format!("{post}content-length: 1000\r\n\r\n{{\"username\": \"");
    let beginnings = ["", "PRI * HT", "GET /readyz HTTP/1.1\r\nhost: hub.test\r\nx-slow: ", &half];
    let mut held = Vec::new();
    for beginning in beginnings.into_iter().cycle().take(SOCKETS) {
        let mut connection = Connection::to(&hub.base_url).await;
        assert!(connection.write(beginning).await);
        held.push(connection);
    }
    assert_served(&hub, key).await;

    let piece = [format!("{PIECE:x}\r\n").into_bytes(), vec![b' '; PIECE], b"\r\n".to_vec()].concat();
    for _ in 0..BODIES {
        let mut connection = Connection::to(&hub.base_url).await;
        assert!(connection.write(format!("{post}transfer-encoding: chunked\r\n\r\n")).await);
        let taken = write_on(&mut connection, &piece, PIECES).await;
        assert!(taken < PIECES, "{taken} pieces of {PIECE} bytes were taken");
    }
    assert_served(&hub, key).await;

    let resets = resets();
    for _ in 0..RESETTING {
        let mut connection = Connection::to(&hub.base_url).await;
        // Some are taken; then the hub may have had enough.
        connection.write(&resets).await;
        held.push(connection);
    }
    assert_served(&hub, key).await;
    let after = memory(&hub);
    assert!(2 * after <= 3 * before, "{after} KiB after {before} KiB");
    drop(held);
    hub.stop().await;
}
