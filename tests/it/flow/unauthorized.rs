//! An app that answers 401: a token is renewed once and the call repeated, a key ends when it was refused twice.

use chrono::TimeDelta;
use http::StatusCode;
use serde_json::{Value, json};
use vouchsafe::demo::fake::{
    DEMO_CLIENT_ID, DEMO_CLIENT_SECRET, Endpoint, Fault, KeyState, Plan, RefreshKind, VALID_KEY,
};

use crate::support::app::{OWN_CLIENT, Setup, TestApp};
use crate::support::database::is_postgres;

impl TestApp {
    async fn verify(&self, credential: &str) -> Value {
        self.as_key().act(&format!("/credentials/{credential}/verify")).await.ok(200)
    }

    fn refuse_calls(&self, times: u32) {
        let fault = Fault::status(StatusCode::UNAUTHORIZED);
        self.fake.program(Plan::next(Endpoint::Api, fault).times(times));
    }
}

#[tokio::test]
async fn a_token_that_the_app_ended_early_is_renewed_once_a_minute() {
    let Some(app) = TestApp::start().await else { return };
    app.put_fernhill().await;
    let credential = app.connect("u-17").await;
    let old = app.token(&credential).await;
    app.refuse_calls(1);
    let found = app.verify(&credential).await;
    assert_eq!((&found["ok"], &found["outcome"]), (&json!(true), &json!("ok")));
    assert_eq!(app.fake.counters().refreshes, 1);
    assert_ne!(app.token(&credential).await["accessToken"], old["accessToken"]);

    app.clock.advance(TimeDelta::seconds(59));
    app.refuse_calls(1);
    let found = app.verify(&credential).await;
    let said = (&found["ok"], &found["outcome"], &found["status"]);
    assert_eq!(said, (&json!(false), &json!("wrong_key"), &json!("active")));
    assert_eq!(app.fake.counters().refreshes, 1, "once a minute");

    app.clock.advance(TimeDelta::seconds(1));
    app.refuse_calls(2);
    let calls = app.fake.counters().api_calls;
    assert_eq!(app.verify(&credential).await["ok"], false);
    let counters = app.fake.counters();
    assert_eq!((counters.refreshes, counters.api_calls - calls), (2, 2), "one retry");
    assert!(app.fake.grants()[0].alive);
    assert_eq!(app.events(&credential).await, ["credential.created"]);
}

#[tokio::test]
async fn a_key_that_was_refused_twice_a_minute_apart_has_expired() {
    let Some(app) = TestApp::start().await else { return };
    app.user("u").await;
    let credential = app.credential("u").await["credentialId"].as_str().unwrap().to_owned();
    let token = format!("/credentials/{credential}/token");
    app.fake.set_key(VALID_KEY, KeyState::Revoked);
    let refused = |found: &Value, status: &str| {
        let said = (&found["ok"], &found["outcome"], &found["status"]);
        assert_eq!(said, (&json!(false), &json!("wrong_key"), &json!(status)), "{found}");
    };
    refused(&app.verify(&credential).await, "active");
    assert_eq!(app.shown(&credential).await["statusReason"], "refusal_unconfirmed");
    app.as_key().get(&token).await.ok(200);

    // The app was wrong for a moment.
    app.clock.advance(TimeDelta::minutes(5));
    app.fake.set_key(VALID_KEY, KeyState::Valid);
    assert_eq!(app.verify(&credential).await["ok"], true);
    assert_eq!(app.shown(&credential).await["statusReason"], Value::Null);
    assert_eq!(app.events(&credential).await, ["credential.created"]);

    app.fake.set_key(VALID_KEY, KeyState::Revoked);
    refused(&app.verify(&credential).await, "active");
    app.clock.advance(TimeDelta::milliseconds(59_999));
    refused(&app.verify(&credential).await, "active");
    app.clock.advance(TimeDelta::milliseconds(1));
    refused(&app.verify(&credential).await, "expired");
    app.as_key().get(&token).await.assert_problem(409, "credential_expired");
    let shown = app.shown(&credential).await;
    assert_eq!(
        (&shown["statusReason"], &shown["nextStep"]),
        (&json!("rejected_by_provider"), &json!("reconnect"))
    );
    assert_eq!(app.events(&credential).await, ["credential.created", "credential.expired"]);

    // An app that is away refuses nothing.
    let other = app.credential_with("u", "fake_live_0123456789abcdef").await;
    app.fake.program(Plan::next(Endpoint::Api, Fault::close_before()).times(2));
    for _ in 0..2 {
        assert_eq!(app.verify(&other).await["outcome"], "unreachable");
        app.clock.advance(TimeDelta::minutes(2));
    }
    assert_eq!(app.shown(&other).await["statusReason"], Value::Null);
}

