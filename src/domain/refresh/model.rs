//! Every history of a few workers around one credential, by exhaustive search (`refresh.md`, section 11, R1): crashes at
//! each step, hosts that never come back, lost answers, pauses, false refusals, reconnection and deletion. The protocol
//! loses nothing that it could keep; without its compare-and-set or its journal the same search finds what would be lost.

mod number;
mod process;
mod provider;
mod simulation;
mod world;

use std::collections::{HashSet, VecDeque};

use vouchsafe_entity::kind::{BrokenCause, FailClass};
use vouchsafe_entity::millis::Millis;

use super::*;
use crate::domain::credential::Machine;
use provider::{Answer, Kind};
use world::{Worker, World};

/// What is taken out of the protocol, to see that the search would notice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Without {
    Nothing,
    /// Answers are written over whatever is there.
    CompareAndSet,
    /// Answers are written only while their lease lasts, as a lock would have it.
    LateAnswers,
    /// Answers are written down nowhere before they are committed.
    Journal,
    /// A claim that nobody heard of is known by its owner and its number alone.
    Seal,
}

/// How much may still happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Left {
    pub(super) claims: u8,
    pub(super) crashes: u8,
    pub(super) hosts: u8,
    pub(super) losses: u8,
    pub(super) unsent: u8,
    pub(super) refusals: u8,
    pub(super) controls: u8,
    pub(super) unheard: u8,
}

/// What happens next.
#[derive(Clone, Copy, Debug)]
#[expect(dead_code, reason = "read by people, in the way to a fault")]
enum Step {
    Claim(usize),
    ClaimUnheard(usize),
    ReturnUnheard(usize),
    Send(usize),
    NotSent(usize),
    Decide(usize),
    RefuseFalsely(usize),
    Lose(usize),
    LoseAndArrive(usize),
    Keep(usize),
    HearRefusal(usize),
    Commit(usize),
    Crash(usize),
    Restart(usize),
    LoseHost(usize),
    Arrive,
    Reconnect,
    Delete,
    Wait,
}

impl World {
    fn nexts(&self) -> Vec<(Step, Self)> {
        let mut nexts = Vec::new();
        for (at, worker) in self.workers.iter().enumerate() {
            self.steps_of(at, *worker, &mut nexts);
            if let Some(crashed) = self.clone().crash(at) {
                nexts.push((Step::Crash(at), crashed));
            }
            nexts.extend(self.clone().lose_host(at).map(|next| (Step::LoseHost(at), next)));
        }
        nexts.extend(self.clone().process_ghost().map(|next| (Step::Arrive, next)));
        if self.left.controls > 0 && !self.deleted {
            nexts.push((Step::Reconnect, self.clone().renew(false)));
            nexts.push((Step::Delete, self.clone().renew(true)));
        }
        for (at, (worker, _)) in self.unheard.iter().enumerate() {
            let returned =
                [true, false].into_iter().filter_map(|heard| self.clone().return_unheard(at, heard));
            nexts.extend(returned.map(|next| (Step::ReturnUnheard(*worker), next)));
        }
        nexts.extend(self.wait().map(|next| (Step::Wait, next)));
        nexts
    }

    fn steps_of(&self, at: usize, worker: Worker, nexts: &mut Vec<(Step, Self)>) {
        let this = || self.clone();
        match worker {
            Worker::Idle => {
                nexts.extend(self.claim(at).map(|next| (Step::Claim(at), next)));
                let unheard = [true, false].into_iter().filter_map(|taken| self.claim_unheard(at, taken));
                nexts.extend(unheard.map(|next| (Step::ClaimUnheard(at), next)));
            }
            Worker::Claimed(spent) => {
                nexts.push((Step::Send(at), this().send(at, spent)));
                if self.left.unsent > 0 {
                    nexts.push((Step::NotSent(at), this().not_sent(at, spent)));
                }
            }
            Worker::Sent(spent) => {
                nexts.push((Step::Decide(at), this().process(at, spent)));
                if self.left.refusals > 0 {
                    nexts.push((Step::RefuseFalsely(at), this().refuse_falsely(at, spent)));
                }
                if self.left.losses > 0 {
                    nexts.push((Step::Lose(at), this().lose(at, spent, false, false)));
                    nexts.push((Step::LoseAndArrive(at), this().lose(at, spent, false, true)));
                }
            }
            Worker::Answered(spent, answer) => {
                nexts.push(match answer {
                    Answer::Tokens(secret) => (Step::Keep(at), this().keep(at, spent, secret)),
                    Answer::Refused => (Step::HearRefusal(at), this().fail(at, spent, FailClass::Refused)),
                });
                if self.left.losses > 0 {
                    let decided = answer != Answer::Refused;
                    nexts.push((Step::Lose(at), this().lose(at, spent, decided, false)));
                }
            }
            Worker::Kept(spent, secret) => {
                nexts.push((Step::Commit(at), this().commit(at, spent, secret)));
            }
            Worker::Down(journal) => nexts.push((Step::Restart(at), this().restart(at, journal))),
            Worker::Gone => {}
        }
    }

