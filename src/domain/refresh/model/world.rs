//! A credential, its provider and the workers around it: everything that the protocol can meet, in one value.
//! Transitions of the token are the product's own; what surrounds them says in short what the service does.

use vouchsafe_entity::sealed::Sealed;

use super::provider::{Answer, Grant, Kind, Secret};
use super::*;
use crate::domain::credential::tests::{NOW, credential};
use crate::domain::credential::{Machine, Resting, Token};
use crate::domain::refresh::{Claim, Failure, Landing, NotClaimed};

pub(super) const TIMES: Times = Times { confirm_after: MINUTE, lease: 90_000 };
/// A request goes out within so long of its claim, or not at all.
const START_WITHIN: i64 = 10 * SECOND;
/// Access tokens live so long; the first one ends earlier.
const LIFETIME: i64 = HOUR;
const FIRST_END: i64 = 5 * MINUTE;

/// What a claim gave to its holder.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct Spent {
    pub(super) secret: Secret,
    pub(super) epoch: i64,
    pub(super) version: i64,
    pub(super) lease_seq: i64,
    pub(super) claimed_at: i64,
    /// The one retry after an attempt whose outcome nobody knows.
    pub(super) retry: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) enum Worker {
    Idle,
    Claimed(Spent),
    /// The request is on its way.
    Sent(Spent),
    /// The provider has decided, and the answer is on its way.
    Answered(Spent, Answer),
    /// The answer is written down.
    Kept(Spent, Secret),
    /// The process is gone; what its journal holds.
    Down(Option<(Spent, Secret)>),
    /// The host is gone for good, with its journal.
    Gone,
}

/// A token that was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct Sending {
    pub(super) secret: Secret,
    pub(super) version: i64,
    pub(super) started_at: i64,
    /// Until when nobody else may send it, as long as its outcome is not known.
    pub(super) quiet_until: i64,
    /// The holder gave it up, or died.
    pub(super) given_up: bool,
}

#[derive(Clone, Debug)]
pub(super) struct World {
    pub(super) kind: Kind,
    pub(super) without: Without,
    pub(super) now: Millis,
    pub(super) row: Token,
    /// The refresh token in the row.
    pub(super) held: Secret,
    /// Answers that lost a race, with their epoch.
    pub(super) orphans: Vec<(i64, Secret)>,
    pub(super) grants: Vec<Grant>,
    pub(super) workers: Vec<Worker>,
    /// Requests whose sender has gone, still on their way.
    pub(super) ghosts: Vec<Secret>,
    pub(super) sendings: Vec<Sending>,
    /// Claims of whose commit their worker has not heard.
    pub(super) unheard: Vec<(usize, Token)>,
    /// The claim of a host that was lost, by its number, and when its quarantine is over at the latest.
    pub(super) left_behind: Option<(i64, Millis)>,
    /// A loss that the protocol declares has happened: an answer was lost between the provider and the journal.
    pub(super) declared: bool,
    /// The one retry was refused falsely. That ends a credential (section 5, step 8): two faults, one upon the other.
    pub(super) two_faults: bool,
    pub(super) deleted: bool,
    pub(super) left: Left,
    /// What must never be.
    pub(super) wrong: Option<&'static str>,
}

impl World {
    pub(super) fn new(kind: Kind, without: Without, workers: usize, left: Left) -> Self {
        let mut row = credential().token;
        row.access_expires_at = Some(NOW.plus(FIRST_END));
        row.due_at = Some(NOW);
        Self {
            kind,
            without,
            now: NOW,
            row,
            held: Secret { grant: 0, generation: 0 },
            orphans: Vec::new(),
            grants: vec![Grant::default()],
            workers: vec![Worker::Idle; workers],
            ghosts: Vec::new(),
            sendings: Vec::new(),
            unheard: Vec::new(),
            left_behind: None,
            declared: false,
            two_faults: false,
            deleted: false,
            left,
            wrong: None,
        }
    }

