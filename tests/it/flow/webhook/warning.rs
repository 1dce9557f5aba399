//! Warnings ahead, links to reconnect, and what is forgotten after a month.

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};
use vouchsafe::clock::Clock as _;
use vouchsafe::demo::fake::{Endpoint, Fault, Plan, QUILLPOST, RefreshKind, VALID_KEY};

use crate::support::app::{Setup, TestApp};

const DAY: i64 = 86_400;

async fn key_for(app: &TestApp, period: &str) -> String {
    let body = json!({"userId": "u", "connector": QUILLPOST, "data": {"key": VALID_KEY}, "period": period});
    let made = app.as_key().post("/credentials", &body).await.ok(201);
    made["credentialId"].as_str().unwrap().to_owned()
}

/// The reasons of the warnings given of a credential, oldest first.
async fn warnings(app: &TestApp, id: &str) -> Vec<Value> {
    let path = format!("/events?type=credential.expiring&credentialId={id}");
    let page = app.as_key().get(&path).await.ok(200);
    page["data"].as_array().unwrap().iter().rev().map(|event| event["reason"].clone()).collect()
}

#[tokio::test]
async fn r21_an_end_is_warned_of_a_week_and_a_day_ahead_once_each() {
    const MILLI: TimeDelta = TimeDelta::milliseconds(1);
    let Some(app) = TestApp::start().await else { return };
    app.user("u").await;
    let id = key_for(&app, "P30D").await;
    app.clock.advance(TimeDelta::days(23) - MILLI);
    app.sweep().await;
    assert_eq!(warnings(&app, &id).await, [] as [Value; 0]);
    app.clock.advance(MILLI);
    app.sweep().await;
    app.clock.advance(MILLI);
    app.sweep().await;
    app.another_hub(|_| ()).await.sweep().await.unwrap();
    assert_eq!(warnings(&app, &id).await, ["within_7_days"]);
    app.clock.advance(TimeDelta::days(6) - MILLI - MILLI);
    app.sweep().await;
    assert_eq!(warnings(&app, &id).await, ["within_7_days"]);
    app.clock.advance(MILLI);
    app.sweep().await;
    app.sweep().await;
    assert_eq!(warnings(&app, &id).await, ["within_7_days", "within_1_day"]);
    app.pass(DAY);
    app.sweep().await;
    assert_eq!(app.events(&id).await.last().unwrap(), "credential.expired");
    assert_eq!(warnings(&app, &id).await.len(), 2);
}

#[tokio::test]
async fn a_warning_that_would_come_in_the_first_half_of_a_life_is_left_out() {
    let Some(app) = TestApp::start().await else { return };
    app.user("u").await;
    let short = key_for(&app, "P13D").await;
    let hours = key_for(&app, "PT36H").await;
    app.pass(12 * 3_600);
    app.sweep().await;
    assert_eq!(warnings(&app, &hours).await, [] as [Value; 0], "a day is more than half of 36 hours");
    app.pass(12 * DAY);
    app.sweep().await;
    assert_eq!(warnings(&app, &short).await, ["within_1_day"], "a week is more than half of 13 days");
}

/// An answer of the app that says how many seconds its refresh token lives.
fn living(seconds: i64) -> Fault {
    Fault::merge(json!({"refresh_token_expires_in": seconds}).as_object().unwrap().clone())
}

#[tokio::test]
async fn a_fixed_end_is_warned_of_once_however_often_its_token_is_refreshed() {
    let setup = Setup::of(RefreshKind::Strict).unhurried();
    let Some(app) = TestApp::start_set_up(setup).await else { return };
    app.put_fernhill().await;
    app.fake.program(Plan::next(Endpoint::Exchange, living(10 * DAY)));
    let id = app.connect("u-17").await;
    let mut passed = 0;
    for hour in std::iter::once(8 * 24).chain(8 * 24 + 1..10 * 24) {
        // The app tells whole seconds, and rounds now one way and now the other.
        let left = 10 * DAY - hour * 3_600 - hour % 2;
        app.fake.program(Plan::next(Endpoint::Refresh, living(left)));
        app.rounds(1, TimeDelta::hours(hour - passed)).await;
        passed = hour;
        app.sweep().await;
        let told = usize::from(hour >= 9 * 24);
        assert_eq!(warnings(&app, &id).await.len(), told, "after {hour} hours");
    }
    assert_eq!(app.refreshes(), 48, "each round refreshed it");
    assert_eq!(warnings(&app, &id).await, ["within_1_day"], "a week is more than half of ten days");
    assert_eq!(app.shown(&id).await["expiresAt"], "2030-01-11T00:00:00.000Z");
}

