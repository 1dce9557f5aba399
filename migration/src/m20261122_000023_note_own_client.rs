//! Which credentials get their tokens with a client of their user's own, so that a connector's client that is refused
//! says nothing of them.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::boolean;

/// The step.
#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

/// As well as rows tell it: a connector without a secret value adds none to what the user gave. The next renewal asks
/// the definition.
const NOTE: &str = "UPDATE credential_token SET own_client = TRUE WHERE EXISTS (SELECT 1 FROM credential c \
    JOIN connector k ON k.environment_id = c.environment_id AND k.id = c.connector_id \
    WHERE c.environment_id = credential_token.environment_id AND c.id = credential_token.credential_id \
    AND c.method IN ('client_credentials', 'session', 'jwt') AND CAST(k.secret_variables AS text) = '[]')";

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let own = boolean("own_client").default(false).to_owned();
        manager.alter_table(Table::alter().table("credential_token").add_column(own).to_owned()).await?;
        manager.get_connection().execute_unprepared(NOTE).await?;
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let own = Table::alter().table("credential_token").drop_column("own_client").to_owned();
        manager.alter_table(own).await
    }
}
