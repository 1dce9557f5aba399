//! Events and audit events: what happened, and who did it.

use serde_json::{Value, json};
use vouchsafe::service::Hub;
use vouchsafe_entity::kind::WorkspaceState;

use crate::support::app::TestApp;
use crate::support::database::CIPHERTEXT;
use crate::support::receiver::Receiver;

#[tokio::test]
async fn a_change_of_a_credential_is_told_once() {
    let Some(app) = TestApp::start().await else { return };
    let body = json!({"username": "u", "email": "jo@acme.test"});
    let user = app.as_key().post("/users", &body).await.ok(201);
    let credential = app.credential("u").await;
    let id = credential["credentialId"].as_str().unwrap();
    app.clock.advance(chrono::TimeDelta::seconds(1));
    app.as_key().act(&format!("/credentials/{id}/revoke")).await.ok(200);
    let page = app.as_key().get("/events").await.ok(200);
    let events = page["data"].as_array().unwrap();
    let kinds: Vec<_> = events.iter().map(|event| event["type"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["credential.revoked", "credential.created"]);
    let first = &events[1];
    for (name, value) in [
        ("timestamp", json!("2030-01-01T00:00:00.000Z")),
        ("environment", json!("production")),
        ("userId", user["userId"].clone()),
        ("userEmail", json!("jo@acme.test")),
        ("credentialId", json!(id)),
        ("credentialName", credential["name"].clone()),
        ("connector", json!("quillpost")),
        ("provider", json!("quillpost")),
        ("reason", Value::Null),
        ("reconnectUrl", Value::Null),
    ] {
        assert_eq!(first[name], value, "{name} of {first}");
    }
    let count = |query: String| {
        let caller = app.as_key();
        async move { caller.get(&format!("/events?{query}")).await.ok(200)["data"].as_array().unwrap().len() }
    };
    assert_eq!(count("type=credential.revoked".into()).await, 1);
    assert_eq!(count(format!("credentialId={id}&type=credential.expired")).await, 0);
    assert_eq!(count("limit=1".into()).await, 1);
    app.as_key().get("/events?type=credential.lost").await.assert_invalid(&["/type"]);
    app.as_key().get("/events?credentialId=user_1").await.assert_invalid(&["/credentialId"]);
    assert_eq!(app.as_sandbox_key().get("/events").await.ok(200)["data"], json!([]));
}

#[tokio::test]
async fn an_event_that_does_not_open_holds_up_no_other() {
    let Some(app) = TestApp::start().await else { return };
    let receiver = Receiver::start().await;
    app.endpoint(&receiver).await;
    app.user("u").await;
    let id = app.credential("u").await["credentialId"].as_str().unwrap().to_owned();
    app.credential("u").await;
    let events = app.all_events().await;
    let (damaged, whole) = (&events[0], &events[1]);
    app.turn(&format!("event WHERE id = '{}'", damaged["id"].as_str().unwrap()), CIPHERTEXT).await;

    let told = app.all_events().await;
    assert_eq!(told[1], *whole);
    for name in ["id", "type", "timestamp", "environment", "credentialId"] {
        assert_eq!(told[0][name], damaged[name], "{name}");
    }
    assert_eq!((&told[0]["credentialId"], &told[0]["userId"]), (&json!(id), &Value::Null));
    let owner = app.as_owner().await;
    owner.get("/dashboard/production/events").await.page(200, &id);

    assert_eq!(app.deliver().await, 2);
    assert_eq!(receiver.take().len(), 1);
    assert_eq!(app.deliveries(whole).await[0]["status"], "succeeded");
    let failed = &app.deliveries(damaged).await[0];
    let error = json!("the hub could not open or sign the event");
    assert_eq!((&failed["status"], &failed["error"]), (&json!("failed"), &error));
    app.pass(61);
    assert_eq!(app.deliver().await, 1, "by the schedule, as any that failed");
    let failing = &app.rows("SELECT failing_since FROM webhook_endpoint").await[0];
    let since: Option<i64> = failing.try_get("", "failing_since").unwrap();
    assert_eq!(since, None, "which is nothing that the endpoint did");
    app.pass(61);
    assert_eq!(app.deliver().await, 0, "and not each minute");
}

#[tokio::test]
async fn every_change_and_every_revealed_value_is_audited() {
    let Some(app) = TestApp::start().await else { return };
    app.user("u").await;
    let id = app.credential("u").await["credentialId"].as_str().unwrap().to_owned();
    let caller = app.as_key().header("x-forwarded-for", "198.51.100.7").header("x-request-id", "trace-me");
    caller.get(&format!("/credentials/{id}/token")).await.ok(200);
    let page = app.as_key().get("/audit-events?action=credential.token").await.ok(200);
    let event = &page["data"][0];
    assert!(event["auditEventId"].as_str().unwrap().starts_with("audit_"));
    assert_eq!(event["actor"]["type"], "api_key");
    assert!(event["actor"]["id"].as_str().unwrap().starts_with("apikey_"));
    assert_eq!(event["target"], json!({"type": "credential", "id": id}));
    assert_eq!(
        (&event["result"], &event["requestId"], &event["address"], &event["reason"]),
        (&json!("ok"), &json!("trace-me"), &json!("198.51.100.7"), &Value::Null)
    );
    let about = app.as_key().get(&format!("/audit-events?target={id}")).await.ok(200);
    let actions: Vec<_> = about["data"].as_array().unwrap().iter().map(|e| e["action"].clone()).collect();
    assert_eq!(actions.len(), 2, "{actions:?}");
    let all = app.as_key().get("/audit-events").await.ok(200);
    let actions: Vec<_> = all["data"].as_array().unwrap().iter().map(|e| e["action"].clone()).collect();
    for action in ["user.create", "credential.create", "credential.token"] {
        assert!(actions.contains(&json!(action)), "{action} of {actions:?}");
    }
    app.as_key().get("/audit-events?actor=x").await.assert_invalid(&["/actor"]);
    let elsewhere = app.as_sandbox_key().get(&format!("/audit-events?target={id}")).await.ok(200);
    assert_eq!(elsewhere["data"], json!([]));
}

#[tokio::test]
async fn a_token_that_is_refused_is_audited_with_the_reason() {
    let Some(app) = TestApp::start().await else { return };
    app.user("u").await;
    let id = app.credential("u").await["credentialId"].as_str().unwrap().to_owned();
    app.as_key().patch(&format!("/credentials/{id}"), &json!({"active": false})).await.ok(200);
    for path in [format!("/credentials/{id}/token"), "/users/u/connectors/quillpost/token".to_owned()] {
        app.as_key().get(&path).await.assert_problem(409, "credential_inactive");
    }
    let page = app.as_key().get(&format!("/audit-events?action=credential.token&target={id}")).await.ok(200);
    let rows: Vec<_> =
        page["data"].as_array().unwrap().iter().map(|row| (&row["result"], &row["reason"])).collect();
    let refused = (&json!("refused"), &json!("credential_inactive"));
    assert_eq!(rows, [refused, refused]);
}

#[tokio::test]
async fn what_a_key_or_a_workspace_may_not_do_is_audited() {
    let Some(app) = TestApp::start().await else { return };
    let reader = app.with_scopes(&["users:read"]).await;
    reader.post("/users", &json!({"username": "u"})).await.assert_problem(403, "scope_missing");
    let denied = app.as_key().get("/audit-events?action=request.denied").await.ok(200);
    let event = &denied["data"][0];
    assert_eq!(
        (&event["target"], &event["result"], &event["reason"]),
        (&json!({"type": "scope", "id": "users:write"}), &json!("refused"), &json!("scope_missing"))
    );
    assert_eq!(event["actor"]["type"], "api_key");

    app.set_state(WorkspaceState::Suspended).await;
    let body = json!({"provider": "quillpost"});
    let refused = app.as_key().put("/connectors/quillpost", &body).await;
    let refused = refused.assert_problem(403, "subscription_required");
    let denied = app.as_key().get("/audit-events?action=request.denied").await.ok(200);
    assert_eq!(denied["data"].as_array().unwrap().len(), 2, "{denied}");
    let event = &denied["data"][0];
    assert_eq!((&event["target"]["type"], &event["reason"]), (&json!("workspace"), &refused["code"]));
    assert_eq!(event["requestId"], refused["requestId"]);
}

#[tokio::test]
async fn another_definition_of_a_provider_is_told_once_and_to_everybody() {
    let Some(app) = TestApp::start().await else { return };
    let told = async |action: &str| {
        let found = app.as_key().get(&format!("/audit-events?action=provider.{action}")).await.ok(200);
        found["data"].as_array().unwrap().clone()
    };
    app.hub.note_definitions().await.unwrap();
    assert!(told("add").await.is_empty(), "there was nothing to compare with");

    app.redefine(|text| text.replace("name = \"", "name = \"New "));
    for _ in 0..2 {
        app.hub.note_definitions().await.unwrap();
    }
    let again = Hub::new(app.parts().await);
    again.note_definitions().await.unwrap();
    let changes = told("change").await;
    assert_eq!(changes.len(), 1, "a restart does not repeat it: {changes:?}");
    assert_eq!(changes[0]["target"], json!({"type": "provider", "id": "fernhill"}));
    assert_eq!(changes[0]["actor"], json!({"type": "hub", "id": null}));
    let (before, after) = changes[0]["reason"].as_str().unwrap().split_once(" to ").unwrap();
    assert!(before.len() == 64 && after.len() == 64 && before != after, "{before} {after}");
    let elsewhere = app.as_stranger().get("/audit-events?target=fernhill").await.ok(200);
    assert_eq!(elsewhere["data"].as_array().unwrap().len(), 1, "it concerns every workspace");

    std::fs::remove_file(app.folder().join("providers/fern-basic.toml")).unwrap();
    app.redefine(|text| text.replace("name = \"", "name = \"New "));
    app.hub.note_definitions().await.unwrap();
    assert_eq!(told("remove").await[0]["target"]["id"], "fern-basic");
    assert_eq!(told("change").await.len(), 1);
}

#[tokio::test]
async fn audit_events_of_hub_and_environment_are_one_list() {
    let Some(app) = TestApp::start().await else { return };
    app.hub.note_definitions().await.unwrap();
    for round in 0..3 {
        app.user(&format!("u-{round}")).await;
        app.redefine(|text| text.replace("name = \"", &format!("name = \"{round} ")));
        app.hub.note_definitions().await.unwrap();
    }
    let mut seen = Vec::new();
    let mut path = "/audit-events?limit=2".to_owned();
    loop {
        let page = app.as_key().get(&path).await.ok(200);
        seen.extend(page["data"].as_array().unwrap().iter().map(|event| event["action"].clone()));
        let Some(cursor) = page["nextCursor"].as_str() else { break };
        path = format!("/audit-events?limit=2&cursor={cursor}");
    }
    let told = ["provider.change", "user.create"].repeat(3);
    assert_eq!(seen[..6], told.iter().map(|action| json!(action)).collect::<Vec<_>>()[..], "{seen:?}");
}