    /// What must never be.
    fn fault(&self) -> Option<&'static str> {
        if self.wrong.is_some() || self.deleted {
            let risen = self.deleted && self.row.machine != Machine::Deleted;
            return self.wrong.or(risen.then_some("a deleted credential came back"));
        }
        if self.held.grant + 1 != self.grants.len() {
            return Some("a new grant was overwritten");
        }
        if self.is_held_too_long() {
            return Some("a lost host is waited for past the quarantine");
        }
        // The protocol declares what it can't keep: an answer that was lost before it was written down, and inside a
        // grace not even that.
        let since = self.grants[self.held.grant].spent.last();
        let excused = match self.kind {
            Kind::Static => false,
            Kind::Grace(window) => self.declared && since.is_some_and(|at| self.now.0 > at.0 + window),
            Kind::Reject | Kind::Strict => self.declared,
        };
        if excused {
            return None;
        }
        if !self.kept().into_iter().any(|secret| self.lives(secret)) {
            return Some("a grant was lost");
        }
        // What is still on its way wins over an end that was written down, so it is not lost yet.
        let broken =
            matches!(self.row.machine, Machine::Broken(BrokenCause::GrantRefused | BrokenCause::GrantLost));
        if broken && !self.two_faults && self.stored().into_iter().any(|secret| self.lives(secret)) {
            return Some("a credential is broken whose grant lives");
        }
        None
    }

    /// Whether nothing ever happens to a credential that should be renewed.
    fn is_stuck(&self, nexts: &[(Step, Self)]) -> bool {
        let ended = matches!(self.row.machine, Machine::Active | Machine::Broken(_) | Machine::Deleted);
        !ended
            && self.left.claims > 0
            && nexts
                .iter()
                .all(|(step, _)| matches!(step, Step::LoseHost(_) | Step::Reconnect | Step::Delete))
    }
}

