//! Indexes of secrets by what a list filters them by, in the order of that list.

use sea_orm_migration::prelude::*;

use crate::index::index;

/// The step.
#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

const INDEXES: [[&str; 3]; 4] = [
    ["workspace_id", "type", "key"],
    ["workspace_id", "issuer_lower", "key"],
    ["workspace_id", "visibility", "key"],
    ["workspace_id", "active", "key"],
];
/// Few have been revoked, or have an end: they go a month after it.
const OF_FEW: [(&str, &str); 2] = [
    ("idx_secret_revoked", "(workspace_id, key) WHERE revoked_at IS NOT NULL"),
    ("idx_secret_ends", "(workspace_id, expires_at) WHERE expires_at IS NOT NULL"),
];

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for columns in INDEXES {
            manager.create_index(index("secret", &columns)).await?;
        }
        for (name, on) in OF_FEW {
            let sql = format!("CREATE INDEX {name} ON secret {on}");
            manager.get_connection().execute_unprepared(&sql).await?;
        }
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let names = INDEXES.map(|columns| format!("idx_secret_{}", columns.join("_")));
        let few = OF_FEW.map(|(name, _)| name.to_owned());
        for name in names.into_iter().chain(few) {
            manager.get_connection().execute_unprepared(&format!("DROP INDEX {name}")).await?;
        }
        Ok(())
    }
}
