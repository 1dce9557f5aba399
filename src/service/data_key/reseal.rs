//! What a data key before the present one sealed is sealed anew, and a batch of it written in a transaction. Whoever changes
//! a row meanwhile wins: it is sealed under the present key then. It must not know which key that is and why.

use vouchsafe_entity::id::DataKeyId;
use vouchsafe_entity::sealed::Sealed;

use super::Holder;
use crate::domain::data_key::RecordKeys;
use crate::failpoint::failpoint;
use crate::service::{Error, Hub};
use crate::store;
use crate::store::sealed::{NewValue, OldValue, SealedColumn};
use crate::vault::{Place, RewrapError};

/// Values of one transaction.
const BATCH: u64 = 500;
/// Of what does not open, so many are told each time.
const TOLD: u64 = 20;

/// What came of sealing anew.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Resealed {
    /// Values that were sealed anew.
    pub values: u64,
    /// Values that don't open, and stay as they are.
    pub shut: u64,
    /// Whether something is left, for one reason or another.
    pub left: bool,
}

impl Hub {
    /// Goes once through all that `holder` has sealed.
    pub(super) async fn reseal(
        &self,
        holder: Holder,
        mut told: impl FnMut(u64) + Send,
    ) -> Result<Resealed, Error> {
        let keys = RecordKeys::of(store::data_key::of_owner(&self.store, holder.owner).await?);
        let current = keys.current().ok_or(Error::internal("no data key to seal anew with"))?.id;
        let mut done = Resealed::default();
        for column in store::sealed::columns_of(holder.owner) {
            let mut after = String::new();
            while let Some(last) = self.reseal_batch(holder, column, current, &after, &mut done).await? {
                after = last;
                told(done.values);
                if self.closing.is_cancelled() {
                    done.left = true;
                    return Ok(done);
                }
            }
        }
        done.left = self.has_old(holder, current).await?;
        Ok(done)
    }

    /// Whether anything of `holder` is sealed under another data key than `current`.
    pub(super) async fn has_old(&self, holder: Holder, current: DataKeyId) -> Result<bool, Error> {
        for column in store::sealed::columns_of(holder.owner) {
            if store::sealed::has_old(&self.store, column, holder.owner, current).await? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Seals the values of the next rows anew; the last of these rows, none where there was none.
    async fn reseal_batch(
        &self,
        holder: Holder,
        column: &SealedColumn,
        current: DataKeyId,
        after: &str,
        done: &mut Resealed,
    ) -> Result<Option<String>, Error> {
        // Found and sealed before the transaction: an embedded database has one writer.
        let found =
            store::sealed::old_values(&self.store, column, holder.owner, current, after, BATCH).await?;
        let Some(last) = found.last().map(|value| value.row_id.clone()) else { return Ok(None) };
        self.reserve_sealings(&[holder.owner]).await?;
        let anew = self.seal_anew(holder, column, found, done)?;
        if !anew.is_empty() {
            let tx = self.store.begin().await?;
            let values = store::sealed::replace(&tx, column, holder.owner, anew).await?;
            store::data_key::note_taken_over(&tx, current, values).await?;
            done.values += values;
            failpoint!("rekey::resealed");
            tx.commit().await?;
        }
        Ok(Some(last))
    }

    /// What is to stand in the place of `found`; what does not open is told and left out.
    fn seal_anew(
        &self,
        holder: Holder,
        column: &SealedColumn,
        found: Vec<OldValue>,
        done: &mut Resealed,
    ) -> Result<Vec<NewValue>, Error> {
        let mut anew = Vec::with_capacity(found.len());
        for value in found {
            match self.reseal_value(holder, column, &value) {
                Ok(sealed) => anew.push(NewValue { row_id: value.row_id, before: value.sealed, sealed }),
                Err(RewrapError::Seal(error)) => return Err(error.into()),
                Err(RewrapError::Open(unopened)) => {
                    done.shut += 1;
                    if done.shut <= TOLD {
                        tracing::error!(
                            error = &unopened as &dyn std::error::Error,
                            "a value stays under a data key that was replaced"
                        );
                    }
                }
            }
        }
        Ok(anew)
    }

    fn reseal_value(
        &self,
        holder: Holder,
        column: &SealedColumn,
        value: &OldValue,
    ) -> Result<Sealed, RewrapError> {
        let place = Place {
            workspace: holder.workspace,
            environment: holder.environment,
            table: column.table,
            column: column.bound,
            row: &value.row_id,
            epoch: value.epoch,
            version: value.version,
        };
        let newest = self.vault.reseal(&place, &value.sealed);
        if !matches!(newest, Err(RewrapError::Open(_))) {
            return newest;
        }
        let earlier = (value.oldest..value.version).rev();
        let mut earlier =
            earlier.map(|version| self.vault.reseal(&Place { version, ..place }, &value.sealed));
        earlier.find_map(Result::ok).map_or(newest, Ok)
    }
}
