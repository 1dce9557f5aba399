//! Indexes in the order of lists: of credentials by their end, which may be in one of three columns, and of the events of
//! a credential. Without the id in it SQLite goes through all events of the environment sooner than sort the few.

use sea_orm_migration::prelude::*;

/// The step.
#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

/// Name, and what follows it.
const INDEXES: [(&str, &str); 4] = [
    ("idx_credential_ends", "credential (environment_id, expires_at, id) WHERE expires_at IS NOT NULL"),
    (
        "idx_credential_token_refresh_ends",
        "credential_token (environment_id, refresh_expires_at, credential_id) WHERE refresh_expires_at IS NOT NULL",
    ),
    (
        "idx_credential_token_unrenewed_ends",
        "credential_token (environment_id, access_expires_at, credential_id) \
         WHERE access_expires_at IS NOT NULL AND NOT has_refresh_token",
    ),
    ("idx_event_credential", "event (environment_id, credential_id, id)"),
];
/// What they take the place of.
const BEFORE: [(&str, &str); 3] = [
    ("idx_credential_end", "credential (environment_id, expires_at) WHERE expires_at IS NOT NULL"),
    (
        "idx_credential_token_refresh_end",
        "credential_token (environment_id, refresh_expires_at) WHERE refresh_expires_at IS NOT NULL",
    ),
    ("idx_event_environment_id_credential_id", "event (environment_id, credential_id)"),
];

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        replace(manager, &BEFORE, &INDEXES).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        replace(manager, &INDEXES, &BEFORE).await
    }
}

async fn replace(
    manager: &SchemaManager<'_>,
    old: &[(&str, &str)],
    new: &[(&str, &str)],
) -> Result<(), DbErr> {
    let connection = manager.get_connection();
    for (name, _) in old {
        connection.execute_unprepared(&format!("DROP INDEX {name}")).await?;
    }
    for (name, on) in new {
        connection.execute_unprepared(&format!("CREATE INDEX {name} ON {on}")).await?;
    }
    Ok(())
}
