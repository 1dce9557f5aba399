//! How long somebody who tries to sign in has to wait, the longer the more often they tried in vain.

use vouchsafe_entity::millis::Millis;

/// What is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Counted {
    /// An account, or the code after its password, tried from a browser that has never signed in to it.
    Account,
    /// An account, tried from a browser that has: a stranger's guesses do not keep its owner out.
    Browser,
    /// An address, whatever the account.
    Address,
}

impl Counted {
    /// Tries without a wait.
    const fn free(self) -> i32 {
        match self {
            Self::Account | Self::Browser => 5,
            // Many people may share one.
            Self::Address => 50,
        }
    }

    /// Seconds to wait after so many tries.
    fn wait_after(self, count: i32) -> i64 {
        u32::try_from(count - self.free()).map_or(0, |beyond| {
            LONGEST_WAIT.min(FIRST_WAIT.saturating_mul(1_i64.checked_shl(beyond).unwrap_or(i64::MAX)))
        })
    }
}

/// The first wait, and the longest, in seconds: at most 20 tries of an account in an hour.
const FIRST_WAIT: i64 = 4;
const LONGEST_WAIT: i64 = 600;
/// Tries are forgotten so long after the last, in milliseconds.
pub const FORGOTTEN_AFTER: i64 = 6 * 3_600_000;

/// Tries in vain so far.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tries {
    /// How many.
    pub count: i32,
    /// Before which no other is looked at.
    pub wait_until: Millis,
    /// When the last was.
    pub last: Millis,
}

impl Tries {
    /// None yet.
    pub const NONE: Self = Self { count: 0, wait_until: Millis(0), last: Millis(0) };

    /// Counts a try at `now` as if it were in vain.
    ///
    /// # Errors
    /// The seconds to wait, where it comes too early; then it is not looked at.
    pub fn count(self, what: Counted, now: Millis) -> Result<Self, u64> {
        if now < self.wait_until {
            return Err(u64::try_from(self.wait_until.since(now)).unwrap_or(0).div_ceil(1_000));
        }
        let before = if now.since(self.last) >= FORGOTTEN_AFTER { 0 } else { self.count };
        let count = before.saturating_add(1);
        Ok(Self { count, wait_until: now.plus_seconds(what.wait_after(count)), last: now })
    }

    /// Without the one try that made `counted` of `before`, which was right. All others stand, so that whoever can sign in
    /// to one account gains no guess at another.
    #[must_use]
    pub fn without(self, what: Counted, before: Self, counted: Self) -> Self {
        if self == counted {
            return before;
        }
        let count = (self.count - 1).max(0);
        Self { count, wait_until: self.last.plus_seconds(what.wait_after(count)), last: self.last }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Tries that are looked at in an hour when somebody tries every second.
    fn in_an_hour(what: Counted) -> usize {
        let mut tries = Tries::NONE;
        let looked = |second: &i64| {
            let counted = tries.count(what, Millis(1_000_000_000).plus_seconds(*second));
            counted.map(|next| tries = next).is_ok()
        };
        (0..3_600).filter(looked).count()
    }

    #[test]
    fn an_account_is_guessed_at_most_twenty_times_an_hour() {
        assert!((10..=20).contains(&in_an_hour(Counted::Account)), "{}", in_an_hour(Counted::Account));
        assert!(in_an_hour(Counted::Address) <= 100, "{}", in_an_hour(Counted::Address));
    }

    #[test]
    fn a_wait_is_told_in_whole_seconds_and_tries_are_forgotten() {
        let mut tries = Tries::NONE;
        let now = Millis(1_000_000_000);
        for _ in 0..5 {
            tries = tries.count(Counted::Account, now).unwrap();
        }
        assert_eq!(tries.count(Counted::Account, now.plus(1)), Err(4));
        let later = now.plus(FORGOTTEN_AFTER);
        assert_eq!(tries.count(Counted::Account, later).unwrap().count, 1);
    }

    #[test]
    fn a_try_that_was_right_leaves_no_trace() {
        let now = Millis(1_000_000_000);
        let mut tries = Tries::NONE;
        for _ in 0..60 {
            tries = tries.count(Counted::Address, tries.wait_until.max(now)).unwrap();
        }
        let later = tries.wait_until;
        let counted = tries.count(Counted::Address, later).unwrap();
        assert_eq!(counted.count(Counted::Address, later.plus(1)), Err(600));
        assert_eq!(counted.without(Counted::Address, tries, counted), tries);
    }

    #[test]
    fn tries_that_were_right_take_no_guess_back() {
        let what = Counted::Address;
        let now = Millis(1_000_000_000);
        // At the same moment, whatever the order: one's own try before the guess and after it, answered before and after.
        for order in [[0, 1], [1, 0]] {
            let mut tries = Tries::NONE;
            let mut own = Vec::new();
            for guess in [false, true, false, true] {
                let counted = tries.count(what, now).unwrap();
                if !guess {
                    own.push((tries, counted));
                }
                tries = counted;
            }
            for at in order {
                let (before, counted) = own[at];
                tries = tries.without(what, before, counted);
            }
            assert_eq!(tries, Tries { count: 2, wait_until: now, last: now });
        }
        assert_eq!(Tries::NONE.without(what, Tries::NONE, Tries { count: 1, ..Tries::NONE }), Tries::NONE);
    }
}
