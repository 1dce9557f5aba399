//! `POST /secrets`, `GET /secrets/{key}`.

use serde_json::{Value, json};
use vouchsafe_entity::kind::{SecretType, WorkspaceState};

use super::{VALUE, masked, with};
use crate::support::app::TestApp;
use crate::support::http::assert_pointers;

#[tokio::test]
async fn a_secret_is_made_and_its_value_never_shown() {
    let Some(app) = TestApp::start().await else { return };
    let mut body = masked("STRIPE_KEY");
    for (name, value) in [
        ("name", json!("Stripe, live")),
        ("description", json!("For invoices")),
        ("issuer", json!("stripe")),
        ("scopes", json!("read_write, invoices")),
        ("scope", json!({"products": ["billing"], "apps": ["stripe"]})),
        ("environments", json!(["production"])),
        ("issuedAt", json!("2029-12-01T00:00:00Z")),
        ("allowedHosts", json!(["API.stripe.com", "*.acme.test:8443"])),
        ("period", json!("P90D")),
    ] {
        body[name] = value;
    }
    let answer = app.as_key().post("/secrets", &body).await;
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    let made = answer.ok(201);
    assert!(made["secretId"].as_str().unwrap().starts_with("sec_"), "{made}");
    let wanted = json!({
        "secretId": made["secretId"],
        "key": "STRIPE_KEY",
        "name": "Stripe, live",
        "description": "For invoices",
        "type": "api_key",
        "issuer": "stripe",
        "visibility": "masked",
        "scopes": "read_write, invoices",
        "scope": {"products": ["billing"], "apps": ["stripe"]},
        "environments": ["production"],
        "allowedHosts": ["api.stripe.com", "*.acme.test:8443"],
        "active": true,
        "revokedAt": null,
        "expiresAt": "2030-04-01T00:00:00.000Z",
        "issuedAt": "2029-12-01T00:00:00.000Z",
        "lastUsedAt": null,
        "createdAt": "2030-01-01T00:00:00.000Z",
        "updatedAt": "2030-01-01T00:00:00.000Z",
    });
    assert_eq!(made, wanted);
    let shown = app.as_key().get("/secrets/STRIPE_KEY").await;
    assert!(!String::from_utf8_lossy(&shown.body).contains(VALUE));
    assert_eq!(shown.ok(200), wanted);
    let audit = app.as_key().get("/audit-events?action=secret.create").await.ok(200);
    assert_eq!(audit["data"][0]["target"], json!({"type": "secret", "id": made["secretId"]}));
    assert!(!audit.to_string().contains(VALUE));
}

#[tokio::test]
async fn what_is_left_out_has_a_meaning() {
    let Some(app) = TestApp::start().await else { return };
    let made = app.secret(&with(masked("K"), "visibility", json!("restricted"))).await;
    for (name, value) in [
        ("name", json!("K")),
        ("description", Value::Null),
        ("issuer", Value::Null),
        ("scopes", Value::Null),
        ("scope", json!({"products": [], "apps": []})),
        ("environments", json!(["production"])),
        ("allowedHosts", json!([])),
        ("expiresAt", Value::Null),
        ("issuedAt", json!("2030-01-01T00:00:00.000Z")),
        ("visibility", json!("restricted")),
    ] {
        assert_eq!(made[name], value, "{name}");
    }
    for kind in SecretType::ALL {
        let body = with(masked(&format!("K_{kind}")), "type", json!(kind.as_str()));
        assert_eq!(app.secret(&body).await["type"], kind.as_str());
    }
}

#[tokio::test]
async fn every_mistake_of_a_secret_is_pointed_at() {
    let Some(app) = TestApp::start().await else { return };
    for (body, pointers) in [
        (json!({}), &["/key"][..]),
        (with(masked("K"), "key", json!("a b")), &["/key"]),
        (with(masked("K"), "key", json!("")), &["/key"]),
        (with(masked("K"), "value", json!("")), &["/value"]),
        (with(masked("K"), "value", json!("x".repeat(65_537))), &["/value"]),
        (with(masked("K"), "value", json!(7)), &["/value"]),
        (with(masked("K"), "type", json!("password")), &["/type"]),
        (with(masked("K"), "visibility", json!("hidden")), &["/visibility"]),
        (with(masked("K"), "name", json!("")), &["/name"]),
        (with(masked("K"), "scope", json!({"apps": ["a b"]})), &["/scope/apps/0"]),
        (with(masked("K"), "scope", json!({"app": []})), &["/scope/app"]),
        (with(masked("K"), "scopes", json!(["a"])), &["/scopes"]),
        (with(masked("K"), "environments", json!([])), &["/environments"]),
        (with(masked("K"), "issuedAt", json!("2031-01-01T00:00:00Z")), &["/issuedAt"]),
        (with(masked("K"), "issuedAt", json!("yesterday")), &["/issuedAt"]),
        (with(masked("K"), "allowedHosts", json!(["https://a.test"])), &["/allowedHosts/0"]),
        (with(masked("K"), "allowedHosts", json!(["a.test", "*.co.uk"])), &["/allowedHosts/1"]),
        (with(masked("K"), "expiresAt", json!("2029-01-01T00:00:00Z")), &["/expiresAt"]),
        (with(masked("K"), "period", json!("90 days")), &["/period"]),
        (with(masked("K"), "secret", json!("x")), &["/secret"]),
    ] {
        let problem = app.as_key().post("/secrets", &body).await.assert_invalid(pointers);
        assert!(!problem.to_string().contains(VALUE), "{problem}");
    }
    let both = with(with(masked("K"), "period", json!("P1D")), "expiresAt", json!("2030-02-01T00:00:00Z"));
    app.as_key().post("/secrets", &both).await.assert_invalid(&["/expiresAt"]);
    assert_eq!(app.as_key().get("/secrets").await.ok(200)["data"], json!([]));
}

