//! Credentials: typed in and tested, listed, changed, ended. What their tokens do is in `tokens.rs`.

use chrono::TimeDelta;
use serde_json::{Value, json};
use vouchsafe::demo::fake::{Endpoint, Fault, Plan, RESTRICTED_KEY, REVOKED_KEY, VALID_KEY};
use vouchsafe_entity::kind::WorkspaceState;

use crate::support::app::TestApp;
use crate::support::http::assert_pointers;

fn typed(key: &str) -> Value {
    json!({"userId": "u", "connector": "quillpost", "data": {"key": key}})
}

fn with(mut body: Value, name: &str, value: Value) -> Value {
    body[name] = value;
    body
}

pub(super) fn path(credential: &Value) -> String {
    format!("/credentials/{}", credential["credentialId"].as_str().unwrap())
}

#[tokio::test]
async fn a_key_that_works_is_stored_and_never_shown() {
    let Some(app) = TestApp::start().await else { return };
    let user = app.user("u").await;
    let body = with(typed(VALID_KEY), "metadata", json!({"shop": 7}));
    let response = app.as_key().post("/credentials", &body).await;
    let made = response.ok(201);
    assert!(!String::from_utf8_lossy(&response.body).contains(VALID_KEY));
    let id = made["credentialId"].as_str().unwrap();
    assert!(id.starts_with("cred_"), "{made}");
    for (name, value) in [
        ("userId", json!(user)),
        ("username", json!("u")),
        ("connector", json!("quillpost")),
        ("provider", json!("quillpost")),
        ("method", json!("api_key")),
        ("status", json!("active")),
        ("statusReason", Value::Null),
        ("nextStep", Value::Null),
        ("reconnectUrl", Value::Null),
        ("active", json!(true)),
        ("expiresAt", Value::Null),
        ("lastUsedAt", Value::Null),
        ("lastRefreshedAt", Value::Null),
        ("scopes", json!([])),
        ("metadata", json!({"shop": 7})),
        ("createdAt", json!("2030-01-01T00:00:00.000Z")),
        ("issuedAt", json!("2030-01-01T00:00:00.000Z")),
    ] {
        assert_eq!(made[name], value, "{name} of {made}");
    }
    assert!(made["account"]["label"].is_string(), "{made}");
    assert_eq!(made.get("warnings"), None);
    assert_eq!(app.as_key().get(&format!("/credentials/{id}")).await.ok(200), made);
}

#[tokio::test]
async fn a_wrong_key_is_told_apart_from_an_app_that_is_away() {
    let Some(app) = TestApp::start().await else { return };
    app.user("u").await;
    let key = app.as_key();
    key.post("/credentials", &typed(REVOKED_KEY)).await.assert_problem(400, "credential_rejected");
    let warned = key.post("/credentials", &typed(RESTRICTED_KEY)).await.ok(201);
    assert_eq!(warned["warnings"], json!([{"code": "permission_missing"}]));
    app.fake.program(Plan::next(Endpoint::Api, Fault::close_before()).always());
    let away = key.post("/credentials", &typed(VALID_KEY)).await;
    let problem = away.assert_problem(502, "provider_unreachable");
    assert!(!problem.to_string().contains(VALID_KEY));
    let stored = key.get("/credentials").await.ok(200);
    assert_eq!(stored["data"].as_array().unwrap().len(), 1, "only the restricted one was stored");
    app.fake.clear_faults();
    let unchecked = with(typed(REVOKED_KEY), "verify", json!(false));
    key.post("/credentials", &unchecked).await.ok(201);
}

