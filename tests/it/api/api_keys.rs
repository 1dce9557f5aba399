//! Hub API keys: shown once, never wider than who makes them, rotated, switched off, bound to networks.

use chrono::TimeDelta;
use serde_json::{Value, json};
use vouchsafe::domain::scope::Scope;

use crate::support::app::TestApp;
use crate::support::http::assert_pointers;

#[tokio::test]
async fn a_key_is_shown_once_and_works_where_it_was_made() {
    let Some(app) = TestApp::start().await else { return };
    app.clock.advance(TimeDelta::seconds(1));
    let body = json!({"name": "billing", "scopes": ["users:read"], "period": "P90D", "rateLimit": 50});
    let made = app.as_key().post("/api-keys", &body).await.ok(201);
    let plain = made["key"].as_str().unwrap();
    assert!(plain.starts_with("vs_production_") && plain.starts_with(made["prefix"].as_str().unwrap()));
    assert_eq!(made["expiresAt"], "2030-04-01T00:00:01.000Z");
    assert_eq!(
        (&made["scopes"], &made["active"], &made["rateLimit"]),
        (&json!(["users:read"]), &json!(true), &json!(50))
    );
    let path = format!("/api-keys/{}", made["apiKeyId"].as_str().unwrap());
    let shown = app.as_key().get(&path).await.ok(200);
    assert_eq!(shown.get("key"), None);
    let list = app.as_key().get("/api-keys").await.ok(200);
    assert_eq!(list["data"][0], shown);
    assert!(!list.to_string().contains(plain));

    app.with_key(plain).get("/users").await.ok(200);
    app.with_key(plain).get("/credentials").await.assert_problem(403, "scope_missing");
    app.as_sandbox_key().get(&path).await.assert_problem(404, "not_found");
    app.as_stranger().delete(&path).await.assert_problem(404, "not_found");
    app.clock.advance(TimeDelta::days(91));
    app.with_key(plain).get("/users").await.assert_problem(401, "unauthenticated");
}

#[tokio::test]
async fn no_key_makes_a_wider_one_and_none_is_had_by_rotating() {
    let Some(app) = TestApp::start().await else { return };
    let narrow = app.with_scopes(&["keys:write", "users:read"]).await;
    let wide = json!({"name": "wide", "scopes": ["users:read", "users:write"]});
    let problem = narrow.post("/api-keys", &wide).await.assert_problem(403, "scope_exceeded");
    assert_pointers(&problem, &["/scopes"]);
    narrow.post("/api-keys", &json!({"name": "same", "scopes": ["users:read"]})).await.ok(201);
    let each: Vec<_> = Scope::ALL.iter().map(|scope| scope.as_str()).collect();
    let each = app.with_scopes(&each).await;
    each.get("/metrics").await.assert_problem(403, "scope_missing");
    let all = json!({"name": "all", "scopes": ["*"]});
    each.post("/api-keys", &all).await.assert_problem(403, "scope_exceeded");
    let star = app.with_scopes(&["*"]).await;
    star.get("/api-keys").await.assert_problem(403, "scope_missing");
    let made = app.as_key().post("/api-keys", &wide).await.ok(201);
    let rotate = format!("/api-keys/{}/rotate", made["apiKeyId"].as_str().unwrap());
    narrow.act(&rotate).await.assert_problem(403, "scope_exceeded");
}

#[tokio::test]
async fn a_rotated_key_works_on_for_seven_days() {
    let Some(app) = TestApp::start().await else { return };
    let made = app.as_key().post("/api-keys", &json!({"name": "k", "scopes": ["users:read"]})).await.ok(201);
    let path = format!("/api-keys/{}/rotate", made["apiKeyId"].as_str().unwrap());
    let rotated = app.as_key().act(&path).await.ok(200);
    let (old, new) = (made["key"].as_str().unwrap(), rotated["key"].as_str().unwrap());
    assert_ne!(old, new);
    assert_eq!(made["apiKeyId"], rotated["apiKeyId"]);
    app.with_key(old).get("/users").await.ok(200);
    app.with_key(new).get("/users").await.ok(200);
    app.clock.advance(TimeDelta::days(7));
    app.with_key(old).get("/users").await.assert_problem(401, "unauthenticated");
    app.with_key(new).get("/users").await.ok(200);
}

