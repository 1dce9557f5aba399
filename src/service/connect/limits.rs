//! How often one connect session is served. Its token lies in a browser, and each key that is typed is tried at an app:
//! what a person does stays far below. What is counted is forgotten with the pauses, so it never outgrows the sessions
//! in use.

use std::num::NonZeroU32;

use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter};
use vouchsafe_entity::id::SessionId;

use crate::service::{Code, Error};

/// How many a second, and how many at once.
type Often = (u32, u32);

const CALLS: Often = (20, 60);
const TICKETS: Often = (2, 40);
const KEYS: Often = (1, 20);

/// What each session has asked for lately.
pub(in crate::service) struct VisitLimits {
    calls: DefaultKeyedRateLimiter<SessionId>,
    tickets: DefaultKeyedRateLimiter<SessionId>,
    keys: DefaultKeyedRateLimiter<SessionId>,
}

impl Default for VisitLimits {
    fn default() -> Self {
        Self { calls: limiter(CALLS), tickets: limiter(TICKETS), keys: limiter(KEYS) }
    }
}

fn limiter((a_second, at_once): Often) -> DefaultKeyedRateLimiter<SessionId> {
    let some = |number| NonZeroU32::new(number).unwrap_or(NonZeroU32::MIN);
    RateLimiter::keyed(Quota::per_second(some(a_second)).allow_burst(some(at_once)))
}

impl VisitLimits {
    /// Counts a call of whatever kind.
    ///
    /// # Errors
    /// [`Code::RateLimited`].
    pub(super) fn call(&self, session: SessionId) -> Result<(), Error> {
        within(&self.calls, session)
    }

    /// Counts a ticket.
    ///
    /// # Errors
    /// [`Code::RateLimited`].
    pub(super) fn ticket(&self, session: SessionId) -> Result<(), Error> {
        within(&self.tickets, session)
    }

    /// Counts a form of typed values.
    ///
    /// # Errors
    /// [`Code::RateLimited`].
    pub(super) fn key(&self, session: SessionId) -> Result<(), Error> {
        within(&self.keys, session)
    }

    /// Forgets the sessions that have paused.
    pub(in crate::service) fn trim(&self) {
        for limiter in [&self.calls, &self.tickets, &self.keys] {
            limiter.retain_recent();
        }
    }
}

fn within(limiter: &DefaultKeyedRateLimiter<SessionId>, session: SessionId) -> Result<(), Error> {
    let detail = "This connect session is used more often than it may be. Wait a moment, then try again.";
    limiter.check_key(&session).map_err(|_| Error::later(Code::RateLimited, detail, 1))
}
