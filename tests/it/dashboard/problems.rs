//! Pages that say why nothing came of a request: in the frame of whoever is signed in, else alone.

use sea_orm::ConnectionTrait as _;

use vouchsafe::demo::fake::{Endpoint, Fault, Plan};

use crate::support::app::TestApp;
use crate::support::browser::{Browser, Shown};
use crate::support::refreshing::Alerts;

/// The environment that the frame around a page shows.
fn framed(shown: &Shown) -> String {
    assert_eq!(shown.html.matches("<h1").count(), 1, "{}", shown.html);
    assert!(shown.html.contains("aria-label=\"Main\""), "{}", shown.html);
    shown.between("<span class=\"environment-name\">", "</span>")
}

#[tokio::test]
async fn a_member_stays_in_the_dashboard_whatever_is_refused() {
    let Some(app) = TestApp::start().await else { return };
    let owner = app.as_owner().await;
    let viewer = app.as_invited(&owner, "viewer", "vi@acme.test").await;
    owner.get("/dashboard/production/overview").await.page(200, "Overview");
    for (path, status, text, environment) in [
        // Where one is stays where one is, and what is not there leaves one where one was.
        ("/dashboard/sandbox/integrations/nothing", 404, "Not found", "sandbox"),
        ("/dashboard/sandbox/events?type=nothing", 400, "That didn", "sandbox"),
        ("/dashboard/elsewhere/overview", 404, "Not found", "production"),
        ("/dashboard/production/nothing/here", 404, "Not found", "production"),
        ("/dashboard/sandbox/nothing/here", 404, "Not found", "sandbox"),
        // An address that has a form's method alone.
        ("/dashboard/sandbox/connectors/fernhill/enable", 405, "That didn", "sandbox"),
    ] {
        let shown = owner.get(path).await;
        shown.page(status, text);
        shown.page(status, &format!("href=\"/dashboard/{environment}/overview\">Go to the overview"));
        assert_eq!(framed(&shown), environment, "{path}");
    }
    let denied = viewer.get("/dashboard/sandbox/new-integration").await;
    denied.page(403, "Your role (viewer)");
    assert_eq!(framed(&denied), "sandbox");
    assert!(!denied.html.contains("/dashboard/sandbox/api-keys"), "the frame offers what the role sees");

    let alerts = Alerts::listen();
    let database = sea_orm::Database::connect(app.database_url()).await.unwrap();
    database.execute_unprepared("ALTER TABLE integration RENAME TO elsewhere").await.unwrap();
    database.close().await.unwrap();
    let failed = owner.get("/dashboard/sandbox/integrations").await;
    failed.page(500, "Something went wrong in the hub");
    assert_eq!(framed(&failed), "sandbox");
    assert_ne!(alerts.count("a request failed inside the hub"), 0, "and the operator finds why");
}

#[tokio::test]
async fn what_takes_too_long_is_told_by_a_page_too() {
    let limit = std::time::Duration::from_secs(2);
    let Some(app) = TestApp::start_with(|state| state.handler_timeout = limit).await else { return };
    let owner = app.as_owner().await;
    app.user("u-17").await;
    let credential = app.credential("u-17").await["credentialId"].as_str().unwrap().to_owned();
    app.fake.program(Plan::next(Endpoint::Api, Fault::delay_before(6_000)));
    let late = owner.post(&format!("/dashboard/production/credentials/{credential}/verify"), &[]).await;
    late.page(504, "That didn");
    assert!(late.html.contains("provider_timeout") && late.html.contains("took too long"), "{}", late.html);
    assert_eq!(framed(&late), "production");
    // The API says it as it says everything.
    app.fake.program(Plan::next(Endpoint::Api, Fault::delay_before(6_000)));
    let late = app.as_key().act(&format!("/credentials/{credential}/verify")).await;
    late.assert_problem(504, "provider_timeout");
}

#[tokio::test]
async fn nobody_is_shown_no_frame() {
    let Some(app) = TestApp::start().await else { return };
    let owner = app.as_owner().await;
    let nobody = Browser::new(&app, "nobody@acme.test");
    nobody.set_cookie("vs_session", "invented");
    let shown = nobody.get("/dashboard/nothing/here").await;
    shown.page(404, "class=\"plain\"");
    owner.get("/dashboard/account").await.page(200, "Your account");
    owner.post("/dashboard/sign-out", &[]).await;
    let shown = owner.get("/dashboard/nothing/here").await;
    assert!(!shown.page(404, "class=\"plain\"").contains("Olive Owner"));
}
