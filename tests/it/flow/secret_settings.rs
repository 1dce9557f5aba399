//! Secrets in the settings of connectors: referred to by key, looked up when they are used.

use chrono::TimeDelta;
use serde_json::{Value, json};
use vouchsafe::demo::fake::{Client, DEMO_CLIENT_ID, DEMO_CLIENT_SECRET, FERNHILL, VALID_KEY};

use crate::api::secrets::{VALUE, masked, with};
use crate::support::app::{HOSTED, PARTNER, TestApp};
use crate::support::http::assert_pointers;
use crate::support::proxy::{Echo, raw_definition};

fn client_secret(text: &str) -> Value {
    json!({"provider": FERNHILL, "clientId": DEMO_CLIENT_ID, "clientSecret": text})
}

fn holding(key: &str, value: &str) -> Value {
    with(masked(key), "value", json!(value))
}

#[tokio::test]
async fn a_client_secret_is_looked_up_each_time_it_is_used() {
    let Some(app) = TestApp::start().await else { return };
    app.secret(&holding("FERN", DEMO_CLIENT_SECRET)).await;
    app.put_fernhill().await;
    let put = app.as_key().put("/connectors/fernhill", &client_secret("$Secret{FERN}")).await.ok(200);
    assert_eq!(put["hasClientSecret"], true);
    app.hub.flush_secret_uses().await.unwrap();
    let saved = app.as_key().get("/secrets/FERN").await.ok(200);
    assert_eq!(saved["lastUsedAt"], Value::Null, "nothing was sent");
    app.user("u-17").await;
    let credential = app.connect("u-17").await;
    app.token(&credential).await;

    let redirect = put["redirectUri"].as_str().unwrap();
    app.fake.register(Client::new(DEMO_CLIENT_ID, "another-client-secret").redirect(redirect));
    let changed = json!({"value": "another-client-secret"});
    app.as_key().patch("/secrets/FERN", &changed).await.ok(200);
    app.clock.advance(TimeDelta::hours(2));
    app.token(&credential).await;
    assert_eq!(app.fake.counters().refreshes, 1);

    app.as_key().act("/secrets/FERN/deactivate").await.ok(200);
    app.clock.advance(TimeDelta::hours(2));
    let token = format!("/credentials/{credential}/token");
    let problem = app.as_key().get(&token).await.assert_problem(503, "refresh_pending");
    let detail = problem["detail"].as_str().unwrap();
    assert!(detail.contains("secret_inactive") && detail.contains("`FERN` is switched off"), "{detail}");
    assert!(!detail.contains("another-client-secret"), "{detail}");
    assert_eq!(app.fake.counters().refreshes, 1, "nothing was sent");
    let audit = app.as_key().get("/audit-events?action=secret.use").await.ok(200);
    assert_eq!(
        (&audit["data"][0]["result"], &audit["data"][0]["reason"]),
        (&json!("refused"), &json!("secret_inactive: FERN in the connector fernhill"))
    );
    app.as_key().act("/secrets/FERN/reactivate").await.ok(200);
    app.clock.advance(TimeDelta::hours(1));
    app.token(&credential).await;
    app.hub.flush_secret_uses().await.unwrap();
    let shown = app.as_key().get("/secrets/FERN").await.ok(200);
    assert!(shown["lastUsedAt"].as_str().unwrap() > "2030-01-01T04", "{shown}");
}