#[tokio::test]
async fn a_key_stands_for_one_secret_in_each_environment() {
    let Some(app) = TestApp::start().await else { return };
    let first = app.secret(&masked("K")).await;
    let problem = app.as_key().post("/secrets", &masked("K")).await.assert_problem(409, "key_taken");
    assert_pointers(&problem, &["/key"]);
    let other = app.as_sandbox_key().post("/secrets", &masked("K")).await.ok(201);
    assert_eq!(other["environments"], json!(["sandbox"]));
    assert_ne!(other["secretId"], first["secretId"]);
    assert_eq!(app.as_key().get("/secrets/K").await.ok(200), first);
    assert_eq!(app.as_sandbox_key().get("/secrets/K").await.ok(200), other);
    assert_eq!(app.secret(&masked("k")).await["key"], "k", "letters are told apart");
    app.as_stranger().get("/secrets/K").await.assert_problem(404, "not_found");
    app.as_key().get("/secrets/NONE").await.assert_problem(404, "not_found");
    app.as_key().get("/secrets/a%20b").await.assert_problem(404, "not_found");
}

#[tokio::test]
async fn a_key_can_name_no_other_environment() {
    let Some(app) = TestApp::start().await else { return };
    for (names, pointer) in [
        (json!(["sandbox"]), "/environments/0"),
        (json!(["production", "sandbox"]), "/environments/1"),
        (json!(["nowhere"]), "/environments/0"),
    ] {
        let body = with(masked("K"), "environments", names);
        let problem = app.as_key().post("/secrets", &body).await.assert_problem(400, "wrong_environment");
        assert_pointers(&problem, &[pointer]);
    }
    let operator = app.hub.operator_in("default", "production").await.unwrap();
    let new = vouchsafe::service::secrets::NewSecret {
        key: "WIDE".to_owned(),
        value: VALUE.into(),
        kind: SecretType::ApiKey,
        visibility: vouchsafe_entity::kind::Visibility::Masked,
        name: None,
        description: None,
        issuer: None,
        scopes: None,
        scope: vouchsafe::domain::secret::SecretScope::default(),
        environments: Some(vec!["sandbox".to_owned(), "production".to_owned()]),
        issued_at: None,
        allowed_hosts: Vec::new(),
        expires_at: None,
        period: None,
    };
    app.hub.create_secret(&operator, new).await.unwrap();
    for key in [app.as_key(), app.as_sandbox_key()] {
        let shown = key.get("/secrets/WIDE").await.ok(200);
        assert_eq!(shown["environments"], json!(["production", "sandbox"]));
        key.post("/secrets", &masked("WIDE")).await.assert_problem(409, "key_taken");
    }
}

#[tokio::test]
async fn a_suspended_workspace_uses_and_ends_secrets_but_makes_and_changes_none() {
    let Some(app) = TestApp::start().await else { return };
    app.secret(&masked("K")).await;
    app.set_state(WorkspaceState::Suspended).await;
    let key = app.as_key();
    key.post("/secrets", &masked("L")).await.assert_problem(403, "subscription_required");
    key.patch("/secrets/K", &json!({"name": "x"})).await.assert_problem(403, "subscription_required");
    key.act("/secrets/K/reactivate").await.assert_problem(403, "subscription_required");
    key.act("/secrets/K/reveal").await.ok(200);
    key.act("/secrets/K/deactivate").await.ok(200);
    key.act("/secrets/K/revoke").await.ok(200);
    key.delete("/secrets/K").await.ok(200);
    app.set_state(WorkspaceState::Sandbox).await;
    app.secret(&masked("L")).await;
}
