//! Where calls may go: the provider's hosts, the secret's hosts, and never to an address inside.

use chrono::TimeDelta;
use serde_json::{Value, json};
use vouchsafe::demo::fake::{Endpoint, Fault, Plan, VALID_KEY};
use vouchsafe::egress::EgressConfig;

use crate::api::secrets::{VALUE, masked, with};
use crate::support::app::{PARTNER, Setup, TestApp, egress_config};
use crate::support::proxy::{Echo, raw_definition};
use crate::support::wait::eventually;

async fn partner(app: &TestApp) -> String {
    app.user("u").await;
    let body = json!({"userId": "u", "connector": PARTNER, "data": {"key": VALID_KEY}});
    app.as_key().post("/credentials", &body).await.ok(201)["credentialId"].as_str().unwrap().to_owned()
}

fn port(app: &TestApp) -> String {
    app.fake.base_url().rsplit(':').next().unwrap().to_owned()
}

#[tokio::test]
async fn another_host_of_the_provider_is_picked_by_name() {
    let Some(app) = TestApp::start().await else { return };
    let credential = partner(&app).await;
    let port = port(&app);
    for (host, path, reached) in [
        ("localhost".to_owned(), "/proxy/api/echo", "/api/echo"),
        (format!("LOCALHOST:{port}"), "/proxy/api/echo/x", "/api/echo/x"),
        (format!("127.0.0.1:{port}"), "/proxy/echo", "/api/echo"),
        ("127.0.0.1".to_owned(), "/proxy/echo", "/api/echo"),
    ] {
        let echo = Echo::of(&app.calling(&credential).header("Vouchsafe-Host", &host).get(path).await);
        assert_eq!(echo.member("path"), reached, "{host}");
        assert_eq!(echo.header("x-api-key"), [VALID_KEY]);
        assert!(echo.header("host")[0].starts_with(&host.split(':').next().unwrap().to_lowercase()));
    }
    for host in [
        "evil.test",
        "localhost:1",
        "localhost.evil.test",
        "evil.localhost",
        "127.0.0.2",
        "user@localhost",
        "localhost/",
        "[::1]",
        "0x7f.1",
        "2130706433",
        "localhost.",
    ] {
        let refused = app.calling(&credential).header("Vouchsafe-Host", host).get("/proxy/api/echo").await;
        refused.assert_refused(403, "host_not_allowed");
    }
}

#[tokio::test]
async fn a_call_that_the_guard_refuses_is_no_use_of_its_secret() {
    let Some(app) = TestApp::start().await else { return };
    app.secret(&with(masked("INSIDE"), "allowedHosts", json!(["10.0.0.1"]))).await;
    let caller =
        app.as_key().header("Vouchsafe-Url", "https://10.0.0.1/x").header("X-Key", "$Secret{INSIDE}");
    caller.get("/proxy/").await.assert_refused(502, "provider_unreachable");
    app.hub.flush_secret_uses().await.unwrap();
    assert_eq!(app.as_key().get("/secrets/INSIDE").await.ok(200)["lastUsedAt"], Value::Null);
}

