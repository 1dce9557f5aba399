//! Ends set by hand: compared by the clock on every read, written down and told once, moved while they lie ahead.

use chrono::{DateTime, TimeDelta, Utc};
use http::StatusCode;
use serde_json::{Value, json};
use vouchsafe::clock::Clock as _;
use vouchsafe::demo::fake::{Endpoint, Fault, Plan, RefreshKind, VALID_KEY};

use crate::support::app::{Setup, TestApp};
use crate::support::refreshing::standing;
use crate::support::wait::eventually;

fn text(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(chrono::SecondsFormat::Millis, true)
}

impl TestApp {
    /// A key with this end; its path.
    async fn ending_key(&self, end: &Value) -> String {
        let mut body =
            json!({"userId": "u", "connector": "quillpost", "data": {"key": VALID_KEY}, "verify": false});
        body.as_object_mut().unwrap().extend(end.as_object().unwrap().clone());
        let made = self.as_key().post("/credentials", &body).await.ok(201);
        format!("/credentials/{}", made["credentialId"].as_str().unwrap())
    }

    async fn told(&self, path: &str) -> Vec<(String, Value)> {
        let id = path.trim_start_matches("/credentials/");
        let page = self.as_key().get(&format!("/events?credentialId={id}")).await.ok(200);
        let events = page["data"].as_array().unwrap().iter().rev();
        events.map(|event| (event["type"].as_str().unwrap().to_owned(), event["reason"].clone())).collect()
    }

    /// The same without its beginning, which is not kept as long as a key may live.
    async fn ends_told(&self, path: &str) -> Vec<(String, Value)> {
        let mut told = self.told(path).await;
        told.retain(|(kind, _)| kind != "credential.created");
        told
    }

    /// Turns warnings ahead off: these stories are about the end itself.
    async fn no_warnings(&self) {
        self.as_key().patch("/environment", &json!({"expiryWarningDays": []})).await.ok(200);
    }

    async fn assert_served(&self, path: &str, active: bool, when: &str) {
        let read = self.as_key().get(&format!("{path}/token")).await;
        let shown = self.as_key().get(path).await.ok(200);
        if active {
            read.ok(200);
            assert_eq!((&shown["status"], &shown["active"]), (&json!("active"), &json!(true)), "{when}");
        } else {
            read.assert_problem(409, "credential_expired");
            let reason = (&shown["status"], &shown["statusReason"], &shown["nextStep"]);
            assert_eq!(reason, (&json!("expired"), &json!("expiry_date"), &json!("reconnect")), "{when}");
        }
    }
}

#[tokio::test]
async fn r21_a_key_ends_to_the_millisecond_and_is_told_of_once() {
    let Some(app) = TestApp::start().await else { return };
    app.user("u").await;
    app.no_warnings().await;
    let expired = ("credential.expired".to_owned(), json!("expiry_date"));
    for (end, lifetime) in [
        (json!({"expiresAt": text(app.clock.now() + TimeDelta::days(90))}), TimeDelta::days(90)),
        (json!({"period": "P1M"}), TimeDelta::days(31)),
        (json!({"period": "PT1S"}), TimeDelta::seconds(1)),
    ] {
        app.clock.set(DateTime::parse_from_rfc3339("2030-01-01T00:00:00Z").unwrap().to_utc());
        let end_at = app.clock.now() + lifetime;
        let path = app.ending_key(&end).await;
        assert_eq!(app.as_key().get(&path).await.ok(200)["expiresAt"], text(end_at));
        for (offset, active) in [(-1, true), (0, false), (1, false)] {
            app.clock.set(end_at + TimeDelta::milliseconds(offset));
            let when = format!("{end} {offset:+} ms");
            app.assert_served(&path, active, &when).await;
            let ends = app.ends_told(&path).await;
            assert_eq!(
                ends,
                if offset > 0 { vec![expired.clone()] } else { vec![] },
                "{when}: a read tells nobody"
            );
            app.hub.sweep().await.unwrap();
            app.hub.sweep().await.unwrap();
            let ends = app.ends_told(&path).await;
            assert_eq!(ends, if active { vec![] } else { vec![expired.clone()] }, "{when}");
            app.assert_served(&path, active, &when).await;
        }
    }
}

