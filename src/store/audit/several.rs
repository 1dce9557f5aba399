//! What was written down of several things at once, such as all that one user has given.

use sea_orm::{ConnectionTrait as _, DbBackend, FromQueryResult as _};
use vouchsafe_entity::audit_event::Model;
use vouchsafe_entity::id::{CredentialId, EnvironmentId, SessionId};

use super::CHANGES;
use crate::domain::audit::AuditEvent;
use crate::store::{Reads, Sql, StoreError, few, statement};

/// The newest audit events of some credentials, without their uses, and of some connect sessions, newest first: at most
/// `each` of one thing and `limit` of all.
pub async fn of_several(
    db: &impl Reads,
    environment: EnvironmentId,
    credentials: &[CredentialId],
    sessions: &[SessionId],
    (each, limit): (u64, u64),
) -> Result<Vec<AuditEvent>, StoreError> {
    if credentials.is_empty() && sessions.is_empty() {
        return Ok(Vec::new());
    }
    let connection = db.connection();
    let backend = connection.get_database_backend();
    let sql = several_sql(backend, environment, credentials, sessions, (each, limit));
    let rows = connection.query_all_raw(statement(connection, sql.text, sql.values)).await?;
    rows.iter().map(|row| Ok(Model::from_query_result(row, "")?.into())).collect()
}

fn several_sql(
    backend: DbBackend,
    environment: EnvironmentId,
    credentials: &[CredentialId],
    sessions: &[SessionId],
    (each, limit): (u64, u64),
) -> Sql {
    // A part for each thing, which an index finds in order: what has very many events costs no more than the others.
    let mut sql = Sql::default();
    let here = sql.bind(environment);
    let each = sql.bind(i64::try_from(each).unwrap_or(i64::MAX));
    let few = few(backend);
    let part = |target: String, which: &str| {
        format!(
            "SELECT * FROM (SELECT * FROM audit_event WHERE environment_id = {here} AND {few}(target_id = {target}) \
             AND {which} ORDER BY id DESC LIMIT {each}) AS part"
        )
    };
    let changes = format!("target_type = 'credential' AND {CHANGES}");
    let mut parts = Vec::new();
    for credential in credentials {
        parts.push(part(sql.bind(credential.to_string()), &changes));
    }
    for session in sessions {
        parts.push(part(sql.bind(session.to_string()), "target_type = 'connect_session'"));
    }
    let limit = sql.bind(i64::try_from(limit).unwrap_or(i64::MAX));
    sql.text = format!("{} ORDER BY id DESC LIMIT {limit}", parts.join(" UNION ALL "));
    sql
}

/// What they ask SQLite, for the test of its plans, each by what it must find them.
#[cfg(test)]
pub(in crate::store) fn statements() -> [(&'static str, String); 2] {
    let asked = |credentials: &[CredentialId], sessions: &[SessionId]| {
        let here = EnvironmentId::new(uuid::Uuid::nil());
        several_sql(DbBackend::Sqlite, here, credentials, sessions, (25, 200)).text
    };
    let (credential, session) = (CredentialId::new(uuid::Uuid::nil()), SessionId::new(uuid::Uuid::nil()));
    [
        ("idx_audit_event_changes", asked(&[credential; 2], &[])),
        ("idx_audit_event_environment_id_target_id_id", asked(&[], &[session; 2])),
    ]
}