#[tokio::test]
async fn a_consent_that_the_definition_ends_is_warned_of_and_only_the_user_moves_its_end() {
    let Some(app) = TestApp::start_set_up(Setup::of(RefreshKind::Strict)).await else { return };
    app.redefine(|text| text.replace("\nreuse = ", &format!("\nlifetime = {}\nreuse = ", 20 * DAY)));
    app.put_fernhill().await;
    let id = app.connect("u-17").await;
    for (days, told) in [(12, 0), (1, 1), (5, 1), (1, 2)] {
        app.rounds(1, TimeDelta::days(days)).await;
        app.sweep().await;
        assert_eq!(warnings(&app, &id).await.len(), told, "{days} days later");
        assert_eq!(app.shown(&id).await["expiresAt"], "2030-01-21T00:00:00.000Z");
    }
    assert_eq!(app.refreshes(), 4, "each round refreshed it");
    assert_eq!(warnings(&app, &id).await, ["within_7_days", "within_1_day"]);
    app.reconnect(&id).await;
    assert_eq!(app.shown(&id).await["expiresAt"], "2030-02-09T00:00:00.000Z");
}

/// Goes to each warning of an end in forty days, without a renewal that could move it.
async fn warned_of_to_the_millisecond(app: &TestApp, id: &str) {
    let end = app.clock.now() + TimeDelta::days(40);
    let shown = app.shown(id).await["expiresAt"].as_str().unwrap().parse::<DateTime<Utc>>();
    assert_eq!(shown, Ok(end));
    let all = ["within_7_days", "within_1_day"];
    for (before, days) in [7, 1].into_iter().enumerate() {
        for offset in [-1, 0, 1] {
            app.clock.set(end - TimeDelta::days(days) + TimeDelta::milliseconds(offset));
            let so_far = &all[..before + usize::from(offset >= 0)];
            for _ in 0..2 {
                app.sweep().await;
                assert_eq!(warnings(app, id).await, so_far, "{days} days {offset:+} ms");
            }
        }
    }
    assert_eq!(app.refreshes(), 0);
}

#[tokio::test]
async fn r21_the_end_of_a_refresh_token_is_warned_of_to_the_millisecond() {
    let Some(app) = TestApp::start_set_up(Setup::of(RefreshKind::Strict)).await else { return };
    app.put_fernhill().await;
    app.fake.program(Plan::next(Endpoint::Exchange, living(40 * DAY)));
    let id = app.connect("u-17").await;
    warned_of_to_the_millisecond(&app, &id).await;
}

#[tokio::test]
async fn r21_the_end_of_a_consent_is_warned_of_to_the_millisecond() {
    let Some(app) = TestApp::start_set_up(Setup::of(RefreshKind::Strict)).await else { return };
    app.redefine(|text| text.replace("\nreuse = ", &format!("\nlifetime = {}\nreuse = ", 40 * DAY)));
    app.put_fernhill().await;
    let id = app.connect("u-17").await;
    warned_of_to_the_millisecond(&app, &id).await;
}

#[tokio::test]
async fn an_end_that_each_refresh_moves_on_is_not_warned_of() {
    let setup = Setup::of(RefreshKind::Strict).unhurried();
    let Some(app) = TestApp::start_set_up(setup).await else { return };
    app.put_fernhill().await;
    app.fake.program(Plan::next(Endpoint::Exchange, living(DAY)));
    let id = app.connect("u-17").await;
    for _ in 0..40 {
        app.fake.program(Plan::next(Endpoint::Refresh, living(DAY)));
        app.rounds(1, TimeDelta::hours(12)).await;
        app.sweep().await;
    }
    assert_eq!(app.refreshes(), 40);
    assert_eq!(warnings(&app, &id).await, [] as [Value; 0]);
}

