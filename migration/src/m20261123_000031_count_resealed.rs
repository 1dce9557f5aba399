//! How many values a data key has taken over from the one before, so that one sees how far that is.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::big_integer;

/// The step.
#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let mut column = big_integer("taken_over");
        column.default(0);
        manager.alter_table(Table::alter().table("data_key_use").add_column(column).to_owned()).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.alter_table(Table::alter().table("data_key_use").drop_column("taken_over").to_owned()).await
    }
}
