//! Somebody at a PostgreSQL server who holds rows of credentials, past every hub.

use sea_orm::{
    ConnectionTrait as _, Database, DatabaseConnection, DatabaseTransaction, DbBackend, Statement,
    TransactionTrait as _,
};

use super::app::TestApp;
use super::wait::eventually;

/// Holds rows until it lets go.
pub(crate) struct Holder {
    rows: DatabaseTransaction,
    /// Its server process.
    pid: i32,
    _database: DatabaseConnection,
}

impl Holder {
    /// Takes the tokens of these credentials.
    pub(crate) async fn of(app: &TestApp, credentials: &[&str]) -> Self {
        let database = Database::connect(app.database_url()).await.unwrap();
        let rows = database.begin().await.unwrap();
        let statement = Statement::from_string(DbBackend::Postgres, "SELECT pg_backend_pid() AS pid");
        let pid = rows.query_one_raw(statement).await.unwrap().unwrap().try_get("", "pid").unwrap();
        let list = credentials.join("', '");
        let sql = format!("SELECT 1 FROM credential_token WHERE credential_id IN ('{list}') FOR UPDATE");
        rows.execute_unprepared(&sql).await.unwrap();
        Self { rows, pid, _database: database }
    }

    /// Waits until somebody waits for one of them.
    pub(crate) async fn is_waited_for(&self, app: &TestApp) {
        self.is_waited_for_by(1, app).await;
    }

    /// Waits until so many do, one behind the other.
    pub(crate) async fn is_waited_for_by(&self, count: usize, app: &TestApp) {
        let sql = format!(
            "WITH RECURSIVE line AS (SELECT {} AS pid UNION \
             SELECT waits.pid FROM line, pg_stat_activity waits \
             WHERE waits.wait_event_type = 'Lock' AND line.pid = ANY(pg_blocking_pids(waits.pid))) \
             SELECT pid FROM line",
            self.pid
        );
        // The holder stands at its head.
        eventually("those who wait for the row", async || match app.rows(&sql).await.len() - 1 {
            found if found >= count => Ok(()),
            found => Err(found),
        })
        .await;
    }

    /// Keeps everybody from even looking for a row to hold, until [`Self::open_table`]; whoever only reads, may.
    pub(crate) async fn close_table(&self) {
        let sql = "SAVEPOINT before; LOCK TABLE credential_token IN EXCLUSIVE MODE";
        self.rows.execute_unprepared(sql).await.unwrap();
    }

    /// Ends that, and holds the rows.
    pub(crate) async fn open_table(&self) {
        self.rows.execute_unprepared("ROLLBACK TO SAVEPOINT before").await.unwrap();
    }

    /// Lets go, with all as it was.
    pub(crate) async fn let_go(self) {
        self.rows.rollback().await.unwrap();
    }

    /// Lets go once `sql` is done; false where the server ended this to let somebody else go on.
    pub(crate) async fn wins(self, sql: &str) -> bool {
        match self.rows.execute_unprepared(sql).await {
            Ok(_) => self.rows.commit().await.is_ok(),
            Err(_) => false,
        }
    }

    /// Lets go once `sql` is done.
    pub(crate) async fn write(self, sql: &str) {
        self.rows.execute_unprepared(sql).await.unwrap();
        self.rows.commit().await.unwrap();
    }
}
