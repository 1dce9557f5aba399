//! How the schema of a database stands to the one that this program makes. It takes no step of it.

use std::collections::BTreeSet;

use sea_orm::{ConnectionTrait as _, DbErr};
use vouchsafe_migration::{Migrator, MigratorTrait as _, SchemaManager};

use super::{Reads as _, Store, StoreError, statement};

/// How a schema stands to the one that this program makes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Schema {
    /// It is no hub's.
    None,
    /// These steps are missing.
    Earlier(Vec<String>),
    /// The same.
    Current,
    /// It has a step that this program does not know.
    Later(String),
}

impl Store {
    /// How its schema stands to the one that this program makes. Nothing is written.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn schema(&self) -> Result<Schema, StoreError> {
        if !self.is_migrated().await? {
            return Ok(Schema::None);
        }
        let connection = self.connection();
        let steps = statement(connection, "SELECT version FROM seaql_migrations", []);
        let rows = connection.query_all_raw(steps).await?;
        let made: Result<BTreeSet<String>, DbErr> =
            rows.iter().map(|row| row.try_get("", "version")).collect();
        let made = made?;
        let known: BTreeSet<String> =
            Migrator::migrations().iter().map(|step| step.name().to_owned()).collect();
        if let Some(unknown) = made.difference(&known).next() {
            return Ok(Schema::Later(unknown.clone()));
        }
        let missing: Vec<String> = known.difference(&made).cloned().collect();
        Ok(if missing.is_empty() { Schema::Current } else { Schema::Earlier(missing) })
    }

    /// Whether the schema has been made.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn is_migrated(&self) -> Result<bool, StoreError> {
        let manager = SchemaManager::new(&self.writer);
        Ok(manager.has_table("workspace").await?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::DatabaseUrl;

    #[tokio::test]
    async fn a_schema_says_what_it_lacks_and_what_is_unknown() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&DatabaseUrl::file(&folder.path().join("schema.db"))).await.unwrap();
        assert_eq!(store.schema().await.unwrap(), Schema::None);
        store.migrate().await.unwrap();
        assert_eq!(store.schema().await.unwrap(), Schema::Current);
        let newest = Migrator::migrations().last().unwrap().name().to_owned();
        let forget = format!("DELETE FROM seaql_migrations WHERE version = '{newest}'");
        store.writer.execute_unprepared(&forget).await.unwrap();
        assert_eq!(store.schema().await.unwrap(), Schema::Earlier(vec![newest]));
        let unknown = "INSERT INTO seaql_migrations (version, applied_at) VALUES ('m99990101_000001_fly', 0)";
        store.writer.execute_unprepared(unknown).await.unwrap();
        assert_eq!(store.schema().await.unwrap(), Schema::Later("m99990101_000001_fly".to_owned()));
    }
}
