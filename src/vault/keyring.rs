//! The data keys that are open in this process, and how often each may still seal. Reading takes no lock.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};

use aes_gcm::{Aes256Gcm, Key, KeyInit};
use arc_swap::ArcSwap;
use vouchsafe_entity::id::DataKeyId;
use vouchsafe_entity::millis::Millis;
use zeroize::Zeroizing;

use crate::domain::data_key::{BLOCK, KeyOwner, KeyPurpose, MOST_SEALINGS, WrappedKey};

/// A data key that is not here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the data key is not at hand")]
pub struct UnknownKey;

/// An open data key, with its cipher made ready once.
pub(super) struct OpenKey {
    id: DataKeyId,
    /// What orders the keys of one owner.
    age: (Millis, DataKeyId),
    retired: bool,
    cipher: Aes256Gcm,
    bytes: Zeroizing<[u8; 32]>,
    tally: Arc<Tally>,
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

    pub(super) fn tally(&self) -> &Tally {
        &self.tally
    }
}

/// The sealings of one key in this process. They are counted in the database by blocks, before the last one is used up;
/// what a burst does beyond a block within a second is far less than the room under the limit of a nonce.
#[derive(Default)]
pub(super) struct Tally {
    done: AtomicI64,
    counted: AtomicI64,
    spent: AtomicBool,
}

impl Tally {
    /// Notes a sealing; false where the key may seal no more.
    pub(super) fn seal(&self) -> bool {
        if self.spent.load(Ordering::Relaxed) {
            return false;
        }
        self.done.fetch_add(1, Ordering::Relaxed);
        true
    }

    fn runs_out(&self) -> bool {
        self.done.load(Ordering::Relaxed) > 0 && self.is_low()
    }

    /// Whether less than half a block is counted ahead.
    fn is_low(&self) -> bool {
        let ahead = self.counted.load(Ordering::Relaxed) - self.done.load(Ordering::Relaxed);
        ahead < BLOCK / 2 && !self.spent.load(Ordering::Relaxed)
    }

    /// A block more is counted, `sealings` in all hubs together.
    pub(super) fn counted(&self, sealings: i64) {
        self.counted.fetch_add(BLOCK, Ordering::Relaxed);
        self.spent.store(sealings >= MOST_SEALINGS, Ordering::Relaxed);
    }
}

#[derive(Default, Clone)]
struct Keys {
    by_id: HashMap<DataKeyId, Arc<OpenKey>>,
    /// Oldest first, retired ones too.
    of: HashMap<(KeyOwner, KeyPurpose), Vec<Arc<OpenKey>>>,
}

impl Keys {
    fn put(&mut self, of: (KeyOwner, KeyPurpose), key: &Arc<OpenKey>) {
        self.by_id.insert(key.id, Arc::clone(key));
        let keys = self.of.entry(of).or_default();
        keys.retain(|known| known.id != key.id);
        keys.push(Arc::clone(key));
        keys.sort_by_key(|key| key.age);
    }
}

/// All open data keys.
#[derive(Default)]
pub struct Keyring(ArcSwap<Keys>);

impl Keyring {
    pub(super) fn add(&self, wrapped: &WrappedKey, bytes: Zeroizing<[u8; 32]>) {
        let cipher = Aes256Gcm::new(&Key::<Aes256Gcm>::from(*bytes));
        let key = Arc::new(OpenKey {
            id: wrapped.id,
            age: wrapped.age(),
            retired: wrapped.retired_at.is_some(),
            cipher,
            bytes,
            tally: self.by_id(wrapped.id).map(|known| Arc::clone(&known.tally)).unwrap_or_default(),
        });
        self.0.rcu(|keys| {
            let mut keys = Keys::clone(keys);
            // What was read before it was replaced may come late.
            if !keys.by_id.get(&key.id).is_some_and(|known| known.retired && !key.retired) {
                keys.put((wrapped.owner, wrapped.purpose), &key);
            }
            keys
        });
    }

    /// Whether the key is open, and known to be replaced if it was. None that was replaced ever seals again.
    pub(super) fn has(&self, wrapped: &WrappedKey) -> bool {
        self.by_id(wrapped.id).is_ok_and(|known| known.retired || wrapped.retired_at.is_none())
    }

