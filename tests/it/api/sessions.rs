//! Connect sessions as the embedder's back end handles them: made, looked at, ended, confirmed.

use chrono::TimeDelta;
use serde_json::{Value, json};
use vouchsafe_entity::kind::WorkspaceState;

use crate::support::app::TestApp;
use crate::support::http::assert_pointers;

#[tokio::test]
async fn a_session_is_made_for_a_user_who_may_be_new() {
    let Some(app) = TestApp::start().await else { return };
    let key = app.as_key();
    let made =
        key.post("/connect/sessions", &json!({"userId": "new", "connectors": ["quillpost"]})).await.ok(201);
    let id = made["sessionId"].as_str().unwrap();
    assert!(id.starts_with("cs_"), "{made}");
    let secret = made["token"].as_str().unwrap().strip_prefix(&format!("{id}.")).unwrap();
    assert!(secret.len() >= 43, "256 bit");
    assert_eq!(made["expiresAt"], "2030-01-01T00:30:00.000Z");
    assert_eq!(key.get("/users/new").await.ok(200)["username"], "new");
    let shown = key.get(&format!("/connect/sessions/{id}")).await.ok(200);
    assert_eq!(
        shown,
        json!({"sessionId": id, "status": "open", "results": [], "expiresAt": "2030-01-01T00:30:00.000Z"})
    );
    assert!(!shown.to_string().contains(secret));

    let user = json!({"username": "jo", "fullName": "Jo", "email": "jo@acme.test"});
    let body = json!({"user": user, "connectors": ["quillpost"], "expiresIn": 60});
    let made = key.post("/connect/sessions", &body).await.ok(201);
    assert_eq!(made["expiresAt"], "2030-01-01T00:01:00.000Z");
    assert_eq!(key.get("/users/jo").await.ok(200)["email"], "jo@acme.test");
}

#[tokio::test]
async fn a_session_that_finds_everything_connected_is_done() {
    let Some(app) = TestApp::start().await else { return };
    app.user("u").await;
    let credential = app.credential("u").await;
    let made =
        app.as_key().post("/connect/sessions", &json!({"userId": "u", "connectors": ["quillpost"]})).await;
    let path = format!("/connect/sessions/{}", made.ok(201)["sessionId"].as_str().unwrap());
    let shown = app.as_key().get(&path).await.ok(200);
    assert_eq!(shown["status"], "completed");
    let result = &shown["results"][0];
    assert_eq!(
        (&result["connector"], &result["credentialId"]),
        (&json!("quillpost"), &credential["credentialId"])
    );
}

#[tokio::test]
async fn a_session_ends_by_time_or_by_wish() {
    let Some(app) = TestApp::start().await else { return };
    let key = app.as_key();
    let body = json!({"userId": "u", "connectors": ["quillpost"], "expiresIn": 60});
    let made = key.post("/connect/sessions", &body).await.ok(201);
    let cancelled = format!("/connect/sessions/{}", made["sessionId"].as_str().unwrap());
    assert_eq!(key.delete(&cancelled).await.ok(200), json!({"success": true}));
    assert_eq!(key.get(&cancelled).await.ok(200)["status"], "cancelled");
    let made = key.post("/connect/sessions", &body).await.ok(201);
    let expired = format!("/connect/sessions/{}", made["sessionId"].as_str().unwrap());
    app.clock.advance(TimeDelta::seconds(61));
    assert_eq!(key.get(&expired).await.ok(200)["status"], "expired");
    let guess = json!({"userId": "u", "confirmationCode": "guess"});
    key.post(&format!("{expired}/confirm"), &guess).await.assert_problem(400, "confirmation_refused");
    let nobody = json!({"userId": "nobody", "confirmationCode": "guess"});
    key.post(&format!("{expired}/confirm"), &nobody).await.assert_problem(400, "confirmation_refused");
    key.post(&format!("{expired}/confirm"), &json!({"userId": "u"}))
        .await
        .assert_invalid(&["/confirmationCode"]);
}

