//! The ways in, one function each.

use http::StatusCode;
use reqwest::Url;
use serde_json::{Value, json};
use vouchsafe::demo::fake::{Client, DEMO_CLIENT_ID, DEMO_PASSWORD, Endpoint, FERNHILL, Fault, QUILLPOST};

use super::scene::{BASIC, OWN_CLIENT, SESSION, Scene};
use super::searcher::letters;
use crate::support::outside::{Person, query};
use crate::support::receiver::{Receiver, Reply};

/// Client settings, replaced, refused, of wrong types.
pub(super) async fn connectors(scene: &mut Scene) {
    let first = scene.secret("first client secret", "client-");
    let secret = scene.a_client_secret();
    scene.canaries.watch("client secret", &secret);
    for value in [&first, &secret] {
        let body = json!({"provider": FERNHILL, "clientId": DEMO_CLIENT_ID, "clientSecret": value});
        let (status, _) = scene.call("PUT", "/connectors/fernhill", Some(body)).await;
        assert!(status < 300, "{status}");
    }
    let (_, connector) = scene.call("GET", "/connectors/fernhill", None).await;
    let redirect = connector["redirectUri"].as_str().unwrap();
    scene.fake.register(Client::new(DEMO_CLIENT_ID, secret.as_str()).redirect(redirect));
    let wrong = scene.secret("client secret of a wrong type", "client-");
    for body in [
        json!({"provider": FERNHILL, "clientSecret": [wrong]}),
        json!({"provider": FERNHILL, "clientSecret": {"x": wrong}}),
        json!({"provider": "absent", "clientSecret": wrong}),
        json!({"provider": FERNHILL, "clientSecret": wrong, "enabled": wrong}),
        json!({"provider": FERNHILL, "clientSecret": wrong, "methods": [wrong]}),
    ] {
        let (status, _) = scene.call("PUT", "/connectors/fernhill", Some(body)).await;
        assert_eq!(status, 400);
    }
}

/// What users would type, given by the back end; used, replaced, ended.
pub(super) async fn typed_keys(scene: &mut Scene) {
    let key = format!("fake_live_{}", letters());
    let next = format!("fake_live_{}", letters());
    let (own_id, own_secret) = (letters(), scene.secret("a user's client secret", "own-"));
    scene.fake.register(Client::new(own_id.as_str(), own_secret.as_str()));
    scene.canaries.watch("API key", &key);
    scene.canaries.watch("replaced API key", &next);
    for (connector, data) in [
        (QUILLPOST, json!({"key": key})),
        (BASIC, json!({"username": "jo@acme.test", "password": DEMO_PASSWORD})),
        (SESSION, json!({"username": "jo@acme.test", "password": DEMO_PASSWORD})),
        (OWN_CLIENT, json!({"client_id": own_id, "client_secret": own_secret})),
    ] {
        let body = json!({"userId": "u-1", "connector": connector, "data": data, "metadata": {"note": "n"}});
        let (_, _) = scene.call("POST", "/users", Some(json!({"username": "u-1"}))).await;
        let (status, made) = scene.call("POST", "/credentials", Some(body)).await;
        assert_eq!(status, 201, "{connector}: {made}");
        let path = format!("/credentials/{}", made["credentialId"].as_str().unwrap());
        reveal_token(scene, connector, &path).await;
        scene.call("POST", &format!("{path}/verify"), None).await;
        scene.call("POST", &format!("{path}/refresh"), None).await;
        if connector == QUILLPOST {
            let (status, _) = scene.call("PATCH", &path, Some(json!({"data": {"key": next}}))).await;
            assert_eq!(status, 200);
        }
        scene.call("GET", &path, None).await;
        if connector == SESSION {
            scene.call("POST", &format!("{path}/revoke"), None).await;
        }
    }
}

/// Reads a token and watches it: no other answer may hold it.
async fn reveal_token(scene: &mut Scene, name: &str, path: &str) {
    let key = scene.key.clone();
    let token = scene.reveal(&key, "GET", &format!("{path}/token"), None).await;
    if let Some(access) = token["accessToken"].as_str() {
        scene.canaries.watch(&format!("access token of {name}"), access);
    }
}

