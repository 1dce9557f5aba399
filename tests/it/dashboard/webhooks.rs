//! Webhook endpoints in the dashboard: their secret shown once, deliveries with request and response, told again.

use crate::support::app::TestApp;
use crate::support::receiver::{Receiver, Reply};

const LIST: &str = "/dashboard/production/webhooks";

/// The page of the only endpoint.
async fn page(app: &TestApp) -> String {
    let there = app.as_key().get("/webhook-endpoints").await.ok(200);
    format!("{LIST}/{}", there["data"][0]["webhookEndpointId"].as_str().unwrap())
}

#[tokio::test]
async fn an_endpoint_is_made_with_a_secret_that_is_shown_once() {
    let Some(app) = TestApp::start().await else { return };
    let owner = app.as_owner().await;
    let receiver = Receiver::start().await;
    owner.get(LIST).await.page(200, "webhook-endpoints");
    let form = [("url", receiver.url.as_str()), ("description", "main"), ("events", "credential.created")];
    let made = owner.post(&format!("{LIST}/new"), &form).await;
    let secret = made.between("aria-label=\"The signing secret\">", "</code>");
    assert!(secret.starts_with("whsec_"));
    let page = page(&app).await;
    assert!(!owner.get(&page).await.html.contains(&secret) && !owner.get(LIST).await.html.contains(&secret));
    app.user("u").await;
    app.credential("u").await;
    app.deliver().await;
    let told = receiver.take();
    assert!(told[0].is_signed_with(&secret), "{told:?}");

    owner.get(&format!("{page}/rotate")).await.page(200, "For a day each delivery is signed with both");
    let rotated = owner.post(&format!("{page}/rotate"), &[]).await;
    let new = rotated.between("aria-label=\"The signing secret\">", "</code>");
    owner.post(&format!("{page}/test"), &[]).await.leads_to(&page);
    app.deliver().await;
    let told = receiver.take();
    assert!(told[0].is_signed_with(&secret) && told[0].is_signed_with(&new));
    let url = ("url", receiver.url.as_str());
    for (form, field) in
        [(vec![("url", "ftp://x.test")], "url"), (vec![url, ("events", "nothing.happened")], "events")]
    {
        let refused = owner.post(&format!("{LIST}/new"), &form).await;
        refused.page(400, &format!("id=\"f-{field}-error\""));
    }
}

#[tokio::test]
async fn a_delivery_shows_what_was_sent_and_what_came_back() {
    let Some(app) = TestApp::start().await else { return };
    let owner = app.as_owner().await;
    let editor = app.as_invited(&owner, "editor", "ed@acme.test").await;
    let receiver = Receiver::start().await;
    receiver.then(Reply::status(500).body("<h1>out of order</h1>"));
    app.endpoint(&receiver).await;
    let page = page(&app).await;
    owner.get(&page).await.page(200, "Nothing was sent yet");
    owner.post(&format!("{page}/test"), &[]).await.leads_to(&page);
    owner.get(&format!("{page}?status=pending")).await.page(200, "webhook.test");
    app.deliver().await;
    app.pass(7);
    app.deliver().await;
    let all = editor.get(&page).await;
    all.page(200, "Taken");
    assert!(all.html.contains("Failed") && !all.html.contains("Send a test") && !all.html.contains("Rotate"));
    let failed = editor.get(&format!("{page}?status=failed")).await;
    failed.page(200, "Failed");
    assert!(!failed.html.contains("state-good\">Taken"));
    owner.get(&format!("{page}?status=cancelled")).await.page(200, "No delivery is in this state");
    owner.get(&format!("{page}?status=lost")).await.page(400, "That didn");

    let link = failed.between("/deliveries/", "\"");
    let shown = editor.get(&format!("{page}/deliveries/{link}")).await;
    shown.page(200, "&lt;h1&gt;out of order&lt;");
    let sent = receiver.seen().remove(0);
    assert!(
        shown.html.contains(sent.header("webhook-id"))
            && shown.html.contains(sent.header("webhook-timestamp"))
    );
    assert!(shown.html.contains("webhook.test") && shown.html.contains("500"), "{}", shown.html);
    let first = owner.get(&format!("{page}?limit=1")).await;
    let next = first.between("aria-label=\"Pages\">", "</nav>");
    let next = next.split_once("href=\"").unwrap().1.split('"').next().unwrap().to_owned();
    assert!(next.ends_with("&limit=1"), "{next}");
    owner.get(&next).await.page(200, "Failed");
    // A delivery is one of its endpoint alone, and of its environment.
    let other = Receiver::start().await;
    let other = app.endpoint(&other).await;
    let wrong = format!("{LIST}/{}/deliveries/{link}", other["webhookEndpointId"].as_str().unwrap());
    owner.get(&wrong).await.page(404, "Not found");
    owner.get(&page.replace("production", "sandbox")).await.page(404, "Not found");
}

#[tokio::test]
async fn an_endpoint_is_switched_off_and_told_again_what_it_missed() {
    let Some(app) = TestApp::start().await else { return };
    let owner = app.as_owner().await;
    let receiver = Receiver::start().await;
    app.endpoint(&receiver).await;
    let page = page(&app).await;
    owner.get(&format!("{page}/disable")).await.page(200, "your product does not hear");
    owner.post(&format!("{page}/disable"), &[]).await.leads_to(&page);
    let off = owner.get(&page).await;
    assert_eq!(off.page(200, "Switch on").matches("button primary").count(), 1);
    owner.post(&format!("{page}/test"), &[]).await.page(409, "switched off");
    app.user("u").await;
    app.credential("u").await;
    app.deliver().await;
    assert_eq!(receiver.take().len(), 0);
    owner.post(&format!("{page}/enable"), &[]).await.leads_to(&page);
    app.pass(60);
    for (since, until) in [("soon", ""), ("2031-01-01T00:00", ""), ("", "")] {
        let form = [("since", since), ("until", until)];
        owner.post(&format!("{page}/replay"), &form).await.page(400, "id=\"f-since-error\"");
    }
    owner
        .post(&format!("{page}/replay"), &[("since", "2029-12-31T00:00"), ("until", "")])
        .await
        .leads_to(&page);
    owner.get(&page).await.page(200, "are being sent again");
    app.deliver().await;
    app.deliver().await;
    assert_eq!(receiver.take_types(), ["credential.created"]);

    let change =
        [("url", receiver.url.as_str()), ("description", "<main>"), ("events", "credential.expired")];
    owner.post(&page, &change).await.leads_to(&page);
    owner.get(&page).await.page(200, "&lt;main&gt;");
    owner.post(&page, &[("url", "x")]).await.page(400, "id=\"f-url-error\"");
    owner.get(&format!("{page}/delete")).await.page(200, "The log of its deliveries goes with it");
    owner.post(&format!("{page}/delete"), &[]).await.leads_to(LIST);
    owner.get(&page).await.page(404, "Not found");
}