#[tokio::test]
async fn each_reference_that_can_not_be_used_has_a_code_of_its_own() {
    let Some(app) = TestApp::start().await else { return };
    let key = app.as_key();
    app.as_sandbox_key().post("/secrets", &masked("ELSEWHERE")).await.ok(201);
    for name in ["OFF", "OLD", "GONE"] {
        app.secret(&masked(name)).await;
    }
    key.act("/secrets/OFF/deactivate").await.ok(200);
    key.act("/secrets/GONE/revoke").await.ok(200);
    key.patch("/secrets/OLD", &json!({"period": "P1D"})).await.ok(200);
    app.secret(&with(masked("APP"), "scope", json!({"apps": ["quillpost"]}))).await;
    app.secret(&with(masked("PRODUCT"), "scope", json!({"products": ["sync"]}))).await;
    app.secret(&with(masked("ISSUER"), "issuer", json!("Quillpost"))).await;
    app.clock.advance(TimeDelta::days(2));
    for (text, code) in [
        ("$Secret{NOWHERE}", "secret_missing"),
        ("$Token{NOWHERE}", "secret_missing"),
        ("x$Secret{}", "secret_missing"),
        ("$Secret{ELSEWHERE}", "secret_wrong_environment"),
        ("$Secret{OFF}", "secret_inactive"),
        ("$Secret{OLD}", "secret_expired"),
        ("$Secret{GONE}", "secret_revoked"),
        ("$Secret{APP}", "secret_out_of_scope"),
        ("$Secret{PRODUCT}", "secret_out_of_scope"),
        ("$Secret{ISSUER}", "secret_wrong_issuer"),
    ] {
        let answer = key.put("/connectors/fernhill", &client_secret(text)).await;
        let problem = answer.assert_problem(400, code);
        assert_pointers(&problem, &["/clientSecret"]);
        let name = text.split(['{', '}']).nth(1).unwrap();
        assert!(problem["detail"].as_str().unwrap().contains(name), "{problem}");
    }
    key.get("/connectors/fernhill").await.assert_problem(404, "not_found");
    for text in ["$$Secret{NOWHERE}", "$Secret{NOWHERE", "$SECRET{X}"] {
        let status = key.put("/connectors/fernhill", &client_secret(text)).await.status;
        assert!(status == 200 || status == 201, "{text} is a literal");
    }
    let audit = key.get("/audit-events?action=secret.use&limit=200").await.ok(200);
    assert_eq!(audit["data"].as_array().unwrap().len(), 10, "each refusal is written down");
    let off = key.get("/secrets/OFF").await.ok(200);
    let of_it = format!("/audit-events?action=secret.use&target={}", off["secretId"].as_str().unwrap());
    let rows = key.get(&of_it).await.ok(200);
    assert_eq!(rows["data"].as_array().unwrap().len(), 1, "{rows}");
    assert_eq!(rows["data"][0]["reason"], "secret_inactive: OFF in the connector fernhill");
}

#[tokio::test]
async fn an_issuer_and_a_scope_that_fit_let_a_secret_through() {
    let Some(app) = TestApp::start().await else { return };
    let scope = json!({"apps": ["fernhill", "other"]});
    let body = with(with(masked("FIT"), "issuer", json!("Fernhill")), "scope", scope);
    app.secret(&body).await;
    app.as_key().put("/connectors/fernhill", &client_secret("$Secret{FIT}")).await.ok(201);
    app.as_key()
        .put("/connectors/third", &client_secret("$Secret{FIT}"))
        .await
        .assert_problem(400, "secret_out_of_scope");
}

#[tokio::test]
async fn variables_may_refer_to_secrets_where_only_the_app_sees_them() {
    let Some(app) = TestApp::start().await else { return };
    let key = app.as_key();
    app.secret(&holding("PT", "pt-partner-value")).await;
    app.secret(&holding("ODD", "no partner token")).await;
    app.secret(&holding("BROKEN", "pt-two\nlines")).await;
    let put = |variables: Value| json!({"provider": PARTNER, "variables": variables});
    let made = key
        .put("/connectors/fern-partner", &put(json!({"partner_token": "$Secret{PT}", "tier": "$Token{PT}!"})))
        .await
        .ok(201);
    assert_eq!(made["variables"], json!({"tier": "$Token{PT}!", "region": "eu"}), "as it was written");
    // A value must be one that could have been typed.
    for name in ["ODD", "BROKEN"] {
        let body = put(json!({"partner_token": format!("$Secret{{{name}}}")}));
        let problem =
            key.put("/connectors/fern-partner", &body).await.assert_invalid(&["/variables/partner_token"]);
        assert!(!problem.to_string().contains("no partner") && !problem.to_string().contains("pt-two"));
    }
    let missing = put(json!({"tier": "$Secret{NOWHERE}"}));
    let problem = key.put("/connectors/fern-partner", &missing).await.assert_problem(400, "secret_missing");
    assert_pointers(&problem, &["/variables/tier"]);
    let unknown = put(json!({"colour": "$Secret{PT}"}));
    key.put("/connectors/fern-partner", &unknown).await.assert_invalid(&["/variables/colour"]);
    // What is left out stays, also while what it refers to is off.
    key.act("/secrets/PT/deactivate").await.ok(200);
    let kept = key.put("/connectors/fern-partner", &put(json!({}))).await.ok(200);
    assert_eq!(kept["variables"], json!({"region": "eu"}));
    let problem = key.delete("/secrets/PT").await.assert_problem(409, "in_use");
    assert!(problem["detail"].as_str().unwrap().contains("variables/partner_token"), "{problem}");
}

