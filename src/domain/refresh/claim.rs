//! Who may spend a token version. A claim says only who may *start*: what comes of it is committed by comparing the
//! version, whoever held the lease.

use vouchsafe_entity::kind::{AttemptState, BrokenCause, FailClass};
use vouchsafe_entity::millis::Millis;

use super::{DAY, LONGEST_ATTEMPT, MINUTE, Reuse, SECOND, Times};
use crate::domain::credential::{Attempt, Machine, Resting, Token};

/// A lost answer inside a grace is retried while the grace lasts so much longer.
const GRACE_MARGIN: i64 = 20 * SECOND;
/// A version whose holder fell silent is left alone for so long after its lease.
const QUARANTINE: i64 = 10 * MINUTE;

/// Somebody wants to spend a version.
#[derive(Clone, Copy, Debug)]
pub struct Claim<'a> {
    /// The version.
    pub version: i64,
    /// Who: node and boot.
    pub owner: &'a str,
    /// The database's present moment.
    pub now: Millis,
    /// Times that an operator may set.
    pub times: Times,
    /// What the provider does with a token that is sent twice.
    pub reuse: Reuse,
    /// Whether somebody asked for it by hand: the time that a failure in passing set is then ignored.
    pub forced: bool,
}

/// Why a token can't be claimed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NotClaimed {
    /// Another version is there: somebody else renewed it.
    Moved,
    /// Another node holds it until then.
    Held(Millis),
    /// No attempt before then.
    NotBefore(Millis),
    /// The holder fell silent with an attempt under way: it is left alone until then, and the state says so.
    Quarantined(Millis),
    /// Its state allows no attempt.
    Ended,
}

impl Token {
    /// Claims a version.
    ///
    /// # Errors
    /// [`NotClaimed`].
    pub fn claim(mut self, claim: &Claim<'_>) -> Result<Self, NotClaimed> {
        if self.version != claim.version {
            return Err(NotClaimed::Moved);
        }
        let from = self.resting(claim)?;
        // A broken one stays what it is, since when it was and with the probes that it has left, whoever asks meanwhile.
        if !matches!(from, Resting::Broken(_)) {
            // Begun early, by hand or after a 401, what comes of it is still followed up in time.
            self.due_at = self.due_at.map(|due| due.min(claim.now));
            self.state_since = claim.now;
        }
        self.machine = Machine::Refreshing {
            from,
            owner: claim.owner.to_owned(),
            until: claim.now.plus(claim.times.lease),
        };
        self.lease_seq += 1;
        // A grace runs from the first time that the token was sent.
        let again = matches!((from, claim.reuse), (Resting::Unknown, Reuse::Grace(_)));
        let first = self.attempt.filter(|attempt| again && attempt.version == claim.version);
        let started_at = first.map_or(claim.now, |attempt| attempt.started_at);
        self.attempt = Some(Attempt { version: claim.version, state: AttemptState::Reserved, started_at });
        self.tried_at = Some(claim.now);
        Ok(self)
    }

    /// The state that a claim would be taken from.
    fn resting(&self, claim: &Claim<'_>) -> Result<Resting, NotClaimed> {
        let not_before = |at: Millis| if claim.now < at { Err(NotClaimed::NotBefore(at)) } else { Ok(()) };
        let in_passing = |at| if claim.forced { Ok(()) } else { not_before(at) };
        match &self.machine {
            Machine::Active => Ok(Resting::Active),
            Machine::Waiting { next_try_at } => in_passing(*next_try_at).map(|()| Resting::Waiting),
            Machine::Suspect { since, next_try_at } => {
                in_passing(*next_try_at).map(|()| Resting::Suspect { since: *since })
            }
            // Not even by hand: a token that is sent twice too early costs the whole grant.
            Machine::Unknown { next_try_at } => not_before(*next_try_at).map(|()| Resting::Unknown),
            // Its tokens are there, so whoever asks by hand has the app's word for it.
            Machine::Broken(
                cause @ (BrokenCause::GrantRefused | BrokenCause::GrantLost | BrokenCause::RevokedUpstream),
            ) => {
                match self.due_at {
                    Some(due) if !claim.forced => not_before(due)?,
                    None if !claim.forced => return Err(NotClaimed::Ended),
                    _ => {}
                }
                Ok(Resting::Broken(*cause))
            }
            Machine::Pending | Machine::Deleted | Machine::Broken(_) => Err(NotClaimed::Ended),
            Machine::Refreshing { until, .. } if claim.now < *until => Err(NotClaimed::Held(*until)),
            Machine::Refreshing { from, until, .. } => self.after_silence(*from, *until, claim),
        }
    }

