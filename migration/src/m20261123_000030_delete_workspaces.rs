//! Workspaces that were deleted. Their row stays beside their audit events; their name is free again.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::big_integer_null;

use crate::index::index;

/// The step.
#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

const NAMES: &str = "idx_workspace_name";
const NAMES_OF_THOSE_THERE: &str =
    "CREATE UNIQUE INDEX idx_workspace_name ON workspace (name) WHERE deleted_at IS NULL";
/// The step before knows no workspace that is not there. None of its environments is, and nothing else refers to it.
const FORGET: [&str; 2] = [
    "DELETE FROM environment WHERE workspace_id IN (SELECT id FROM workspace WHERE deleted_at IS NOT NULL)",
    "DELETE FROM workspace WHERE deleted_at IS NOT NULL",
];

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let column = big_integer_null("deleted_at");
        manager.alter_table(Table::alter().table("workspace").add_column(column).to_owned()).await?;
        let connection = manager.get_connection();
        connection.execute_unprepared(&format!("DROP INDEX {NAMES}")).await?;
        connection.execute_unprepared(NAMES_OF_THOSE_THERE).await?;
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let connection = manager.get_connection();
        for forget in FORGET {
            connection.execute_unprepared(forget).await?;
        }
        connection.execute_unprepared(&format!("DROP INDEX {NAMES}")).await?;
        manager.create_index(index("workspace", &["name"]).unique().to_owned()).await?;
        manager.alter_table(Table::alter().table("workspace").drop_column("deleted_at").to_owned()).await
    }
}
