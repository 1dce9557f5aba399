//! What keeps refreshes safe: connectors whose client is refused, answers that lost a race, refusals counted for each
//! provider, and due credentials found for each environment.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::{big_integer, big_integer_null, blob, text};

use crate::index::index;

/// The step.
#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for column in ["failing_since", "probe_at"] {
            let add = Table::alter().table("connector").add_column(big_integer_null(column)).to_owned();
            manager.alter_table(add).await?;
        }
        manager.create_table(orphan_token()).await?;
        manager.create_table(refresh_failure()).await?;
        manager.create_index(index("refresh_failure", &["provider", "at"])).await?;
        manager.create_index(index("refresh_failure", &["at"])).await?;
        manager.create_table(provider_pause()).await?;
        manager.create_index(index("credential_token", &["environment_id", "due_at"])).await?;
        // Few rows are claimed at any moment; a node looks for its own when it starts.
        let claimed = "CREATE INDEX idx_credential_token_lease_owner ON credential_token (lease_owner) \
            WHERE lease_owner IS NOT NULL";
        manager.get_connection().execute_unprepared(claimed).await?;
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for name in ["idx_credential_token_lease_owner", "idx_credential_token_environment_id_due_at"] {
            manager.drop_index(Index::drop().name(name).table("credential_token").to_owned()).await?;
        }
        for table in ["provider_pause", "refresh_failure", "orphan_token"] {
            manager.drop_table(Table::drop().table(table).to_owned()).await?;
        }
        for column in ["probe_at", "failing_since"] {
            let drop = Table::alter().table("connector").drop_column(column).to_owned();
            manager.alter_table(drop).await?;
        }
        Ok(())
    }
}

fn orphan_token() -> TableCreateStatement {
    Table::create()
        .table("orphan_token")
        .col(text("environment_id"))
        .col(text("credential_id"))
        .col(text("id"))
        .col(big_integer("grant_epoch"))
        .col(blob("sealed"))
        .col(big_integer("got_at"))
        .primary_key(Index::create().col("environment_id").col("credential_id").col("id"))
        .foreign_key(
            ForeignKey::create()
                .from_tbl("orphan_token")
                .from_col("environment_id")
                .from_col("credential_id")
                .to_tbl("credential")
                .to_col("environment_id")
                .to_col("id")
                .on_delete(ForeignKeyAction::Cascade),
        )
        .to_owned()
}

fn refresh_failure() -> TableCreateStatement {
    Table::create()
        .table("refresh_failure")
        .col(text("id"))
        .col(text("provider"))
        .col(text("workspace_id"))
        .col(text("environment_id"))
        .col(text("credential_id"))
        .col(text("class"))
        .col(big_integer("at"))
        .primary_key(Index::create().col("id"))
        .to_owned()
}

fn provider_pause() -> TableCreateStatement {
    Table::create()
        .table("provider_pause")
        .col(text("provider"))
        .col(big_integer("since"))
        .col(big_integer("until"))
        .primary_key(Index::create().col("provider"))
        .to_owned()
}
