//! Changing an endpoint, and switching it off and on.

use serde_json::{Value, json};

use crate::support::app::TestApp;
use crate::support::receiver::Receiver;

#[tokio::test]
async fn what_is_sent_changes_and_the_rest_stays() {
    let Some(app) = TestApp::start().await else { return };
    let body = json!({"url": "https://hooks.test/", "events": ["credential.failing"], "description": "x"});
    let made = app.as_key().post("/webhook-endpoints", &body).await.ok(201);
    let path = format!("/webhook-endpoints/{}", made["webhookEndpointId"].as_str().unwrap());
    app.pass(1);
    let changed = app.as_key().patch(&path, &json!({"url": "https://other.test/in"})).await.ok(200);
    assert_eq!(
        (&changed["url"], &changed["events"], &changed["description"], &changed["updatedAt"]),
        (
            &json!("https://other.test/in"),
            &made["events"],
            &made["description"],
            &json!("2030-01-01T00:00:01.000Z")
        )
    );
    let changed = app.as_key().patch(&path, &json!({"events": null, "description": null})).await.ok(200);
    assert_eq!((&changed["events"], &changed["description"]), (&Value::Null, &Value::Null));
    for (body, pointers) in [
        (json!({"url": "https://10.0.0.7/"}), &["/url"][..]),
        (json!({"url": null}), &["/url"]),
        (json!({"events": []}), &["/events"]),
        (json!({"events": ["x"]}), &["/events/0"]),
        (json!({"enabled": "yes"}), &["/enabled"]),
        (json!({"disabledReason": null}), &["/disabledReason"]),
    ] {
        app.as_key().patch(&path, &body).await.assert_invalid(pointers);
    }
    assert_eq!(app.as_key().get(&path).await.ok(200), changed);
}

#[tokio::test]
async fn an_endpoint_hears_only_of_what_it_asked_for_and_of_its_environment() {
    let Some(app) = TestApp::start().await else { return };
    let (all, some, elsewhere) = (Receiver::start().await, Receiver::start().await, Receiver::start().await);
    app.endpoint(&all).await;
    let body = json!({"url": some.url, "events": ["credential.revoked", "connector.failing"]});
    app.as_key().post("/webhook-endpoints", &body).await.ok(201);
    app.as_sandbox_key().post("/webhook-endpoints", &json!({"url": elsewhere.url})).await.ok(201);
    app.user("u").await;
    let id = app.credential("u").await["credentialId"].as_str().unwrap().to_owned();
    app.as_key().act(&format!("/credentials/{id}/revoke")).await.ok(200);
    assert_eq!(app.deliver().await, 3);
    assert_eq!(all.take_types().len(), 2);
    assert_eq!(some.take_types(), ["credential.revoked"]);
    assert!(elsewhere.seen().is_empty());
}

#[tokio::test]
async fn what_was_missed_while_switched_off_is_not_sent_by_itself() {
    let Some(app) = TestApp::start().await else { return };
    let receiver = Receiver::start().await;
    let made = app.endpoint(&receiver).await;
    let path = format!("/webhook-endpoints/{}", made["webhookEndpointId"].as_str().unwrap());
    app.user("u").await;
    app.credential("u").await;
    let off = app.as_key().patch(&path, &json!({"enabled": false})).await.ok(200);
    assert_eq!((&off["enabled"], &off["disabledReason"]), (&json!(false), &Value::Null));
    app.credential("u").await;
    let events = app.all_events().await;
    assert_eq!(app.deliveries(&events[0]).await[0]["status"], "cancelled");
    assert_eq!(app.deliveries(&events[1]).await, [] as [Value; 0]);
    app.as_key().patch(&path, &json!({"enabled": true})).await.ok(200);
    assert_eq!(app.deliver().await, 0);
    app.credential("u").await;
    assert_eq!(app.deliver().await, 1);
    assert_eq!(receiver.seen().len(), 1);
}
