//! Copies of the embedded database: how one is written, and what is asked of one that is only read. A database server
//! has its own tools for that. It knows nothing of the files beside a database and opens no ciphertext.

use std::collections::BTreeSet;

use sea_orm::{ConnectionTrait, DbErr, FromQueryResult};
use vouchsafe_entity::id::{EnvironmentId, WorkspaceId};
use vouchsafe_entity::sealed::Sealed;

use super::sealed::{COLUMNS, SealedColumn};
use super::{Reads, Store, StoreError, statement};

/// Writes all that lasts at this moment into the empty file at `path`, while others write on.
pub async fn write(store: &Store, path: &str) -> Result<(), StoreError> {
    // Those who read may write nowhere, not even into another file.
    let connection = &store.writer;
    connection.execute_raw(statement(connection, "VACUUM INTO $1", [path.into()])).await?;
    Ok(())
}

/// What the database itself finds wrong with its pages and indexes: the first lines of it, none where all is well.
pub async fn faults(store: &Store) -> Result<Vec<String>, StoreError> {
    let lines = texts(store, "PRAGMA integrity_check(10)", "integrity_check").await?;
    Ok(lines.into_iter().filter(|line| line != "ok").collect())
}

/// How many credentials were being renewed, or have an answer that lies unread in a journal: what the database holds of
/// them may be spent.
pub async fn unsettled(db: &impl Reads) -> Result<i64, StoreError> {
    let sql = "SELECT COUNT(*) AS unsettled FROM credential_token WHERE attempt_state IS NOT NULL";
    let connection = db.connection();
    let row = connection.query_one_raw(statement(connection, sql, [])).await?;
    Ok(row.map(|row| row.try_get("", "unsettled")).transpose()?.unwrap_or(0))
}

const BLOBS: &str = "SELECT m.name || '.' || p.name AS name FROM sqlite_master m, pragma_table_info(m.name) p \
    WHERE m.type = 'table' AND p.type LIKE '%blob%'";

/// The columns of sealed values that `store` has; one with an earlier schema may lack some.
pub async fn sealed_columns(store: &Store) -> Result<Vec<&'static SealedColumn>, StoreError> {
    let there: BTreeSet<String> = texts(store, BLOBS, "name").await?.into_iter().collect();
    let has = |one: &&SealedColumn| there.contains(&format!("{}.{}", one.table, one.column));
    Ok(COLUMNS.iter().filter(has).collect())
}

/// The environments that were deleted: what is left of them is for nobody. A copy with an earlier schema has none.
pub async fn deleted_environments(store: &Store) -> Result<BTreeSet<EnvironmentId>, StoreError> {
    const KNOWN: &str = "SELECT name FROM pragma_table_info('environment') WHERE name = 'deleted_at'";
    const DELETED: &str = "SELECT id FROM environment WHERE deleted_at IS NOT NULL";
    if texts(store, KNOWN, "name").await?.is_empty() {
        return Ok(BTreeSet::new());
    }
    let connection = store.connection();
    let rows = connection.query_all_raw(statement(connection, DELETED, [])).await?;
    rows.iter().map(|row| Ok(row.try_get("", "id")?)).collect()
}

/// A sealed value and what it is bound to.
#[derive(Debug, FromQueryResult)]
pub struct SealedValue {
    /// Its place in the table, to go on from.
    pub place: i64,
    /// Whose it is; none where the environment is gone.
    pub workspace_id: Option<WorkspaceId>,
    /// In which environment; none for those of a workspace.
    pub environment_id: Option<EnvironmentId>,
    /// The row's id.
    pub row_id: String,
    /// The grant.
    pub epoch: i64,
    /// The version.
    pub version: i64,
    /// The oldest version that it may have.
    pub oldest: i64,
    /// The value.
    pub sealed: Sealed,
}

/// Up to `limit` values of a column, in the order of the file, beyond the place `after`.
pub async fn sealed_after(
    store: &Store,
    column: &SealedColumn,
    after: i64,
    limit: u64,
) -> Result<Vec<SealedValue>, StoreError> {
    let SealedColumn { table, column, row, epoch, version, oldest, of_workspace, .. } = column;
    let (owner, join) = if *of_workspace {
        ("t.workspace_id, NULL AS environment_id", "")
    } else {
        ("e.workspace_id, t.environment_id", "LEFT JOIN environment e ON e.id = t.environment_id")
    };
    let sql = format!(
        "SELECT t.rowid AS place, {owner}, {row} AS row_id, {epoch} AS epoch, {version} AS version, \
         {oldest} AS oldest, t.{column} AS sealed FROM {table} t {join} \
         WHERE t.rowid > $1 AND t.{column} IS NOT NULL ORDER BY t.rowid LIMIT $2"
    );
    let connection = store.connection();
    let values = [after.into(), i64::try_from(limit).unwrap_or(i64::MAX).into()];
    let rows = connection.query_all_raw(statement(connection, sql, values)).await?;
    rows.iter().map(|row| Ok(SealedValue::from_query_result(row, "")?)).collect()
}

/// A column of texts.
async fn texts(store: &Store, sql: &str, column: &str) -> Result<Vec<String>, StoreError> {
    let connection = store.connection();
    let rows = connection.query_all_raw(statement(connection, sql, [])).await?;
    let texts: Result<Vec<String>, DbErr> = rows.iter().map(|row| row.try_get("", column)).collect();
    Ok(texts?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::DatabaseUrl;

    /// Bytes that are no ciphertext, and keys, which are opened one by one.
    const OTHERS: [&str; 10] = [
        "audit_batch.erasure",
        "audit_batch.head",
        "audit_batch.members",
        "audit_batch.removal",
        "audit_batch.root",
        "audit_batch.signature",
        "audit_event.address_hash",
        "audit_event.address_salt",
        "audit_event.mac",
        "data_key.wrapped",
    ];

    #[tokio::test]
    async fn no_column_of_sealed_values_is_left_out_and_each_can_be_read() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&DatabaseUrl::file(&folder.path().join("columns.db"))).await.unwrap();
        store.migrate().await.unwrap();
        let there: BTreeSet<String> = texts(&store, BLOBS, "name").await.unwrap().into_iter().collect();
        let known = COLUMNS.iter().map(|one| format!("{}.{}", one.table, one.column));
        let known: BTreeSet<String> = known.chain(OTHERS.map(str::to_owned)).collect();
        assert_eq!(there, known);
        for column in sealed_columns(&store).await.unwrap() {
            assert!(sealed_after(&store, column, 0, 10).await.unwrap().is_empty(), "{column:?}");
        }
    }
}
