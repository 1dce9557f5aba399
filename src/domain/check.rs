//! What the app's answers to checks make of a credential that nothing renews.

use vouchsafe_entity::kind::BrokenCause;
use vouchsafe_entity::millis::Millis;

use super::credential::{Machine, Token};

/// Between a refusal and the one that confirms it: an app may be wrong for a moment.
const CONFIRMED_AFTER: i64 = 60_000;

impl Token {
    /// The token after a check at `now` that the app `refused` or passed. States of renewing stay as they are.
    #[must_use]
    pub fn after_check(mut self, refused: bool, now: Millis) -> Self {
        let next = match (&self.machine, refused) {
            (Machine::Active, true) => {
                Machine::Suspect { since: now, next_try_at: now.plus(CONFIRMED_AFTER) }
            }
            (Machine::Suspect { since, .. }, true) if now.since(*since) >= CONFIRMED_AFTER => {
                Machine::Broken(BrokenCause::RejectedByProvider)
            }
            (Machine::Suspect { .. }, false) => Machine::Active,
            _ => return self,
        };
        self.machine = next;
        self.state_since = now;
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::credential::tests::credential;

    const NOW: Millis = Millis(1_893_456_000_000);

    #[test]
    fn two_refusals_a_minute_apart_end_a_key_and_an_acceptance_between_them_does_not() {
        let once = credential().token.after_check(true, NOW);
        assert_eq!(once.machine, Machine::Suspect { since: NOW, next_try_at: NOW.plus(60_000) });
        let soon = once.clone().after_check(true, NOW.plus(59_999));
        assert_eq!(soon.machine, once.machine);
        let broken = once.clone().after_check(true, NOW.plus(60_000));
        assert_eq!(broken.machine, Machine::Broken(BrokenCause::RejectedByProvider));
        assert_eq!(broken.clone().after_check(false, NOW.plus(90_000)).machine, broken.machine);
        let passed = once.after_check(false, NOW.plus(60_000));
        assert_eq!(passed.machine, Machine::Active);
        assert!(matches!(passed.after_check(true, NOW.plus(70_000)).machine, Machine::Suspect { .. }));
    }
}
