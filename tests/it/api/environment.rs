//! The settings of an environment.

use serde_json::{Value, json};

use crate::support::app::TestApp;

#[tokio::test]
async fn settings_are_shown_with_their_defaults_and_changed_one_by_one() {
    let Some(app) = TestApp::start().await else { return };
    let key = app.as_key();
    assert_eq!(
        key.get("/environment").await.ok(200),
        json!({
            "name": "production", "workspace": "default", "allowedOrigins": [], "defaultReturnUrl": null,
            "reconnectUrl": null, "theme": {}, "minimumBinding": "interstitial", "confirmHostedLinks": true,
            "purgeAfterDays": 30, "expiryWarningDays": [7, 1], "mail": {}, "createdAt": "2030-01-01T00:00:00.000Z"
        })
    );
    let change = json!({
        "allowedOrigins": ["https://App.Acme.test"], "minimumBinding": "opener", "purgeAfterDays": null,
        "reconnectUrl": "https://app.acme.test/reconnect/{credentialId}", "theme": {"accent": "#123456"}
    });
    let changed = key.patch("/environment", &change).await.ok(200);
    assert_eq!(changed["allowedOrigins"], json!(["https://app.acme.test"]));
    assert_eq!((&changed["minimumBinding"], &changed["purgeAfterDays"]), (&json!("opener"), &Value::Null));
    let changed = key.patch("/environment", &json!({"reconnectUrl": null})).await.ok(200);
    assert_eq!((&changed["reconnectUrl"], &changed["theme"]), (&Value::Null, &json!({"accent": "#123456"})));
    let before = app.as_sandbox_key().get("/environment").await.ok(200);
    assert_eq!(before["minimumBinding"], "interstitial");
    let cleared = json!({
        "allowedOrigins": null, "theme": null, "minimumBinding": null, "confirmHostedLinks": null,
        "expiryWarningDays": null, "mail": null
    });
    key.patch("/environment", &json!({"confirmHostedLinks": false, "expiryWarningDays": [3]})).await.ok(200);
    let changed = key.patch("/environment", &cleared).await.ok(200);
    for (name, null) in cleared.as_object().unwrap() {
        assert!(null.is_null() && changed[name] == before[name], "{name}: {changed}");
    }
    assert_eq!(app.as_stranger().get("/environment").await.ok(200)["workspace"], "other");
}

#[tokio::test]
async fn two_changes_of_settings_at_once_both_stay() {
    let Some(app) = TestApp::start().await else { return };
    for round in 1..=20 {
        let look = json!({"theme": {"appName": format!("Acme {round}")}});
        let retention = json!({"purgeAfterDays": round});
        let (one, other) = (app.as_key(), app.as_key());
        let (looks, keeps) =
            tokio::join!(one.patch("/environment", &look), other.patch("/environment", &retention));
        looks.ok(200);
        keeps.ok(200);
        let settings = app.as_key().get("/environment").await.ok(200);
        assert_eq!((&settings["theme"], &settings["purgeAfterDays"]), (&look["theme"], &json!(round)));
    }
}

#[tokio::test]
async fn every_mistake_of_a_setting_is_pointed_at() {
    let Some(app) = TestApp::start().await else { return };
    for (body, pointers) in [
        (json!({"allowedOrigins": ["https://a.test/", "https://b.test"]}), &["/allowedOrigins/0"][..]),
        (json!({"allowedOrigins": ["http://a.test"]}), &["/allowedOrigins/0"]),
        (json!({"defaultReturnUrl": "javascript:alert(1)"}), &["/defaultReturnUrl"]),
        (json!({"reconnectUrl": "/here"}), &["/reconnectUrl"]),
        (json!({"reconnectUrl": "https://a.test/{userid}/{credentialId}"}), &["/reconnectUrl"]),
        (json!({"reconnectUrl": "https://a.test/{userId"}), &["/reconnectUrl"]),
        (json!({"minimumBinding": "none"}), &["/minimumBinding"]),
        (json!({"purgeAfterDays": 0}), &["/purgeAfterDays"]),
        (json!({"purgeAfterDays": -1}), &["/purgeAfterDays"]),
        (json!({"expiryWarningDays": [400]}), &["/expiryWarningDays"]),
        (json!({"theme": {"x": "y".repeat(17_000)}}), &["/theme"]),
        (json!({"name": "x"}), &["/name"]),
    ] {
        app.as_key().patch("/environment", &body).await.assert_invalid(pointers);
    }
}

#[tokio::test]
async fn the_reconnect_address_is_filled_in_where_it_helps() {
    let Some(app) = TestApp::start().await else { return };
    let template = json!({"reconnectUrl": "https://app.acme.test/fix/{userId}/{credentialId}"});
    app.as_key().patch("/environment", &template).await.ok(200);
    let user = app.user("u").await;
    let id = app.credential("u").await["credentialId"].as_str().unwrap().to_owned();
    assert_eq!(app.as_key().get(&format!("/credentials/{id}")).await.ok(200)["reconnectUrl"], Value::Null);
    app.as_key().act(&format!("/credentials/{id}/revoke")).await.ok(200);
    let shown = app.as_key().get(&format!("/credentials/{id}")).await.ok(200);
    assert_eq!(shown["reconnectUrl"], format!("https://app.acme.test/fix/{user}/{id}"));
}