#[tokio::test]
async fn r21_an_access_token_that_nothing_renews_ends_to_the_millisecond_and_is_told_of_once() {
    let mut setup = Setup::of(RefreshKind::Strict);
    setup.settings.refresh_tokens = false;
    let Some((app, credential)) = TestApp::connected(setup).await else { return };
    app.no_warnings().await;
    let path = format!("/credentials/{credential}");
    let end = app.clock.now() + TimeDelta::hours(1);
    let expired = ("credential.expired".to_owned(), json!("no_refresh_token"));
    for (offset, served) in [(-1, true), (0, false), (1, false)] {
        app.clock.set(end + TimeDelta::milliseconds(offset));
        let when = format!("{offset:+} ms");
        for swept in [false, true] {
            if swept {
                app.round().await;
                app.hub.sweep().await.unwrap();
            }
            let shown = app.standing(&credential).await;
            if served {
                app.read(&credential).await.ok(200);
                assert_eq!(shown, standing("active", "", ""), "{when}");
            } else {
                app.read(&credential).await.assert_problem(409, "credential_expired");
                assert_eq!(shown, standing("expired", "no_refresh_token", "reconnect"), "{when}");
            }
            let is_told = offset > 0 || swept && !served;
            let told = if is_told { vec![expired.clone()] } else { vec![] };
            assert_eq!(app.ends_told(&path).await, told, "{when}: a read tells nobody");
        }
    }
    assert_eq!(app.refreshes(), 0);
}

#[tokio::test]
async fn an_end_is_moved_while_it_lies_ahead_and_afterwards_only_a_value_revives() {
    let Some(app) = TestApp::start().await else { return };
    app.user("u").await;
    app.no_warnings().await;
    let end = app.clock.now() + TimeDelta::days(1);
    let path = app.ending_key(&json!({"expiresAt": text(end)})).await;
    let key = app.as_key();
    app.clock.set(end - TimeDelta::milliseconds(1));
    let later = end + TimeDelta::days(1);
    key.patch(&path, &json!({"expiresAt": text(later)})).await.ok(200);
    app.clock.set(end);
    app.hub.sweep().await.unwrap();
    app.assert_served(&path, true, "moved").await;

    app.clock.set(later);
    for swept in [false, true] {
        if swept {
            app.hub.sweep().await.unwrap();
        }
        for change in [
            json!({"expiresAt": text(later + TimeDelta::days(9))}),
            json!({"expiresAt": null}),
            json!({"active": true}),
        ] {
            key.patch(&path, &change).await.assert_problem(409, "credential_expired");
        }
        key.patch(&path, &json!({"name": "Old"})).await.ok(200);
    }
    let shown = key.patch(&path, &json!({"data": {"key": VALID_KEY}, "verify": false})).await;
    // The body has no such member; the value is tested against the app.
    shown.assert_invalid(&["/verify"]);
    let revived = key.patch(&path, &json!({"data": {"key": VALID_KEY}})).await.ok(200);
    assert_eq!((&revived["status"], &revived["expiresAt"]), (&json!("active"), &Value::Null));
    let kinds: Vec<_> = app.told(&path).await.into_iter().map(|(kind, _)| kind).collect();
    assert_eq!(kinds, ["credential.created", "credential.expired", "credential.reconnected"]);

    // With the value, a new end.
    let next = later + TimeDelta::days(2);
    key.patch(&path, &json!({"data": {"key": VALID_KEY}, "expiresAt": text(next)})).await.ok(200);
    app.clock.set(next);
    app.assert_served(&path, false, "the new end").await;
}

