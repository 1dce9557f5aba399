//! New ids, made of the clock and the random source (UUID version 7), so that tests can hold both still. Those of one
//! process rise even within a millisecond, so that a list by id is a list by time.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use uuid::{Builder, Uuid};

use crate::clock::Clock;
use crate::random::Random;

/// Bits that count within a millisecond (RFC 9562, section 6.2, method 1).
const COUNTER_BITS: u32 = 12;

/// The source of new ids.
#[derive(Clone)]
pub struct Ids {
    clock: Arc<dyn Clock>,
    random: Arc<dyn Random>,
    /// The millisecond of the last id, and its number in it.
    last: Arc<AtomicU64>,
}

impl Ids {
    /// Ids from `clock` and `random`.
    pub fn new(clock: Arc<dyn Clock>, random: Arc<dyn Random>) -> Self {
        Self { clock, random, last: Arc::default() }
    }

    /// A new UUID version 7, for the `new` of an id type.
    pub fn next(&self) -> Uuid {
        let now = u64::try_from(self.clock.now_ms()).unwrap_or_default() << COUNTER_BITS;
        let rise = |last: u64| Some(now.max(last + 1));
        // More than 4,096 in a millisecond, or a clock that went back, borrow from the time to come.
        let last = self.last.fetch_update(Ordering::Relaxed, Ordering::Relaxed, rise);
        let at = last.map_or(now, |last| now.max(last + 1));
        let [.., high, low] = at.to_be_bytes();
        let mut bytes = self.random.bytes::<10>();
        bytes[0] = high & 0x0f;
        bytes[1] = low;
        Builder::from_unix_timestamp_millis(at >> COUNTER_BITS, &bytes).into_uuid()
    }
}

impl Ids {
    /// The earliest UUID of the millisecond `at` since 1970, to begin a search of ids by time with.
    pub fn earliest(at: i64) -> Uuid {
        Builder::from_unix_timestamp_millis(u64::try_from(at).unwrap_or_default(), &[0; 10]).into_uuid()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::ManualClock;
    use crate::random::SystemRandom;

    #[test]
    fn ids_rise_while_the_clock_stands_still_or_goes_back() {
        let clock = Arc::new(ManualClock::default());
        let ids = Ids::new(Arc::<ManualClock>::clone(&clock), Arc::new(SystemRandom));
        let mut last = ids.next();
        for round in 0..10_000 {
            if round == 5_000 {
                clock.advance(chrono::TimeDelta::seconds(-5));
            }
            let next = ids.next();
            assert!(next > last && next.get_version_num() == 7, "{last} {next}");
            last = next;
        }
    }
}
