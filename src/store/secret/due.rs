//! Secrets about which time has something to say.

use sea_orm::{ConnectionTrait, FromQueryResult, Value};
use vouchsafe_entity::id::{EnvironmentId, SecretId, WorkspaceId};
use vouchsafe_entity::millis::Millis;

use crate::store::{Reads, StoreError, Tx, statement};

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
