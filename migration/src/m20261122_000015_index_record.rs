//! Indexes for the lists of events by type, of deliveries by endpoint, and of what members did.

use sea_orm_migration::prelude::*;

use crate::index::index;

/// The step.
#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

/// Reads of values by keys are many and written all the time: they are left out of the index of authors.
const BY_MEMBERS: &str = "CREATE INDEX idx_audit_event_members ON audit_event (environment_id, actor_id, id) \
    WHERE actor_type = 'member'";

const INDEXES: [(&str, &[&str]); 3] = [
    ("event", &["environment_id", "type", "id"]),
    ("delivery", &["environment_id", "webhook_endpoint_id", "id"]),
    ("delivery", &["environment_id", "webhook_endpoint_id", "status", "id"]),
];

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for (table, columns) in INDEXES {
            manager.create_index(index(table, columns)).await?;
        }
        manager.get_connection().execute_unprepared(BY_MEMBERS).await?;
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.get_connection().execute_unprepared("DROP INDEX idx_audit_event_members").await?;
        for (table, columns) in INDEXES {
            let name = format!("idx_{table}_{}", columns.join("_"));
            manager.drop_index(Index::drop().name(name).table(table).to_owned()).await?;
        }
        Ok(())
    }
}
