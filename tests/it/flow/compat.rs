//! The dialects of other hubs' clients: the same users and credentials in the shapes that they expect.

use std::collections::BTreeSet;

use http::Method;
use serde_json::{Value, json};
use vouchsafe::demo::fake::{FERNHILL, QUILLPOST, VALID_KEY};

use crate::support::app::TestApp;
use crate::support::modal::Popup;
use crate::support::scripted::Connection;

fn word(value: &Value) -> &str {
    value.as_str().unwrap()
}

impl TestApp {
    /// Follows an OAuth link through the page that names who asks to the app's sign-in, and allows.
    async fn follow(&self, link: &str) -> String {
        let path = link.strip_prefix(&self.base_url).unwrap_or_else(|| panic!("{link}"));
        let (flow, cookie) = self.begin(path).await;
        let on = self.go_on(&flow, &cookie).await;
        assert_eq!(on.status(), 303, "{:?}", on.text().await);
        let consent = on.headers()["location"].to_str().unwrap().parse().unwrap();
        Popup { flow, cookie, consent }.allow(self, "jo@acme.test").await
    }
}

#[tokio::test]
async fn users_live_in_every_dialect_as_one() {
    let Some(app) = TestApp::start().await else { return };
    let key = app.as_key();
    let made =
        key.post("/2024-03/users/", &json!({"username": "u-1", "fullName": "Jo", "more": 1})).await.ok(200);
    let id = word(&made["userId"]).to_owned();
    assert_eq!(made, json!({"userId": id}));
    let shown = json!({"userId": id, "username": "u-1", "fullName": "Jo"});
    for path in ["/2024-03/users/u-1", "/2023-12/users/u-1/", &format!("/2023-01/users/{id}?x=1")] {
        assert_eq!(key.get(path).await.ok(200), shown, "{path}");
    }
    let renamed = key.put("/2023-12/users/u-1", &json!({"username": "u-2"})).await.ok(200);
    assert_eq!(renamed, json!({"userId": id, "username": "u-2", "fullName": "Jo"}));
    key.post("/2024-03/users", &json!({"username": "u-2"})).await.assert_problem(409, "username_taken");
    key.post("/2024-03/users", &json!({})).await.assert_invalid(&["/username"]);
    key.get("/2024-03/users/nobody").await.assert_problem(404, "not_found");

    let users =
        json!([{"username": "u-3"}, {"username": "u-2", "fullName": "Al"}, {"fullName": "Nobody"}, 7]);
    for (round, users) in [users.clone(), Value::String(users.to_string())].into_iter().enumerate() {
        let batch = key.post("/2024-03/users/batch", &json!({"users": users})).await.ok(200);
        assert_eq!(batch["message"], "success");
        let taken = json!({"username": "u-2", "fullName": "Al"});
        let mut invalid = vec![taken, json!({"fullName": "Nobody"}), json!({})];
        if round == 1 {
            invalid.insert(0, json!({"username": "u-3"}));
        }
        assert_eq!(batch["invalidUsers"], Value::Array(invalid));
    }
    key.post("/2024-03/users/batch", &json!({"users": "[{"})).await.assert_invalid(&["/users"]);
    let all = key.get("/2023-12/users").await.ok(200);
    assert_eq!(all["data"].as_array().unwrap().len(), 2);
    assert_eq!(all.as_object().unwrap().len(), 1, "no pages: {all}");
    assert_eq!(key.delete("/2024-03/users/u-3").await.ok(200), json!({"success": true}));
    key.get("/users/u-3").await.assert_problem(404, "not_found");
    app.as_sandbox_key().get("/2024-03/users/u-2").await.assert_problem(404, "not_found");
}

#[tokio::test]
async fn a_list_without_pages_is_whole() {
    let Some(app) = TestApp::start().await else { return };
    for hundred in 0..12 {
        let users: Vec<Value> = (0..100).map(|n| json!({"username": format!("u-{hundred}-{n}")})).collect();
        app.as_key().post("/2024-03/users/batch", &json!({"users": users})).await.ok(200);
    }
    let all = app.as_key().get("/2024-03/users").await.ok(200);
    let names: std::collections::HashSet<&str> =
        all["data"].as_array().unwrap().iter().map(|user| word(&user["username"])).collect();
    assert_eq!((names.len(), all["data"].as_array().unwrap().len()), (1_200, 1_200));
}

