//! What a failed attempt makes of a token. An error is no revocation: only a refusal that was confirmed ends a grant.

use vouchsafe_entity::kind::{AttemptState, BrokenCause, FailClass};
use vouchsafe_entity::millis::Millis;

use super::{DAY, HOUR, LONGEST_ATTEMPT, MINUTE, Reuse, SECOND, Times, part};
use crate::domain::credential::{Attempt, Machine, Resting, Token};

/// Tries of class H before the back-off becomes a day.
const OTHER_TRIES: i32 = 5;
/// A connector whose client is refused is tried so often.
const CLIENT_PROBE: i64 = 5 * MINUTE;
/// A refused grant is asked for again after these times: an outage may have looked like a refusal.
const PROBES: [i64; 3] = [HOUR, 23 * HOUR, 6 * DAY];

/// A failed attempt.
#[derive(Clone, Copy, Debug)]
pub struct Failure {
    /// Its class.
    pub class: FailClass,
    /// What the provider does with a spent token.
    pub reuse: Reuse,
    /// Whether nothing was consumed: the token is asked for with inputs that stay good.
    pub minted: bool,
    /// Milliseconds that the provider asks to wait.
    pub retry_after: Option<i64>,
    /// No refusal counts before this moment: too many come from this provider at once.
    pub paused_until: Option<Millis>,
}

impl Failure {
    /// A failure of `class`, with nothing more known.
    pub const fn new(class: FailClass, reuse: Reuse, minted: bool) -> Self {
        Self { class, reuse, minted, retry_after: None, paused_until: None }
    }

    const fn reuse(&self) -> Reuse {
        if self.minted { Reuse::Static } else { self.reuse }
    }
}

impl Token {
    /// What `failure` makes of a claimed token at `now`; `jitter` is from 0 to 1.
    #[must_use]
    pub fn after_failure(mut self, failure: &Failure, now: Millis, times: Times, jitter: f64) -> Self {
        let refused = matches!(failure.class, FailClass::Refused | FailClass::Revoked);
        let (from, started_at) = match (&self.machine, self.attempt) {
            (Machine::Refreshing { from, .. }, Some(attempt)) => (*from, attempt.started_at),
            // Put into quarantine meanwhile: the refusal answers the first request, not the retry.
            (Machine::Unknown { .. }, Some(attempt)) if refused => (Resting::Active, attempt.started_at),
            (Machine::Unknown { .. }, Some(attempt)) => (Resting::Unknown, attempt.started_at),
            (Machine::Suspect { since, .. }, _) => (Resting::Suspect { since: *since }, now),
            (Machine::Broken(cause), _) => (Resting::Broken(*cause), now),
            _ => (Resting::Active, now),
        };
        let is_other = failure.class == FailClass::Other;
        let first_other = is_other && self.fail_class != Some(FailClass::Other);
        self.fail_class = Some(failure.class);
        self.attempt = None;
        if let Resting::Broken(cause) = from {
            return self.still_broken(cause, refused, started_at, now, jitter);
        }
        // Tries that failed otherwise are none of those after which an operator is told.
        self.fail_count = if first_other { 1 } else { self.fail_count.saturating_add(1) };
        self.state_since = now;
        let back_off = back_off(self.fail_count, jitter);
        match failure.class {
            FailClass::Refused | FailClass::Revoked => self.after_refusal(from, failure, now, times, jitter),
            FailClass::Unreadable if failure.reuse() != Reuse::Static => {
                self.attempt = Some(attempt(self.version, started_at));
                self.held(now)
            }
            FailClass::Ambiguous | FailClass::Unreadable | FailClass::Other => {
                let daily = is_other && self.fail_count >= OTHER_TRIES;
                let wait = if daily { DAY } else { back_off };
                self.after_lost_answer(from, failure.reuse(), started_at, now, wait)
            }
            FailClass::Throttled => {
                let wait = failure.retry_after.unwrap_or(back_off).min(HOUR);
                self.not_spent(from, failure.reuse(), started_at, now, now.plus(wait))
            }
            FailClass::Client => {
                self.not_spent(from, failure.reuse(), started_at, now, now.plus(CLIENT_PROBE))
            }
            FailClass::NotSent | FailClass::Local | FailClass::Unopened => {
                self.not_spent(from, failure.reuse(), started_at, now, now.plus(back_off))
            }
        }
    }

    /// No call can be made now: the state and what is known of an attempt stay, until `at`.
    #[must_use]
    pub fn postponed(mut self, at: Millis) -> Self {
        match &mut self.machine {
            Machine::Waiting { next_try_at }
            | Machine::Unknown { next_try_at }
            | Machine::Suspect { next_try_at, .. } => *next_try_at = at.max(*next_try_at),
            Machine::Broken(_) => self.due_at = self.due_at.map(|due| due.max(at)),
            Machine::Pending | Machine::Active | Machine::Refreshing { .. } | Machine::Deleted => {}
        }
        self
    }

    /// What the end of its holder's process makes of a token: nobody will hear the answer, if there was one.
    #[must_use]
    pub fn abandoned(self, reuse: Reuse, minted: bool, now: Millis, times: Times) -> Self {
        let count = self.fail_count;
        let mut token =
            self.after_failure(&Failure::new(FailClass::Ambiguous, reuse, minted), now, times, 0.0);
        // A restart is no failure of the provider.
        token.fail_count = count;
        token
    }