#[tokio::test]
async fn each_end_that_makes_no_sense_is_a_problem_of_its_own() {
    let Some(app) = TestApp::start().await else { return };
    app.user("u").await;
    let path = app.ending_key(&json!({})).await;
    let now = app.clock.now();
    for (end, pointer, code, patch) in [
        (json!({"expiresAt": "2031-01-01T00:00:00Z", "period": "P1D"}), "/expiresAt", "exclusive", false),
        (json!({"expiresAt": text(now)}), "/expiresAt", "not_in_future", true),
        (json!({"expiresAt": text(now - TimeDelta::milliseconds(1))}), "/expiresAt", "not_in_future", true),
        (json!({"expiresAt": "2040-01-01T00:00:00.001Z"}), "/expiresAt", "too_far", true),
        (json!({"expiresAt": "2031-02-30T00:00:00Z"}), "/expiresAt", "invalid_date", true),
        (json!({"period": "P10Y1D"}), "/period", "too_far", false),
        (json!({"period": "P0D"}), "/period", "not_in_future", false),
        (json!({"period": "P-1D"}), "/period", "invalid_period", false),
        (json!({"period": "90 days"}), "/period", "invalid_period", false),
    ] {
        let mut body = json!({"userId": "u", "connector": "quillpost", "data": {"key": VALID_KEY}});
        body.as_object_mut().unwrap().extend(end.as_object().unwrap().clone());
        let problem = app.as_key().post("/credentials", &body).await.assert_invalid(&[pointer]);
        assert_eq!(problem["errors"][0]["code"], code, "{end}");
        if patch {
            let problem = app.as_key().patch(&path, &end).await.assert_invalid(&[pointer]);
            assert_eq!(problem["errors"][0]["code"], code, "{end}");
        }
    }
    for end in [
        json!({"expiresAt": "2040-01-01T00:00:00Z"}),
        json!({"period": "P10Y"}),
        json!({"expiresAt": text(now + TimeDelta::milliseconds(1))}),
    ] {
        app.ending_key(&end).await;
    }
    // What is renewed by itself has no such end.
    let renewable = app.renewable("u").await;
    let path = format!("/credentials/{}", renewable["credentialId"].as_str().unwrap());
    app.as_key()
        .patch(&path, &json!({"expiresAt": "2031-01-01T00:00:00Z"}))
        .await
        .assert_invalid(&["/expiresAt"]);
}

#[tokio::test]
async fn what_is_switched_off_expires_all_the_same_and_cannot_be_switched_on() {
    let Some(app) = TestApp::start().await else { return };
    app.user("u").await;
    app.no_warnings().await;
    let end = app.clock.now() + TimeDelta::days(1);
    let path = app.ending_key(&json!({"expiresAt": text(end)})).await;
    app.as_key().patch(&path, &json!({"active": false})).await.ok(200);
    app.clock.set(end);
    app.hub.sweep().await.unwrap();
    let shown = app.as_key().get(&path).await.ok(200);
    assert_eq!((&shown["status"], &shown["active"]), (&json!("expired"), &json!(false)));
    app.as_key().patch(&path, &json!({"active": true})).await.assert_problem(409, "credential_expired");
    app.as_key().act(&format!("{path}/revoke")).await.ok(200);
    app.as_key().patch(&path, &json!({"active": true})).await.assert_problem(409, "credential_revoked");
    app.as_key().delete(&path).await.ok(200);
    let told = app.told(&path).await;
    let told: Vec<_> = told.iter().map(|(kind, reason)| (kind.as_str(), reason.as_str())).collect();
    assert_eq!(
        told,
        [
            ("credential.created", None),
            ("credential.deactivated", Some("api_key")),
            ("credential.expired", Some("expiry_date")),
            ("credential.revoked", Some("api_key")),
            ("credential.deleted", Some("api_key")),
        ]
    );
}

#[tokio::test]
async fn a_token_that_runs_out_while_the_app_is_down_is_told_of_once() {
    let Some(app) = TestApp::start().await else { return };
    app.put_fernhill().await;
    let credential = app.connect("u-17").await;
    app.fake.program(Plan::next(Endpoint::Refresh, Fault::status(StatusCode::BAD_GATEWAY)).always());
    app.clock.advance(TimeDelta::minutes(58));
    app.token(&credential).await;
    eventually("a failed refresh", async || {
        let reason = app.shown(&credential).await["statusReason"].clone();
        if reason.is_null() { Err(reason) } else { Ok(()) }
    })
    .await;
    app.hub.sweep().await.unwrap();
    assert_eq!(app.events(&credential).await, ["credential.created"], "it still works");

    let end = DateTime::parse_from_rfc3339("2030-01-01T01:00:00Z").unwrap().to_utc();
    for (offset, failing) in [(-30_000, false), (-29_999, true), (0, true), (60_000, true)] {
        app.clock.set(end + TimeDelta::milliseconds(offset));
        app.hub.sweep().await.unwrap();
        let told = if failing {
            vec!["credential.created", "credential.failing"]
        } else {
            vec!["credential.created"]
        };
        assert_eq!(app.events(&credential).await, told, "{offset}");
        assert_eq!(app.shown(&credential).await["status"] == "error", failing, "{offset}");
    }
    app.fake.clear_faults();
    app.clock.advance(TimeDelta::minutes(30));
    app.token(&credential).await;
    app.hub.sweep().await.unwrap();
    let told = ["credential.created", "credential.failing", "credential.recovered"];
    assert_eq!(app.events(&credential).await, told);
}
