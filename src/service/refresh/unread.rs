//! Answers in the journal that are not landed: what was spent for them and must not be sent again; and of those that
//! nobody could read or land, whose they are, when they are looked at again, and whether there is room for more.
//!
//! It must not know what they say.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Mutex, MutexGuard, PoisonError};

use vouchsafe_entity::id::{ConnectorId, CredentialId, EnvironmentId};
use vouchsafe_entity::millis::Millis;

/// So many bytes of one connector may lie here, some thousand answers as they usually are; what is under way when there
/// are as many comes on top.
const OF_CONNECTOR: usize = 8 * 1024 * 1024;
/// The same of all connectors of an environment.
const OF_ENVIRONMENT: usize = 4 * OF_CONNECTOR;
/// The same of all: nobody's mistake or malice fills the disk.
const OF_ALL: usize = 32 * OF_ENVIRONMENT;
/// What nobody ended at its end is looked at again so much later, in milliseconds.
const AGAIN: i64 = 86_400_000;

/// Whose an answer is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Owner {
    pub(super) environment: EnvironmentId,
    /// Not known of an answer that an earlier version wrote down.
    pub(super) connector: Option<ConnectorId>,
}

/// What was spent for an answer: a new grant has a new version too.
pub(super) type Spending = (CredentialId, i64);

/// What is noted of an answer.
#[derive(Clone, Copy, Debug)]
pub(super) struct Answer {
    pub(super) owner: Owner,
    pub(super) spending: Spending,
    pub(super) bytes: usize,
    /// When it is too old to be kept.
    pub(super) ends_at: Millis,
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
    /// Whether its row is known to wait for it, so that it may be set aside.
    settled: bool,
    /// It is looked at then, and goes unless something else than its age keeps it.
    ends_at: Millis,
    /// Whether something has changed since it was looked at last.
    woken: bool,
}

impl Lying {
    fn is_due(&self, now: Millis) -> bool {
        self.woken || self.until == Until::Mended || now > self.ends_at
    }
}

#[derive(Default)]
struct Heap {
    lying: BTreeMap<u64, Lying>,
    of_connectors: HashMap<ConnectorId, usize>,
    of_environments: HashMap<EnvironmentId, usize>,
    of_all: usize,
    /// The entry of each credential and version, and the other way round. Nobody here sends what one of them is for.
    spent: HashMap<Spending, u64>,
    spent_for: HashMap<u64, Spending>,
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
    pub(super) fn keep(&self, number: u64, answer: Answer, until: Until) -> bool {
        let Answer { owner, spending, bytes, ends_at } = answer;
        let mut heap = self.heap();
        if let Some(known) = heap.lying.get_mut(&number) {
            known.until = until;
            return false;
        }
        let before = heap.has_room(owner);
        heap.lying.insert(number, Lying { owner, bytes, until, settled: false, ends_at, woken: true });
        heap.guard(number, spending);
        heap.of_all += bytes;
        *heap.of_environments.entry(owner.environment).or_default() += bytes;
        if let Some(connector) = owner.connector {
            *heap.of_connectors.entry(connector).or_default() += bytes;
        }
        before && !heap.has_room(owner)
    }

    /// Notes for what an answer came, until it is done.
    pub(super) fn guard(&self, number: u64, spending: Spending) {
        self.heap().guard(number, spending);
    }

    /// Lets what an answer came for be sent again, though it lies here: nobody will ever read it.
    pub(super) fn let_go(&self, number: u64) {
        self.heap().let_go(number);
    }

    /// Notes that the row of an answer is known to wait for it.
    pub(super) fn settle(&self, number: u64) {
        if let Some(lying) = self.heap().lying.get_mut(&number) {
            lying.settled = true;
        }
    }

    /// Forgets an answer that is done.
    pub(super) fn forget(&self, number: u64) {
        let mut heap = self.heap();
        heap.let_go(number);
        let Some(gone) = heap.lying.remove(&number) else { return };
        heap.of_all = heap.of_all.saturating_sub(gone.bytes);
        less(&mut heap.of_environments, &gone.owner.environment, gone.bytes);
        if let Some(connector) = gone.owner.connector {
            less(&mut heap.of_connectors, &connector, gone.bytes);
        }
    }

    /// Whether another answer of `owner` may come to lie here.
    pub(super) fn has_room(&self, owner: Owner) -> bool {
        self.heap().has_room(owner)
    }

    /// The answer that lies here and was got with this.
    pub(super) fn lies_for(&self, spending: Spending) -> Option<u64> {
        self.heap().spent.get(&spending).copied()
    }

    /// All that may be set aside.
    pub(super) fn settled(&self) -> Vec<u64> {
        self.heap().lying.iter().filter(|(_, lying)| lying.settled).map(|(number, _)| *number).collect()
    }

    /// Other definitions are in force.
    pub(in crate::service) fn wake(&self) {
        for lying in self.heap().lying.values_mut() {
            lying.woken = true;
        }
    }

