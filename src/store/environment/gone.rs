//! The end of an environment: what drives work in it goes with it at once, its rows page by page afterwards.

use sea_orm::{
    ColumnTrait, ConnectionTrait, EntityTrait, FromQueryResult, QueryFilter, QueryOrder, QuerySelect, Set,
    Value,
};
use vouchsafe_entity::environment::{ActiveModel, Column, Entity};
use vouchsafe_entity::id::{EnvironmentId, WorkspaceId};
use vouchsafe_entity::json::Settings;
use vouchsafe_entity::millis::Millis;

use crate::domain::workspace::Contents;
use crate::store::{Reads, StoreError, Tx, held, statement};

/// The tables of what lies in environments, each before those that it refers to. Audit events are the workspace's.
pub const TABLES: &[&str] = &[
    "delivery",
    "mail",
    "event",
    "activity",
    "expiry_warning",
    "idempotent_answer",
    "revocation_job",
    "refresh_failure",
    "spent_token",
    "flow",
    "connect_ticket",
    "connect_result",
    "connect_session",
    "connect_attempt",
    "orphan_token",
    "credential_token",
    "credential",
    "secret_reference",
    "secret_environment",
    "connector",
    "integration",
    "webhook_endpoint",
    "api_key",
    "\"user\"",
];

/// Follows `secret_environment p`: nothing else holds the secret.
const ALONE: &str = "p.environment_id = $1 AND NOT EXISTS (SELECT 1 FROM secret_environment o \
    WHERE o.workspace_id = p.workspace_id AND o.secret_id = p.secret_id AND o.environment_id <> $1)";

/// What an environment must not do or be asked for any more while its rows wait to go.
const AT_ONCE: &[&str] = &[
    "DELETE FROM api_key WHERE environment_id = $1",
    "DELETE FROM flow WHERE environment_id = $1",
    "DELETE FROM connect_ticket WHERE environment_id = $1",
    "UPDATE connect_result SET confirmation_hash = NULL, confirmation_until = NULL, sealed_code = NULL \
     WHERE environment_id = $1 AND confirmation_until IS NOT NULL",
    "UPDATE connect_session SET status = 'cancelled' WHERE environment_id = $1 AND status = 'open'",
    "DELETE FROM revocation_job WHERE environment_id = $1",
    "DELETE FROM mail WHERE environment_id = $1",
    "DELETE FROM delivery WHERE environment_id = $1 AND due_at IS NOT NULL",
    "UPDATE webhook_endpoint SET enabled = FALSE, replay_after = NULL, replay_since = NULL, replay_until = NULL \
     WHERE environment_id = $1",
];

/// What lies in an environment; of secrets, those that no other environment has.
pub async fn contents(db: &impl Reads, environment: EnvironmentId) -> Result<Contents, StoreError> {
    let secrets = format!("secret_environment p WHERE {ALONE}");
    count(db, "environment_id = $1", &secrets, environment.into()).await
}

/// What lies in a workspace.
pub async fn contents_of_all(db: &impl Reads, workspace: WorkspaceId) -> Result<Contents, StoreError> {
    let places =
        "environment_id IN (SELECT id FROM environment WHERE workspace_id = $1 AND deleted_at IS NULL)";
    count(db, places, "secret WHERE workspace_id = $1", workspace.into()).await
}

/// `places` says in which environments, and `secrets` which of them, by `$1`.
async fn count(db: &impl Reads, places: &str, secrets: &str, id: Value) -> Result<Contents, StoreError> {
    #[derive(FromQueryResult)]
    struct Counted {
        users: i64,
        credentials: i64,
        secrets: i64,
        connectors: i64,
        untold: i64,
    }
    let sql = format!(
        "SELECT (SELECT COUNT(*) FROM \"user\" WHERE {places}) AS users, \
         (SELECT COUNT(*) FROM credential_token WHERE {places} AND state <> 'deleted') AS credentials, \
         (SELECT COUNT(*) FROM {secrets}) AS secrets, \
         (SELECT COUNT(*) FROM connector WHERE {places} AND explicit) AS connectors, \
         (SELECT COUNT(*) FROM revocation_job WHERE {places}) \
         + (SELECT COUNT(*) FROM flow WHERE {places} AND state_hash IS NULL AND binding IS NOT NULL) \
         AS untold"
    );
    let connection = db.connection();
    let row = connection.query_one_raw(statement(connection, sql, [id])).await?;
    let counted = row.map(|row| Counted::from_query_result(&row, "")).transpose()?;
    Ok(counted.map_or_else(Contents::default, |counted| Contents {
        users: counted.users.unsigned_abs(),
        credentials: counted.credentials.unsigned_abs(),
        secrets: counted.secrets.unsigned_abs(),
        connectors: counted.connectors.unsigned_abs(),
        untold: counted.untold.unsigned_abs(),
    }))
}

