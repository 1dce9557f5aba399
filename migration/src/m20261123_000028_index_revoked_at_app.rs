//! An index of the credentials that were revoked at the app alone: of many that were revoked here the overview looks at
//! none.

use sea_orm_migration::prelude::*;

/// The step.
#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let index = "CREATE INDEX idx_credential_token_revoked_at_app \
            ON credential_token (environment_id, credential_id) WHERE broken_cause = 'revoked_upstream'";
        manager.get_connection().execute_unprepared(index).await?;
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.get_connection().execute_unprepared("DROP INDEX idx_credential_token_revoked_at_app").await?;
        Ok(())
    }
}