    /// What is to be looked at again at `now`.
    pub(super) fn due(&self, now: Millis) -> Vec<u64> {
        let heap = self.heap();
        heap.lying.iter().filter(|(_, lying)| lying.is_due(now)).map(|(number, _)| *number).collect()
    }

    /// Whether one is.
    pub(super) fn is_due(&self, number: u64, now: Millis) -> bool {
        self.heap().lying.get(&number).is_some_and(|lying| lying.is_due(now))
    }

    /// Notes that an answer is looked at, at `now`.
    pub(super) fn begin(&self, number: u64, now: Millis) {
        if let Some(lying) = self.heap().lying.get_mut(&number) {
            lying.woken = false;
            if now > lying.ends_at {
                lying.ends_at = now.plus(AGAIN);
            }
        }
    }

    /// Notes that nothing came of it.
    pub(super) fn begin_again(&self, number: u64) {
        if let Some(lying) = self.heap().lying.get_mut(&number) {
            lying.woken = true;
        }
    }
}

impl Heap {
    fn guard(&mut self, number: u64, spending: Spending) {
        self.spent.insert(spending, number);
        self.spent_for.insert(number, spending);
    }

    fn let_go(&mut self, number: u64) {
        if let Some(spending) = self.spent_for.remove(&number)
            && self.spent.get(&spending) == Some(&number)
        {
            self.spent.remove(&spending);
        }
    }

    fn has_room(&self, owner: Owner) -> bool {
        let of_connector = owner.connector.and_then(|connector| self.of_connectors.get(&connector));
        let of_environment = self.of_environments.get(&owner.environment);
        self.of_all < OF_ALL
            && of_connector.is_none_or(|bytes| *bytes < OF_CONNECTOR)
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

    fn answer(number: u64, owner: Owner, bytes: usize) -> Answer {
        Answer { owner, spending: spending(number), bytes, ends_at: Millis(1_000) }
    }

    fn spending(number: u64) -> Spending {
        (CredentialId::new(Uuid::from_u128(number.into())), 1)
    }

    fn keep(unread: &Unread, number: u64, owner: Owner, bytes: usize) -> bool {
        unread.keep(number, answer(number, owner, bytes), Until::Defined)
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
            assert_eq!(unread.lies_for(spending(number)), Some(number));
            unread.forget(number);
            assert_eq!(unread.lies_for(spending(number)), None);
        }
        assert!(unread.has_room(full) && unread.has_room(beside));
        assert!(unread.heap().of_connectors.is_empty() && unread.heap().of_environments.is_empty());
    }

    #[test]
    fn what_an_answer_came_for_is_not_sent_before_the_answer_is_done() {
        let unread = Unread::default();
        unread.guard(1, spending(7));
        assert_eq!(unread.lies_for(spending(7)), Some(1));
        assert!(unread.due(Millis(i64::MAX)).is_empty() && unread.settled().is_empty(), "it is being landed");
        keep(&unread, 1, owner(1, 11), MIB);
        assert!(unread.settled().is_empty());
        unread.settle(1);
        assert_eq!(unread.settled(), [1]);
        unread.let_go(1);
        assert_eq!((unread.lies_for(spending(1)), unread.settled()), (None, vec![1]), "it lies on");
        unread.guard(2, spending(7));
        unread.forget(2);
        assert_eq!(unread.lies_for(spending(7)), None);
    }

    #[test]
    fn all_together_have_an_end_too() {
        let unread = Unread::default();
        for number in 0..128 {
            keep(&unread, number, owner(number.into(), number.into()), OF_CONNECTOR);
        }
        assert!(!unread.has_room(owner(1_000, 1_000)));
        unread.forget(5);
        assert!(unread.has_room(owner(1_000, 1_000)));
    }

    #[test]
    fn an_answer_is_looked_at_again_when_something_has_changed() {
        let unread = Unread::default();
        let now = Millis(500);
        let look = |now: Millis| {
            let due = unread.due(now);
            for number in &due {
                unread.begin(*number, now);
            }
            due
        };
        keep(&unread, 1, owner(1, 11), 1);
        assert_eq!(look(now), [1], "once in any case");
        keep(&unread, 1, owner(1, 11), 1);
        assert!(look(now).is_empty(), "it is as it was");
        unread.wake();
        assert_eq!(look(now), [1]);
        assert!(look(now).is_empty());
        unread.begin_again(1);
        assert_eq!(look(now), [1], "nothing came of it");
        assert_eq!(look(Millis(1_001)), [1], "its day is over");
        assert!(look(Millis(1_002)).is_empty(), "what is kept all the same has another day");
        unread.keep(1, answer(1, owner(1, 11), 1), Until::Mended);
        assert_eq!((look(now), look(now)), (vec![1], vec![1]), "nobody says when it is mended");
    }
}
