//! S6: every route that names something × what it names (there, in the other environment, in the other workspace,
//! deleted, never made, not even an id) × every scope that a key can have.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use vouchsafe::config::AuditMode;
use vouchsafe::domain::scope::Scope;
use vouchsafe::service::Parts;

use super::{Call, Elsewhere, ROUTES, call, names, operations};
use crate::support::app::TestApp;
use crate::support::http::{Persona, TestResponse};

/// Names that no later thing can have again, and where each is deleted.
const DELETED: [(&str, &str); 3] = [
    ("credentialId", "/credentials/"),
    ("webhookEndpointId", "/webhook-endpoints/"),
    ("apiKeyId", "/api-keys/"),
];

/// A key with each scope alone, and one with `*`, of whoever `caller` is.
async fn keys(caller: &Persona<'_>) -> Vec<(Option<Scope>, String)> {
    let mut keys = Vec::new();
    for scope in Scope::ALL.iter().copied().map(Some).chain([None]) {
        let word = scope.map_or("*", |scope| scope.as_str());
        let made = caller.post("/api-keys", &json!({"name": word, "scopes": [word]})).await.ok(201);
        keys.push((scope, made["key"].as_str().unwrap().to_owned()));
    }
    keys
}

/// The operations on things that were deleted.
async fn deleted(app: &TestApp) -> BTreeMap<String, Call> {
    let names = names(app).await;
    for (name, path) in DELETED {
        app.as_key().delete(&format!("{path}{}", names[name])).await.ok(200);
    }
    // Makes room for things of the same name.
    for path in ["/users/u", "/secrets/K", "/integrations/sync", "/connectors/mine"] {
        app.as_key().delete(path).await.ok(200);
    }
    let mut operations = operations(&names);
    operations.retain(|_, call| DELETED.iter().any(|(name, _)| call.path.contains(&names[name])));
    assert!(operations.len() >= 15, "{}", operations.len());
    operations
}

/// The same kinds of names, of nothing that ever was.
fn random(names: &BTreeMap<&'static str, String>) -> BTreeMap<&'static str, String> {
    let never = |name: &str, value: &str| match value.split_once('_') {
        Some((prefix, _)) if name.ends_with("Id") => {
            format!("{prefix}_01jz0000000000000000000000")
        }
        _ => "neverMade".to_owned(),
    };
    names.iter().map(|(name, value)| (*name, never(name, value))).collect()
}

/// Names of which every letter counts: the last one is another.
fn mutated(names: &BTreeMap<&'static str, String>) -> BTreeMap<&'static str, String> {
    let change = |value: &str| {
        let (rest, last) = value.split_at(value.len() - 1);
        format!("{rest}{}", if last == "0" { "1" } else { "0" })
    };
    names.iter().map(|(name, value)| (*name, change(value))).collect()
}

/// Ids of another kind of thing, which is there.
fn of_another_kind(names: &BTreeMap<&'static str, String>) -> BTreeMap<&'static str, String> {
    let other = |name: &str| {
        if name == "credentialId" { names["apiKeyId"].clone() } else { names["credentialId"].clone() }
    };
    names.keys().map(|name| (*name, other(name))).collect()
}

fn allows(scope: Option<Scope>, wanted: &str) -> bool {
    match scope {
        Some(scope) => scope.as_str() == wanted,
        None => !["credentials:reveal", "secrets:reveal", "keys:write"].contains(&wanted),
    }
}

/// What nobody may see is answered in the same words, whatever it is.
fn assert_not_there(answer: &TestResponse, absent: &Value, what: &str) {
    assert_eq!(answer.status, 404, "{what}: {}", answer.json());
    let mut problem = answer.json();
    problem["requestId"] = absent["requestId"].clone();
    assert_eq!(&problem, absent, "{what}");
}

struct Round<'a> {
    app: &'a TestApp,
    keys: Vec<(Option<Scope>, String)>,
    absent: Value,
    calls: usize,
}

impl Round<'_> {
    /// Every route that names something, with names that are not there for the caller.
    async fn refused(&mut self, what: &str, operations: &BTreeMap<String, Call>) {
        for route in ROUTES.iter().filter(|route| matches!(route.elsewhere, Elsewhere::NotFound)) {
            let Some(operation) = operations.get(route.operation) else { continue };
            for (scope, key) in &self.keys {
                let what = format!("{what}: {} with {scope:?}", route.operation);
                let answer = call(&self.app.with_key(key), operation, "").await;
                self.calls += 1;
                if allows(*scope, route.scope) {
                    assert_not_there(&answer, &self.absent, &what);
                } else {
                    let problem = answer.assert_problem(403, "scope_missing");
                    assert!(problem["detail"].as_str().unwrap().contains(route.scope), "{what}: {problem}");
                }
            }
        }
    }

    /// Every route with what is there: only the scope decides, before anything else is looked at.
    async fn scopes(&mut self, operations: &BTreeMap<String, Call>) {
        for route in ROUTES.iter().filter(|route| !["get_metrics", "call_app"].contains(&route.operation)) {
            for (scope, key) in &self.keys {
                let answer = call(&self.app.with_key(key), &operations[route.operation], "?nonsense=1").await;
                self.calls += 1;
                if allows(*scope, route.scope) {
                    answer.assert_invalid(&["/nonsense"]);
                } else {
                    answer.assert_problem(403, "scope_missing");
                }
            }
        }
    }
}

/// The story of one caller; production's own things are there for production alone.
#[expect(clippy::print_stdout, reason = "the count of calls is part of what the test shows")]
async fn story(caller: impl AsyncFn(&TestApp) -> Vec<(Option<Scope>, String)>, owner: bool) {
    let batched = |parts: &mut Parts| parts.audit = AuditMode::Batched;
    let Some(app) = TestApp::start_as(batched, |_| ()).await else { return };
    let gone = deleted(&app).await;
    let there = names(&app).await;
    let own = operations(&there);
    let absent = app.as_key().get("/users/nobody").await.json();
    let mut round = Round { app: &app, keys: caller(&app).await, absent, calls: 0 };
    round.scopes(&own).await;
    if !owner {
        round.refused("another's", &own).await;
    }
    round.refused("deleted", &gone).await;
    round.refused("never made", &operations(&random(&there))).await;
    round.refused("another letter", &operations(&mutated(&there))).await;
    round.refused("another kind", &operations(&of_another_kind(&there))).await;
    println!("{} calls", round.calls);
    assert!(round.calls >= 3_334, "{} calls, and three callers make 10,000", round.calls);
    for (name, path) in DELETED.into_iter().chain([("userId", "/users/"), ("secretKey", "/secrets/")]) {
        app.as_key().get(&format!("{path}{}", there[name])).await.ok(200);
    }
}

#[tokio::test]
async fn s6_each_scope_opens_its_own_routes_and_nothing_that_is_not_there() {
    story(async |app| keys(&app.as_key()).await, true).await;
}

#[tokio::test]
async fn s6_no_scope_opens_another_environment() {
    story(async |app| keys(&app.as_sandbox_key()).await, false).await;
}

#[tokio::test]
async fn s6_no_scope_opens_another_workspace() {
    story(async |app| keys(&app.as_stranger()).await, false).await;
}
