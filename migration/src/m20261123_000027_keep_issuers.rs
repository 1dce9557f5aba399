//! Which providers the issuer of a secret named, kept while their definitions come and go. Filled at the next start: only
//! the hub knows what its providers are called.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::json_binary_null;

/// The step.
#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let providers = json_binary_null("issuer_providers");
        manager.alter_table(Table::alter().table("secret").add_column(providers).to_owned()).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.alter_table(Table::alter().table("secret").drop_column("issuer_providers").to_owned()).await
    }
}
