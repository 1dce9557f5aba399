//! Lets the hub store events and close their batch in one transaction: such events wait for no batch, so the database
//! does not queue them. And words the condition of an index so that an event that it leaves out costs less: SQLite looks
//! for it in no list.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::text;
use sea_orm_migration::sea_orm::DbBackend;

/// The step.
#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

/// What the hub says in its own transaction.
const UNLESS: &str = "NOT EXISTS (SELECT 1 FROM audit_closing)";

const CHANGES: &str = "target_type = 'credential' AND action <> 'credential.token' AND action <> 'proxy.call' \
    AND action <> 'proxy.begin'";
/// The same as it was.
const CHANGES_BEFORE: &str =
    "target_type = 'credential' AND action NOT IN ('proxy.begin', 'proxy.call', 'credential.token')";

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.create_table(audit_closing()).await?;
        queue(manager, Some(UNLESS)).await?;
        index_changes(manager, CHANGES).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        index_changes(manager, CHANGES_BEFORE).await?;
        queue(manager, None).await?;
        manager.drop_table(Table::drop().table("audit_closing").to_owned()).await
    }
}

/// Makes the database queue the events that come, all of them or those that come while `when`.
async fn queue(manager: &SchemaManager<'_>, when: Option<&str>) -> Result<(), DbErr> {
    let connection = manager.get_connection();
    if manager.get_database_backend() == DbBackend::Postgres {
        let when = when.map(|when| format!(" WHERE {when}")).unwrap_or_default();
        let function = format!(
            "CREATE OR REPLACE FUNCTION audit_queue() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN \
             INSERT INTO audit_unsealed (id, environment_id) SELECT id, environment_id FROM added{when}; \
             RETURN NULL; END $$"
        );
        connection.execute_unprepared(&function).await?;
        return Ok(());
    }
    let when = when.map(|when| format!(" WHEN {when}")).unwrap_or_default();
    let trigger = format!(
        "CREATE TRIGGER audit_event_queue AFTER INSERT ON audit_event{when} BEGIN \
         INSERT INTO audit_unsealed (id, environment_id) VALUES (NEW.id, NEW.environment_id); END"
    );
    connection.execute_unprepared("DROP TRIGGER audit_event_queue").await?;
    connection.execute_unprepared(&trigger).await?;
    Ok(())
}

async fn index_changes(manager: &SchemaManager<'_>, which: &str) -> Result<(), DbErr> {
    let connection = manager.get_connection();
    connection.execute_unprepared("DROP INDEX idx_audit_event_changes").await?;
    let index = format!(
        "CREATE INDEX idx_audit_event_changes ON audit_event (environment_id, target_id, id) WHERE {which}"
    );
    connection.execute_unprepared(&index).await?;
    Ok(())
}

fn audit_closing() -> TableCreateStatement {
    Table::create().table("audit_closing").col(text("id")).primary_key(Index::create().col("id")).to_owned()
}
