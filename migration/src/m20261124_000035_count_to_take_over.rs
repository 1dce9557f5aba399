//! How many values a data key is to take over from the one before, so that one sees how far of what that is.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::big_integer;

/// The step.
#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let mut column = big_integer("to_take_over");
        column.default(0);
        manager.alter_table(Table::alter().table("data_key_use").add_column(column).to_owned()).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.alter_table(Table::alter().table("data_key_use").drop_column("to_take_over").to_owned()).await
    }
}
