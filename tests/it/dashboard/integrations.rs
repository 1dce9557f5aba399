//! Integrations in the dashboard: made of rows, changed, deleted.

use serde_json::json;
use vouchsafe::demo::fake::{FERNHILL, QUILLPOST};

use crate::support::app::TestApp;

const LIST: &str = "/dashboard/production/integrations";
const NEW: &str = "/dashboard/production/new-integration";

#[tokio::test]
async fn an_editor_makes_an_integration_and_changes_it() {
    let Some(app) = TestApp::start().await else { return };
    let owner = app.as_owner().await;
    let editor = app.as_invited(&owner, "editor", "ed@acme.test").await;
    app.as_key().put("/connectors/mine", &json!({"provider": FERNHILL})).await.ok(201);
    editor.get(LIST).await.page(200, "curl -X PUT");
    app.as_key().put("/connectors/off", &json!({"provider": QUILLPOST, "enabled": false})).await.ok(201);
    let offered = editor.get(NEW).await;
    offered.page(200, "<option value=\"mine\">Fernhill</option>");
    offered.page(200, "<option value=\"off\">Quillpost (switched off)</option>");
    let form = [
        ("name", "Ask <your> CRM"),
        ("description", ""),
        ("slug", "ask"),
        ("connector-0", ""),
        ("scopes-0", ""),
        ("connector-1", "mine"),
        ("scopes-1", "items:read  items:write"),
        ("optional-1", "on"),
        ("connector-2", QUILLPOST),
    ];
    editor.post(NEW, &form).await.leads_to(LIST);
    let list = editor.get(LIST).await;
    list.page(200, "Ask &lt;your&gt; CRM");
    assert!(list.html.contains("The integration is saved"));
    let made = app.as_key().get("/integrations/ask").await.ok(200);
    assert_eq!(
        made["connectors"],
        json!([
            {"connector": "mine", "scopes": ["items:read", "items:write"], "optional": true},
            {"connector": QUILLPOST, "scopes": [], "optional": false}
        ])
    );
    editor.post(NEW, &form).await.page(400, "There is an integration of this slug");

    let page = format!("{LIST}/ask");
    editor.get(&page).await.page(200, "value=\"items:read items:write\"");
    let mut change = vec![("name", "Ask"), ("description", "Says it."), ("connector-0", QUILLPOST)];
    let asked = editor.post(&page, &change).await;
    asked.page(200, "mine is no longer part of it: users are not asked for it here");
    asked.page(200, "value=\"Ask\"");
    let there = app.as_key().get("/integrations/ask").await.ok(200);
    assert_eq!(there["connectors"].as_array().unwrap().len(), 2, "nothing is done yet");
    let sure = asked.question();
    change.push(("sure", &sure));
    editor.post(&page, &change).await.leads_to(LIST);
    let changed = app.as_key().get("/integrations/ask").await.ok(200);
    assert_eq!((&changed["name"], changed["connectors"].as_array().unwrap().len()), (&json!("Ask"), 1));

    editor.get(&format!("{page}/delete")).await.page(200, "Delete “Ask” of production?");
    editor.post(&format!("{page}/delete"), &[]).await.leads_to(LIST);
    app.as_key().get("/integrations/ask").await.assert_problem(404, "not_found");
    editor.post(&page, &change).await.page(404, "Not found");
    app.as_key().get("/integrations/ask").await.assert_problem(404, "not_found");
}

#[tokio::test]
async fn each_mistake_stands_at_its_row_and_more_rows_keep_what_was_typed() {
    let Some(app) = TestApp::start().await else { return };
    let owner = app.as_owner().await;
    let form = [
        ("name", ""),
        ("slug", "Not a slug"),
        ("connector-0", ""),
        ("connector-1", QUILLPOST),
        ("connector-2", "nothing"),
        ("connector-3", QUILLPOST),
    ];
    let refused = owner.post(NEW, &form).await;
    refused.page(400, "id=\"f-connector-2-error\"");
    for id in ["f-name-error", "f-slug-error", "f-connector-3-error"] {
        assert!(refused.html.contains(&format!("id=\"{id}\"")), "{id}");
    }
    assert!(!refused.html.contains("f-connector-1-error"));
    let mut more = form.to_vec();
    more.push(("more", "1"));
    let shown = owner.post(NEW, &more).await;
    shown.page(200, "id=\"f-connector-4\"");
    assert!(shown.html.contains("value=\"nothing\"") && !shown.html.contains("-error\""));
    owner.post(NEW, &[("name", "x"), ("slug", "x")]).await.page(400, "Name 1 to 50 connectors.");
    app.as_key().get("/integrations/x").await.assert_problem(404, "not_found");
}

#[tokio::test]
async fn an_app_is_called_by_its_name_where_that_says_which() {
    let Some(app) = TestApp::start().await else { return };
    let owner = app.as_owner().await;
    app.as_key().put("/connectors/mine", &json!({"provider": FERNHILL})).await.ok(201);
    // One is made, the other is there by itself.
    let form = [("name", "Ask"), ("slug", "ask"), ("connector-0", "fernhILL "), ("connector-1", "Quillpost")];
    owner.post(NEW, &form).await.leads_to(LIST);
    let made = app.as_key().get("/integrations/ask").await.ok(200);
    let named = |at: usize| made["connectors"][at]["connector"].as_str().unwrap().to_owned();
    assert_eq!([named(0), named(1)], ["mine", QUILLPOST]);
    owner.get(&format!("{LIST}/ask")).await.page(200, "<bdi class=\"app-name\">Fernhill</bdi>");

    // A key comes before a name, and a name that two have says nothing.
    app.as_key().put("/connectors/theirs", &json!({"provider": FERNHILL})).await.ok(201);
    let form = [("name", "Ask"), ("connector-0", "Fernhill"), ("connector-1", "theirs")];
    let refused = owner.post(&format!("{LIST}/ask"), &form).await;
    refused.page(400, "id=\"f-connector-0-error\"");
    assert!(!refused.html.contains("f-connector-1-error"));
}

#[tokio::test]
async fn a_viewer_sees_and_is_offered_nothing() {
    let Some(app) = TestApp::start().await else { return };
    let owner = app.as_owner().await;
    let viewer = app.as_invited(&owner, "viewer", "vi@acme.test").await;
    let integration = json!({"name": "Ask", "connectors": [{"connector": QUILLPOST}]});
    app.as_key().put("/integrations/ask", &integration).await.ok(201);
    assert!(!viewer.get(LIST).await.page(200, "Ask").contains(NEW));
    let page = viewer.get(&format!("{LIST}/ask")).await;
    page.page(200, "you see them");
    for absent in ["Save integration</button></div>", "Delete integration", "One more app"] {
        assert!(!page.html.contains(absent), "{absent}");
    }
    viewer.post(&format!("{LIST}/ask"), &[("name", "x")]).await.page(403, "Your role (viewer)");
}
