//! Class F: the app refuses the connector's client. That is told once, of the connector, and ends no credential.

use chrono::TimeDelta;
use http::StatusCode;
use serde_json::json;
use vouchsafe::demo::fake::{Client, DEMO_CLIENT_ID, DEMO_CLIENT_SECRET, Endpoint, Fault, Plan, RefreshKind};

use crate::support::app::{Setup, TestApp};
use crate::support::crowd::Copier;
use crate::support::refreshing::standing;

#[tokio::test]
async fn a_wrong_client_is_told_once_probed_by_one_and_tried_at_once_when_it_was_changed() {
    let Some((app, model)) = TestApp::connected(Setup::of(RefreshKind::Strict).unhurried()).await else {
        return;
    };
    let members = Copier::of(&app, &model).await.here(19).await;
    let fault = Fault::oauth_error(StatusCode::UNAUTHORIZED, "invalid_client");
    app.fake.program(Plan::next(Endpoint::Refresh, fault).always());
    app.clock.advance(TimeDelta::hours(2));
    app.round().await;
    assert_eq!(app.reasons("connector.failing").await, ["invalid_client"]);
    for member in &members {
        let stands = app.standing(&member.credential).await;
        assert_eq!(stands, standing("error", "connector_rejected", "fix_connector"));
        app.read(&member.credential).await.assert_problem(503, "connector_failing");
    }
    let first = app.refreshes();
    assert!(first <= 20, "{first}");
    app.rounds(4, TimeDelta::minutes(1)).await;
    assert_eq!(app.refreshes(), first, "nobody tries in between");
    for probe in 1..=3 {
        app.rounds(5, TimeDelta::minutes(1)).await;
        assert_eq!(app.refreshes(), first + probe, "one credential tries each five minutes");
    }

    let fresh = app.connect("u-18").await;
    app.read(&fresh).await.ok(200);
    assert_eq!(app.standing(&fresh).await, standing("active", "", ""), "what works goes on working");

    app.fake.clear_faults();
    let before = app.refreshes();
    let client =
        json!({"provider": "fernhill", "clientId": DEMO_CLIENT_ID, "clientSecret": DEMO_CLIENT_SECRET});
    app.as_key().put("/connectors/fernhill", &client).await.ok(200);
    app.round().await;
    assert!(app.refreshes() > before, "a changed client is tried at once");
    app.rounds(2, TimeDelta::minutes(5)).await;
    for member in &members {
        assert_eq!(app.standing(&member.credential).await, standing("active", "", ""));
        let told = app.events(&member.credential).await;
        assert!(!told.contains(&"credential.expired".to_owned()), "{told:?}");
    }
    assert_eq!(app.reasons("connector.failing").await.len(), 1);
    assert_eq!(app.reasons("connector.recovered").await.len(), 1);
}

#[tokio::test]
async fn every_code_that_means_the_client_is_a_fault_of_the_connector() {
    let mut setup = Setup::of(RefreshKind::Strict);
    setup.definition = "\n[oauth2.error_map]\napp_suspended = \"client\"\n".to_owned();
    let Some((app, credential)) = TestApp::connected(setup).await else { return };
    let codes = [
        (401, "invalid_client"),
        (400, "invalid_client"),
        (400, "unauthorized_client"),
        (400, "unsupported_grant_type"),
        (400, "invalid_scope"),
        (403, "app_suspended"),
        (200, "app_suspended"),
    ];
    for (status, code) in codes {
        let fault = Fault::oauth_error(StatusCode::from_u16(status).unwrap(), code);
        app.fake.program(Plan::next(Endpoint::Refresh, fault));
        app.clock.advance(TimeDelta::hours(2));
        app.read(&credential).await.assert_problem(503, "connector_failing");
        let stands = app.standing(&credential).await;
        assert_eq!(stands, standing("error", "connector_rejected", "fix_connector"), "{status} {code}");
        app.clock.advance(TimeDelta::minutes(5));
        app.read(&credential).await.ok(200);
    }
    let expected: Vec<&str> = codes.iter().map(|(_, code)| *code).collect();
    assert_eq!(app.reasons("connector.failing").await, expected);
    assert_eq!(app.reasons("connector.recovered").await.len(), codes.len());
}

