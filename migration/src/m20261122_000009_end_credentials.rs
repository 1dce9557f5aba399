//! How credentials end: revocations that wait for their app, what is purged, and which deployment may refresh.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::{big_integer, big_integer_null, blob, integer, text, text_null};

use crate::index::index;

/// The step.
#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

/// Small indexes over the few rows that a sweep is about; both databases know such.
const PARTIAL: &[(&str, &str)] = &[
    ("idx_credential_token_tombstone", "(state_since) WHERE state = 'deleted'"),
    ("idx_credential_token_ended", "(state_since) WHERE state = 'broken' AND sealed IS NOT NULL"),
    (
        "idx_credential_token_troubled",
        "(announced_status, access_expires_at) WHERE state IN ('refreshing', 'waiting', 'unknown', 'suspect')",
    ),
];

/// The end of a key, set by hand, is found by the time at which somebody must look at it.
const DATE_KEYS: &str = "UPDATE credential_token SET due_at = (SELECT c.expires_at FROM credential c \
    WHERE c.environment_id = credential_token.environment_id AND c.id = credential_token.credential_id) \
    WHERE due_at IS NULL AND state NOT IN ('broken', 'deleted')";

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.create_table(revocation_job()).await?;
        manager.create_index(index("revocation_job", &["next_try_at"])).await?;
        manager.create_table(adoption()).await?;
        manager.create_index(index("credential", &["environment_id", "connector_id", "account_id"])).await?;
        let connection = manager.get_connection();
        for (name, rest) in PARTIAL {
            connection.execute_unprepared(&format!("CREATE INDEX {name} ON credential_token {rest}")).await?;
        }
        connection.execute_unprepared(DATE_KEYS).await?;
        let superseded =
            Table::alter().table("orphan_token").add_column(big_integer_null("superseded_at")).to_owned();
        manager.alter_table(superseded).await?;
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let superseded = Table::alter().table("orphan_token").drop_column("superseded_at").to_owned();
        manager.alter_table(superseded).await?;
        let connection = manager.get_connection();
        for (name, _) in PARTIAL {
            connection.execute_unprepared(&format!("DROP INDEX {name}")).await?;
        }
        connection
            .execute_unprepared("DROP INDEX idx_credential_environment_id_connector_id_account_id")
            .await?;
        manager.drop_table(Table::drop().table("adoption").to_owned()).await?;
        manager.drop_table(Table::drop().table("revocation_job").to_owned()).await?;
        Ok(())
    }
}

fn revocation_job() -> TableCreateStatement {
    Table::create()
        .table("revocation_job")
        .col(text("environment_id"))
        .col(text("id"))
        .col(text("credential_id"))
        .col(text("connector_id"))
        .col(text("provider"))
        .col(text_null("account_id"))
        .col(big_integer("grant_epoch"))
        .col(blob("sealed"))
        .col(integer("tries"))
        .col(big_integer("next_try_at"))
        .col(big_integer("created_at"))
        .primary_key(Index::create().col("environment_id").col("id"))
        .foreign_key(
            ForeignKey::create()
                .from_tbl("revocation_job")
                .from_col("environment_id")
                .to_tbl("environment")
                .to_col("id")
                .on_delete(ForeignKeyAction::Cascade),
        )
        .to_owned()
}

fn adoption() -> TableCreateStatement {
    Table::create()
        .table("adoption")
        .col(integer("id"))
        .col(text_null("public_url"))
        .col(text("place"))
        .col(big_integer("adopted_at"))
        .primary_key(Index::create().col("id"))
        .to_owned()
}
