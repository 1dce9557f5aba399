//! The look of the modal: set in the dashboard, shown before it is saved, and used by the pages that users see.

use serde_json::json;
use vouchsafe::demo::fake::QUILLPOST;

use crate::support::app::TestApp;

const THEME: &str = "/dashboard/production/theme";
const LOGO: &str = "data:image/png;base64,iVBORw0KGgo=";

#[tokio::test]
async fn an_editor_sets_the_look_and_users_see_it() {
    let Some(app) = TestApp::start().await else { return };
    let owner = app.as_owner().await;
    let editor = app.as_invited(&owner, "editor", "ed@acme.test").await;
    app.as_key().patch("/environment", &json!({"theme": {"tone": "ours", "accent": "#fff"}})).await.ok(200);
    let form = [
        ("appName", "Acme <Shop>"),
        ("accent", "#ff7a59"),
        ("radius", "4"),
        ("font", "serif"),
        ("logo", LOGO),
        ("unbranded", "true"),
    ];
    editor.post(THEME, &form).await.leads_to(THEME);
    editor.get(THEME).await.page(200, "The look of the modal is saved");
    let kept = app.as_key().get("/environment").await.ok(200)["theme"].clone();
    let wanted = json!({
        "tone": "ours", "appName": "Acme <Shop>", "accent": "#ff7a59", "radius": 4, "font": "serif", "logo": LOGO,
        "unbranded": true
    });
    assert_eq!(kept, wanted);

    app.user("u").await;
    let session =
        json!({"userId": "u", "connectors": [QUILLPOST], "allowedOrigins": ["https://app.acme.test"]});
    let made = app.as_key().post("/connect/sessions", &session).await.ok(201);
    let frame = format!("/connect?session={}", made["sessionId"].as_str().unwrap());
    let nobody = crate::support::browser::Browser::new(&app, "u@acme.test");
    let shown = nobody.get(&frame).await;
    shown.page(200, LOGO);
    assert!(!shown.html.contains("shell-foot"), "our name is left out");
    let sheet = shown.between("href=\"/connect/theme.css?", "\"");
    assert_eq!(sheet, "accent=%23ff7a59&radius=4&font=serif");
    let sheet = nobody.get(&format!("/connect/theme.css?{sheet}")).await;
    assert_eq!(sheet.headers["content-type"], "text/css; charset=utf-8");
    assert!(sheet.html.contains("--vs-radius:4px") && sheet.html.contains("--vs-accent:#"), "{}", sheet.html);
    assert!(
        !sheet.html.contains("--vs-accent:#ff7a59;--vs-accent-strong:#d"),
        "too pale to be read on white"
    );
    // A session may say otherwise.
    let mut otherwise = session;
    otherwise["theme"] = json!({"accent": "#000000"});
    let made = app.as_key().post("/connect/sessions", &otherwise).await.ok(201);
    let frame = format!("/connect?session={}", made["sessionId"].as_str().unwrap());
    nobody.get(&frame).await.page(200, "theme.css?accent=%23000000&amp;radius=4");
    for bad in ["", "?accent=red", "?accent=%23fff%7D*%7B", "?radius=99", "?nothing=1"] {
        assert_eq!(nobody.get(&format!("/connect/theme.css{bad}")).await.status, 404, "{bad}");
    }
}