#[tokio::test]
async fn every_mistake_of_a_credential_is_pointed_at() {
    let Some(app) = TestApp::start().await else { return };
    app.user("u").await;
    let key = app.as_key();
    for (body, pointers) in [
        (json!({}), &["/userId"][..]),
        (with(typed(VALID_KEY), "userId", json!("nobody")), &["/userId"]),
        (with(typed(VALID_KEY), "connector", json!("nothing")), &["/connector"]),
        (with(typed(VALID_KEY), "data", json!({})), &["/data/key"]),
        (with(typed(VALID_KEY), "data", json!({"key": 1})), &["/data/key"]),
        (with(typed(VALID_KEY), "data", json!({"key": VALID_KEY, "kei": "x"})), &["/data/kei"]),
        (with(typed(VALID_KEY), "data", json!([])), &["/data"]),
        (typed("no such shape"), &["/data/key"]),
        (typed("fake_live_a\u{0}b"), &["/data/key"]),
        (with(typed(VALID_KEY), "method", json!("basic")), &["/method"]),
        (with(typed(VALID_KEY), "method", json!("magic")), &["/method"]),
        (with(typed(VALID_KEY), "name", json!("")), &["/name"]),
        (with(typed(VALID_KEY), "expiresAt", json!("tomorrow")), &["/expiresAt"]),
        (with(typed(VALID_KEY), "expiresAt", json!("2029-01-01T00:00:00Z")), &["/expiresAt"]),
        (with(typed(VALID_KEY), "period", json!("90 days")), &["/period"]),
        (with(typed(VALID_KEY), "metadata", json!({"x": "y".repeat(17_000)})), &["/metadata"]),
        (with(typed(VALID_KEY), "verify", json!("no")), &["/verify"]),
        (with(typed(VALID_KEY), "secret", json!("x")), &["/secret"]),
    ] {
        let response = key.post("/credentials", &body).await;
        let problem = response.assert_invalid(pointers);
        assert!(!problem.to_string().contains("no such shape"), "{problem}");
    }
    let stored = key.get("/credentials").await.ok(200);
    assert_eq!(stored["data"], json!([]));
}

#[tokio::test]
async fn an_app_with_sign_in_alone_takes_no_typed_values() {
    let Some(app) = TestApp::start().await else { return };
    app.user("u").await;
    let body = json!({"userId": "u", "connector": "fernhill", "data": {}});
    let with_client = json!({"provider": "fernhill", "clientId": "c", "clientSecret": "s"});
    for (connector, status) in [(json!({"provider": "fernhill"}), 201), (with_client, 200)] {
        app.as_key().put("/connectors/fernhill", &connector).await.ok(status);
        let problem = app.as_key().post("/credentials", &body).await.assert_problem(400, "oauth_connector");
        assert_pointers(&problem, &["/connector"]);
    }
}

#[tokio::test]
async fn a_connector_that_is_off_takes_no_credential() {
    let Some(app) = TestApp::start().await else { return };
    app.user("u").await;
    let off = json!({"provider": "quillpost", "enabled": false});
    app.as_key().put("/connectors/quillpost", &off).await.ok(201);
    app.as_key().post("/credentials", &typed(VALID_KEY)).await.assert_problem(400, "connector_disabled");
}

#[tokio::test]
async fn an_end_comes_by_date_or_period_and_a_sweep_is_not_needed_for_it() {
    let Some(app) = TestApp::start().await else { return };
    app.user("u").await;
    let made =
        app.as_key().post("/credentials", &with(typed(VALID_KEY), "period", json!("P90D"))).await.ok(201);
    assert_eq!(made["expiresAt"], "2030-04-01T00:00:00.000Z");
    let both =
        with(with(typed(VALID_KEY), "period", json!("P1D")), "expiresAt", json!("2030-02-01T00:00:00Z"));
    app.as_key().post("/credentials", &both).await.assert_invalid(&["/expiresAt"]);
    app.clock.advance(TimeDelta::days(91));
    let ended = app.as_key().get(&path(&made)).await.ok(200);
    assert_eq!(
        (&ended["status"], &ended["statusReason"], &ended["nextStep"]),
        (&json!("expired"), &json!("expiry_date"), &json!("reconnect"))
    );
    app.as_key().get(&format!("{}/token", path(&made))).await.assert_problem(409, "credential_expired");
    let revive = json!({"active": true});
    app.as_key().patch(&path(&made), &revive).await.assert_problem(409, "credential_expired");
}

