//! A hub that finds itself on another deployment's database spends nothing until somebody adopts it.

use chrono::TimeDelta;
use serde_json::json;
use vouchsafe::domain::adoption::Home;

use crate::support::app::TestApp;

fn home(public_url: &str, place: &str) -> Home {
    Home { public_url: Some(public_url.to_owned()), place: place.to_owned() }
}

#[tokio::test]
async fn elsewhere_what_lives_is_served_and_nothing_is_spent() {
    let Some(app) = TestApp::start().await else { return };
    app.put_fernhill().await;
    let credential = app.connect("u-17").await;
    app.user("u-18").await;
    let minted = app.renewable("u-18").await;
    app.hub.move_in(home("https://hub.acme.test/", "here")).await.unwrap();
    assert!(app.hub.may_refresh(), "a database that was nobody's");
    let calls = app.fake.counters().token_requests;

    let copy = home("https://hub.acme.test/", "there");
    app.hub.move_in(copy.clone()).await.unwrap();
    assert!(!app.hub.may_refresh());
    app.token(&credential).await;
    app.clock.advance(TimeDelta::hours(2));
    app.hub.work_off_due().await.unwrap();
    for id in [credential.as_str(), minted["credentialId"].as_str().unwrap()] {
        let path = format!("/credentials/{id}/token");
        let refused = app.as_key().get(&path).await;
        let problem = refused.assert_problem(503, "refresh_pending");
        assert!(problem["detail"].as_str().unwrap().contains("vouchsafe adopt"), "{problem}");
        assert!(refused.header("retry-after").is_some());
        let refresh = format!("/credentials/{id}/refresh");
        app.as_key().act(&refresh).await.assert_problem(503, "refresh_pending");
    }
    let other = app.connect_as("u-19", "al@acme.test").await;
    let gone = app.as_key().delete(&format!("/credentials/{other}")).await.ok(200);
    assert_eq!(gone["revokedUpstream"], "failed", "the app is told once somebody has decided");
    app.hub.work_off_revocations().await.unwrap();
    let counters = app.fake.counters();
    assert_eq!((counters.token_requests, counters.revocations), (calls + 1, 0), "but for the sign-in itself");

    assert_eq!(app.hub.adopt(copy).await.unwrap(), 1, "what is minted needs no second look");
    assert!(app.hub.may_refresh());
    let shown = app.shown(&credential).await;
    assert_eq!((&shown["status"], &shown["statusReason"]), (&json!("error"), &json!("refusal_unconfirmed")));
    app.token(&credential).await;
    assert_eq!(app.shown(&credential).await["status"], "active");
    app.clock.advance(TimeDelta::minutes(2));
    app.hub.work_off_revocations().await.unwrap();
    assert_eq!(app.fake.counters().revocations, 1);
    let audit = app.as_key().get("/audit-events?action=database.adopt").await.ok(200);
    let [event] = audit["data"].as_array().unwrap().as_slice() else { panic!("{audit}") };
    assert_eq!((&event["actor"]["type"], &event["reason"]), (&json!("operator"), &json!(null)));
}

#[tokio::test]
async fn a_changed_address_asks_as_well_and_the_old_deployment_stops() {
    let Some(app) = TestApp::start().await else { return };
    let (old, new) = (home("https://old.acme.test/", "here"), home("https://new.acme.test/", "here"));
    app.hub.move_in(old.clone()).await.unwrap();
    let difference = app.hub.difference(&new).await.unwrap().unwrap();
    assert!(difference.contains("was https://old.acme.test/ and is https://new.acme.test/"), "{difference}");
    app.hub.adopt(new.clone()).await.unwrap();
    assert!(!app.hub.may_refresh(), "this hub is still the old one");
    app.hub.review_adoption().await.unwrap();
    assert!(!app.hub.may_refresh());
    app.hub.move_in(new).await.unwrap();
    assert!(app.hub.may_refresh());
}

#[tokio::test]
async fn a_grant_that_is_older_than_the_providers_ends_at_its_first_refusal() {
    let Some(app) = TestApp::start().await else { return };
    app.put_fernhill().await;
    let credential = app.connect("u-17").await;
    app.hub.adopt(home("https://hub.acme.test/", "here")).await.unwrap();
    assert_eq!(app.shown(&credential).await["status"], "active", "its access token lives");
    // The original went on meanwhile: the token here is spent there.
    app.fake.withdraw(app.fake.grants()[0].id);
    app.clock.advance(TimeDelta::hours(2));
    let path = format!("/credentials/{credential}/token");
    app.as_key().get(&path).await.assert_problem(409, "credential_expired");
    assert_eq!(app.shown(&credential).await["statusReason"], "grant_refused");
}