/// Bodies that are refused for what they are: wrong types, no JSON, too large, unknown members.
pub(super) async fn refused_input(scene: &mut Scene) {
    let key = scene.secret("key in a refused body", "fake_live_");
    let whole = json!({"userId": "u-1", "connector": QUILLPOST, "data": {"key": key}}).to_string();
    for (body, wanted) in [
        (json!({"userId": "u-1", "connector": QUILLPOST, "data": key}).to_string(), 400),
        (json!({"userId": "u-1", "connector": QUILLPOST, "data": {"key": [key]}}).to_string(), 400),
        (json!({"userId": "u-1", "connector": QUILLPOST, "data": {"other": key}}).to_string(), 400),
        (json!({"userId": "u-1", "connector": QUILLPOST, "data": {"key": format!("{key}\n")}, "method": key}).to_string(), 400),
        (json!({"userId": "u-1", "connector": QUILLPOST, "data": {"key": format!("x{key}")}}).to_string(), 400),
        (json!({"userId": "u-1", "connector": QUILLPOST, "data": {"key": key}, "expiresAt": key}).to_string(), 400),
        (json!({"userId": "u-1", "connector": QUILLPOST, "data": {"key": key}, "period": key}).to_string(), 400),
        (json!({"userId": "u-1", "connector": QUILLPOST, "dta": {"key": key}}).to_string(), 400),
        (whole[..whole.len() - 2].to_owned(), 400),
        (format!("\"{key}\""), 400),
        (whole.replace('}', &format!("{key}}}")), 400),
        (json!({"userId": "u-1", "data": {"key": format!("{key}{}", "x".repeat(1_100_000))}}).to_string(), 413),
    ] {
        let bearer = scene.key.clone();
        let (status, answer) = scene.call_as(&bearer, "POST", "/credentials", Some(body)).await;
        assert_eq!(status, wanted, "{answer}");
    }
    for path in
        ["/users?limit=", "/users?cursor=", "/users?apiKey=", "/credentials?status=", "/users?search="]
    {
        let value: String = url::form_urlencoded::byte_serialize(key.as_bytes()).collect();
        scene.call("GET", &format!("{path}{value}"), None).await;
    }
    let bearer = scene.secret("wrong bearer", "vs_production_");
    assert_eq!(scene.call_as(&bearer, "GET", "/users", None).await.0, 401);
    let last = if scene.key.ends_with('x') { 'y' } else { 'x' };
    let turned = format!("{}{last}", &scene.key[..scene.key.len() - 1]);
    scene.canaries.watch("mistyped hub key", &turned);
    assert_eq!(scene.call_as(&turned, "GET", "/users", None).await.0, 401);
}

/// Keys that the app refuses, or that it can't be asked about.
pub(super) async fn failing_checks(scene: &mut Scene) {
    for (name, key, fault, wanted) in [
        ("refused key", format!("fake_revoked_{}", letters()), None, 400),
        ("restricted key", format!("fake_restricted_{}", letters()), None, 201),
        (
            "key of a failing app",
            format!("fake_live_{}", letters()),
            Some(Fault::status(StatusCode::BAD_GATEWAY)),
            502,
        ),
        ("key of a lying app", format!("fake_live_{}", letters()), Some(echo()), 400),
    ] {
        scene.canaries.watch(name, &key);
        if let Some(mut fault) = fault {
            fault.body = fault.body.map(|body| body.replace("ECHO", &key));
            scene.fault(Endpoint::Api, fault, 3);
        }
        let body = json!({"userId": "u-1", "connector": QUILLPOST, "data": {"key": key}});
        let (status, answer) = scene.call("POST", "/credentials", Some(body)).await;
        assert_eq!(status, wanted, "{name}: {answer}");
        scene.fake.clear_faults();
    }
    let password = scene.secret("wrong password", "word-");
    for connector in [BASIC, SESSION] {
        let body = json!({"userId": "u-1", "connector": connector, "data": {"username": "jo", "password": password}});
        assert_eq!(scene.call("POST", "/credentials", Some(body)).await.0, 400, "{connector}");
    }
}