#[tokio::test]
async fn an_address_is_called_with_secrets_that_may_go_there_alone() {
    let Some(app) = TestApp::start().await else { return };
    let port = port(&app);
    app.secret(&with(masked("HERE"), "allowedHosts", json!([format!("127.0.0.1:{port}")]))).await;
    app.secret(&with(masked("ELSEWHERE"), "allowedHosts", json!(["api.acme.test"]))).await;
    app.secret(&masked("NOWHERE")).await;
    let to = |url: String| app.as_key().header("Vouchsafe-Url", &url);
    let echo_url = format!("{}/api/echo", app.fake.base_url());

    let caller = to(echo_url.clone())
        .header("X-Key", "$Secret{HERE}")
        .header("Vouchsafe-Authorization", "Bearer $Secret{HERE}");
    let echo = Echo::of(&caller.get("/proxy/").await);
    assert_eq!(echo.member("path"), "/api/echo");
    assert_eq!(
        (echo.header("x-key"), echo.header("authorization")),
        (vec![VALUE], vec![&*format!("Bearer {VALUE}")])
    );
    let below = to(format!("{echo_url}?a=1&k=$Secret{{HERE}}"));
    let echo = Echo::of(&below.get("/proxy/deeper/x?b=2").await);
    assert_eq!(echo.member("path"), "/api/echo/deeper/x");
    assert_eq!(echo.member("query"), &json!(format!("a=1&k={VALUE}&b=2")));
    let written = ["GET 127.0.0.1/api/echo: 200", "GET 127.0.0.1/api/echo/deeper/x: 200"];
    eventually("rows with the whole path", async || {
        let rows = app.calls().await;
        let told = |path: &str| rows.iter().any(|row| row["reason"].as_str().unwrap().starts_with(path));
        if written.iter().all(|path| told(path)) { Ok(()) } else { Err(rows) }
    })
    .await;

    let none = to(echo_url.clone());
    none.get("/proxy/").await.assert_refused(403, "host_not_allowed");
    to(echo_url.clone())
        .header("X-Key", "$$Secret{HERE}")
        .get("/proxy/")
        .await
        .assert_refused(403, "host_not_allowed");
    for key in ["ELSEWHERE", "NOWHERE"] {
        let both = to(echo_url.clone())
            .header("X-Key", "$Secret{HERE}")
            .header("X-Other", &format!("$Secret{{{key}}}"));
        let problem = both.get("/proxy/").await.assert_refused(400, "secret_host_not_allowed");
        assert!(
            problem["detail"].as_str().unwrap().contains(key) && !problem.to_string().contains(VALUE),
            "{problem}"
        );
    }
    let other = to(echo_url.replace("127.0.0.1", "localhost")).header("X-Key", "$Secret{HERE}");
    other.get("/proxy/").await.assert_refused(400, "secret_host_not_allowed");
    for url in ["nonsense", "ftp://127.0.0.1/", "http://jo@127.0.0.1/", "http://127.0.0.1/#x"] {
        let problem = to(url.to_owned()).header("X-Key", "$Secret{HERE}").get("/proxy/").await;
        problem.assert_invalid(&["/vouchsafe-url"]);
    }
    for url in ["http://127.0.0.1/../x", "http://127.0.0.1//x", "http://127.0.0.1/%2e%2e/"] {
        to(url.to_owned())
            .header("X-Key", "$Secret{HERE}")
            .get("/proxy/")
            .await
            .assert_refused(400, "path_refused");
    }
}

#[tokio::test]
async fn a_host_that_asks_to_wait_is_left_alone_by_all_who_call_it_by_its_address() {
    let Some(app) = TestApp::start().await else { return };
    app.secret(&with(masked("HERE"), "allowedHosts", json!(["127.0.0.1", "localhost"]))).await;
    app.secret(&with(masked("TOO"), "allowedHosts", json!(["127.0.0.1"]))).await;
    let echo_url = format!("{}/api/echo", app.fake.base_url());
    let to = |url: &str, key: &str| {
        app.as_key().header("Vouchsafe-Url", url).header("X-Key", &format!("$Secret{{{key}}}"))
    };
    app.fake.program(Plan::next(Endpoint::Api, Fault::throttled(30)));
    let told = to(&echo_url, "HERE").get("/proxy/").await;
    assert_eq!((told.status, told.header("vouchsafe-error")), (429, None), "the app's own");
    let waiting = to(&echo_url, "TOO").get("/proxy/other").await;
    waiting.assert_refused(429, "rate_limited");
    assert_eq!(waiting.header("retry-after"), Some("30"));
    Echo::of(&to(&echo_url.replace("127.0.0.1", "localhost"), "HERE").get("/proxy/").await);
    app.clock.advance(TimeDelta::seconds(30));
    Echo::of(&to(&echo_url, "TOO").get("/proxy/").await);
}

