//! Secrets in calls: found where the contract names a place, written as data, refused with a code of their own.

use chrono::TimeDelta;
use http::Method;
use serde_json::{Value, json};
use vouchsafe::demo::fake::VALID_KEY;

use crate::api::secrets::{VALUE, masked, with};
use crate::support::app::TestApp;
use crate::support::http::{Persona, assert_pointers};
use crate::support::proxy::{Echo, raw_definition};

const ODD: &str = "a\"b\\c &=+%é\n$Secret{K}";

async fn quillpost(app: &TestApp) -> String {
    app.user("u").await;
    app.credential("u").await["credentialId"].as_str().unwrap().to_owned()
}

fn anywhere(key: &str) -> Value {
    with(masked(key), "allowedHosts", json!(["127.0.0.1"]))
}

async fn send(caller: &Persona<'_>, kind: &str, body: &str) -> Echo {
    let caller = caller.clone().header("Vouchsafe-Resolve", "body");
    Echo::of(&caller.send_raw(Method::POST, "/proxy/echo", kind, body).await)
}

#[tokio::test]
async fn references_in_headers_and_queries_are_replaced() {
    let Some(app) = TestApp::start().await else { return };
    let credential = quillpost(&app).await;
    app.secret(&anywhere("K")).await;
    app.secret(&with(anywhere("ODD"), "value", json!(ODD))).await;
    let refused = app.calling(&credential).header("X-One", "$Secret{K}").header("X-Two", "$Secret{NONE}");
    refused.get("/proxy/echo").await.assert_refused(400, "secret_missing");
    let unsendable = app.calling(&credential).header("X-One", "$Secret{ODD}").header("X-Two", "$Secret{K}");
    unsendable.get("/proxy/echo").await.assert_invalid(&["/x-one"]);
    app.hub.flush_secret_uses().await.unwrap();
    let unused = app.as_key().get("/secrets/K").await.ok(200);
    assert_eq!(unused["lastUsedAt"], Value::Null, "nothing was sent");
    let caller = app
        .calling(&credential)
        .header("X-One", "$Secret{K}")
        .header("X-Two", "key=$Token{K}, again=$Secret{K}")
        .header("X-Three", "$$Secret{K}")
        .header("X-Four", "$5 $SECRET{K} $Secret{K");
    let echo = Echo::of(
        &caller.get("/proxy/echo?a=$Secret{K}&b=%24Secret%7BODD%7D&c=$$Token{K}&$Secret{K}=d&e=$1").await,
    );
    assert_eq!(echo.header("x-one"), [VALUE]);
    assert_eq!(echo.header("x-two"), [format!("key={VALUE}, again={VALUE}")]);
    assert_eq!(echo.header("x-three"), ["$Secret{K}"]);
    assert_eq!(echo.header("x-four"), ["$5 $SECRET{K} $Secret{K"]);
    let query = echo.member("query").as_str().unwrap();
    let pairs: Vec<(String, String)> = url::form_urlencoded::parse(query.as_bytes()).into_owned().collect();
    let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    assert_eq!(
        pairs,
        [pair("a", VALUE), pair("b", ODD), pair("c", "$Token{K}"), pair("$Secret{K}", "d"), pair("e", "$1")]
    );
    app.hub.flush_secret_uses().await.unwrap();
    assert_eq!(app.as_key().get("/secrets/K").await.ok(200)["lastUsedAt"], "2030-01-01T00:00:00.000Z");
}

#[tokio::test]
async fn a_value_that_no_header_can_hold_is_refused_and_never_repeated() {
    let Some(app) = TestApp::start().await else { return };
    let credential = quillpost(&app).await;
    for (key, value) in [
        ("LINES", "one\r\nX-Evil: two".to_owned()),
        ("UMLAUT", "clé".to_owned()),
        ("LONG", "x".repeat(4097)),
        ("TAB", "a\tb".to_owned()),
    ] {
        app.secret(&with(anywhere(key), "value", json!(value))).await;
        let caller = app.calling(&credential).header("X-Key", &format!("$Secret{{{key}}}"));
        let problem = caller.get("/proxy/echo").await.assert_invalid(&["/x-key"]);
        assert!(!problem.to_string().contains(&value), "{problem}");
    }
}

