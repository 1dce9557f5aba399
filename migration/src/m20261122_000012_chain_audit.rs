//! The hash chain over audit events, and triggers that keep them as they are.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::{big_integer, big_integer_null, blob, blob_null, boolean, text};
use sea_orm_migration::sea_orm::DbBackend;

use crate::index::index;

/// The step.
#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

/// What of an event never changes. Address and salt may be erased; a MAC may come once, to events from before this step.
const FIXED: &str = "environment_id, id, workspace_id, at, action, actor_type, actor_id, target_type, target_id, \
    result, reason, request_id, address_hash";
/// What of a batch never changes. Members may be removed.
const FIXED_BATCH: &str = "seq, workspace_id, n, closed_at, count, root, head, signature";

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.create_table(audit_batch()).await?;
        manager.create_index(index("audit_batch", &["workspace_id", "n"]).unique().to_owned()).await?;
        manager.create_table(audit_unsealed()).await?;
        manager.create_table(audit_removal()).await?;
        let connection = manager.get_connection();
        for sql in [
            "CREATE INDEX idx_audit_batch_kept ON audit_batch (seq) WHERE members IS NOT NULL",
            "CREATE INDEX idx_audit_batch_addresses ON audit_batch (seq) WHERE addresses",
            "INSERT INTO audit_unsealed (id, environment_id) SELECT id, environment_id FROM audit_event",
        ] {
            connection.execute_unprepared(sql).await?;
        }
        let postgres = manager.get_database_backend() == DbBackend::Postgres;
        for column in columns(postgres) {
            connection.execute_unprepared(&format!("ALTER TABLE audit_event ADD COLUMN {column}")).await?;
        }
        let triggers = if postgres { postgres_triggers() } else { sqlite_triggers() };
        for trigger in triggers {
            connection.execute_unprepared(&trigger).await?;
        }
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let connection = manager.get_connection();
        let postgres = manager.get_database_backend() == DbBackend::Postgres;
        for (name, table) in TRIGGERS {
            let on = if postgres { format!(" ON {table}") } else { String::new() };
            connection.execute_unprepared(&format!("DROP TRIGGER IF EXISTS {name}{on}")).await?;
        }
        if postgres {
            let sql = "DROP FUNCTION audit_refuse(), audit_keep(), audit_queue()";
            connection.execute_unprepared(sql).await?;
        }
        for column in ["mac", "address_hash", "address_salt"] {
            connection.execute_unprepared(&format!("ALTER TABLE audit_event DROP COLUMN {column}")).await?;
        }
        for table in ["audit_removal", "audit_unsealed", "audit_batch"] {
            manager.drop_table(Table::drop().table(table).to_owned()).await?;
        }
        Ok(())
    }
}

fn columns(postgres: bool) -> [&'static str; 3] {
    if postgres {
        ["address_salt bytea", "address_hash bytea", "mac bytea NOT NULL DEFAULT ''"]
    } else {
        ["address_salt blob", "address_hash blob", "mac blob NOT NULL DEFAULT x''"]
    }
}

const TRIGGERS: [(&str, &str); 8] = [
    ("audit_event_queue", "audit_event"),
    ("audit_event_keep", "audit_event"),
    ("audit_event_fixed", "audit_event"),
    ("audit_event_address", "audit_event"),
    ("audit_event_mac", "audit_event"),
    ("audit_batch_keep", "audit_batch"),
    ("audit_batch_fixed", "audit_batch"),
    ("audit_batch_members", "audit_batch"),
];

