//! An index of credentials by connector and status at once: a connector that many have, with a status that few of them
//! have, is found without going through either.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::text_null;

/// The step.
#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

const FILL: &str = "UPDATE credential_token SET connector_id = (SELECT c.connector_id FROM credential c \
    WHERE c.environment_id = credential_token.environment_id AND c.id = credential_token.credential_id)";
/// The second holds what a hub of before this step writes while others have taken it.
const INDEXES: [(&str, &str); 2] = [
    (
        "idx_credential_token_connector_status",
        "(environment_id, connector_id, announced_status, credential_id) WHERE state <> 'deleted'",
    ),
    ("idx_credential_token_connector_unknown", "(environment_id, credential_id) WHERE connector_id IS NULL"),
];

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let column = text_null("connector_id");
        manager.alter_table(Table::alter().table("credential_token").add_column(column).to_owned()).await?;
        let connection = manager.get_connection();
        connection.execute_unprepared(FILL).await?;
        for (name, on) in INDEXES {
            let sql = format!("CREATE INDEX {name} ON credential_token {on}");
            connection.execute_unprepared(&sql).await?;
        }
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let connection = manager.get_connection();
        for (name, _) in INDEXES {
            connection.execute_unprepared(&format!("DROP INDEX {name}")).await?;
        }
        let table = Table::alter().table("credential_token").drop_column("connector_id").to_owned();
        manager.alter_table(table).await
    }
}
