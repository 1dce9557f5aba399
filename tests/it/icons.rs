//! The pictures of apps: served to anybody, shown in the modal and in the dashboard beside the names.

use serde_json::json;
use vouchsafe::demo::fake::VALID_KEY;

use crate::support::app::TestApp;
use crate::support::http::TestResponse;

#[track_caller]
fn assert_picture(response: &TestResponse) {
    assert_eq!((response.status, response.header("content-type")), (200, Some("image/svg+xml")));
    assert_eq!(response.header("cache-control"), Some("public, max-age=86400"));
    let policy = response.header("content-security-policy");
    assert_eq!(policy, Some("default-src 'none'; frame-ancestors 'none'"));
}

/// The picture of a slug on a page, so many pixels wide and high.
fn picture(size: &str, slug: &str, pixels: u32) -> String {
    format!(
        "<img class=\"monogram monogram-{size}\" src=\"/icons/{slug}.svg\" alt=\"\" width=\"{pixels}\" height=\"{pixels}\">"
    )
}

#[tokio::test]
async fn an_app_has_its_icon_or_that_of_its_family_or_a_monogram() {
    let Some(app) = TestApp::start().await else { return };
    let anybody = app.anonymous();
    for (slug, file) in [("github", "github"), ("google-contacts", "google")] {
        let icon = anybody.get(&format!("/icons/{slug}.svg")).await;
        assert_picture(&icon);
        let shipped = std::fs::read(crate::providers::folder().join(format!("icons/{file}.svg"))).unwrap();
        assert!(icon.body == shipped, "{slug}");
    }
    let monogram = anybody.get("/icons/quillpost.svg").await;
    assert_picture(&monogram);
    assert!(String::from_utf8_lossy(&monogram.body).contains(">Q</text>"));
    for path in [
        "/icons/nothing.svg",
        "/icons/github",
        "/icons/github.png",
        "/icons/icons%2Fgithub.svg",
        "/icons/..%2Ficons%2Fgithub.svg",
        "/icons/..%2FREADME.md",
    ] {
        anybody.get(path).await.assert_problem(404, "not_found");
    }
}

#[tokio::test]
async fn the_modal_shows_icons_and_else_monograms() {
    let Some(app) = TestApp::start().await else { return };
    // The fake app in the place of a shipped one, and another that begins with it.
    app.define("airtable", &app.fake.api_key_definition_toml("airtable"));
    app.define("tables-two", "name = \"Tables two\"\nextends = \"airtable\"\n");
    let connectors = json!(["airtable", "tables-two", "quillpost"]);
    let modal = app.modal(&json!({"userId": "u-17", "connectors": connectors})).await;

    let choose = modal.page("").await;
    for slug in ["airtable", "tables-two"] {
        assert!(choose.contains(&picture("m", slug, 32)), "{slug}: {choose}");
    }
    assert_eq!(choose.matches("<img").count(), 2, "{choose}");
    assert!(choose.contains("aria-hidden=\"true\">Q</span>"), "{choose}");

    let key = modal.page("?connector=airtable").await;
    assert!(key.contains(&picture("l", "airtable", 44)), "{key}");
    let done = modal.submit("airtable", "api_key", json!({"key": VALID_KEY})).await;
    assert!(done.contains("data-vs-page=\"done\"") && done.contains(&picture("l", "airtable", 44)), "{done}");
    let key = modal.page("?connector=quillpost").await;
    assert!(key.contains("aria-hidden=\"true\">Q</span>") && !key.contains("<img"), "{key}");
}

#[tokio::test]
async fn the_dashboard_shows_them_too() {
    let Some(app) = TestApp::start().await else { return };
    app.define("airtable", &app.fake.api_key_definition_toml("airtable"));
    let owner = app.as_owner().await;
    let user = app.user("u-17").await;
    app.as_key().put("/connectors/bases", &json!({"provider": "airtable"})).await.ok(201);
    let given = json!({"userId": "u-17", "connector": "bases", "data": {"key": VALID_KEY}});
    app.as_key().post("/credentials", &given).await.ok(201);
    app.credential("u-17").await;

    // By the provider, whatever the connector is called.
    for (page, size, side) in [
        ("catalogue?search=airtable".to_owned(), "m", 32),
        ("catalogue/airtable".to_owned(), "l", 44),
        ("connectors".to_owned(), "m", 32),
        ("connectors/bases".to_owned(), "l", 44),
        ("credentials".to_owned(), "s", 24),
        (format!("users/{user}"), "s", 24),
    ] {
        let shown = owner.get(&format!("/dashboard/production/{page}")).await;
        shown.page(200, &picture(size, "airtable", side));
        assert_eq!(shown.html.matches("src=\"/icons/").count(), 1, "{page}");
        assert!(shown.headers["content-security-policy"].to_str().unwrap().contains("img-src 'self'"));
    }
    owner
        .get(&format!("/dashboard/production/users/{user}"))
        .await
        .page(200, "aria-hidden=\"true\">Q</span>");
}
