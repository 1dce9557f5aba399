//! `[limits]`: what the hub asks an app on its own account keeps to what the definition allows, whoever it is for. What
//! gets no turn is refused before anything is spent, and goes on after.

use std::time::Duration;

use chrono::TimeDelta;
use futures_util::future::join_all;
use serde_json::{Value, json};
use vouchsafe::demo::fake::{self, Endpoint, Fault, GrantEnd, Plan, QUILLPOST, RefreshKind, Wire};

use crate::support::app::{Setup, TestApp};
use crate::support::http::TestResponse;

const ONE_AT_A_TIME: &str = "\n[limits]\nconcurrency = 1\nrate = 1000\n";
/// One call in a hundred seconds: whatever comes second finds no turn.
const SELDOM: &str = "\n[limits]\nconcurrency = 8\nrate = 0.01\n";
/// What a page says then.
const BUSY: &str = "is being called as often as it allows";
const CALLS: u32 = 3;

/// Each takes so long that two at once are seen.
fn slow(endpoint: Endpoint) -> Plan {
    Plan::next(endpoint, Fault::delay_after(100)).times(CALLS)
}

fn typed() -> Value {
    json!({"userId": "u-17", "connector": QUILLPOST, "data": {"key": fake::VALID_KEY}})
}

/// A hub whose calls don't wait long for their turn.
async fn impatient() -> Option<TestApp> {
    TestApp::start_as(|parts| parts.turn_wait = Duration::from_millis(100), |_| ()).await
}

#[track_caller]
fn told_to_wait(answer: &TestResponse) {
    answer.assert_problem(429, "rate_limited");
    assert_eq!(answer.header("retry-after"), Some("5"));
}

#[tokio::test]
async fn checks_keep_to_the_limits_of_an_app() {
    let Some(app) = TestApp::start().await else { return };
    app.define(QUILLPOST, &(app.fake.api_key_definition_toml(QUILLPOST) + ONE_AT_A_TIME));
    app.user("u-17").await;
    app.fake.program(slow(Endpoint::Api));
    let (key, body) = (app.as_key(), typed());
    for made in join_all((0..CALLS).map(|_| key.post("/credentials", &body))).await {
        made.ok(201);
    }
    let counters = app.fake.counters();
    assert_eq!((counters.api_calls, counters.api_in_flight_peak), (u64::from(CALLS), 1));
}

#[tokio::test]
async fn revocations_keep_to_the_limits_of_an_app() {
    let mut setup = Setup::of(RefreshKind::Strict);
    setup.definition = ONE_AT_A_TIME.to_owned();
    let Some(app) = TestApp::start_set_up(setup).await else { return };
    app.put_fernhill().await;
    let mut paths = Vec::new();
    for number in 0..CALLS {
        let account = format!("jo-{number}@acme.test");
        let credential = app.connect_as(&format!("u-{number}"), &account).await;
        paths.push(format!("/credentials/{credential}"));
    }
    app.fake.program(slow(Endpoint::Revoke));
    let key = app.as_key();
    for ended in join_all(paths.iter().map(|path| key.delete(path))).await {
        assert_eq!(ended.ok(200)["revokedUpstream"], "revoked");
    }
    let counters = app.fake.counters();
    assert_eq!((counters.revocations, counters.revocations_in_flight_peak), (u64::from(CALLS), 1));
}

#[tokio::test]
async fn a_check_without_a_turn_is_refused_and_nothing_is_kept() {
    let Some(app) = impatient().await else { return };
    app.define(QUILLPOST, &(app.fake.api_key_definition_toml(QUILLPOST) + SELDOM));
    app.user("u-17").await;
    let key = app.as_key();
    let stored = key.post("/credentials", &typed()).await.ok(201);
    let path = format!("/credentials/{}", stored["credentialId"].as_str().unwrap());
    told_to_wait(&key.post("/credentials", &typed()).await);
    told_to_wait(&key.act(&format!("{path}/verify")).await);
    assert_eq!(key.get(&path).await.ok(200)["status"], "active");
    let modal = app.modal(&json!({"userId": "u-18", "connectors": [QUILLPOST]})).await;
    let page = modal.submit(QUILLPOST, "api_key", json!({"key": fake::VALID_KEY})).await;
    assert!(page.contains(BUSY), "{page}");
    assert_eq!(modal.state().await["status"], "open");
    assert_eq!(key.get("/credentials").await.ok(200)["data"].as_array().unwrap().len(), 1);
    assert_eq!(app.fake.counters().api_calls, 1);
    // Once the app allows more, the same form goes through.
    app.define(QUILLPOST, &(app.fake.api_key_definition_toml(QUILLPOST) + ONE_AT_A_TIME));
    let page = modal.submit(QUILLPOST, "api_key", json!({"key": fake::VALID_KEY})).await;
    assert!(!page.contains(BUSY), "{page}");
    assert_eq!(modal.result(QUILLPOST).await["status"], "completed");
}