    /// The keys that are open.
    pub(super) fn ids(&self) -> HashSet<DataKeyId> {
        self.0.load().by_id.keys().copied().collect()
    }

    /// Forgets keys.
    pub(super) fn forget(&self, gone: &HashSet<DataKeyId>) {
        let stays = |key: &Arc<OpenKey>| !gone.contains(&key.id);
        if self.0.load().by_id.values().all(stays) {
            return;
        }
        self.0.rcu(|keys| {
            let mut keys = Keys::clone(keys);
            keys.by_id.retain(|_, key| stays(key));
            keys.of.values_mut().for_each(|keys| keys.retain(stays));
            keys.of.retain(|_, keys| !keys.is_empty());
            keys
        });
    }

    pub(super) fn by_id(&self, id: DataKeyId) -> Result<Arc<OpenKey>, UnknownKey> {
        self.0.load().by_id.get(&id).cloned().ok_or(UnknownKey)
    }

    /// The hub's keys for `purpose`, newest first.
    pub(super) fn of_purpose(&self, purpose: KeyPurpose) -> Vec<Arc<OpenKey>> {
        let keys = self.0.load();
        let keys = keys.of.get(&(KeyOwner::Hub, purpose));
        keys.into_iter().flatten().rev().cloned().collect()
    }

    /// The oldest that is not retired: a younger one seals nothing before every hub knows it.
    pub(super) fn current(&self, owner: KeyOwner, purpose: KeyPurpose) -> Result<Arc<OpenKey>, UnknownKey> {
        let keys = self.0.load();
        let keys = keys.of.get(&(owner, purpose)).ok_or(UnknownKey)?;
        keys.iter().find(|key| !key.retired).cloned().ok_or(UnknownKey)
    }

    /// The key that seals for `owner`, where few of its sealings are counted ahead.
    pub(super) fn uncounted(&self, owner: KeyOwner) -> Option<DataKeyId> {
        let key = self.current(owner, KeyPurpose::Records).ok()?;
        key.tally.is_low().then_some(key.id)
    }

    /// The keys whose counted sealings run out.
    pub(super) fn running_out(&self) -> Vec<DataKeyId> {
        let keys = self.0.load();
        keys.by_id.values().filter(|key| key.tally.runs_out()).map(|key| key.id).collect()
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;
    use vouchsafe_entity::sealed::Sealed;

    use super::*;

    #[test]
    fn a_key_that_was_replaced_never_seals_again() {
        let ring = Keyring::default();
        let key = |retired_at| WrappedKey {
            id: DataKeyId::new(Uuid::from_u128(1)),
            owner: KeyOwner::Hub,
            purpose: KeyPurpose::Requests,
            master_key: String::new(),
            wrapped: Sealed::new(Vec::new()),
            created_at: Millis(1),
            retired_at,
        };
        let seals = || ring.current(KeyOwner::Hub, KeyPurpose::Requests).is_ok();
        let (before, after) = (key(None), key(Some(Millis(2))));
        ring.add(&before, Zeroizing::new([0; 32]));
        assert!(seals() && ring.has(&before) && !ring.has(&after));
        ring.add(&after, Zeroizing::new([0; 32]));
        assert!(!seals() && ring.has(&after));
        assert!(ring.has(&before), "what was read late brings nothing new");
        ring.add(&before, Zeroizing::new([0; 32]));
        assert!(!seals());
    }

    #[test]
    fn sealings_are_counted_by_blocks_and_end_at_the_limit() {
        let tally = Tally::default();
        assert!(!tally.runs_out() && tally.is_low(), "nothing was sealed, and nothing is counted ahead");
        assert!(tally.seal() && tally.runs_out());
        tally.counted(BLOCK);
        assert!(!tally.runs_out() && !tally.is_low());
        for _ in 0..BLOCK / 2 {
            assert!(tally.seal());
        }
        assert!(tally.runs_out(), "before the block is used up");
        tally.counted(MOST_SEALINGS);
        assert!(!tally.seal() && !tally.runs_out() && !tally.is_low());
    }
}
