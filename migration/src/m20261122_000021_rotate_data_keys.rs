//! What data keys have done: how often they sealed, and since when nothing is sealed under one that was replaced.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::{big_integer, big_integer_null, text};

/// The step.
#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.create_table(data_key_use()).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.drop_table(Table::drop().table("data_key_use").to_owned()).await
    }
}

/// Beside `data_key`: that table is read before the schema is brought up to date, and from older copies.
fn data_key_use() -> TableCreateStatement {
    Table::create()
        .table("data_key_use")
        .col(text("id"))
        .col(big_integer("sealings"))
        .col(big_integer_null("emptied_at"))
        .primary_key(Index::create().col("id"))
        .foreign_key(
            ForeignKey::create()
                .from_tbl("data_key_use")
                .from_col("id")
                .to_tbl("data_key")
                .to_col("id")
                .on_delete(ForeignKeyAction::Cascade),
        )
        .to_owned()
}
