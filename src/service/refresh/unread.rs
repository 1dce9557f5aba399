//! Answers that lie in the journal because nobody could read or land them: whose they are, when they are looked at
//! again, and whether there is room for more of them.
//!
//! It must not know what they say.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Mutex, MutexGuard, PoisonError};

use vouchsafe_entity::id::{ConnectorId, EnvironmentId};
use vouchsafe_entity::millis::Millis;

/// So many bytes of one connector may lie here, some thousand answers as they usually are; what is under way when there
/// are as many comes on top. Nobody's mistake or malice fills the disk of all.
const OF_CONNECTOR: usize = 8 * 1024 * 1024;
/// The same of all connectors of an environment.
const OF_ENVIRONMENT: usize = 4 * OF_CONNECTOR;

/// Whose an answer is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Owner {
    pub(super) environment: EnvironmentId,
    /// Not known of an answer that an earlier version wrote down.
    pub(super) connector: Option<ConnectorId>,
}

/// What has to come before an answer can be read and landed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Until {
    /// Other definitions, or the end of its day.
    Defined,
    /// Something that the hub is not told of: a row that is mended, a key that is back.
    Mended,
}

/// An answer that lies here.
#[derive(Clone, Copy, Debug)]
struct Lying {
    owner: Owner,
    bytes: usize,
    until: Until,
    /// It is not kept longer.
    ends_at: Millis,
    /// Whether something has changed since it was looked at last.
    woken: bool,
}

#[derive(Default)]
struct Heap {
    lying: BTreeMap<u64, Lying>,
    of_connectors: HashMap<ConnectorId, usize>,
    of_environments: HashMap<EnvironmentId, usize>,
}

/// All that lies in this node's journal.
#[derive(Default)]
pub(in crate::service) struct Unread(Mutex<Heap>);

impl Unread {
    fn heap(&self) -> MutexGuard<'_, Heap> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes an answer; true where its owner has no room for another from now on. A new one is looked at once more in
    /// any case: the definitions may have been changed while it was read.
    pub(super) fn keep(
        &self,
        number: u64,
        owner: Owner,
        bytes: usize,
        until: Until,
        ends_at: Millis,
    ) -> bool {
        let mut heap = self.heap();
        if let Some(known) = heap.lying.get_mut(&number) {
            known.until = until;
            return false;
        }
        let before = heap.has_room(owner);
        heap.lying.insert(number, Lying { owner, bytes, until, ends_at, woken: true });
        *heap.of_environments.entry(owner.environment).or_default() += bytes;
        if let Some(connector) = owner.connector {
            *heap.of_connectors.entry(connector).or_default() += bytes;
        }
        before && !heap.has_room(owner)
    }

    /// Forgets an answer that is done.
    pub(super) fn forget(&self, number: u64) {
        let mut heap = self.heap();
        let Some(gone) = heap.lying.remove(&number) else { return };
        less(&mut heap.of_environments, &gone.owner.environment, gone.bytes);
        if let Some(connector) = gone.owner.connector {
            less(&mut heap.of_connectors, &connector, gone.bytes);
        }
    }

    /// Whether another answer of `owner` may come to lie here.
    pub(super) fn has_room(&self, owner: Owner) -> bool {
        self.heap().has_room(owner)
    }

    /// Other definitions are in force.
    pub(in crate::service) fn wake(&self) {
        for lying in self.heap().lying.values_mut() {
            lying.woken = true;
        }
    }

    /// What is to be looked at again at `now`.
    pub(super) fn due(&self, now: Millis) -> Vec<u64> {
        let mut heap = self.heap();
        let due = heap.lying.iter_mut().filter_map(|(number, lying)| {
            let woken = std::mem::take(&mut lying.woken);
            (woken || lying.until == Until::Mended || now > lying.ends_at).then_some(*number)
        });
        due.collect()
    }
}

impl Heap {
    fn has_room(&self, owner: Owner) -> bool {
        let of_connector = owner.connector.and_then(|connector| self.of_connectors.get(&connector));
        let of_environment = self.of_environments.get(&owner.environment);
        of_connector.is_none_or(|bytes| *bytes < OF_CONNECTOR)
            && of_environment.is_none_or(|bytes| *bytes < OF_ENVIRONMENT)
    }
}

fn less<K: Eq + std::hash::Hash>(sums: &mut HashMap<K, usize>, key: &K, bytes: usize) {
    if let Some(sum) = sums.get_mut(key) {
        *sum = sum.saturating_sub(bytes);
        if *sum == 0 {
            sums.remove(key);
        }
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    const MIB: usize = 1024 * 1024;

    fn owner(environment: u128, connector: u128) -> Owner {
        Owner {
            environment: EnvironmentId::new(Uuid::from_u128(environment)),
            connector: Some(ConnectorId::new(Uuid::from_u128(connector))),
        }
    }

    fn keep(unread: &Unread, number: u64, owner: Owner, bytes: usize) -> bool {
        unread.keep(number, owner, bytes, Until::Defined, Millis(1_000))
    }

    #[test]
    fn what_fills_the_share_of_one_leaves_that_of_others() {
        let unread = Unread::default();
        let (full, beside, elsewhere) = (owner(1, 11), owner(1, 12), owner(2, 21));
        assert!(!keep(&unread, 1, full, 7 * MIB) && unread.has_room(full));
        assert!(keep(&unread, 2, full, MIB), "it is said when it happens");
        assert!(!keep(&unread, 3, full, MIB), "and not again");
        assert!(!unread.has_room(full) && unread.has_room(beside) && unread.has_room(elsewhere));
        for number in 4..=6 {
            keep(&unread, number, owner(1, 20 + u128::from(number)), 8 * MIB);
        }
        assert!(!unread.has_room(beside), "their environment has no more");
        assert!(unread.has_room(elsewhere));
        for number in 1..=6 {
            unread.forget(number);
        }
        assert!(unread.has_room(full) && unread.has_room(beside));
        assert!(unread.heap().of_connectors.is_empty() && unread.heap().of_environments.is_empty());
    }

    #[test]
    fn an_answer_is_looked_at_again_when_something_has_changed() {
        let unread = Unread::default();
        let now = Millis(500);
        keep(&unread, 1, owner(1, 11), 1);
        assert_eq!(unread.due(now), [1], "once in any case");
        keep(&unread, 1, owner(1, 11), 1);
        assert!(unread.due(now).is_empty(), "it is as it was");
        unread.wake();
        assert_eq!(unread.due(now), [1]);
        assert!(unread.due(now).is_empty());
        assert_eq!(unread.due(Millis(1_001)), [1], "its day is over");
        unread.keep(1, owner(1, 11), 1, Until::Mended, Millis(1_000));
        assert_eq!((unread.due(now), unread.due(now)), (vec![1], vec![1]), "nobody says when it is mended");
    }
}
