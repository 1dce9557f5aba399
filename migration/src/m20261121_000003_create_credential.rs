//! Users, credentials and their tokens.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::{
    big_integer, big_integer_null, blob_null, boolean, integer, json_binary, text, text_null,
};

use crate::index::index;

/// The step.
#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.create_table(user()).await?;
        manager.create_index(index("user", &["environment_id", "username"]).unique().to_owned()).await?;
        manager.create_table(credential()).await?;
        manager.create_index(index("credential", &["environment_id", "user_id", "connector_id"])).await?;
        manager.create_index(index("credential", &["environment_id", "connector_id"])).await?;
        manager.create_index(index("credential", &["expires_at"])).await?;
        manager.create_table(credential_token()).await?;
        manager.create_index(index("credential_token", &["due_at"])).await?;
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.drop_table(Table::drop().table("credential_token").to_owned()).await?;
        manager.drop_table(Table::drop().table("credential").to_owned()).await?;
        manager.drop_table(Table::drop().table("user").to_owned()).await?;
        Ok(())
    }
}

fn user() -> TableCreateStatement {
    Table::create()
        .table("user")
        .col(text("environment_id"))
        .col(text("id"))
        .col(text("username"))
        .col(text_null("full_name"))
        .col(text_null("email"))
        .col(text_null("organization"))
        .col(json_binary("tags"))
        .col(big_integer("created_at"))
        .col(big_integer("updated_at"))
        .primary_key(Index::create().col("environment_id").col("id"))
        .foreign_key(
            ForeignKey::create()
                .from_tbl("user")
                .from_col("environment_id")
                .to_tbl("environment")
                .to_col("id")
                .on_delete(ForeignKeyAction::Cascade),
        )
        .to_owned()
}

fn credential() -> TableCreateStatement {
    Table::create()
        .table("credential")
        .col(text("environment_id"))
        .col(text("id"))
        .col(text("user_id"))
        .col(text("connector_id"))
        .col(text("provider"))
        .col(text("method"))
        .col(text("name"))
        .col(text_null("account_id"))
        .col(text_null("account_label"))
        .col(json_binary("variables"))
        .col(json_binary("scopes"))
        .col(json_binary("metadata"))
        .col(big_integer_null("deactivated_at"))
        .col(big_integer_null("expires_at"))
        .col(big_integer("issued_at"))
        .col(big_integer_null("last_used_at"))
        .col(big_integer_null("last_refreshed_at"))
        .col(big_integer("created_at"))
        .col(big_integer("updated_at"))
        .primary_key(Index::create().col("environment_id").col("id"))
        .foreign_key(
            ForeignKey::create()
                .from_tbl("credential")
                .from_col("environment_id")
                .from_col("user_id")
                .to_tbl("user")
                .to_col("environment_id")
                .to_col("id")
                .on_delete(ForeignKeyAction::Cascade),
        )
        .foreign_key(
            ForeignKey::create()
                .from_tbl("credential")
                .from_col("environment_id")
                .from_col("connector_id")
                .to_tbl("connector")
                .to_col("environment_id")
                .to_col("id")
                .on_delete(ForeignKeyAction::Cascade),
        )
        .to_owned()
}

fn credential_token() -> TableCreateStatement {
    Table::create()
        .table("credential_token")
        .col(text("environment_id"))
        .col(text("credential_id"))
        .col(text("state"))
        .col(text_null("claimed_from"))
        .col(text_null("broken_cause"))
        .col(big_integer("state_since"))
        .col(big_integer("grant_epoch"))
        .col(big_integer("token_version"))
        .col(blob_null("sealed"))
        .col(blob_null("prev_sealed"))
        .col(big_integer_null("access_expires_at"))
        .col(big_integer_null("access_lifetime"))
        .col(big_integer_null("refresh_expires_at"))
        .col(boolean("has_refresh_token"))
        .col(big_integer_null("due_at"))
        .col(text_null("lease_owner"))
        .col(big_integer("lease_seq"))
        .col(big_integer_null("lease_until"))
        .col(big_integer_null("attempt_version"))
        .col(text_null("attempt_state"))
        .col(big_integer_null("attempt_started_at"))
        .col(text_null("fail_class"))
        .col(integer("fail_count"))
        .col(big_integer_null("next_try_at"))
        .col(big_integer_null("suspect_since"))
        .col(text_null("announced_status"))
        .col(big_integer("event_ordinal"))
        .primary_key(Index::create().col("environment_id").col("credential_id"))
        .foreign_key(
            ForeignKey::create()
                .from_tbl("credential_token")
                .from_col("environment_id")
                .from_col("credential_id")
                .to_tbl("credential")
                .to_col("environment_id")
                .to_col("id")
                .on_delete(ForeignKeyAction::Cascade),
        )
        .to_owned()
}
