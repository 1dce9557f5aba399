//! Class G: a row that fits no state, as only a foreign hand makes one. No call is made for it and the operator is told;
//! no list, no sweep and no start fails for it.

use chrono::TimeDelta;
use serde_json::json;
use vouchsafe::clock::Clock as _;
use vouchsafe::demo::fake::{GrantView, RefreshKind, VALID_KEY};
use vouchsafe::domain::page::PageRequest;
use vouchsafe::service::credentials::CredentialQuery;

use super::unreadable::misled;
use crate::support::app::{Setup, TestApp};
use crate::support::database::is_postgres;
use crate::support::refreshing::{Alerts, standing};

/// What the operator is told.
const TOLD: &str = "a row is inconsistent";

/// Writes columns of a credential's tokens past the hub.
async fn set(app: &TestApp, credential: &str, columns: &str) {
    let sql = format!("UPDATE credential_token SET {columns} WHERE credential_id = '{credential}'");
    app.rows(&sql).await;
}

/// Makes a row that waits, and for nothing.
async fn break_row(app: &TestApp, credential: &str) {
    set(app, credential, "state = 'waiting', next_try_at = NULL").await;
}

/// What the pages of one credential each list, as the API and as the dashboard has them.
async fn listed(app: &TestApp) -> [Vec<String>; 2] {
    let (mut newest, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = app.as_key().get(&format!("/credentials?limit=1{cursor}")).await.ok(200);
        let ids = page["data"].as_array().unwrap().iter();
        newest.extend(ids.map(|one| one["credentialId"].as_str().unwrap().to_owned()));
        let Some(next) = page["nextCursor"].as_str() else { break };
        cursor = format!("&cursor={next}");
    }
    let actor = app.hub.operator_in("default", "production").await.unwrap();
    let (mut worst, mut after) = (Vec::new(), None);
    loop {
        let request = PageRequest { limit: 1, after };
        let any = CredentialQuery::default();
        let page = app.hub.list_credentials_worst_first(&actor, any, &request).await.unwrap();
        worst.extend(page.items.iter().map(|one| one.id.to_string()));
        after = page.next_after();
        if after.is_none() {
            return [newest, worst];
        }
    }
}

#[tokio::test]
async fn a_row_that_fits_no_state_is_left_alone_and_the_others_are_listed_and_renewed() {
    let alerts = Alerts::listen();
    let Some((app, oldest)) = TestApp::connected(Setup::of(RefreshKind::Strict)).await else { return };
    let newer = app.connect_as("u-18", "kim@acme.test").await;
    let broken = app.connect_as("u-19", "lee@acme.test").await;
    let too = app.connect_as("u-20", "max@acme.test").await;
    break_row(&app, &broken).await;
    set(&app, &too, "state = 'pondering'").await;
    let others = vec![newer, oldest];
    assert_eq!(listed(&app).await, [others.clone(), others.clone()]);
    assert!(alerts.count(&broken) > 0 && alerts.count(&too) > 0, "the log names the rows");
    app.as_key().get(&format!("/credentials/{broken}")).await.assert_problem(500, "internal_error");

    app.clock.advance(TimeDelta::minutes(50));
    app.round().await;
    let requests: Vec<u64> = app.fake.grants().iter().map(GrantView::requests).collect();
    assert_eq!(requests, [1, 1, 0, 0]);
    let sql = format!("SELECT due_at FROM credential_token WHERE credential_id = '{broken}'");
    let due_at: i64 = app.rows(&sql).await[0].try_get("", "due_at").unwrap();
    assert!(due_at >= app.clock.now_ms() + 900_000, "it is left alone for a quarter of an hour");
    app.rounds(1, TimeDelta::minutes(16)).await;
    listed(&app).await;
    assert_eq!(alerts.count(TOLD), 2, "once an hour for each, whoever finds it");

    let actor = app.hub.operator_in("default", "production").await.unwrap();
    let all = app.hub.revoke_all(&actor).await.unwrap();
    assert_eq!((all.revoked, all.unread), (2, vec![too, broken]));
    for credential in &others {
        assert_eq!(app.shown(credential).await["status"], "revoked");
    }
}

