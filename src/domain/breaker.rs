//! A circuit breaker: when half of the calls to a token host fail, the next are not made; afterwards they come back
//! one, two, four a second, so that recovery is a ramp (`refresh.md`, section 6). Pure: times are handed in.

use std::collections::VecDeque;

use vouchsafe_entity::millis::Millis;

const WINDOW: i64 = 30_000;
const CALLS: usize = 20;
const OPEN: i64 = 30_000;
const STEP: i64 = 1_000;
/// Calls a second at which the ramp ends.
const CLOSED_FROM: u32 = 16;

/// The state of one token host, as one replica sees it.
#[derive(Debug, Default)]
pub struct Breaker {
    /// Outcomes of the last half minute: when, and whether it failed.
    calls: VecDeque<(Millis, bool)>,
    state: State,
}

#[derive(Clone, Copy, Debug, Default)]
enum State {
    #[default]
    Closed,
    Open {
        until: Millis,
    },
    /// So many calls are let through in this second.
    Ramp {
        since: Millis,
        allowed: u32,
        used: u32,
    },
}

impl Breaker {
    /// Lets a call through, or says when to ask again.
    ///
    /// # Errors
    /// The moment from which a call may be let through.
    pub fn pass(&mut self, now: Millis) -> Result<(), Millis> {
        if let State::Open { until } = self.state {
            if now < until {
                return Err(until);
            }
            self.state = State::Ramp { since: now, allowed: 1, used: 0 };
        }
        let State::Ramp { since, allowed, used } = self.state else { return Ok(()) };
        if now.since(since) >= STEP {
            if allowed >= CLOSED_FROM {
                self.state = State::Closed;
                self.calls.clear();
                return Ok(());
            }
            self.state = State::Ramp { since: now, allowed: allowed * 2, used: 1 };
            return Ok(());
        }
        if used >= allowed {
            return Err(since.plus(STEP));
        }
        self.state = State::Ramp { since, allowed, used: used + 1 };
        Ok(())
    }

    /// Notes what became of a call.
    pub fn report(&mut self, failed: bool, now: Millis) {
        match self.state {
            State::Ramp { .. } if failed => self.open(now),
            State::Closed => {
                self.calls.push_back((now, failed));
                while self.calls.front().is_some_and(|(at, _)| now.since(*at) > WINDOW) {
                    self.calls.pop_front();
                }
                let failures = self.calls.iter().filter(|(_, failed)| *failed).count();
                if failed && self.calls.len() >= CALLS && failures * 2 >= self.calls.len() {
                    self.open(now);
                }
            }
            State::Ramp { .. } | State::Open { .. } => {}
        }
    }

    /// Until when no call at all is let through.
    pub const fn open_until(&self) -> Option<Millis> {
        match self.state {
            State::Open { until } => Some(until),
            State::Closed | State::Ramp { .. } => None,
        }
    }

    /// Whether calls are held back.
    pub const fn is_open(&self) -> bool {
        !matches!(self.state, State::Closed)
    }

    fn open(&mut self, now: Millis) {
        self.state = State::Open { until: now.plus(OPEN) };
        self.calls.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Millis = Millis(1_000_000);

    fn opened() -> Breaker {
        let mut breaker = Breaker::default();
        for call in 0..20 {
            assert_eq!(breaker.pass(NOW), Ok(()));
            breaker.report(call % 2 == 1, NOW);
        }
        breaker
    }

    #[test]
    fn half_of_twenty_calls_open_it_and_fewer_do_not() {
        assert!(opened().is_open());
        let mut few = Breaker::default();
        (0..19).for_each(|_| few.report(true, NOW));
        assert!(!few.is_open());
        let mut healthy = Breaker::default();
        (0..100).for_each(|call| healthy.report(call % 3 == 0, NOW));
        assert!(!healthy.is_open());
        let mut slow = Breaker::default();
        (0..100).for_each(|call| slow.report(true, NOW.plus(call * 2_000)));
        assert!(!slow.is_open(), "never twenty within half a minute");
    }

    #[test]
    fn calls_come_back_in_a_ramp() {
        let mut breaker = opened();
        assert_eq!(breaker.pass(NOW.plus(OPEN - 1)), Err(NOW.plus(OPEN)));
        let mut let_through = Vec::new();
        for second in 0..5 {
            let at = NOW.plus(OPEN + second * STEP);
            let passed = (0..100).filter(|_| breaker.pass(at).is_ok()).count();
            let_through.push(passed);
        }
        assert_eq!(let_through, [1, 2, 4, 8, 16]);
        assert_eq!(breaker.pass(NOW.plus(OPEN + 5 * STEP)), Ok(()));
        assert!(!breaker.is_open());
    }

    #[test]
    fn a_failure_on_the_ramp_opens_it_again() {
        let mut breaker = opened();
        let at = NOW.plus(OPEN);
        assert_eq!(breaker.pass(at), Ok(()));
        breaker.report(true, at);
        assert_eq!(breaker.pass(at.plus(1)), Err(at.plus(OPEN)));
    }
}