#[tokio::test]
async fn every_mistake_of_a_session_is_pointed_at() {
    let Some(app) = TestApp::start().await else { return };
    app.user("v").await;
    let other = app.credential("v").await["credentialId"].clone();
    let session = |members: Value| {
        let mut body = json!({"userId": "u", "connectors": ["quillpost"]});
        for (name, value) in members.as_object().unwrap() {
            body[name] = value.clone();
        }
        body
    };
    for (body, pointers) in [
        (json!({}), &["/userId"][..]),
        (session(json!({"userId": ".."})), &["/userId"]),
        (session(json!({"user": {"username": "w"}})), &["/user"]),
        (json!({"user": {"username": ""}, "connectors": ["quillpost"]}), &["/user/username"]),
        (json!({"user": ["w"], "connectors": ["quillpost"]}), &["/user"]),
        (session(json!({"connectors": []})), &["/connectors"]),
        (session(json!({"connectors": ["quillpost", "nothing"]})), &["/connectors/1"]),
        (json!({"userId": "u", "integration": "nothing"}), &["/integration"]),
        (session(json!({"integration": "sync"})), &["/connectors"]),
        (session(json!({"allowedOrigins": ["https://a.test/path"]})), &["/allowedOrigins/0"]),
        (session(json!({"returnUrl": "https://a.test/back"})), &["/returnUrl"]),
        (session(json!({"credentialId": "x"})), &["/credentialId"]),
        (session(json!({"credentialId": other})), &["/credentialId"]),
        (session(json!({"expiresIn": 59})), &["/expiresIn"]),
        (session(json!({"expiresIn": 3601})), &["/expiresIn"]),
        (session(json!({"confirm": "later"})), &["/confirm"]),
        (session(json!({"theme": []})), &["/theme"]),
        (session(json!({"token": "x"})), &["/token"]),
    ] {
        app.as_key().post("/connect/sessions", &body).await.assert_invalid(pointers);
    }
    app.as_key().get("/users/u").await.assert_problem(404, "not_found");
}

#[tokio::test]
async fn a_connector_without_its_client_is_told_to_the_back_end_and_not_to_the_user() {
    let Some(app) = TestApp::start().await else { return };
    app.as_key().put("/connectors/fernhill", &json!({"provider": "fernhill"})).await.ok(201);
    let body = json!({"userId": "u", "connectors": ["quillpost", "fernhill"]});
    let problem =
        app.as_key().post("/connect/sessions", &body).await.assert_problem(400, "connector_incomplete");
    assert_pointers(&problem, &["/connectors/1"]);
}

#[tokio::test]
async fn an_optional_connector_that_is_not_ready_keeps_no_other_from_being_connected() {
    let Some(app) = TestApp::start().await else { return };
    let key = app.as_key();
    // No client settings.
    key.put("/connectors/fernhill", &json!({"provider": "fernhill"})).await.ok(201);
    let optional = json!({"connector": "fernhill", "optional": true});
    let both = json!({"name": "Orders", "connectors": [{"connector": "quillpost"}, optional]});
    key.put("/integrations/orders", &both).await.ok(201);
    let modal = app.modal(&json!({"userId": "u", "integration": "orders"})).await;
    let page = modal.page("").await;
    assert!(page.contains("Quillpost") && !page.contains("Fernhill"), "{page}");

    key.put("/integrations/orders", &json!({"name": "Orders", "connectors": [optional]})).await.ok(200);
    let body = json!({"userId": "u", "integration": "orders"});
    let problem = key.post("/connect/sessions", &body).await.assert_problem(400, "connector_incomplete");
    assert_pointers(&problem, &["/integration"]);
}

#[tokio::test]
async fn an_integration_whose_connector_is_gone_says_which_one() {
    let Some(app) = TestApp::start().await else { return };
    let key = app.as_key();
    key.put("/connectors/second", &json!({"provider": "quillpost"})).await.ok(201);
    let needs =
        json!({"name": "Orders", "connectors": [{"connector": "quillpost"}, {"connector": "second"}]});
    key.put("/integrations/orders", &needs).await.ok(201);
    key.delete("/connectors/second").await.ok(200);
    let body = json!({"userId": "u", "integration": "orders"});
    let problem = key.post("/connect/sessions", &body).await.assert_invalid(&["/integration"]);
    let message = problem["errors"][0]["message"].as_str().unwrap();
    assert!(message.contains("`second`"), "{message}");
}

#[tokio::test]
async fn a_suspended_workspace_makes_no_session() {
    let Some(app) = TestApp::start().await else { return };
    app.set_state(WorkspaceState::Suspended).await;
    let body = json!({"userId": "u", "connectors": ["quillpost"]});
    app.as_key().post("/connect/sessions", &body).await.assert_problem(403, "subscription_required");
}

#[tokio::test]
async fn the_user_of_a_session_has_a_name_and_an_address_and_no_more() {
    let Some(app) = TestApp::start().await else { return };
    for (name, value) in [("organization", json!("Acme")), ("tags", json!(["a"])), ("userId", json!("u"))] {
        let mut user = json!({"username": "jo"});
        user[name] = value;
        let refused = app.as_key().post("/connect/sessions", &json!({"user": user})).await;
        refused.assert_invalid(&[&format!("/user/{name}")]);
    }
    app.as_key().get("/users/jo").await.assert_problem(404, "not_found");
}
