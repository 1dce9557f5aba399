//! Users: made, found by either name, changed, listed, deleted with their credentials.

use serde_json::{Value, json};

use crate::support::app::TestApp;
use crate::support::http::assert_pointers;

#[tokio::test]
async fn a_user_is_made_and_found_by_either_name() {
    let Some(app) = TestApp::start().await else { return };
    let sent = json!({
        "username": "u/17 ü", "fullName": "Jo Smith", "email": "jo@acme.test", "organization": "Acme", "tags": ["a"]
    });
    let made = app.as_key().post("/users", &sent).await.ok(201);
    let id = made["userId"].as_str().unwrap();
    assert!(id.starts_with("user_"), "{made}");
    for (name, value) in sent.as_object().unwrap() {
        assert_eq!(made[name], *value);
    }
    assert_eq!(made["createdAt"], "2030-01-01T00:00:00.000Z");
    assert_eq!(app.as_key().get(&format!("/users/{id}")).await.ok(200), made);
    assert_eq!(app.as_key().get("/users/u%2F17%20%C3%BC").await.ok(200), made);
}

#[tokio::test]
async fn a_user_without_details_has_nulls() {
    let Some(app) = TestApp::start().await else { return };
    let made = app.as_key().post("/users", &json!({"username": "u"})).await.ok(201);
    for name in ["fullName", "email", "organization"] {
        assert_eq!(made[name], Value::Null, "{name}");
    }
    assert_eq!(made["tags"], json!([]));
}

#[tokio::test]
async fn two_changes_of_a_user_at_once_both_stay() {
    let Some(app) = TestApp::start().await else { return };
    app.user("u").await;
    for round in 1..=20 {
        let name = json!({"fullName": format!("Jo {round}")});
        let employer = json!({"organization": format!("Acme {round}")});
        let (one, other) = (app.as_key(), app.as_key());
        let (named, placed) = tokio::join!(one.put("/users/u", &name), other.put("/users/u", &employer));
        named.ok(200);
        placed.ok(200);
        let user = app.as_key().get("/users/u").await.ok(200);
        assert_eq!(user["fullName"], name["fullName"]);
        assert_eq!(user["organization"], employer["organization"]);
    }
}

#[tokio::test]
async fn a_username_is_unique_in_its_environment() {
    let Some(app) = TestApp::start().await else { return };
    app.user("u").await;
    let body = json!({"username": "u"});
    let problem = app.as_key().post("/users", &body).await.assert_problem(409, "username_taken");
    assert_pointers(&problem, &["/username"]);
    app.as_sandbox_key().post("/users", &body).await.ok(201);
    app.as_stranger().post("/users", &body).await.ok(201);
}

#[tokio::test]
async fn every_mistake_of_a_user_is_pointed_at() {
    let Some(app) = TestApp::start().await else { return };
    let key = app.as_key();
    for (body, pointers) in [
        (json!({}), &["/username"][..]),
        (json!({"username": ""}), &["/username"]),
        (json!({"username": 7}), &["/username"]),
        (json!({"username": "."}), &["/username"]),
        (json!({"username": ".."}), &["/username"]),
        (json!({"username": "x".repeat(201), "email": "nobody"}), &["/username", "/email"]),
        (json!({"username": "u", "fulName": "Jo"}), &["/fulName"]),
        (json!({"username": "u", "tags": ["a", 1]}), &["/tags/1"]),
        (json!({"username": "u", "tags": ["a", ""]}), &["/tags/1"]),
        (json!({"username": "u", "fullName": "a\u{0}b"}), &["/fullName"]),
        (json!(["u"]), &[""]),
        (json!("u"), &[""]),
        (json!(null), &[""]),
        (json!(["u", null, null, null, null]), &[""]),
    ] {
        key.post("/users", &body).await.assert_invalid(pointers);
    }
    let ours = app.user("u").await;
    key.post("/users", &json!({"username": ours})).await.assert_invalid(&["/username"]);
}

