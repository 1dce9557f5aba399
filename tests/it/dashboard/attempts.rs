//! The log of attempts: who tried to connect what, and what the app said.

use chrono::TimeDelta;
use serde_json::json;
use vouchsafe::demo::fake::REVOKED_KEY;

use crate::support::app::TestApp;

const PAGE: &str = "/dashboard/production/attempts";

#[tokio::test]
async fn each_attempt_is_told_with_the_apps_own_error() {
    let Some(app) = TestApp::start().await else { return };
    app.put_fernhill().await;
    let owner = app.as_owner().await;
    owner.get(PAGE).await.page(200, "Nobody has tried to connect an app");
    let modal = app.modal(&json!({"userId": "u-17", "connectors": ["fernhill", "quillpost"]})).await;
    let popup = modal.popup("fernhill").await;
    owner.get(PAGE).await.page(200, "Under way");
    let back = popup.decide(&app, "deny", "jo@acme.test").await;
    app.callback(&back, &popup.cookie).await;
    let failed = owner.get(PAGE).await;
    failed.page(200, "access_denied");
    assert!(!failed.html.contains("Under way"));

    modal.popup("fernhill").await.allow(&app, "jo@acme.test").await;
    let connected = owner.get(PAGE).await;
    connected.page(200, "Connected");
    connected.page(200, "access_denied");
    modal.submit("quillpost", "api_key", json!({"key": REVOKED_KEY})).await;
    let refused = owner.get(&format!("{PAGE}?outcome=failed&connector=quillpost")).await;
    refused.page(200, "credential_rejected");
    assert!(
        !refused.html.contains(REVOKED_KEY) && !refused.html.contains("access_denied"),
        "{}",
        refused.html
    );

    modal.popup("fernhill").await;
    app.clock.advance(TimeDelta::minutes(10));
    owner.get(&format!("{PAGE}?outcome=started&user=u-17")).await.page(200, "Left unfinished");
    owner.get(&format!("{PAGE}?user=u-18")).await.page(200, "No attempt fits these filters.");
    for bad in ["?outcome=odd", "?nonsense=1", "?limit=0"] {
        owner.get(&format!("{PAGE}{bad}")).await.page(400, "That didn");
    }
    owner.get("/dashboard/sandbox/attempts").await.page(200, "Nobody has tried");
    let first = owner.get(&format!("{PAGE}?limit=1")).await;
    first.page(200, "Next page");

    // The one that succeeded leads to what came of it, as long as that is there.
    let credential = connected.between("href=\"/dashboard/production/credentials/", "\"");
    owner.get(&format!("/dashboard/production/credentials/{credential}")).await.page(200, "Fernhill of u-17");
    app.as_key().delete(&format!("/credentials/{credential}")).await.ok(200);
    let user = connected.between("href=\"/dashboard/production/users/", "\"");
    for page in [PAGE.to_owned(), format!("/dashboard/production/users/{user}")] {
        let told = owner.get(&page).await;
        told.page(200, "Connected");
        assert!(!told.html.contains("/credentials/cred_"), "{page}: {}", told.html);
    }

    app.clock.advance(TimeDelta::days(31));
    app.hub.sweep().await.unwrap();
    assert!(app.rows("SELECT 1 FROM connect_attempt").await.is_empty(), "kept for thirty days");
}

#[tokio::test]
async fn what_waits_for_the_back_end_ends_with_its_answer() {
    let Some(app) = TestApp::start().await else { return };
    app.put_fernhill().await;
    let owner = app.as_owner().await;
    let body = json!({
        "userId": "u-17", "connectors": ["fernhill"], "confirm": "backend",
        "allowedOrigins": ["https://app.acme.test"], "returnUrl": "https://app.acme.test/apps",
    });
    let modal = app.modal(&body).await;
    modal.popup_alone("fernhill", "&mode=redirect").await.allow(&app, "jo@acme.test").await;
    owner.get(&format!("{PAGE}?outcome=waiting")).await.page(200, "Not confirmed");
    app.clock.advance(TimeDelta::minutes(10));
    app.hub.sweep().await.unwrap();
    owner.get(&format!("{PAGE}?outcome=failed")).await.page(200, "confirmation_expired");
}
