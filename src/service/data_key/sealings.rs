//! How often data keys have sealed, in all hubs and commands together: counted in the database by blocks, so that one that
//! has sealed much is replaced, and one at its limit seals no more (`security.md`, section 4).

use vouchsafe_entity::id::DataKeyId;

use crate::domain::data_key::{BLOCK, KeyOwner};
use crate::service::{Error, Hub};
use crate::store::{self, Tx};

impl Hub {
    /// Counts sealings until a block is ahead for each data key that seals here.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn count_sealings(&self) -> Result<(), Error> {
        while self.count_blocks(&self.vault.running_out()).await? {}
        Ok(())
    }

    /// The same in a transaction that holds what was sealed, just before its end.
    pub(in crate::service) async fn count_sealings_in(&self, tx: &Tx) -> Result<(), Error> {
        loop {
            let counted = store::data_key::count(tx, &self.vault.running_out(), BLOCK).await?;
            if !self.note_counted(counted) {
                return Ok(());
            }
        }
    }

    /// Counts a block ahead for the data keys that seal for `owners`, where none is: one at its limit is told before it
    /// seals more.
    pub(in crate::service) async fn reserve_sealings(&self, owners: &[KeyOwner]) -> Result<(), Error> {
        let keys: Vec<DataKeyId> = owners.iter().filter_map(|owner| self.vault.uncounted(*owner)).collect();
        self.count_blocks(&keys).await?;
        Ok(())
    }

    /// Counts a block for each of `keys`; false where none of them is there.
    async fn count_blocks(&self, keys: &[DataKeyId]) -> Result<bool, Error> {
        if keys.is_empty() {
            return Ok(false);
        }
        let tx = self.store.begin_record().await?;
        let counted = store::data_key::count(&tx, keys, BLOCK).await?;
        tx.commit().await?;
        Ok(self.note_counted(counted))
    }

    fn note_counted(&self, counted: Vec<(DataKeyId, i64)>) -> bool {
        let some = !counted.is_empty();
        for (key, sealings) in counted {
            self.vault.counted(key, sealings);
        }
        some
    }
}
