//! Workspaces, environments, their keys.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::{
    big_integer, big_integer_null, blob, boolean, integer_null, json_binary, text, text_null,
};

use crate::index::index;

/// The step.
#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.create_table(workspace()).await?;
        manager.create_index(index("workspace", &["name"]).unique().to_owned()).await?;
        manager.create_table(environment()).await?;
        manager.create_index(index("environment", &["workspace_id", "name"]).unique().to_owned()).await?;
        manager.create_table(data_key()).await?;
        manager.create_index(index("data_key", &["owner", "purpose"])).await?;
        manager.create_table(api_key()).await?;
        manager.create_index(index("api_key", &["hash"])).await?;
        manager.create_index(index("api_key", &["previous_hash"])).await?;
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.drop_table(Table::drop().table("api_key").to_owned()).await?;
        manager.drop_table(Table::drop().table("data_key").to_owned()).await?;
        manager.drop_table(Table::drop().table("environment").to_owned()).await?;
        manager.drop_table(Table::drop().table("workspace").to_owned()).await?;
        Ok(())
    }
}

fn workspace() -> TableCreateStatement {
    Table::create()
        .table("workspace")
        .col(text("id"))
        .col(text("name"))
        .col(text("state"))
        .col(big_integer("created_at"))
        .col(big_integer("updated_at"))
        .primary_key(Index::create().col("id"))
        .to_owned()
}

fn environment() -> TableCreateStatement {
    Table::create()
        .table("environment")
        .col(text("id"))
        .col(text("workspace_id"))
        .col(text("name"))
        .col(json_binary("settings"))
        .col(big_integer("created_at"))
        .col(big_integer("updated_at"))
        .primary_key(Index::create().col("id"))
        .foreign_key(
            ForeignKey::create()
                .from_tbl("environment")
                .from_col("workspace_id")
                .to_tbl("workspace")
                .to_col("id")
                .on_delete(ForeignKeyAction::Cascade),
        )
        .to_owned()
}

fn data_key() -> TableCreateStatement {
    Table::create()
        .table("data_key")
        .col(text("id"))
        .col(text("owner"))
        .col(text("purpose"))
        .col(text("master_key"))
        .col(blob("wrapped"))
        .col(big_integer("created_at"))
        .col(big_integer_null("retired_at"))
        .primary_key(Index::create().col("id"))
        .to_owned()
}

fn api_key() -> TableCreateStatement {
    Table::create()
        .table("api_key")
        .col(text("environment_id"))
        .col(text("id"))
        .col(text("name"))
        .col(text("hash"))
        .col(text("prefix"))
        .col(json_binary("scopes"))
        .col(boolean("active"))
        .col(big_integer_null("expires_at"))
        .col(json_binary("allowed_cidrs"))
        .col(integer_null("rate_limit"))
        .col(text_null("previous_hash"))
        .col(big_integer_null("previous_until"))
        .col(big_integer_null("last_used_at"))
        .col(big_integer("created_at"))
        .col(big_integer("updated_at"))
        .primary_key(Index::create().col("environment_id").col("id"))
        .foreign_key(
            ForeignKey::create()
                .from_tbl("api_key")
                .from_col("environment_id")
                .to_tbl("environment")
                .to_col("id")
                .on_delete(ForeignKeyAction::Cascade),
        )
        .to_owned()
}
