//! Where sealed values stand, and how one takes another's place when its data key is replaced. It opens none of them.

use std::collections::HashSet;

use sea_orm::{ConnectionTrait as _, FromQueryResult, Value};
use vouchsafe_entity::id::DataKeyId;
use vouchsafe_entity::sealed::Sealed;

use super::{Reads, Sql, StoreError, Tx, statement};
use crate::domain::data_key::KeyOwner;

/// A column of sealed values, and what each of them is bound to beside workspace and environment. The expressions are
/// of the table `t`.
#[derive(Debug)]
pub struct SealedColumn {
    /// The table.
    pub table: &'static str,
    /// The column.
    pub(super) column: &'static str,
    /// The column that the seal names.
    pub bound: &'static str,
    /// The row's id.
    pub(super) row: &'static str,
    /// The grant.
    pub(super) epoch: &'static str,
    /// The version.
    pub(super) version: &'static str,
    /// The oldest version that a value here may have.
    pub(super) oldest: &'static str,
    /// Whether the workspace's key seals it.
    pub(super) of_workspace: bool,
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
pub(super) static COLUMNS: [SealedColumn; 16] = [
    TOKENS,
    // Of the version before; answers that took a refused one's place since came between.
    SealedColumn {
        version: "t.token_version - 1",
        oldest: "CASE WHEN t.token_version > 16 THEN t.token_version - 16 ELSE 0 END",
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

/// The columns that the data key of `owner` seals; none for the hub, whose keys seal nothing.
pub fn columns_of(owner: KeyOwner) -> Vec<&'static SealedColumn> {
    let of_workspace = match owner {
        KeyOwner::Hub => return Vec::new(),
        KeyOwner::Workspace(_) => true,
        KeyOwner::Environment(_) => false,
    };
    COLUMNS.iter().filter(|column| column.of_workspace == of_workspace).collect()
}

/// A value that another key than the present one sealed, and what it is bound to.
#[derive(Debug, FromQueryResult)]
pub struct OldValue {
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

/// What takes the place of a value.
#[derive(Debug)]
pub struct NewValue {
    /// The row's id.
    pub row_id: String,
    /// What must still stand there.
    pub before: Sealed,
    /// What is to stand there.
    pub sealed: Sealed,
}

/// Whether a value of `owner` in this column is sealed under another key than `current`.
pub async fn has_old(
    db: &impl Reads,
    column: &SealedColumn,
    owner: KeyOwner,
    current: DataKeyId,
) -> Result<bool, StoreError> {
    let mut sql = Sql::default();
    let old = old(&mut sql, column, owner, current);
    sql.text = format!("SELECT 1 AS found FROM {} t WHERE {old} LIMIT 1", column.table);
    let connection = db.connection();
    Ok(connection.query_one_raw(statement(connection, sql.text, sql.values)).await?.is_some())
}

/// How many sealed values `owner` has.
pub async fn count(db: &impl Reads, owner: KeyOwner) -> Result<u64, StoreError> {
    let mut sql = Sql::default();
    let of_owner = of_owner(&mut sql, owner);
    let counts = columns_of(owner).into_iter().map(|SealedColumn { table, column, .. }| {
        format!("(SELECT COUNT(*) FROM {table} t WHERE {of_owner} AND t.{column} IS NOT NULL)")
    });
    let counts: Vec<_> = counts.chain(["0".to_owned()]).collect();
    sql.text = format!("SELECT CAST({} AS BIGINT) AS values_there", counts.join(" + "));
    let connection = db.connection();
    let row = connection.query_one_raw(statement(connection, sql.text, sql.values)).await?;
    let there: i64 = row.map(|row| row.try_get("", "values_there")).transpose()?.unwrap_or(0);
    Ok(there.unsigned_abs())
}

/// Up to `limit` values of `owner` in this column that are sealed under another key than `current`, by the ids of their
/// rows beyond `after`.
pub async fn old_values(
    db: &impl Reads,
    column: &SealedColumn,
    owner: KeyOwner,
    current: DataKeyId,
    after: &str,
    limit: u64,
) -> Result<Vec<OldValue>, StoreError> {
    let mut sql = Sql::default();
    let old = old(&mut sql, column, owner, current);
    let (after, limit) = (sql.bind(after), sql.bind(i64::try_from(limit).unwrap_or(i64::MAX)));
    let SealedColumn { table, column, row, epoch, version, oldest, .. } = column;
    sql.text = format!(
        "SELECT {row} AS row_id, CAST({epoch} AS BIGINT) AS epoch, CAST({version} AS BIGINT) AS version, \
         CAST({oldest} AS BIGINT) AS oldest, t.{column} AS sealed FROM {table} t \
         WHERE {old} AND {row} > {after} ORDER BY {row} LIMIT {limit}"
    );
    let connection = db.connection();
    let rows = connection.query_all_raw(statement(connection, sql.text, sql.values)).await?;
    rows.iter().map(|row| Ok(OldValue::from_query_result(row, "")?)).collect()
}

/// Puts values in the place of those that they were made of; how many. One that has changed meanwhile stays as it is, and
/// so does one whose row somebody else is changing.
pub async fn replace(
    tx: &Tx,
    column: &SealedColumn,
    owner: KeyOwner,
    values: Vec<NewValue>,
) -> Result<u64, StoreError> {
    let values = free(tx, column, owner, values).await?;
    if values.is_empty() {
        return Ok(0);
    }
    let mut sql = Sql::default();
    let of_owner = of_owner(&mut sql, owner);
    let rows: Vec<String> = values
        .into_iter()
        .map(|value| {
            let (row, before) = (sql.bind(value.row_id), sql.bind(value.before));
            format!("({row}, {before}, {})", sql.bind(value.sealed))
        })
        .collect();
    let SealedColumn { table, column, row, .. } = column;
    sql.text = format!(
        "WITH v (row_id, was, becomes) AS (VALUES {}) UPDATE {table} AS t SET {column} = v.becomes FROM v \
         WHERE {of_owner} AND {row} = v.row_id AND t.{column} = v.was",
        rows.join(", ")
    );
    let connection = tx.connection();
    Ok(connection.execute_raw(statement(connection, sql.text, sql.values)).await?.rows_affected())
}

/// Of `values`, those whose rows nobody else is changing. They are held until the transaction ends: nobody waits for this.
async fn free(
    tx: &Tx,
    column: &SealedColumn,
    owner: KeyOwner,
    values: Vec<NewValue>,
) -> Result<Vec<NewValue>, StoreError> {
    // A writing transaction of SQLite is alone.
    if values.is_empty() || !tx.is_postgres() {
        return Ok(values);
    }
    let mut sql = Sql::default();
    let of_owner = of_owner(&mut sql, owner);
    let ids: Vec<String> = values.iter().map(|value| sql.bind(value.row_id.as_str())).collect();
    let SealedColumn { table, row, .. } = column;
    sql.text = format!(
        "SELECT {row} AS row_id FROM {table} t WHERE {of_owner} AND {row} IN ({}) \
         ORDER BY {row} FOR NO KEY UPDATE SKIP LOCKED",
        ids.join(", ")
    );
    let connection = tx.connection();
    let rows = connection.query_all_raw(statement(connection, sql.text, sql.values)).await?;
    let free: Result<HashSet<String>, StoreError> =
        rows.iter().map(|row| Ok(row.try_get("", "row_id")?)).collect();
    let free = free?;
    Ok(values.into_iter().filter(|value| free.contains(&value.row_id)).collect())
}

/// The condition that a value is there and sealed under another key than `current`.
fn old(sql: &mut Sql, column: &SealedColumn, owner: KeyOwner, current: DataKeyId) -> String {
    let of_owner = of_owner(sql, owner);
    let current = sql.bind(current.uuid().as_bytes().to_vec());
    let (from, length) = (Sealed::KEY_ID.start + 1, Sealed::KEY_ID.len());
    let column = column.column;
    format!("{of_owner} AND t.{column} IS NOT NULL AND substr(t.{column}, {from}, {length}) <> {current}")
}

/// The condition that a row is one of `owner`.
fn of_owner(sql: &mut Sql, owner: KeyOwner) -> String {
    let (column, id): (_, Value) = match owner {
        KeyOwner::Workspace(id) => ("workspace_id", id.into()),
        KeyOwner::Environment(id) => ("environment_id", id.into()),
        // Its keys seal no rows.
        KeyOwner::Hub => return "1 = 0".to_owned(),
    };
    format!("t.{column} = {}", sql.bind(id))
}
