//! Copies of the embedded database: how one is written, and what is asked of one that is only read. A database server
//! has its own tools for that. It knows nothing of the files beside a database and opens no ciphertext.

use std::collections::BTreeSet;

use sea_orm::{ConnectionTrait, DbErr, FromQueryResult};
use vouchsafe_entity::id::{EnvironmentId, WorkspaceId};
use vouchsafe_entity::sealed::Sealed;

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

/// A column of sealed values, and what each of them is bound to beside workspace and environment. The expressions are
/// of the table `t`.
#[derive(Debug)]
pub struct SealedColumn {
    /// The table.
    pub table: &'static str,
    /// The column.
    column: &'static str,
    /// The column that the seal names.
    pub bound: &'static str,
    /// The row's id.
    row: &'static str,
    /// The grant.
    epoch: &'static str,
    /// The version.
    version: &'static str,
    /// The oldest version that a value here may have.
    oldest: &'static str,
    /// Whether the workspace's key seals it.
    of_workspace: bool,
}

impl SealedColumn {
    /// A column `sealed` of an environment's rows, which never change their version.
    const fn of(table: &'static str) -> Self {
        Self {
            table,
            column: "sealed",
            bound: "sealed",
            row: "t.id",
            epoch: "0",
            version: "0",
            oldest: "0",
            of_workspace: false,
        }
    }

    const fn versioned(table: &'static str) -> Self {
        Self { version: "t.version", oldest: "t.version", ..Self::of(table) }
    }

    const fn column(self, column: &'static str) -> Self {
        Self { column, bound: column, ..self }
    }

    const fn row(self, row: &'static str) -> Self {
        Self { row, ..self }
    }

    const fn of_workspace(self) -> Self {
        Self { of_workspace: true, ..self }
    }
}

/// A flow that came back and holds a grant, as `store::flow` tells it from one that is on its way.
const HOLDS_A_GRANT: &str = "CASE WHEN t.state_hash IS NULL AND t.binding IS NOT NULL THEN 1 ELSE 0 END";

const TOKENS: SealedColumn = SealedColumn {
    row: "t.credential_id",
    epoch: "t.grant_epoch",
    version: "t.token_version",
    oldest: "t.token_version",
    ..SealedColumn::of("credential_token")
};

/// Every one there is.
static COLUMNS: [SealedColumn; 16] = [
    TOKENS,
    // Of the version before; answers that took a refused one's place since came between.
    SealedColumn {
        version: "t.token_version - 1",
        oldest: "MAX(t.token_version - 16, 0)",
        ..TOKENS.column("prev_sealed")
    },
    SealedColumn { epoch: "t.grant_epoch", ..SealedColumn::of("orphan_token") },
    SealedColumn::versioned("connector"),
    SealedColumn::versioned("secret").of_workspace(),
    SealedColumn::versioned("webhook_endpoint"),
    SealedColumn::of("event"),
    SealedColumn::of("delivery").column("sealed_answer"),
    SealedColumn::of("mail"),
    SealedColumn::of("revocation_job"),
    SealedColumn { version: HOLDS_A_GRANT, oldest: HOLDS_A_GRANT, ..SealedColumn::of("flow") },
    SealedColumn::of("connect_ticket").row("t.hash"),
    SealedColumn::of("connect_result").column("sealed_code").row("t.session_id || '/' || t.connector"),
    SealedColumn::of("idempotent_answer").row("t.key_hash"),
    SealedColumn::of("member").column("totp").of_workspace(),
    // A seed is taken over as it is.
    SealedColumn { column: "totp_next", ..SealedColumn::of("member").column("totp").of_workspace() },
];

const BLOBS: &str = "SELECT m.name || '.' || p.name AS name FROM sqlite_master m, pragma_table_info(m.name) p \
    WHERE m.type = 'table' AND p.type LIKE '%blob%'";

/// The columns of sealed values that `store` has; one with an earlier schema may lack some.
pub async fn sealed_columns(store: &Store) -> Result<Vec<&'static SealedColumn>, StoreError> {
    let there: BTreeSet<String> = texts(store, BLOBS, "name").await?.into_iter().collect();
    let has = |one: &&SealedColumn| there.contains(&format!("{}.{}", one.table, one.column));
    Ok(COLUMNS.iter().filter(has).collect())
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