#[tokio::test]
async fn a_secret_goes_to_a_host_that_the_connector_names_only_by_its_own_list() {
    let Some(app) = TestApp::start().await else { return };
    let key = app.as_key();
    app.secret(&masked("T")).await;
    let put = |server: &str, token: &str| json!({"provider": HOSTED, "variables": {"server": server, "token": token}});
    let to_example = put("https://git.example.com", "$Secret{T}");
    let problem =
        key.put("/connectors/fern-hosted", &to_example).await.assert_problem(400, "secret_host_not_allowed");
    assert_pointers(&problem, &["/variables/token"]);
    key.patch("/secrets/T", &json!({"allowedHosts": ["*.example.com"]})).await.ok(200);
    key.put("/connectors/fern-hosted", &to_example).await.ok(201);
    let elsewhere = put("https://git.evil.test", "$Secret{T}");
    key.put("/connectors/fern-hosted", &elsewhere).await.assert_problem(400, "secret_host_not_allowed");
    let in_host = put("https://$Secret{T}", "x");
    key.put("/connectors/fern-hosted", &in_host).await.assert_invalid(&["/variables/server"]);
    // Where the connector says nothing, the host is the one in the file.
    app.secret(&masked("G")).await;
    let put = |variables: Value| json!({"provider": "gitea", "clientId": "c", "clientSecret": "$Secret{G}", "variables": variables});
    let own = put(json!({"host": "git.example.com"}));
    key.put("/connectors/gitea", &own).await.assert_problem(400, "secret_host_not_allowed");
    key.put("/connectors/gitea", &put(json!({}))).await.ok(201);
}

#[tokio::test]
async fn the_hosts_of_a_secret_hold_for_a_client_secret_too() {
    let Some(app) = TestApp::start().await else { return };
    let key = app.as_key();
    app.secret(&with(holding("FERN", DEMO_CLIENT_SECRET), "allowedHosts", json!(["login.acme.test"]))).await;
    app.put_fernhill().await;
    let refused = key.put("/connectors/fernhill", &client_secret("$Secret{FERN}")).await;
    let problem = refused.assert_problem(400, "secret_host_not_allowed");
    assert_pointers(&problem, &["/clientSecret"]);
    key.patch("/secrets/FERN", &json!({"allowedHosts": ["127.0.0.1"]})).await.ok(200);
    key.put("/connectors/fernhill", &client_secret("$Secret{FERN}")).await.ok(200);
    app.user("u-17").await;
    let credential = app.connect("u-17").await;

    // What it lists when it is sent counts, not what it listed when the connector was saved.
    key.patch("/secrets/FERN", &json!({"allowedHosts": ["login.acme.test"]})).await.ok(200);
    let before = app.fake.counters().token_requests;
    app.clock.advance(TimeDelta::hours(2));
    let token = format!("/credentials/{credential}/token");
    let problem = key.get(&token).await.assert_problem(503, "refresh_pending");
    assert!(problem["detail"].as_str().unwrap().contains("secret_host_not_allowed"), "{problem}");
    assert_eq!(app.fake.counters().token_requests, before, "nothing was sent");
    let audit = key.get("/audit-events?action=secret.use&limit=1").await.ok(200);
    assert!(audit["data"][0]["reason"].as_str().unwrap().starts_with("secret_host_not_allowed"), "{audit}");
    key.patch("/secrets/FERN", &json!({"allowedHosts": ["127.0.0.1"]})).await.ok(200);
    app.clock.advance(TimeDelta::hours(1));
    app.token(&credential).await;
}

