//! Processes that die and come back, and claims of whose commit they do not hear.

use super::provider::Secret;
use super::world::{Spent, TIMES, Worker, World, name};
use super::*;

impl World {
    pub(super) fn crash(mut self, worker: usize) -> Option<Self> {
        self.left.crashes = self.left.crashes.checked_sub(1)?;
        let mut journal = None;
        match self.workers[worker] {
            Worker::Idle | Worker::Down(_) => return None,
            Worker::Claimed(_) => {}
            Worker::Sent(spent) => {
                self.give_up(&spent);
                self.ghosts.push(spent.secret);
            }
            Worker::Answered(spent, answer) => {
                self.give_up(&spent);
                self.declared |= answer != Answer::Refused && self.kind != Kind::Static;
            }
            Worker::Kept(spent, _) if self.without == Without::Journal => self.give_up(&spent),
            Worker::Kept(spent, secret) => journal = Some((spent, secret)),
        }
        self.unheard.retain(|(of, _)| *of != worker);
        self.workers[worker] = Worker::Down(journal);
        Some(self)
    }

    /// A process comes back: its journal first, then what it had claimed.
    pub(super) fn restart(mut self, worker: usize, journal: Option<(Spent, Secret)>) -> Self {
        self.workers[worker] = Worker::Idle;
        if let Some((spent, secret)) = journal {
            self = self.land(spent, secret, true);
        }
        let own = name(worker);
        if matches!(&self.row.machine, Machine::Refreshing { owner, .. } if *owner == own) {
            self.row = self.row.abandoned(self.kind.reuse(), false, self.now, TIMES);
        }
        self
    }

    /// Claims, and hears nothing of the commit, whether or not the database has taken it. Nothing is sent.
    pub(super) fn claim_unheard(&self, worker: usize, taken: bool) -> Option<Self> {
        let unheard = self.left.unheard.checked_sub(1)?;
        let mut next = self.claim(worker)?;
        if !matches!(next.workers[worker], Worker::Claimed(_)) {
            return None;
        }
        next.left.unheard = unheard;
        next.workers[worker] = Worker::Idle;
        next.declared = self.declared;
        next.unheard.push((worker, next.row.clone()));
        if !taken {
            next.row = self.row.clone();
        }
        Some(next)
    }

    /// Gives a claim back that nobody heard of, if it is there. Where nobody hears of that either, it is tried again.
    pub(super) fn return_unheard(mut self, at: usize, heard: bool) -> Option<Self> {
        let (worker, claimed) = self.unheard[at].clone();
        if heard {
            self.unheard.remove(at);
        }
        let own = name(worker);
        let there = if self.without == Without::Seal {
            let owned = matches!(&self.row.machine, Machine::Refreshing { owner, .. } if *owner == own);
            owned && self.row.lease_seq == claimed.lease_seq
        } else {
            claimed.is_claim_in(&self.row)
        };
        if there {
            self.row = self.row.without_claim(&claimed, self.now);
        }
        (heard || there).then_some(self)
    }
}
