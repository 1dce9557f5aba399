//! The settings of an environment in the dashboard.

use serde_json::json;

use crate::support::app::TestApp;

const FORM: [(&str, &str); 9] = [
    ("allowedOrigins", "https://app.acme.test\r\n\r\nhttp://localhost:3000"),
    ("defaultReturnUrl", "https://app.acme.test/done"),
    ("reconnectUrl", ""),
    ("minimumBinding", "opener"),
    ("expiryWarningDays", "14, 3"),
    ("purgeAfterDays", ""),
    ("mailTo", "admin"),
    ("adminAddress", "ops@acme.test"),
    ("locale", "de"),
];

#[tokio::test]
async fn settings_are_saved_for_this_environment_alone() {
    let Some(app) = TestApp::start().await else { return };
    let owner = app.as_owner().await;
    let before = app.as_sandbox_key().get("/environment").await.ok(200);
    owner.post("/dashboard/production/settings", &FORM).await.leads_to("/dashboard/production/settings");
    owner.get("/dashboard/production/settings").await.page(200, "The settings are saved");
    let saved = app.as_key().get("/environment").await.ok(200);
    assert_eq!(saved["allowedOrigins"], json!(["https://app.acme.test", "http://localhost:3000"]));
    assert_eq!(saved["defaultReturnUrl"], "https://app.acme.test/done");
    assert_eq!(saved["reconnectUrl"], json!(null));
    assert_eq!(
        (saved["minimumBinding"].as_str(), saved["confirmHostedLinks"].as_bool()),
        (Some("opener"), Some(false))
    );
    assert_eq!((&saved["expiryWarningDays"], &saved["purgeAfterDays"]), (&json!([14, 3]), &json!(null)));
    assert_eq!(saved["mail"], json!({"to": "admin", "adminAddress": "ops@acme.test", "locale": "de"}));
    assert_eq!(app.as_sandbox_key().get("/environment").await.ok(200), before);
    // What the page shows is what it saves.
    owner
        .get("/dashboard/production/settings")
        .await
        .page(200, "https://app.acme.test\nhttp://localhost:3000");
    let mut form = FORM.to_vec();
    form.retain(|(name, _)| *name != "purgeAfterDays");
    form.push(("purgeAfterDays", "45"));
    owner.post("/dashboard/production/settings", &form).await.leads_to("/dashboard/production/settings");
    assert_eq!(app.as_key().get("/environment").await.ok(200)["purgeAfterDays"], 45);
    let shown = owner.get("/dashboard/production/settings").await.between("id=\"f-purgeAfterDays\"", ">");
    assert!(shown.contains("value=\"45\""), "{shown}");
}

#[tokio::test]
async fn the_audit_log_names_the_settings_that_differ_and_no_others() {
    let Some(app) = TestApp::start().await else { return };
    let owner = app.as_owner().await;
    let page = "/dashboard/production/settings";
    let reason = async || {
        let rows = app.as_key().get("/audit-events?action=environment.update").await.ok(200);
        rows["data"][0]["reason"].clone()
    };
    // The form sends all of them each time.
    let mut form = vec![
        ("allowedOrigins", "https://app.acme.test"),
        ("minimumBinding", "interstitial"),
        ("confirmHostedLinks", "on"),
        ("expiryWarningDays", "7, 1"),
        ("purgeAfterDays", "30"),
        ("mailTo", "nobody"),
    ];
    owner.post(page, &form).await.leads_to(page);
    assert_eq!(reason().await, "allowedOrigins");
    app.pass(1);
    form[2].0 = "nothing";
    form[5].1 = "user";
    owner.post(page, &form).await.leads_to(page);
    assert_eq!(reason().await, "confirmHostedLinks, mail");
    app.pass(1);
    owner.post(page, &form).await.leads_to(page);
    assert_eq!(reason().await, json!(null));
    app.pass(1);
    app.as_key()
        .patch("/environment", &json!({"theme": {"accent": "#123456"}, "purgeAfterDays": 30}))
        .await
        .ok(200);
    assert_eq!(reason().await, "theme");
}

#[tokio::test]
async fn a_mistake_stands_at_its_field_and_nothing_is_saved() {
    let Some(app) = TestApp::start().await else { return };
    let owner = app.as_owner().await;
    let before = app.as_key().get("/environment").await.ok(200);
    for (name, value, message) in [
        ("allowedOrigins", "app.acme.test", "Write an exact origin"),
        ("defaultReturnUrl", "javascript:alert(1)", "Write an https address"),
        ("expiryWarningDays", "7, soon", "Write whole numbers of days."),
        ("purgeAfterDays", "0", "Write 1 to 365 days"),
        ("minimumBinding", "none", "Choose one of these."),
        ("adminAddress", "", "Write the address that is told."),
    ] {
        let mut form = FORM.to_vec();
        form.retain(|(other, _)| *other != name);
        form.push((name, value));
        owner.post("/dashboard/production/settings", &form).await.page(400, message);
    }
    assert_eq!(app.as_key().get("/environment").await.ok(200), before);
}

#[tokio::test]
async fn an_origin_is_taken_away_once_it_was_said_what_that_means() {
    let Some(app) = TestApp::start().await else { return };
    let owner = app.as_owner().await;
    let page = "/dashboard/production/settings";
    owner.post(page, &FORM).await.leads_to(page);
    let origins = async || app.as_key().get("/environment").await.ok(200)["allowedOrigins"].clone();
    let both = json!(["https://app.acme.test", "http://localhost:3000"]);
    let mut form = FORM.to_vec();
    form[0].1 = "https://app.acme.test\r\nhttps://new.acme.test";
    let asked = owner.post(page, &form).await;
    asked.page(200, "From then on pages of http://localhost:3000 can’t show the modal.");
    asked.page(200, "https://app.acme.test\nhttps://new.acme.test");
    assert_eq!(origins().await, both, "nothing is done yet");
    form.push(("sure", "From then on pages of http://localhost:3000 can’t show the modal."));
    owner.post(page, &form).await.leads_to(page);
    assert_eq!(origins().await, json!(["https://app.acme.test", "https://new.acme.test"]));
    // Who may not is asked nothing.
    let editor = app.as_invited(&owner, "editor", "ed@acme.test").await;
    form.pop();
    form[0].1 = "";
    editor.post(page, &form).await.page(403, "Your role (editor)");
}
