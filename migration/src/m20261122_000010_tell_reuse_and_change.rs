//! What was used and what was in force, so that a second use and a change can be told.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::{big_integer, text, text_null};

use crate::index::index;

/// The step.
#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.create_table(spent_token()).await?;
        manager.create_index(index("spent_token", &["expires_at"])).await?;
        manager.create_table(provider_definition()).await?;
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.drop_table(Table::drop().table("provider_definition").to_owned()).await?;
        manager.drop_table(Table::drop().table("spent_token").to_owned()).await?;
        Ok(())
    }
}

fn spent_token() -> TableCreateStatement {
    Table::create()
        .table("spent_token")
        .col(text("hash"))
        .col(text("environment_id"))
        .col(text("session_id"))
        .col(text_null("flow_id"))
        .col(big_integer("expires_at"))
        .primary_key(Index::create().col("hash"))
        .foreign_key(
            ForeignKey::create()
                .from_tbl("spent_token")
                .from_col("environment_id")
                .from_col("session_id")
                .to_tbl("connect_session")
                .to_col("environment_id")
                .to_col("id")
                .on_delete(ForeignKeyAction::Cascade),
        )
        .to_owned()
}

fn provider_definition() -> TableCreateStatement {
    Table::create()
        .table("provider_definition")
        .col(text("slug"))
        .col(text("hash"))
        .primary_key(Index::create().col("slug"))
        .to_owned()
}
