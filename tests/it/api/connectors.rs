//! Connectors: there by default, PUT with settings, never telling their secrets, removed.

use chrono::TimeDelta;
use serde_json::{Value, json};
use vouchsafe::demo::fake::{RefreshKind, VALID_KEY};
use vouchsafe_entity::id::ConnectorId;

use crate::support::app::{Setup, TestApp};
use crate::support::crowd::Copier;
use crate::support::http::assert_pointers;

#[tokio::test]
async fn a_connector_that_needs_no_client_is_there_by_default() {
    let Some(app) = TestApp::start().await else { return };
    let shown = app.as_key().get("/connectors/quillpost").await.ok(200);
    assert_eq!(
        shown,
        json!({
            "key": "quillpost", "provider": "quillpost", "enabled": true, "methods": ["api_key"], "clientId": null,
            "hasClientSecret": false, "scopes": [], "authorizationParams": {}, "variables": {}, "redirectUri": null,
            "credentials": 0, "createdAt": null, "updatedAt": null
        })
    );
    app.as_key().get("/connectors/fernhill").await.assert_problem(404, "not_found");
    let list = app.as_key().get("/connectors").await.ok(200);
    assert_eq!(list, json!({"data": [], "nextCursor": null}), "only those that were PUT or have credentials");
    app.user("u").await;
    let credential = app.credential("u").await;
    let list = app.as_key().get("/connectors").await.ok(200);
    assert_eq!((&list["data"][0]["key"], &list["data"][0]["credentials"]), (&json!("quillpost"), &json!(1)));
    app.as_key().delete(&super::credentials::path(&credential)).await.ok(200);
    let list = app.as_key().get("/connectors").await.ok(200);
    assert_eq!(list["data"], json!([]), "what was deleted counts no more");
}

#[tokio::test]
async fn the_provider_alone_is_enough_to_learn_the_redirect_uri() {
    let Some(app) = TestApp::start().await else { return };
    let made = app.as_key().put("/connectors/mine", &json!({"provider": "fernhill"})).await.ok(201);
    let uri = made["redirectUri"].as_str().unwrap();
    let id = uri.strip_prefix(&format!("{}/oauth/callback/", app.base_url)).unwrap();
    assert!(id.parse::<ConnectorId>().is_ok(), "{uri}");
    app.as_key().delete("/connectors/mine").await.ok(200);
    let again = app.as_key().put("/connectors/mine", &json!({"provider": "fernhill"})).await.ok(201);
    assert_eq!(again["redirectUri"], uri, "what was registered at the app stays right");
    let other = app.as_sandbox_key().put("/connectors/mine", &json!({"provider": "fernhill"})).await.ok(201);
    assert_ne!(other["redirectUri"], uri);
}

#[tokio::test]
async fn a_client_secret_stays_until_it_is_replaced_or_removed() {
    let Some(app) = TestApp::start().await else { return };
    let key = app.as_key();
    let first = json!({
        "provider": "fernhill", "clientId": "c", "clientSecret": "very-secret-value", "scopes": ["items:read"],
        "authorizationParams": {"prompt": "consent"}, "methods": ["oauth2"]
    });
    let response = key.put("/connectors/fernhill", &first).await;
    let made = response.ok(201);
    assert!(!made.to_string().contains("very-secret-value"));
    assert_eq!(
        (&made["clientId"], &made["hasClientSecret"], &made["scopes"], &made["authorizationParams"]),
        (&json!("c"), &json!(true), &json!(["items:read"]), &json!({"prompt": "consent"}))
    );
    let kept =
        key.put("/connectors/fernhill", &json!({"provider": "fernhill", "clientId": "d"})).await.ok(200);
    assert_eq!((&kept["hasClientSecret"], &kept["scopes"]), (&json!(true), &json!([])));
    let removed = json!({"provider": "fernhill", "clientId": "d", "clientSecret": null});
    assert_eq!(key.put("/connectors/fernhill", &removed).await.ok(200)["hasClientSecret"], false);
    let audit = key.get("/audit-events?action=connector.put").await.ok(200);
    let changed: Vec<_> =
        audit["data"].as_array().unwrap().iter().map(|row| row["reason"].as_str().unwrap()).collect();
    assert_eq!(
        changed,
        [
            "provider fernhill: clientSecret",
            "provider fernhill: methods, clientId, scopes, authorizationParams",
            "provider fernhill: methods, clientId, clientSecret, scopes, authorizationParams",
        ],
        "names alone"
    );
}

