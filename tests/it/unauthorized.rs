//! Every route × nobody, a wrong key, a key without the scope, the other environment. A route that is not in the
//! table fails.

mod scopes;

use std::collections::BTreeMap;

use http::Method;
use serde_json::{Value, json};
use vouchsafe::domain::scope::Scope;

use crate::support::app::TestApp;
use crate::support::http::Persona;

/// A route: its operation, the scope it needs, and what a caller of the other environment gets.
struct Route {
    operation: &'static str,
    scope: &'static str,
    elsewhere: Elsewhere,
}

/// What the same request means in another environment.
enum Elsewhere {
    /// It names something there: not found.
    NotFound,
    /// It is about the caller's own environment.
    Own,
}

use Elsewhere::{NotFound, Own};

const fn route(operation: &'static str, scope: &'static str, elsewhere: Elsewhere) -> Route {
    Route { operation, scope, elsewhere }
}

const ROUTES: &[Route] = &[
    route("get_metrics", "*", Own),
    route("list_providers", "providers:read", Own),
    route("get_provider", "providers:read", Own),
    route("list_connectors", "connectors:read", Own),
    route("get_connector", "connectors:read", NotFound),
    route("put_connector", "connectors:write", Own),
    route("delete_connector", "connectors:write", NotFound),
    route("list_integrations", "connectors:read", Own),
    route("get_integration", "connectors:read", NotFound),
    route("put_integration", "connectors:write", Own),
    route("delete_integration", "connectors:write", NotFound),
    route("get_environment", "connectors:read", Own),
    route("update_environment", "connectors:write", Own),
    route("list_users", "users:read", Own),
    route("create_user", "users:write", Own),
    route("create_users", "users:write", Own),
    route("get_user", "users:read", NotFound),
    route("update_user", "users:write", NotFound),
    route("delete_user", "users:write", NotFound),
    route("list_user_credentials", "credentials:read", NotFound),
    route("list_user_integrations", "users:read", NotFound),
    route("get_user_token", "credentials:reveal", NotFound),
    route("list_credentials", "credentials:read", Own),
    route("create_credential", "credentials:write", Own),
    route("get_credential", "credentials:read", NotFound),
    route("update_credential", "credentials:write", NotFound),
    route("delete_credential", "credentials:write", NotFound),
    route("verify_credential", "credentials:write", NotFound),
    route("refresh_credential", "credentials:write", NotFound),
    route("revoke_credential", "credentials:write", NotFound),
    route("get_credential_token", "credentials:reveal", NotFound),
    route("list_api_keys", "keys:write", Own),
    route("create_api_key", "keys:write", Own),
    route("get_api_key", "keys:write", NotFound),
    route("update_api_key", "keys:write", NotFound),
    route("delete_api_key", "keys:write", NotFound),
    route("rotate_api_key", "keys:write", NotFound),
    route("create_connect_session", "sessions:write", Own),
    route("get_connect_session", "sessions:write", NotFound),
    route("cancel_connect_session", "sessions:write", NotFound),
    route("confirm_connect_session", "sessions:write", NotFound),
    route("call_app", "proxy", Own),
    route("list_secrets", "secrets:read", Own),
    route("create_secret", "secrets:write", Own),
    route("get_secret", "secrets:read", NotFound),
    route("update_secret", "secrets:write", NotFound),
    route("delete_secret", "secrets:write", NotFound),
    route("deactivate_secret", "secrets:write", NotFound),
    route("reactivate_secret", "secrets:write", NotFound),
    route("revoke_secret", "secrets:write", NotFound),
    route("reveal_secret", "secrets:reveal", NotFound),
    route("list_events", "events:read", Own),
    route("list_deliveries", "events:read", NotFound),
    route("redeliver_event", "webhooks:write", NotFound),
    route("list_webhook_endpoints", "webhooks:write", Own),
    route("create_webhook_endpoint", "webhooks:write", Own),
    route("get_webhook_endpoint", "webhooks:write", NotFound),
    route("update_webhook_endpoint", "webhooks:write", NotFound),
    route("delete_webhook_endpoint", "webhooks:write", NotFound),
    route("rotate_webhook_secret", "webhooks:write", NotFound),
    route("test_webhook_endpoint", "webhooks:write", NotFound),
    route("replay_webhook_endpoint", "webhooks:write", NotFound),
    route("list_audit_events", "audit:read", Own),
];

