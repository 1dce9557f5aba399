//! Opening a database: pools, pragmas, migrations.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use migration::{Migrator, MigratorTrait as _};
use sea_orm::{ConnectOptions, ConnectionTrait, Database, DatabaseConnection, DbErr};
use secrecy::{ExposeSecret, SecretString};
use sqlx::Connection as _;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous};
use tokio::sync::Notify;
use vouchsafe_migration as migration;

use super::credential::Kept;
use super::writes::Writes;
use super::{Direct, Reads as _, Store, StoreError};

/// Readers beside the one writer of a SQLite database.
const SQLITE_READERS: u32 = 8;
const POSTGRES_CONNECTIONS: u32 = 20;
/// What holds for every connection, whatever the server is set to.
const POSTGRES_SETTINGS: [(&str, &str); 3] = [
    // Statements of a few rows are run sooner than compiled.
    ("jit", "off"),
    // A token that was committed is there after a crash: the one before it is spent.
    ("synchronous_commit", "on"),
    // No transaction waits for anything but the database. One that does belongs to a replica that stands still, and keeps
    // its locks from all others.
    ("idle_in_transaction_session_timeout", "15s"),
];
/// Names the lock that replicas take while they migrate; it is one per schema, as tests share a database.
const MIGRATION_LOCK: &str = "hashtext('vouchsafe-migrate:' || current_schema())";

/// Where the database is. The address may hold a password, so it prints as nothing.
#[derive(Clone, Debug)]
pub struct DatabaseUrl(SecretString);

impl DatabaseUrl {
    /// Takes a `sqlite://` or `postgres://` address; none for any other.
    pub fn parse(text: &str) -> Option<Self> {
        let known = ["sqlite:", "postgres:", "postgresql:"].iter().any(|scheme| text.starts_with(scheme));
        known.then(|| Self(text.into()))
    }

    /// The embedded database in the file at `path`.
    pub fn file(path: &Path) -> Self {
        Self(format!("sqlite://{}?mode=rwc", path.display()).into())
    }

    /// Whether it is the embedded one.
    pub fn is_sqlite(&self) -> bool {
        self.0.expose_secret().starts_with("sqlite:")
    }

    /// Whether it is a file that does not exist yet.
    pub fn is_absent_file(&self) -> bool {
        self.path().is_some_and(|path| !path.exists())
    }

    /// The file of the embedded database; none for a server.
    pub fn path(&self) -> Option<PathBuf> {
        let path = self.0.expose_secret().strip_prefix("sqlite:")?.trim_start_matches("//");
        Some(path.split('?').next().unwrap_or(path).into())
    }

    fn options(&self) -> ConnectOptions {
        let mut text = self.0.expose_secret().to_owned();
        if self.is_sqlite() && !text.contains('?') {
            text.push_str("?mode=rwc");
        }
        let mut options = ConnectOptions::new(text);
        options.acquire_timeout(Duration::from_secs(10));
        // Statements are lines at the finest level of the log, without their values; a slow one is none above it.
        match "trace".parse() {
            Ok(finest) => options
                .sqlx_logging_level(finest)
                .sqlx_slow_statements_logging_settings(finest, Duration::MAX),
            Err(_) => options.sqlx_logging(false),
        };
        options
    }
}

impl Store {
    /// Opens the database at `url`, without touching what is in it.
    ///
    /// # Errors
    /// [`StoreError::Database`], where it can't be reached.
    pub async fn open(url: &DatabaseUrl) -> Result<Self, StoreError> {
        if url.is_sqlite() { open_sqlite(url).await } else { open_postgres(url).await }
    }

    /// Opens the embedded database in the file at `path` to read it alone: not a byte of it changes.
    ///
    /// # Errors
    /// [`StoreError::Database`], where it can't be read.
    pub async fn open_copy(path: &Path) -> Result<Self, StoreError> {
        let path = path.to_owned();
        let mut options = ConnectOptions::new("sqlite://copy?mode=ro");
        options.sqlx_logging(false).acquire_timeout(Duration::from_secs(10));
        // Its name may hold what has a meaning in an address.
        pool(&mut options, 1).map_sqlx_sqlite_opts(move |options| options.filename(&path).read_only(true));
        let reader = Database::connect(options).await?;
        Ok(Self {
            direct: Direct::Sqlite(reader.get_sqlite_connection_pool().clone()),
            writer: reader.clone(),
            reader,
            outbox: Arc::new(Notify::new()),
            writes: None,
            kept: Kept::default(),
        })
    }

    /// Brings the schema up to date. Replicas that start together wait for each other.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn migrate(&self) -> Result<(), StoreError> {
        if self.writer.get_database_backend() != sea_orm::DbBackend::Postgres {
            return self.take_steps_at_once().await;
        }
        let lock = sea_orm::TransactionTrait::begin(&self.writer).await?;
        // It waits for the steps, which another connection takes.
        lock.execute_unprepared("SET LOCAL idle_in_transaction_session_timeout = 0").await?;
        lock.execute_unprepared(&format!("SELECT pg_advisory_xact_lock({MIGRATION_LOCK})")).await?;
        self.take_steps().await?;
        Ok(lock.commit().await?)
    }

    async fn take_steps(&self) -> Result<(), StoreError> {
        let taken = Migrator::get_pending_migrations(&self.writer).await?.len();
        Migrator::up(&self.writer, None).await?;
        tell(taken);
        Ok(())
    }

    /// The same on an embedded database, which takes all steps or none: one that was interrupted half-way could not be
    /// taken again.
    async fn take_steps_at_once(&self) -> Result<(), StoreError> {
        let taken = Migrator::get_pending_migrations(&self.writer).await?.len();
        if taken == 0 {
            return Ok(());
        }
        let tx = self.begin_record().await?;
        Migrator::up(tx.connection(), None).await?;
        tx.commit().await?;
        tell(taken);
        Ok(())
    }
}