    /// What a claim finds whose predecessor fell silent.
    fn after_silence(
        &self,
        from: Resting,
        lease_until: Millis,
        claim: &Claim<'_>,
    ) -> Result<Resting, NotClaimed> {
        let Some(attempt) = self.attempt.filter(|attempt| attempt.version == self.version) else {
            return Ok(from);
        };
        let free_at = match claim.reuse {
            Reuse::Static => lease_until,
            Reuse::Grace(window) if claim.now < attempt.started_at.plus(window - GRACE_MARGIN) => lease_until,
            // A lease may be shorter than an attempt. A grace counts from the first request, this from the last.
            Reuse::Grace(_) | Reuse::Strict => {
                let claimed_at = attempt.started_at.max(self.state_since);
                self.quarantined_until(lease_until).max(claimed_at.plus(LONGEST_ATTEMPT))
            }
        };
        if attempt.state == AttemptState::Held {
            return Err(NotClaimed::Quarantined(attempt.started_at.plus(DAY)));
        }
        if let Resting::Broken(_) = from {
            // It stays what it is, whoever asked once more and fell silent.
            return if claim.now < free_at { Err(NotClaimed::NotBefore(free_at)) } else { Ok(from) };
        }
        if claim.now < free_at {
            return Err(NotClaimed::Quarantined(free_at));
        }
        Ok(match (from, claim.reuse) {
            (from, Reuse::Static) => from,
            // It may have been spent: a refusal now means that its answer was lost.
            (_, Reuse::Grace(_) | Reuse::Strict) => Resting::Unknown,
        })
    }

    /// Until when a version is left alone whose holder fell silent, and may still be heard of.
    pub(super) fn quarantined_until(&self, lease_until: Millis) -> Millis {
        let longest = lease_until.plus(QUARANTINE);
        let end = self.access_expires_at.map_or(longest, |end| end.min(longest));
        end.max(lease_until)
    }

    /// Leaves the version of a silent holder alone until `until`. Its answer may still land.
    #[must_use]
    pub fn quarantined(mut self, until: Millis, now: Millis) -> Self {
        self.machine = Machine::Unknown { next_try_at: until };
        self.due_at = Some(self.due_at.map_or(now, |due| due.min(now)));
        self.attempt = self.attempt.map(|attempt| match attempt.state {
            AttemptState::Held => attempt,
            AttemptState::Reserved | AttemptState::Unresolved => {
                Attempt { state: AttemptState::Unresolved, ..attempt }
            }
        });
        self.state_since = now;
        self
    }

    /// Whether a run of `node` holds the claim.
    pub fn is_held_by(&self, node: &str) -> bool {
        // Owners are `node/boot`.
        self.owner().is_some_and(|owner| owner.split('/').next() == Some(node))
    }

    /// Whether a run of `node` other than `boot` holds the claim.
    pub fn is_left_by(&self, node: &str, boot: &str) -> bool {
        let run = self.owner().and_then(|owner| owner.split_once('/'));
        run.is_some_and(|(there, run)| there == node && run != boot)
    }

    fn owner(&self) -> Option<&str> {
        match &self.machine {
            Machine::Refreshing { owner, .. } => Some(owner),
            _ => None,
        }
    }

    /// Whether `there` holds this very claim, also where somebody took its holder for silent since. Each claim seals anew
    /// what it holds, which tells it from any other, even from one of the same run with the same number: the database may
    /// not have taken the one before it.
    pub fn is_claim_in(&self, there: &Self) -> bool {
        let Machine::Refreshing { from, .. } = self.machine else { return false };
        let unresolved =
            || self.attempt.map(|attempt| Attempt { state: AttemptState::Unresolved, ..attempt });
        let stands = match there.machine {
            // What was unknown before the claim is unknown after it, and waits no longer as it is.
            Machine::Unknown { .. } => from != Resting::Unknown && there.attempt == unresolved(),
            _ => self.machine == there.machine,
        };
        let number = |token: &Self| (token.epoch, token.version, token.lease_seq);
        stands && number(self) == number(there) && self.sealed.is_some() && self.sealed == there.sealed
    }

    /// Gives back `claim`, which [`Self::is_claim_in`] finds here: nothing was sent under it.
    #[must_use]
    pub fn without_claim(self, claim: &Self, now: Millis) -> Self {
        let (machine, state_since, due_at) = (claim.machine.clone(), claim.state_since, claim.due_at);
        Self { machine, state_since, due_at, ..self }.given_back(now)
    }

    /// Gives a claim back: nothing was sent.
    #[must_use]
    pub fn given_back(mut self, now: Millis) -> Self {
        if let Machine::Refreshing { from, .. } = self.machine {
            if !matches!(from, Resting::Broken(_)) {
                self.state_since = now;
            }
            self.machine = match from {
                Resting::Active => Machine::Active,
                Resting::Waiting => Machine::Waiting { next_try_at: now },
                // The attempt before may still be under way, and this one has taken its place.
                Resting::Unknown => Machine::Unknown { next_try_at: self.quarantined_until(now) },
                Resting::Suspect { since } => Machine::Suspect { since, next_try_at: now },
                Resting::Broken(cause) => Machine::Broken(cause),
            };
            self.attempt = None;
            self.tried_at = None;
        }
        self
    }

    /// Gives a claim back that nothing comes of before `until`: the vault can't open the row.
    #[must_use]
    pub fn unopened(self, now: Millis, until: Millis) -> Self {
        let mut token = self.given_back(now);
        token.fail_class = Some(FailClass::Unopened);
        if token.machine == Machine::Active {
            token.machine = Machine::Waiting { next_try_at: until };
        }
        token.postponed(until)
    }
}