#[tokio::test]
async fn credentials_are_listed_by_what_they_are() {
    let Some(app) = TestApp::start().await else { return };
    let user = app.user("u").await;
    app.user("v").await;
    let first = app.credential("u").await;
    app.clock.advance(TimeDelta::seconds(1));
    let second = app.credential("v").await;
    app.as_key().patch(&path(&second), &json!({"expiresAt": "2030-02-01T00:00:00Z"})).await.ok(200);
    let integration = json!({"name": "Sync", "connectors": [{"connector": "quillpost"}]});
    app.as_key().put("/integrations/sync", &integration).await.ok(201);
    let ids = |page: &Value| -> Vec<Value> {
        page["data"].as_array().unwrap().iter().map(|c| c["credentialId"].clone()).collect()
    };
    let (one, two) = (first["credentialId"].clone(), second["credentialId"].clone());
    for (query, wanted) in [
        (String::new(), vec![&two, &one]),
        ("?userId=u".to_owned(), vec![&one]),
        (format!("?userId={user}"), vec![&one]),
        ("?userId=nobody".to_owned(), vec![]),
        ("?connector=quillpost".to_owned(), vec![&two, &one]),
        ("?connector=fernhill".to_owned(), vec![]),
        ("?integration=sync&userId=v".to_owned(), vec![&two]),
        ("?integration=none".to_owned(), vec![]),
        ("?status=active".to_owned(), vec![&two, &one]),
        ("?status=expired".to_owned(), vec![]),
        ("?expiresBefore=2030-03-01T00:00:00Z".to_owned(), vec![&two]),
        ("?expiresBefore=2030-03-01T00:00:00%2B01:00".to_owned(), vec![&two]),
        ("?connector=quillpost&expiresBefore=2030-03-01T00:00:00Z".to_owned(), vec![&two]),
        ("?status=active&expiresBefore=2030-03-01T00:00:00Z".to_owned(), vec![&two]),
        ("?status=expired&expiresBefore=2030-03-01T00:00:00Z".to_owned(), vec![]),
        ("?userId=v&expiresBefore=2030-03-01T00:00:00Z".to_owned(), vec![&two]),
    ] {
        let page = app.as_key().get(&format!("/credentials{query}")).await.ok(200);
        assert_eq!(ids(&page).iter().collect::<Vec<_>>(), wanted, "{query}");
    }
    app.as_key().get("/credentials?status=fine").await.assert_invalid(&["/status"]);
    app.as_key().get("/credentials?expiresBefore=soon").await.assert_invalid(&["/expiresBefore"]);
    let page = app.as_key().get("/credentials?limit=1").await.ok(200);
    let next = page["nextCursor"].as_str().unwrap();
    let page = app.as_key().get(&format!("/credentials?limit=1&cursor={next}")).await.ok(200);
    assert_eq!((ids(&page), &page["nextCursor"]), (vec![one.clone()], &Value::Null));

    // What ends soonest comes first, page by page, and no cursor of one order goes with the other.
    app.as_key().patch(&path(&first), &json!({"expiresAt": "2030-02-02T00:00:00Z"})).await.ok(200);
    let ending = "/credentials?expiresBefore=2030-03-01T00:00:00Z&limit=1";
    let page = app.as_key().get(ending).await.ok(200);
    assert_eq!(ids(&page), [two]);
    let next = page["nextCursor"].as_str().unwrap();
    let page = app.as_key().get(&format!("{ending}&cursor={next}")).await.ok(200);
    assert_eq!((ids(&page), &page["nextCursor"]), (vec![one], &Value::Null));
    app.as_key().get(&format!("/credentials?cursor={next}")).await.assert_invalid(&["/cursor"]);
}

#[tokio::test]
async fn a_credential_is_renamed_switched_off_and_on() {
    let Some(app) = TestApp::start().await else { return };
    app.user("u").await;
    let path = path(&app.credential("u").await);
    let key = app.as_key();
    let changed =
        key.patch(&path, &json!({"name": "Shop", "metadata": {"a": 1}, "active": false})).await.ok(200);
    assert_eq!(
        (&changed["name"], &changed["status"], &changed["active"], &changed["nextStep"]),
        (&json!("Shop"), &json!("inactive"), &json!(false), &json!("reactivate"))
    );
    key.get(&format!("{path}/token")).await.assert_problem(409, "credential_inactive");
    let changed = key.patch(&path, &json!({"active": true})).await.ok(200);
    assert_eq!((&changed["status"], &changed["metadata"]), (&json!("active"), &json!({"a": 1})));
    key.patch(&path, &json!({"status": "active"})).await.assert_invalid(&["/status"]);
    key.patch(&path, &json!({"name": ""})).await.assert_invalid(&["/name"]);
    key.patch(&path, &json!({"expiresAt": "2031-01-01T00:00:00Z"})).await.ok(200);
    let never = key.patch(&path, &json!({"expiresAt": null})).await.ok(200);
    assert_eq!(never["expiresAt"], Value::Null);
}