#[tokio::test]
async fn another_port_is_called_where_every_secret_lists_it() {
    // What the guard lets pass ends where it is the hub's own: nothing is connected to.
    let own_listeners = vec!["93.184.216.34:8443".parse().unwrap()];
    let setup = Setup { egress: EgressConfig { own_listeners, ..egress_config() }, ..Setup::default() };
    let Some(app) = TestApp::start_set_up(setup).await else { return };
    app.secret(&with(masked("PORT"), "allowedHosts", json!(["93.184.216.34:8443"]))).await;
    app.secret(&with(masked("HOST"), "allowedHosts", json!(["93.184.216.34"]))).await;
    for (keys, refusal) in [
        ("$Secret{PORT}", "hub's own"),
        ("$Secret{HOST}", "the port is not allowed"),
        ("$Secret{PORT} $Secret{HOST}", "the port is not allowed"),
    ] {
        let caller =
            app.as_key().header("Vouchsafe-Url", "https://93.184.216.34:8443/").header("X-Key", keys);
        let problem = caller.get("/proxy/").await.assert_refused(502, "provider_unreachable");
        assert!(problem["detail"].as_str().unwrap().contains(refusal), "{keys}: {problem}");
    }
}

#[tokio::test]
async fn no_call_reaches_an_address_inside() {
    let Some(app) = TestApp::start().await else { return };
    let hosts = json!([
        "10.0.0.1",
        "169.254.169.254",
        "192.168.0.1",
        "[fd00::1]",
        "[::ffff:10.0.0.1]",
        "[::1]",
        "100.64.0.1",
        "0.0.0.0",
        "1.1.1.1",
        "internal.invalid"
    ]);
    app.secret(&with(masked("ANY"), "allowedHosts", hosts)).await;
    for address in [
        "https://10.0.0.1/",
        "https://167772161/",
        "https://0x0a000001/",
        "https://012.0.0.1/",
        "https://10.1/",
        "https://169.254.169.254/latest/meta-data",
        "https://2852039166/",
        "https://192.168.1/",
        "https://[fd00::1]/",
        "https://[::ffff:10.0.0.1]/",
        "https://[::ffff:a00:1]/",
        "https://[::1]/",
        "https://100.64.0.1/",
        "https://0/",
        "http://1.1.1.1/",
        "https://1.1.1.1:22/",
        "https://internal.invalid/",
    ] {
        let host = address.split("//").nth(1).unwrap();
        let caller = app.as_key().header("Vouchsafe-Url", address).header("X-Key", "$Secret{ANY}");
        let answer = caller.get("/proxy/").await;
        let problem: Value = answer.json();
        // Those that the secret's list takes for another host are stopped by it.
        let stopped = [("provider_unreachable", 502), ("secret_host_not_allowed", 400)];
        let code = problem["code"].as_str().unwrap();
        assert!(stopped.contains(&(code, answer.status)), "{host}: {problem}");
    }
    let by_guard = app.as_key().header("Vouchsafe-Url", "https://167772161/").header("X-Key", "$Secret{ANY}");
    let problem = by_guard.get("/proxy/").await.assert_refused(502, "provider_unreachable");
    assert!(problem["detail"].as_str().unwrap().contains("not allowed"), "{problem}");

    for base in ["https://10.0.0.1", "https://localhost.localdomain.invalid", "http://169.254.169.254"] {
        app.define("inside", &raw_definition(base));
        app.as_key().post("/users", &json!({"username": "i"})).await;
        let body = json!({"userId": "i", "connector": "inside", "data": {"key": "k"}, "verify": false});
        let made = app.as_key().post("/credentials", &body).await.ok(201);
        let caller = app.calling(made["credentialId"].as_str().unwrap());
        caller.get("/proxy/x").await.assert_refused(502, "provider_unreachable");
    }
}
