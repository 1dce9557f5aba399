//! Telling worlds apart, so that the search ends.

use std::hash::{Hash as _, Hasher as _};

use super::world::{Sending, Spent, Worker, World, name};
use super::*;
use crate::domain::credential::Resting;

impl World {
    /// The same number for worlds that go on alike: times count from now, and workers have no names.
    pub(super) fn number(&self) -> u128 {
        let from_now = |at: Millis| at.since(self.now);
        let moment = |at: Option<Millis>| at.map(from_now);
        let machine = match &self.row.machine {
            Machine::Refreshing { from, until, .. } => (10 + resting(*from), Some(from_now(*until))),
            Machine::Waiting { next_try_at } => (1, Some(from_now(*next_try_at))),
            Machine::Unknown { next_try_at } => (2, Some(from_now(*next_try_at))),
            Machine::Suspect { since, next_try_at } => {
                (100 + self.now.since(*since), Some(from_now(*next_try_at)))
            }
            Machine::Active => (3, None),
            Machine::Pending => (4, None),
            Machine::Deleted => (5, None),
            Machine::Broken(cause) => (6 + i64::from(*cause == BrokenCause::GrantLost), None),
        };
        // A claim that is given back makes the row what it was.
        let taken_from = |claimed: &Token| match claimed.machine {
            Machine::Refreshing { from: Resting::Suspect { since }, .. } => 100 + self.now.since(since),
            Machine::Refreshing { from, .. } => resting(from),
            _ => -1,
        };
        let shift = |spent: &Spent| Spent { claimed_at: spent.claimed_at - self.now.0, ..*spent };
        let mut workers: Vec<_> = self
            .workers
            .iter()
            .enumerate()
            .map(|(at, worker)| {
                let holds =
                    matches!(&self.row.machine, Machine::Refreshing { owner, .. } if *owner == name(at));
                let mut unheard: Vec<_> = self
                    .unheard
                    .iter()
                    .filter(|(of, _)| *of == at)
                    .map(|(_, claimed)| {
                        (claimed.lease_seq, claimed.is_claim_in(&self.row), taken_from(claimed))
                    })
                    .collect();
                unheard.sort_unstable();
                (holds, unheard, worker.mapped(shift))
            })
            .collect();
        workers.sort_unstable();
        let mut sendings: Vec<_> = self
            .sendings
            .iter()
            .map(|one| Sending {
                started_at: one.started_at - self.now.0,
                quiet_until: one.quiet_until - self.now.0,
                ..*one
            })
            .collect();
        sendings.sort_unstable();
        let attempt = self.row.attempt.map(|one| (one.version, one.state as u8, from_now(one.started_at)));
        let row = (self.row.version, self.row.epoch, self.row.lease_seq, self.row.fail_count);
        let grants: Vec<_> = self
            .grants
            .iter()
            .map(|grant| (grant.revoked, grant.spent.iter().map(|at| from_now(*at)).collect::<Vec<_>>()))
            .collect();
        let due = matches!(self.row.machine, Machine::Broken(_)).then_some(moment(self.row.due_at));
        let left_behind = self.left_behind.map(|(lease_seq, latest)| (lease_seq, from_now(latest)));
        let all = (
            (machine, row, attempt, due, moment(self.row.access_expires_at), left_behind),
            (self.held, &self.orphans, grants, workers, &self.ghosts, sendings),
            (self.declared, self.two_faults, self.deleted, self.left, self.wrong),
        );
        let half = |salt: u8| {
            let mut hasher = std::hash::DefaultHasher::new();
            (salt, &all).hash(&mut hasher);
            u128::from(hasher.finish())
        };
        half(0) << 64 | half(1)
    }
}

impl Worker {
    fn mapped(self, change: impl Fn(&Spent) -> Spent) -> Self {
        match self {
            Self::Idle => Self::Idle,
            Self::Claimed(spent) => Self::Claimed(change(&spent)),
            Self::Sent(spent) => Self::Sent(change(&spent)),
            Self::Answered(spent, answer) => Self::Answered(change(&spent), answer),
            Self::Kept(spent, secret) => Self::Kept(change(&spent), secret),
            Self::Down(journal) => Self::Down(journal.map(|(spent, secret)| (change(&spent), secret))),
            Self::Gone => Self::Gone,
        }
    }
}

fn resting(from: Resting) -> i64 {
    match from {
        Resting::Active => 0,
        Resting::Waiting => 1,
        Resting::Unknown => 2,
        Resting::Suspect { .. } => 3,
        Resting::Broken(_) => 4,
    }
}
