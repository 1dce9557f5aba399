//! Whether anything was written since a row was read, on a database that nobody else writes: what lets rows be kept
//! between two writes. Knows nothing of rows.
//!
//! The number is even while nothing is being written, and odd from the begin of a transaction to its end.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Counts the writes of this process.
#[derive(Clone, Debug, Default)]
pub(super) struct Writes(Arc<AtomicU64>);

/// A moment between two writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Moment(u64);

/// A transaction that has begun.
#[derive(Debug)]
pub(super) struct Write {
    writes: Writes,
    mark: u64,
    committing: bool,
}

impl Writes {
    /// This moment; none while something is being written.
    pub(super) fn moment(&self) -> Option<Moment> {
        let now = self.0.load(Ordering::Acquire);
        now.is_multiple_of(2).then_some(Moment(now))
    }

    /// Whether what was read at `moment` is still so. What is being written now counts once it lasts.
    pub(super) fn still(&self, moment: Moment) -> bool {
        let now = self.0.load(Ordering::Acquire);
        now == moment.0 || (!now.is_multiple_of(2) && now - 1 == moment.0)
    }

    /// A transaction has begun, and nobody else's is open.
    pub(super) fn begin(&self) -> Write {
        // Odd already where nobody knows how the one before has ended.
        let before = self.0.load(Ordering::Acquire);
        let mark = if before.is_multiple_of(2) { before + 1 } else { before + 2 };
        self.0.store(mark, Ordering::Release);
        Write { writes: self.clone(), mark, committing: false }
    }
}

impl Write {
    /// From here on it may last, whatever becomes of whoever waits for it.
    pub(super) fn committing(&mut self) {
        self.committing = true;
    }

    /// It lasts.
    pub(super) fn done(self) {
        self.moves_to(self.mark + 1);
    }

    /// Says how it ended, unless the next one has begun.
    fn moves_to(&self, number: u64) {
        let _ = self.writes.0.compare_exchange(self.mark, number, Ordering::AcqRel, Ordering::Acquire);
    }
}

impl Drop for Write {
    fn drop(&mut self) {
        // Undone, nothing has changed; otherwise nobody can say, and nothing is kept until the next one.
        self.moves_to(if self.committing { self.mark + 2 } else { self.mark - 1 });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_is_kept_until_a_write_lasts() {
        let writes = Writes::default();
        let before = writes.moment().unwrap();
        let mut write = writes.begin();
        assert!(writes.still(before), "nothing has changed yet");
        assert_eq!(writes.moment(), None, "but nothing new is kept");
        write.committing();
        write.done();
        assert!(!writes.still(before));
        assert!(writes.moment().is_some());
    }

    #[test]
    fn what_is_undone_changes_nothing() {
        let writes = Writes::default();
        let before = writes.moment().unwrap();
        drop(writes.begin());
        assert_eq!(writes.moment(), Some(before));
    }

    #[test]
    fn a_write_that_nobody_waited_for_counts_as_one_from_then_on() {
        let writes = Writes::default();
        let before = writes.moment().unwrap();
        let mut write = writes.begin();
        write.committing();
        drop(write);
        assert!(!writes.still(before));
        assert_eq!(writes.moment(), None, "it may last at any moment");
        let mut next = writes.begin();
        assert_eq!(writes.moment(), None);
        next.committing();
        next.done();
        assert!(!writes.still(before) && writes.moment().is_some());
    }

    #[test]
    fn an_end_that_is_told_late_does_not_end_the_next_write() {
        let writes = Writes::default();
        let before = writes.moment().unwrap();
        let mut first = writes.begin();
        first.committing();
        let mut second = writes.begin();
        first.done();
        assert_eq!(writes.moment(), None, "the second is under way");
        assert!(!writes.still(before));
        second.committing();
        second.done();
        assert!(writes.moment().is_some() && !writes.still(before));
    }
}
