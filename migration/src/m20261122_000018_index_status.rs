//! Indexes for the lists of credentials by status, and for those whose end comes near.

use sea_orm_migration::prelude::*;

/// The step.
#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

/// Name, and what follows it. Most credentials have no end, so they are left out where ends are looked for.
const INDEXES: [(&str, &str); 3] = [
    ("idx_credential_token_status", "credential_token (environment_id, announced_status, credential_id)"),
    ("idx_credential_end", "credential (environment_id, expires_at) WHERE expires_at IS NOT NULL"),
    (
        "idx_credential_token_refresh_end",
        "credential_token (environment_id, refresh_expires_at) WHERE refresh_expires_at IS NOT NULL",
    ),
];

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for (name, on) in INDEXES {
            manager.get_connection().execute_unprepared(&format!("CREATE INDEX {name} ON {on}")).await?;
        }
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for (name, _) in INDEXES {
            manager.get_connection().execute_unprepared(&format!("DROP INDEX {name}")).await?;
        }
        Ok(())
    }
}