#[tokio::test]
async fn typed_credentials_come_and_go() {
    let Some(app) = TestApp::start().await else { return };
    let key = app.as_key();
    let user = app.user("u").await;
    let credential = json!({"type": QUILLPOST, "data": {"key": VALID_KEY}});
    let text = Value::String(credential.to_string());
    let made =
        key.post("/2024-03/headless/credentials", &json!({"userId": user, "credential": text})).await.ok(200);
    let id = word(&made["credentialId"]).to_owned();
    assert_eq!(made, json!({"success": true, "credentialId": id}));
    key.post("/2023-12/users/u/credentials", &json!({"credential": credential})).await.ok(200);
    let all = key.get("/2024-03/users/u/credentials").await.ok(200);
    assert_eq!(all["data"].as_array().unwrap().len(), 2);
    let first = all["data"].as_array().unwrap().iter().find(|c| c["credentialId"] == *id).unwrap();
    assert_eq!((&first["type"], &first["name"]), (&json!(QUILLPOST), &json!("Quillpost (jo@acme.test)")));
    assert!(first["createdAt"].is_string() && first["updatedAt"].is_string() && first.get("data").is_none());

    let refused = json!({"type": QUILLPOST, "data": {"key": "fake_wrong"}});
    let refused =
        key.post("/2024-03/headless/credentials", &json!({"userId": "u", "credential": refused})).await;
    refused.assert_problem(400, "credential_rejected");
    for (body, pointer) in [
        (json!({"credential": credential}), "/userId"),
        (json!({"userId": "nobody", "credential": credential}), "/userId"),
        (json!({"userId": "u"}), "/credential"),
        (json!({"userId": "u", "credential": {"type": "nothing", "data": {}}}), "/credential/type"),
        (json!({"userId": "u", "credential": {"type": QUILLPOST}}), "/credential/data"),
    ] {
        key.post("/2024-03/headless/credentials", &body).await.assert_invalid(&[pointer]);
    }

    app.user("other").await;
    key.delete(&format!("/2024-03/users/other/credentials/{id}")).await.assert_problem(404, "not_found");
    assert_eq!(
        key.delete(&format!("/2024-03/users/u/credentials/{id}")).await.ok(200),
        json!({"success": true})
    );
    key.get(&format!("/credentials/{id}")).await.assert_problem(404, "not_found");
}

#[tokio::test]
async fn a_sign_in_begins_with_a_link() {
    let Some(app) = TestApp::start().await else { return };
    app.put_fernhill().await;
    app.user("u").await;
    let key = app.as_key();
    for path in [
        format!("/2024-03/headless/oauthUrl?app={FERNHILL}&userId=u&store=ignored"),
        format!("/2023-12/users/u/credentials/{FERNHILL}?integrationId=x"),
        format!("/2023-01/users/u/credentials/{FERNHILL}"),
    ] {
        let answer = key.get(&path).await.ok(200);
        let link = word(&answer["oauthUrl"]);
        assert_eq!(answer["data"], json!({"oauthUrl": link}));
        let page = app.follow(link).await;
        assert!(page.contains("Fernhill is connected"), "{page}");
        assert_eq!(app.client.get(link).send().await.unwrap().status(), 400, "it is good for one start");
    }
    let all = key.get("/2024-03/users/u/credentials").await.ok(200);
    assert!(all["data"].as_array().unwrap().iter().all(|credential| credential["type"] == FERNHILL));
    let id = word(&all["data"][0]["credentialId"]);
    assert_eq!(app.shown(id).await["status"], "active", "no back end has to confirm it");

    // A link that lies about is good as long as its session.
    let answer = key.get(&format!("/2024-03/headless/oauthUrl?app={FERNHILL}&userId=u")).await.ok(200);
    app.clock.advance(chrono::TimeDelta::minutes(31));
    assert_eq!(app.client.get(word(&answer["oauthUrl"])).send().await.unwrap().status(), 400);

    key.get("/2024-03/headless/oauthUrl?app=fernhill").await.assert_invalid(&["/userId"]);
    key.get("/2024-03/headless/oauthUrl?app=nothing&userId=u").await.assert_invalid(&["/app"]);
    let backend = json!({"minimumBinding": "backend"});
    key.patch("/environment", &backend).await.ok(200);
    let refused = key.get(&format!("/2024-03/headless/oauthUrl?app={FERNHILL}&userId=u")).await;
    refused.assert_problem(400, "binding_too_weak");
    let refused = key.get("/2024-03/users/u/token").await;
    refused.assert_problem(400, "binding_too_weak");
}

