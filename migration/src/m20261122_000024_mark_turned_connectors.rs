//! Which connectors were switched off or on so lately that not all that stands behind them may have been told of it.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::big_integer_null;

use crate::index::index;

/// The step.
#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

/// Whatever was switched before this step is looked at once more.
const MARK: &str = "UPDATE connector SET turned_at = updated_at";
const TURNED: &str =
    "CREATE UNIQUE INDEX idx_connector_turned ON connector (environment_id, id) WHERE turned_at IS NOT NULL";
/// Credentials by their connector, and the same in an order in which they can be gone through page by page.
const BEFORE: [&str; 2] = ["environment_id", "connector_id"];
const IN_ORDER: [&str; 3] = ["environment_id", "connector_id", "id"];

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let turned = big_integer_null("turned_at");
        manager.alter_table(Table::alter().table("connector").add_column(turned).to_owned()).await?;
        let connection = manager.get_connection();
        connection.execute_unprepared(MARK).await?;
        connection.execute_unprepared(TURNED).await?;
        manager.create_index(index("credential", &IN_ORDER)).await?;
        connection.execute_unprepared("DROP INDEX idx_credential_environment_id_connector_id").await?;
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.create_index(index("credential", &BEFORE)).await?;
        let connection = manager.get_connection();
        connection.execute_unprepared("DROP INDEX idx_credential_environment_id_connector_id_id").await?;
        connection.execute_unprepared("DROP INDEX idx_connector_turned").await?;
        manager.alter_table(Table::alter().table("connector").drop_column("turned_at").to_owned()).await
    }
}
