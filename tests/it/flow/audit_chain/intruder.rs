//! Somebody who may write to the database as the hub may, and who removes what stands in the way.

use sea_orm::{ConnectionTrait as _, Database, DatabaseConnection, DbErr, Statement, TryGetable};

use crate::support::app::TestApp;

const TABLES: [&str; 3] = ["audit_event", "audit_batch", "audit_unsealed"];
const TRIGGERS: [(&str, &str); 8] = [
    ("audit_event_queue", "audit_event"),
    ("audit_event_keep", "audit_event"),
    ("audit_event_fixed", "audit_event"),
    ("audit_event_address", "audit_event"),
    ("audit_event_mac", "audit_event"),
    ("audit_batch_keep", "audit_batch"),
    ("audit_batch_fixed", "audit_batch"),
    ("audit_batch_members", "audit_batch"),
];

pub(super) struct Intruder(DatabaseConnection);

impl Intruder {
    pub(super) async fn of(app: &TestApp) -> Self {
        let database = Database::connect(app.database_url()).await.unwrap();
        let intruder = Self(database);
        if !intruder.is_postgres() {
            // Many small statements, and none that must outlive this process.
            intruder.attempt("PRAGMA synchronous = OFF").await.unwrap();
        }
        intruder
    }

    /// For what needs a transaction.
    pub(super) fn connection(&self) -> &DatabaseConnection {
        &self.0
    }

    /// Runs a statement as it is; how many rows it touched.
    pub(super) async fn attempt(&self, sql: &str) -> Result<u64, DbErr> {
        let statement = Statement::from_string(self.0.get_database_backend(), sql);
        self.0.execute_raw(statement).await.map(|done| done.rows_affected())
    }

    /// Runs a statement that must go through and touch something.
    #[track_caller]
    pub(super) fn run(&self, sql: &str) -> impl Future<Output = ()> {
        let at = std::panic::Location::caller();
        async move {
            let touched = self.attempt(sql).await.unwrap_or_else(|error| panic!("{at}: {sql}: {error}"));
            assert!(touched > 0, "{at}: {sql} touched nothing");
        }
    }

    pub(super) async fn column<T: TryGetable>(&self, sql: &str) -> Vec<T> {
        let statement = Statement::from_string(self.0.get_database_backend(), sql);
        let rows = self.0.query_all_raw(statement).await.unwrap();
        rows.iter().map(|row| row.try_get_by_index(0).unwrap()).collect()
    }

    /// Removes the triggers and remembers the tables.
    pub(super) async fn break_in(&self) {
        for (trigger, table) in TRIGGERS {
            let on = if self.is_postgres() { format!(" ON {table}") } else { String::new() };
            self.attempt(&format!("DROP TRIGGER {trigger}{on}")).await.unwrap();
        }
        self.remember().await;
    }

    pub(super) async fn remember(&self) {
        for table in TABLES {
            self.attempt(&format!("DROP TABLE IF EXISTS old_{table}")).await.unwrap();
            self.attempt(&format!("CREATE TABLE old_{table} AS SELECT * FROM {table}")).await.unwrap();
        }
    }

    /// Makes everything as it was remembered.
    pub(super) async fn undo(&self) {
        for table in TABLES {
            self.attempt(&format!("DELETE FROM {table}")).await.unwrap();
            self.attempt(&format!("INSERT INTO {table} SELECT * FROM old_{table}")).await.unwrap();
        }
    }

    pub(super) fn is_postgres(&self) -> bool {
        self.0.get_database_backend() == sea_orm::DbBackend::Postgres
    }

    /// The events of a batch are the bytes of `members`, 16 of them for the id, after those of the environment.
    pub(super) async fn members(&self, seq: i64) -> Vec<String> {
        let bytes: Vec<Vec<u8>> =
            self.column(&format!("SELECT members FROM audit_batch WHERE seq = {seq}")).await;
        let id = |member: &[u8]| uuid::Uuid::from_slice(&member[16..]).unwrap();
        bytes[0]
            .chunks_exact(32)
            .map(|member| vouchsafe_entity::id::AuditEventId::new(id(member)).to_string())
            .collect()
    }

    /// Removes events.
    pub(super) async fn delete(&self, ids: &[String]) {
        self.run(&format!("DELETE FROM audit_event WHERE id IN ('{}')", ids.join("', '"))).await;
    }

    /// A literal of bytes.
    pub(super) fn bytes(&self, bytes: &[u8]) -> String {
        let digits = hex::encode(bytes);
        if self.is_postgres() { format!("'\\x{digits}'") } else { format!("x'{digits}'") }
    }
}