#[tokio::test]
async fn a_user_token_opens_the_modal() {
    let Some(app) = TestApp::start().await else { return };
    app.put_fernhill().await;
    let user = app.user("u").await;
    let token = app.as_key().get(&format!("/2023-01/users/{user}/token")).await.ok(200);
    let state = app.client.get(format!("{}/connect/state", app.base_url)).bearer_auth(word(&token["token"]));
    assert_eq!(state.send().await.unwrap().status(), 200);
    app.as_key().get("/2024-03/users/nobody/token").await.assert_problem(404, "not_found");
}

#[tokio::test]
async fn apps_say_what_they_ask_for() {
    let Some(app) = TestApp::start().await else { return };
    let key = app.as_key();
    let quillpost = key.get("/2024-03/metadata/credentials/quillpost").await.ok(200);
    assert_eq!((&quillpost["name"], &quillpost["isOauth"]), (&json!(QUILLPOST), &json!(false)));
    let property = &quillpost["properties"][0];
    assert_eq!((&property["name"], property["displayName"].is_string()), (&json!("key"), true));
    assert_eq!(key.get("/2023-01/credentials/quillpost").await.ok(200), quillpost);
    assert_eq!(key.get("/2023-01/credentials/fernhill").await.ok(200)["isOauth"], true);
    key.get("/2024-03/metadata/credentials/nothing").await.assert_invalid(&["/app"]);
    for path in ["/2024-03/metadata/credentials", "/2023-12/credentials?userId=u"] {
        let all = key.get(path).await.ok(200);
        assert!(all["data"].as_array().unwrap().contains(&quillpost), "{path}");
    }
    for path in ["/2024-03/metadata/apps", "/2023-12/apps/", "/2023-01/apps"] {
        let all = key.get(path).await.ok(200);
        let app = all["data"].as_array().unwrap().iter().find(|app| app["type"] == QUILLPOST).unwrap();
        assert_eq!(app["name"], "Quillpost");
    }
    let icon = word(&quillpost["icon"]);
    let icon = app.client.get(icon).send().await.unwrap();
    assert_eq!(
        (icon.status().as_u16(), icon.headers()["content-type"].as_bytes()),
        (200, &b"image/svg+xml"[..])
    );
    let none = app.anonymous().get("/icons/nothing.svg").await;
    none.assert_problem(404, "not_found");
}

/// The routes of the dialects and the scope that each needs; `*` stands for every dialect.
const ROUTES: &[(&str, &str, &str)] = &[
    ("GET", "*/users", "users:read"),
    ("POST", "*/users", "users:write"),
    ("POST", "*/users/batch", "users:write"),
    ("GET", "*/users/{user}", "users:read"),
    ("PUT", "*/users/{user}", "users:write"),
    ("DELETE", "*/users/{user}", "users:write"),
    ("GET", "*/users/{user}/token", "sessions:write"),
    ("GET", "*/users/{user}/credentials", "credentials:read"),
    ("POST", "*/users/{user}/credentials", "credentials:write"),
    ("GET", "*/users/{user}/credentials/{name}", "sessions:write"),
    ("DELETE", "*/users/{user}/credentials/{name}", "credentials:write"),
    ("POST", "/2024-03/headless/credentials", "credentials:write"),
    ("GET", "/2024-03/headless/oauthUrl", "sessions:write"),
    ("GET", "/2024-03/metadata/credentials", "providers:read"),
    ("GET", "/2024-03/metadata/credentials/{app}", "providers:read"),
    ("GET", "/2024-03/metadata/apps", "providers:read"),
    ("GET", "/2023-12/credentials", "providers:read"),
    ("GET", "/2023-12/apps", "providers:read"),
    ("GET", "/2023-01/credentials/{app}", "providers:read"),
    ("GET", "/2023-01/apps", "providers:read"),
];

