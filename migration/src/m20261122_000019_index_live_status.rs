//! The index of credentials by status leaves out what was deleted: its rows stay for a month, and nobody lists them.

use sea_orm_migration::prelude::*;

/// The step.
#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

const DROP: &str = "DROP INDEX idx_credential_token_status";
const COLUMNS: &str = "CREATE INDEX idx_credential_token_status \
    ON credential_token (environment_id, announced_status, credential_id)";

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let connection = manager.get_connection();
        connection.execute_unprepared(DROP).await?;
        connection.execute_unprepared(&format!("{COLUMNS} WHERE state <> 'deleted'")).await?;
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let connection = manager.get_connection();
        connection.execute_unprepared(DROP).await?;
        connection.execute_unprepared(COLUMNS).await?;
        Ok(())
    }
}
