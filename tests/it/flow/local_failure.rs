//! What fails in the hub while somebody connects is not blamed on the app: to the user, the back end and the operator.

use serde_json::json;
use vouchsafe::demo::fake::{DEMO_CLIENT_ID, DEMO_CLIENT_SECRET, FERNHILL};

use crate::api::secrets::{masked, with};
use crate::support::app::TestApp;
use crate::support::database::CIPHERTEXT;
use crate::support::modal::{Modal, Popup};
use crate::support::raw_server::{RawServer, Reply};
use crate::support::refreshing::Alerts;

const OURS: &str = "Something went wrong on our side";
const UNAVAILABLE: &str = "be connected at the moment";

/// A popup that stands at the app's consent page, and its modal.
async fn consenting(app: &TestApp) -> (Modal<'_>, Popup) {
    app.put_fernhill().await;
    let modal = app.modal(&json!({"userId": "u-17", "connectors": ["fernhill"]})).await;
    let popup = modal.popup("fernhill").await;
    (modal, popup)
}

/// Comes back from the app; everybody hears of `code`, the user in `words`.
async fn fails(
    app: &TestApp,
    (modal, popup): (&Modal<'_>, &Popup),
    (status, code, words): (u16, &str, &str),
) {
    let back = popup.decide(app, "allow", "jo@acme.test").await;
    let (answered, page) = app.callback(&back, &popup.cookie).await;
    assert_eq!(answered, status, "{page}");
    assert!(page.contains(code) && page.contains(words), "{page}");
    let result = modal.result("fernhill").await;
    assert_eq!((&result["status"], &result["error"]), (&json!("failed"), &json!(code)));
    let framed = modal.page("?connector=fernhill&result=1").await;
    assert!(framed.contains(code) && framed.contains(words), "{framed}");
    let attempts = app.rows("SELECT outcome, error FROM connect_attempt").await;
    let read = |name| attempts[0].try_get::<String>("", name).unwrap();
    assert_eq!((read("outcome").as_str(), read("error").as_str()), ("failed", code));
    let audit = app.as_key().get("/audit-events?action=connect.failed").await.ok(200);
    assert_eq!(audit["data"][0]["reason"], format!("fernhill: {code}"));
}

#[tokio::test]
async fn a_flow_that_the_vault_can_not_open_ends_as_our_failure() {
    let Some(app) = TestApp::start().await else { return };
    let (modal, popup) = consenting(&app).await;
    app.turn(&format!("flow WHERE id = '{}'", popup.flow), CIPHERTEXT).await;
    fails(&app, (&modal, &popup), (500, "key_unavailable", OURS)).await;
    assert_eq!(app.fake.counters().token_requests, 0, "the code is not redeemed");
}

#[tokio::test]
async fn a_database_that_fails_ends_a_flow_as_our_failure() {
    let Some(app) = TestApp::start().await else { return };
    let (modal, popup) = consenting(&app).await;
    let alerts = Alerts::listen();
    app.rows("ALTER TABLE event RENAME TO elsewhere").await;
    fails(&app, (&modal, &popup), (500, "internal_error", OURS)).await;
    assert_eq!(alerts.count("a sign-in failed inside the hub"), 1, "and the operator finds why");
}

#[tokio::test]
async fn a_client_secret_that_can_not_be_used_is_the_host_apps_to_mend() {
    let Some(app) = TestApp::start().await else { return };
    app.secret(&with(masked("FERN"), "value", json!(DEMO_CLIENT_SECRET))).await;
    let (modal, popup) = consenting(&app).await;
    let reference = json!({
        "provider": FERNHILL, "clientId": DEMO_CLIENT_ID, "clientSecret": "$Secret{FERN}",
    });
    app.as_key().put("/connectors/fernhill", &reference).await.ok(200);
    app.as_key().act("/secrets/FERN/deactivate").await.ok(200);
    fails(&app, (&modal, &popup), (200, "secret_inactive", UNAVAILABLE)).await;
    assert_eq!(app.fake.counters().token_requests, 0, "the code is not redeemed");
}

#[tokio::test]
async fn an_address_that_the_hub_does_not_call_is_the_host_apps_to_mend() {
    let Some(app) = TestApp::start().await else { return };
    app.ask_for_tokens_at("https://10.0.0.1/token");
    let (modal, popup) = consenting(&app).await;
    fails(&app, (&modal, &popup), (200, "host_not_allowed", UNAVAILABLE)).await;
}

#[tokio::test]
async fn a_flow_whose_definition_changed_meanwhile_ends_and_its_code_goes_nowhere() {
    let Some(app) = TestApp::start().await else { return };
    let (modal, popup) = consenting(&app).await;
    let elsewhere = RawServer::start(|_| Reply::whole("200 OK", "{}")).await;
    app.ask_for_tokens_at(&elsewhere.base_url);
    fails(&app, (&modal, &popup), (200, "provider_changed", "Try again")).await;
    assert_eq!(app.fake.counters().token_requests, 0, "not to where it began");
    assert_eq!(elsewhere.requests().len(), 0, "nor to where it would go now");

    // A flow that has not gone on yet ends before anybody is asked to sign in.
    let modal = app.modal(&json!({"userId": "u-18", "connectors": ["fernhill"]})).await;
    let ticket = modal.ticket("fernhill").await;
    let (flow, cookie) = app.begin(ticket["startUrl"].as_str().unwrap()).await;
    app.redefine(|text| text);
    assert_eq!(app.go_on(&flow, &cookie).await.status(), 400);
    assert_eq!(modal.result("fernhill").await["error"], "provider_changed");
    let popup = modal.popup("fernhill").await;
    // What is said beside the addresses may change meanwhile, as from one release to the next.
    app.redefine(|text| format!("# Fernhill\n{text}"));
    popup.allow(&app, "jo@acme.test").await;
    assert_eq!(modal.result("fernhill").await["status"], "completed");
}
