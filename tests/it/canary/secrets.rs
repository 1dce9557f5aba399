//! Secrets of the workspace, and calls through the hub, with everything that can go wrong with them.

use http::{Method, StatusCode};
use serde_json::{Value, json};
use vouchsafe::demo::fake::{Endpoint, FERNHILL, Fault, QUILLPOST};

use super::scene::Scene;
use super::searcher::letters;

fn body(key: &str, value: &str, visibility: &str) -> Value {
    json!({"key": key, "value": value, "type": "api_key", "visibility": visibility, "allowedHosts": ["127.0.0.1"]})
}

/// Made, refused, replaced, revealed, referred to, revoked.
pub(super) async fn secrets(scene: &mut Scene) {
    let masked = scene.secret("masked secret", "sk-");
    let restricted = scene.secret("restricted secret", "sk-");
    let next = scene.secret("replaced secret", "sk-");
    for (key, value, visibility) in [("MASKED", &masked, "masked"), ("RESTRICTED", &restricted, "restricted")]
    {
        let (status, made) = scene.call("POST", "/secrets", Some(body(key, value, visibility))).await;
        assert_eq!(status, 201, "{made}");
    }
    let wrong = scene.secret("secret in a refused body", "sk-");
    for refused in [
        body("a b", &wrong, "masked"),
        body("MASKED", &wrong, "masked"),
        body("K", &wrong, &wrong),
        json!({"key": "K", "value": [wrong], "type": "api_key", "visibility": "masked"}),
        json!({"key": "K", "value": wrong, "type": wrong, "visibility": "masked"}),
        json!({"key": "K", "value": wrong, "type": "api_key", "visibility": "masked", "period": wrong}),
        json!({"key": "K", "value": format!("{wrong}{}", "x".repeat(70_000)), "type": "api_key", "visibility": "masked"}),
    ] {
        let (status, answer) = scene.call("POST", "/secrets", Some(refused)).await;
        assert!(matches!(status, 400 | 409), "{answer}");
    }
    scene.call("POST", "/secrets/RESTRICTED/reveal", None).await;
    let key = scene.key.clone();
    let revealed = scene.reveal(&key, "POST", "/secrets/MASKED/reveal", None).await;
    assert_eq!(revealed["value"], masked);
    let (status, _) = scene.call("PATCH", "/secrets/MASKED", Some(json!({"value": next}))).await;
    assert_eq!(status, 200);
    let reference = json!({"provider": FERNHILL, "clientId": "c", "clientSecret": "$Secret{MASKED}"});
    let (status, _) = scene.call("PUT", "/connectors/referring", Some(reference)).await;
    assert_eq!(status, 201);
    for (method, path) in [
        ("GET", "/secrets"),
        ("GET", "/secrets/MASKED"),
        ("GET", "/connectors/referring"),
        ("DELETE", "/secrets/MASKED"),
    ] {
        scene.call(method, path, None).await;
    }
    calls(scene).await;
    scene.call("POST", "/secrets/RESTRICTED/revoke", None).await;
    scene.call("DELETE", "/secrets/MASKED?force=true", None).await;
}

/// Calls through the hub that go well, are refused, or fail on the way.
async fn calls(scene: &mut Scene) {
    let key = format!("fake_live_{}", letters());
    scene.canaries.watch("API key in calls", &key);
    scene.call("POST", "/users", Some(json!({"username": "u-proxy"}))).await;
    let new = json!({"userId": "u-proxy", "connector": QUILLPOST, "data": {"key": key}});
    let (status, made) = scene.call("POST", "/credentials", Some(new)).await;
    assert_eq!(status, 201, "{made}");
    let credential = made["credentialId"].as_str().unwrap().to_owned();
    let in_query = scene.secret("token in the query of a call", "q-");
    let in_body = scene.secret("password in the body of a call", "b-");
    let in_path = scene.secret("id in the path of a call", "p-");
    let lines = scene.secret("secret with a line end", "sk-\n");
    let (status, _) = scene.call("POST", "/secrets", Some(body("LINES", &lines, "masked"))).await;
    assert_eq!(status, 201);
    for (path, reference, fault) in [
        (format!("/proxy/me?token={in_query}&k=$Secret{{MASKED}}"), "$Secret{RESTRICTED}", None),
        (format!("/proxy/items/{in_path}"), "$Secret{MASKED}", None),
        ("/proxy/me".to_owned(), "$Secret{LINES}", None),
        (format!("/proxy/me?token={in_query}"), "$Secret{NOWHERE}", None),
        (format!("/proxy/..%2f{in_path}"), "$Secret{MASKED}", None),
        (format!("/proxy/me?token={in_query}"), "$Secret{MASKED}", Some(Fault::close_before())),
        (format!("/proxy/..%2f{in_path}"), "$Secret{MASKED}", Some(Fault::status(StatusCode::UNAUTHORIZED))),
    ] {
        if let Some(fault) = fault {
            scene.fault(Endpoint::Api, fault, 2);
        }
        let request = scene
            .client
            .request(Method::POST, scene.url(&path))
            .bearer_auth(&scene.key)
            .header("vouchsafe-credential", &credential)
            .header("vouchsafe-resolve", "body")
            .header("x-secret", reference)
            .header("content-type", "application/json")
            .body(json!({"password": in_body, "key": "$Secret{MASKED}"}).to_string());
        let answer = request.send().await.unwrap();
        let (status, headers) = (answer.status().as_u16(), format!("{:?}", answer.headers()));
        let text = answer.text().await.unwrap();
        scene.keep("a call through the hub".to_owned(), status, &headers, &text);
        scene.fake.clear_faults();
    }
}