#[tokio::test]
async fn a_due_row_that_can_not_even_be_read_keeps_no_other_from_being_renewed() {
    // Columns of PostgreSQL hold nothing of another kind.
    if is_postgres() {
        return;
    }
    let Some((app, whole)) = TestApp::connected(Setup::of(RefreshKind::Strict)).await else { return };
    let broken = app.connect_as("u-18", "kim@acme.test").await;
    set(&app, &broken, "token_version = 'x'").await;
    let alerts = Alerts::listen();
    app.clock.advance(TimeDelta::minutes(50));
    app.round().await;
    let requests: Vec<u64> = app.fake.grants().iter().map(GrantView::requests).collect();
    assert_eq!(requests, [1, 0]);
    assert!(alerts.count(&broken) > 0, "the log names the row");
    // An end is read beside the row, for the place of the row in a list by ends.
    let mistyped = format!("UPDATE credential SET expires_at = 'soon' WHERE id = '{broken}'");
    app.rows(&mistyped).await;
    assert_eq!(listed(&app).await, [vec![whole.clone()], vec![whole.clone()]]);
    let actor = app.hub.operator_in("default", "production").await.unwrap();
    let all = app.hub.revoke_all(&actor).await.unwrap();
    assert_eq!((all.revoked, all.unread), (1, vec![broken]));
}

#[tokio::test]
async fn a_sweep_ends_what_is_over_beside_a_row_that_fits_no_state() {
    let Some(app) = TestApp::start().await else { return };
    let mut keys = Vec::new();
    for user in ["u-1", "u-2"] {
        app.user(user).await;
        let body =
            json!({"userId": user, "connector": "quillpost", "data": {"key": VALID_KEY}, "period": "P3D"});
        let made = app.as_key().post("/credentials", &body).await.ok(201);
        keys.push(made["credentialId"].as_str().unwrap().to_owned());
    }
    break_row(&app, &keys[0]).await;
    let alerts = Alerts::listen();
    app.clock.advance(TimeDelta::hours(49));
    app.hub.sweep().await.unwrap();
    assert_eq!(app.count_events(&keys[1], "credential.expiring").await, 1, "it shuts no environment");
    app.clock.advance(TimeDelta::days(1));
    app.hub.sweep().await.unwrap();
    assert_eq!(app.standing(&keys[1]).await, standing("expired", "expiry_date", "reconnect"));
    assert_eq!(app.count_events(&keys[1], "credential.expired").await, 1);
    // The worker looks at it too, as nothing renews it.
    app.round().await;
    assert_eq!(alerts.count(TOLD), 1, "once an hour");
}

#[tokio::test]
async fn a_hub_starts_beside_rows_that_fit_no_state_and_lands_an_answer_once_its_row_is_mended() {
    let Some((app, credential)) = TestApp::spent(Setup::of(RefreshKind::Strict)).await else { return };
    let claimed = app.credential("u-17").await["credentialId"].as_str().unwrap().to_owned();
    app.redefine(|text| misled(&text));
    app.round().await;
    assert_eq!(app.standing(&credential).await, standing("error", "refresh_unconfirmed", ""));
    set(&app, &credential, "state = 'suspect', suspect_since = NULL").await;
    set(&app, &claimed, "state = 'refreshing', claimed_from = NULL, lease_owner = 'node_test/earlier'").await;

    let alerts = Alerts::listen();
    app.redefine(|text| text);
    app.hub.replay().await.unwrap();
    assert_eq!(alerts.count(TOLD), 1, "the claim of an earlier run");
    app.hub.sweep().await.unwrap();
    assert_eq!(alerts.count(TOLD), 2, "and the answer that was set aside");
    set(&app, &credential, "state = 'unknown'").await;
    app.hub.sweep().await.unwrap();
    assert_eq!(app.standing(&credential).await, standing("active", "", ""));
    let grant = app.fake.grants().remove(0);
    assert_eq!((grant.alive, grant.version, grant.at(1).requests), (true, 2, 1));
}

#[tokio::test]
async fn an_answer_whose_row_was_broken_since_its_claim_lands_once_somebody_has_mended_it() {
    let Some((app, credential)) = TestApp::connected(Setup::of(RefreshKind::Strict)).await else { return };
    app.hold_renewal().await;
    break_row(&app, &credential).await;
    app.fake.release();
    app.settle().await;
    let later = (app.clock.now() + TimeDelta::hours(1)).timestamp_millis();
    set(&app, &credential, &format!("state = 'unknown', next_try_at = {later}")).await;
    app.hub.sweep().await.unwrap();
    assert_eq!(app.standing(&credential).await, standing("active", "", ""));
    let grant = app.fake.grants().remove(0);
    assert_eq!((grant.alive, grant.version, grant.at(1).requests), (true, 2, 1));
}
