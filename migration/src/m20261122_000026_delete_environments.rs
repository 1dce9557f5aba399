//! Environments that were deleted. Their row stays beside their audit events; their name is free again.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::big_integer_null;

use crate::index::index;

/// The step.
#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

const NAMES: &str = "idx_environment_workspace_id_name";
const NAMES_OF_THOSE_THERE: &str = "CREATE UNIQUE INDEX idx_environment_workspace_id_name \
    ON environment (workspace_id, name) WHERE deleted_at IS NULL";
/// What is still to be emptied, which is little.
const EMPTYING: &str = "CREATE INDEX idx_environment_emptying ON environment (id) \
    WHERE deleted_at IS NOT NULL AND emptied_at IS NULL";
/// The step before knows no environment that is not there.
const FORGET: &str = "DELETE FROM environment WHERE deleted_at IS NOT NULL";
const COLUMNS: [&str; 2] = ["deleted_at", "emptied_at"];

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for column in COLUMNS {
            let column = big_integer_null(column);
            manager.alter_table(Table::alter().table("environment").add_column(column).to_owned()).await?;
        }
        let connection = manager.get_connection();
        connection.execute_unprepared(&format!("DROP INDEX {NAMES}")).await?;
        connection.execute_unprepared(NAMES_OF_THOSE_THERE).await?;
        connection.execute_unprepared(EMPTYING).await?;
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let connection = manager.get_connection();
        connection.execute_unprepared(FORGET).await?;
        connection.execute_unprepared("DROP INDEX idx_environment_emptying").await?;
        connection.execute_unprepared(&format!("DROP INDEX {NAMES}")).await?;
        manager.create_index(index("environment", &["workspace_id", "name"]).unique().to_owned()).await?;
        for column in COLUMNS {
            manager.alter_table(Table::alter().table("environment").drop_column(column).to_owned()).await?;
        }
        Ok(())
    }
}