/// Gives a user a client of their own at Fernhill, which takes such beside that of its connector; the credential.
async fn own_client(app: &TestApp, username: &str, client: &str) -> String {
    let token_endpoint = format!("{}/oauth/token", app.fake.base_url());
    app.redefine(|text| format!("{text}\n[client_credentials]\ntoken_endpoint = \"{token_endpoint}\"\n"));
    app.user(username).await;
    app.fake.register(Client::new(client, "own-secret"));
    let data = json!({"client_id": client, "client_secret": "own-secret"});
    let method = "client_credentials";
    let body = json!({"userId": username, "connector": "fernhill", "method": method, "data": data});
    let made = app.as_key().post("/credentials", &body).await.ok(201);
    made["credentialId"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_client_of_a_users_own_is_no_fault_of_the_connector_nor_the_connectors_client_of_theirs() {
    let Some((app, by_consent)) = TestApp::connected(Setup::of(RefreshKind::Strict)).await else { return };
    let own = [own_client(&app, "u-18", "own-18").await, own_client(&app, "u-19", "own-19").await];
    // Its owner makes a new secret at the app.
    app.fake.register(Client::new("own-18", "another-secret"));
    app.clock.advance(TimeDelta::hours(2));
    app.round().await;
    let lost = standing("expired", "grant_refused", "reconnect");
    assert_eq!(app.standing(&own[0]).await, lost, "nothing rotates, so nothing is to be confirmed");
    for other in [&by_consent, &own[1]] {
        assert_eq!(app.standing(other).await, standing("active", "", ""));
    }
    assert_eq!(app.reasons("credential.expired").await, ["grant_refused"]);
    assert!(app.reasons("connector.failing").await.is_empty());

    app.fake.program(
        Plan::next(Endpoint::Refresh, Fault::oauth_error(StatusCode::UNAUTHORIZED, "invalid_client"))
            .always(),
    );
    app.rounds(10, TimeDelta::minutes(15)).await;
    assert_eq!(app.standing(&by_consent).await, standing("error", "connector_rejected", "fix_connector"));
    assert_eq!(app.standing(&own[1]).await, standing("active", "", ""));
    assert_eq!(app.reasons("connector.failing").await.len(), 1);
    assert!(app.reasons("connector.recovered").await.is_empty(), "the tokens of others say nothing of it");
}

#[tokio::test]
async fn a_client_of_a_users_own_works_beside_a_connector_whose_client_is_refused() {
    let Some((app, first)) = TestApp::connected(Setup::of(RefreshKind::Strict)).await else { return };
    let second = app.connect("u-18").await;
    let own = own_client(&app, "u-19", "own-19").await;
    let fault = Fault::oauth_error(StatusCode::UNAUTHORIZED, "invalid_client");
    app.fake.program(Plan::next(Endpoint::Refresh, fault).always());
    app.clock.advance(TimeDelta::minutes(50));
    app.round().await;
    assert_eq!(app.reasons("connector.failing").await, ["invalid_client"]);

    // Nobody asks for a token, nor renews one.
    app.clock.advance(TimeDelta::hours(2));
    let rejected = standing("error", "connector_rejected", "fix_connector");
    for credential in [&first, &second] {
        assert_eq!(app.standing(credential).await, rejected);
    }
    assert_eq!(app.standing(&own).await, standing("active", "refreshing", ""));
    app.sweep().await;
    assert_eq!(app.reasons("credential.failing").await, ["connector_rejected"; 2]);
    let with_status = async |status: &str| {
        let page = app.as_key().get(&format!("/credentials?status={status}")).await.ok(200);
        let listed = page["data"].as_array().unwrap().iter();
        listed.map(|one| one["credentialId"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(with_status("active").await, std::slice::from_ref(&own));
    assert_eq!(with_status("error").await, [second.clone(), first.clone()]);

    // One has just tried for all of the connector; what does not use its client waits for none of them.
    app.read(&first).await.assert_problem(503, "connector_failing");
    let before = app.fake.counters();
    app.round().await;
    let after = app.fake.counters();
    assert_eq!(after.refreshes, before.refreshes);
    assert_eq!(after.client_credentials, before.client_credentials + 1);
    assert_eq!(app.standing(&own).await, standing("active", "", ""));
    assert_eq!(app.standing(&second).await, rejected);
    app.read(&own).await.ok(200);
    assert_eq!(app.events(&own).await, ["credential.created"]);
}
