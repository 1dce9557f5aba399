//! Where a stage's rows are: a file in the home of its one hub, or a schema of PostgreSQL whose clock a test sets.

use sea_orm::{ConnectionTrait as _, Database, DatabaseConnection, DbBackend, Statement};
use vouchsafe::random::{Random, SystemRandom};

use crate::support::wait::eventually;

/// A database.
pub(crate) enum Place {
    /// The file of the one hub.
    Sqlite,
    /// A schema, which several hubs may share.
    Postgres {
        /// For the hubs.
        url: String,
        /// For the test; it stays open.
        admin: DatabaseConnection,
        schema: String,
    },
}

impl Place {
    /// An empty schema of `cluster`.
    pub(crate) async fn schema(cluster: &str) -> Self {
        let random: &dyn Random = &SystemRandom;
        let schema = format!("f_{}", hex::encode(random.bytes::<8>()));
        let admin = Database::connect(cluster).await.unwrap();
        // Found before the one of the system, because the search path says so: the hubs' database has a clock that
        // the test moves.
        let sql = format!(
            "CREATE SCHEMA {schema}; \
             CREATE TABLE {schema}.fault_clock (seconds double precision NOT NULL); \
             INSERT INTO {schema}.fault_clock VALUES (0); \
             CREATE FUNCTION {schema}.clock_timestamp() RETURNS timestamptz LANGUAGE sql VOLATILE AS $$ \
             SELECT pg_catalog.clock_timestamp() + make_interval(secs => seconds) FROM {schema}.fault_clock $$"
        );
        admin.execute_unprepared(&sql).await.unwrap();
        let url = format!("{cluster}?options=-c%20search_path%3D{schema},pg_catalog");
        Self::Postgres { url, admin, schema }
    }

    pub(super) fn url(&self) -> Option<String> {
        match self {
            Self::Sqlite => None,
            Self::Postgres { url, .. } => Some(url.clone()),
        }
    }

    /// Waits until the hubs of a schema have told every app what they have to tell.
    pub(crate) async fn all_told(&self) {
        let Self::Postgres { admin, schema, .. } = self else { return };
        let sql = format!("SELECT id FROM {schema}.revocation_job");
        eventually("the end of all revocations", async || {
            let left = admin.query_all_raw(Statement::from_string(DbBackend::Postgres, &sql)).await;
            match left.unwrap().len() {
                0 => Ok(()),
                left => Err(left),
            }
        })
        .await;
    }

    /// Sets the database's own clock, in seconds ahead of the machine's.
    pub(crate) async fn set_clock(&self, seconds: i64) {
        if let Self::Postgres { admin, schema, .. } = self {
            let sql = format!("UPDATE {schema}.fault_clock SET seconds = {seconds}");
            admin.execute_unprepared(&sql).await.unwrap();
        }
    }
}
