//! Secrets of a workspace, the environments that they cover, and what refers to them.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::{
    big_integer, big_integer_null, blob_null, boolean, json_binary, small_integer_null, text, text_null,
};

use crate::index::index;

/// The step.
#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.create_table(secret()).await?;
        manager.create_index(index("secret", &["workspace_id", "key"])).await?;
        manager.create_index(index("secret", &["notice_at"])).await?;
        manager.create_index(index("secret", &["expires_at"])).await?;
        manager.create_table(secret_environment()).await?;
        manager.create_index(index("secret_environment", &["workspace_id", "secret_id"])).await?;
        manager.create_table(secret_reference()).await?;
        manager.create_index(index("secret_reference", &["environment_id", "connector_id"])).await?;
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.drop_table(Table::drop().table("secret_reference").to_owned()).await?;
        manager.drop_table(Table::drop().table("secret_environment").to_owned()).await?;
        manager.drop_table(Table::drop().table("secret").to_owned()).await?;
        Ok(())
    }
}

fn secret() -> TableCreateStatement {
    Table::create()
        .table("secret")
        .col(text("workspace_id"))
        .col(text("id"))
        .col(text("key"))
        .col(text("name"))
        .col(text_null("description"))
        .col(text("type"))
        .col(text_null("issuer"))
        .col(text("visibility"))
        .col(text_null("scopes"))
        .col(json_binary("products"))
        .col(json_binary("apps"))
        .col(json_binary("allowed_hosts"))
        .col(boolean("active"))
        .col(big_integer_null("revoked_at"))
        .col(big_integer_null("expires_at"))
        .col(big_integer("issued_at"))
        .col(big_integer_null("last_used_at"))
        .col(blob_null("sealed"))
        .col(big_integer("version"))
        .col(big_integer_null("notice_at"))
        .col(small_integer_null("told_days"))
        .col(big_integer("created_at"))
        .col(big_integer("updated_at"))
        .primary_key(Index::create().col("workspace_id").col("id"))
        .foreign_key(
            ForeignKey::create()
                .from_tbl("secret")
                .from_col("workspace_id")
                .to_tbl("workspace")
                .to_col("id")
                .on_delete(ForeignKeyAction::Cascade),
        )
        .to_owned()
}

fn secret_environment() -> TableCreateStatement {
    Table::create()
        .table("secret_environment")
        .col(text("environment_id"))
        .col(text("key"))
        .col(text("workspace_id"))
        .col(text("secret_id"))
        .primary_key(Index::create().col("environment_id").col("key"))
        .foreign_key(
            ForeignKey::create()
                .from_tbl("secret_environment")
                .from_col("environment_id")
                .to_tbl("environment")
                .to_col("id")
                .on_delete(ForeignKeyAction::Cascade),
        )
        .foreign_key(
            ForeignKey::create()
                .from_tbl("secret_environment")
                .from_col("workspace_id")
                .from_col("secret_id")
                .to_tbl("secret")
                .to_col("workspace_id")
                .to_col("id")
                .on_delete(ForeignKeyAction::Cascade),
        )
        .to_owned()
}

fn secret_reference() -> TableCreateStatement {
    Table::create()
        .table("secret_reference")
        .col(text("environment_id"))
        .col(text("key"))
        .col(text("connector_id"))
        .col(text("place"))
        .primary_key(Index::create().col("environment_id").col("key").col("connector_id").col("place"))
        .foreign_key(
            ForeignKey::create()
                .from_tbl("secret_reference")
                .from_col("environment_id")
                .from_col("connector_id")
                .to_tbl("connector")
                .to_col("environment_id")
                .to_col("id")
                .on_delete(ForeignKeyAction::Cascade),
        )
        .to_owned()
}
