//! Audit heads that get nowhere (S20): where the operator is strict, nothing is changed or revealed until they do.

use std::path::{Path, PathBuf};

use chrono::TimeDelta;
use serde_json::json;
use vouchsafe::config::AuditMode;
use vouchsafe::demo::fake::FERNHILL;

use crate::support::app::TestApp;
use crate::support::wait::eventually;

fn file(app: &TestApp) -> PathBuf {
    app.folder().join("audit-heads.jsonl")
}

fn lines(path: &Path) -> usize {
    std::fs::read_to_string(path).unwrap().lines().count()
}

async fn seal_and_send(app: &TestApp) {
    app.hub.seal_audit().await.unwrap();
    app.hub.send_heads().await.unwrap();
}

/// A connected user with a token, a key and a secret.
async fn world(app: &TestApp) -> String {
    app.put_fernhill().await;
    let credential = app.connect("u-17").await;
    let secret = json!({"key": "K", "value": "v", "type": "api_key", "visibility": "masked"});
    app.as_key().post("/secrets", &secret).await.ok(201);
    seal_and_send(app).await;
    credential
}

async fn assert_refused(app: &TestApp, credential: &str) {
    let key = app.as_key();
    let user = json!({"username": "new"});
    let scopes = json!({"name": "k", "scopes": ["users:read"]});
    for refused in [
        key.post("/users", &user).await,
        key.post("/api-keys", &scopes).await,
        key.patch(&format!("/credentials/{credential}"), &json!({"name": "n"})).await,
        key.act(&format!("/credentials/{credential}/revoke")).await,
        key.get(&format!("/credentials/{credential}/token")).await,
        key.delete(&format!("/credentials/{credential}")).await,
        key.delete("/users/u-17").await,
        key.act("/secrets/K/reveal").await,
        key.delete("/secrets/K").await,
    ] {
        refused.assert_problem(503, "audit_unavailable");
        assert!(refused.header("retry-after").is_some());
    }
    let call = app.as_key().header("vouchsafe-credential", credential).get("/proxy/me").await;
    assert_eq!(call.header("vouchsafe-error"), Some("audit_unavailable"), "{}", call.status);
    assert_eq!(key.get("/users/new").await.status, 404, "nothing of it was kept");
    key.get(&format!("/credentials/{credential}")).await.ok(200);
    key.get("/secrets/K").await.ok(200);
}

/// Breaks the way outside, sees what is refused, mends it and sees that all goes on.
async fn story(app: &TestApp, break_it: impl FnOnce(&Path), mend: impl FnOnce(&Path)) {
    let credential = world(app).await;
    let before = lines(&file(app));
    break_it(&file(app));
    app.user("u-18").await;
    seal_and_send(app).await;
    app.clock.advance(TimeDelta::seconds(29));
    app.user("u-19").await;
    app.clock.advance(TimeDelta::seconds(2));
    assert_refused(app, &credential).await;

    // The hub's own work goes on: a token that was spent must be kept.
    app.clock.advance(TimeDelta::hours(2));
    app.hub.work_off_due().await.unwrap();
    eventually("the renewal", async || {
        let shown = app.as_key().get(&format!("/credentials/{credential}")).await.ok(200);
        if shown["lastRefreshedAt"].is_null() { Err(shown) } else { Ok(()) }
    })
    .await;

    mend(&file(app));
    seal_and_send(app).await;
    app.user("u-20").await;
    app.as_key().get(&format!("/credentials/{credential}/token")).await.ok(200);
    seal_and_send(app).await;
    assert!(lines(&file(app)) > before, "{FERNHILL}: what waited is there");
    let text = std::fs::read_to_string(file(app)).unwrap();
    let compared = app.hub.compare_heads(text.lines().map(|line| Ok(line.to_owned()))).await.unwrap();
    compared.unwrap();
    app.hub.verify_audit().await.unwrap().unwrap();
}

fn aside(path: &Path) -> PathBuf {
    path.with_extension("aside")
}

fn back(path: &Path) {
    std::fs::rename(aside(path), path).unwrap();
}

