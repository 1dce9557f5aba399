//! Webhook endpoints, deliveries to them, warnings given, and mails.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::{
    big_integer, big_integer_null, blob, blob_null, boolean, integer, json_binary_null, small_integer_null,
    text, text_null,
};

use crate::index::index;

/// The step.
#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.create_table(webhook_endpoint()).await?;
        manager.create_table(delivery()).await?;
        manager.create_index(index("delivery", &["environment_id", "event_id"])).await?;
        manager.create_index(index("delivery", &["environment_id", "webhook_endpoint_id", "due_at"])).await?;
        manager.create_index(index("delivery", &["due_at"])).await?;
        manager.create_table(expiry_warning()).await?;
        manager.create_index(index("expiry_warning", &["end_at"])).await?;
        manager.create_table(mail()).await?;
        manager.create_index(index("mail", &["environment_id", "event_id"])).await?;
        manager.create_index(index("mail", &["due_at"])).await?;
        manager.create_index(index("event", &["created_at"])).await?;
        manager.create_index(index("credential_token", &["refresh_expires_at"])).await?;
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let unneeded = [("credential_token", "refresh_expires_at"), ("event", "created_at")];
        for (table, column) in unneeded {
            let name = format!("idx_{table}_{column}");
            manager.drop_index(Index::drop().name(name).table(table).to_owned()).await?;
        }
        for table in ["mail", "expiry_warning", "delivery", "webhook_endpoint"] {
            manager.drop_table(Table::drop().table(table).to_owned()).await?;
        }
        Ok(())
    }
}

fn of_environment(table: &'static str) -> ForeignKeyCreateStatement {
    ForeignKey::create()
        .from_tbl(table)
        .from_col("environment_id")
        .to_tbl("environment")
        .to_col("id")
        .on_delete(ForeignKeyAction::Cascade)
        .to_owned()
}

/// `table.<other>_id` within its environment.
fn of(table: &'static str, column: &'static str, other: &'static str) -> ForeignKeyCreateStatement {
    ForeignKey::create()
        .from_tbl(table)
        .from_col("environment_id")
        .from_col(column)
        .to_tbl(other)
        .to_col("environment_id")
        .to_col("id")
        .on_delete(ForeignKeyAction::Cascade)
        .to_owned()
}

fn webhook_endpoint() -> TableCreateStatement {
    Table::create()
        .table("webhook_endpoint")
        .col(text("environment_id"))
        .col(text("id"))
        .col(text("url"))
        .col(json_binary_null("events"))
        .col(text_null("description"))
        .col(boolean("enabled"))
        .col(text_null("disabled_reason"))
        .col(blob("sealed"))
        .col(big_integer("version"))
        .col(big_integer_null("failing_since"))
        .col(text_null("replay_after"))
        .col(big_integer_null("replay_since"))
        .col(big_integer_null("replay_until"))
        .col(big_integer("created_at"))
        .col(big_integer("updated_at"))
        .primary_key(Index::create().col("environment_id").col("id"))
        .foreign_key(&mut of_environment("webhook_endpoint"))
        .to_owned()
}

fn delivery() -> TableCreateStatement {
    Table::create()
        .table("delivery")
        .col(text("environment_id"))
        .col(text("id"))
        .col(text("webhook_endpoint_id"))
        .col(text("event_id"))
        .col(integer("attempt"))
        .col(text("status"))
        .col(big_integer_null("due_at"))
        .col(big_integer_null("lease_until"))
        .col(big_integer_null("started_at"))
        .col(big_integer_null("duration_ms"))
        .col(small_integer_null("answer_status"))
        .col(text_null("error"))
        .col(blob_null("sealed_answer"))
        .col(big_integer("created_at"))
        .primary_key(Index::create().col("environment_id").col("id"))
        .foreign_key(&mut of("delivery", "webhook_endpoint_id", "webhook_endpoint"))
        .foreign_key(&mut of("delivery", "event_id", "event"))
        .to_owned()
}

fn expiry_warning() -> TableCreateStatement {
    Table::create()
        .table("expiry_warning")
        .col(text("environment_id"))
        .col(text("subject_id"))
        .col(big_integer("end_at"))
        .col(integer("days"))
        .primary_key(Index::create().col("environment_id").col("subject_id"))
        .foreign_key(&mut of_environment("expiry_warning"))
        .to_owned()
}

fn mail() -> TableCreateStatement {
    Table::create()
        .table("mail")
        .col(text("environment_id"))
        .col(text("id"))
        .col(text("event_id"))
        .col(blob("sealed"))
        .col(text("status"))
        .col(integer("attempts"))
        .col(big_integer_null("due_at"))
        .col(text_null("error"))
        .col(big_integer("created_at"))
        .primary_key(Index::create().col("environment_id").col("id"))
        .foreign_key(&mut of("mail", "event_id", "event"))
        .to_owned()
}
