//! Events in the dashboard: filtered, with their deliveries, sent again.

use serde_json::json;
use vouchsafe::demo::fake::FERNHILL;

use crate::support::app::TestApp;
use crate::support::receiver::Receiver;

const LIST: &str = "/dashboard/production/events";

#[tokio::test]
async fn events_are_filtered_and_sent_again() {
    let Some(app) = TestApp::start().await else { return };
    let owner = app.as_owner().await;
    let editor = app.as_invited(&owner, "editor", "ed@acme.test").await;
    let viewer = app.as_invited(&owner, "viewer", "vi@acme.test").await;
    owner.get(LIST).await.page(200, "Nothing has happened in the last 30 days");
    let receiver = Receiver::start().await;
    app.endpoint(&receiver).await;
    app.user("u").await;
    let credential = app.credential("u").await;
    let id = credential["credentialId"].as_str().unwrap();
    let other = app.credential("u").await;
    app.as_key().patch(&format!("/credentials/{id}"), &json!({"active": false})).await.ok(200);
    app.deliver().await;
    receiver.take();
    let all = viewer.get(LIST).await;
    assert_eq!(all.page(200, "credential.deactivated").matches("<tr>").count(), 4);
    // Its colour has a word beside it.
    all.page(200, "<span class=\"state state-warning\">Warning</span>");
    let some = viewer.get(&format!("{LIST}?type=credential.created")).await;
    assert_eq!(some.html.matches("<tr>").count(), 3, "{}", some.html);
    let one = viewer.get(&format!("{LIST}?type=credential.created&credentialId={id}")).await;
    assert_eq!(one.html.matches("<tr>").count(), 2);
    let none = format!(
        "{LIST}?type=credential.deactivated&credentialId={}",
        other["credentialId"].as_str().unwrap()
    );
    viewer.get(&none).await.page(200, "No event of the last 30 days fits");
    for bad in ["?type=nothing", "?credentialId=x", "?nonsense=1"] {
        viewer.get(&format!("{LIST}{bad}")).await.page(400, "That didn");
    }
    assert!(!owner.get("/dashboard/sandbox/events").await.html.contains("credential.created</code>"));

    let event = format!("{LIST}/{}", one.between(&format!("{LIST}/"), "\""));
    let seen = viewer.get(&event).await;
    seen.page(200, "What is sent");
    assert!(!seen.html.contains("Deliveries") && !seen.html.contains("Send again"));
    editor.get(&event).await.page(200, "Taken");
    editor.post(&format!("{event}/redeliver"), &[]).await.leads_to(&event);
    app.deliver().await;
    assert_eq!(receiver.take_types(), ["credential.created"]);
    let stranger = app.as_foreign_owner().await;
    stranger.get(&event).await.page(404, "Not found");
    stranger.post(&format!("{event}/redeliver"), &[]).await.page(404, "Not found");
}

#[tokio::test]
async fn the_link_in_an_event_opens_for_nobody_here() {
    let Some(app) = TestApp::start().await else { return };
    let owner = app.as_owner().await;
    let change =
        json!({"defaultReturnUrl": "https://app.acme.test/", "allowedOrigins": ["https://app.acme.test"]});
    app.as_key().patch("/environment", &change).await.ok(200);
    app.as_key().put("/connectors/fernhill", &json!({"provider": FERNHILL, "clientId": "c"})).await.ok(201);
    app.user("u").await;
    let id = app.credential("u").await["credentialId"].as_str().unwrap().to_owned();
    app.as_key()
        .patch(&format!("/credentials/{id}"), &json!({"expiresAt": "2030-01-01T00:10:00Z"}))
        .await
        .ok(200);
    app.pass(700);
    app.sweep().await;
    let events = app.all_events().await;
    let expired = events.iter().find(|event| event["type"] == "credential.expired").unwrap();
    let (link, secret) = expired["reconnectUrl"].as_str().unwrap().split_once('#').unwrap();
    let shown = owner.get(&format!("{LIST}/{}", expired["id"].as_str().unwrap())).await;
    let body = shown.between("aria-label=\"Body of the event\">", "</pre>");
    assert!(body.contains(link) && body.contains("#…") && !body.contains(secret), "{body}");
}
