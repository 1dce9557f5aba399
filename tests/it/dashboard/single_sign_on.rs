//! Single sign-on: who comes in by it and who does not, proving again who one is, and an identity provider that fails or
//! lies.

mod conformance;
mod faults;
mod people;
mod step_up;

use vouchsafe::service::Error;

use crate::support::app::TestApp;

/// What the audit log has of sign-ins and what belongs to them, the latest first: action, result, reason.
async fn audited(app: &TestApp) -> Vec<(String, String, String)> {
    app.hub.flush_audit().await.unwrap_or_else(|error: Error| panic!("{error:?}"));
    let sql = "SELECT action, result, reason FROM audit_event WHERE action LIKE 'member.%' ORDER BY id DESC";
    let text = |row: &sea_orm::QueryResult, name: &str| {
        row.try_get::<Option<String>>("", name).unwrap().unwrap_or_default()
    };
    let rows = app.rows(sql).await;
    rows.iter().map(|row| (text(row, "action"), text(row, "result"), text(row, "reason"))).collect()
}

/// The latest of them.
async fn last_audited(app: &TestApp) -> (String, String, String) {
    audited(app).await.into_iter().next().expect("something is written down")
}