/// The environments of a workspace with their names, none of which anybody else deletes until the transaction ends.
pub async fn lock_all(tx: &Tx, workspace: WorkspaceId) -> Result<Vec<(EnvironmentId, String)>, StoreError> {
    let there = Entity::find()
        .filter(Column::WorkspaceId.eq(workspace))
        .filter(Column::DeletedAt.is_null())
        .order_by_asc(Column::Id);
    let rows = held(there).all(tx.connection()).await?;
    Ok(rows.into_iter().map(|row| (row.id, row.name)).collect())
}

/// Deletes an environment that `tx` holds: nothing finds it any more, and nothing is done for it. Its credentials are
/// for [`crate::store::credential::bury_all`].
pub async fn delete(tx: &Tx, environment: EnvironmentId, now: Millis) -> Result<(), StoreError> {
    // Its settings name people.
    let gone = ActiveModel {
        settings: Set(Settings::default()),
        updated_at: Set(now),
        deleted_at: Set(Some(now)),
        ..Default::default()
    };
    Entity::update_many().set(gone).filter(Column::Id.eq(environment)).exec(tx.connection()).await?;
    let connection = tx.connection();
    for sql in AT_ONCE {
        connection.execute_raw(statement(connection, *sql, [environment.into()])).await?;
    }
    let secrets = format!(
        "DELETE FROM secret WHERE (workspace_id, id) IN \
         (SELECT p.workspace_id, p.secret_id FROM secret_environment p WHERE {ALONE})"
    );
    connection.execute_raw(statement(connection, secrets, [environment.into()])).await?;
    let places = "DELETE FROM secret_environment WHERE environment_id = $1";
    connection.execute_raw(statement(connection, places, [environment.into()])).await?;
    Ok(())
}

/// The environments that were deleted and may have rows yet, and when that was.
pub async fn deleted(db: &impl Reads) -> Result<Vec<(EnvironmentId, Millis)>, StoreError> {
    let emptying = Entity::find()
        .select_only()
        .column(Column::Id)
        .column(Column::DeletedAt)
        .filter(Column::DeletedAt.is_not_null())
        .filter(Column::EmptiedAt.is_null());
    Ok(emptying.into_tuple().all(db.connection()).await?)
}

/// Removes up to `limit` rows of an environment from one of [`TABLES`]; gives how many went.
pub async fn remove_page(
    tx: &Tx,
    environment: EnvironmentId,
    table: &'static str,
    limit: u64,
) -> Result<u64, StoreError> {
    let sql = if tx.is_postgres() {
        format!(
            "DELETE FROM {table} WHERE ctid = ANY(ARRAY(SELECT ctid FROM {table} WHERE environment_id = $1 LIMIT $2))"
        )
    } else {
        format!(
            "DELETE FROM {table} WHERE rowid IN (SELECT rowid FROM {table} WHERE environment_id = $1 LIMIT $2)"
        )
    };
    let connection = tx.connection();
    let values = [environment.into(), i64::try_from(limit).unwrap_or(i64::MAX).into()];
    Ok(connection.execute_raw(statement(connection, sql, values)).await?.rows_affected())
}

/// Notes that nothing of an environment is left but its own row.
pub async fn note_emptied(tx: &Tx, environment: EnvironmentId, now: Millis) -> Result<(), StoreError> {
    Entity::update_many()
        .set(ActiveModel { emptied_at: Set(Some(now)), ..Default::default() })
        .filter(Column::Id.eq(environment))
        .exec(tx.connection())
        .await?;
    Ok(())
}