    /// The token was certainly not consumed: the state stays, and is tried again.
    fn not_spent(
        mut self,
        from: Resting,
        reuse: Reuse,
        started_at: Millis,
        now: Millis,
        next_try_at: Millis,
    ) -> Self {
        self.machine = match from {
            Resting::Active | Resting::Waiting => Machine::Waiting { next_try_at },
            Resting::Unknown => {
                // What became of the attempt before is as open as it was, and its grace runs on.
                self.attempt = Some(attempt(self.version, started_at));
                let over = matches!(reuse, Reuse::Grace(window) if next_try_at >= started_at.plus(window));
                let quiet_until = if over { self.quarantined_until(now) } else { now };
                Machine::Unknown { next_try_at: next_try_at.max(quiet_until) }
            }
            Resting::Suspect { since } => Machine::Suspect { since, next_try_at },
            Resting::Broken(cause) => Machine::Broken(cause),
        };
        self
    }

    /// The token may have been consumed. At once inside a grace, else late: a spent token that is sent again makes a
    /// strict provider kill the access token that callers still use.
    fn after_lost_answer(
        mut self,
        from: Resting,
        reuse: Reuse,
        started_at: Millis,
        now: Millis,
        wait: i64,
    ) -> Self {
        if reuse == Reuse::Static {
            self.machine = Machine::Waiting { next_try_at: now.plus(wait) };
            return self;
        }
        self.attempt = Some(attempt(self.version, started_at));
        // Failures that spent nothing may have come before it: the first whose outcome nobody knows it is all the same.
        let first = from != Resting::Unknown;
        let next_try_at = match reuse {
            Reuse::Grace(window) if first && now < started_at.plus(window) => now,
            _ => {
                let latest = started_at.plus(10 * MINUTE);
                let before_end = self.access_expires_at.map_or(latest, |end| end.plus(-MINUTE).min(latest));
                let at = started_at.plus(LONGEST_ATTEMPT).max(before_end);
                // A grace lets another node in before the holder before it was given up.
                let in_grace = matches!(reuse, Reuse::Grace(_));
                let quiet_until = if in_grace { self.quarantined_until(now) } else { now };
                if first { at } else { at.max(now.plus(wait)).max(quiet_until) }
            }
        };
        self.machine = Machine::Unknown { next_try_at };
        self
    }

    fn after_refusal(
        mut self,
        from: Resting,
        failure: &Failure,
        now: Millis,
        times: Times,
        jitter: f64,
    ) -> Self {
        let again_at = now.plus(times.confirm_after + part(30 * SECOND, jitter));
        let since = match from {
            Resting::Suspect { since } => since,
            Resting::Active | Resting::Waiting | Resting::Unknown | Resting::Broken(_) => now,
        };
        let revoked = failure.class == FailClass::Revoked;
        let refused = if revoked { BrokenCause::RevokedUpstream } else { BrokenCause::GrantRefused };
        let cause = match from {
            // A suspicion like any other then, also where it was unknown: what is confirmed later is asked for again.
            _ if failure.paused_until.is_some_and(|until| now < until) => None,
            // What the user typed is as it was, so asking twice would prove no more.
            _ if failure.minted => Some(refused),
            Resting::Unknown => Some(BrokenCause::GrantLost),
            // Asked again by hand within the time: still the same incident, perhaps.
            Resting::Suspect { since } if now < since.plus(times.confirm_after) => None,
            Resting::Suspect { .. } => Some(refused),
            Resting::Active | Resting::Waiting | Resting::Broken(_) => None,
        };
        self.fail_count = 0;
        if let Some(cause) = cause {
            self.due_at = (cause == BrokenCause::GrantRefused).then(|| now.plus(PROBES[0]));
            self.machine = Machine::Broken(cause);
        } else {
            let next_try_at = failure.paused_until.map_or(again_at, |until| again_at.max(until));
            self.machine = Machine::Suspect { since, next_try_at };
        }
        self
    }

    /// A broken one was asked once more. Only a refusal uses up a probe, and only one that was due: what is asked by
    /// hand in between is none.
    fn still_broken(
        mut self,
        cause: BrokenCause,
        refused: bool,
        started_at: Millis,
        now: Millis,
        jitter: f64,
    ) -> Self {
        self.machine = Machine::Broken(cause);
        if self.due_at.is_none_or(|due| started_at < due) {
            return self;
        }
        if !refused {
            self.due_at = Some(now.plus(back_off(self.fail_count.saturating_add(1), jitter)));
            return self;
        }
        self.fail_count = self.fail_count.saturating_add(1);
        let probe = usize::try_from(self.fail_count).ok().and_then(|count| PROBES.get(count));
        self.due_at = probe.map(|wait| now.plus(*wait));
        self
    }
}

const fn attempt(version: i64, started_at: Millis) -> Attempt {
    Attempt { version, state: AttemptState::Unresolved, started_at }
}

/// 5 s doubling to 15 min, with full jitter.
fn back_off(failures: i32, jitter: f64) -> i64 {
    let exponent = u32::try_from(failures.saturating_sub(1)).unwrap_or(0).min(16);
    part(((5 * SECOND) << exponent).min(15 * MINUTE), jitter)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn back_off_stays_in_its_bounds(failures in 0..1_000_000, jitter in 0.0..1.0) {
            prop_assert!((0..=15 * MINUTE).contains(&back_off(failures, jitter)));
            prop_assert!(back_off(failures, jitter) <= back_off(failures.saturating_add(1), jitter));
            prop_assert_eq!(back_off(failures, 0.0), 0);
        }
    }
}
