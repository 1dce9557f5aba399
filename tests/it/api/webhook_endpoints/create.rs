//! A new endpoint: shown with its secret once, refused where the hub would not call it.

use serde_json::{Value, json};

use crate::support::app::TestApp;

const PATH: &str = "/webhook-endpoints";

#[tokio::test]
async fn an_endpoint_is_shown_with_its_secret_once() {
    let Some(app) = TestApp::start().await else { return };
    let body = json!({
        "url": "https://hooks.test/in?of=acme", "events": ["credential.expired", "credential.expired"],
        "description": "Billing"
    });
    let mut made = app.as_key().post(PATH, &body).await.ok(201);
    let secret = made.as_object_mut().unwrap().remove("secret").unwrap();
    assert!(secret.as_str().unwrap().starts_with("whsec_"), "{secret}");
    let id = made["webhookEndpointId"].as_str().unwrap().to_owned();
    assert_eq!(
        made,
        json!({
            "webhookEndpointId": id, "url": "https://hooks.test/in?of=acme", "events": ["credential.expired"],
            "description": "Billing", "enabled": true, "disabledReason": null,
            "createdAt": "2030-01-01T00:00:00.000Z", "updatedAt": "2030-01-01T00:00:00.000Z"
        })
    );
    assert_eq!(app.as_key().get(&format!("{PATH}/{id}")).await.ok(200), made);
    let list = app.as_key().get(PATH).await.ok(200);
    assert_eq!(list, json!({"data": [made], "nextCursor": null}));
    assert_eq!(app.as_key().delete(&format!("{PATH}/{id}")).await.ok(200), json!({"success": true}));
    app.as_key().get(&format!("{PATH}/{id}")).await.assert_problem(404, "not_found");
    let actions = app.as_key().get(&format!("/audit-events?target={id}")).await.ok(200);
    let actions: Vec<_> = actions["data"].as_array().unwrap().iter().map(|event| &event["action"]).collect();
    assert_eq!(actions, ["webhook_endpoint.delete", "webhook_endpoint.create"]);
}

#[tokio::test]
async fn every_mistake_of_an_endpoint_is_pointed_at() {
    let Some(app) = TestApp::start().await else { return };
    let endpoint = |members: Value| {
        let mut body = json!({"url": "https://hooks.test/"});
        for (name, value) in members.as_object().unwrap() {
            body[name] = value.clone();
        }
        body
    };
    for (body, pointers) in [
        (json!({}), &["/url"][..]),
        (endpoint(json!({"url": 1})), &["/url"]),
        (endpoint(json!({"url": ""})), &["/url"]),
        (endpoint(json!({"url": format!("https://hooks.test/{}", "x".repeat(2_000))})), &["/url"]),
        (endpoint(json!({"events": []})), &["/events"]),
        (endpoint(json!({"events": ["credential.expired", "credential.lost"]})), &["/events/1"]),
        (endpoint(json!({"events": ["webhook.test"]})), &["/events/0"]),
        (endpoint(json!({"description": ""})), &["/description"]),
        (endpoint(json!({"url": "ftp://hooks.test/", "events": ["x"]})), &["/url", "/events/0"]),
        (endpoint(json!({"enabled": false})), &["/enabled"]),
        (endpoint(json!({"secret": "whsec_mine"})), &["/secret"]),
    ] {
        app.as_key().post(PATH, &body).await.assert_invalid(pointers);
    }
    let problem = app.as_key().post(PATH, &endpoint(json!({"events": ["webhook.test"]}))).await;
    let types = "credential.created, credential.reconnected, credential.expiring, credential.failing, \
        credential.expired, credential.recovered, credential.revoked, credential.deactivated, credential.deleted, \
        connector.failing, connector.recovered, secret.expiring, secret.expired";
    assert_eq!(
        problem.json()["errors"][0]["message"],
        format!("There is no such type of event; the types are {types}.")
    );
    assert_eq!(app.as_key().get(PATH).await.ok(200)["data"], json!([]));
}

#[tokio::test]
async fn an_address_that_the_hub_would_not_call_is_refused() {
    let Some(app) = TestApp::start().await else { return };
    for url in [
        "http://hooks.test/".to_owned(),
        "https://user:pass@hooks.test/".to_owned(),
        "https://hooks.test:8443/".to_owned(),
        "https://hooks.test/#part".to_owned(),
        "https://10.0.0.7/".to_owned(),
        "https://169.254.169.254/latest/meta-data/".to_owned(),
        "https://[::1]/".to_owned(),
        "https://2852039166/".to_owned(),
        "http://192.168.1.1/".to_owned(),
        "gopher://hooks.test/".to_owned(),
        "/relative".to_owned(),
    ] {
        app.as_key().post(PATH, &json!({"url": url})).await.assert_invalid(&["/url"]);
    }
}

#[tokio::test]
async fn an_environment_has_fifty_endpoints_at_most() {
    let Some(app) = TestApp::start().await else { return };
    let body = json!({"url": "http://127.0.0.1:9/"});
    for _ in 0..50 {
        app.as_key().post(PATH, &body).await.ok(201);
    }
    app.as_key().post(PATH, &body).await.assert_problem(409, "too_many_endpoints");
    app.as_sandbox_key().post(PATH, &body).await.ok(201);
    let first = app.as_key().get(&format!("{PATH}?limit=30")).await.ok(200);
    let cursor = first["nextCursor"].as_str().unwrap();
    let second = app.as_key().get(&format!("{PATH}?limit=30&cursor={cursor}")).await.ok(200);
    assert_eq!((second["data"].as_array().unwrap().len(), &second["nextCursor"]), (20, &Value::Null));
}
