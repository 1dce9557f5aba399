//! The log of attempts, and sending one event again.

use serde_json::{Value, json};

use crate::support::app::TestApp;
use crate::support::receiver::{Receiver, Reply};

#[tokio::test]
async fn the_log_says_of_each_attempt_what_came_of_it() {
    let Some(app) = TestApp::start().await else { return };
    let receiver = Receiver::start().await;
    receiver.then(Reply::status(500).body("no"));
    let endpoint = app.endpoint(&receiver).await;
    app.user("u").await;
    app.credential("u").await;
    let event = app.all_events().await.remove(0);
    let pending = app.deliveries(&event).await;
    assert_eq!((&pending[0]["status"], &pending[0]["startedAt"]), (&json!("pending"), &Value::Null));
    app.deliver().await;
    app.pass(7);
    app.deliver().await;
    let mut deliveries = app.deliveries(&event).await;
    for delivery in &mut deliveries {
        assert!(delivery["deliveryId"].as_str().unwrap().starts_with("dlv_"));
        delivery.as_object_mut().unwrap().remove("deliveryId");
    }
    let id = &endpoint["webhookEndpointId"];
    assert_eq!(
        deliveries,
        [
            json!({
                "webhookEndpointId": id, "attempt": 1, "status": "failed", "startedAt": "2030-01-01T00:00:00.000Z",
                "durationMs": 0, "error": "the endpoint answered 500"
            }),
            json!({
                "webhookEndpointId": id, "attempt": 2, "status": "succeeded",
                "startedAt": "2030-01-01T00:00:07.000Z", "durationMs": 0, "error": null
            })
        ]
    );
    let path = format!("/events/{}/deliveries", event["id"].as_str().unwrap());
    let first = app.as_key().get(&format!("{path}?limit=1")).await.ok(200);
    assert_eq!(first["data"][0]["attempt"], 2, "newest first");
    let next = format!("{path}?limit=1&cursor={}", first["nextCursor"].as_str().unwrap());
    assert_eq!(app.as_key().get(&next).await.ok(200)["data"][0]["attempt"], 1);
    app.as_key()
        .get("/events/evt_00000000000000000000000000/deliveries")
        .await
        .assert_problem(404, "not_found");
}

#[tokio::test]
async fn a_test_is_sent_again_to_the_endpoint_that_it_was_for_and_to_no_other() {
    let Some(app) = TestApp::start().await else { return };
    let (tested, other) = (Receiver::start().await, Receiver::start().await);
    tested.then(Reply::status(503));
    let endpoint = app.endpoint(&tested).await;
    app.endpoint(&other).await;
    let path = format!("/webhook-endpoints/{}", endpoint["webhookEndpointId"].as_str().unwrap());
    let event = app.as_key().act(&format!("{path}/test")).await.ok(202)["eventId"].clone();
    app.deliver().await;
    let again = format!("/events/{}/redeliver", event.as_str().unwrap());
    assert_eq!(app.as_key().act(&again).await.ok(202), json!({"eventId": event, "deliveries": 1}));
    assert_eq!(app.deliver().await, 1);
    assert_eq!(tested.take_types(), ["webhook.test"; 2]);
    assert_eq!(other.take_types(), [""; 0]);
    app.as_key().patch(&path, &json!({"enabled": false})).await.ok(200);
    assert_eq!(app.as_key().act(&again).await.ok(202)["deliveries"], 0);
}

#[tokio::test]
async fn an_event_is_sent_again_in_place_of_the_attempt_that_waits() {
    let Some(app) = TestApp::start().await else { return };
    let (down, up) = (Receiver::start().await, Receiver::start().await);
    down.then(Reply::status(503));
    app.endpoint(&down).await;
    app.endpoint(&up).await;
    app.user("u").await;
    app.credential("u").await;
    app.deliver().await;
    let event = app.all_events().await.remove(0);
    let path = format!("/events/{}/redeliver", event["id"].as_str().unwrap());
    let again = app.as_key().act(&path).await.ok(202);
    assert_eq!(again, json!({"eventId": event["id"], "deliveries": 2}));
    assert_eq!(app.deliver().await, 2);
    app.pass(86_400);
    assert_eq!(app.deliver().await, 0, "the attempt that waited was called off");
    for receiver in [&down, &up] {
        let seen = receiver.take();
        assert_eq!(seen.len(), 2);
        assert_eq!(seen[0].header("webhook-id"), seen[1].header("webhook-id"), "the same event");
    }
    let statuses: Vec<Value> =
        app.deliveries(&event).await.iter().map(|delivery| delivery["status"].clone()).collect();
    assert_eq!(statuses.iter().filter(|status| **status == "cancelled").count(), 1, "{statuses:?}");
    app.as_key()
        .act("/events/evt_00000000000000000000000000/redeliver")
        .await
        .assert_problem(404, "not_found");
}