    /// What `worker` claims, in the words of the product.
    fn wish<'a>(&self, owner: &'a str) -> Claim<'a> {
        let reuse = self.kind.reuse();
        Claim { version: self.row.version, owner, now: self.now, times: TIMES, reuse, forced: false }
    }

    /// None where nothing is to be claimed now.
    pub(super) fn claim(&self, worker: usize) -> Option<Self> {
        let owner = name(worker);
        match self.row.clone().claim(&self.wish(&owner)) {
            Ok(row) if self.left.claims > 0 => {
                let spent = Spent {
                    secret: self.held,
                    epoch: row.epoch,
                    version: row.version,
                    lease_seq: row.lease_seq,
                    claimed_at: self.now.0,
                    retry: matches!(row.machine, Machine::Refreshing { from: Resting::Unknown, .. }),
                };
                let mut next = self.clone();
                next.left.claims -= 1;
                next.row = row;
                // Each claim seals anew.
                next.row.sealed = Some(Sealed::new(vec![next.left.claims]));
                next.declared |= self.holder_overslept(&spent);
                next.workers[worker] = Worker::Claimed(spent);
                Some(next)
            }
            Err(NotClaimed::Quarantined(until)) => {
                let mut next = self.clone();
                next.row = next.row.quarantined(until, self.now);
                Some(next)
            }
            _ => None,
        }
    }

    /// Whether somebody who holds an answer, or waits for one, has slept longer than the quarantine.
    fn holder_overslept(&self, spent: &Spent) -> bool {
        let slept = |one: &&Sending| one.is_of(spent) && !one.given_up && one.quiet_until <= self.now.0;
        self.kind != Kind::Static && self.sendings.iter().any(|one| slept(&one))
    }

    pub(super) fn send(mut self, worker: usize, spent: Spent) -> Self {
        if self.now.0 - spent.claimed_at > START_WITHIN {
            if self.row.lease_seq == spent.lease_seq {
                self.row = self.row.given_back(self.now);
            }
            self.workers[worker] = Worker::Idle;
            return self;
        }
        self.note_sending(spent);
        self.workers[worker] = Worker::Sent(spent);
        self
    }

    /// One request for each token, but for those that `refresh.md` permits (section 5, steps 8 and 9).
    fn note_sending(&mut self, spent: Spent) {
        let lease_end = spent.claimed_at + TIMES.lease;
        let access_end = self.row.access_expires_at.map_or(i64::MAX, |end| end.0);
        let longest = (lease_end + 10 * MINUTE).min(access_end).max(lease_end);
        let quiet_until = match self.kind {
            Kind::Static => lease_end,
            _ => longest,
        };
        let before = self.sendings.iter().filter(|one| one.is_of(&spent) && !one.given_up);
        for one in before {
            let in_grace = matches!(self.kind, Kind::Grace(window) if self.now.0 < one.started_at + window);
            let lease_over = self.now.0 >= one.started_at + TIMES.lease;
            if self.now.0 < one.quiet_until && !(in_grace && lease_over) {
                self.wrong = Some("a token was sent twice");
            }
        }
        let sending = Sending {
            secret: spent.secret,
            version: spent.version,
            started_at: spent.claimed_at,
            quiet_until,
            given_up: false,
        };
        self.sendings.push(sending);
    }

    /// The connection is never made.
    pub(super) fn not_sent(mut self, worker: usize, spent: Spent) -> Self {
        self.left.unsent -= 1;
        self.write_down(worker, spent, FailClass::NotSent)
    }

    pub(super) fn process(mut self, worker: usize, spent: Spent) -> Self {
        let answer = self.decide(spent.secret);
        self.workers[worker] = Worker::Answered(spent, answer);
        self
    }

    /// A request arrives whose sender has gone: nobody hears the answer.
    pub(super) fn process_ghost(mut self) -> Option<Self> {
        let secret = self.ghosts.pop()?;
        self.decide(secret);
        self.declared |= self.kind != Kind::Static;
        Some(self)
    }

    pub(super) fn refuse_falsely(mut self, worker: usize, spent: Spent) -> Self {
        self.left.refusals -= 1;
        self.two_faults |= spent.retry;
        self.workers[worker] = Worker::Answered(spent, Answer::Refused);
        self
    }

    /// The sender hears nothing and gives up; the request may still arrive.
    pub(super) fn lose(mut self, worker: usize, spent: Spent, decided: bool, arrives: bool) -> Self {
        self.left.losses -= 1;
        self.give_up(&spent);
        if decided {
            self.declared |= self.kind != Kind::Static;
        } else if arrives {
            self.ghosts.push(spent.secret);
        }
        self.fail(worker, spent, FailClass::Ambiguous)
    }

    pub(super) fn give_up(&mut self, spent: &Spent) {
        for one in self.sendings.iter_mut().filter(|one| one.is_of(spent)) {
            one.given_up = true;
        }
    }

    /// What was sent came to nothing.
    pub(super) fn fail(mut self, worker: usize, spent: Spent, class: FailClass) -> Self {
        self.give_up(&spent);
        self.write_down(worker, spent, class)
    }

    /// Writes a failed attempt down, unless somebody else has moved on.
    fn write_down(mut self, worker: usize, spent: Spent, class: FailClass) -> Self {
        self.workers[worker] = Worker::Idle;
        let current = self.row.landing(spent.epoch, spent.version) == Landing::Current;
        if !current || self.row.lease_seq != spent.lease_seq {
            return self;
        }
        let failure = Failure::new(class, self.kind.reuse(), false);
        let failed = self.row.clone().after_failure(&failure, self.now, TIMES, 0.0);
        let ends = class == FailClass::Refused && matches!(failed.machine, Machine::Broken(_));
        let newest = self.orphans.iter().rposition(|(epoch, _)| *epoch == self.row.epoch);
        if let Some(orphan) = newest.filter(|_| ends) {
            self.held = self.orphans.remove(orphan).1;
            self.row = self.row.renewed(self.now);
            self.row.due_at = Some(self.now);
            return self;
        }
        self.row = failed;
        self
    }

    pub(super) fn keep(mut self, worker: usize, spent: Spent, secret: Secret) -> Self {
        self.workers[worker] = Worker::Kept(spent, secret);
        self
    }

    /// Writes new tokens where they belong.
    pub(super) fn land(mut self, spent: Spent, secret: Secret, again: bool) -> Self {
        self.give_up(&spent);
        let landing = match self.without {
            Without::Nothing | Without::Journal | Without::Seal => {
                self.row.landing(spent.epoch, spent.version)
            }
            Without::CompareAndSet => Landing::Current,
            Without::LateAnswers => {
                let holds = matches!(self.row.machine, Machine::Refreshing { until, .. } if self.now < until);
                if !holds || self.row.lease_seq != spent.lease_seq {
                    return self;
                }
                Landing::Current
            }
        };
        match landing {
            Landing::Current => {
                self.held = secret;
                self.row = self.row.renewed(self.now);
                self.row.access_expires_at = Some(self.now.plus(LIFETIME));
                self.row.due_at = Some(self.now);
            }
            Landing::Superseded => {
                let landed = self.row.version > spent.version + 1 || self.held == secret;
                if !(again && landed) {
                    self.orphans.push((spent.epoch, secret));
                }
            }
            Landing::OldGrant | Landing::Gone => {}
        }
        self
    }

    pub(super) fn commit(mut self, worker: usize, spent: Spent, secret: Secret) -> Self {
        self.workers[worker] = Worker::Idle;
        self.land(spent, secret, false)
    }

    /// The user connects again, or the credential is deleted.
    pub(super) fn renew(mut self, delete: bool) -> Self {
        self.left.controls -= 1;
        self.row.machine = if delete { Machine::Deleted } else { Machine::Active };
        self.row.epoch += 1;
        self.row.version += 1;
        self.row.attempt = None;
        self.row.fail_count = 0;
        self.deleted = delete;
        if !delete {
            self.grants.push(Grant::default());
            self.held = Secret { grant: self.grants.len() - 1, generation: 0 };
            self.row.access_expires_at = Some(self.now.plus(LIFETIME));
            self.declared = false;
        }
        self
    }

    /// The next moment at which anything changes by itself.
    pub(super) fn wait(&self) -> Option<Self> {
        let mut moments: Vec<Millis> = self.row.next_try_at().into_iter().collect();
        if let Machine::Refreshing { until, .. } = self.row.machine {
            moments.push(until);
            if let Some(attempt) = self.row.attempt
                && let Kind::Grace(window) = self.kind
            {
                moments.push(attempt.started_at.plus(window));
            }
        }
        for worker in &self.workers {
            if let Worker::Claimed(spent) = worker {
                moments.push(Millis(spent.claimed_at + START_WITHIN + 1));
            }
        }
        let next = moments.into_iter().filter(|at| *at > self.now).min()?;
        Some(Self { now: next, ..self.clone() })
    }

    /// Every refresh token of the present grant that is in the database.
    pub(super) fn stored(&self) -> Vec<Secret> {
        let orphans = self.orphans.iter().filter(|(epoch, _)| *epoch == self.row.epoch);
        orphans.map(|(_, secret)| *secret).chain([self.held]).collect()
    }

    /// Every one that somebody of the hub still has, in the database or on the way there.
    pub(super) fn kept(&self) -> Vec<Secret> {
        let of_now = |spent: &Spent| spent.epoch == self.row.epoch;
        let on_the_way = self.workers.iter().filter_map(|worker| match worker {
            Worker::Answered(spent, Answer::Tokens(secret))
            | Worker::Kept(spent, secret)
            | Worker::Down(Some((spent, secret))) => of_now(spent).then_some(*secret),
            _ => None,
        });
        on_the_way.chain(self.stored()).collect()
    }
}

impl Sending {
    fn is_of(&self, spent: &Spent) -> bool {
        (self.secret, self.version) == (spent.secret, spent.version)
    }
}

pub(super) fn name(worker: usize) -> String {
    format!("node_{worker}/boot")
}
