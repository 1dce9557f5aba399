//! Environments and workspaces as they come and go. One that is made begins empty; one that is deleted is found by
//! nothing, nothing of it is left, and its name is free.

use std::collections::BTreeSet;
use std::sync::Arc;

use chrono::TimeDelta;
use serde_json::json;
use vouchsafe::store::environment::TABLES;
use vouchsafe_entity::kind::WorkspaceState;

use crate::support::app::TestApp;
use crate::support::browser::PASSWORD;
use crate::support::database::is_postgres;
use crate::support::holder::Holder;

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
const DELETE_WORKSPACE: &str = "/dashboard/workspace/delete";
const SURE: [(&str, &str); 2] = [("name", "production"), ("force", "on")];

impl TestApp {
    /// The tables that have this column, but for those of the audit log.
    async fn tables_with(&self, column: &str) -> BTreeSet<String> {
        let sql = if is_postgres() {
            format!(
                "SELECT table_name AS t FROM information_schema.columns \
                 WHERE table_schema = current_schema() AND column_name = '{column}'"
            )
        } else {
            format!(
                "SELECT m.name AS t FROM sqlite_master m JOIN pragma_table_info(m.name) p \
                 WHERE m.type = 'table' AND p.name = '{column}'"
            )
        };
        let names = self.rows(&sql).await.into_iter().map(|row| row.try_get::<String>("", "t").unwrap());
        names.filter(|name| !name.starts_with("audit_")).collect()
    }

    /// Which of them have rows with this one.
    async fn filled_by(&self, column: &str, id: &str) -> BTreeSet<String> {
        let tables = self.tables_with(column).await;
        let parts = tables
            .iter()
            .map(|table| format!("SELECT '{table}' AS t FROM \"{table}\" WHERE {column} = '{id}'"));
        let sql = parts.collect::<Vec<_>>().join(" UNION ");
        self.rows(&sql).await.iter().map(|row| row.try_get("", "t").unwrap()).collect()
    }

