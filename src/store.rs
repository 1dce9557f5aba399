//! The only SQL: a repository a noun, and the transaction type. It moves ciphertext and never opens it, so listing
//! cannot decrypt. Rows become values of [`crate::domain`] here; a row that fits none is an inconsistency.
//!
//! Every method that touches rows of an environment takes the environment first.

pub mod activity;
pub mod adoption;
pub mod api_key;
pub mod attempt;
pub mod audit;
pub mod backup;
pub mod connector;
pub mod credential;
pub mod data_key;
pub mod definition;
pub mod delivery;
pub mod environment;
pub mod event;
pub mod expiry;
pub mod flow;
pub mod idempotency;
pub mod integration;
pub mod invitation;
pub mod mail;
pub mod member;
pub mod member_session;
pub mod refresh;
pub mod revocation;
pub mod sealed;
pub mod secret;
pub mod secret_reference;
pub mod session;
pub mod sign_in;
pub mod user;
pub mod webhook;
pub mod workspace;

mod credential_row;
mod open;
#[cfg(test)]
mod plans;
mod schema;
mod taken;
mod writes;

pub use open::DatabaseUrl;
pub use schema::Schema;
pub use taken::{OwnId, taken_ids};

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use moka::sync::Cache;
use sea_orm::sea_query::LockType;
use sea_orm::{
    ConnectionTrait, DatabaseConnection, DatabaseTransaction, DbBackend, DbErr, EntityTrait,
    QuerySelect as _, RuntimeErr, Select, SqlErr, SqliteTransactionMode, Statement, TransactionOptions,
    TransactionTrait, Value,
};
use tokio::sync::Notify;
use vouchsafe_entity::id::EnvironmentId;

use crate::domain::page::OtherList;
use credential::Kept;
use writes::{Write, Writes};

/// The database: one writer and several readers on SQLite, one pool on PostgreSQL.
#[derive(Clone)]
pub struct Store {
    reader: DatabaseConnection,
    writer: DatabaseConnection,
    outbox: Arc<Notify>,
    /// The connections of `reader`.
    direct: Direct,
    /// What was written here, where nobody else writes.
    writes: Option<Writes>,
    kept: Kept,
}

/// The driver's own pool, for the few statements that every call needs.
#[derive(Clone)]
enum Direct {
    Sqlite(sqlx::SqlitePool),
    Postgres(sqlx::PgPool),
}