#[tokio::test]
async fn a_new_value_is_tested_before_it_takes_the_place_of_the_old() {
    let Some(app) = TestApp::start().await else { return };
    app.user("u").await;
    let path = path(&app.credential("u").await);
    let key = app.as_key();
    let wrong = json!({"data": {"key": REVOKED_KEY}});
    key.patch(&path, &wrong).await.assert_problem(400, "credential_rejected");
    key.patch(&path, &json!({"data": {"key": "nonsense"}})).await.assert_invalid(&["/data/key"]);
    let token = || async { key.get(&format!("{path}/token")).await.ok(200) };
    assert_eq!(token().await["fields"]["key"], VALID_KEY);
    key.patch(&path, &json!({"data": {"key": "fake_live_0123456789abcdef"}})).await.ok(200);
    assert_eq!(token().await["fields"]["key"], "fake_live_0123456789abcdef");
}

#[tokio::test]
async fn a_credential_shows_when_its_value_came_and_not_when_it_ended() {
    let Some(app) = TestApp::start().await else { return };
    app.user("u").await;
    let made = app.credential("u").await;
    let path = path(&made);
    app.clock.advance(TimeDelta::hours(1));
    app.as_key().patch(&path, &json!({"data": {"key": VALID_KEY}})).await.ok(200);
    let renewed = app.as_key().get(&path).await.ok(200)["issuedAt"].clone();
    assert_eq!(
        (&made["issuedAt"], &renewed),
        (&json!("2030-01-01T00:00:00.000Z"), &json!("2030-01-01T01:00:00.000Z"))
    );
    app.clock.advance(TimeDelta::hours(1));
    app.as_key().act(&format!("{path}/revoke")).await.ok(200);
    assert_eq!(app.as_key().get(&path).await.ok(200)["issuedAt"], renewed);
}

#[tokio::test]
async fn a_revoked_credential_stays_to_be_seen_and_a_deleted_one_does_not() {
    let Some(app) = TestApp::start().await else { return };
    app.user("u").await;
    let key = app.as_key();
    let revoked = path(&app.credential("u").await);
    let ended = key.act(&format!("{revoked}/revoke")).await.ok(200);
    assert_eq!(ended, json!({"success": true, "revokedUpstream": "unsupported"}));
    assert_eq!(key.get(&revoked).await.ok(200)["status"], "revoked");
    key.patch(&revoked, &json!({"active": true})).await.assert_problem(409, "credential_revoked");
    key.get(&format!("{revoked}/token")).await.assert_problem(409, "credential_revoked");

    let deleted = path(&app.credential("u").await);
    let ended = key.delete(&deleted).await.ok(200);
    assert_eq!(ended, json!({"success": true, "revokedUpstream": "unsupported"}));
    key.get(&deleted).await.assert_problem(404, "not_found");
    key.delete(&deleted).await.assert_problem(404, "not_found");
}

#[tokio::test]
async fn a_suspended_workspace_reads_and_ends_but_does_not_create() {
    let Some(app) = TestApp::start().await else { return };
    app.user("u").await;
    let path = path(&app.credential("u").await);
    app.set_state(WorkspaceState::Suspended).await;
    let key = app.as_key();
    key.post("/credentials", &typed(VALID_KEY)).await.assert_problem(403, "subscription_required");
    key.patch(&path, &json!({"name": "x"})).await.assert_problem(403, "subscription_required");
    key.put("/connectors/quillpost", &json!({"provider": "quillpost"}))
        .await
        .assert_problem(403, "subscription_required");
    key.get(&format!("{path}/token")).await.ok(200);
    key.patch(&path, &json!({"active": false})).await.ok(200);
    key.delete(&path).await.ok(200);
}
