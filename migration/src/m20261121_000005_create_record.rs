//! Events, audit events and answers kept for repeated requests.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::{big_integer, blob, blob_null, small_integer_null, text, text_null};
use sea_orm_migration::sea_orm::DbBackend;

use crate::index::index;

/// The step.
#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.create_table(event()).await?;
        manager.create_index(index("event", &["environment_id", "unique_key"]).unique().to_owned()).await?;
        manager.create_index(index("event", &["environment_id", "credential_id"])).await?;
        manager.create_table(audit_event(manager.get_database_backend())).await?;
        manager.create_index(index("audit_event", &["environment_id", "action", "id"])).await?;
        manager.create_index(index("audit_event", &["environment_id", "target_id", "id"])).await?;
        manager.create_table(idempotent_answer()).await?;
        manager.create_index(index("idempotent_answer", &["expires_at"])).await?;
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.drop_table(Table::drop().table("idempotent_answer").to_owned()).await?;
        manager.drop_table(Table::drop().table("audit_event").to_owned()).await?;
        manager.drop_table(Table::drop().table("event").to_owned()).await?;
        Ok(())
    }
}

fn event() -> TableCreateStatement {
    Table::create()
        .table("event")
        .col(text("environment_id"))
        .col(text("id"))
        .col(text("type"))
        .col(text_null("credential_id"))
        .col(text("unique_key"))
        .col(blob("sealed"))
        .col(big_integer("created_at"))
        .primary_key(Index::create().col("environment_id").col("id"))
        .foreign_key(
            ForeignKey::create()
                .from_tbl("event")
                .from_col("environment_id")
                .to_tbl("environment")
                .to_col("id")
                .on_delete(ForeignKeyAction::Cascade),
        )
        .to_owned()
}

/// Every read of a value writes a row here, so the table is its own index where the database can do that.
fn audit_event(backend: DbBackend) -> TableCreateStatement {
    let mut table = Table::create();
    if backend == DbBackend::Sqlite {
        table.extra("WITHOUT ROWID");
    }
    table
        .table("audit_event")
        .col(text("environment_id"))
        .col(text("id"))
        .col(text_null("workspace_id"))
        .col(big_integer("at"))
        .col(text("action"))
        .col(text("actor_type"))
        .col(text_null("actor_id"))
        .col(text("target_type"))
        .col(text_null("target_id"))
        .col(text("result"))
        .col(text_null("reason"))
        .col(text_null("request_id"))
        .col(text_null("address"))
        .primary_key(Index::create().col("environment_id").col("id"))
        .to_owned()
}

fn idempotent_answer() -> TableCreateStatement {
    Table::create()
        .table("idempotent_answer")
        .col(text("environment_id"))
        .col(text("key_hash"))
        .col(text("request_hash"))
        .col(small_integer_null("status"))
        .col(blob_null("sealed"))
        .col(big_integer("created_at"))
        .col(big_integer("expires_at"))
        .primary_key(Index::create().col("environment_id").col("key_hash"))
        .foreign_key(
            ForeignKey::create()
                .from_tbl("idempotent_answer")
                .from_col("environment_id")
                .to_tbl("environment")
                .to_col("id")
                .on_delete(ForeignKeyAction::Cascade),
        )
        .to_owned()
}
