//! Trying an endpoint out.

use serde_json::{Value, json};

use crate::support::app::TestApp;
use crate::support::receiver::Receiver;

#[tokio::test]
async fn a_test_reaches_that_endpoint_whatever_it_asked_for() {
    let Some(app) = TestApp::start().await else { return };
    let (receiver, other) = (Receiver::start().await, Receiver::start().await);
    app.endpoint(&other).await;
    let body = json!({"url": receiver.url, "events": ["secret.expired"]});
    let made = app.as_key().post("/webhook-endpoints", &body).await.ok(201);
    let path = format!("/webhook-endpoints/{}", made["webhookEndpointId"].as_str().unwrap());
    let sent = app.as_key().act(&format!("{path}/test")).await.ok(202);
    assert_eq!(sent["deliveries"], 1);
    assert_eq!(app.deliver().await, 1);
    let delivered = receiver.take().remove(0);
    assert_eq!(
        delivered.json(),
        json!({
            "id": sent["eventId"], "type": "webhook.test", "timestamp": "2030-01-01T00:00:00.000Z",
            "environment": "production", "userId": null, "userEmail": null, "credentialId": null,
            "credentialName": null, "connector": null, "provider": null, "reason": null, "reconnectUrl": null
        })
    );
    assert!(other.seen().is_empty());
    let deliveries = app.deliveries(&sent).await;
    assert_eq!((deliveries.len(), &deliveries[0]["status"]), (1, &json!("succeeded")));

    app.as_key().patch(&path, &json!({"enabled": false})).await.ok(200);
    app.as_key().act(&format!("{path}/test")).await.assert_problem(409, "endpoint_disabled");
    let replay = json!({"since": "2029-12-31T00:00:00Z"});
    app.as_key().post(&format!("{path}/replay"), &replay).await.assert_problem(409, "endpoint_disabled");
    app.as_key().delete(&path).await.ok(200);
    app.as_key().act(&format!("{path}/test")).await.assert_problem(404, "not_found");
    assert_eq!(app.deliveries(&sent).await, [] as [Value; 0], "the log goes with its endpoint");
}
