//! The first start on an empty database, and opening the keys of one that has data.

use vouchsafe_entity::id::EnvironmentId;
use vouchsafe_entity::kind::WorkspaceState;

use super::{Error, Hub};
use crate::domain::data_key::{KeyOwner, KeyPurpose, WrappedKey};
use crate::store;
use crate::vault::Unopened;

/// The workspace that the first start makes.
pub const DEFAULT_WORKSPACE: &str = "default";

impl Hub {
    /// Makes keys, workspace and environments where there is nothing yet; true where it did. Replicas that start
    /// together make them once.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn bootstrap(&self) -> Result<bool, Error> {
        if store::data_key::all(&self.store).await?.is_empty() {
            return self.make_first().await;
        }
        self.load_keys().await?;
        self.add_keys().await?;
        Ok(false)
    }

    /// The same where data keys may be lost: only the hub's own must open, and what the lost ones sealed stays shut.
    ///
    /// # Errors
    /// [`Error::Store`], and [`super::Code::KeyUnavailable`].
    pub async fn bootstrap_degraded(&self) -> Result<bool, Error> {
        if store::data_key::all(&self.store).await?.is_empty() {
            return self.make_first().await;
        }
        self.load_keys_for(KeyOwner::Hub).await?;
        self.add_keys().await?;
        Ok(false)
    }

    /// Makes what a first start makes.
    async fn make_first(&self) -> Result<bool, Error> {
        let tx = self.store.begin().await?;
        for purpose in KeyPurpose::OF_HUB {
            self.insert_key(&tx, KeyOwner::Hub, purpose).await?;
        }
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

    /// Makes the hub's own keys that a database from before them lacks.
    async fn add_keys(&self) -> Result<(), Error> {
        let lacks = |known: &[WrappedKey], purpose| known.iter().all(|key| key.purpose != purpose);
        let known = store::data_key::of_owner(&self.store, KeyOwner::Hub).await?;
        if !KeyPurpose::OF_HUB.into_iter().any(|purpose| lacks(&known, purpose)) {
            return Ok(());
        }
        let tx = self.store.begin().await?;
        // Replicas that start together wait for each other here.
        let known = store::data_key::lock(&tx, KeyOwner::Hub).await?;
        for purpose in KeyPurpose::OF_HUB.into_iter().filter(|purpose| lacks(&known, *purpose)) {
            let key = self.insert_key(&tx, KeyOwner::Hub, purpose).await?;
            self.open_key(&key)?;
            if purpose == KeyPurpose::AuditEvents {
                self.prove_past(&tx).await?;
            }
        }
        tx.commit().await?;
        self.load_keys_for(KeyOwner::Hub).await
    }

    /// Opens the data keys that are not open yet, and forgets those that were destroyed.
    ///
    /// # Errors
    /// [`Error::Store`], and [`super::Code::KeyUnavailable`] where none of the master keys opens one; the others are open
    /// then.
    pub async fn load_keys(&self) -> Result<(), Error> {
        self.load_needed(|_| true).await
    }

    /// The same for whoever needs those of `owner`: that another does not open is told in the log alone.
    pub(super) async fn load_keys_for(&self, owner: KeyOwner) -> Result<(), Error> {
        self.load_needed(|key| key.owner == owner).await
    }

    async fn load_needed(&self, needed: impl Fn(&WrappedKey) -> bool) -> Result<(), Error> {
        // Asked first: one that is made while the others are read is not taken for gone.
        let mut gone = self.vault.open_keys();
        let keys = store::data_key::all(&self.store).await?;
        let opened = self.install_keys(&keys, needed);
        for key in &keys {
            gone.remove(&key.id);
        }
        self.vault.forget(&gone);
        if !gone.is_empty() {
            // An environment may have gone with its key.
            self.forget_tenants();
        }
        opened
    }

    /// Lets nobody in by what is remembered of environments and keys.
    pub(super) fn forget_tenants(&self) {
        self.keys.forget_all();
        self.environments.forget_all();
        self.connectors.forget_all();
    }

    /// Opens those of an environment alone, which another replica may have made since.
    pub(super) async fn load_keys_of(&self, environment: EnvironmentId) -> Result<(), Error> {
        let keys = store::data_key::of_owner(&self.store, KeyOwner::Environment(environment)).await?;
        self.install_keys(&keys, |_| true)
    }

    /// Opens all that can be opened; the first failure among those that are needed.
    fn install_keys(&self, keys: &[WrappedKey], needed: impl Fn(&WrappedKey) -> bool) -> Result<(), Error> {
        let mut first = Ok(());
        for key in keys {
            let opened = self.open_key(key);
            if needed(key) {
                first = first.and(opened);
            }
        }
        first
    }

    pub(super) fn open_key(&self, key: &WrappedKey) -> Result<(), Error> {
        self.vault.install(key).map_err(|why| Unopened::key(key, why).into())
    }
}