#[tokio::test]
async fn a_change_touches_only_what_is_sent() {
    let Some(app) = TestApp::start().await else { return };
    let first = json!({"username": "u", "fullName": "Jo", "email": "jo@acme.test", "tags": ["a"]});
    app.as_key().post("/users", &first).await.ok(201);
    let changed = app.as_key().put("/users/u", &json!({"fullName": "Jo Smith"})).await.ok(200);
    assert_eq!((&changed["fullName"], &changed["email"]), (&json!("Jo Smith"), &json!("jo@acme.test")));
    let changed =
        app.as_key().put("/users/u", &json!({"email": null, "tags": null, "username": "v"})).await.ok(200);
    assert_eq!((&changed["email"], &changed["tags"]), (&Value::Null, &json!([])));
    assert_eq!(changed["fullName"], "Jo Smith");
    app.as_key().get("/users/u").await.assert_problem(404, "not_found");
    assert_eq!(app.as_key().get("/users/v").await.ok(200), changed);

    app.user("w").await;
    app.as_key().put("/users/v", &json!({"username": "w"})).await.assert_problem(409, "username_taken");
    app.as_key().put("/users/v", &json!({"userId": "x"})).await.assert_invalid(&["/userId"]);
    app.as_key().put("/users/v", &json!({"username": null})).await.assert_invalid(&["/username"]);
    app.as_key().put("/users/nobody", &json!({"username": "x"})).await.assert_problem(404, "not_found");
}

#[tokio::test]
async fn users_come_newest_first_in_pages() {
    let Some(app) = TestApp::start().await else { return };
    for n in 0..5 {
        app.user(&format!("u-{n}")).await;
        app.clock.advance(chrono::TimeDelta::milliseconds(5));
    }
    let mut seen = Vec::new();
    let mut path = "/users?limit=2".to_owned();
    loop {
        let page = app.as_key().get(&path).await.ok(200);
        let users = page["data"].as_array().unwrap();
        seen.extend(users.iter().map(|user| user["username"].as_str().unwrap().to_owned()));
        let Some(cursor) = page["nextCursor"].as_str() else {
            break;
        };
        path = format!("/users?limit=2&cursor={cursor}");
    }
    assert_eq!(seen, ["u-4", "u-3", "u-2", "u-1", "u-0"]);
    let other = app.as_sandbox_key().get("/users").await.ok(200);
    assert_eq!(other, json!({"data": [], "nextCursor": null}));
}

#[tokio::test]
async fn users_are_searched_as_text_and_not_as_a_pattern() {
    let Some(app) = TestApp::start().await else { return };
    for body in [
        json!({"username": "anna", "email": "a%b@acme.test"}),
        json!({"username": "bert", "fullName": "Annabel"}),
        json!({"username": "c_d", "organization": "Acme Widgets"}),
        json!({"username": "ozil", "fullName": "Mesut Özil", "organization": "İş"}),
    ] {
        app.as_key().post("/users", &body).await.ok(201);
    }
    for (search, count) in [("ANNA", 2), ("%25", 1), ("_", 1), ("widgets", 1), ("zzz", 0), ("", 4)] {
        let page = app.as_key().get(&format!("/users?search={search}")).await.ok(200);
        assert_eq!(page["data"].as_array().unwrap().len(), count, "{search}: {page}");
    }
    // Özil, öZIL and İŞ.
    for search in ["%C3%96zil", "%C3%B6ZIL", "%C4%B0%C5%9E"] {
        let page = app.as_key().get(&format!("/users?search={search}")).await.ok(200);
        assert_eq!(page["data"][0]["username"], "ozil", "{search}: {page}");
    }
    app.as_key().put("/users/ozil", &json!({"fullName": "Émile"})).await.ok(200);
    for (search, count) in [("%C3%B6zil", 0), ("%C3%89MILE", 1)] {
        let page = app.as_key().get(&format!("/users?search={search}")).await.ok(200);
        assert_eq!(page["data"].as_array().unwrap().len(), count, "{search}: {page}");
    }
}

#[tokio::test]
async fn a_batch_makes_the_good_and_names_the_bad() {
    let Some(app) = TestApp::start().await else { return };
    app.user("taken").await;
    let users = json!({"users": [
        {"username": "a", "fullName": "A"},
        {"username": "taken", "fullName": "T"},
        {"username": "a"},
        {"username": ""},
        {"fullName": "nameless"},
        {"username": "b", "colour": "red"},
        {"username": "c"}
    ]});
    let answer = app.as_key().post("/users/batch", &users).await.ok(200);
    assert_eq!(answer["message"], "success");
    let names = |list: &Value| -> Vec<Value> {
        list.as_array().unwrap().iter().map(|user| user["username"].clone()).collect()
    };
    assert_eq!(names(&answer["users"]), ["a", "c"]);
    // Each of them is written down.
    let told = app.as_key().get("/audit-events?action=user.create&limit=2").await.ok(200);
    let mut targets: Vec<_> =
        told["data"].as_array().unwrap().iter().map(|row| &row["target"]["id"]).collect();
    targets.reverse();
    let made: Vec<_> = answer["users"].as_array().unwrap().iter().map(|user| &user["userId"]).collect();
    assert_eq!(targets, made);
    let invalid = answer["invalidUsers"].as_array().unwrap();
    let codes: Vec<_> = invalid.iter().map(|user| user["code"].as_str().unwrap()).collect();
    assert_eq!(codes, ["username_taken", "username_taken", "invalid_length", "required", "unknown_field"]);
    assert_eq!(invalid[0]["fullName"], "T");
    assert_eq!(invalid[4]["colour"], "red");
    assert!(invalid.iter().all(|user| user["message"].is_string()));
}