#[tokio::test]
async fn an_environment_says_how_early_and_a_moved_end_is_warned_of_again() {
    let Some(app) = TestApp::start().await else { return };
    app.as_key().patch("/environment", &json!({"expiryWarningDays": [60, 3]})).await.ok(200);
    app.user("u").await;
    let id = key_for(&app, "P1Y").await;
    app.pass(305 * DAY);
    app.sweep().await;
    assert_eq!(warnings(&app, &id).await, ["within_60_days"]);
    // A month later the event is forgotten, and the warning is not repeated for that.
    app.pass(31 * DAY);
    app.sweep().await;
    app.sweep().await;
    assert_eq!(warnings(&app, &id).await, [] as [Value; 0]);
    let later = json!({"expiresAt": "2031-01-20T00:00:00Z"});
    app.as_key().patch(&format!("/credentials/{id}"), &later).await.ok(200);
    app.sweep().await;
    assert_eq!(warnings(&app, &id).await, ["within_60_days"]);
    app.pass(47 * DAY);
    app.sweep().await;
    assert_eq!(warnings(&app, &id).await.last().unwrap(), "within_3_days");
    app.as_key().patch("/environment", &json!({"expiryWarningDays": []})).await.ok(200);
    app.sweep().await;
}

#[tokio::test]
async fn what_is_switched_off_or_ended_is_not_warned_of() {
    let Some(app) = TestApp::start().await else { return };
    app.user("u").await;
    let (off, revoked) = (key_for(&app, "P30D").await, key_for(&app, "P30D").await);
    app.as_key().patch(&format!("/credentials/{off}"), &json!({"active": false})).await.ok(200);
    app.as_key().act(&format!("/credentials/{revoked}/revoke")).await.ok(200);
    app.pass(25 * DAY);
    app.sweep().await;
    for id in [&off, &revoked] {
        assert_eq!(warnings(&app, id).await, [] as [Value; 0]);
    }
    app.as_key().patch(&format!("/credentials/{off}"), &json!({"active": true})).await.ok(200);
    app.sweep().await;
    assert_eq!(warnings(&app, &off).await, ["within_7_days"]);
}

#[tokio::test]
async fn what_stands_behind_a_connector_that_is_off_takes_nobodys_place() {
    let Some(app) = TestApp::start().await else { return };
    app.user("u").await;
    let connector = |enabled: bool| json!({"provider": QUILLPOST, "enabled": enabled});
    app.as_key().put("/connectors/idle", &connector(true)).await.ok(201);
    let data = json!({"key": VALID_KEY});
    let body = json!({"userId": "u", "connector": "idle", "data": data, "period": "P30D", "verify": false});
    // As many as one round warns of.
    for _ in 0..500 {
        app.as_key().post("/credentials", &body).await.ok(201);
    }
    app.pass(1);
    let id = key_for(&app, "P30D").await;
    app.as_key().put("/connectors/idle", &connector(false)).await.ok(200);
    app.pass(24 * DAY);
    app.sweep().await;
    assert_eq!(warnings(&app, &id).await, ["within_7_days"]);
    let told = "SELECT id FROM event WHERE type = 'credential.expiring'";
    assert_eq!(app.rows(told).await.len(), 1, "nobody is to reconnect what is off");
    app.as_key().put("/connectors/idle", &connector(true)).await.ok(200);
    app.sweep().await;
    assert_eq!(app.rows(told).await.len(), 501);
}

#[tokio::test]
async fn events_and_deliveries_are_kept_for_a_month() {
    let Some(app) = TestApp::start().await else { return };
    let receiver = crate::support::receiver::Receiver::start().await;
    app.endpoint(&receiver).await;
    app.user("u").await;
    app.credential("u").await;
    app.deliver().await;
    app.pass(30 * DAY);
    app.sweep().await;
    let old = app.all_events().await.remove(0);
    assert_eq!(app.deliveries(&old).await.len(), 1);
    app.pass(1);
    app.credential("u").await;
    app.sweep().await;
    let kept = app.all_events().await;
    assert_eq!(kept.len(), 1);
    assert_ne!(kept[0]["id"], old["id"]);
    let path = format!("/events/{}/deliveries", old["id"].as_str().unwrap());
    app.as_key().get(&path).await.assert_problem(404, "not_found");
}