    /// Which tables have rows of this environment.
    async fn filled_tables(&self, environment: &str) -> BTreeSet<String> {
        self.filled_by("environment_id", environment).await
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
    assert_eq!(app.tables_with("environment_id").await, emptied, "a table that no sweep empties");
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
    assert_eq!((status, &answer["code"]), (401, &json!("unauthenticated")), "{answer}");
}

#[tokio::test]
async fn an_owner_deletes_their_workspace_and_nothing_of_it_is_left() {
    let Some(app) = TestApp::start().await else { return };
    let owner = app.as_owner().await;
    let admin = app.as_invited(&owner, "admin", "ada@acme.test").await;
    let form = [("email", "late@acme.test"), ("role", "viewer")];
    owner.post("/dashboard/members/invite", &form).await.page(200, "The invitation’s link");
    app.fill().await;
    owner.post("/dashboard/production/secrets/new", &OF_BOTH).await;
    let of_other = app.key_of("other", "production").await;
    app.with_key(&of_other).post("/users", &json!({"username": "stays"})).await.ok(201);
    let production = app.hub.operator_in("default", "production").await.unwrap().tenant;
    let sandbox = app.hub.operator_in("default", "sandbox").await.unwrap().tenant;
    let workspace = production.workspace.to_string();
    let ids = [production.environment.to_string(), sandbox.environment.to_string(), workspace.clone()];
    let keys = format!("SELECT 1 AS n FROM data_key WHERE owner IN ('{}')", ids.join("', '"));
    assert_eq!(app.rows(&keys).await.len(), 3);
    let own = app.filled_by("workspace_id", &workspace).await;
    for table in ["member", "member_session", "invitation", "secret", "secret_environment", "environment"] {
        assert!(own.contains(table), "{table} in {own:?}");
    }

    owner.get("/dashboard/members").await.page(200, DELETE_WORKSPACE);
    assert!(!admin.get("/dashboard/members").await.html.contains(DELETE_WORKSPACE));
    admin.post(DELETE_WORKSPACE, &[("name", "default"), ("force", "on")]).await.page(404, "Not found");
    let asked = owner.get(DELETE_WORKSPACE).await;
    for held in ["1 user<", "2 credentials<", "2 secrets<", "1 connector<", "No app is told"] {
        asked.page(200, held);
    }
    owner.post(DELETE_WORKSPACE, &[("name", "other"), ("force", "on")]).await.page(400, "letter by letter");
    let refused = owner.post(DELETE_WORKSPACE, &[("name", "default")]).await;
    refused.page(400, "There are credentials in this workspace");
    app.as_key().get("/users").await.ok(200);

    let sure = [("name", "default"), ("force", "on")];
    owner.post(DELETE_WORKSPACE, &sure).await.page(200, "default is deleted");
    assert_eq!(app.rows(&keys).await.len(), 0, "the keys go at once");
    for key in [app.as_key(), app.as_sandbox_key()] {
        key.get("/users").await.assert_problem(401, "unauthenticated");
    }
    for member in [&owner, &admin] {
        member.get("/dashboard/account").await.leads_to("/dashboard/sign-in?next=%2Fdashboard%2Faccount");
        let form = [("email", member.email.as_str()), ("password", PASSWORD)];
        member.post("/dashboard/sign-in", &form).await.page(400, "Address or password is not right");
    }
    assert_eq!(
        app.filled_by("workspace_id", &workspace).await,
        BTreeSet::from(["environment".to_owned()]),
        "rows stay beside audit events"
    );
    app.hub.sweep().await.unwrap();
    for environment in &ids[..2] {
        assert_eq!(app.filled_tables(environment).await, BTreeSet::new());
    }
    app.hub.seal_audit().await.unwrap();
    app.hub.verify_audit().await.unwrap().unwrap();
    let said = app.rows("SELECT reason FROM audit_event WHERE action = 'workspace.delete'").await;
    let said: String = said[0].try_get("", "reason").unwrap();
    assert_eq!(said, "default with 1 user, 2 credentials, 2 secrets, 1 connector; no app was told");

    // The other workspace is as it was, and the last one now.
    assert_eq!(app.with_key(&of_other).get("/users").await.ok(200)["data"][0]["username"], "stays");
    let foreign = app.as_foreign_owner().await;
    assert!(!foreign.get("/dashboard/members").await.html.contains(DELETE_WORKSPACE));
    foreign.get(DELETE_WORKSPACE).await.page(409, "the last workspace of its hub");
    assert!(app.hub.delete_workspace("other", true).await.is_err());
    // Its name is free, and so are its members' addresses.
    app.hub.create_workspace("default", WorkspaceState::Active).await.unwrap();
    let again = app.as_owner().await;
    let found = app.rows("SELECT 1 AS n FROM workspace WHERE name = 'default'").await;
    assert_eq!(found.len(), 2);
    assert!(!again.get("/dashboard/members").await.html.contains("ada@acme.test"));
}

#[tokio::test]
async fn an_end_that_meets_somebody_who_waits_for_it_in_turn_is_tried_again() {
    // An embedded database has one writer.
    if !is_postgres() {
        return;
    }
    for whole in [false, true] {
        // Whoever looks first is ended, which is the deletion unless the machine is slow.
        let mut tries = 0..5;
        while !has_won_over_a_deletion(whole).await {
            tries.next().expect("a deletion that is ended");
        }
    }
}

/// Deletes, meeting somebody who waits for it in turn; false where that one was ended.
async fn has_won_over_a_deletion(whole: bool) -> bool {
    let app = TestApp::start().await.expect("a server");
    app.user("u").await;
    let credential = app.credential("u").await;
    let holder = Holder::of(&app, &[credential["credentialId"].as_str().unwrap()]).await;
    let production = app.hub.operator_in("default", "production").await.unwrap();
    let hub = Arc::clone(&app.hub);
    let deletion = tokio::spawn(async move {
        if whole {
            hub.delete_workspace("default", true).await
        } else {
            hub.delete_environment(&production, true).await
        }
    });
    holder.is_waited_for(&app).await;
    let waits = "SET LOCAL deadlock_timeout = '3s'; UPDATE environment SET updated_at = updated_at";
    let won = holder.wins(waits).await;
    deletion.await.unwrap().unwrap();
    app.as_key().get("/users").await.assert_problem(401, "unauthenticated");
    won
}

#[tokio::test]
async fn a_hub_that_does_not_know_of_a_deletion_yet_leaves_no_secret_behind() {
    for whole in [false, true] {
        let Some(app) = TestApp::start().await else { return };
        let other = app.replica("other").await;
        let create = async |key: &str| {
            let secret = json!({"key": key, "value": "sk-1", "type": "api_key", "visibility": "masked"});
            other.api.call("POST", "/secrets", Some(&secret)).await
        };
        assert_eq!(create("BEFORE").await.0, 201);
        let production = app.hub.operator_in("default", "production").await.unwrap();
        if whole {
            app.hub.delete_workspace("default", true).await.unwrap();
        } else {
            app.hub.delete_environment(&production, true).await.unwrap();
        }
        let (status, answer) = create("AFTER").await;
        assert_eq!((status, &answer["code"]), (404, &json!("not_found")), "{answer}");
        assert_eq!(app.rows("SELECT 1 AS n FROM secret").await.len(), 0);
        app.hub.sweep().await.unwrap();
        // What looks through a copy, which only an embedded database has.
        if !is_postgres() {
            let opened = app.hub.open_all().await.unwrap();
            assert!(opened.shut.is_empty(), "{:?}", opened.shut);
        }
    }
}