#[tokio::test]
async fn s20_heads_that_cannot_be_written_refuse_changes_and_reveals() {
    let Some(app) = TestApp::start().await else { return };
    let dead = |path: &Path| {
        std::fs::rename(path, aside(path)).unwrap();
        std::fs::create_dir(path).unwrap();
    };
    let mend = |path: &Path| {
        std::fs::remove_dir(path).unwrap();
        back(path);
    };
    story(&app, dead, mend).await;
}

#[tokio::test]
async fn s20_a_full_volume_refuses_changes_and_reveals() {
    let Some(app) = TestApp::start().await else { return };
    let full = |path: &Path| {
        std::fs::rename(path, aside(path)).unwrap();
        std::os::unix::fs::symlink("/dev/full", path).unwrap();
    };
    let mend = |path: &Path| {
        std::fs::remove_file(path).unwrap();
        back(path);
    };
    story(&app, full, mend).await;
}

#[tokio::test]
async fn s20_a_volume_that_hangs_refuses_changes_and_reveals() {
    let Some(app) = TestApp::start().await else { return };
    let credential = world(&app).await;
    let path = file(&app);
    std::fs::rename(&path, aside(&path)).unwrap();
    // A pipe that nobody reads.
    let made = std::process::Command::new("mkfifo").arg(&path).status().unwrap();
    assert!(made.success());
    app.user("u-18").await;
    app.hub.seal_audit().await.unwrap();
    let hub = std::sync::Arc::clone(&app.hub);
    let sending = tokio::spawn(async move { hub.send_heads().await });
    app.clock.advance(TimeDelta::seconds(1));
    app.user("u-19").await;
    eventually("the refusal", async || {
        app.clock.advance(TimeDelta::seconds(31));
        let refused = app.as_key().put("/users/u-19", &json!({"fullName": "Al"})).await;
        if refused.status == 503 { Ok(()) } else { Err(refused.status) }
    })
    .await;
    assert_refused(&app, &credential).await;
    let pipe = path.clone();
    let read = tokio::task::spawn_blocking(move || std::fs::read_to_string(pipe).unwrap());
    sending.await.unwrap().unwrap();
    assert!(read.await.unwrap().contains("\"seq\":"));
    app.user("u-20").await;
}

#[tokio::test]
async fn where_the_operator_is_not_strict_all_goes_on_and_nothing_is_lost() {
    let batched = |parts: &mut vouchsafe::service::Parts| parts.audit = AuditMode::Batched;
    let Some(app) = TestApp::start_as(batched, |_| ()).await else { return };
    app.user("u-1").await;
    seal_and_send(&app).await;
    std::fs::remove_file(file(&app)).unwrap();
    std::fs::create_dir(file(&app)).unwrap();
    app.user("u-2").await;
    seal_and_send(&app).await;
    app.clock.advance(TimeDelta::hours(1));
    app.user("u-3").await;
    std::fs::remove_dir(file(&app)).unwrap();
    seal_and_send(&app).await;
    assert_eq!(lines(&file(&app)), 2, "a file that was moved away begins anew");
}

#[tokio::test]
async fn an_older_database_under_a_newer_file_is_told_and_found() {
    let Some(app) = TestApp::start().await else { return };
    for round in 0..3 {
        app.user(&format!("u-{round}")).await;
        seal_and_send(&app).await;
    }
    let newer = std::fs::read_to_string(file(&app)).unwrap();
    let ahead = newer.lines().last().unwrap().replace("\"seq\":", "\"seq\":9");
    std::fs::write(file(&app), format!("{newer}{ahead}\n")).unwrap();
    let mut parts = app.parts().await;
    parts.journal = None;
    let restored = vouchsafe::service::Hub::new(parts);
    restored.bootstrap().await.unwrap();
    app.user("u-9").await;
    restored.seal_audit().await.unwrap();
    restored.send_heads().await.unwrap();
    let text = std::fs::read_to_string(file(&app)).unwrap();
    assert_eq!(text.lines().count(), 2 * newer.lines().count() + 2, "all is sent again");
    let found = restored.compare_heads(text.lines().map(|line| Ok(line.to_owned()))).await.unwrap();
    assert!(found.unwrap_err().to_string().contains("is not in the database"));
}