#[tokio::test]
async fn a_batch_has_one_to_a_thousand_users() {
    let Some(app) = TestApp::start().await else { return };
    let batch = |count: usize| -> Value {
        let users: Vec<_> = (0..count).map(|n| json!({"username": format!("u-{n}")})).collect();
        json!({"users": users})
    };
    let key = app.as_key();
    key.post("/users/batch", &batch(0)).await.assert_invalid(&["/users"]);
    key.post("/users/batch", &batch(1_001)).await.assert_invalid(&["/users"]);
    key.post("/users/batch", &json!({"users": ["u"]})).await.assert_invalid(&["/users/0"]);
    let answer = key.post("/users/batch", &batch(1_000)).await.ok(200);
    assert_eq!(answer["users"].as_array().unwrap().len(), 1_000);
}

#[tokio::test]
async fn a_deleted_user_takes_the_credentials_along() {
    let Some(app) = TestApp::start().await else { return };
    app.user("u").await;
    let credential = app.credential("u").await;
    assert_eq!(app.as_key().delete("/users/u").await.ok(200), json!({"success": true}));
    app.as_key().get("/users/u").await.assert_problem(404, "not_found");
    app.as_key().delete("/users/u").await.assert_problem(404, "not_found");
    let path = format!("/credentials/{}", credential["credentialId"].as_str().unwrap());
    app.as_key().get(&path).await.assert_problem(404, "not_found");
    app.user("u").await;
}

#[tokio::test]
async fn the_credentials_of_a_user_are_theirs_alone() {
    let Some(app) = TestApp::start().await else { return };
    app.user("u").await;
    app.user("v").await;
    let mine = app.credential("u").await;
    app.credential("v").await;
    let page = app.as_key().get("/users/u/credentials").await.ok(200);
    assert_eq!(page["data"], json!([mine]));
    let none = app.as_key().get("/users/u/credentials?connector=fernhill").await.ok(200);
    assert_eq!(none["data"], json!([]));
    app.as_key().get("/users/u/credentials?userId=v").await.assert_invalid(&["/userId"]);
    app.as_key().get("/users/nobody/credentials").await.assert_problem(404, "not_found");
}

#[tokio::test]
async fn a_user_sees_how_far_they_are_with_each_integration() {
    let Some(app) = TestApp::start().await else { return };
    app.user("u").await;
    let integration = json!({"name": "Sync", "connectors": [
        {"connector": "quillpost"}, {"connector": "fern-basic", "optional": true}
    ]});
    app.as_key().put("/integrations/sync", &integration).await.ok(201);
    let before = app.as_key().get("/users/u/integrations").await.ok(200);
    assert_eq!(before["data"][0]["connected"], false);
    assert_eq!(before["data"][0]["connectors"][0]["credentialId"], Value::Null);
    let credential = app.credential("u").await;
    let after = app.as_key().get("/users/u/integrations").await.ok(200);
    assert_eq!(
        after["data"],
        json!([{"slug": "sync", "name": "Sync", "connected": true, "connectors": [
            {"connector": "quillpost", "optional": false, "credentialId": credential["credentialId"],
             "status": "active", "missingScopes": []},
            {"connector": "fern-basic", "optional": true, "credentialId": null, "status": null, "missingScopes": []}
        ]}])
    );
    app.as_key().get("/users/nobody/integrations").await.assert_problem(404, "not_found");
}

#[tokio::test]
async fn a_token_is_read_by_user_and_connector() {
    let Some(app) = TestApp::start().await else { return };
    app.user("u").await;
    let path = "/users/u/connectors/quillpost/token";
    app.as_key().get(path).await.assert_problem(404, "not_found");
    app.credential("u").await;
    let token = app.as_key().get(path).await.ok(200);
    assert_eq!(token, json!({"fields": {"key": vouchsafe::demo::fake::VALID_KEY}}));
    app.as_key().get("/users/u/connectors/nothing/token").await.assert_problem(404, "not_found");
    app.as_key().get("/users/v/connectors/quillpost/token").await.assert_problem(404, "not_found");
}