#[tokio::test]
async fn bodies_are_resolved_when_asked_and_as_data() {
    let Some(app) = TestApp::start().await else { return };
    let credential = quillpost(&app).await;
    app.secret(&anywhere("K")).await;
    app.secret(&with(anywhere("ODD"), "value", json!(ODD))).await;
    let caller = app.calling(&credential);
    let body = r#"{ "a": "$Secret{K}", "b": ["x \u0024Token{ODD} y", 12345678901234567890.10], "$Secret{K}": "$$Secret{K}" }"#;
    let echo = send(&caller, "application/vnd.acme+json; charset=utf-8", body).await;
    let sent = echo.member("body").as_str().unwrap();
    assert!(sent.starts_with(&format!("{{ \"a\": \"{VALUE}\", \"b\": [\"x ")), "{sent}");
    assert!(sent.contains("12345678901234567890.10"), "numbers keep their digits: {sent}");
    let read: Value = serde_json::from_str(sent).unwrap();
    assert_eq!((&read["b"][0], &read["$Secret{K}"]), (&json!(format!("x {ODD} y")), &json!("$Secret{K}")));
    assert_eq!(echo.header("content-length"), [sent.len().to_string()]);

    let echo =
        send(&caller, "application/x-www-form-urlencoded", "a=%24Secret%7BODD%7D&b=$Secret{K}&c=%zz+").await;
    let sent = echo.member("body").as_str().unwrap();
    let pairs: Vec<(String, String)> = url::form_urlencoded::parse(sent.as_bytes()).into_owned().collect();
    assert_eq!(pairs[0], ("a".to_owned(), ODD.to_owned()));
    assert_eq!(pairs[1], ("b".to_owned(), VALUE.to_owned()));
    assert!(sent.ends_with("&c=%zz+"), "the rest is as it was written: {sent}");

    let untouched = r#"{"a":"$Secret{K}"}"#;
    let echo = Echo::of(&caller.send_raw(Method::POST, "/proxy/echo", "application/json", untouched).await);
    assert_eq!(echo.member("body"), untouched, "nobody asked");
    assert_eq!(send(&caller, "application/json", r#"{"a": 1}"#).await.member("body"), r#"{"a": 1}"#);
}

#[tokio::test]
async fn a_body_that_can_not_be_resolved_is_refused() {
    let Some(app) = TestApp::start().await else { return };
    let credential = quillpost(&app).await;
    let caller = app.calling(&credential).header("Vouchsafe-Resolve", "body");
    let post = async |kind: &str, body: &str| caller.send_raw(Method::POST, "/proxy/echo", kind, body).await;
    post("text/plain", "x").await.assert_refused(415, "unsupported_media_type");
    post("", "x").await.assert_refused(415, "unsupported_media_type");
    post("application/json", "{").await.assert_refused(400, "invalid_request");
    let large = format!("\"{}\"", "x".repeat(1024 * 1024));
    post("application/json", &large).await.assert_refused(413, "body_too_large");
    let zipped = caller.clone().header("Content-Encoding", "gzip");
    let answer = zipped.send_raw(Method::POST, "/proxy/echo", "application/json", "{}").await;
    answer.assert_refused(415, "unsupported_media_type");
}

#[tokio::test]
async fn each_refusal_of_a_secret_in_a_call_has_its_code() {
    let Some(app) = TestApp::start().await else { return };
    let credential = quillpost(&app).await;
    let key = app.as_key();
    app.as_sandbox_key().post("/secrets", &anywhere("SANDBOX")).await.ok(201);
    for name in ["OFF", "OLD", "GONE"] {
        app.secret(&anywhere(name)).await;
    }
    key.act("/secrets/OFF/deactivate").await.ok(200);
    key.act("/secrets/GONE/revoke").await.ok(200);
    key.patch("/secrets/OLD", &json!({"period": "P1D"})).await.ok(200);
    app.secret(&with(anywhere("APP"), "scope", json!({"apps": ["fernhill"]}))).await;
    app.secret(&with(anywhere("PRODUCT"), "scope", json!({"products": ["sync"]}))).await;
    app.secret(&with(anywhere("ISSUER"), "issuer", json!("fernhill"))).await;
    // A name that doesn't come out as its slug, written as people do.
    app.define(
        "mondo",
        &raw_definition("https://api.mondo.example").replace("\"Raw\"", "\"mondo.example (Old)\""),
    );
    app.secret(&with(anywhere("NAMED"), "issuer", json!("Mondo.example Old"))).await;
    app.secret(&masked("HOSTLESS")).await;
    app.secret(&with(masked("HOST"), "allowedHosts", json!(["api.acme.test"]))).await;
    app.clock.advance(TimeDelta::days(2));
    let before = app.fake.counters().api_calls;
    for (name, code) in [
        ("NONE", "secret_missing"),
        ("SANDBOX", "secret_wrong_environment"),
        ("OFF", "secret_inactive"),
        ("OLD", "secret_expired"),
        ("GONE", "secret_revoked"),
        ("APP", "secret_out_of_scope"),
        ("PRODUCT", "secret_out_of_scope"),
        ("ISSUER", "secret_wrong_issuer"),
        ("NAMED", "secret_wrong_issuer"),
        ("HOSTLESS", "secret_host_not_allowed"),
        ("HOST", "secret_host_not_allowed"),
    ] {
        let reference = format!("$Secret{{{name}}}");
        let in_header = app.calling(&credential).header("X-Key", &reference).get("/proxy/echo").await;
        let problem = in_header.assert_refused(400, code);
        assert!(
            problem["detail"].as_str().unwrap().contains(name) && !problem.to_string().contains(VALUE),
            "{problem}"
        );
        app.calling(&credential).get(&format!("/proxy/echo?k={reference}")).await.assert_refused(400, code);
        let body = json!({"k": reference}).to_string();
        let caller = app.calling(&credential).header("Vouchsafe-Resolve", "body");
        let in_body = caller.send_raw(Method::POST, "/proxy/echo", "application/json", &body).await;
        in_body.assert_refused(400, code);
    }
    assert_eq!(app.fake.counters().api_calls, before, "nothing was sent");
    let rows = app.calls().await;
    assert_eq!(rows.len(), 33);
    assert!(rows.iter().all(|row| row["result"] == "refused"));
    assert!(rows.iter().any(|row| row["reason"].as_str().unwrap().ends_with("secret_wrong_issuer")));
    // Which secret it was is found by its id, or by its key where there is none.
    for (name, reason) in [
        ("HOST", "secret_host_not_allowed: HOST in a call to 127.0.0.1"),
        ("OFF", "secret_inactive: OFF in a call to 127.0.0.1"),
    ] {
        let secret = key.get(&format!("/secrets/{name}")).await.ok(200);
        let id = secret["secretId"].as_str().unwrap();
        let found = key.get(&format!("/audit-events?target={id}&action=secret.use")).await.ok(200);
        let found = found["data"].as_array().unwrap();
        assert_eq!(found.len(), 3, "{found:?}");
        let good = |row: &Value| {
            row["reason"] == reason
                && row["result"] == "refused"
                && row["target"] == json!({"type": "secret", "id": id})
        };
        assert!(found.iter().all(good), "{found:?}");
    }
    let uses = key.get("/audit-events?action=secret.use&limit=200").await.ok(200);
    let missing = |row: &&Value| row["reason"] == "secret_missing: NONE in a call to 127.0.0.1";
    assert_eq!(uses["data"].as_array().unwrap().iter().filter(missing).count(), 3);
    assert!(!uses.to_string().contains(VALUE));
}

#[tokio::test]
async fn a_scope_and_an_issuer_that_fit_let_a_secret_through() {
    let Some(app) = TestApp::start().await else { return };
    let credential = quillpost(&app).await;
    for slug in ["sync", "other"] {
        let integration = json!({"name": "Sync", "connectors": [{"connector": "quillpost"}]});
        app.as_key().put(&format!("/integrations/{slug}"), &integration).await.ok(201);
    }
    let scope = json!({"products": ["sync"], "apps": ["quillpost"]});
    app.secret(&with(anywhere("SCOPED"), "scope", scope)).await;
    // The issuer's own hosts need no list.
    app.secret(&with(masked("ISSUED"), "issuer", json!("Quillpost"))).await;
    let caller = app.calling(&credential).header("X-Key", "$Secret{SCOPED}");
    caller.get("/proxy/echo").await.assert_refused(400, "secret_out_of_scope");
    let other = caller.clone().header("Vouchsafe-Integration", "other");
    other.get("/proxy/echo").await.assert_refused(400, "secret_out_of_scope");
    let echo = Echo::of(&caller.header("Vouchsafe-Integration", "sync").get("/proxy/echo").await);
    assert_eq!(echo.header("x-key"), [VALUE]);
    let echo =
        Echo::of(&app.calling(&credential).header("X-Key", "$Secret{ISSUED}").get("/proxy/echo").await);
    assert_eq!(echo.header("x-key"), [VALUE]);

    let url = format!("{}/api/echo", app.fake.base_url());
    let own_address = app.as_key().header("Vouchsafe-Url", &url).header("X-Key", "$Secret{ISSUED}");
    assert_eq!(Echo::of(&own_address.get("/proxy/").await).header("x-key"), [VALUE]);
    let elsewhere =
        app.as_key().header("Vouchsafe-Url", "https://api.acme.test/").header("X-Key", "$Secret{ISSUED}");
    elsewhere.get("/proxy/").await.assert_refused(400, "secret_wrong_issuer");
}

#[tokio::test]
async fn a_secret_of_an_issuer_whose_definition_is_gone_goes_nowhere() {
    let Some(app) = TestApp::start().await else { return };
    let key = app.as_key();
    let credential = quillpost(&app).await;
    let text = raw_definition("https://api.withdrawn.example").replace("\"Raw\"", "\"With Drawn\"");
    app.define("withdrawn", &text);
    app.secret(&with(anywhere("GONE"), "issuer", json!("with drawn"))).await;
    app.secret(&with(anywhere("TEXT"), "issuer", json!("Nobody's Bank"))).await;
    app.undefine("withdrawn");
    let calling = |name: &str| app.calling(&credential).header("X-Key", &format!("$Secret{{{name}}}"));
    let before = app.fake.counters().api_calls;
    let problem = calling("GONE").get("/proxy/echo").await.assert_refused(400, "secret_wrong_issuer");
    assert!(problem["detail"].as_str().unwrap().contains("`withdrawn`"), "{problem}");
    let url = format!("{}/api/echo", app.fake.base_url());
    let address = app.as_key().header("Vouchsafe-Url", &url).header("X-Key", "$Secret{GONE}");
    address.get("/proxy/").await.assert_refused(400, "secret_wrong_issuer");
    let put = json!({"provider": "fern-partner", "variables": {"tier": "$Secret{GONE}"}});
    let refused = key.put("/connectors/fern-partner", &put).await;
    let problem = refused.assert_problem(400, "secret_wrong_issuer");
    assert_pointers(&problem, &["/variables/tier"]);
    assert_eq!(app.fake.counters().api_calls, before, "nothing was sent");
    let echo = Echo::of(&calling("TEXT").get("/proxy/echo").await);
    assert_eq!(echo.header("x-key"), [VALUE], "free text binds nothing");
    // Changed otherwise, it is still its issuer's; and that comes back with its definition.
    key.patch("/secrets/GONE", &json!({"name": "Another"})).await.ok(200);
    calling("GONE").get("/proxy/echo").await.assert_refused(400, "secret_wrong_issuer");
    let there = raw_definition(&format!("{}/api", app.fake.base_url()));
    app.define("withdrawn", &there.replace("\"Raw\"", "\"Another Name\""));
    let body = json!({"userId": "u", "connector": "withdrawn", "data": {"key": VALID_KEY}, "verify": false});
    let made = key.post("/credentials", &body).await.ok(201);
    let caller = app.calling(made["credentialId"].as_str().unwrap()).header("X-Key", "$Secret{GONE}");
    assert_eq!(Echo::of(&caller.get("/proxy/echo").await).header("x-key"), [VALUE]);
}

#[tokio::test]
async fn a_host_that_somebody_types_is_not_taken_for_the_issuers() {
    let Some(app) = TestApp::start().await else { return };
    let key = app.as_key();
    app.user("u").await;
    let (_, port) = app.fake.base_url().rsplit_once(':').unwrap();
    for (slug, key_of_secret, from) in
        [("by-user", "ONE", ""), ("by-connector", "TWO", "from = \"connector\", ")]
    {
        let host = format!("host = {{ {from}label = \"Host\", pattern = '[a-z0-9-]+(\\.[a-z0-9-]+)+' }}");
        let text = raw_definition(&format!("http://{{host}}:{port}/api"));
        let text = text.replace("\"Raw\"", &format!("\"{slug}\""));
        app.define(slug, &text.replace("[variables]", &format!("[variables]\n{host}")));
        let mut data = json!({"key": VALID_KEY});
        if from.is_empty() {
            data["host"] = json!("127.0.0.1");
        } else {
            let connector = json!({"provider": slug, "variables": {"host": "127.0.0.1"}});
            key.put(&format!("/connectors/{slug}"), &connector).await.ok(201);
        }
        let body = json!({"userId": "u", "connector": slug, "data": data, "verify": false});
        let made = key.post("/credentials", &body).await.ok(201);
        app.secret(&with(masked(key_of_secret), "issuer", json!(slug))).await;
        let caller = app.calling(made["credentialId"].as_str().unwrap());
        let caller = caller.header("X-Key", &format!("$Secret{{{key_of_secret}}}"));
        let before = app.fake.counters().api_calls;
        caller.get("/proxy/echo").await.assert_refused(400, "secret_host_not_allowed");
        assert_eq!(app.fake.counters().api_calls, before, "nothing was sent");
        let list = json!({"allowedHosts": ["127.0.0.1"]});
        key.patch(&format!("/secrets/{key_of_secret}"), &list).await.ok(200);
        assert_eq!(Echo::of(&caller.get("/proxy/echo").await).header("x-key"), [VALUE]);
    }
}

#[tokio::test]
async fn a_host_out_of_the_list_of_the_file_is_the_issuers() {
    let Some(app) = TestApp::start().await else { return };
    let key = app.as_key();
    app.user("u").await;
    let (_, port) = app.fake.base_url().rsplit_once(':').unwrap();
    let text = raw_definition(&format!("http://{{host}}:{port}/api")).replace("\"Raw\"", "\"By choice\"");
    let host =
        "[variables]\nhost = { label = \"Host\", options = { Here = \"127.0.0.1\", There = \"127.0.0.2\" } }";
    app.define("by-choice", &text.replace("[variables]", host));
    let data = json!({"key": VALID_KEY, "host": "127.0.0.1"});
    let body = json!({"userId": "u", "connector": "by-choice", "data": data, "verify": false});
    let made = key.post("/credentials", &body).await.ok(201);
    app.secret(&with(masked("ONE"), "issuer", json!("By choice"))).await;
    let caller = app.calling(made["credentialId"].as_str().unwrap()).header("X-Key", "$Secret{ONE}");
    assert_eq!(Echo::of(&caller.get("/proxy/echo").await).header("x-key"), [VALUE]);
}

#[tokio::test]
async fn connector_variables_with_references_are_put_into_calls() {
    let Some(app) = TestApp::start().await else { return };
    app.secret(&with(masked("PT"), "value", json!("pt-from-a-secret"))).await;
    let variables = json!({"partner_token": "$Secret{PT}", "tier": "is $Token{PT}"});
    let connector = json!({"provider": "fern-partner", "variables": variables});
    app.as_key().put("/connectors/fern-partner", &connector).await.ok(201);
    app.user("u").await;
    let body = json!({"userId": "u", "connector": "fern-partner", "data": {"key": "fake_live_0123456789"}});
    let made = app.as_key().post("/credentials", &body).await.ok(201);
    let credential = made["credentialId"].as_str().unwrap();
    let echo = Echo::of(&app.calling(credential).get("/proxy/echo").await);
    assert_eq!(echo.header("x-partner"), ["pt-from-a-secret"]);
    assert_eq!(echo.header("x-tier"), ["is pt-from-a-secret eu"]);
    app.as_key().patch("/secrets/PT", &json!({"value": "pt-changed"})).await.ok(200);
    let echo = Echo::of(&app.calling(credential).get("/proxy/echo").await);
    assert_eq!(echo.header("x-partner"), ["pt-changed"], "looked up each time");
    app.as_key().act("/secrets/PT/deactivate").await.ok(200);
    app.calling(credential).get("/proxy/echo").await.assert_refused(400, "secret_inactive");
}