#[tokio::test]
async fn the_hosts_of_a_secret_hold_for_a_variable_that_calls_have() {
    let Some(app) = TestApp::start().await else { return };
    let key = app.as_key();
    let list = async |hosts: Value| key.patch("/secrets/PT", &json!({"allowedHosts": hosts})).await.ok(200);
    let body = with(holding("PT", "pt-partner-value"), "visibility", json!("restricted"));
    app.secret(&with(body, "allowedHosts", json!(["127.0.0.1"]))).await;
    let put = json!({"provider": PARTNER, "variables": {"partner_token": "$Secret{PT}"}});
    let refused = key.put("/connectors/fern-partner", &put).await;
    let problem = refused.assert_problem(400, "secret_host_not_allowed");
    assert_pointers(&problem, &["/variables/partner_token"]);
    assert!(problem["detail"].as_str().unwrap().contains("`localhost`"), "calls go there too: {problem}");
    list(json!(["127.0.0.1", "localhost"])).await;
    key.put("/connectors/fern-partner", &put).await.ok(201);
    app.user("u").await;
    let body = json!({"userId": "u", "connector": PARTNER, "data": {"key": VALID_KEY}});
    let made = key.post("/credentials", &body).await.ok(201);
    let credential = made["credentialId"].as_str().unwrap();
    let echo = Echo::of(&app.calling(credential).get("/proxy/echo").await);
    assert_eq!(echo.header("x-partner"), ["pt-partner-value"]);

    list(json!(["api.acme.test"])).await;
    let before = app.fake.counters().api_calls;
    app.calling(credential).get("/proxy/echo").await.assert_refused(400, "secret_host_not_allowed");
    let verify = format!("/credentials/{credential}/verify");
    key.act(&verify).await.assert_problem(400, "secret_host_not_allowed");
    assert_eq!(app.fake.counters().api_calls, before, "nothing was sent");
}

#[tokio::test]
async fn a_host_that_a_user_decides_about_is_asked_after_when_it_is_known() {
    let Some(app) = TestApp::start().await else { return };
    let key = app.as_key();
    app.define("shops", SHOPS);
    app.secret(&with(masked("T"), "allowedHosts", json!(["one.shops.example"]))).await;
    let put = json!({"provider": "shops", "variables": {"token": "$Secret{T}"}});
    key.put("/connectors/shops", &put).await.ok(201);
    app.user("u").await;
    let of = |shop: &str| json!({"userId": "u", "connector": "shops", "data": {"key": "k", "shop": shop}, "verify": false});
    key.post("/credentials", &of("two")).await.assert_problem(400, "secret_host_not_allowed");
    key.post("/credentials", &of("one")).await.ok(201);
}

