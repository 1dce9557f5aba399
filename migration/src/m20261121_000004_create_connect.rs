//! Connect sessions and the flows inside them.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::{
    big_integer, big_integer_null, blob, blob_null, boolean, json_binary, text, text_null,
};

use crate::index::index;

/// The step.
#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.create_table(connect_session()).await?;
        manager.create_index(index("connect_session", &["expires_at"])).await?;
        manager.create_table(connect_result()).await?;
        manager.create_table(connect_ticket()).await?;
        manager.create_index(index("connect_ticket", &["session_id"])).await?;
        manager.create_index(index("connect_ticket", &["expires_at"])).await?;
        manager.create_table(flow()).await?;
        manager.create_index(index("flow", &["state_hash"])).await?;
        manager.create_index(index("flow", &["session_id"])).await?;
        manager.create_index(index("flow", &["expires_at"])).await?;
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.drop_table(Table::drop().table("flow").to_owned()).await?;
        manager.drop_table(Table::drop().table("connect_ticket").to_owned()).await?;
        manager.drop_table(Table::drop().table("connect_result").to_owned()).await?;
        manager.drop_table(Table::drop().table("connect_session").to_owned()).await?;
        Ok(())
    }
}

fn connect_session() -> TableCreateStatement {
    Table::create()
        .table("connect_session")
        .col(text("environment_id"))
        .col(text("id"))
        .col(text("user_id"))
        .col(text("secret_hash"))
        .col(text_null("integration"))
        .col(json_binary("needs"))
        .col(json_binary("allowed_origins"))
        .col(text_null("return_url"))
        .col(text_null("credential_id"))
        .col(text_null("confirm"))
        .col(text_null("locale"))
        .col(json_binary("theme"))
        .col(text("status"))
        .col(big_integer("created_at"))
        .col(big_integer("expires_at"))
        .primary_key(Index::create().col("environment_id").col("id"))
        .foreign_key(
            ForeignKey::create()
                .from_tbl("connect_session")
                .from_col("environment_id")
                .from_col("user_id")
                .to_tbl("user")
                .to_col("environment_id")
                .to_col("id")
                .on_delete(ForeignKeyAction::Cascade),
        )
        .to_owned()
}

fn connect_result() -> TableCreateStatement {
    Table::create()
        .table("connect_result")
        .col(text("session_id"))
        .col(text("connector"))
        .col(text("environment_id"))
        .col(text("state"))
        .col(text_null("credential_id"))
        .col(text_null("error"))
        .col(text_null("detail"))
        .col(text_null("confirmation_hash"))
        .col(big_integer_null("confirmation_until"))
        .col(blob_null("sealed_code"))
        .col(big_integer("updated_at"))
        .primary_key(Index::create().col("environment_id").col("session_id").col("connector"))
        .foreign_key(
            ForeignKey::create()
                .from_tbl("connect_result")
                .from_col("environment_id")
                .from_col("session_id")
                .to_tbl("connect_session")
                .to_col("environment_id")
                .to_col("id")
                .on_delete(ForeignKeyAction::Cascade),
        )
        .to_owned()
}

fn connect_ticket() -> TableCreateStatement {
    Table::create()
        .table("connect_ticket")
        .col(text("hash"))
        .col(text("environment_id"))
        .col(text("session_id"))
        .col(text("connector"))
        .col(text("nonce_hash"))
        .col(blob("sealed"))
        .col(boolean("hosted"))
        .col(big_integer("expires_at"))
        .primary_key(Index::create().col("hash"))
        .foreign_key(
            ForeignKey::create()
                .from_tbl("connect_ticket")
                .from_col("environment_id")
                .from_col("session_id")
                .to_tbl("connect_session")
                .to_col("environment_id")
                .to_col("id")
                .on_delete(ForeignKeyAction::Cascade),
        )
        .to_owned()
}

fn flow() -> TableCreateStatement {
    Table::create()
        .table("flow")
        .col(text("id"))
        .col(text("environment_id"))
        .col(text("session_id"))
        .col(text("connector_id"))
        .col(text("user_id"))
        .col(text_null("credential_id"))
        .col(text("cookie_hash"))
        .col(text_null("nonce_hash"))
        .col(text_null("state_hash"))
        .col(blob("sealed"))
        .col(json_binary("scopes"))
        .col(text("redirect_uri"))
        .col(text_null("binding"))
        .col(boolean("hosted"))
        .col(boolean("redirect"))
        .col(big_integer("created_at"))
        .col(big_integer("expires_at"))
        .primary_key(Index::create().col("id"))
        .foreign_key(
            ForeignKey::create()
                .from_tbl("flow")
                .from_col("environment_id")
                .from_col("session_id")
                .to_tbl("connect_session")
                .to_col("environment_id")
                .to_col("id")
                .on_delete(ForeignKeyAction::Cascade),
        )
        .to_owned()
}