#[tokio::test]
async fn a_connector_that_is_put_twice_at_once_keeps_the_secret_that_one_of_them_brings() {
    let Some(app) = TestApp::start().await else { return };
    let (one, other) = (app.as_key(), app.as_key());
    let body = |secret: &str| json!({"provider": "fernhill", "clientId": "c", "clientSecret": secret});
    one.put("/connectors/fernhill", &body("first")).await.ok(201);
    for _ in 0..20 {
        let without = json!({"provider": "fernhill", "clientId": "c", "clientSecret": null});
        one.put("/connectors/fernhill", &without).await.ok(200);
        let (brings, keeps) = (body("second"), json!({"provider": "fernhill", "clientId": "d"}));
        let path = "/connectors/fernhill";
        let (brought, kept) = tokio::join!(one.put(path, &brings), other.put(path, &keeps));
        brought.ok(200);
        kept.ok(200);
        assert_eq!(one.get(path).await.ok(200)["hasClientSecret"], true);
    }
}

#[tokio::test]
async fn every_mistake_of_a_connector_is_pointed_at() {
    let Some(app) = TestApp::start().await else { return };
    let key = app.as_key();
    for (body, pointers) in [
        (json!({}), &["/provider"][..]),
        (json!({"provider": "nothing"}), &["/provider"]),
        (json!({"provider": "fernhill", "methods": ["api_key"]}), &["/methods/0"]),
        (json!({"provider": "fernhill", "methods": ["magic"]}), &["/methods/0"]),
        (json!({"provider": "fernhill", "methods": []}), &["/methods"]),
        (json!({"provider": "fernhill", "clientSecret": ""}), &["/clientSecret"]),
        (json!({"provider": "fernhill", "scopes": ["a", ""]}), &["/scopes/1"]),
        (json!({"provider": "fernhill", "scopes": ["items:read items:write"]}), &["/scopes/0"]),
        (json!({"provider": "linear", "scopes": ["read", "read,write"]}), &["/scopes/1"]),
        (
            json!({"provider": "fernhill", "authorizationParams": {"state": "x"}}),
            &["/authorizationParams/state"],
        ),
        (json!({"provider": "fernhill", "variables": {"shop": "x"}}), &["/variables/shop"]),
        (json!({"provider": "fernhill", "enabled": "yes"}), &["/enabled"]),
        (json!({"provider": "fernhill", "redirectUri": "x"}), &["/redirectUri"]),
    ] {
        key.put("/connectors/c", &body).await.assert_invalid(pointers);
    }
    key.put("/connectors/Not%20A%20Key", &json!({"provider": "fernhill"})).await.assert_invalid(&["/key"]);
    let reference = json!({"provider": "fernhill", "clientSecret": "$Secret{NOWHERE}"});
    let problem = key.put("/connectors/c", &reference).await.assert_problem(400, "secret_missing");
    assert_pointers(&problem, &["/clientSecret"]);
    key.put("/connectors/c", &json!({"provider": "fernhill"})).await.ok(201);
    key.put("/connectors/c", &json!({"provider": "quillpost"})).await.assert_invalid(&["/provider"]);
}

#[tokio::test]
async fn a_connector_with_credentials_is_removed_only_by_force() {
    let Some(app) = TestApp::start().await else { return };
    app.user("u").await;
    let credential = app.credential("u").await;
    let key = app.as_key();
    key.delete("/connectors/quillpost").await.assert_problem(409, "in_use");
    key.delete("/connectors/quillpost?force=false").await.assert_problem(409, "in_use");
    key.delete("/connectors/quillpost?force=1").await.assert_invalid(&["/force"]);
    key.delete("/connectors/quillpost?forse=true").await.assert_invalid(&["/forse"]);
    assert_eq!(key.delete("/connectors/quillpost?force=true").await.ok(200), json!({"success": true}));
    let path = format!("/credentials/{}", credential["credentialId"].as_str().unwrap());
    key.get(&path).await.assert_problem(404, "not_found");
    assert_eq!(key.get("/connectors").await.ok(200)["data"], json!([]));
    key.delete("/connectors/nothing").await.assert_problem(404, "not_found");
}