#[tokio::test]
async fn a_host_that_a_user_types_has_a_setting_only_by_the_list_of_its_secret() {
    let Some(app) = TestApp::start().await else { return };
    let key = app.as_key();
    let (_, port) = app.fake.base_url().rsplit_once(':').unwrap();
    let host = "host = { label = \"Host\", pattern = '[a-z0-9-]+(\\.[a-z0-9-]+)+' }";
    let tier = "tier = { from = \"connector\", label = \"Tier\" }";
    let text = raw_definition(&format!("http://{{host}}:{port}/api"));
    let text = text.replace("[variables]", &format!("[variables]\n{host}\n{tier}"));
    app.define("typed", &text.replace("\"{key}\" }", "\"{key}\", X-Tier = \"{tier}\" }"));
    let list = async |hosts: Value| key.patch("/secrets/T", &json!({"allowedHosts": hosts})).await.ok(200);
    app.secret(&masked("T")).await;
    let put = json!({"provider": "typed", "variables": {"tier": "$Secret{T}"}});
    key.put("/connectors/typed", &put).await.ok(201);
    app.user("u").await;
    let data = json!({"key": VALID_KEY, "host": "127.0.0.1"});
    let body = json!({"userId": "u", "connector": "typed", "data": data, "verify": false});
    key.post("/credentials", &body).await.assert_problem(400, "secret_host_not_allowed");
    list(json!(["127.0.0.1"])).await;
    let made = key.post("/credentials", &body).await.ok(201);
    let caller = app.calling(made["credentialId"].as_str().unwrap());
    assert_eq!(Echo::of(&caller.get("/proxy/echo").await).header("x-tier"), [VALUE]);
    list(json!([])).await;
    let before = app.fake.counters().api_calls;
    caller.get("/proxy/echo").await.assert_refused(400, "secret_host_not_allowed");
    assert_eq!(app.fake.counters().api_calls, before, "nothing was sent");
}

const SHOPS: &str = r#"name = "Shops"
documentation = "https://shops.example/docs"
base_url = "https://{shop}.shops.example/api"

[variables]
key = { label = "API key", secret = true }
shop = { label = "Shop" }
token = { from = "connector", label = "Token", secret = true }

[api_key]
headers = { X-Api-Key = "{key}", X-Token = "{token}" }

[check]
path = "/me"
"#;

#[tokio::test]
async fn a_secret_is_not_deleted_while_a_connector_comes_to_refer_to_it() {
    let Some(app) = TestApp::start().await else { return };
    let key = app.as_key();
    app.put_fernhill().await;
    for _ in 0..8 {
        app.secret(&masked("FERN")).await;
        let (body, path) = (client_secret("$Secret{FERN}"), "/connectors/fernhill");
        let (put, deleted) = tokio::join!(key.put(path, &body), key.delete("/secrets/FERN"));
        match (put.status, deleted.status) {
            (200, 409) => {
                key.put(path, &client_secret("typed")).await.ok(200);
                key.delete("/secrets/FERN").await.ok(200);
            }
            (400, 200) => drop(put.assert_problem(400, "secret_missing")),
            both => panic!("a reference to nothing was saved, or nothing was done: {both:?}"),
        }
    }
}

#[tokio::test]
async fn a_secret_in_use_says_what_uses_it() {
    let Some(app) = TestApp::start().await else { return };
    let key = app.as_key();
    app.secret(&masked("FERN")).await;
    app.as_sandbox_key().post("/secrets", &masked("FERN")).await.ok(201);
    key.put("/connectors/fernhill", &client_secret("$Secret{FERN}")).await.ok(201);
    key.put("/connectors/second", &client_secret("a $Token{FERN} b")).await.ok(201);
    let problem = key.delete("/secrets/FERN").await.assert_problem(409, "in_use");
    let detail = problem["detail"].as_str().unwrap();
    for word in ["`fernhill`", "`second`", "clientSecret", "force=true"] {
        assert!(detail.contains(word), "{detail}");
    }
    app.as_sandbox_key().delete("/secrets/FERN").await.ok(200);
    key.delete("/connectors/second").await.ok(200);
    let detail = key.delete("/secrets/FERN").await.assert_problem(409, "in_use")["detail"].to_string();
    assert!(!detail.contains("second"), "{detail}");
    key.put("/connectors/fernhill", &client_secret("typed")).await.ok(200);
    key.delete("/secrets/FERN").await.ok(200);

    app.secret(&masked("FERN")).await;
    key.put("/connectors/fernhill", &client_secret("$Secret{FERN}")).await.ok(200);
    key.delete("/secrets/FERN?force=true").await.ok(200);
    let again = json!({"provider": FERNHILL, "clientId": "x", "clientSecret": "$Secret{FERN}"});
    key.put("/connectors/fernhill", &again).await.assert_problem(400, "secret_missing");
    app.secret(&masked("FERN")).await;
    key.delete("/secrets/FERN").await.assert_problem(409, "in_use");
}
