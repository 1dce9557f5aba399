//! Keys typed in the modal: tested before they are kept, never shown again.

use std::time::Duration;

use serde_json::json;
use vouchsafe::demo::fake::{Endpoint, Fault, Plan, RESTRICTED_KEY, VALID_KEY};

use crate::support::app::TestApp;

#[tokio::test]
async fn a_wrong_key_is_refused_in_place_and_a_right_one_connects() {
    let Some(app) = TestApp::start().await else { return };
    let modal = app.modal(&json!({"userId": "u-17", "connectors": ["quillpost"]})).await;
    assert!(modal.page("").await.contains("data-vs-page=\"key\""));
    let wrong = modal.submit("quillpost", "api_key", json!({"key": "fake_live_0000000000000000x!"})).await;
    assert!(wrong.contains("data-vs-page=\"key\"") && !wrong.contains("fake_live_0000"), "{wrong}");
    assert_eq!(app.as_key().get("/users/u-17/credentials").await.ok(200)["data"], json!([]));

    let done = modal.submit("quillpost", "api_key", json!({"key": format!(" {VALID_KEY}\n")})).await;
    assert!(done.contains("data-vs-page=\"done\"") && !done.contains(VALID_KEY), "{done}");
    let credential = modal.result("quillpost").await["credentialId"].as_str().unwrap().to_owned();
    assert_eq!(app.token(&credential).await["fields"], json!({"key": VALID_KEY}));
}

#[tokio::test]
async fn a_key_that_may_not_do_everything_is_kept_with_a_note() {
    let Some(app) = TestApp::start().await else { return };
    let modal = app.modal(&json!({"userId": "u-17", "connectors": ["quillpost"]})).await;
    let done = modal.submit("quillpost", "api_key", json!({"key": RESTRICTED_KEY})).await;
    assert!(done.contains("data-vs-page=\"done\""), "{done}");
    assert_eq!(modal.result("quillpost").await["status"], "completed");
}

#[tokio::test]
async fn one_integration_connects_two_apps_and_reuses_what_is_there() {
    let Some(app) = TestApp::start().await else { return };
    app.put_fernhill().await;
    let body =
        json!({"name": "Orders", "connectors": [{"connector": "fernhill"}, {"connector": "quillpost"}]});
    app.as_key().put("/integrations/orders", &body).await.ok(201);
    let fernhill = app.connect("u-17").await;
    let modal = app.modal(&json!({"userId": "u-17", "integration": "orders"})).await;
    let page = modal.page("").await;
    assert!(page.contains("data-vs-page=\"choose\"") && page.contains("jo@acme.test"), "{page}");
    assert_eq!(modal.result("fernhill").await["credentialId"], fernhill.as_str());
    modal.submit("quillpost", "api_key", json!({"key": VALID_KEY})).await;
    assert_eq!(modal.state().await["status"], "completed");
}

#[tokio::test]
async fn a_host_page_narrows_what_the_session_allows_and_never_widens_it() {
    let Some(app) = TestApp::start().await else { return };
    app.put_fernhill().await;
    let only = |connector: &str| json!({"name": "Only this", "connectors": [{"connector": connector}]});
    app.as_key().put("/integrations/only-fernhill", &only("fernhill")).await.ok(201);
    app.as_key().put("/integrations/only-quillpost", &only("quillpost")).await.ok(201);
    let modal = app.modal(&json!({"userId": "u-17", "connectors": ["fernhill", "quillpost"]})).await;
    assert!(modal.page("").await.contains("data-vs-page=\"choose\""));
    for query in ["?integration=only-fernhill", "?connectors=fernhill"] {
        let page = modal.page(query).await;
        assert!(page.contains("data-vs-page=\"sign-in\"") && !page.contains("quillpost"), "{query}: {page}");
    }
    let body = json!({"connector": "quillpost", "method": "api_key", "data": {"key": VALID_KEY}});
    let sent = app.client.post(format!("{}/connect/credentials?integration=only-quillpost", app.base_url));
    let done = sent.bearer_auth(&modal.token).json(&body).send().await.unwrap().text().await.unwrap();
    assert!(done.contains("data-vs-page=\"done\"") && !done.contains("fernhill"), "{done}");

    let one = app.modal(&json!({"userId": "u-18", "connectors": ["fernhill"]})).await;
    for (query, pointer) in [
        ("integration=only-quillpost", "/integration"),
        ("integration=nothing", "/integration"),
        ("connectors=quillpost", "/connectors"),
    ] {
        let asked = app.client.get(format!("{}/connect/page?{query}", app.base_url));
        let refused = asked.bearer_auth(&one.token).send().await.unwrap();
        assert_eq!(refused.status(), 400, "{query}");
        let told: serde_json::Value = refused.json().await.unwrap();
        assert_eq!(told["errors"][0]["pointer"], pointer, "{query}: {told}");
    }
}

#[tokio::test]
async fn a_key_that_is_stored_in_the_end_is_not_said_to_have_failed_before() {
    let limit = Duration::from_millis(500);
    let Some(app) = TestApp::start_with(|state| state.handler_timeout = limit).await else {
        return;
    };
    let modal = app.modal(&json!({"userId": "u-17", "connectors": ["quillpost"]})).await;
    app.fake.program(Plan::next(Endpoint::Api, Fault::delay_after(800)));
    let done = modal.submit("quillpost", "api_key", json!({"key": VALID_KEY})).await;
    assert!(done.contains("data-vs-page=\"done\""), "{done}");
    assert_eq!(modal.result("quillpost").await["status"], "completed");
}