/// Triggers that refuse: name, what on which table, and when.
fn refusals(postgres: bool) -> Vec<(&'static str, String, &'static str)> {
    let mut refusals = vec![
        ("audit_event_fixed", format!("UPDATE OF {FIXED} ON audit_event"), "TRUE"),
        (
            "audit_event_address",
            "UPDATE OF address, address_salt ON audit_event".to_owned(),
            "NEW.address IS NOT NULL OR NEW.address_salt IS NOT NULL",
        ),
        ("audit_event_mac", "UPDATE OF mac ON audit_event".to_owned(), "length(OLD.mac) > 0"),
        ("audit_batch_keep", "DELETE ON audit_batch".to_owned(), "TRUE"),
        ("audit_batch_fixed", format!("UPDATE OF {FIXED_BATCH} ON audit_batch"), "TRUE"),
        (
            "audit_batch_members",
            "UPDATE OF members ON audit_batch".to_owned(),
            "NEW.members IS NOT NULL OR NEW.removal IS NULL",
        ),
    ];
    if !postgres {
        // PostgreSQL asks no other table there.
        let unless = "NOT EXISTS (SELECT 1 FROM audit_removal WHERE id = OLD.id)";
        refusals.push(("audit_event_keep", "DELETE ON audit_event".to_owned(), unless));
    }
    refusals
}

fn sqlite_triggers() -> Vec<String> {
    let refuse = |(name, what, when): (&str, String, &str)| {
        format!(
            "CREATE TRIGGER {name} BEFORE {what} WHEN {when} \
             BEGIN SELECT RAISE(ABORT, 'audit events are append-only'); END"
        )
    };
    let mut triggers: Vec<String> = refusals(false).into_iter().map(refuse).collect();
    triggers.push(
        "CREATE TRIGGER audit_event_queue AFTER INSERT ON audit_event BEGIN \
         INSERT INTO audit_unsealed (id, environment_id) VALUES (NEW.id, NEW.environment_id); END"
            .to_owned(),
    );
    triggers
}

fn postgres_triggers() -> Vec<String> {
    const FUNCTIONS: [&str; 3] = [
        "CREATE FUNCTION audit_refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN \
         RAISE EXCEPTION 'audit events are append-only'; END $$",
        "CREATE FUNCTION audit_keep() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN \
         IF NOT EXISTS (SELECT 1 FROM audit_removal WHERE id = OLD.id) THEN \
         RAISE EXCEPTION 'audit events are append-only'; END IF; RETURN OLD; END $$",
        "CREATE FUNCTION audit_queue() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN \
         INSERT INTO audit_unsealed (id, environment_id) SELECT id, environment_id FROM added; RETURN NULL; END $$",
    ];
    let refuse = |(name, what, when): (&str, String, &str)| {
        format!(
            "CREATE TRIGGER {name} BEFORE {what} FOR EACH ROW WHEN ({when}) EXECUTE FUNCTION audit_refuse()"
        )
    };
    FUNCTIONS
        .map(str::to_owned)
        .into_iter()
        .chain(refusals(true).into_iter().map(refuse))
        .chain([
            "CREATE TRIGGER audit_event_keep BEFORE DELETE ON audit_event FOR EACH ROW \
             EXECUTE FUNCTION audit_keep()"
                .to_owned(),
            "CREATE TRIGGER audit_event_queue AFTER INSERT ON audit_event REFERENCING NEW TABLE AS added \
             FOR EACH STATEMENT EXECUTE FUNCTION audit_queue()"
                .to_owned(),
        ])
        .collect()
}

fn audit_batch() -> TableCreateStatement {
    Table::create()
        .table("audit_batch")
        .col(big_integer("seq"))
        .col(text("workspace_id"))
        .col(big_integer("n"))
        .col(big_integer("closed_at"))
        .col(big_integer("count"))
        .col(blob("root"))
        .col(blob("head"))
        .col(blob("signature"))
        .col(blob_null("members"))
        .col(big_integer_null("removed_at"))
        .col(blob_null("removal"))
        .col(boolean("addresses"))
        .col(blob_null("erasure"))
        .primary_key(Index::create().col("seq"))
        .to_owned()
}

fn audit_unsealed() -> TableCreateStatement {
    Table::create()
        .table("audit_unsealed")
        .col(text("id"))
        .col(text("environment_id"))
        .primary_key(Index::create().col("id"))
        .to_owned()
}

fn audit_removal() -> TableCreateStatement {
    Table::create().table("audit_removal").col(text("id")).primary_key(Index::create().col("id")).to_owned()
}
