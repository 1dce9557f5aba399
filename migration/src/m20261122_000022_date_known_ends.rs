//! Since when the end of a refresh token is known, so that a warning of it does not hang on how often it is refreshed.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::big_integer_null;

/// The step.
#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

/// What was taken for it before: that an end has long been the same can't be known of what is there.
const DATE: &str = "UPDATE credential_token SET end_known_since = (SELECT CASE \
    WHEN COALESCE(c.last_refreshed_at, 0) > c.issued_at THEN c.last_refreshed_at ELSE c.issued_at END \
    FROM credential c \
    WHERE c.environment_id = credential_token.environment_id AND c.id = credential_token.credential_id) \
    WHERE refresh_expires_at IS NOT NULL";

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let since = big_integer_null("end_known_since");
        manager.alter_table(Table::alter().table("credential_token").add_column(since).to_owned()).await?;
        manager.get_connection().execute_unprepared(DATE).await?;
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let since = Table::alter().table("credential_token").drop_column("end_known_since").to_owned();
        manager.alter_table(since).await
    }
}
