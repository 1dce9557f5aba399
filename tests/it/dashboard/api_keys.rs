//! API keys in the dashboard: made and shown once, rotated, switched, revoked.

use crate::support::app::TestApp;

#[tokio::test]
async fn a_key_is_shown_once_and_works_until_it_is_revoked() {
    let Some(app) = TestApp::start().await else { return };
    let owner = app.as_owner().await;
    let form = [
        ("name", "billing <service>"),
        ("scopes", "users:read"),
        ("scopes", "users:write"),
        ("period", "P90D"),
    ];
    let shown = owner.post("/dashboard/sandbox/api-keys/new", &form).await;
    shown.page(200, "billing &lt;service&gt;");
    let value = shown.between("aria-label=\"The key\">", "</code>");
    assert!(value.starts_with("vs_sandbox_"), "{value}");
    app.with_key(&value).get("/users").await.ok(200);
    app.with_key(&value).get("/credentials").await.assert_problem(403, "scope_missing");

    let used = async || {
        let list = owner.get("/dashboard/sandbox/api-keys").await;
        let row = list.html.split_once("billing &lt;service&gt;").unwrap().1.to_owned();
        let (_, used) = row.split_once("data-label=\"Last used\">").unwrap();
        used.split_once("<span").unwrap().0.to_owned()
    };
    assert_eq!(used().await, "never");
    app.hub.flush_key_uses().await.unwrap();
    let used = used().await;
    assert!(used.contains(" title=\"2030-01-01"), "the time itself stands on what is said of it: {used}");
    let list = owner.get("/dashboard/sandbox/api-keys").await;
    list.page(200, "billing &lt;service&gt;");
    assert!(!list.html.contains(&value) && list.html.contains("users:write"));
    assert!(!owner.get("/dashboard/production/api-keys").await.html.contains("billing"));
    let (_, row) = list.html.split_once("billing &lt;service&gt;").unwrap();
    let (_, row) = row.split_once("/dashboard/sandbox/api-keys/").unwrap();
    let key = format!("/dashboard/sandbox/api-keys/{}", row.split('/').next().unwrap());

    list.page(200, &format!("href=\"{key}/deactivate\""));
    let asked = owner.get(&format!("{key}/deactivate")).await;
    asked.page(200, "Switch off “billing &lt;service&gt;” of sandbox?");
    app.with_key(&value).get("/users").await.ok(200);
    owner.post(&format!("{key}/deactivate"), &[]).await.leads_to("/dashboard/sandbox/api-keys");
    owner.get("/dashboard/sandbox/api-keys").await.page(200, "The key is switched off");
    app.with_key(&value).get("/users").await.assert_problem(401, "unauthenticated");
    owner.post(&format!("{key}/reactivate"), &[]).await.leads_to("/dashboard/sandbox/api-keys");
    app.with_key(&value).get("/users").await.ok(200);

    owner.get(&format!("{key}/rotate")).await.page(200, "works for seven days more");
    let rotated = owner.post(&format!("{key}/rotate"), &[]).await;
    let new = rotated.between("aria-label=\"The key\">", "</code>");
    app.with_key(&new).get("/users").await.ok(200);
    app.with_key(&value).get("/users").await.ok(200);

    owner.get(&format!("{key}/revoke")).await.page(200, "Revoke “billing &lt;service&gt;” of sandbox?");
    app.with_key(&new).get("/users").await.ok(200);
    owner.post(&format!("{key}/revoke"), &[]).await.leads_to("/dashboard/sandbox/api-keys");
    app.with_key(&new).get("/users").await.assert_problem(401, "unauthenticated");
    owner.post(&format!("{key}/revoke"), &[]).await.page(404, "Not found");
}

#[tokio::test]
async fn each_mistake_stands_at_its_field_and_what_was_typed_stays() {
    let Some(app) = TestApp::start().await else { return };
    let owner = app.as_owner().await;
    let fresh = owner.get("/dashboard/production/api-keys/new").await;
    fresh.page(200, "<option value=\"P90D\">90 days</option>");
    fresh.page(200, "<option value=\"\" selected>No end</option>");
    let form = [("name", ""), ("period", "soon"), ("allowedCidrs", "10.0.0.0/8\r\nnowhere")];
    let shown = owner.post("/dashboard/production/api-keys/new", &form).await;
    shown.page(400, "Write 1 to 200 characters.");
    for id in ["f-name-error", "f-period-error", "f-scopes-error", "f-allowedCidrs-error"] {
        assert!(shown.html.contains(&format!("id=\"{id}\"")), "{id}: {}", shown.html);
    }
    assert!(shown.html.contains("value=\"soon\"") && shown.html.contains("nowhere"), "{}", shown.html);
    owner.post("/dashboard/production/api-keys/new", &[("name", "a\0b")]).await.page(400, "U+0000");
}

#[tokio::test]
async fn a_list_goes_on_page_by_page() {
    let Some(app) = TestApp::start().await else { return };
    let owner = app.as_owner().await;
    let first = owner.get("/dashboard/production/api-keys?limit=1").await;
    assert!(!first.html.contains("Next page"), "there is one key");
    for name in ["a", "b"] {
        let form = [("name", name), ("scopes", "*")];
        owner.post("/dashboard/production/api-keys/new", &form).await.page(200, "is made");
    }
    let first = owner.get("/dashboard/production/api-keys?limit=2").await;
    first.page(200, "Next page");
    let next = first.between("aria-label=\"Pages\">", "</nav>");
    let next = next.split_once("href=\"").unwrap().1.split('"').next().unwrap().to_owned();
    owner.get(&next).await.page(200, "First page");
    for bad in ["?limit=0", "?limit=x", "?cursor=x", "?nonsense=1"] {
        owner.get(&format!("/dashboard/production/api-keys{bad}")).await.page(400, "That didn");
    }
}
