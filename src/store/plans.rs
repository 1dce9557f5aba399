//! How SQLite goes about the statements that a hub asks again and again: they must cost what is found, not what is there.
//! It knows nothing of how the rows lie and takes what is null for rare, so that a plan can be bad in any database.

use sea_orm::{ConnectionTrait as _, DbBackend, Statement};

use super::{DatabaseUrl, Store, attempt, audit, connector, credential, event, expiry, refresh, secret};

/// What a plan says where it goes through all credentials, tokens or secrets, all tokens of an environment, or those
/// whose end is null.
const BAD: [&str; 9] = [
    "SCAN t",
    "SCAN c",
    "SCAN d",
    "SCAN s",
    "SEARCH t USING INDEX sqlite_autoindex_credential_token_1 (environment_id=?)",
    "SEARCH c USING INDEX sqlite_autoindex_credential_1 (environment_id=?)",
    "(expires_at=?)",
    "(refresh_expires_at=?)",
    "(access_expires_at=?)",
];

async fn plan(store: &Store, sql: &str) -> Vec<String> {
    let explained = Statement::from_string(DbBackend::Sqlite, format!("EXPLAIN QUERY PLAN {sql}"));
    let rows = store.writer.query_all_raw(explained).await.unwrap();
    rows.iter().map(|row| row.try_get("", "detail").unwrap()).collect()
}

#[tokio::test]
async fn what_is_asked_again_and_again_goes_through_no_table() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(&DatabaseUrl::file(&folder.path().join("plans.db"))).await.unwrap();
    store.migrate().await.unwrap();
    let mut statements = vec![refresh::DUE.to_owned(), expiry::ending_sql(DbBackend::Sqlite, "")];
    let (counting, (whole, deleted)) = connector::counting_statements();
    statements.push(counting);
    let whole = plan(&store, &whole).await;
    assert!(
        whole.iter().any(|step| step.starts_with(&format!("SCAN t USING INDEX {deleted}"))),
        "{whole:#?}"
    );
    statements.push(secret::ending_sql(DbBackend::Sqlite));
    statements.extend(credential::statements());
    statements.extend(credential::status_statements());
    for sql in statements {
        let plan = plan(&store, &sql).await;
        let bad = plan
            .iter()
            .any(|step| BAD.iter().any(|bad| step.ends_with(bad) || step.contains(&format!("{bad} "))));
        assert!(!bad, "{sql}\n{plan:#?}");
    }
    let careless = "SELECT * FROM credential_token t WHERE t.token_version = 1";
    assert_eq!(plan(&store, careless).await, ["SCAN t"], "what a bad plan says");
}

#[tokio::test]
async fn a_list_about_one_user_or_credential_goes_by_an_index_in_its_order() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(&DatabaseUrl::file(&folder.path().join("plans.db"))).await.unwrap();
    store.migrate().await.unwrap();
    let events = ("idx_event_credential", event::listing_statement());
    for (by, sql) in attempt::statements().into_iter().chain([events]) {
        let plan = plan(&store, &sql).await;
        assert!(plan.iter().any(|step| step.contains(&format!(" {by} "))), "{sql}\n{plan:#?}");
        assert!(!plan.iter().any(|step| step.contains("TEMP B-TREE")), "{sql}\n{plan:#?}");
    }
}

/// Filters that few secrets fit are looked for by an index, a page at a time.
#[tokio::test]
async fn a_list_of_few_secrets_does_not_go_through_all() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(&DatabaseUrl::file(&folder.path().join("plans.db"))).await.unwrap();
    store.migrate().await.unwrap();
    for (by, sql) in secret::statements() {
        let plan = plan(&store, &sql).await;
        assert!(
            plan.iter().any(|step| step.starts_with(&format!("SEARCH s USING INDEX {by} "))),
            "{sql}\n{plan:#?}"
        );
        // Those that have expired go within a month, so they may be sorted.
        let sorts = plan.iter().any(|step| step.contains("TEMP B-TREE"));
        assert_eq!(sorts, by == "idx_secret_ends", "{sql}\n{plan:#?}");
    }
}

/// The events of an environment are its reads above all, millions of them.
#[tokio::test]
async fn a_list_of_few_audit_events_does_not_go_through_all() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(&DatabaseUrl::file(&folder.path().join("plans.db"))).await.unwrap();
    store.migrate().await.unwrap();
    for (by, sql) in audit::statements().into_iter().chain(audit::several::statements()) {
        let plan = plan(&store, &sql).await;
        let searches: Vec<_> = plan.iter().filter(|step| step.contains(" audit_event ")).collect();
        assert!(!searches.is_empty(), "{sql}\n{plan:#?}");
        for step in searches {
            assert!(step.starts_with("SEARCH ") && step.contains(&format!(" {by} ")), "{sql}\n{plan:#?}");
        }
        let sorts = plan.iter().any(|step| step.contains("TEMP B-TREE"));
        assert!(!sorts || sql.contains("UNION ALL"), "{sql}\n{plan:#?}");
    }
    let careless =
        "SELECT * FROM audit_event WHERE environment_id = 'x' AND action = 'y' ORDER BY id DESC LIMIT 3";
    assert!(plan(&store, careless).await[0].contains("PRIMARY KEY"), "what a bad plan says");
}
