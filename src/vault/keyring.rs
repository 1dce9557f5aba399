//! The data keys that are open in this process. Reading takes no lock.

use std::collections::HashMap;
use std::sync::Arc;

use aes_gcm::{Aes256Gcm, Key, KeyInit};
use arc_swap::ArcSwap;
use vouchsafe_entity::id::DataKeyId;
use zeroize::Zeroizing;

use crate::domain::data_key::{KeyOwner, KeyPurpose, WrappedKey};

/// A data key that is not here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the data key is not at hand")]
pub struct UnknownKey;

/// An open data key, with its cipher made ready once.
pub(super) struct OpenKey {
    id: DataKeyId,
    cipher: Aes256Gcm,
    bytes: Zeroizing<[u8; 32]>,
}

impl OpenKey {
    pub(super) fn id(&self) -> DataKeyId {
        self.id
    }

    pub(super) fn cipher(&self) -> &Aes256Gcm {
        &self.cipher
    }

    pub(super) fn bytes(&self) -> &[u8] {
        self.bytes.as_slice()
    }
}

#[derive(Default, Clone)]
struct Keys {
    by_id: HashMap<DataKeyId, Arc<OpenKey>>,
    current: HashMap<(KeyOwner, KeyPurpose), Arc<OpenKey>>,
    /// The hub's own, retired ones too.
    hub: HashMap<KeyPurpose, Vec<Arc<OpenKey>>>,
}

/// All open data keys.
#[derive(Default)]
pub struct Keyring(ArcSwap<Keys>);

impl Keyring {
    pub(super) fn add(&self, wrapped: &WrappedKey, bytes: Zeroizing<[u8; 32]>) {
        let cipher = Aes256Gcm::new(&Key::<Aes256Gcm>::from(*bytes));
        let key = Arc::new(OpenKey { id: wrapped.id, cipher, bytes });
        self.0.rcu(|keys| {
            let mut keys = Keys::clone(keys);
            let known = keys.by_id.insert(wrapped.id, Arc::clone(&key)).is_some();
            if wrapped.owner == KeyOwner::Hub && !known {
                keys.hub.entry(wrapped.purpose).or_default().insert(0, Arc::clone(&key));
            }
            if wrapped.retired_at.is_none() {
                keys.current.insert((wrapped.owner, wrapped.purpose), Arc::clone(&key));
            }
            keys
        });
    }

    pub(super) fn by_id(&self, id: DataKeyId) -> Result<Arc<OpenKey>, UnknownKey> {
        self.0.load().by_id.get(&id).cloned().ok_or(UnknownKey)
    }

    /// The hub's keys for `purpose`, newest first.
    pub(super) fn of_purpose(&self, purpose: KeyPurpose) -> Vec<Arc<OpenKey>> {
        self.0.load().hub.get(&purpose).cloned().unwrap_or_default()
    }

    pub(super) fn current(&self, owner: KeyOwner, purpose: KeyPurpose) -> Result<Arc<OpenKey>, UnknownKey> {
        self.0.load().current.get(&(owner, purpose)).cloned().ok_or(UnknownKey)
    }
}