#[tokio::test]
async fn connectors_come_by_key_in_pages_of_their_environment() {
    let Some(app) = TestApp::start().await else { return };
    for key in ["b", "a", "c"] {
        app.as_key().put(&format!("/connectors/{key}"), &json!({"provider": "fernhill"})).await.ok(201);
    }
    let page = app.as_key().get("/connectors?limit=2").await.ok(200);
    let keys = |page: &Value| -> Vec<Value> {
        page["data"].as_array().unwrap().iter().map(|connector| connector["key"].clone()).collect()
    };
    assert_eq!(keys(&page), ["a", "b"]);
    let rest = format!("/connectors?limit=2&cursor={}", page["nextCursor"].as_str().unwrap());
    let page = app.as_key().get(&rest).await.ok(200);
    assert_eq!((keys(&page), &page["nextCursor"]), (vec![json!("c")], &Value::Null));
    app.as_sandbox_key().get("/connectors/a").await.assert_problem(404, "not_found");
    app.as_sandbox_key().delete("/connectors/a").await.assert_problem(404, "not_found");
}

#[tokio::test]
async fn the_methods_shown_are_those_that_work() {
    let Some(app) = TestApp::start().await else { return };
    let key = app.as_key();
    let bare = key.put("/connectors/fernhill", &json!({"provider": "fernhill"})).await.ok(201);
    assert_eq!(bare["methods"], json!([]), "signing in needs a client id");
    let body = json!({"provider": "fernhill", "clientId": "c"});
    let complete = key.put("/connectors/fernhill", &body).await.ok(200);
    assert_eq!(complete["methods"], json!(["oauth2"]));
    let list = key.get("/connectors").await.ok(200);
    assert_eq!(list["data"][0]["methods"], json!(["oauth2"]));
    let chosen = json!({"provider": "fernhill", "methods": ["oauth2"]});
    let chosen = key.put("/connectors/fernhill", &chosen).await.ok(200);
    assert_eq!(chosen["methods"], json!(["oauth2"]), "what was chosen is shown as it was chosen");
}

#[tokio::test]
async fn a_connector_that_somebody_relies_on_stays_with_its_provider() {
    let Some(app) = TestApp::start().await else { return };
    app.user("u").await;
    let id = app.credential("u").await["credentialId"].as_str().unwrap().to_owned();
    let other = json!({"provider": "fern-basic"});
    app.as_key().put("/connectors/quillpost", &other).await.assert_invalid(&["/provider"]);
    app.as_key().delete(&format!("/credentials/{id}")).await.ok(200);
    let moved = app.as_key().put("/connectors/quillpost", &other).await.ok(201);
    assert_eq!(moved["provider"], "fern-basic");
}

#[tokio::test]
async fn a_connector_switched_off_ends_its_use_at_once() {
    let Some(app) = TestApp::start().await else { return };
    app.user("u").await;
    let id = app.credential("u").await["credentialId"].as_str().unwrap().to_owned();
    let path = format!("/credentials/{id}/token");
    app.as_key().get(&path).await.ok(200);
    let off = json!({"provider": "quillpost", "enabled": false});
    app.as_key().put("/connectors/quillpost", &off).await.ok(201);
    app.as_key().get(&path).await.assert_problem(409, "credential_inactive");
    app.as_key().put("/connectors/quillpost", &json!({"provider": "quillpost"})).await.ok(200);
    app.as_key().get(&path).await.ok(200);
}