/// One operation of the document, with its path filled in.
struct Call {
    method: Method,
    path: String,
    scopes: Vec<String>,
}

/// The operations that need a key, by name.
fn operations(names: &BTreeMap<&str, String>) -> BTreeMap<String, Call> {
    let document: Value = serde_json::from_str(&vouchsafe::http::document()).unwrap();
    let mut calls = BTreeMap::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let Some(security) = operation.get("security") else {
                continue;
            };
            let mut filled = path.clone();
            for (name, value) in names {
                filled = filled.replace(&format!("{{{name}}}"), value);
            }
            assert!(!filled.contains('{'), "{path} has a name that this test does not know");
            let scopes = security[0]["key"].as_array().unwrap();
            let call = Call {
                method: Method::from_bytes(method.to_uppercase().as_bytes()).unwrap(),
                path: filled,
                scopes: scopes.iter().map(|scope| scope.as_str().unwrap().to_owned()).collect(),
            };
            calls.insert(operation["operationId"].as_str().unwrap().to_owned(), call);
        }
    }
    calls
}

/// What exists in production, by the names in paths.
async fn names(app: &TestApp) -> BTreeMap<&'static str, String> {
    app.user("u").await;
    let credential = app.credential("u").await["credentialId"].as_str().unwrap().to_owned();
    let connector = json!({"provider": "fernhill", "clientId": "c"});
    app.as_key().put("/connectors/mine", &connector).await.ok(201);
    let integration = json!({"name": "Sync", "connectors": [{"connector": "mine"}]});
    app.as_key().put("/integrations/sync", &integration).await.ok(201);
    let key = app.as_key().post("/api-keys", &json!({"name": "k", "scopes": ["users:read"]})).await.ok(201);
    let session = json!({"userId": "u", "connectors": ["quillpost"]});
    let session = app.as_key().post("/connect/sessions", &session).await.ok(201);
    let endpoint = json!({"url": "https://hooks.test/"});
    let endpoint = app.as_key().post("/webhook-endpoints", &endpoint).await.ok(201);
    let events = app.as_key().get("/events").await.ok(200);
    let secret = json!({"key": "K", "value": "v", "type": "api_key", "visibility": "masked"});
    app.as_key().post("/secrets", &secret).await.ok(201);
    BTreeMap::from([
        ("eventId", events["data"][0]["id"].as_str().unwrap().to_owned()),
        ("webhookEndpointId", endpoint["webhookEndpointId"].as_str().unwrap().to_owned()),
        ("secretKey", "K".to_owned()),
        ("path", "me".to_owned()),
        ("sessionId", session["sessionId"].as_str().unwrap().to_owned()),
        ("userId", "u".to_owned()),
        ("connector", "quillpost".to_owned()),
        ("credentialId", credential),
        ("apiKeyId", key["apiKeyId"].as_str().unwrap().to_owned()),
        ("key", "mine".to_owned()),
        ("slug", "sync".to_owned()),
    ])
}

async fn call(caller: &Persona<'_>, call: &Call, query: &str) -> crate::support::http::TestResponse {
    let changes = call.method == Method::PATCH || call.method == Method::PUT;
    let body = if call.path.ends_with("/confirm") {
        Some(json!({"userId": "u", "confirmationCode": "c"}))
    } else if call.path.ends_with("/replay") {
        Some(json!({"since": "2029-12-31T00:00:00Z"}))
    } else {
        changes.then(|| json!({}))
    };
    caller.send(call.method.clone(), &format!("{}{query}", call.path), body.as_ref()).await
}

#[tokio::test]
async fn every_route_is_in_the_table() {
    let Some(app) = TestApp::start().await else { return };
    let listed: Vec<&str> = ROUTES.iter().map(|route| route.operation).collect();
    let calls = operations(&names(&app).await);
    for (operation, call) in &calls {
        assert!(listed.contains(&operation.as_str()), "{operation} ({}) is not in the table", call.path);
    }
    for route in ROUTES {
        let call = calls.get(route.operation).unwrap_or_else(|| panic!("{} is gone", route.operation));
        assert_eq!(call.scopes, [route.scope], "{} describes its scope", route.operation);
    }
}

