//! What a step of the migrations makes of the rows that were there before it.

use chrono::TimeDelta;
use sea_orm::Database;
use serde_json::json;
use vouchsafe::clock::Clock as _;
use vouchsafe_migration::{Migrator, MigratorTrait as _};

use crate::support::app::TestApp;
use crate::support::proxy::raw_definition;

/// Undoes the steps from `first` on and takes them again.
async fn take_again(app: &TestApp, first: &str) {
    let steps = Migrator::migrations();
    let at = steps.iter().position(|step| step.name() == first).unwrap();
    let count = u32::try_from(steps.len() - at).unwrap();
    let database = Database::connect(app.database_url()).await.unwrap();
    Migrator::down(&database, Some(count)).await.unwrap();
    Migrator::up(&database, None).await.unwrap();
    database.close().await.unwrap();
}

/// Since when the end of a credential is known, and whether its client is the user's own.
async fn noted(app: &TestApp, credential: &str) -> (Option<i64>, bool) {
    let sql = format!(
        "SELECT end_known_since, own_client FROM credential_token WHERE credential_id = '{credential}'"
    );
    let row = app.rows(&sql).await.remove(0);
    (row.try_get("", "end_known_since").unwrap(), row.try_get("", "own_client").unwrap())
}

#[tokio::test]
async fn known_ends_own_clients_and_connectors_are_noted_of_what_is_there() {
    let Some(app) = TestApp::start().await else { return };
    app.redefine(|text| text.replace("\nreuse = ", "\nlifetime = 864000\nreuse = "));
    app.put_fernhill().await;
    let connected_at = app.clock.now().timestamp_millis();
    let by_consent = app.connect("u-17").await;
    let own = app.renewable("u-17").await["credentialId"].as_str().unwrap().to_owned();
    let key = app.credential("u-17").await["credentialId"].as_str().unwrap().to_owned();
    app.rounds(1, TimeDelta::hours(1)).await;
    let refreshed_at = app.clock.now().timestamp_millis();
    assert_eq!(app.refreshes(), 1);
    assert_eq!(noted(&app, &by_consent).await, (Some(connected_at), false), "its end has not moved");
    let others = [(None, true), (None, false)];
    assert_eq!([noted(&app, &own).await, noted(&app, &key).await], others);

    take_again(&app, "m20261122_000022_date_known_ends").await;
    assert_eq!(noted(&app, &by_consent).await, (Some(refreshed_at), false), "no row says more");
    assert_eq!([noted(&app, &own).await, noted(&app, &key).await], others);
    let settled = app.rows("SELECT key FROM connector WHERE turned_at IS NULL").await;
    assert!(settled.is_empty(), "each is gone through once");
}

/// What users and secrets are found by.
async fn lowered(app: &TestApp) -> Vec<String> {
    let sql = "SELECT search_text AS found_by FROM \"user\" UNION ALL SELECT issuer_lower FROM secret";
    let mut found: Vec<String> =
        app.rows(sql).await.iter().map(|row| row.try_get("", "found_by").unwrap()).collect();
    found.sort_unstable();
    found
}

#[tokio::test]
async fn users_and_secrets_that_are_there_are_found_in_lower_case() {
    let Some(app) = TestApp::start().await else { return };
    for body in [
        json!({"username": "Anna", "email": "Anna@acme.test"}),
        json!({"username": "ozil", "fullName": "Mesut Özil", "organization": "İş"}),
    ] {
        app.as_key().post("/users", &body).await.ok(201);
    }
    for (key, issuer) in [("A", "Stripe"), ("B", "Ölbank")] {
        let secret =
            json!({"key": key, "value": "v-1", "type": "api_key", "visibility": "masked", "issuer": issuer});
        app.as_key().post("/secrets", &secret).await.ok(201);
    }
    let found_by = ["anna\n\nanna@acme.test\n", "ozil\nmesut özil\n\ni\u{307}ş", "stripe", "ölbank"];
    assert_eq!(lowered(&app).await, found_by);
    take_again(&app, "m20261122_000025_search_in_lower_case").await;
    assert_eq!(lowered(&app).await, found_by);
}

/// The keys of secrets beside which a provider is kept.
async fn kept(app: &TestApp) -> Vec<String> {
    let rows = app.rows("SELECT key FROM secret WHERE issuer_providers IS NOT NULL ORDER BY key").await;
    rows.iter().map(|row| row.try_get("", "key").unwrap()).collect()
}

#[tokio::test]
async fn providers_of_issuers_are_kept_at_the_next_start() {
    let Some(app) = TestApp::start().await else { return };
    app.define("withdrawn", &raw_definition("https://api.withdrawn.example"));
    for (key, issuer) in [("A", Some("With-Drawn")), ("B", Some("Ölbank")), ("C", None)] {
        let secret =
            json!({"key": key, "value": "v-1", "type": "api_key", "visibility": "masked", "issuer": issuer});
        app.as_key().post("/secrets", &secret).await.ok(201);
    }
    assert_eq!(kept(&app).await, ["A"]);
    app.hub.note_definitions().await.unwrap();
    for gone in [false, true] {
        take_again(&app, "m20261123_000027_keep_issuers").await;
        assert!(kept(&app).await.is_empty());
        if gone {
            app.undefine("withdrawn");
        }
        app.hub.note_definitions().await.unwrap();
        assert_eq!(kept(&app).await, ["A"], "also where the definition went with the same start");
    }
}