/// What stands behind a connector that was switched is told by the next sweep, of each credential once.
#[tokio::test]
async fn switching_a_connector_is_told_of_each_of_its_credentials_once() {
    let Some(app) = TestApp::start().await else { return };
    let mut ids = Vec::new();
    for user in ["u-1", "u-2", "u-3"] {
        app.user(user).await;
        ids.push(app.credential(user).await["credentialId"].as_str().unwrap().to_owned());
    }
    app.as_key().patch(&format!("/credentials/{}", ids[1]), &json!({"active": false})).await.ok(200);
    app.as_key().act(&format!("/credentials/{}/revoke", ids[2])).await.ok(200);
    let put = async |enabled: bool, status: u16| {
        let body = json!({"provider": "quillpost", "enabled": enabled});
        app.as_key().put("/connectors/quillpost", &body).await.ok(status);
        for _ in 0..2 {
            app.sweep().await;
        }
    };
    put(false, 201).await;
    let off = ["credential.created", "credential.deactivated"];
    assert_eq!(app.events(&ids[0]).await, off);
    assert_eq!(app.reasons("credential.deactivated").await, ["api_key", "connector_disabled"]);
    put(true, 200).await;
    assert_eq!(app.events(&ids[0]).await, [off[0], off[1], "credential.recovered"]);
    assert_eq!(app.events(&ids[1]).await, off, "it is off by itself");
    assert_eq!(app.events(&ids[2]).await, ["credential.created", "credential.revoked"]);
}

/// Connectors that were switched and may have something behind them that was not told of it.
const TURNED: &str = "SELECT key FROM connector WHERE turned_at IS NOT NULL";

#[tokio::test]
async fn a_switched_connector_is_worked_off_to_its_end_whenever_a_hub_comes_to_it() {
    let Some(app) = TestApp::start().await else { return };
    app.user("u").await;
    let body = json!({"userId": "u", "connector": "quillpost", "data": {"key": VALID_KEY}, "verify": false});
    for _ in 0..130 {
        app.as_key().post("/credentials", &body).await.ok(201);
    }
    assert!(app.rows(TURNED).await.is_empty());
    let put = async |enabled: bool, status: u16| {
        let body = json!({"provider": "quillpost", "enabled": enabled});
        app.as_key().put("/connectors/quillpost", &body).await.ok(status);
    };
    put(false, 201).await;
    app.clock.advance(TimeDelta::days(1));
    app.sweep().await;
    assert_eq!(app.reasons("credential.deactivated").await, ["connector_disabled"; 130]);
    assert!(app.rows(TURNED).await.is_empty(), "a day later nothing more can come");
    put(false, 200).await;
    assert!(app.rows(TURNED).await.is_empty(), "it was not switched");

    put(true, 200).await;
    app.sweep().await;
    assert_eq!(app.reasons("credential.recovered").await.len(), 130);
    // What was under way as it was switched writes what it saw before.
    let late = "UPDATE credential_token SET announced_status = 'inactive' RETURNING credential_id";
    assert_eq!(app.rows(late).await.len(), 130);
    app.clock.advance(TimeDelta::minutes(14));
    app.sweep().await;
    let again = "SELECT id FROM event WHERE type = 'credential.recovered'";
    assert_eq!(app.rows(again).await.len(), 260);
    assert_eq!(app.rows(TURNED).await.len(), 1);
    app.clock.advance(TimeDelta::minutes(1));
    app.sweep().await;
    assert!(app.rows(TURNED).await.is_empty());
}

/// A number above a thousand takes long to find out, so it is kept for a minute; a smaller one is always that of now.
#[tokio::test]
async fn the_credentials_of_a_connector_are_counted_however_many_they_are() {
    let Some((app, model)) = TestApp::connected(Setup::of(RefreshKind::Strict).unhurried()).await else {
        return;
    };
    let number = async || {
        let one = app.as_key().get("/connectors/fernhill").await.ok(200)["credentials"].clone();
        let list = app.as_key().get("/connectors").await.ok(200)["data"].take();
        let fernhill = list.as_array().unwrap().iter().find(|connector| connector["key"] == "fernhill");
        assert_eq!(fernhill.unwrap()["credentials"], one);
        one
    };
    let remove = async |id: &str| drop(app.as_key().delete(&format!("/credentials/{id}")).await.ok(200));
    let copies = Copier::of(&app, &model).await.here(1_001).await;
    assert_eq!(number().await, 1_002);
    remove(&copies[0].credential).await;
    assert_eq!(number().await, 1_002, "as of a minute ago");
}
