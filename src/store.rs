//! The only SQL: a repository a noun, and the transaction type. It moves ciphertext and never opens it, so listing
//! cannot decrypt. Rows become values of [`crate::domain`] here; a row that fits none is an inconsistency.
//!
//! Every method that touches rows of an environment takes the environment first.

pub mod api_key;
pub mod audit;
pub mod connector;
pub mod credential;
pub mod data_key;
pub mod environment;
pub mod event;
pub mod flow;
pub mod idempotency;
pub mod integration;
pub mod refresh;
pub mod secret;
pub mod secret_reference;
pub mod session;
pub mod user;
pub mod workspace;

mod credential_row;
mod open;

pub use open::DatabaseUrl;

use sea_orm::{
    ConnectionTrait, DatabaseConnection, DatabaseTransaction, DbBackend, DbErr, SqlErr,
    SqliteTransactionMode, Statement, TransactionOptions, TransactionTrait, Value,
};

/// The database: one writer and several readers on SQLite, one pool on PostgreSQL.
#[derive(Clone)]
pub struct Store {
    reader: DatabaseConnection,
    writer: DatabaseConnection,
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
    /// Anything else.
    #[error("the database refused")]
    Database(#[source] DbErr),
}

impl From<DbErr> for StoreError {
    fn from(error: DbErr) -> Self {
        match error.sql_err() {
            Some(SqlErr::UniqueConstraintViolation(_)) => Self::Taken,
            _ => Self::Database(error),
        }
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
pub struct Tx(DatabaseTransaction);

impl Reads for Tx {
    type Connection = DatabaseTransaction;

    fn connection(&self) -> &DatabaseTransaction {
        &self.0
    }
}

impl Store {
    /// Begins a writing transaction (`BEGIN IMMEDIATE` on SQLite). Never await the network inside one.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn begin(&self) -> Result<Tx, StoreError> {
        let options = TransactionOptions {
            sqlite_transaction_mode: Some(SqliteTransactionMode::Immediate),
            ..TransactionOptions::default()
        };
        Ok(Tx(self.writer.begin_with_options(options).await?))
    }

    /// Asks the database for nothing, to see that it answers.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn ping(&self) -> Result<(), StoreError> {
        Ok(self.reader.ping().await?)
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
    pub async fn commit(self) -> Result<(), StoreError> {
        Ok(self.0.commit().await?)
    }

    fn is_postgres(&self) -> bool {
        self.0.get_database_backend() == DbBackend::Postgres
    }
}

/// A constant statement with `$1`-style placeholders, which both databases take.
fn statement<C: ConnectionTrait>(
    connection: &C,
    sql: impl Into<String>,
    values: impl IntoIterator<Item = Value>,
) -> Statement {
    Statement::from_sql_and_values(connection.get_database_backend(), sql, values)
}