/// What a search found.
struct Found {
    states: usize,
    /// The first fault, on one of the shortest ways there.
    fault: Option<(&'static str, Vec<Step>)>,
}

fn explore(start: World) -> Found {
    let mut seen = HashSet::from([start.number()]);
    let mut ways: Vec<(usize, Step)> = vec![(0, Step::Wait)];
    let mut queue = VecDeque::from([(start, 0)]);
    while let Some((world, place)) = queue.pop_front() {
        let nexts = world.nexts();
        let fault = world.fault().or_else(|| world.is_stuck(&nexts).then_some("a credential is stuck"));
        if let Some(fault) = fault {
            return Found { states: ways.len(), fault: Some((fault, way_to(&ways, place))) };
        }
        for (step, next) in nexts {
            if seen.insert(next.number()) {
                ways.push((place, step));
                queue.push_back((next, ways.len() - 1));
            }
        }
    }
    Found { states: ways.len(), fault: None }
}

fn way_to(ways: &[(usize, Step)], mut place: usize) -> Vec<Step> {
    let mut way = Vec::new();
    while place > 0 {
        way.push(ways[place].1);
        place = ways[place].0;
    }
    way.reverse();
    way
}

/// Whether this run has a night.
fn is_nightly() -> bool {
    matches!(std::env::var("TEST_SCALE").as_deref(), Ok("nightly" | "release"))
}

/// How much happens; more in a night, in which the most workers crash no oftener.
fn scenarios(workers: usize) -> Vec<(&'static str, Left)> {
    let more = u8::from(is_nightly());
    let none = Left {
        claims: 2 + more,
        crashes: 0,
        hosts: 0,
        losses: 0,
        unsent: 0,
        refusals: 0,
        controls: 0,
        unheard: 0,
    };
    let crashes = match workers {
        2 => 2 + more,
        3 => 1 + more,
        _ => 1,
    };
    let mut scenarios = vec![
        ("crashes", Left { crashes, ..none }),
        ("a lost host", Left { hosts: 1, crashes: 1, ..none }),
        ("lost answers", Left { losses: 1 + more, crashes: 1, ..none }),
        ("a false refusal", Left { refusals: 1, claims: none.claims + u8::from(workers < 3), ..none }),
        ("reconnected or deleted", Left { controls: 1, crashes: 1, ..none }),
    ];
    // More workers would find nothing else in it.
    if workers < 3 {
        scenarios.push(("unsent, then lost", Left { unsent: 1, losses: 1, claims: none.claims + 1, ..none }));
        let unheard = Left { unheard: 1, controls: 1, claims: none.claims + 1, ..none };
        scenarios.push(("a claim that nobody heard of", unheard));
    }
    scenarios
}

fn assert_safe(workers: usize) {
    let mut states = 0;
    for kind in Kind::ALL {
        for (what, left) in scenarios(workers) {
            let found = explore(World::new(kind, Without::Nothing, workers, left));
            assert!(found.fault.is_none(), "{kind:?}, {workers} workers, {what}: {:?}", found.fault);
            println!("{workers} workers, {kind:?}, {what}: {} states", found.states);
            states += found.states;
        }
    }
    println!("{workers} workers: {states} states in all");
    // A search that ends early looks as good as one that found nothing. A night's is larger.
    let fewest = match workers {
        2 => 1_250_000,
        3 => 130_000,
        _ => 6_000_000,
    };
    assert!(states >= fewest, "{states} states are no search");
}

#[test]
fn r1_two_workers_lose_and_break_nothing() {
    assert_safe(2);
}

#[test]
fn r1_three_workers_lose_and_break_nothing() {
    assert_safe(3);
}

#[test]
fn r1_four_workers_lose_and_break_nothing() {
    if is_nightly() {
        assert_safe(4);
    }
}

/// What the search finds where something is missing.
fn faults(without: Without) -> Vec<(Kind, &'static str)> {
    let mut faults = Vec::new();
    for kind in Kind::ALL {
        for (_, left) in scenarios(2) {
            let found = explore(World::new(kind, without, 2, left));
            faults.extend(found.fault.map(|(fault, _)| (kind, fault)));
        }
    }
    faults
}

#[test]
fn r1_without_the_journal_a_crash_loses_a_grant() {
    let found = faults(Without::Journal);
    for kind in [Kind::Reject, Kind::Strict] {
        assert!(found.contains(&(kind, "a grant was lost")), "{kind:?}: {found:?}");
    }
    assert!(!found.iter().any(|(kind, _)| *kind == Kind::Static), "nothing is spent there: {found:?}");
}

#[test]
fn r1_without_the_compare_and_set_a_late_answer_does_harm() {
    let found = faults(Without::CompareAndSet);
    let harm = ["a new grant was overwritten", "a deleted credential came back"];
    for kind in Kind::ALL {
        let done = found.iter().any(|(of, fault)| *of == kind && harm.contains(fault));
        assert!(done, "{kind:?}: {found:?}");
    }
}

#[test]
fn r1_where_the_lease_decides_a_late_answer_is_lost() {
    let found = faults(Without::LateAnswers);
    for kind in [Kind::Reject, Kind::Strict] {
        assert!(found.contains(&(kind, "a grant was lost")), "{kind:?}: {found:?}");
    }
}

#[test]
fn r1_where_an_unheard_claim_is_known_by_its_number_another_is_given_back_for_it() {
    let found = faults(Without::Seal);
    for kind in [Kind::Reject, Kind::Strict] {
        assert!(found.contains(&(kind, "a token was sent twice")), "{kind:?}: {found:?}");
    }
}
