//! Environments as they come and go. One that is made begins empty; one that is deleted is found by nothing, nothing of
//! it is left, and its name is free.

use std::collections::BTreeSet;

use chrono::TimeDelta;
use serde_json::json;
use vouchsafe::store::environment::TABLES;

use crate::support::app::TestApp;
use crate::support::database::is_postgres;

const NEW: &str = "/dashboard/environments/new";
const DELETE: &str = "/dashboard/production/settings/delete";
/// A secret that another environment has too.
const OF_BOTH: [(&str, &str); 7] = [
    ("key", "BOTH"),
    ("value", "sk-2"),
    ("type", "bearer_token"),
    ("visibility", "masked"),
    ("environments", "production"),
    ("environments", "sandbox"),
    ("ends", "never"),
];
const SURE: [(&str, &str); 2] = [("name", "production"), ("force", "on")];

impl TestApp {
    /// The tables whose rows lie in environments, but for those of the audit log.
    async fn tables_in_environments(&self) -> BTreeSet<String> {
        let sql = if is_postgres() {
            "SELECT table_name AS t FROM information_schema.columns \
             WHERE table_schema = current_schema() AND column_name = 'environment_id'"
        } else {
            "SELECT m.name AS t FROM sqlite_master m JOIN pragma_table_info(m.name) p \
             WHERE m.type = 'table' AND p.name = 'environment_id'"
        };
        let names = self.rows(sql).await.into_iter().map(|row| row.try_get::<String>("", "t").unwrap());
        names.filter(|name| !name.starts_with("audit_")).collect()
    }

    /// Which of them have rows of this one.
    async fn filled_tables(&self, environment: &str) -> BTreeSet<String> {
        let tables = self.tables_in_environments().await;
        let parts = tables.iter().map(|table| {
            format!("SELECT '{table}' AS t FROM \"{table}\" WHERE environment_id = '{environment}'")
        });
        let sql = parts.collect::<Vec<_>>().join(" UNION ");
        self.rows(&sql).await.iter().map(|row| row.try_get("", "t").unwrap()).collect()
    }

    /// A little of everything in production.
    async fn fill(&self) {
        self.user("u").await;
        self.put_fernhill().await;
        self.connect("u").await;
        self.credential("u").await;
        let integration = json!({"name": "I", "connectors": [{"connector": "quillpost"}]});
        self.as_key().put("/integrations/i", &integration).await.ok(201);
        let hook = json!({"url": "http://127.0.0.1:9/hook"});
        let hook = self.as_key().post("/webhook-endpoints", &hook).await.ok(201);
        let test = format!("/webhook-endpoints/{}/test", hook["webhookEndpointId"].as_str().unwrap());
        self.as_key().act(&test).await.ok(202);
        let secret = json!({"key": "OWN", "value": "sk-1", "type": "api_key", "visibility": "masked",
            "allowedHosts": ["api.acme.test"]});
        self.as_key().post("/secrets", &secret).await.ok(201);
        self.hub.seal_audit().await.unwrap();
    }
}

#[tokio::test]
async fn an_admin_makes_an_environment_which_begins_empty() {
    let Some(app) = TestApp::start().await else { return };
    let owner = app.as_owner().await;
    let admin = app.as_invited(&owner, "admin", "ada@acme.test").await;
    let editor = app.as_invited(&owner, "editor", "ed@acme.test").await;
    // It is offered where one switches.
    let switch =
        admin.get("/dashboard/production/users").await.between("class=\"environment-list\"", "</ul>");
    assert!(switch.contains(NEW), "{switch}");
    admin.get(NEW).await.page(200, "Create environment");
    for (name, message) in [
        ("", "A name has 1 to 32 of"),
        ("No spaces", "A name has 1 to 32 of"),
        ("account", "The dashboard has a page of this name"),
        ("sandbox", "The workspace has an environment of this name"),
    ] {
        let refused = admin.post(NEW, &[("name", name)]).await;
        refused.page(400, &format!("value=\"{name}\""));
        let field = refused.between("id=\"f-name-error\"", "</p>");
        assert!(field.contains(message), "{field}");
    }
    editor.post(NEW, &[("name", "staging")]).await.page(404, "Not found");
    owner.get("/dashboard/staging/overview").await.page(404, "Not found");

    app.user("of-production").await;
    admin.post(NEW, &[("name", " staging ")]).await.leads_to("/dashboard/staging/overview");
    admin.get("/dashboard/staging/overview").await.page(200, "The environment is there, and empty");
    let key = app.key_of("default", "staging").await;
    assert_eq!(app.with_key(&key).get("/users").await.ok(200)["data"], json!([]));
    app.with_key(&key).post("/users", &json!({"username": "of-staging"})).await.ok(201);
    let log = owner.get("/dashboard/staging/audit?action=environment.create").await;
    log.page(200, "environment.create</code>");
    log.page(200, "Sam Invited");
}