#[tokio::test]
async fn nobody_and_a_wrong_key_get_nowhere() {
    let Some(app) = TestApp::start().await else { return };
    let calls = operations(&names(&app).await);
    for (at, (operation, one)) in calls.iter().enumerate() {
        let refused = call(&app.anonymous(), one, "?nonsense=1").await;
        refused.assert_problem(401, "unauthenticated");
        assert_eq!(refused.header("www-authenticate"), Some("Bearer"), "{operation}");
        // Each from an address of its own, since too many from one are told to wait.
        let address = format!("192.0.2.{at}");
        for key in ["vs_production_nonsense", "nonsense"] {
            let wrong = app.with_key(key).header("x-forwarded-for", &address);
            call(&wrong, one, "").await.assert_problem(401, "unauthenticated");
        }
    }
}

#[tokio::test]
async fn a_key_without_the_scope_is_told_which_it_lacks() {
    let Some(app) = TestApp::start().await else { return };
    let calls = operations(&names(&app).await);
    for route in ROUTES {
        let others: Vec<&str> = Scope::ALL.iter().map(|scope| scope.as_str()).collect();
        let others: Vec<&str> = others.into_iter().filter(|scope| *scope != route.scope).collect();
        let made = json!({"name": "all but one", "scopes": others});
        let made = app.as_key().post("/api-keys", &made).await.ok(201);
        let caller = app.with_key(made["key"].as_str().unwrap());
        let problem =
            call(&caller, &calls[route.operation], "?nonsense=1").await.assert_problem(403, "scope_missing");
        assert!(problem["detail"].as_str().unwrap().contains(route.scope), "{problem}");
        let path = format!("/api-keys/{}", made["apiKeyId"].as_str().unwrap());
        app.as_key().delete(&path).await.ok(200);
    }
}

#[tokio::test]
async fn the_scope_alone_is_enough_and_unknown_parameters_are_refused_after_it() {
    let Some(app) = TestApp::start().await else { return };
    let calls = operations(&names(&app).await);
    for route in ROUTES.iter().filter(|route| !["get_metrics", "call_app"].contains(&route.operation)) {
        let made = json!({"name": "one", "scopes": [route.scope]});
        let made = app.as_key().post("/api-keys", &made).await.ok(201);
        let caller = app.with_key(made["key"].as_str().unwrap());
        call(&caller, &calls[route.operation], "?nonsense=1").await.assert_invalid(&["/nonsense"]);
        let path = format!("/api-keys/{}", made["apiKeyId"].as_str().unwrap());
        app.as_key().delete(&path).await.ok(200);
    }
}

#[tokio::test]
async fn the_other_environment_and_the_other_workspace_see_nothing() {
    let Some(app) = TestApp::start().await else { return };
    let names = names(&app).await;
    let calls = operations(&names);
    // What never existed is answered in the same words as what exists elsewhere.
    let absent = app.as_sandbox_key().get("/users/nobody").await.json();
    for caller in [app.as_sandbox_key(), app.as_stranger()] {
        for route in ROUTES.iter().filter(|route| matches!(route.elsewhere, NotFound)) {
            let mut problem =
                call(&caller, &calls[route.operation], "").await.assert_problem(404, "not_found");
            problem["requestId"] = absent["requestId"].clone();
            assert_eq!(problem, absent, "{}", route.operation);
        }
        for list in [
            "/users",
            "/credentials",
            "/connectors",
            "/integrations",
            "/events",
            "/webhook-endpoints",
            "/secrets",
        ] {
            assert_eq!(caller.get(list).await.ok(200)["data"], json!([]), "{list}");
        }
    }
    for (name, path) in [
        ("userId", "/users/"),
        ("credentialId", "/credentials/"),
        ("key", "/connectors/"),
        ("slug", "/integrations/"),
        ("apiKeyId", "/api-keys/"),
        ("webhookEndpointId", "/webhook-endpoints/"),
        ("secretKey", "/secrets/"),
    ] {
        app.as_key().get(&format!("{path}{}", names[name])).await.ok(200);
    }
}
