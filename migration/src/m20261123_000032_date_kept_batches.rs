//! Indexes of the audit batches that retention looks for by when they were closed: one that was closed under a clock far
//! ahead is behind all others then.

use sea_orm_migration::prelude::*;

/// The step.
#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

/// Name, the columns since this step and before it, and which rows.
const INDEXES: [(&str, &str, &str, &str); 2] = [
    ("idx_audit_batch_kept", "closed_at, seq", "seq", "members IS NOT NULL"),
    ("idx_audit_batch_addresses", "closed_at, seq", "seq", "addresses"),
];

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for (name, columns, _, rows) in INDEXES {
            replace(manager, name, columns, rows).await?;
        }
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for (name, _, columns, rows) in INDEXES {
            replace(manager, name, columns, rows).await?;
        }
        Ok(())
    }
}

async fn replace(manager: &SchemaManager<'_>, name: &str, columns: &str, rows: &str) -> Result<(), DbErr> {
    let connection = manager.get_connection();
    connection.execute_unprepared(&format!("DROP INDEX {name}")).await?;
    let sql = format!("CREATE INDEX {name} ON audit_batch ({columns}) WHERE {rows}");
    connection.execute_unprepared(&sql).await?;
    Ok(())
}
