//! The only place that seals and opens. Master key (outside the database) → data keys (wrapped, one per
//! environment and purpose) → records, each bound by associated data to the row it stands in.
//!
//! It knows neither SQL nor HTTP: wrapped keys are handed to it, sealed values are handed back.

mod envelope;
mod export;
mod keyring;
mod master;
mod signing;

pub use envelope::{OpenError, Place, Unopened};
pub use export::{
    EXPORT_HEADER, ExportFault, ExportKey, ExportOpener, ExportSealer, FRAME_CONTENT, FRAME_HEAD, FrameHead,
    NoExportKey,
};
pub use keyring::{Keyring, UnknownKey};
pub use master::{MasterKey, MasterKeyError, MasterKeys};

use std::collections::HashSet;
use std::sync::Arc;

use hmac::{Hmac, KeyInit, Mac};
use serde::Serialize;
use serde::de::DeserializeOwned;
use sha2::Sha256;
use vouchsafe_entity::id::DataKeyId;
use vouchsafe_entity::millis::Millis;
use vouchsafe_entity::sealed::Sealed;
use zeroize::Zeroizing;

use crate::domain::data_key::{KeyOwner, KeyPurpose, WrappedKey};
use crate::random::Random;

/// Seals and opens.
pub struct Vault {
    master: MasterKeys,
    ring: Keyring,
    random: Arc<dyn Random>,
}