fn tell(taken: usize) {
    if taken > 0 {
        let step = Migrator::migrations().last().map(|step| step.name().to_owned());
        tracing::info!(step, taken, "the database is at its newest step");
    }
}

async fn open_sqlite(url: &DatabaseUrl) -> Result<Store, StoreError> {
    let mut writer = url.options();
    pool(&mut writer, 1)
        .map_sqlx_sqlite_opts(|options| pragmas(options).synchronous(SqliteSynchronous::Full))
        .map_sqlx_sqlite_before_acquire(|connection, _| {
            // Where a COMMIT fails SQLite has ended the transaction by itself, and sqlx does not know: what comes after would
            // be written into one that nobody commits.
            let ended = !connection.is_in_transaction();
            if !ended {
                tracing::error!("the database ended a transaction by itself: its connection is replaced");
            }
            Box::pin(std::future::ready(Ok(ended)))
        });
    let writer = Database::connect(writer).await?;
    let mut reader = url.options();
    pool(&mut reader, SQLITE_READERS)
        .map_sqlx_sqlite_opts(|options| pragmas(options).pragma("query_only", "on"));
    let reader = Database::connect(reader).await?;
    Ok(Store {
        direct: Direct::Sqlite(reader.get_sqlite_connection_pool().clone()),
        reader,
        writer,
        outbox: Arc::new(Notify::new()),
        writes: Some(Writes::default()),
        kept: Kept::default(),
    })
}

fn pragmas(options: SqliteConnectOptions) -> SqliteConnectOptions {
    options
        .journal_mode(SqliteJournalMode::Wal)
        .foreign_keys(true)
        .busy_timeout(Duration::from_secs(10))
        .pragma("secure_delete", "on")
}

fn pool(options: &mut ConnectOptions, size: u32) -> &mut ConnectOptions {
    options
        .max_connections(size)
        .min_connections(1)
        .idle_timeout(None::<Duration>)
        .max_lifetime(None::<Duration>)
        .test_before_acquire(false)
}

async fn open_postgres(url: &DatabaseUrl) -> Result<Store, StoreError> {
    let mut options = url.options();
    options
        .map_sqlx_postgres_opts(|options| options.options(POSTGRES_SETTINGS))
        .max_connections(POSTGRES_CONNECTIONS)
        .min_connections(1)
        .test_before_acquire_if_idle_for(Duration::from_secs(30));
    let pool: Result<DatabaseConnection, DbErr> = Database::connect(options).await;
    let pool = pool?;
    let direct = Direct::Postgres(pool.get_postgres_connection_pool().clone());
    Ok(Store {
        reader: pool.clone(),
        writer: pool,
        outbox: Arc::new(Notify::new()),
        direct,
        // Other replicas write too.
        writes: None,
        kept: Kept::default(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::Schema;

    async fn counted(store: &Store) -> i64 {
        let rows = "SELECT COUNT(*) AS n FROM t".to_owned();
        let statement = sea_orm::Statement::from_string(sea_orm::DbBackend::Sqlite, rows);
        store.reader.query_one_raw(statement).await.unwrap().unwrap().try_get("", "n").unwrap()
    }

    #[tokio::test]
    async fn a_connection_whose_transaction_the_database_has_ended_is_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let url = DatabaseUrl::file(&folder.path().join("full.db"));
        let store = Store::open(&url).await.unwrap();
        store.writer.execute_unprepared("CREATE TABLE t (n INTEGER)").await.unwrap();
        let insert = async || {
            let tx = store.begin().await.unwrap();
            tx.connection().execute_unprepared("INSERT INTO t VALUES (1)").await.unwrap();
            tx
        };
        // As SQLite does where the disk is full.
        let tx = insert().await;
        tx.connection().execute_unprepared("ROLLBACK").await.unwrap();
        assert!(tx.commit().await.is_err());

        insert().await.commit().await.unwrap();
        drop(insert().await);
        insert().await.commit().await.unwrap();
        let other = Store::open(&url).await.unwrap();
        assert_eq!((counted(&store).await, counted(&other).await), (2, 2), "what was said to last does");
        other.begin().await.unwrap().commit().await.unwrap();
    }

    #[tokio::test]
    async fn steps_that_found_no_room_are_taken_once_there_is_some() {
        for pages in [20, 60, 100, 140] {
            let folder = tempfile::tempdir().unwrap();
            let store = Store::open(&DatabaseUrl::file(&folder.path().join("small.db"))).await.unwrap();
            let small = format!("PRAGMA max_page_count = {pages}");
            store.writer.execute_unprepared(&small).await.unwrap();
            store.migrate().await.unwrap_err();
            store.writer.execute_unprepared("PRAGMA max_page_count = 1000000").await.unwrap();
            store.migrate().await.unwrap();
            assert_eq!(store.schema().await.unwrap(), Schema::Current, "{pages}");
        }
    }
}
