//! What an answer makes of a token, and where an answer lands that comes late.

use vouchsafe_entity::kind::{AttemptState, BrokenCause};
use vouchsafe_entity::millis::Millis;

use super::DAY;
use crate::domain::credential::{Attempt, Machine, Token};

/// Where the answer to an attempt lands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Landing {
    /// The version that was spent is still there: the answer is its successor, whatever became of the lease.
    Current,
    /// Somebody else renewed the same grant: both successors may live, so this one is kept aside.
    Superseded,
    /// Another grant is there.
    OldGrant,
    /// The credential is gone or was revoked: the new tokens must die.
    Gone,
}

impl Token {
    /// Where an answer lands that was bought with `version` of the grant `epoch`.
    pub fn landing(&self, epoch: i64, version: i64) -> Landing {
        let gone = matches!(
            self.machine,
            Machine::Deleted | Machine::Broken(BrokenCause::RevokedByRequest | BrokenCause::RevokedUpstream)
        );
        match (self.epoch == epoch, self.version == version) {
            _ if gone && self.epoch != epoch => Landing::Gone,
            _ if self.machine == Machine::Deleted => Landing::Gone,
            (true, true) => Landing::Current,
            (true, false) => Landing::Superseded,
            (false, _) => Landing::OldGrant,
        }
    }

    /// New tokens came. What is sealed and when it ends is the caller's to set.
    #[must_use]
    pub fn renewed(mut self, now: Millis) -> Self {
        self.version += 1;
        self.machine = Machine::Active;
        self.state_since = now;
        self.attempt = None;
        self.tried_at = None;
        self.fail_class = None;
        self.fail_count = 0;
        self
    }

    /// An answer lies in the journal, unread: it is not asked for again for a day.
    #[must_use]
    pub fn held(mut self, now: Millis) -> Self {
        let started_at = self.attempt.map_or(now, |attempt| attempt.started_at);
        self.attempt = Some(Attempt { version: self.version, state: AttemptState::Held, started_at });
        self.machine = Machine::Unknown { next_try_at: started_at.plus(DAY) };
        self.state_since = now;
        self
    }
}