/// Why the database gave no answer.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// A value that must be unique is there already.
    #[error("a unique value is taken")]
    Taken,
    /// A row that fits no state.
    #[error("the row {id} of {table} is inconsistent: {what}")]
    Inconsistent {
        /// The table.
        table: &'static str,
        /// The row.
        id: String,
        /// What does not fit.
        what: &'static str,
    },
    /// The cursor of a page is that of another list.
    #[error("the cursor is of another list")]
    OtherList,
    /// A value that no column of its kind has: another version wrote it, or a foreign hand.
    #[error("a value of a row can't be read")]
    Unreadable(#[source] DbErr),
    /// Anything else.
    #[error("the database refused")]
    Database(#[source] DbErr),
}

/// Rows of which the operator was told within the hour. Of one beyond the capacity they are told again too soon.
static TOLD: LazyLock<Cache<(&'static str, String), ()>> =
    LazyLock::new(|| Cache::builder().max_capacity(10_000).time_to_live(Duration::from_hours(1)).build());

impl From<OtherList> for StoreError {
    fn from(OtherList: OtherList) -> Self {
        Self::OtherList
    }
}

impl StoreError {
    /// Alerts the operator of a row that fits no state or can't be read, once an hour; false where it is something else.
    /// Whoever goes on without the row asks this first.
    pub fn tells_of_row(&self) -> bool {
        let (table, id, what) = match self {
            Self::Inconsistent { table, id, what } => (*table, id.clone(), (*what).to_owned()),
            // The driver names the column and the value's kind, and not the row.
            Self::Unreadable(error) => ("unknown", String::new(), error.to_string()),
            Self::Taken | Self::OtherList | Self::Database(_) => return false,
        };
        if !TOLD.entry((table, id.clone() + &what)).or_insert(()).is_fresh() {
            return true;
        }
        tracing::error!(
            table,
            row.id = id,
            what,
            "a row is inconsistent: it is left out until somebody mends it"
        );
        metrics::counter!("vouchsafe_alerts_total", "kind" => "inconsistent").increment(1);
        true
    }
}

impl StoreError {
    /// Whether the server ended this transaction because it and another one waited for each other (`deadlock_detected`):
    /// nothing of it is done, and a second try finds the other gone.
    pub fn is_deadlock(&self) -> bool {
        let Self::Database(
            DbErr::Query(RuntimeErr::SqlxError(error)) | DbErr::Exec(RuntimeErr::SqlxError(error)),
        ) = self
        else {
            return false;
        };
        let code = error.as_database_error().and_then(sqlx::error::DatabaseError::code);
        code.is_some_and(|code| code == "40P01")
    }
}

impl From<DbErr> for StoreError {
    fn from(error: DbErr) -> Self {
        match error.sql_err() {
            Some(SqlErr::UniqueConstraintViolation(_)) => Self::Taken,
            _ if is_of_a_value(&error) => Self::Unreadable(error),
            _ => Self::Database(error),
        }
    }
}

/// Whether the database answered with a value that can't be understood.
fn is_of_a_value(error: &DbErr) -> bool {
    use sqlx::Error::{ColumnDecode, Decode};
    match error {
        DbErr::Type(_) | DbErr::Json(_) | DbErr::TryIntoErr { .. } | DbErr::ConvertFromU64(_) => true,
        DbErr::Query(RuntimeErr::SqlxError(error)) | DbErr::Exec(RuntimeErr::SqlxError(error)) => {
            matches!(&**error, ColumnDecode { .. } | Decode(_))
        }
        _ => false,
    }
}

/// Something that can be asked: the store itself, or a transaction.
pub trait Reads: Sync {
    /// What SeaORM calls a connection.
    #[doc(hidden)]
    type Connection: ConnectionTrait;

    #[doc(hidden)]
    fn connection(&self) -> &Self::Connection;
}

impl Reads for Store {
    type Connection = DatabaseConnection;

    fn connection(&self) -> &DatabaseConnection {
        &self.reader
    }
}

/// A writing transaction. Dropped without [`Tx::commit`], it undoes everything.
pub struct Tx {
    // The first to be dropped: it must be told before somebody else can begin.
    write: Option<Write>,
    transaction: DatabaseTransaction,
    outbox: Arc<Notify>,
    /// Whether something was put into the outbox.
    posted: AtomicBool,
}

impl Reads for Tx {
    type Connection = DatabaseTransaction;

    fn connection(&self) -> &DatabaseTransaction {
        &self.transaction
    }
}

impl Store {
    /// Begins a writing transaction (`BEGIN IMMEDIATE` on SQLite). Never await the network inside one.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn begin(&self) -> Result<Tx, StoreError> {
        let mut tx = self.begin_record().await?;
        tx.write = self.writes.as_ref().map(Writes::begin);
        Ok(tx)
    }

    /// The same for the record of what was done and its retention. Rows that are kept between two writes stay as they
    /// are, so nothing else may be written in it.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn begin_record(&self) -> Result<Tx, StoreError> {
        let options = TransactionOptions {
            sqlite_transaction_mode: Some(SqliteTransactionMode::Immediate),
            ..TransactionOptions::default()
        };
        let transaction = self.writer.begin_with_options(options).await?;
        Ok(Tx { write: None, transaction, outbox: Arc::clone(&self.outbox), posted: AtomicBool::new(false) })
    }

    /// Wakes after a transaction of this process has put something into the outbox and lasts.
    pub fn outbox(&self) -> &Notify {
        &self.outbox
    }

    /// Asks the database for nothing, to see that it answers.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn ping(&self) -> Result<(), StoreError> {
        Ok(self.reader.ping().await?)
    }

    /// Moves everything from the journal of an embedded database into its file and empties the journal; false where a
    /// reader stands in the way. A server has its own housekeeping.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn checkpoint(&self) -> Result<bool, StoreError> {
        if self.writer.get_database_backend() == DbBackend::Postgres {
            return Ok(true);
        }
        let emptied = statement(&self.writer, "PRAGMA wal_checkpoint(TRUNCATE)", []);
        let row = self.writer.query_one_raw(emptied).await?;
        let busy: i64 = row.map(|row| row.try_get("", "busy")).transpose()?.unwrap_or(0);
        Ok(busy == 0)
    }

    /// Finishes what is under way and closes all connections.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn close(self) -> Result<(), StoreError> {
        self.reader.close().await?;
        Ok(self.writer.close().await?)
    }
}

