//! Calls that come faster than their rows are written: each is on record, and once.

use futures_util::future::join_all;
use vouchsafe::config::AuditMode;
use vouchsafe::service::{Hub, Parts};

use crate::support::app::TestApp;
use crate::support::scale::count;
use crate::support::wait::eventually;

const CALLERS: usize = 64;
/// As many rows as may wait to be written.
const FULL: i64 = 10_000;

/// So many calls of one caller, one after the other; their request ids.
async fn called(app: &TestApp, credential: &str, caller: usize, times: usize) -> Vec<String> {
    let mut ids = Vec::with_capacity(times);
    for number in 0..times {
        let id = format!("call-{caller}-{number}");
        let answer = app.calling(credential).header("X-Request-Id", &id).get("/proxy/echo").await;
        assert_eq!(answer.status, 200, "{:?}", answer.body);
        ids.push(id);
    }
    ids
}

/// Writes rows as a hub does, until calls are over and nothing waits.
async fn written(hub: &Hub) {
    let over = hub.calls_over();
    while !over.is_cancelled() {
        hub.flush_audit_when_due().await.unwrap();
    }
    hub.flush_last_audit().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn every_call_of_a_rush_is_on_record_once() {
    let batched = |parts: &mut Parts| parts.audit = AuditMode::Batched;
    let Some(app) = TestApp::start_as(batched, |_| ()).await else { return };
    app.user("u").await;
    let credential = app.credential("u").await["credentialId"].as_str().unwrap().to_owned();
    // The line is full before the first call: calls begin as fast as rows are written, many at once.
    app.hub.flush_audit().await.unwrap();
    for _ in 0..FULL {
        app.hub.note_start(&[]);
    }
    let each = count(24, 500);
    let rush = async {
        let answered = join_all((0..CALLERS).map(|caller| called(&app, &credential, caller, each))).await;
        app.hub.note_calls_over();
        answered.concat()
    };
    let (mut answered, ()) = tokio::join!(rush, written(&app.hub));

    // The last rows come when the hub, too, has seen the end of their answers.
    let rows = eventually("the rows of all calls", async || {
        let rows = app.calls().await;
        if rows.len() < answered.len() { Err(rows.len()) } else { Ok(rows) }
    })
    .await;
    assert!(rows.iter().all(|row| row["result"] == "ok"));
    let mut on_record: Vec<&str> = rows.iter().map(|row| row["requestId"].as_str().unwrap()).collect();
    on_record.sort_unstable();
    answered.sort_unstable();
    assert!(on_record == answered, "{} rows of {} calls", on_record.len(), answered.len());
    let before = "SELECT COUNT(*) AS count FROM audit_event WHERE action = 'hub.start'";
    assert_eq!(app.rows(before).await[0].try_get::<i64>("", "count").unwrap(), FULL, "nor were others lost");
}
