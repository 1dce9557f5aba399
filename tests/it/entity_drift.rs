//! What the migrations make is what the entities say, on the database of this run.

use std::collections::{BTreeMap, BTreeSet};

use sea_orm::{
    ColumnTrait, ColumnType, ConnectionTrait as _, Database, DatabaseConnection, DbBackend, EntityTrait,
    Iterable as _, Statement,
};
use vouchsafe_entity as entity;
use vouchsafe_migration::{Migrator, MigratorTrait as _};

use crate::support::database::Fresh;

/// SQLite has one kind of whole number.
fn whole(kind: &'static str, backend: DbBackend) -> &'static str {
    match (kind, backend) {
        ("bigint" | "smallint", DbBackend::Sqlite) => "integer",
        _ => kind,
    }
}

/// A column: its kind in a word, and whether it may be null.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Shape {
    kind: &'static str,
    nullable: bool,
}

type Columns = BTreeMap<String, Shape>;

/// Selects nothing from the table, which names every column, and gives what the entity says of them.
async fn ask<E: EntityTrait>(database: &DatabaseConnection, said: &mut BTreeMap<String, Columns>) {
    let entity = E::default();
    let rows = E::find().all(database).await;
    let rows = rows.unwrap_or_else(|error| panic!("{} can't be selected: {error}", entity.table_name()));
    assert!(rows.is_empty());
    let columns = E::Column::iter().map(|column| {
        let definition = column.def();
        let shape = Shape {
            kind: whole(kind(definition.get_column_type()), database.get_database_backend()),
            nullable: definition.is_null(),
        };
        (sea_orm::IdenStatic::as_str(&column).to_owned(), shape)
    });
    said.insert(entity.table_name().to_owned(), columns.collect());
}

async fn entities(database: &DatabaseConnection) -> BTreeMap<String, Columns> {
    let mut said = BTreeMap::new();
    macro_rules! ask_all {
        ($($table:ident)*) => { $(ask::<entity::$table::Entity>(database, &mut said).await;)* };
    }
    ask_all!(
        activity adoption api_key audit_batch audit_closing audit_event audit_removal audit_unsealed
        connect_attempt connect_result connect_session connect_ticket connector credential
        credential_token data_key data_key_use delivery environment event expiry_warning flow idempotent_answer
        integration invitation mail member member_session orphan_token provider_definition
        provider_pause refresh_failure revocation_job secret secret_environment secret_reference
        sign_in_bucket spent_token user webhook_endpoint workspace
    );
    said
}

fn kind(column: &ColumnType) -> &'static str {
    match column {
        ColumnType::String(_) | ColumnType::Text => "text",
        ColumnType::BigInteger => "bigint",
        ColumnType::Integer => "integer",
        ColumnType::SmallInteger => "smallint",
        ColumnType::Boolean => "boolean",
        ColumnType::Blob | ColumnType::Binary(_) | ColumnType::VarBinary(_) => "bytes",
        ColumnType::Json | ColumnType::JsonBinary => "json",
        other => panic!("a kind of column that this test does not know: {other:?}"),
    }
}

/// The same words for what the database calls its columns.
fn stored_kind(declared: &str) -> &'static str {
    match declared {
        "text" | "varchar" | "character varying" => "text",
        "bigint" => "bigint",
        "integer" => "integer",
        "smallint" => "smallint",
        "boolean" => "boolean",
        "blob" | "bytea" => "bytes",
        "json" | "jsonb" | "jsonb_text" | "json_text" => "json",
        other => panic!("a kind of column that this test does not know: {other}"),
    }
}

