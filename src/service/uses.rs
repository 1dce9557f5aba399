//! What was used since that was last written down: noted on the path of a call and written off it. What can't be written
//! is kept for the next time.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Mutex, MutexGuard, PoisonError};

use vouchsafe_entity::millis::Millis;

/// A use is told as exactly as this.
const EXACT_MILLIS: i64 = 60_000;

/// When each of these was last used, as far as it was not written yet.
pub(super) struct Uses<K>(Mutex<HashMap<K, Millis>>);

impl<K> Default for Uses<K> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<K: Copy + Eq + Hash> Uses<K> {
    /// Notes a use of what was last used at `last`, as far as that was written.
    pub(super) fn note(&self, key: K, last: Option<Millis>, now: Millis) {
        // Seen within a minute: nothing to write, and nothing to lock.
        if last.is_none_or(|last| now.since(last) >= EXACT_MILLIS) {
            self.lock().insert(key, now);
        }
    }

    /// What is to be written.
    pub(super) fn take(&self) -> HashMap<K, Millis> {
        std::mem::take(&mut *self.lock())
    }

    /// Notes again what could not be written. What was used meanwhile stays as it is.
    pub(super) fn put_back(&self, taken: HashMap<K, Millis>) {
        let mut uses = self.lock();
        for (key, at) in taken {
            uses.entry(key).or_insert(at);
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<K, Millis>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Millis = Millis(1_893_456_000_000);

    #[test]
    fn a_use_is_noted_once_a_minute() {
        let uses = Uses::default();
        uses.note('a', Some(NOW.plus(-EXACT_MILLIS + 1)), NOW);
        uses.note('b', Some(NOW.plus(-EXACT_MILLIS)), NOW);
        uses.note('c', None, NOW);
        assert_eq!(uses.take(), HashMap::from([('b', NOW), ('c', NOW)]));
        assert!(uses.take().is_empty());
    }

    #[test]
    fn what_could_not_be_written_is_written_the_next_time() {
        let uses = Uses::default();
        uses.note('a', None, NOW);
        uses.note('b', None, NOW);
        let taken = uses.take();
        uses.note('b', None, NOW.plus(5));
        uses.put_back(taken);
        assert_eq!(uses.take(), HashMap::from([('a', NOW), ('b', NOW.plus(5))]));
    }
}
