//! Processes that die and come back, hosts that never do, and claims of whose commit nobody hears.

use super::provider::{Answer, Kind, Secret};
use super::world::{Spent, TIMES, Worker, World, name};
use super::*;

impl World {
    pub(super) fn crash(mut self, worker: usize) -> Option<Self> {
        self.left.crashes = self.left.crashes.checked_sub(1)?;
        let mut journal = None;
        match self.workers[worker] {
            Worker::Idle | Worker::Down(_) | Worker::Gone => return None,
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

    /// A host goes for good, and its journal with it. Nobody reports that its attempt is over.
    pub(super) fn lose_host(mut self, worker: usize) -> Option<Self> {
        self.left.hosts = self.left.hosts.checked_sub(1)?;
        let lost = match self.workers[worker] {
            Worker::Gone => return None,
            Worker::Idle | Worker::Claimed(_) | Worker::Down(None) | Worker::Answered(_, Answer::Refused) => {
                None
            }
            Worker::Sent(spent) => {
                self.ghosts.push(spent.secret);
                None
            }
            Worker::Answered(spent, Answer::Tokens(_))
            | Worker::Kept(spent, _)
            | Worker::Down(Some((spent, _))) => Some(spent),
        };
        let spends = self.kind != Kind::Static;
        self.declared |= spends && lost.is_some_and(|spent| spent.epoch == self.row.epoch);
        if let Machine::Refreshing { owner, until, .. } = &self.row.machine
            && *owner == name(worker)
        {
            let access_end = self.row.access_expires_at.unwrap_or(Millis(i64::MAX));
            let latest = until.plus(10 * MINUTE).min(access_end).max(*until);
            self.left_behind = Some((self.row.lease_seq, latest));
        }
        self.unheard.retain(|(of, _)| *of != worker);
        self.workers[worker] = Worker::Gone;
        Some(self)
    }

    /// Whether what a lost host had claimed is left alone for longer than its quarantine.
    pub(super) fn is_held_too_long(&self) -> bool {
        let since_lost = self.left_behind.filter(|(lease_seq, _)| *lease_seq == self.row.lease_seq);
        since_lost.is_some_and(|(_, latest)| self.row.next_try_at().is_some_and(|at| at > latest))
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
