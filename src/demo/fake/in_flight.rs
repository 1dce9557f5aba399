//! Counting requests that are under way, and the most at once.

use super::counters::Counters;
use super::state::Fake;

/// The counts of one kind of request: how many came, how many are under way, and the most that were.
pub(super) type Counts = fn(&mut Counters) -> [&mut u64; 3];

/// A request that counts as under way for as long as this lives.
pub(super) struct InFlight(Fake, Counts);

impl InFlight {
    pub(super) fn enter(fake: &Fake, counts: Counts) -> Self {
        let mut ledger = fake.ledger();
        let [all, now, peak] = counts(&mut ledger.counters);
        *all += 1;
        *now += 1;
        *peak = (*peak).max(*now);
        drop(ledger);
        Self(fake.clone(), counts)
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        let mut ledger = self.0.ledger();
        let [_, now, _] = (self.1)(&mut ledger.counters);
        *now -= 1;
    }
}
