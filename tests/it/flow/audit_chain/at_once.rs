//! Reads that come in masses: their events are closed as they are written, and wait for no batch.

use sea_orm::{ConnectionTrait as _, TransactionTrait as _};
use vouchsafe::config::AuditMode;

use super::intruder::Intruder;
use super::{fault, inside, outside};
use crate::support::app::TestApp;
use crate::support::database::is_postgres;

/// More than enough for a batch of their own.
const MANY: i64 = 520;
const WAITING: &str = "SELECT COUNT(*) FROM audit_unsealed";
const COUNTED: &str = "SELECT CAST(SUM(count) AS BIGINT) FROM activity WHERE kind = 'call'";

/// A hub that writes reads together, and the path of a token.
async fn batched() -> Option<(TestApp, String)> {
    let batched = |parts: &mut vouchsafe::service::Parts| parts.audit = AuditMode::Batched;
    let app = TestApp::start_as(batched, |_| ()).await?;
    app.user("u").await;
    let id = app.credential("u").await["credentialId"].as_str().unwrap().to_owned();
    app.hub.seal_audit().await.unwrap();
    Some((app, format!("/credentials/{id}/token")))
}

/// Reads a token so often, and writes that down.
async fn read(app: &TestApp, token: &str, times: i64) {
    for _ in 0..times {
        app.as_key().get(token).await.ok(200);
    }
    app.hub.flush_audit().await.unwrap();
}

#[tokio::test]
async fn many_reads_are_closed_as_they_are_written() {
    let Some((app, token)) = batched().await else { return };
    let intruder = Intruder::of(&app).await;
    read(&app, &token, 2).await;
    assert_eq!(intruder.column::<i64>(WAITING).await, [2], "a few wait for more");
    read(&app, &token, MANY).await;
    assert_eq!(intruder.column::<i64>(WAITING).await, [2], "many do not");
    let counts: Vec<i64> = intruder.column("SELECT count FROM audit_batch ORDER BY seq").await;
    assert_eq!(counts.last(), Some(&MANY));
    app.user("v").await;
    assert_eq!(intruder.column::<i64>(WAITING).await, [3], "nor does it outlast them");
    app.hub.seal_audit().await.unwrap();
    assert_eq!(intruder.column::<i64>(COUNTED).await, [MANY + 2], "each counts once");

    app.hub.send_heads().await.unwrap();
    let outside = outside(&app);
    assert_eq!(fault(&app, &outside).await, None);
    assert_eq!(inside(&app).await.unwrap().waiting, 0);
    intruder.break_in().await;
    for (change, words) in
        [("UPDATE audit_event SET at = at + 1", "was changed"), ("DELETE FROM audit_event", "is missing")]
    {
        let one = "SELECT MAX(id) FROM audit_event WHERE action = 'credential.token'";
        intruder.run(&format!("{change} WHERE id = ({one})")).await;
        let found = fault(&app, &outside).await;
        assert!(found.as_ref().is_some_and(|found| found.contains(words)), "{found:?}");
        intruder.undo().await;
    }
    assert_eq!(fault(&app, &outside).await, None, "all as it was");
}

#[tokio::test]
async fn many_reads_wait_as_others_do_while_another_replica_closes_batches() {
    // SQLite has one writer at a time.
    if !is_postgres() {
        return;
    }
    let Some((app, token)) = batched().await else { return };
    let intruder = Intruder::of(&app).await;
    let replica = intruder.connection().begin().await.unwrap();
    let lock = "SELECT pg_advisory_xact_lock(hashtext('vouchsafe-audit:' || current_schema()))";
    replica.execute_unprepared(lock).await.unwrap();
    read(&app, &token, MANY).await;
    replica.commit().await.unwrap();
    assert_eq!(intruder.column::<i64>(WAITING).await, [MANY]);
    app.hub.seal_audit().await.unwrap();
    assert_eq!(intruder.column::<i64>(WAITING).await, [0]);
    assert_eq!(intruder.column::<i64>(COUNTED).await, [MANY], "each counts once");
    assert_eq!(inside(&app).await.unwrap().waiting, 0);
}