#[tokio::test]
async fn a_grant_is_kept_although_its_app_allows_no_further_call() {
    let Some(app) = impatient().await else { return };
    app.redefine(|text| text + SELDOM);
    app.put_fernhill().await;
    // The exchange takes the only turn, and the check goes without.
    let credential = app.connect("u-17").await;
    let counters = app.fake.counters();
    assert_eq!((counters.exchanges, counters.api_calls), (1, 1));
    assert!(app.token(&credential).await["accessToken"].is_string());
}

#[tokio::test]
async fn a_revocation_without_a_turn_waits_for_one_and_that_is_no_try() {
    let Some(app) = impatient().await else { return };
    app.redefine(|text| text + SELDOM);
    app.put_fernhill().await;
    let credential = app.connect("u-17").await;
    let ended = app.as_key().delete(&format!("/credentials/{credential}")).await.ok(200);
    assert_eq!(ended["revokedUpstream"], "failed");
    for _ in 0..3 {
        app.clock.advance(TimeDelta::seconds(6));
        app.hub.work_off_revocations().await.unwrap();
        let left = app.rows("SELECT tries FROM revocation_job").await;
        let tries: Vec<i32> = left.iter().map(|row| row.try_get("", "tries").unwrap()).collect();
        assert_eq!((tries, app.fake.counters().revocations), (vec![1], 0));
    }
    app.redefine(|text| text + ONE_AT_A_TIME);
    app.clock.advance(TimeDelta::seconds(6));
    app.hub.work_off_revocations().await.unwrap();
    assert_eq!(app.fake.counters().revocations, 1);
    assert_eq!(app.fake.grants()[0].end, Some(GrantEnd::Revoked));
    assert!(app.rows("SELECT tries FROM revocation_job").await.is_empty());
}

#[tokio::test]
async fn whoever_ends_a_credential_waits_ten_seconds_for_turn_and_call_together() {
    let mut setup = Setup::of(RefreshKind::Strict);
    setup.definition = ONE_AT_A_TIME.to_owned();
    let Some(app) = TestApp::start_set_up(setup).await else { return };
    app.put_fernhill().await;
    let mut paths = Vec::new();
    for number in 0..2 {
        let credential = app.connect_as(&format!("u-{number}"), &format!("{number}@acme.test")).await;
        paths.push(format!("/credentials/{credential}"));
    }
    app.fake.program(Plan::next(Endpoint::Revoke, Fault::wire(Wire::Never).unprocessed()).always());
    let key = app.as_key();
    let both = join_all(paths.iter().map(|path| key.delete(path)));
    for ended in tokio::time::timeout(Duration::from_secs(15), both).await.expect("in time") {
        assert_eq!(ended.ok(200)["revokedUpstream"], "failed");
    }
}

#[tokio::test]
async fn a_code_without_a_turn_is_sent_all_the_same() {
    let Some(app) = impatient().await else { return };
    app.redefine(|text| text + SELDOM);
    app.put_fernhill().await;
    app.connect("u-17").await;
    let modal = app.modal(&json!({"userId": "u-18", "connectors": ["fernhill"]})).await;
    let page = modal.popup("fernhill").await.allow(&app, "al@acme.test").await;
    assert!(page.contains("al@acme.test"), "{page}");
    assert_eq!(modal.result("fernhill").await["status"], "completed");
    assert_eq!(app.fake.counters().exchanges, 2, "the app gives a code once, and it can't be asked again");
}
