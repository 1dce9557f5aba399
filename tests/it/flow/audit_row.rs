//! Audit rows that the database does not take, in the mode that is usual (S20): what is not written down does not happen,
//! and no value is shown.

use http::Method;
use sea_orm::ConnectionTrait as _;
use serde_json::{Value, json};
use vouchsafe::config::AuditMode;

use crate::api::secrets::{VALUE, masked};
use crate::support::app::TestApp;
use crate::support::database::is_postgres;
use crate::support::refreshing::Alerts;

/// Past the hub: whether the database takes rows of the audit log.
async fn take_rows(app: &TestApp, takes: bool) {
    let sql = match (is_postgres(), takes) {
        (false, true) => "DROP TRIGGER refuse_row",
        (false, false) => {
            "CREATE TRIGGER refuse_row BEFORE INSERT ON audit_event BEGIN SELECT RAISE(ABORT, 'disk full'); END"
        }
        (true, true) => "DROP TRIGGER refuse_row ON audit_event",
        (true, false) => {
            "CREATE FUNCTION refuse_row() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN \
            RAISE EXCEPTION 'disk full'; END $$; \
            CREATE TRIGGER refuse_row BEFORE INSERT ON audit_event FOR EACH ROW EXECUTE FUNCTION refuse_row()"
        }
    };
    let database = sea_orm::Database::connect(app.database_url()).await.unwrap();
    database.execute_unprepared(sql).await.unwrap();
    database.close().await.unwrap();
}

#[tokio::test]
async fn s20_without_its_row_nothing_is_revealed_or_changed() {
    let batched = |parts: &mut vouchsafe::service::Parts| parts.audit = AuditMode::Batched;
    let Some(app) = TestApp::start_as(batched, |_| ()).await else { return };
    app.secret(&masked("K")).await;
    app.user("u").await;
    let credential = app.credential("u").await["credentialId"].as_str().unwrap().to_owned();
    let (secret, credential) = ("/secrets/K".to_owned(), format!("/credentials/{credential}"));
    let things = [secret.clone(), credential.clone(), "/users/u".to_owned(), "/environment".to_owned()];
    let seen = async || {
        let mut seen = Vec::new();
        for path in &things {
            seen.push(app.as_key().get(path).await.ok(200));
        }
        seen
    };
    let before: Vec<Value> = seen().await;

    take_rows(&app, false).await;
    let _failures = Alerts::listen();
    let named = json!({"name": "other"});
    for (method, path, body) in [
        (Method::POST, format!("{secret}/reveal"), None),
        (Method::PATCH, secret.clone(), Some(json!({"value": "another", "description": "other"}))),
        (Method::POST, format!("{secret}/deactivate"), None),
        (Method::POST, format!("{secret}/revoke"), None),
        (Method::DELETE, secret.clone(), None),
        (Method::PATCH, credential.clone(), Some(named)),
        (Method::POST, format!("{credential}/revoke"), None),
        (Method::DELETE, credential, None),
        (Method::PUT, "/users/u".to_owned(), Some(json!({"fullName": "Jo Smith"}))),
        (Method::DELETE, "/users/u".to_owned(), None),
        (Method::PATCH, "/environment".to_owned(), Some(json!({"purgeAfterDays": 7}))),
    ] {
        let refused = app.as_key().send(method.clone(), &path, body.as_ref()).await;
        assert!(refused.status >= 500, "{method} {path}: {} {:?}", refused.status, refused.body);
        assert!(!String::from_utf8_lossy(&refused.body).contains(VALUE), "{method} {path}");
    }
    assert_eq!(seen().await, before, "nothing has changed");

    take_rows(&app, true).await;
    let revealed = app.as_key().act(&format!("{secret}/reveal")).await.ok(200);
    assert_eq!(revealed["value"], VALUE);
}
