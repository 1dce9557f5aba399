//! `[limits]`: what the hub asks an app on its own account keeps to what the definition allows, whoever it is for.

use std::time::{Duration, Instant};

use futures_util::future::join_all;
use serde_json::json;
use vouchsafe::demo::fake::{self, Endpoint, Fault, Plan, QUILLPOST, RefreshKind};

use crate::support::app::{Setup, TestApp};

const ONE_AT_A_TIME: &str = "\n[limits]\nconcurrency = 1\nrate = 1000\n";
/// Each call takes so long.
const CALL: Duration = Duration::from_millis(100);
const CALLS: u32 = 3;

fn slow(endpoint: Endpoint) -> Plan {
    Plan::next(endpoint, Fault::delay_after(100)).times(CALLS)
}

#[tokio::test]
async fn checks_keep_to_the_limits_of_an_app() {
    let Some(app) = TestApp::start().await else { return };
    app.define(QUILLPOST, &(app.fake.api_key_definition_toml(QUILLPOST) + ONE_AT_A_TIME));
    app.user("u-17").await;
    app.fake.program(slow(Endpoint::Api));
    let key = app.as_key();
    let body = json!({"userId": "u-17", "connector": QUILLPOST, "data": {"key": fake::VALID_KEY}});
    let began = Instant::now();
    for made in join_all((0..CALLS).map(|_| key.post("/credentials", &body))).await {
        made.ok(201);
    }
    assert!(began.elapsed() >= CALL * CALLS, "{:?}", began.elapsed());
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
    let began = Instant::now();
    for ended in join_all(paths.iter().map(|path| key.delete(path))).await {
        assert_eq!(ended.ok(200)["revokedUpstream"], "revoked");
    }
    assert!(began.elapsed() >= CALL * CALLS, "{:?}", began.elapsed());
}
