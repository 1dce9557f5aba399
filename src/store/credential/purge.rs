//! What is kept for a while after its end, and then no more (`refresh.md`, section 9).

use crate::store::{Reads, StoreError, Tx, outside, statement};
use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, FromQueryResult, QueryFilter, Value};
use vouchsafe_entity::id::{CredentialId, EnvironmentId};
use vouchsafe_entity::millis::Millis;
use vouchsafe_entity::orphan_token;

const DAY: i64 = 86_400_000;

/// Rows that ended as long ago at `$1` as their environment keeps such; `$2` is a day before, since none keeps less.
const OVERDUE: &str = "FROM credential_token t JOIN environment e ON e.id = t.environment_id \
    WHERE t.state = 'broken' AND t.sealed IS NOT NULL AND t.state_since <= $2 \
    AND t.state_since + CAST(e.settings ->> 'purge_after_days' AS BIGINT) * 86400000 <= $1";

#[derive(FromQueryResult)]
struct Found {
    environment_id: EnvironmentId,
    credential_id: CredentialId,
}

impl From<Found> for (EnvironmentId, CredentialId) {
    fn from(found: Found) -> Self {
        (found.environment_id, found.credential_id)
    }
}

fn bounds(now: Millis, limit: u64) -> [Value; 3] {
    [now.into(), now.plus(-DAY).into(), i64::try_from(limit).unwrap_or(i64::MAX).into()]
}

/// Up to `limit` keys whose end, set by hand, lies so far back that they are to go, but for those in the environments
/// `shut`.
pub async fn expired_keys(
    db: &impl Reads,
    now: Millis,
    shut: &[EnvironmentId],
    limit: u64,
) -> Result<Vec<(EnvironmentId, CredentialId)>, StoreError> {
    let mut values = Vec::from(bounds(now, limit));
    let outside = outside("t.environment_id", shut, &mut values);
    let sql = format!(
        "SELECT t.environment_id, t.credential_id {OVERDUE} AND t.broken_cause = 'expiry_date' {outside} \
         ORDER BY t.state_since LIMIT $3"
    );
    let connection = db.connection();
    let rows = connection.query_all_raw(statement(connection, sql, values)).await?;
    rows.iter().map(|row| Ok(Found::from_query_result(row, "")?.into())).collect()
}

/// Takes the tokens of up to `limit` credentials that ended otherwise and so long ago that nobody will want them; the
/// rows stay, so that reconnecting keeps their ids.
pub async fn wipe_ended(
    tx: &Tx,
    now: Millis,
    limit: u64,
) -> Result<Vec<(EnvironmentId, CredentialId)>, StoreError> {
    let sql = format!(
        "UPDATE credential_token SET sealed = NULL, prev_sealed = NULL, has_refresh_token = FALSE, \
         access_expires_at = NULL, access_lifetime = NULL, refresh_expires_at = NULL, \
         end_known_since = NULL, due_at = NULL \
         WHERE (environment_id, credential_id) IN (SELECT t.environment_id, t.credential_id {OVERDUE} \
         AND t.broken_cause <> 'expiry_date' ORDER BY t.state_since LIMIT $3) AND state = 'broken' \
         RETURNING environment_id, credential_id"
    );
    let connection = tx.connection();
    let rows = connection.query_all_raw(statement(connection, sql, bounds(now, limit))).await?;
    rows.iter().map(|row| Ok(Found::from_query_result(row, "")?.into())).collect()
}

/// Notes answers that lost a race and whose credential was renewed since, and removes those that were noted before
/// `before`; gives how many went.
pub async fn drop_orphans(tx: &Tx, now: Millis, before: Millis) -> Result<u64, StoreError> {
    const NOTE: &str = "UPDATE orphan_token SET superseded_at = $1 WHERE superseded_at IS NULL AND EXISTS \
        (SELECT 1 FROM credential c WHERE c.environment_id = orphan_token.environment_id \
        AND c.id = orphan_token.credential_id AND c.last_refreshed_at > orphan_token.got_at)";
    const DROP: &str = "DELETE FROM orphan_token WHERE superseded_at <= $1";
    let connection = tx.connection();
    connection.execute_raw(statement(connection, NOTE, [now.into()])).await?;
    let gone = connection.execute_raw(statement(connection, DROP, [before.into()])).await?;
    Ok(gone.rows_affected())
}

/// Removes the answers that lost a race of credentials whose grant has ended.
pub async fn forget_orphans(
    tx: &Tx,
    environment: EnvironmentId,
    ids: &[CredentialId],
) -> Result<(), StoreError> {
    orphan_token::Entity::delete_many()
        .filter(orphan_token::Column::EnvironmentId.eq(environment))
        .filter(orphan_token::Column::CredentialId.is_in(ids.iter().copied()))
        .exec(tx.connection())
        .await?;
    Ok(())
}

/// Removes up to `limit` tombstones of credentials that were deleted before `before`; gives how many went.
pub async fn drop_tombstones(tx: &Tx, before: Millis, limit: u64) -> Result<u64, StoreError> {
    let sql = "DELETE FROM credential WHERE (environment_id, id) IN (SELECT environment_id, credential_id \
        FROM credential_token WHERE state = 'deleted' AND state_since <= $1 ORDER BY state_since LIMIT $2)";
    let connection = tx.connection();
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let gone = connection.execute_raw(statement(connection, sql, [before.into(), limit.into()])).await?;
    Ok(gone.rows_affected())
}
