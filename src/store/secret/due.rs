//! Secrets about which time has something to say.

use sea_orm::{ConnectionTrait, DbBackend, FromQueryResult, Value};
use vouchsafe_entity::id::{EnvironmentId, SecretId, WorkspaceId};
use vouchsafe_entity::millis::Millis;

use super::many;
use crate::domain::secret::Secret;
use crate::store::{Reads, StoreError, Tx, join_in_order, statement};

#[derive(FromQueryResult)]
struct Found {
    workspace_id: WorkspaceId,
    id: SecretId,
}

async fn found(
    db: &impl Reads,
    sql: &str,
    values: [Value; 2],
) -> Result<Vec<(WorkspaceId, SecretId)>, StoreError> {
    let connection = db.connection();
    let rows = connection.query_all_raw(statement(connection, sql, values)).await?;
    let found = rows.iter().map(|row| Found::from_query_result(row, ""));
    found.map(|row| row.map(|row| (row.workspace_id, row.id)).map_err(Into::into)).collect()
}

/// The secrets of an environment that ended last before `now`, and those that end soonest before `until`: so many of
/// each, by their end. What was revoked needs nobody any more.
pub async fn ending(
    db: &impl Reads,
    environment: EnvironmentId,
    (now, until): (Millis, Millis),
    limit: u64,
) -> Result<Vec<Secret>, StoreError> {
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let sql = ending_sql(db.connection().get_database_backend());
    many(db, sql, vec![environment.into(), now.into(), until.into(), limit.into()]).await
}

/// Each part walks along the ends: those that lie near are few, and the secrets of an environment many.
pub(in crate::store) fn ending_sql(backend: DbBackend) -> String {
    let join = join_in_order(backend);
    let part = |which: &str| {
        format!(
            "SELECT s.* FROM secret s {join} secret_environment p ON p.workspace_id = s.workspace_id \
             AND p.secret_id = s.id WHERE p.environment_id = $1 AND s.revoked_at IS NULL AND {which} LIMIT $4"
        )
    };
    format!(
        "SELECT * FROM ({}) AS ended UNION ALL SELECT * FROM ({}) AS coming ORDER BY expires_at",
        part("s.expires_at <= $2 ORDER BY s.expires_at DESC"),
        part("s.expires_at > $2 AND s.expires_at < $3 ORDER BY s.expires_at")
    )
}

/// Secrets whose end must be told of at `now`, those that wait longest first.
pub async fn noticeable(
    db: &impl Reads,
    now: Millis,
    limit: i64,
) -> Result<Vec<(WorkspaceId, SecretId)>, StoreError> {
    let sql =
        "SELECT s.workspace_id, s.id FROM secret s WHERE s.notice_at <= $1 ORDER BY s.notice_at LIMIT $2";
    found(db, sql, [now.into(), limit.into()]).await
}

/// Secrets that ended so long ago that each of their environments wants them gone.
pub async fn purgeable(
    db: &impl Reads,
    now: Millis,
    limit: i64,
) -> Result<Vec<(WorkspaceId, SecretId)>, StoreError> {
    let sql = "SELECT s.workspace_id, s.id FROM secret s WHERE s.expires_at <= $1 AND NOT EXISTS ( \
         SELECT 1 FROM secret_environment e JOIN environment v ON v.id = e.environment_id \
         WHERE e.workspace_id = s.workspace_id AND e.secret_id = s.id \
         AND (v.settings ->> 'purge_after_days' IS NULL \
         OR s.expires_at + CAST(v.settings ->> 'purge_after_days' AS BIGINT) * 86400000 > $1)) \
         ORDER BY s.expires_at LIMIT $2";
    found(db, sql, [now.into(), limit.into()]).await
}

/// Looks again at the ends of an environment's secrets, whose warnings have changed.
pub async fn notice_again(tx: &Tx, environment: EnvironmentId, now: Millis) -> Result<(), StoreError> {
    let sql = "UPDATE secret SET notice_at = $1 WHERE revoked_at IS NULL AND expires_at > $1 \
         AND (workspace_id, id) IN (SELECT workspace_id, secret_id FROM secret_environment WHERE environment_id = $2)";
    let connection = tx.connection();
    connection.execute_raw(statement(connection, sql, [now.into(), environment.into()])).await?;
    Ok(())
}
