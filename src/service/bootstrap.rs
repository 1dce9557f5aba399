//! The first start on an empty database, and opening the keys of one that has data.

use vouchsafe_entity::kind::WorkspaceState;

use super::{Error, Hub};
use crate::domain::data_key::{KeyOwner, KeyPurpose, WrappedKey};
use crate::store;

/// The workspace that the first start makes.
pub const DEFAULT_WORKSPACE: &str = "default";

impl Hub {
    /// Makes keys, workspace and environments where there is nothing yet; true where it did. Replicas that start
    /// together make them once.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn bootstrap(&self) -> Result<bool, Error> {
        if !store::data_key::all(&self.store).await?.is_empty() {
            self.load_keys().await?;
            return Ok(false);
        }
        let tx = self.store.begin().await?;
        self.insert_key(&tx, KeyOwner::Hub, KeyPurpose::ApiKeys).await?;
        self.insert_key(&tx, KeyOwner::Hub, KeyPurpose::Requests).await?;
        let made = match self.insert_workspace(&tx, DEFAULT_WORKSPACE, WorkspaceState::Active).await {
            Ok(_) => true,
            // Another replica was quicker: what this one began is undone.
            Err(Error::Invalid(_)) => false,
            Err(error) => return Err(error),
        };
        if made {
            tx.commit().await?;
        } else {
            drop(tx);
        }
        self.load_keys().await?;
        Ok(made)
    }

    /// Opens the data keys that are not open yet.
    ///
    /// # Errors
    /// [`Error::Store`], and [`super::Code::KeyUnavailable`] where none of the master keys opens one.
    pub async fn load_keys(&self) -> Result<(), Error> {
        for key in store::data_key::all(&self.store).await? {
            self.open_key(&key)?;
        }
        Ok(())
    }

    fn open_key(&self, key: &WrappedKey) -> Result<(), Error> {
        Ok(self.vault.install(key)?)
    }
}
