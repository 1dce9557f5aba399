//! A log of users' attempts to connect apps; an index for the history of a credential without its uses.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::{big_integer, big_integer_null, boolean, text, text_null};

use crate::index::index;

/// The step.
#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.create_table(connect_attempt()).await?;
        for columns in [
            ["environment_id", "user_id", "id"],
            ["environment_id", "connector", "id"],
            ["environment_id", "credential_id", "id"],
            ["environment_id", "outcome", "id"],
        ] {
            manager.create_index(index("connect_attempt", &columns)).await?;
        }
        manager.create_index(index("connect_attempt", &["environment_id", "session_id"])).await?;
        manager.create_index(index("connect_attempt", &["started_at"])).await?;
        // Uses are many and changes few; a use costs nothing here.
        let changes = "CREATE INDEX idx_audit_event_changes ON audit_event (environment_id, target_id, id) \
            WHERE target_type = 'credential' AND action NOT IN ('proxy.begin', 'proxy.call', 'credential.token')";
        manager.get_connection().execute_unprepared(changes).await?;
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.get_connection().execute_unprepared("DROP INDEX idx_audit_event_changes").await?;
        manager.drop_table(Table::drop().table("connect_attempt").to_owned()).await
    }
}

fn connect_attempt() -> TableCreateStatement {
    Table::create()
        .table("connect_attempt")
        .col(text("environment_id"))
        .col(text("id"))
        .col(text("session_id"))
        .col(text("user_id"))
        .col(text("connector"))
        .col(text("provider"))
        .col(text("method"))
        .col(text_null("credential_id"))
        .col(boolean("hosted"))
        .col(text("outcome"))
        .col(text_null("error"))
        .col(text_null("detail"))
        .col(big_integer("started_at"))
        .col(big_integer_null("ended_at"))
        .primary_key(Index::create().col("environment_id").col("id"))
        .foreign_key(
            ForeignKey::create()
                .from_tbl("connect_attempt")
                .from_col("environment_id")
                .from_col("user_id")
                .to_tbl("user")
                .to_col("environment_id")
                .to_col("id")
                .on_delete(ForeignKeyAction::Cascade),
        )
        .to_owned()
}
