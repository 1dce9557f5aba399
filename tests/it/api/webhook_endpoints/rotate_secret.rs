//! A new secret: for a day both sign.

use serde_json::json;

use crate::support::app::TestApp;
use crate::support::receiver::Receiver;

#[tokio::test]
async fn both_secrets_sign_for_a_day_and_then_the_new_one_alone() {
    let Some(app) = TestApp::start().await else { return };
    let receiver = Receiver::start().await;
    let made = app.endpoint(&receiver).await;
    let path = format!("/webhook-endpoints/{}/rotate-secret", made["webhookEndpointId"].as_str().unwrap());
    let mut rotated = app.as_key().act(&path).await.ok(200);
    let new = rotated.as_object_mut().unwrap().remove("secret").unwrap();
    let (old, new) = (made["secret"].as_str().unwrap(), new.as_str().unwrap());
    assert_ne!(old, new);
    assert_eq!(rotated["webhookEndpointId"], made["webhookEndpointId"]);
    app.user("u").await;
    for (seconds, signatures, old_signs) in [(86_399, 2, true), (1, 1, false)] {
        app.pass(seconds);
        app.credential("u").await;
        assert_eq!(app.deliver().await, 1);
        let delivered = receiver.take().remove(0);
        assert_eq!(delivered.header("webhook-signature").split(' ').count(), signatures);
        assert_eq!((delivered.is_signed_with(new), delivered.is_signed_with(old)), (true, old_signs));
    }
    // A second rotation soon after keeps the last one but not the one before.
    let second = app.as_key().act(&path).await.ok(200);
    let third = app.as_key().act(&path).await.ok(200);
    app.credential("u").await;
    app.deliver().await;
    let delivered = receiver.take().remove(0);
    for (secret, signs) in
        [(new, false), (second["secret"].as_str().unwrap(), true), (third["secret"].as_str().unwrap(), true)]
    {
        assert_eq!(delivered.is_signed_with(secret), signs);
    }
    let unknown = "/webhook-endpoints/webhook_00000000000000000000000000/rotate-secret";
    app.as_key().act(unknown).await.assert_problem(404, "not_found");
    app.as_key().post(&path, &json!({"secret": "whsec_mine"})).await.assert_invalid(&["/secret"]);
}
