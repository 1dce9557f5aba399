//! Indexes of the credentials that were revoked at the app alone, since the overview looks at none that were revoked here,
//! and of those of a user by age: without it a list of their few goes through all of the environment.

use sea_orm_migration::prelude::*;

/// The step.
#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

/// Name, and what follows it.
const INDEXES: [(&str, &str); 2] = [
    (
        "idx_credential_token_revoked_at_app",
        "credential_token (environment_id, credential_id) WHERE broken_cause = 'revoked_upstream'",
    ),
    ("idx_credential_user", "credential (environment_id, user_id, id)"),
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