#[tokio::test]
async fn a_key_that_is_rotated_and_renamed_at_once_has_both() {
    let Some(app) = TestApp::start().await else { return };
    let made = app.as_key().post("/api-keys", &json!({"name": "k", "scopes": ["users:read"]})).await.ok(201);
    let path = format!("/api-keys/{}", made["apiKeyId"].as_str().unwrap());
    let rotate = format!("{path}/rotate");
    for round in 0..20 {
        let rename = json!({"name": format!("k-{round}"), "active": true});
        let (admin, other) = (app.as_key(), app.as_key());
        let (rotated, renamed) = tokio::join!(admin.act(&rotate), other.patch(&path, &rename));
        renamed.ok(200);
        let rotated = rotated.ok(200);
        app.with_key(rotated["key"].as_str().unwrap()).get("/users").await.ok(200);
        assert_eq!(app.as_key().get(&path).await.ok(200)["name"], rename["name"]);
    }
}

#[tokio::test]
async fn a_key_is_switched_off_and_on_and_removed() {
    let Some(app) = TestApp::start().await else { return };
    let made = app.as_key().post("/api-keys", &json!({"name": "k", "scopes": ["users:read"]})).await.ok(201);
    let path = format!("/api-keys/{}", made["apiKeyId"].as_str().unwrap());
    let caller = app.with_key(made["key"].as_str().unwrap());
    caller.get("/users").await.ok(200);
    let changed = app.as_key().patch(&path, &json!({"active": false, "name": "off"})).await.ok(200);
    assert_eq!((&changed["active"], &changed["name"]), (&json!(false), &json!("off")));
    caller.get("/users").await.assert_problem(401, "unauthenticated");
    app.as_key().patch(&path, &json!({"active": true})).await.ok(200);
    caller.get("/users").await.ok(200);
    app.as_key().patch(&path, &json!({"scopes": ["*"]})).await.assert_invalid(&["/scopes"]);
    assert_eq!(app.as_key().delete(&path).await.ok(200), json!({"success": true}));
    caller.get("/users").await.assert_problem(401, "unauthenticated");
    app.as_key().get(&path).await.assert_problem(404, "not_found");
}

#[tokio::test]
async fn a_key_is_bound_to_networks_and_a_rate() {
    let Some(app) = TestApp::start().await else { return };
    let body =
        json!({"name": "k", "scopes": ["users:read"], "allowedCidrs": ["203.0.113.0/24"], "rateLimit": 2});
    let made = app.as_key().post("/api-keys", &body).await.ok(201);
    let caller = app.with_key(made["key"].as_str().unwrap());
    caller.get("/users").await.assert_problem(401, "unauthenticated");
    let inside = caller.clone().header("x-forwarded-for", "203.0.113.7");
    inside.get("/users").await.ok(200);
    let mut refused = None;
    for _ in 0..10 {
        let response = inside.get("/users").await;
        if response.status != 200 {
            refused = Some(response);
            break;
        }
    }
    let refused = refused.expect("two a second is not ten at once");
    refused.assert_problem(429, "rate_limited");
    assert_eq!(refused.header("retry-after"), Some("1"));
}

#[tokio::test]
async fn every_mistake_of_a_key_is_pointed_at() {
    let Some(app) = TestApp::start().await else { return };
    let key = |members: Value| {
        let mut body = json!({"name": "k", "scopes": ["users:read"]});
        for (name, value) in members.as_object().unwrap() {
            body[name] = value.clone();
        }
        body
    };
    for (body, pointers) in [
        (json!({}), &["/name"][..]),
        (key(json!({"name": ""})), &["/name"]),
        (key(json!({"scopes": []})), &["/scopes"]),
        (key(json!({"scopes": ["users:read", "everything"]})), &["/scopes/1"]),
        (key(json!({"allowedCidrs": ["10.0.0.0/8", "nowhere"]})), &["/allowedCidrs/1"]),
        (key(json!({"rateLimit": 0})), &["/rateLimit"]),
        (key(json!({"rateLimit": -1})), &["/rateLimit"]),
        (key(json!({"expiresAt": "2029-12-31T00:00:00Z"})), &["/expiresAt"]),
        (key(json!({"period": "P0D"})), &["/period"]),
        (key(json!({"active": false})), &["/active"]),
    ] {
        app.as_key().post("/api-keys", &body).await.assert_invalid(pointers);
    }
}

#[tokio::test]
async fn an_environment_has_fifty_keys_at_most() {
    let Some(app) = TestApp::start().await else { return };
    for _ in 0..49 {
        app.as_key().post("/api-keys", &json!({"name": "k", "scopes": ["users:read"]})).await.ok(201);
    }
    let one_more = json!({"name": "k", "scopes": ["users:read"]});
    app.as_key().post("/api-keys", &one_more).await.assert_problem(409, "too_many_keys");
    app.as_sandbox_key().post("/api-keys", &one_more).await.ok(201);
}