/// The routes as the router has them: method, and path as in [`ROUTES`].
fn routes() -> BTreeSet<(&'static str, String)> {
    let source = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/src/http/compat.rs"));
    let (_, source) = source.split_once("fn routes()").unwrap();
    let (source, _) = source.split_once("\n}\n").unwrap();
    let mut found = BTreeSet::new();
    for route in source.split("both(router, &").skip(1) {
        let (dialect, rest) = route.split_once("(\"").unwrap();
        let (path, handlers) = rest.split_once('"').unwrap();
        let dialect = match dialect {
            "dialect" => "*",
            "latest" => "/2024-03",
            "middle" => "/2023-12",
            "oldest" => "/2023-01",
            other => panic!("an unknown dialect: {other}"),
        };
        let words =
            [("get(", "GET"), ("post(", "POST"), ("put(", "PUT"), ("delete(", "DELETE"), ("patch(", "PATCH")];
        for (_, method) in words.iter().filter(|(word, _)| handlers.contains(word)) {
            found.insert((*method, format!("{dialect}{path}")));
        }
    }
    assert!(!source.contains(".route("), "a route is written in another way");
    found
}

#[test]
fn every_route_of_a_dialect_is_in_the_table() {
    let listed: BTreeSet<_> = ROUTES.iter().map(|(method, path, _)| (*method, (*path).to_owned())).collect();
    assert_eq!(routes(), listed);
}

#[tokio::test]
async fn its_calls_need_keys_and_scopes_like_any() {
    let Some(app) = TestApp::start().await else { return };
    app.user("u").await;
    let narrow = app.with_scopes(&["events:read"]).await;
    for (method, path, scope) in ROUTES {
        let method = Method::from_bytes(method.as_bytes()).unwrap();
        let path = path.replace("{user}", "u").replace("{name}", FERNHILL).replace("{app}", FERNHILL);
        let dialects = if path.starts_with('*') { &["/2024-03", "/2023-12", "/2023-01"][..] } else { &[""] };
        for (dialect, slash) in dialects.iter().flat_map(|dialect| [(dialect, ""), (dialect, "/")]) {
            let path = format!("{dialect}{}{slash}", path.trim_start_matches('*'));
            let nobody = app.anonymous().send(method.clone(), &path, None).await;
            nobody.assert_problem(401, "unauthenticated");
            let problem = narrow.send(method.clone(), &path, None).await.assert_problem(403, "scope_missing");
            assert!(problem["detail"].as_str().unwrap().contains(scope), "{method} {path}: {problem}");
        }
    }
}

/// As a client sends it that was told to use the hub as its proxy.
#[tokio::test]
async fn requests_in_absolute_form_and_with_bodies_are_taken() {
    let Some(app) = TestApp::start().await else { return };
    app.user("u").await;
    let mut connection = Connection::to(&app.base_url).await;
    let head = format!(
        "GET https://api.other.test/2023-01/users/u HTTP/1.1\r\nhost: api.other.test\r\nauthorization: Bearer {}\r\n\
         content-type: application/json\r\ncontent-length: 2\r\nconnection: close\r\n\r\n{{}}",
        app.key()
    );
    assert!(connection.write(head).await);
    assert!(connection.head().await.starts_with("http/1.1 200 "));
    assert!(connection.rest().await.contains("\"username\":\"u\""));
}
