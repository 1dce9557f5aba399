//! S13: of all bytes that a key may be made of, those that a header can hold arrive as they are, and no other leaves.

use std::sync::{Arc, Mutex};

use serde_json::json;

use crate::support::app::TestApp;
use crate::support::proxy::RAW;
use crate::support::scripted::RawServer;

/// The heads of requests, as they came over the wire.
type Heads = Arc<Mutex<Vec<String>>>;

async fn keeping(heads: &Heads) -> RawServer {
    let heads = Arc::clone(heads);
    RawServer::start(move |mut connection, _| {
        let heads = Arc::clone(&heads);
        async move {
            loop {
                let head = connection.until("\r\n\r\n").await;
                if head.is_empty() {
                    return;
                }
                heads.lock().unwrap().push(head);
                connection.answer("ok").await;
            }
        }
    })
    .await
}

/// What an app sees of a key; nothing where the hub refuses the key or the call.
async fn arrived(app: &TestApp, heads: &Heads, key: &str) -> Option<String> {
    let body = json!({"userId": "raw", "connector": RAW, "data": {"key": key}, "verify": false});
    let made = app.as_key().post("/credentials", &body).await;
    if made.status != 201 {
        assert_eq!(made.status, 400, "{:?}", made.body);
        return None;
    }
    let made = made.json();
    let answer = app.calling(made["credentialId"].as_str().unwrap()).get("/proxy/x").await;
    let came = std::mem::take(&mut *heads.lock().unwrap());
    if answer.status != 200 {
        assert!(answer.header("vouchsafe-error").is_some() && came.is_empty(), "{came:?}");
        return None;
    }
    assert_eq!(came.len(), 1, "{came:?}");
    let lines: Vec<&str> = came[0].split(['\r', '\n']).collect();
    assert!(lines.iter().all(|line| !line.starts_with("x-evil")), "{lines:?}");
    let values: Vec<&str> = lines.iter().filter_map(|line| line.strip_prefix("x-api-key: ")).collect();
    assert_eq!(values.len(), 1, "{lines:?}");
    Some(values[0].to_owned())
}

#[tokio::test]
async fn s13_every_byte_of_a_key_arrives_as_it_is_or_not_at_all() {
    let Some(app) = TestApp::start().await else { return };
    let heads = Heads::default();
    let server = keeping(&heads).await;
    app.behind(&server.address).await;
    for byte in 0..=u8::MAX {
        let key = format!("a{}x-evil: 1", char::from(byte));
        let fits = (0x20..=0x7e).contains(&byte);
        assert_eq!(arrived(&app, &heads, &key).await, fits.then(|| key.clone()), "{byte:#x}");
    }
    let folded = arrived(&app, &heads, "a\r\n x-evil: 1\r\nx-evil: 2").await;
    assert_eq!(folded, None);
    for (length, fits) in [(1, true), (4_096, true), (4_097, false), (65_536, false)] {
        let key = "k".repeat(length);
        assert_eq!(arrived(&app, &heads, &key).await.is_some(), fits, "{length} bytes");
    }
}
