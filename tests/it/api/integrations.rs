//! Integrations: what a feature needs.

use serde_json::{Value, json};

use crate::support::app::TestApp;

#[tokio::test]
async fn an_integration_is_made_replaced_shown_and_removed() {
    let Some(app) = TestApp::start().await else { return };
    let key = app.as_key();
    let body = json!({"name": "Sync", "connectors": [{"connector": "quillpost"}]});
    let made = key.put("/integrations/sync", &body).await.ok(201);
    assert_eq!((&made["slug"], &made["description"]), (&json!("sync"), &Value::Null));
    assert_eq!(made["connectors"], json!([{"connector": "quillpost", "scopes": [], "optional": false}]));
    let body = json!({"name": "Sync", "description": "d", "connectors": [
        {"connector": "fern-client", "scopes": ["items:read"], "optional": true}
    ]});
    let replaced = key.put("/integrations/sync", &body).await.ok(200);
    assert_eq!((&replaced["description"], &replaced["connectors"]), (&json!("d"), &body["connectors"]));
    assert_eq!(key.get("/integrations/sync").await.ok(200), replaced);
    assert_eq!(key.get("/integrations").await.ok(200), json!({"data": [replaced], "nextCursor": null}));
    app.as_sandbox_key().get("/integrations/sync").await.assert_problem(404, "not_found");
    app.as_stranger().delete("/integrations/sync").await.assert_problem(404, "not_found");
    assert_eq!(key.delete("/integrations/sync").await.ok(200), json!({"success": true}));
    key.delete("/integrations/sync").await.assert_problem(404, "not_found");
}

#[tokio::test]
async fn every_mistake_of_an_integration_is_pointed_at() {
    let Some(app) = TestApp::start().await else { return };
    let needs = |needs: Value| json!({"name": "Sync", "connectors": needs});
    for (body, pointers) in [
        (json!({"name": "Sync"}), &["/connectors"][..]),
        (needs(json!([])), &["/connectors"]),
        (needs(json!([{"connector": "quillpost"}, {"connector": "nothing"}])), &["/connectors/1/connector"]),
        (
            needs(json!([{"connector": "quillpost"}, {"connector": "quillpost"}])),
            &["/connectors/1/connector"],
        ),
        (needs(json!([{"connector": "quillpost", "scopes": [""]}])), &["/connectors/0/scopes/0"]),
        (needs(json!([{"connector": "quillpost", "scopes": ["a", "b c"]}])), &["/connectors/0/scopes/1"]),
        (needs(json!([{"connector": "linear", "scopes": ["read,write"]}])), &["/connectors/0/scopes/0"]),
        (needs(json!([{"connector": "quillpost", "must": true}])), &["/connectors/0/must"]),
        (needs(json!([["quillpost", [], false]])), &["/connectors/0"]),
        (needs(json!([{}])), &["/connectors/0/connector"]),
        (json!({"name": "", "connectors": [{"connector": "quillpost"}]}), &["/name"]),
    ] {
        app.as_key().put("/integrations/sync", &body).await.assert_invalid(pointers);
    }
    let good = needs(json!([{"connector": "quillpost"}]));
    app.as_key().put("/integrations/-", &good).await.assert_invalid(&["/slug"]);
}
