//! Connectors and integrations.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::{
    big_integer, blob_null, boolean, json_binary, json_binary_null, text, text_null,
};

use crate::index::index;

/// The step.
#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.create_table(connector()).await?;
        manager.create_index(index("connector", &["environment_id", "key"]).unique().to_owned()).await?;
        manager.create_table(integration()).await?;
        manager.create_index(index("integration", &["environment_id", "slug"]).unique().to_owned()).await?;
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.drop_table(Table::drop().table("integration").to_owned()).await?;
        manager.drop_table(Table::drop().table("connector").to_owned()).await?;
        Ok(())
    }
}

fn connector() -> TableCreateStatement {
    Table::create()
        .table("connector")
        .col(text("environment_id"))
        .col(text("id"))
        .col(text("key"))
        .col(text("provider"))
        .col(boolean("enabled"))
        .col(boolean("explicit"))
        .col(json_binary_null("methods"))
        .col(text_null("client_id"))
        .col(json_binary("scopes"))
        .col(json_binary("authorization_params"))
        .col(json_binary("variables"))
        .col(blob_null("sealed"))
        .col(boolean("has_client_secret"))
        .col(json_binary("secret_variables"))
        .col(big_integer("version"))
        .col(big_integer("created_at"))
        .col(big_integer("updated_at"))
        .primary_key(Index::create().col("environment_id").col("id"))
        .foreign_key(
            ForeignKey::create()
                .from_tbl("connector")
                .from_col("environment_id")
                .to_tbl("environment")
                .to_col("id")
                .on_delete(ForeignKeyAction::Cascade),
        )
        .to_owned()
}

fn integration() -> TableCreateStatement {
    Table::create()
        .table("integration")
        .col(text("environment_id"))
        .col(text("id"))
        .col(text("slug"))
        .col(text("name"))
        .col(text_null("description"))
        .col(json_binary("connectors"))
        .col(big_integer("created_at"))
        .col(big_integer("updated_at"))
        .primary_key(Index::create().col("environment_id").col("id"))
        .foreign_key(
            ForeignKey::create()
                .from_tbl("integration")
                .from_col("environment_id")
                .to_tbl("environment")
                .to_col("id")
                .on_delete(ForeignKeyAction::Cascade),
        )
        .to_owned()
}