async fn tables(database: &DatabaseConnection) -> BTreeMap<String, Columns> {
    let sql = match database.get_database_backend() {
        DbBackend::Postgres => {
            "SELECT table_name AS t, column_name AS c, data_type AS k, is_nullable = 'YES' AS n \
             FROM information_schema.columns WHERE table_schema = current_schema()"
        }
        _ => {
            "SELECT m.name AS t, p.name AS c, p.type AS k, p.\"notnull\" = 0 AND p.pk = 0 AS n \
             FROM sqlite_master m JOIN pragma_table_info(m.name) p WHERE m.type = 'table'"
        }
    };
    let statement = Statement::from_string(database.get_database_backend(), sql);
    let mut found: BTreeMap<String, Columns> = BTreeMap::new();
    for row in database.query_all_raw(statement).await.unwrap() {
        let text = |name: &str| row.try_get::<String>("", name).unwrap();
        if text("t").starts_with("seaql_") || text("t").starts_with("sqlite_") {
            continue;
        }
        let shape = Shape {
            kind: whole(stored_kind(&text("k").to_lowercase()), database.get_database_backend()),
            nullable: row.try_get("", "n").unwrap(),
        };
        found.entry(text("t")).or_default().insert(text("c"), shape);
    }
    found
}

async fn indexes(database: &DatabaseConnection) -> BTreeSet<String> {
    let sql = match database.get_database_backend() {
        DbBackend::Postgres => "SELECT indexdef AS i FROM pg_indexes WHERE schemaname = current_schema()",
        _ => "SELECT sql AS i FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL",
    };
    let statement = Statement::from_string(database.get_database_backend(), sql);
    let rows = database.query_all_raw(statement).await.unwrap();
    rows.iter().map(|row| row.try_get("", "i").unwrap()).collect()
}

async fn migrated() -> Option<(DatabaseConnection, Fresh)> {
    let fresh = Fresh::of_this_run().await?;
    let database = Database::connect(&fresh.url).await.unwrap();
    Migrator::up(&database, None).await.unwrap();
    Some((database, fresh))
}

#[tokio::test]
async fn entities_and_migrations_agree_on_every_column() {
    let Some((database, _fresh)) = migrated().await else {
        return;
    };
    let (said, made) = (entities(&database).await, tables(&database).await);
    let names = |tables: &BTreeMap<String, Columns>| tables.keys().cloned().collect::<BTreeSet<_>>();
    assert_eq!(names(&said), names(&made), "tables");
    for (table, columns) in &said {
        let made = &made[table];
        for (column, shape) in columns {
            assert_eq!(made.get(column), Some(shape), "{table}.{column}: entity (right), database (left)");
        }
        let spare: Vec<_> = made.keys().filter(|column| !columns.contains_key(*column)).collect();
        assert!(spare.is_empty(), "{table} has columns that no entity knows: {spare:?}");
    }
}

/// SQLite takes a column in double quotes that is not there for a text, so an index on it would help nobody.
#[tokio::test]
async fn every_index_is_on_columns_that_are_there() {
    let Some((database, _fresh)) = migrated().await else {
        return;
    };
    if database.get_database_backend() == DbBackend::Postgres {
        return;
    }
    let sql = "SELECT m.name AS i FROM sqlite_master m JOIN pragma_index_info(m.name) p \
        WHERE m.type = 'index' AND p.cid < 0 AND m.sql NOT LIKE '%(lower%'";
    let statement = Statement::from_string(database.get_database_backend(), sql);
    let rows = database.query_all_raw(statement).await.unwrap();
    let named: Vec<String> = rows.iter().map(|row| row.try_get("", "i").unwrap()).collect();
    assert_eq!(named, Vec::<String>::new(), "on expressions");
}

#[tokio::test]
async fn every_migration_can_be_undone_and_done_again() {
    let Some((database, _fresh)) = migrated().await else {
        return;
    };
    let whole = (tables(&database).await, indexes(&database).await);
    for back in 1..=u32::try_from(Migrator::migrations().len()).unwrap() {
        Migrator::down(&database, Some(back)).await.unwrap();
        let left = (tables(&database).await, indexes(&database).await);
        assert!(left != whole, "{back} steps down removed nothing");
        Migrator::up(&database, None).await.unwrap();
        let again = (tables(&database).await, indexes(&database).await);
        assert_eq!(again, whole, "after {back} steps down and up");
    }
}
