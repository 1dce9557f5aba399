//! Framing: trailers, `Expect`, chunks, connections that end too soon, on either side.

use std::sync::Arc;

use tokio::sync::Notify;

use crate::support::app::TestApp;
use crate::support::scripted::{Connection, RawServer};
use crate::support::wait::eventually;

#[tokio::test]
async fn trailers_go_both_ways() {
    let Some(app) = TestApp::start().await else { return };
    let server = RawServer::start(async |mut connection: Connection, _| {
        let head = connection.head().await;
        assert!(head.contains("te: trailers") && head.contains("trailer: x-sum"), "{head}");
        assert!(head.contains("transfer-encoding: chunked"), "{head}");
        let body = connection.until("x-sum: 7\r\n\r\n").await;
        assert!(body.ends_with("0\r\nx-sum: 7\r\n\r\n"), "{body}");
        connection
            .write("HTTP/1.1 200 OK\r\nconnection: close\r\ntransfer-encoding: chunked\r\ntrailer: x-total, vouchsafe-error, nel\r\n\r\n5\r\nhello\r\n0\r\nvouchsafe-error: odd\r\nnel: {}\r\nx-total: 5\r\n\r\n")
            .await;
    })
    .await;
    let credential = app.behind(&server.address).await;
    // What may not stand in a header may not come behind the body either.
    let more = "te: trailers\r\nconnection: te\r\ntrailer: x-sum, x-api-key, x_api_key, cookie\r\ntransfer-encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\nx-api-key: mine\r\nx_api_key: mine\r\ncookie: a=b\r\nx-sum: 7\r\n\r\n";
    // Where references are resolved, the hub has read the body before it sends it.
    for read in ["", "vouchsafe-resolve: body\r\ncontent-type: application/json\r\n"] {
        let mut connection = app.by_hand(&credential, "POST /proxy/x", &format!("{read}{more}")).await;
        let head = connection.head().await;
        assert!(head.starts_with("http/1.1 200") && head.contains("trailer: x-total"), "{read}{head}");
        let body = connection.until("x-total: 5\r\n\r\n").await;
        assert!(body.contains("hello") && body.ends_with("0\r\nx-total: 5\r\n\r\n"), "{body}");
    }
}

#[tokio::test]
async fn a_caller_who_waits_is_told_to_go_on_only_if_the_call_is_made() {
    let Some(app) = TestApp::start().await else { return };
    let server = RawServer::start(async |mut connection: Connection, _| {
        let head = connection.head().await;
        assert!(!head.contains("expect:"), "{head}");
        let body = connection.bytes(100_000).await;
        connection.answer(&body.len().to_string()).await;
    })
    .await;
    let credential = app.behind(&server.address).await;
    for length in [5, 100_000] {
        let more = format!("expect: 100-continue\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n");
        let mut refused = app.by_hand(&credential, "POST /proxy/../x", &more).await;
        let head = refused.head().await;
        assert!(head.starts_with("http/1.1 400 "), "no body is asked for: {head}");
    }
    let more = "expect: 100-continue\r\ncontent-length: 100000\r\n\r\n";
    let mut connection = app.by_hand(&credential, "POST /proxy/x", more).await;
    assert_eq!(connection.head().await, "http/1.1 100 continue\r\n\r\n");
    assert!(connection.write("x".repeat(100_000)).await);
    let head = connection.head().await;
    assert!(head.starts_with("http/1.1 200 "), "{head}");
    assert_eq!(connection.bytes(6).await, b"100000");
}

#[tokio::test]
async fn what_comes_before_an_answer_is_not_taken_for_it() {
    let Some(app) = TestApp::start().await else { return };
    let server = RawServer::start(async |mut connection: Connection, _| {
        connection.head().await;
        connection.write("HTTP/1.1 103 Early Hints\r\nlink: </a.css>; rel=preload\r\n\r\n").await;
        connection.answer("at last").await;
    })
    .await;
    let credential = app.behind(&server.address).await;
    let answer = app.calling(&credential).get("/proxy/x").await;
    assert_eq!((answer.status, &answer.body[..]), (200, &b"at last"[..]));
}

