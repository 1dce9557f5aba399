//! Credentials that changed without anybody touching them, found by the few ways in which they do, so that a sweep costs
//! what has changed and not what is there: time has passed, or their connector was switched.

use super::by_status::status_condition;
use crate::store::{Reads, StoreError, join_in_order, outside, statement};
use sea_orm::{ConnectionTrait, DbBackend, FromQueryResult, Value};
use vouchsafe_entity::id::{ConnectorId, CredentialId, EnvironmentId};
use vouchsafe_entity::kind::Status;
use vouchsafe_entity::millis::Millis;

/// A credential by its key.
pub type Key = (EnvironmentId, CredentialId);

/// An access token is served no longer than so many milliseconds before its end.
const MARGIN: i64 = 30_000;

/// Up to `limit` credentials whose end has passed at `now` without anybody writing it down: a date set by hand, or the
/// end of an access token that nothing renews. Those that wait longest come first; those in the environments `shut` are
/// left out, here and below.
pub async fn ended(
    db: &impl Reads,
    now: Millis,
    shut: &[EnvironmentId],
    limit: u64,
) -> Result<Vec<Key>, StoreError> {
    keys(db, ended_sql, now, shut, limit).await
}

fn ended_sql(outside: &str) -> String {
    format!(
        "SELECT t.environment_id, t.credential_id FROM credential_token t \
        JOIN credential c ON c.environment_id = t.environment_id AND c.id = t.credential_id \
        WHERE t.due_at <= $1 AND t.state NOT IN ('pending', 'broken', 'deleted') AND NOT t.has_refresh_token \
        AND c.method IN ('oauth2', 'api_key', 'basic') {outside} ORDER BY t.due_at LIMIT $2"
    )
}

/// Up to `limit` credentials that were told to be active, are being renewed in vain, and whose access token has run out
/// at `now`.
pub async fn run_out(
    db: &impl Reads,
    now: Millis,
    shut: &[EnvironmentId],
    limit: u64,
) -> Result<Vec<Key>, StoreError> {
    keys(db, run_out_sql, now, shut, limit).await
}

fn run_out_sql(outside: &str) -> String {
    format!(
        "SELECT t.environment_id, t.credential_id FROM credential_token t \
        JOIN credential c ON c.environment_id = t.environment_id AND c.id = t.credential_id \
        JOIN connector k ON k.environment_id = c.environment_id AND k.id = c.connector_id \
        WHERE t.state IN ('refreshing', 'waiting', 'unknown', 'suspect') AND t.announced_status = 'active' \
        AND t.access_expires_at <= $1 + {MARGIN} AND {} {outside} ORDER BY t.access_expires_at LIMIT $2",
        status_condition(Status::Error, "$1")
    )
}

/// Up to `limit` credentials that were told to be active and whose access token has run out at `now`, while the app
/// refuses the client of their connector, so that nobody asks for another. Such connectors are few.
pub async fn run_out_behind(
    db: &impl Reads,
    now: Millis,
    shut: &[EnvironmentId],
    limit: u64,
) -> Result<Vec<Key>, StoreError> {
    let backend = db.connection().get_database_backend();
    keys(db, |outside| run_out_behind_sql(backend, outside), now, shut, limit).await
}

fn run_out_behind_sql(backend: DbBackend, outside: &str) -> String {
    let join = join_in_order(backend);
    format!(
        "SELECT t.environment_id, t.credential_id FROM connector k \
        {join} credential c ON c.environment_id = k.environment_id AND c.connector_id = k.id \
        {join} credential_token t ON t.environment_id = c.environment_id AND t.credential_id = c.id \
        WHERE k.failing_since IS NOT NULL AND t.announced_status = 'active' \
        AND t.access_expires_at <= $1 + {MARGIN} AND {} {outside} LIMIT $2",
        status_condition(Status::Error, "$1")
    )
}

/// A credential behind a connector that was switched, and where a page of such ends.
#[derive(Clone, Copy, Debug, FromQueryResult)]
pub struct Turned {
    /// Where it is.
    pub environment_id: EnvironmentId,
    /// What it is for.
    pub connector_id: ConnectorId,
    /// Which one.
    pub credential_id: CredentialId,
}

/// The next `limit` credentials, in the order of their connectors, that were told to be usable, or in passing trouble,
/// and whose connector is off; or to be inactive, and are not any more. Only connectors that were switched of late are
/// gone through. What was switched off by itself stays inactive.
pub async fn turned(
    db: &impl Reads,
    now: Millis,
    after: Option<Turned>,
    limit: u64,
) -> Result<Vec<Turned>, StoreError> {
    let connection = db.connection();
    let sql = turned_sql(connection.get_database_backend());
    let [environment, connector, credential] = after.map_or_else(Default::default, |last| {
        [last.environment_id.to_string(), last.connector_id.to_string(), last.credential_id.to_string()]
    });
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let values = [now.into(), environment.into(), connector.into(), credential.into(), limit.into()];
    let rows = connection.query_all_raw(statement(connection, sql, values)).await?;
    rows.iter().map(|row| Ok(Turned::from_query_result(row, "")?)).collect()
}

fn turned_sql(backend: DbBackend) -> String {
    let join = join_in_order(backend);
    let inactive = status_condition(Status::Inactive, "$1");
    format!(
        "SELECT k.environment_id, k.id AS connector_id, c.id AS credential_id FROM connector k \
        {join} credential c ON c.environment_id = k.environment_id AND c.connector_id = k.id \
        AND c.id > CASE WHEN k.environment_id = $2 AND k.id = $3 THEN $4 ELSE '' END \
        {join} credential_token t ON t.environment_id = c.environment_id AND t.credential_id = c.id \
        WHERE k.turned_at IS NOT NULL AND (k.environment_id, k.id) >= ($2, $3) \
        AND t.state NOT IN ('pending', 'deleted') \
        AND ((t.announced_status IN ('active', 'error') AND {inactive}) \
        OR (t.announced_status = 'inactive' AND NOT {inactive})) \
        ORDER BY k.environment_id, k.id, c.id LIMIT $5"
    )
}

async fn keys(
    db: &impl Reads,
    sql: impl Fn(&str) -> String,
    now: Millis,
    shut: &[EnvironmentId],
    limit: u64,
) -> Result<Vec<Key>, StoreError> {
    #[derive(FromQueryResult)]
    struct Found {
        environment_id: EnvironmentId,
        credential_id: CredentialId,
    }
    let connection = db.connection();
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let mut values: Vec<Value> = vec![now.into(), limit.into()];
    let sql = sql(&outside("t.environment_id", shut, &mut values));
    let rows = connection.query_all_raw(statement(connection, sql, values)).await?;
    let found = rows.iter().map(|row| Found::from_query_result(row, ""));
    found.map(|row| row.map(|row| (row.environment_id, row.credential_id)).map_err(Into::into)).collect()
}

/// What a sweep asks SQLite, for the test of its plans.
#[cfg(test)]
pub(in crate::store) fn statements() -> [String; 4] {
    let backend = DbBackend::Sqlite;
    [ended_sql(""), run_out_sql(""), run_out_behind_sql(backend, ""), turned_sql(backend)]
}
