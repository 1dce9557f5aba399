//! Webhooks: what arrives, that it is genuine, and what happens when it does not arrive.

mod failing;
mod link;
mod sharing;
mod warning;

use serde_json::json;
use standardwebhooks::Webhook;
use vouchsafe::clock::{Clock as _, SystemClock};

use crate::support::app::TestApp;
use crate::support::receiver::{Receiver, Reply};

#[tokio::test]
async fn a_delivery_is_signed_and_says_what_the_event_says() {
    let Some(app) = TestApp::start().await else { return };
    // The library compares the time with the machine's.
    app.clock.set(SystemClock.now());
    let receiver = Receiver::start().await;
    let endpoint = app.endpoint(&receiver).await;
    app.as_key().post("/users", &json!({"username": "u", "email": "jo@acme.test"})).await.ok(201);
    let credential = app.credential("u").await;
    assert_eq!(app.deliver().await, 1);
    let delivered = receiver.take().remove(0);
    assert_eq!(delivered.header("content-type"), "application/json");
    let event = app.all_events().await.remove(0);
    assert_eq!(delivered.json(), event);
    assert_eq!(
        (&event["type"], &event["userEmail"], &event["credentialId"]),
        (&json!("credential.created"), &json!("jo@acme.test"), &credential["credentialId"])
    );
    assert_eq!(event["id"], delivered.header("webhook-id"));

    let webhook = Webhook::new(endpoint["secret"].as_str().unwrap()).unwrap();
    webhook.verify(&delivered.body, &delivered.headers).unwrap();
    let mut changed = delivered.body.to_vec();
    changed[10] ^= 1;
    assert!(webhook.verify(&changed, &delivered.headers).is_err(), "one bit is another");
    let sent = delivered.header("webhook-timestamp").parse::<i64>().unwrap();
    for (name, value) in
        [("webhook-id", "evt_other".to_owned()), ("webhook-timestamp", (sent - 1).to_string())]
    {
        let mut headers = delivered.headers.clone();
        headers.insert(name, value.parse().unwrap());
        assert!(webhook.verify(&delivered.body, &headers).is_err(), "another {name}");
    }
    let stranger = Webhook::new("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap();
    assert!(stranger.verify(&delivered.body, &delivered.headers).is_err(), "another secret");
}

#[tokio::test]
async fn an_event_keeps_its_id_over_attempts_and_each_is_signed_anew() {
    let Some(app) = TestApp::start().await else { return };
    let receiver = Receiver::start().await;
    receiver.then(Reply::status(500));
    let endpoint = app.endpoint(&receiver).await;
    app.user("u").await;
    app.credential("u").await;
    app.deliver().await;
    app.pass(7);
    app.deliver().await;
    let seen = receiver.take();
    let secret = endpoint["secret"].as_str().unwrap();
    assert!(seen.iter().all(|one| one.is_signed_with(secret)));
    assert_eq!(seen[0].header("webhook-id"), seen[1].header("webhook-id"));
    assert_eq!(seen[0].body, seen[1].body);
    let seconds = |at: usize| seen[at].header("webhook-timestamp").parse::<i64>().unwrap();
    assert_eq!(seconds(1) - seconds(0), 7);
}

#[tokio::test]
async fn the_largest_event_there_can_be_is_within_the_limit() {
    let Some(app) = TestApp::start().await else { return };
    let receiver = Receiver::start().await;
    app.endpoint(&receiver).await;
    let template = format!("https://app.acme.test/{}/{{credentialId}}/{{userId}}", "x".repeat(1_900));
    app.as_key().patch("/environment", &json!({"reconnectUrl": template})).await.ok(200);
    let email = format!("{}@acme.test", "\u{2028}".repeat(80));
    app.as_key().post("/users", &json!({"username": "u", "email": email})).await;
    app.as_key().post("/users", &json!({"username": "v"})).await;
    let id = app.credential("v").await["credentialId"].as_str().unwrap().to_owned();
    let name = json!({"name": "\u{1F510}".repeat(200)});
    app.as_key().patch(&format!("/credentials/{id}"), &name).await.ok(200);
    app.as_key().act(&format!("/credentials/{id}/revoke")).await.ok(200);
    assert_eq!(app.deliver().await, 2);
    assert!(receiver.seen().iter().all(|one| one.body.len() <= 20_000));
    assert_eq!(receiver.take_types(), ["credential.created", "credential.revoked"]);
}