#[tokio::test]
async fn an_answer_that_breaks_off_breaks_off_for_the_caller_too() {
    let Some(app) = TestApp::start().await else { return };
    let server = RawServer::start(async |mut connection: Connection, number| {
        connection.head().await;
        let head = ["content-length: 100", "transfer-encoding: chunked"][number % 2];
        connection.write(format!("HTTP/1.1 200 OK\r\n{head}\r\n\r\n3\r\nabc\r\n")).await;
    })
    .await;
    let credential = app.behind(&server.address).await;
    for _ in 0..2 {
        let mut connection = app.by_hand(&credential, "GET /proxy/x", "\r\n").await;
        assert!(connection.head().await.starts_with("http/1.1 200 "));
        let rest = connection.rest().await;
        assert!(rest.contains("abc") && !rest.ends_with("0\r\n\r\n"), "it must not look whole: {rest:?}");
    }
    let broken = RawServer::start(async |mut connection: Connection, _| {
        connection.head().await;
        connection.write("HTTP/9.9 what\r\n\r\n").await;
    })
    .await;
    let credential = app.behind(&broken.address).await;
    app.calling(&credential).get("/proxy/x").await.assert_refused(502, "provider_unreachable");
    eventually("rows that say so", async || {
        let rows = app.calls().await;
        let cut = rows.iter().filter(|row| row["reason"].as_str().unwrap().contains("200, cut")).count();
        if cut == 2 { Ok(()) } else { Err(rows) }
    })
    .await;
}

#[tokio::test]
async fn a_caller_who_hangs_up_ends_the_call() {
    let Some(app) = TestApp::start().await else { return };
    let gone = Arc::new(Notify::new());
    let told = Arc::clone(&gone);
    let server = RawServer::start(move |mut connection: Connection, number| {
        let told = Arc::clone(&told);
        async move {
            connection.head().await;
            if number == 1 {
                connection.write("HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\nabc").await;
            }
            // Nothing more is said; the other side ends.
            connection.rest().await;
            told.notify_one();
        }
    })
    .await;
    let credential = app.behind(&server.address).await;
    for begun in [false, true] {
        let mut connection = app.by_hand(&credential, "GET /proxy/x", "\r\n").await;
        if begun {
            connection.until("abc").await;
        } else {
            eventually("the call", async || if server.connections() > 0 { Ok(()) } else { Err(()) }).await;
        }
        drop(connection);
        gone.notified().await;
    }
    eventually("rows that say so", async || {
        let rows = app.calls().await;
        let told: Vec<_> = rows.iter().map(|row| row["reason"].as_str().unwrap().to_owned()).collect();
        let hung_up = told.iter().any(|why| why.contains("hung up"));
        if hung_up && told.iter().any(|why| why.contains("200, cut")) { Ok(()) } else { Err(told) }
    })
    .await;
}

#[tokio::test]
async fn an_upload_that_comes_to_no_end_is_its_callers_fault() {
    let Some(app) = TestApp::start().await else { return };
    let server = RawServer::start(async |mut connection: Connection, _| {
        connection.rest().await;
    })
    .await;
    let credential = app.behind(&server.address).await;
    for begun in [
        "content-length: 200000\r\n\r\nab",
        "transfer-encoding: chunked\r\n\r\n2\r\nab\r\n5\r\ncd",
        // Short enough to be read before it is sent.
        "content-length: 10\r\n\r\nab",
    ] {
        drop(app.by_hand(&credential, "POST /proxy/x", begun).await);
    }
    let malformed = "transfer-encoding: chunked\r\n\r\n2\r\nab\r\nnonsense\r\n";
    let mut connection = app.by_hand(&credential, "POST /proxy/x", malformed).await;
    let head = connection.head().await;
    assert!(head.starts_with("http/1.1 400 ") && head.contains("vouchsafe-error: invalid_request"), "{head}");
    eventually("rows that say so", async || {
        let rows = app.calls().await;
        let told: Vec<_> = rows.iter().map(|row| row["reason"].as_str().unwrap().to_owned()).collect();
        let of = |word: &str| told.iter().filter(|why| why.contains(word)).count();
        if (of("/x: hung up"), of("/x: invalid_request"), told.len()) == (3, 1, 4) {
            Ok(())
        } else {
            Err(told)
        }
    })
    .await;
}

#[tokio::test]
async fn a_chunked_answer_comes_piece_by_piece() {
    let Some(app) = TestApp::start().await else { return };
    let go_on = Arc::new(Notify::new());
    let waiting = Arc::clone(&go_on);
    let server = RawServer::start(move |mut connection: Connection, _| {
        let waiting = Arc::clone(&waiting);
        async move {
            connection.head().await;
            connection.write("HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n3\r\none\r\n").await;
            waiting.notified().await;
            connection.write("3\r\ntwo\r\n0\r\n\r\n").await;
        }
    })
    .await;
    let credential = app.behind(&server.address).await;
    let mut connection = app.by_hand(&credential, "GET /proxy/x", "\r\n").await;
    let first = connection.until("one\r\n").await;
    assert!(first.contains("text/event-stream"), "{first}");
    go_on.notify_one();
    assert!(connection.until("0\r\n\r\n").await.contains("two"));
}