/// Why a value could not be sealed.
#[derive(Debug, thiserror::Error)]
pub enum SealError {
    /// The owner has no data key here.
    #[error("no data key for this owner")]
    NoKey,
    /// The value could not be written as JSON.
    #[error("the value could not be encoded")]
    Encode(#[source] serde_json::Error),
    /// The cipher refused, which it does only beyond 64 GiB.
    #[error("the cipher refused")]
    Cipher,
    /// The data key has sealed as often as it may (`security.md`, section 4).
    #[error("the data key has sealed as often as it may")]
    Spent,
}

/// Why a data key could not be wrapped anew, or a value not sealed anew.
#[derive(Debug, thiserror::Error)]
pub enum RewrapError {
    /// None of the master keys, or not the key that it names, opens it.
    #[error(transparent)]
    Open(#[from] Unopened),
    /// It can't be wrapped or sealed.
    #[error(transparent)]
    Seal(#[from] SealError),
}

impl Vault {
    /// A vault that knows its master keys and no data key yet.
    pub fn new(master: MasterKeys, random: Arc<dyn Random>) -> Self {
        Self { master, ring: Keyring::default(), random }
    }

    /// Makes a data key for `owner` and wraps it. The caller stores what is returned, and installs it once it lasts.
    ///
    /// # Errors
    /// [`SealError::Cipher`].
    pub fn make_key(
        &self,
        id: DataKeyId,
        owner: KeyOwner,
        purpose: KeyPurpose,
        now: Millis,
    ) -> Result<WrappedKey, SealError> {
        let key = Zeroizing::new(self.random.bytes::<32>());
        let wrapped = self.master.wrap(id, owner, purpose, &key, self.random.as_ref())?;
        Ok(WrappedKey {
            id,
            owner,
            purpose,
            master_key: self.master.current().fingerprint().to_owned(),
            wrapped,
            created_at: now,
            retired_at: None,
        })
    }

    /// Opens a wrapped data key and keeps it. One that is open already only takes over whether it still seals.
    ///
    /// # Errors
    /// [`OpenError`], where no master key at hand opens it.
    pub fn install(&self, wrapped: &WrappedKey) -> Result<(), OpenError> {
        if self.ring.has(wrapped) {
            return Ok(());
        }
        let key = self.master.unwrap(wrapped)?;
        self.ring.add(wrapped, key);
        Ok(())
    }

    /// The fingerprint of the master key that wraps.
    pub fn master_key(&self) -> &str {
        self.master.current().fingerprint()
    }

    /// The same data key, wrapped by the present master key; none where it is already.
    ///
    /// # Errors
    /// [`RewrapError`].
    pub fn rewrap(&self, wrapped: &WrappedKey) -> Result<Option<WrappedKey>, RewrapError> {
        if wrapped.master_key == self.master_key() {
            return Ok(None);
        }
        let shut = |why| Unopened::key(wrapped, why);
        let key = self.master.unwrap(wrapped).map_err(shut)?;
        let again = WrappedKey {
            master_key: self.master_key().to_owned(),
            wrapped: self.master.wrap(
                wrapped.id,
                wrapped.owner,
                wrapped.purpose,
                &key,
                self.random.as_ref(),
            )?,
            ..wrapped.clone()
        };
        // Nothing else opens what this key sealed, so it is read back before the old wrapping goes.
        if *self.master.unwrap(&again).map_err(shut)? != *key {
            return Err(shut(OpenError::Content).into());
        }
        Ok(Some(again))
    }

    /// The data keys that are open.
    pub fn open_keys(&self) -> HashSet<DataKeyId> {
        self.ring.ids()
    }

    /// Forgets data keys that were destroyed.
    pub fn forget(&self, gone: &HashSet<DataKeyId>) {
        self.ring.forget(gone);
    }

    /// The data keys whose counted sealings run out: each is to be counted a block more.
    pub fn running_out(&self) -> Vec<DataKeyId> {
        self.ring.running_out()
    }

    /// The data key that seals for `owner`, where no block of sealings is counted ahead for it.
    pub fn uncounted(&self, owner: KeyOwner) -> Option<DataKeyId> {
        self.ring.uncounted(owner)
    }

    /// A block more was counted for a data key, `sealings` in all. At the limit it seals no more.
    pub fn counted(&self, key: DataKeyId, sealings: i64) {
        if let Ok(key) = self.ring.by_id(key) {
            key.tally().counted(sealings);
        }
    }

    /// Whether the data key that sealed `sealed` is known here.
    pub fn knows(&self, sealed: &Sealed) -> bool {
        envelope::key_id(sealed).is_ok_and(|id| self.ring.by_id(id).is_ok())
    }

    /// Seals `value` for the row at `place`.
    ///
    /// # Errors
    /// [`SealError`].
    pub fn seal<T: Serialize>(&self, place: &Place<'_>, value: &T) -> Result<Sealed, SealError> {
        let plain = envelope::pad(serde_json::to_vec(value).map_err(SealError::Encode)?);
        self.seal_padded(place, &plain)
    }

    /// The same value at the same place, sealed under the present data key.
    ///
    /// # Errors
    /// [`RewrapError`].
    pub fn reseal(&self, place: &Place<'_>, sealed: &Sealed) -> Result<Sealed, RewrapError> {
        let opened = envelope::key_id(sealed)
            .and_then(|id| self.ring.by_id(id).map_err(OpenError::from))
            .and_then(|key| envelope::open(&key, place, sealed));
        let shut = |why| Unopened::at(place, sealed, why);
        let plain = opened.map_err(shut)?;
        let anew = self.seal_padded(place, &plain)?;
        // It is all there is of the value soon, so it is read back.
        let key = envelope::key_id(&anew).and_then(|id| self.ring.by_id(id).map_err(OpenError::from));
        let again = key.and_then(|key| envelope::open(&key, place, &anew)).map_err(shut)?;
        if *again != *plain {
            return Err(shut(OpenError::Content).into());
        }
        Ok(anew)
    }

    fn seal_padded(&self, place: &Place<'_>, plain: &[u8]) -> Result<Sealed, SealError> {
        let key = self.ring.current(place.owner(), KeyPurpose::Records).map_err(|_| SealError::NoKey)?;
        if !key.tally().seal() {
            return Err(SealError::Spent);
        }
        envelope::seal(&key, place, plain, self.random.as_ref())
    }

    /// Opens what was sealed for the row at `place`.
    ///
    /// # Errors
    /// [`Unopened`]: never an empty value.
    pub fn open<T: DeserializeOwned>(&self, place: &Place<'_>, sealed: &Sealed) -> Result<T, Unopened> {
        self.open_here(place, sealed).map_err(|why| Unopened::at(place, sealed, why))
    }

    fn open_here<T: DeserializeOwned>(&self, place: &Place<'_>, sealed: &Sealed) -> Result<T, OpenError> {
        let key = self.ring.by_id(envelope::key_id(sealed)?)?;
        let plain = envelope::open(&key, place, sealed)?;
        serde_json::from_slice(&plain).map_err(|_| OpenError::Content)
    }

    /// HMAC-SHA-256 of `parts`, each length-prefixed, under the hub's key for `purpose`, in hex.
    ///
    /// # Errors
    /// [`UnknownKey`].
    pub fn mac(&self, purpose: KeyPurpose, parts: &[&[u8]]) -> Result<String, UnknownKey> {
        let mac = hmac(&*self.ring.current(KeyOwner::Hub, purpose)?, parts)?;
        Ok(hex::encode(mac.finalize().into_bytes()))
    }

    /// HMAC-SHA-256 of an audit event under the hub's key for them.
    ///
    /// # Errors
    /// [`UnknownKey`].
    pub fn prove(&self, content: &[u8]) -> Result<Vec<u8>, UnknownKey> {
        let mac = hmac(&*self.ring.current(KeyOwner::Hub, KeyPurpose::AuditEvents)?, &[content])?;
        Ok(mac.finalize().into_bytes().to_vec())
    }

    /// Whether `mac` is what [`Vault::prove`] gave for `content`, under the present key or one before.
    pub fn is_proven(&self, content: &[u8], mac: &[u8]) -> bool {
        let keys = self.ring.of_purpose(KeyPurpose::AuditEvents);
        keys.iter().any(|key| hmac(key, &[content]).is_ok_and(|expected| expected.verify_slice(mac).is_ok()))
    }
}

/// Of `parts`, each length-prefixed.
fn hmac(key: &keyring::OpenKey, parts: &[&[u8]]) -> Result<Hmac<Sha256>, UnknownKey> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key.bytes()).map_err(|_| UnknownKey)?;
    for part in parts {
        mac.update(&(part.len() as u64).to_be_bytes());
        mac.update(part);
    }
    Ok(mac)
}

#[cfg(test)]
mod tests;
