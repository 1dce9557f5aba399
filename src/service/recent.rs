//! Values that every call needs and few calls change. A change by this process is seen at once, one by another replica
//! within five seconds.

use std::hash::Hash;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use moka::sync::Cache;

use super::Error;

/// A change by another replica is seen within this time.
const AGE: Duration = Duration::from_secs(5);
/// Values kept at once.
const MOST: u64 = 10_000;

/// Values by key, each read lately.
pub(super) struct Recent<K, V> {
    values: Cache<K, Arc<V>>,
    changes: AtomicU64,
}

impl<K, V> Default for Recent<K, V>
where
    K: Hash + Eq + Clone + Send + Sync + 'static,
    V: Send + Sync + 'static,
{
    fn default() -> Self {
        Self {
            values: Cache::builder().max_capacity(MOST).time_to_live(AGE).build(),
            changes: AtomicU64::default(),
        }
    }
}

impl<K, V> Recent<K, V>
where
    K: Hash + Eq + Clone + Send + Sync + 'static,
    V: Send + Sync + 'static,
{
    /// The value of `key`, read by `read` where none is kept. That there is none is not kept.
    pub(super) async fn get(
        &self,
        key: &K,
        read: impl Future<Output = Result<Option<V>, Error>>,
    ) -> Result<Option<Arc<V>>, Error> {
        if let Some(kept) = self.values.get(key) {
            return Ok(Some(kept));
        }
        let changes = self.changes.load(Ordering::Acquire);
        let Some(value) = read.await?.map(Arc::new) else {
            return Ok(None);
        };
        self.values.insert(key.clone(), Arc::clone(&value));
        // What was read while something changed may be what was there before.
        if self.changes.load(Ordering::Acquire) != changes {
            self.values.invalidate(key);
        }
        Ok(Some(value))
    }

    /// Forgets the value of `key`; to be called after its change was committed.
    pub(super) fn forget(&self, key: &K) {
        self.changes.fetch_add(1, Ordering::AcqRel);
        self.values.invalidate(key);
    }

    /// Forgets all values.
    pub(super) fn forget_all(&self) {
        self.changes.fetch_add(1, Ordering::AcqRel);
        self.values.invalidate_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn read(recent: &Recent<u8, u8>, value: u8) -> u8 {
        *recent.get(&1, async { Ok(Some(value)) }).await.unwrap().unwrap()
    }

    #[tokio::test]
    async fn a_value_is_kept_until_it_changes() {
        let recent = Recent::default();
        assert_eq!(read(&recent, 1).await, 1);
        assert_eq!(read(&recent, 2).await, 1);
        recent.forget(&1);
        assert_eq!(read(&recent, 3).await, 3);
        recent.forget_all();
        assert_eq!(read(&recent, 4).await, 4);
    }

    #[tokio::test]
    async fn what_was_read_during_a_change_is_not_kept() {
        let recent = Recent::default();
        let overtaken = async {
            recent.forget(&1);
            Ok(Some(1))
        };
        assert_eq!(*recent.get(&1, overtaken).await.unwrap().unwrap(), 1);
        assert_eq!(read(&recent, 2).await, 2);
    }
}
