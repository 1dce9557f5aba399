//! A database of its own for each test, of the kind that `TEST_DB` names.

use sea_orm::ConnectionTrait as _;
use tempfile::TempDir;
use vouchsafe::random::{Random, SystemRandom};

use super::app::TestApp;
use super::components::{Component, require};

/// A byte of the name of the key in what is sealed.
pub(crate) const KEY_ID: usize = 5;
/// A byte of what it sealed.
pub(crate) const CIPHERTEXT: usize = 60;

/// An empty database: a file of its own, or a schema of its own in the cluster of the run.
pub(crate) struct Fresh {
    /// For the hub.
    pub(crate) url: String,
    /// Where its file is, and where a hub may keep what it writes.
    pub(crate) folder: TempDir,
}

/// Whether this run is for PostgreSQL.
pub(crate) fn is_postgres() -> bool {
    std::env::var("TEST_DB").is_ok_and(|kind| kind == "postgres")
}

impl Fresh {
    /// One of the kind that `TEST_DB` names. `None` when it is missing: the skip is recorded, return from the test.
    pub(crate) async fn of_this_run() -> Option<Self> {
        if is_postgres() {
            return Self::postgres().await;
        }
        let folder = tempfile::tempdir().unwrap();
        let url = format!("sqlite://{}?mode=rwc", folder.path().join("vouchsafe.db").display());
        Some(Self { url, folder })
    }

    /// A schema of its own. `None` in the run for SQLite, which the one for PostgreSQL follows, and without a
    /// cluster: that skip is recorded.
    pub(crate) async fn postgres() -> Option<Self> {
        if !is_postgres() {
            return None;
        }
        let cluster = require(Component::Postgres)?;
        let random: &dyn Random = &SystemRandom;
        let schema = format!("t_{}", hex::encode(random.bytes::<8>()));
        let admin = sea_orm::Database::connect(&cluster).await.unwrap();
        admin.execute_unprepared(&format!("CREATE SCHEMA {schema}")).await.unwrap();
        admin.close().await.unwrap();
        Some(Self {
            url: format!("{cluster}?options=-c%20search_path%3D{schema}"),
            folder: tempfile::tempdir().unwrap(),
        })
    }
}

impl TestApp {
    /// Turns a byte of what is sealed in a row (table and condition); done twice, all is as before.
    pub(crate) async fn turn(&self, row: &str, at: usize) {
        let mut sealed: Vec<u8> =
            self.rows(&format!("SELECT sealed FROM {row}")).await[0].try_get("", "sealed").unwrap();
        sealed[at] ^= 1;
        let bytes = hex::encode(sealed);
        let bytes = if is_postgres() { format!("'\\x{bytes}'::bytea") } else { format!("X'{bytes}'") };
        self.rows(&format!("UPDATE {}", row.replace(" WHERE", &format!(" SET sealed = {bytes} WHERE"))))
            .await;
    }
}