#[tokio::test]
async fn a_new_token_that_the_app_does_not_know_yet_is_asked_for_once_more() {
    let Some(app) = TestApp::start().await else { return };
    app.user("u").await;
    app.refuse_calls(1);
    app.renewable("u").await;
    assert_eq!(app.fake.counters().client_credentials, 2);

    app.refuse_calls(2);
    let data = json!({"client_id": DEMO_CLIENT_ID, "client_secret": DEMO_CLIENT_SECRET});
    let body = json!({"userId": "u", "connector": OWN_CLIENT, "data": data});
    app.as_key().post("/credentials", &body).await.assert_problem(400, "credential_rejected");
    assert_eq!(app.fake.counters().client_credentials, 4);
}

#[tokio::test]
async fn tokens_of_a_consent_that_the_app_does_not_know_yet_are_renewed_once_and_the_new_ones_kept() {
    let Some(app) = TestApp::start_set_up(Setup::of(RefreshKind::Strict)).await else { return };
    app.put_fernhill().await;
    app.refuse_calls(1);
    let credential = app.connect("u-17").await;
    let counters = app.fake.counters();
    assert_eq!((counters.exchanges, counters.refreshes, counters.api_calls), (1, 1, 2));
    let token = app.token(&credential).await;
    let told = app.fake.identify(token["accessToken"].as_str().unwrap());
    assert_eq!(told.map(|(_, version)| version), Some(2), "the token that was accepted");
    assert_eq!(app.shown(&credential).await["account"]["label"], "jo@acme.test");

    // At a strict app the spent refresh token would end the grant.
    app.clock.advance(TimeDelta::hours(2));
    app.token(&credential).await;
    let grant = &app.fake.grants()[0];
    assert_eq!((grant.at(1).requests, grant.at(2).requests, grant.alive), (1, 1, true));
    assert_eq!(app.events(&credential).await, ["credential.created"]);
}

#[tokio::test]
async fn a_key_that_is_refused_at_several_hubs_is_asked_about_once_a_minute() {
    if !is_postgres() {
        return;
    }
    let Some(app) = TestApp::start().await else { return };
    app.user("u").await;
    let credential = app.credential("u").await["credentialId"].as_str().unwrap().to_owned();
    let other = app.replica("node_1").await;
    // How often the app is called because of one call that it refuses.
    let calls = async |base_url: &str| {
        let before = app.fake.counters().api_calls;
        app.refuse_calls(1);
        let call = app.client.get(format!("{base_url}/proxy/me")).bearer_auth(app.key());
        let answer = call.header("vouchsafe-credential", &credential).send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::UNAUTHORIZED);
        app.fake.counters().api_calls - before
    };
    let (one, two) = (app.base_url.as_str(), other.api.base_url.as_str());
    assert_eq!((calls(one).await, calls(two).await, calls(one).await), (2, 1, 1));
    app.clock.advance(TimeDelta::minutes(1));
    assert_eq!((calls(two).await, calls(one).await), (2, 1));
}