#[tokio::test]
async fn an_owner_deletes_an_environment_and_nothing_of_it_is_left() {
    let Some(app) = TestApp::start().await else { return };
    let owner = app.as_owner().await;
    app.fill().await;
    owner.post("/dashboard/production/secrets/new", &OF_BOTH).await;
    let environment =
        app.hub.operator_in("default", "production").await.unwrap().tenant.environment.to_string();
    let keys = format!("SELECT 1 AS n FROM data_key WHERE owner = '{environment}'");
    assert_eq!(app.rows(&keys).await.len(), 1);
    assert!(app.filled_tables(&environment).await.len() >= 10, "{:?}", app.filled_tables(&environment).await);

    owner.get("/dashboard/production/settings").await.page(200, DELETE);
    let asked = owner.get(DELETE).await;
    for held in ["1 user<", "2 credentials<", "1 secret<", "1 connector<", "No app is told"] {
        asked.page(200, held);
    }
    owner.post(DELETE, &[("name", "sandbox"), ("force", "on")]).await.page(400, "letter by letter");
    owner.post(DELETE, &[("name", "production")]).await.page(400, "Delete the credentials first, so that");
    app.as_key().get("/users").await.ok(200);

    owner.post(DELETE, &SURE).await.leads_to("/dashboard");
    assert_eq!(app.rows(&keys).await.len(), 0, "the key goes at once");
    app.as_key().get("/users").await.assert_problem(401, "unauthenticated");
    owner.get("/dashboard/sandbox/overview").await.page(200, "The environment is deleted");
    for path in ["/dashboard/production/overview", "/dashboard/production/settings", DELETE] {
        owner.get(path).await.page(404, "Not found");
    }
    let secrets = app.as_sandbox_key().get("/secrets").await.ok(200);
    assert_eq!(secrets["data"][0]["key"], "BOTH", "{secrets}");
    assert_eq!(secrets["data"][0]["environments"], json!(["sandbox"]));
    owner
        .get("/dashboard/sandbox/audit?action=environment.delete")
        .await
        .page(200, "environment.delete</code>");
    owner.get("/dashboard/sandbox/settings/delete").await.page(409, "the last environment");

    app.hub.sweep().await.unwrap();
    assert_eq!(app.filled_tables(&environment).await, BTreeSet::new());
    let emptied: BTreeSet<String> = TABLES.iter().map(|table| table.trim_matches('"').to_owned()).collect();
    assert_eq!(app.tables_in_environments().await, emptied, "a table that no sweep empties");
    app.hub.seal_audit().await.unwrap();
    // Its events are still counted among those of the workspace.
    owner.get("/dashboard/sandbox/audit/check").await.page(200, "The audit log is as it was written");

    app.hub.create_environment("default", "production").await.unwrap();
    let new = app.key_of("default", "production").await;
    for list in ["/users", "/credentials", "/events"] {
        let page = app.with_key(&new).get(list).await.ok(200);
        assert_eq!(page["data"], json!([]), "{list}");
    }
    owner.get("/dashboard/production/overview").await.page(200, "production");
    app.with_key(&new).post("/users", &json!({"username": "u"})).await.ok(201);
}

#[tokio::test]
async fn no_work_is_done_for_an_environment_that_waits_to_be_emptied() {
    let Some(app) = TestApp::start().await else { return };
    app.fill().await;
    let (refreshes, production) =
        (app.refreshes(), app.hub.operator_in("default", "production").await.unwrap());
    app.hub.delete_environment(&production, true).await.unwrap();
    app.clock.advance(TimeDelta::days(40));
    app.round().await;
    app.hub.work_off_revocations().await.unwrap();
    app.hub.purge().await.unwrap();
    app.hub.replace_keys().await.unwrap();
    app.hub.sweep().await.unwrap();
    assert_eq!(app.refreshes(), refreshes);
    // Long after, it is done with.
    let left = "SELECT 1 AS n FROM environment WHERE deleted_at IS NOT NULL AND emptied_at IS NULL";
    assert_eq!(app.rows(left).await.len(), 0);
    assert!(app.hub.delete_environment(&production, true).await.is_err(), "it is gone");
}

#[tokio::test]
async fn another_hub_lets_go_of_the_key_within_a_second() {
    let Some(app) = TestApp::start().await else { return };
    app.user("u").await;
    let credential = app.credential("u").await;
    let path = format!("/credentials/{}/token", credential["credentialId"].as_str().unwrap());
    let other = app.replica("other").await;
    other.api.done("GET", &path, None).await;
    let production = app.hub.operator_in("default", "production").await.unwrap();
    app.hub.delete_environment(&production, true).await.unwrap();
    // What its worker does each second.
    other.hub.review_keys().await.unwrap();
    let (status, answer) = other.api.call("GET", &path, None).await;
    assert!((400..600).contains(&status) && answer.get("fields").is_none(), "{status} {answer}");
}