impl Tx {
    /// Makes everything done in it last.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn commit(mut self) -> Result<(), StoreError> {
        if let Some(write) = &mut self.write {
            write.committing();
        }
        self.transaction.commit().await?;
        if let Some(write) = self.write {
            write.done();
        }
        if self.posted.into_inner() {
            self.outbox.notify_one();
        }
        Ok(())
    }

    /// Notes that there is something to send once this lasts.
    fn note_post(&self) {
        self.posted.store(true, Ordering::Relaxed);
    }

    fn is_postgres(&self) -> bool {
        self.transaction.get_database_backend() == DbBackend::Postgres
    }
}

/// A row that nobody else changes until the transaction ends. What only refers to it is made meanwhile. SQLite needs no
/// lock, and has no word for one.
fn held<E: EntityTrait>(row: Select<E>) -> Select<E> {
    row.lock(LockType::NoKeyUpdate)
}

/// A constant statement with `$1`-style placeholders, which both databases take.
fn statement<C: ConnectionTrait>(
    connection: &C,
    sql: impl Into<String>,
    values: impl IntoIterator<Item = Value>,
) -> Statement {
    Statement::from_sql_and_values(connection.get_database_backend(), sql, values)
}

/// A join that SQLite makes in the order of the words: left to choose, it takes what is null for rare and begins with
/// whole tables. A server knows its tables.
const fn join_in_order(backend: DbBackend) -> &'static str {
    match backend {
        DbBackend::Postgres => "JOIN",
        _ => "CROSS JOIN",
    }
}

/// Keeps SQLite from looking for what is null in an index: without statistics it takes null for rare. A server has them,
/// and a sign would hide the column from them.
const fn no_index(backend: DbBackend) -> &'static str {
    match backend {
        DbBackend::Postgres => "",
        _ => "+",
    }
}

/// What SQLite is told of a condition in brackets that few rows meet. It has no statistics and takes an environment for a
/// few rows: it would go through all of them sooner than look into another index.
const fn few(backend: DbBackend) -> &'static str {
    match backend {
        DbBackend::Postgres => "",
        _ => UNLIKELY,
    }
}

const UNLIKELY: &str = "unlikely";

/// A condition, begun with AND, that `column` names none of these environments, which are bound after `values`; nothing
/// where there are none.
fn outside(column: &str, environments: &[EnvironmentId], values: &mut Vec<Value>) -> String {
    if environments.is_empty() {
        return String::new();
    }
    let mut list = Vec::new();
    for environment in environments {
        values.push((*environment).into());
        list.push(format!("${}", values.len()));
    }
    format!("AND {column} NOT IN ({})", list.join(", "))
}

/// A statement in the making: its text, and the values bound in it.
#[derive(Default)]
struct Sql {
    text: String,
    values: Vec<Value>,
}

impl Sql {
    /// Binds `value`; what stands for it in the text.
    fn bind(&mut self, value: impl Into<Value>) -> String {
        self.values.push(value.into());
        format!("${}", self.values.len())
    }

    /// The ids of rows in their environments, as what follows `(environment_id, id) IN`.
    fn rows<E, I>(&mut self, rows: impl IntoIterator<Item = (E, I)>) -> String
    where
        E: Into<Value>,
        I: Into<Value>,
    {
        let pairs: Vec<String> = rows
            .into_iter()
            .map(|(environment, id)| format!("({}, {})", self.bind(environment), self.bind(id)))
            .collect();
        // A list of rows that both databases take.
        format!("(VALUES {})", pairs.join(", "))
    }
}