/// An app that repeats in its error what it was sent.
fn echo() -> Fault {
    Fault::answer(StatusCode::UNAUTHORIZED, "application/json", r#"{"error":"bad key ECHO"}"#)
}

/// Hub keys and kept answers.
pub(super) async fn hub_keys(scene: &mut Scene) {
    let bearer = scene.key.clone();
    let new = json!({"name": "second", "scopes": ["users:read"]}).to_string();
    let request = |scene: &Scene| {
        scene
            .client
            .post(scene.url("/api-keys"))
            .bearer_auth(&bearer)
            .header("idempotency-key", "one")
            .header("content-type", "application/json")
            .body(new.clone())
    };
    let first: Value = request(scene).send().await.unwrap().json().await.unwrap();
    let again: Value = request(scene).send().await.unwrap().json().await.unwrap();
    assert_eq!(first["key"], again["key"], "the kept answer");
    scene.canaries.watch("second hub key", first["key"].as_str().unwrap());
    let path = format!("/api-keys/{}/rotate", first["apiKeyId"].as_str().unwrap());
    let rotated = scene.reveal(&bearer, "POST", &path, None).await;
    scene.canaries.watch("rotated hub key", rotated["key"].as_str().unwrap());
}

/// Endpoints that repeat in their answers what they were told, and a link to reconnect.
pub(super) async fn webhooks(scene: &mut Scene) {
    let receiver = Receiver::start().await;
    let bearer = scene.key.clone();
    let endpoint = json!({"url": receiver.url});
    let made = scene.reveal(&bearer, "POST", "/webhook-endpoints", Some(endpoint)).await;
    scene.canaries.watch("webhook secret", made["secret"].as_str().unwrap());
    let path = format!("/webhook-endpoints/{}", made["webhookEndpointId"].as_str().unwrap());
    let rotated = scene.reveal(&bearer, "POST", &format!("{path}/rotate-secret"), None).await;
    let secret = rotated["secret"].as_str().unwrap();
    scene.canaries.watch("rotated webhook secret", secret);
    receiver.then(Reply::status(500).body(format!("you signed with {secret}")));
    receiver.then(Reply::status(410).body(secret));
    for _ in 0..2 {
        let (status, _) = scene.call("POST", &format!("{path}/test"), None).await;
        assert_eq!(status, 202);
        receiver.received(1).await;
        receiver.take();
    }
    for path in [path.as_str(), "/webhook-endpoints"] {
        let (status, _) = scene.call("GET", path, None).await;
        assert_eq!(status, 200);
    }
    let (_, events) = scene.call("GET", "/events?type=webhook.test", None).await;
    let id = events["data"][0]["id"].as_str().unwrap().to_owned();
    let (status, _) = scene.call("GET", &format!("/events/{id}/deliveries"), None).await;
    assert_eq!(status, 200);
}

/// A sign-in through the popup, with everything that is secret on its way.
pub(super) async fn sign_in(scene: &mut Scene) {
    let token = scene.session(FERNHILL).await;
    scene.canaries.watch("connect session token", token.split_once('.').unwrap().1);
    let ticket = json!({"connector": FERNHILL, "method": "oauth2"});
    let made = scene.reveal(&token, "POST", "/connect/tickets", Some(ticket)).await;
    for name in ["ticket", "nonce"] {
        scene.canaries.watch(name, made[name].as_str().unwrap());
    }
    let refresh = scene.secret("refresh token", "rt-");
    let members = json!({"refresh_token": refresh, "id_token": refresh});
    let Value::Object(members) = members else { unreachable!() };
    scene.fault(Endpoint::Exchange, Fault::merge(members), 1);
    let page = popup(scene, made["startUrl"].as_str().unwrap()).await;
    assert!(page.contains("callback") || page.contains("Connected"), "{page}");
    let (_, list) = scene.call("GET", "/credentials?connector=fernhill", None).await;
    let path = format!(
        "/credentials/{}",
        list["data"][0]["credentialId"].as_str().unwrap_or_else(|| panic!("{page}"))
    );
    reveal_token(scene, "a sign-in", &path).await;
    // The refresh token is none of the fake's, so this fails and says so.
    scene.call("POST", &format!("{path}/refresh"), None).await;
    scene.call("GET", &path, None).await;
    scene.call_as(&token, "GET", "/connect/state", None).await;
    scene.call_as(&token, "GET", "/connect/page?connector=fernhill&result=1", None).await;
}

/// Goes through start page, consent and callback; the last page.
async fn popup(scene: &mut Scene, start: &str) -> String {
    let mut person = Person::new(scene.client.clone());
    let (_, answer) = person.open(scene.url(start)).await;
    let html = answer.text().await.unwrap();
    scene.keep("the start page".to_owned(), 200, "", &html);
    let flow = html.split("name=\"flow\" value=\"").nth(1).unwrap().split('"').next().unwrap();
    let (authorize, _) = person.submit(scene.url("/connect/start/continue"), &[("flow", flow)]).await;
    let state = query(&authorize, "state").unwrap();
    scene.canaries.watch("state", &state);
    let (consent, _) = person.open(authorize.clone()).await;
    let pairs: Vec<(String, String)> = authorize.query_pairs().into_owned().collect();
    let mut form: Vec<(&str, &str)> =
        pairs.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    form.extend([("username", "jo@acme.test"), ("decision", "allow")]);
    let target = Url::parse(&format!("{}{}", scene.fake.base_url(), consent.path())).unwrap();
    let (callback, _) = person.submit(target, &form).await;
    scene.canaries.watch("code", &query(&callback, "code").unwrap());
    let (_, answer) = person.open(callback.clone()).await;
    let (status, headers) = (answer.status().as_u16(), format!("{:?}", answer.headers()));
    let html = answer.text().await.unwrap();
    scene.keep("the callback".to_owned(), status, &headers, &html);
    // Once more: refused, and nothing is repeated.
    let (_, answer) = person.open(callback).await;
    let (status, headers) = (answer.status().as_u16(), format!("{:?}", answer.headers()));
    assert_eq!(status, 400);
    let again = answer.text().await.unwrap();
    scene.keep("the second callback".to_owned(), status, &headers, &again);
    html
}

/// The form of the modal: a right key, a wrong one, wrong types.
pub(super) async fn modal_form(scene: &mut Scene) {
    let token = scene.session(QUILLPOST).await;
    let right = format!("fake_live_{}", letters());
    let wrong = format!("fake_revoked_{}", letters());
    let odd = scene.secret("odd key in the modal", "odd ");
    scene.canaries.watch("right key in the modal", &right);
    scene.canaries.watch("wrong key in the modal", &wrong);
    let form = |data: Value| json!({"connector": QUILLPOST, "method": "api_key", "data": data}).to_string();
    for data in
        [json!({"key": wrong}), json!({"key": odd}), json!({"key": [odd]}), json!(odd), json!({"key": right})]
    {
        scene.call_as(&token, "POST", "/connect/credentials", Some(form(data))).await;
    }
    for path in ["/connect/state", "/connect/page", "/connect/page?connector=quillpost&result=1"] {
        scene.call_as(&token, "GET", path, None).await;
    }
    scene
        .call_as("none", "GET", &format!("/connect?session={}", token.split('.').next().unwrap()), None)
        .await;
    scene.call_as(&format!("{token}x"), "GET", "/connect/state", None).await;
}

/// Token answers that are broken, with secrets in them.
pub(super) async fn token_failures(scene: &mut Scene) {
    let broken = scene.secret("token in a broken answer", "at-");
    for (kind, body) in [
        ("application/json", format!("{{\"access_token\":\"{broken}\",\"token_type\":")),
        ("application/json", format!("{{\"access_token\":[\"{broken}\"],\"token_type\":\"{broken}\"}}")),
        ("text/html", format!("<html>{broken}</html>")),
    ] {
        let token = scene.session(FERNHILL).await;
        let made =
            scene.reveal(&token, "POST", "/connect/tickets", Some(json!({"connector": FERNHILL}))).await;
        scene.fault(Endpoint::Exchange, Fault::answer(StatusCode::OK, kind, body), 1);
        popup(scene, made["startUrl"].as_str().unwrap()).await;
        scene.call_as(&token, "GET", "/connect/page?connector=fernhill&result=1", None).await;
    }
}

/// Everything that can be read.
pub(super) async fn look_around(scene: &mut Scene) {
    for path in [
        "/providers",
        "/providers/fernhill",
        "/connectors",
        "/connectors/fernhill",
        "/integrations",
        "/environment",
        "/users",
        "/users/u-1",
        "/users/u-1/credentials",
        "/users/u-1/integrations",
        "/credentials",
        "/api-keys",
        "/events",
        "/audit-events",
        "/metrics",
        "/openapi.json",
        "/healthz",
        "/readyz",
    ] {
        let (status, answer) = scene
            .call(
                "GET",
                &format!("{path}{}", if path.starts_with("/audit") { "?limit=200" } else { "" }),
                None,
            )
            .await;
        assert_eq!(status, 200, "{path}: {answer}");
    }
    let (_, all) = scene.call("GET", "/credentials?limit=200", None).await;
    for credential in all["data"].as_array().unwrap() {
        let path = format!("/credentials/{}", credential["credentialId"].as_str().unwrap());
        scene.call("DELETE", &path, None).await;
    }
}