#[tokio::test]
async fn a_look_is_seen_before_it_is_saved_and_mistakes_stand_at_their_fields() {
    let Some(app) = TestApp::start().await else { return };
    let owner = app.as_owner().await;
    let viewer = app.as_invited(&owner, "viewer", "vi@acme.test").await;
    let typed = [("appName", "Acme"), ("accent", "#0a7f6c"), ("font", "system"), ("preview", "1")];
    let page = owner.post(THEME, &typed).await;
    page.page(200, "As users see it");
    let csp = page.headers["content-security-policy"].to_str().unwrap();
    assert!(csp.ends_with("; frame-src 'self'") && csp.contains("frame-ancestors 'none'"), "{csp}");
    let preview = page.between("<iframe class=\"preview is-light\" src=\"", "\"");
    assert_eq!(preview, "/dashboard/production/theme/preview?appName=Acme&accent=%230a7f6c");
    let shown = viewer.get(&preview).await;
    shown.page(200, "theme.css?accent=%230a7f6c");
    assert!(shown.html.contains("Acme"));
    let csp = shown.headers["content-security-policy"].to_str().unwrap();
    assert!(csp.contains("frame-ancestors 'self'"), "{csp}");
    // Each page of the modal is seen, and the one that was chosen stays.
    for (name, text) in [("choose", "Northwind"), ("key", "type=\"password\""), ("done", "ops@acme.test")] {
        let typed = [("accent", "#0a7f6c"), ("page", name), ("preview", "1")];
        let page = owner.post(THEME, &typed).await;
        page.page(200, &format!("value=\"{name}\" checked"));
        let preview = page.between("<iframe class=\"preview is-light\" src=\"", "\"");
        let shown = viewer.get(&preview).await;
        shown.page(200, &format!("data-vs-page=\"{name}\""));
        shown.page(200, text);
        shown.page(200, "theme.css?accent=%230a7f6c");
    }
    assert_eq!(app.as_key().get("/environment").await.ok(200)["theme"], json!({}), "nothing is saved yet");
    // What is made of a colour that could not be read is said at its field, a mistake too.
    let lit = owner.post(THEME, &[("accent", "#ff7a59"), ("logo", LOGO), ("preview", "1")]).await;
    lit.page(200, "made darker so that it can be read");
    lit.page(200, "On dark pages: as it is");
    assert_eq!(lit.between("alt=\"The logo\" src=\"", "\""), LOGO);
    let wrong = owner.post(THEME, &[("accent", "red"), ("logo", "x"), ("preview", "1")]).await;
    wrong.page(200, "id=\"f-accent-error\"");
    wrong.page(200, "id=\"f-logo-error\"");
    assert!(!wrong.html.contains("class=\"swatches\"") && !wrong.html.contains("alt=\"The logo\" src="));
    for (name, value) in
        [("accent", "red"), ("radius", "99"), ("logo", "https://cdn.test/x.png"), ("font", "x")]
    {
        let refused = owner.post(THEME, &[(name, value)]).await;
        refused.page(400, &format!("id=\"f-{name}-error\""));
    }
    let page = viewer.get(THEME).await;
    assert!(!page.page(200, "you see it").contains("Show it"));
    app.as_key()
        .patch("/environment", &json!({"theme": {"accent": "red"}}))
        .await
        .assert_invalid(&["/theme/accent"]);
    app.as_key().patch("/environment", &json!({"theme": {"anything": {"of": "yours"}}})).await.ok(200);
}

#[tokio::test]
async fn a_viewer_chooses_the_page_that_is_shown_by_a_link() {
    let Some(app) = TestApp::start().await else { return };
    let owner = app.as_owner().await;
    let viewer = app.as_invited(&owner, "viewer", "vi@acme.test").await;
    let first = viewer.get(THEME).await;
    first.page(200, &format!("href=\"{THEME}?page=key\""));
    first.page(200, &format!("src=\"{THEME}/preview\""));
    let key = viewer.get(&format!("{THEME}?page=key")).await;
    key.page(200, &format!("src=\"{THEME}/preview?page=key\""));
    key.page(200, &format!("href=\"{THEME}?page=key\" aria-current=\"true\""));
    assert!(!key.html.contains("name=\"page\""), "nothing that only a script would hear: {}", key.html);
    viewer.get(&format!("{THEME}/preview?page=key")).await.page(200, "API key");
    // Who may change the look has the choice in the form.
    owner.get(THEME).await.page(200, "type=\"radio\" name=\"page\"");
}
