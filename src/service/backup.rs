//! What an operator asks of a copy of the database: whether everything sealed in it opens, and that it is written down.
//! It must not know where copies lie or how they are made.

use std::collections::BTreeSet;

use serde::de::IgnoredAny;
use vouchsafe_entity::id::EnvironmentId;

use super::{Error, Hub};
use crate::failpoint::failpoint;
use crate::store;
use crate::store::backup::SealedValue;
use crate::store::sealed::SealedColumn;
use crate::vault::{OpenError, Place};

/// Values that are read together.
const PAGE: u64 = 500;
/// Of what does not open, so many are named.
const NAMED: usize = 20;

/// Something sealed that does not open: where it stands, and nothing of what lies in it.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{table} {}: {why}", .row.escape_debug())]
pub struct Shut {
    table: &'static str,
    row: String,
    why: OpenError,
}

/// What came of opening what is sealed.
#[derive(Clone, Debug, Default)]
pub struct Opened {
    /// Data keys that open.
    pub keys: usize,
    /// Values that open.
    pub values: usize,
    /// The first that don't open.
    pub shut: Vec<Shut>,
    /// How many more don't.
    pub more: usize,
}

impl Opened {
    fn note(&mut self, table: &'static str, row: String, why: OpenError) {
        if self.shut.len() < NAMED {
            self.shut.push(Shut { table, row, why });
        } else {
            self.more += 1;
        }
    }
}

impl Hub {
    /// Opens the data keys, each by itself.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn open_keys(&self) -> Result<Opened, Error> {
        let mut opened = Opened::default();
        for key in store::data_key::all(&self.store).await? {
            match self.vault.install(&key) {
                Ok(()) => opened.keys += 1,
                Err(why) => opened.note("data_key", key.id.to_string(), why),
            }
        }
        Ok(opened)
    }

    /// Opens the data keys, then every sealed value in its place but what is left of environments that were deleted,
    /// and wipes what it sees.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn open_all(&self) -> Result<Opened, Error> {
        let mut opened = self.open_keys().await?;
        let gone = store::backup::deleted_environments(&self.store).await?;
        for column in store::backup::sealed_columns(&self.store).await? {
            self.open_column(column, &gone, &mut opened).await?;
        }
        Ok(opened)
    }

    async fn open_column(
        &self,
        column: &SealedColumn,
        gone: &BTreeSet<EnvironmentId>,
        opened: &mut Opened,
    ) -> Result<(), Error> {
        let mut after = 0;
        loop {
            let values = store::backup::sealed_after(&self.store, column, after, PAGE).await?;
            let Some(last) = values.last() else { return Ok(()) };
            after = last.place;
            let left = |value: &SealedValue| value.environment_id.is_none_or(|id| !gone.contains(&id));
            for value in values.into_iter().filter(left) {
                match self.open_value(column, &value) {
                    Ok(()) => opened.values += 1,
                    Err(why) => opened.note(column.table, value.row_id, why),
                }
            }
        }
    }

    fn open_value(&self, column: &SealedColumn, value: &SealedValue) -> Result<(), OpenError> {
        // An environment that is gone has taken its key along.
        let workspace = value.workspace_id.ok_or(OpenError::UnknownKey)?;
        let place = Place {
            workspace,
            environment: value.environment_id,
            table: column.table,
            column: column.bound,
            row: &value.row_id,
            epoch: value.epoch,
            version: value.version,
        };
        let open = |version| {
            let opened = self.vault.open::<IgnoredAny>(&Place { version, ..place }, &value.sealed);
            opened.map(|IgnoredAny| ()).map_err(|unopened| unopened.why)
        };
        let newest = open(value.version);
        if newest.is_err() && (value.oldest..value.version).rev().any(|version| open(version).is_ok()) {
            return Ok(());
        }
        newest
    }

    /// Writes down that the database was copied.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn note_backup(&self) -> Result<(), Error> {
        failpoint!("backup::written");
        self.note_database("database.backup").await
    }

    /// Writes down that the database was restored from a copy.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn note_restore(&self) -> Result<(), Error> {
        self.note_database("database.restore").await
    }

    async fn note_database(&self, action: &'static str) -> Result<(), Error> {
        let tx = self.store.begin_record().await?;
        self.insert_audit(&tx, &[self.database_event(action)]).await?;
        Ok(tx.commit().await?)
    }
}
