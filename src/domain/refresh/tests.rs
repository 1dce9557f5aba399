//! Claims, failures and answers, one transition at a time; `model` searches through all of them.

mod refusing;

use proptest::prelude::*;
use vouchsafe_entity::kind::{AttemptState, BrokenCause, FailClass};
use vouchsafe_entity::sealed::Sealed;

use super::*;
use crate::domain::credential::tests::{NOW, credential};
use crate::domain::credential::{Attempt, Resting};

const TIMES: Times = Times { confirm_after: MINUTE, lease: 90_000 };

fn claim(now: Millis) -> Claim<'static> {
    Claim { version: 1, owner: "node", now, times: TIMES, reuse: Reuse::Strict, forced: false }
}

fn claimed(token: Token) -> Token {
    token.claim(&claim(NOW)).unwrap()
}

fn failed_at(now: Millis, token: Token, class: FailClass, reuse: Reuse) -> Token {
    token.after_failure(&Failure::new(class, reuse, false), now, TIMES, 0.5)
}

fn failed(token: Token, class: FailClass, reuse: Reuse) -> Token {
    failed_at(NOW, token, class, reuse)
}

#[test]
fn a_version_is_claimed_once_until_its_lease_ends() {
    let token = claimed(credential().token);
    let until = NOW.plus(90_000);
    assert_eq!(token.clone().claim(&claim(NOW)).unwrap_err(), NotClaimed::Held(until));
    let another = Claim { version: 2, ..claim(NOW) };
    assert_eq!(token.clone().claim(&another).unwrap_err(), NotClaimed::Moved);
    let fixed = Claim { reuse: Reuse::Static, ..claim(until) };
    assert_eq!(token.claim(&fixed).unwrap().lease_seq, 2);
}

#[test]
fn the_version_of_a_silent_holder_is_left_alone_where_sending_it_twice_costs_the_grant() {
    let token = claimed(credential().token);
    let until = NOW.plus(90_000);
    let quarantine = until.plus(10 * MINUTE);
    assert_eq!(token.clone().claim(&claim(until)).unwrap_err(), NotClaimed::Quarantined(quarantine));
    // By hand no earlier.
    let forced = Claim { forced: true, ..claim(until) };
    assert_eq!(token.clone().claim(&forced).unwrap_err(), NotClaimed::Quarantined(quarantine));
    let quiet = token.clone().quarantined(quarantine, until);
    assert_eq!(quiet.clone().claim(&forced).unwrap_err(), NotClaimed::NotBefore(quarantine));
    let retried = quiet.claim(&claim(quarantine)).unwrap();
    assert!(matches!(retried.machine, Machine::Refreshing { from: Resting::Unknown, .. }));

    // Nothing is served any more: waiting saves nothing.
    let mut spent = token.clone();
    spent.access_expires_at = Some(until.plus(MINUTE));
    assert_eq!(spent.claim(&claim(until)).unwrap_err(), NotClaimed::Quarantined(until.plus(MINUTE)));

    let grace = Claim { reuse: Reuse::Grace(200_000), ..claim(until) };
    let retried = token.clone().claim(&grace).unwrap();
    assert!(matches!(retried.machine, Machine::Refreshing { from: Resting::Unknown, .. }));
    let later = NOW.plus(180_000);
    let third = retried.claim(&Claim { now: later, ..grace });
    assert!(matches!(third, Err(NotClaimed::Quarantined(_))), "the grace began with the first request");
    let over = Claim { reuse: Reuse::Grace(100_000), ..claim(until) };
    assert!(matches!(token.claim(&over).unwrap_err(), NotClaimed::Quarantined(_)));
}

#[test]
fn under_a_lease_shorter_than_an_attempt_nobody_sends_while_a_request_may_be_under_way() {
    let times = Times { lease: 5 * SECOND, ..TIMES };
    let at = |now, reuse| Claim { times, reuse, ..claim(now) };
    // Nothing is served any more, so there is no other reason to wait.
    let mut spent = credential().token;
    spent.access_expires_at = Some(NOW);
    for reuse in [Reuse::Strict, Reuse::Grace(10_000)] {
        let held = spent.clone().claim(&at(NOW, reuse)).unwrap();
        let over = NOW.plus(LONGEST_ATTEMPT);
        let early = held.clone().claim(&at(NOW.plus(5 * SECOND), reuse));
        assert_eq!(early.unwrap_err(), NotClaimed::Quarantined(over));
        assert!(held.claim(&at(over, reuse)).is_ok());
    }
    // The retry of a lost answer begins later than the grace.
    let grace = Reuse::Grace(200_000);
    let lost = failed(spent.clone().claim(&at(NOW, grace)).unwrap(), FailClass::Ambiguous, grace);
    let late = NOW.plus(190 * SECOND);
    let retry = lost.claim(&at(late, grace)).unwrap();
    let third = retry.claim(&at(late.plus(5 * SECOND), grace)).unwrap_err();
    assert_eq!(third, NotClaimed::Quarantined(late.plus(LONGEST_ATTEMPT)));
    // The usual lease is longer, and ends the wait.
    let until = NOW.plus(TIMES.lease);
    assert!(claimed(spent).claim(&claim(until)).is_ok());
}

#[test]
fn an_attempt_that_begins_early_is_followed_up_in_time() {
    let mut token = credential().token;
    token.due_at = Some(NOW.plus(DAY));
    let lost = failed(claimed(token), FailClass::Ambiguous, Reuse::Strict);
    assert!(
        lost.due_at.unwrap() <= lost.next_try_at().unwrap(),
        "or nobody would look before the day is over"
    );
}

#[test]
fn what_can_not_be_called_now_stands_in_nobodys_way() {
    let unknown = failed(claimed(credential().token), FailClass::Ambiguous, Reuse::Strict);
    let at = NOW.plus(HOUR);
    let later = unknown.clone().postponed(at);
    assert_eq!((later.machine, later.attempt), (Machine::Unknown { next_try_at: at }, unknown.attempt));
    let mut broken = credential().token;
    (broken.machine, broken.due_at) = (Machine::Broken(BrokenCause::GrantRefused), Some(NOW));
    assert_eq!(broken.postponed(at).due_at, Some(at));
}

#[test]
fn a_lost_answer_is_retried_late_where_tokens_rotate_and_its_refusal_is_a_lost_grant() {
    let unknown = failed(claimed(credential().token), FailClass::Ambiguous, Reuse::Strict);
    assert_eq!(unknown.machine, Machine::Unknown { next_try_at: NOW.plus(10 * MINUTE) });
    assert_eq!(unknown.attempt.unwrap().state, AttemptState::Unresolved);
    let retry = unknown.claim(&claim(NOW.plus(10 * MINUTE))).unwrap();
    let lost = failed(retry.clone(), FailClass::Refused, Reuse::Strict);
    assert_eq!(lost.machine, Machine::Broken(BrokenCause::GrantLost));
    // Not sent: still unknown what became of the first.
    let unsent = failed(retry, FailClass::NotSent, Reuse::Strict);
    assert!(matches!(unsent.machine, Machine::Unknown { .. }));

    let grace = failed(claimed(credential().token), FailClass::Ambiguous, Reuse::Grace(10_000));
    assert_eq!(grace.machine, Machine::Unknown { next_try_at: NOW });
    let fixed = failed(claimed(credential().token), FailClass::Ambiguous, Reuse::Static);
    assert!(matches!(fixed.machine, Machine::Waiting { .. }));
}

#[test]
fn a_lost_answer_is_the_first_of_its_kind_whatever_failed_before_it() {
    let grace = Reuse::Grace(10_000);
    let mut token = failed(claimed(credential().token), FailClass::NotSent, grace);
    let at = token.next_try_at().unwrap();
    token = failed_at(
        at,
        token.claim(&Claim { reuse: grace, ..claim(at) }).unwrap(),
        FailClass::Ambiguous,
        grace,
    );
    assert_eq!(token.machine, Machine::Unknown { next_try_at: at }, "at once, inside the grace");

    // The retry did not leave: its time still counts from the request whose answer was lost.
    let retry = token.claim(&Claim { reuse: grace, ..claim(at.plus(SECOND)) }).unwrap();
    let unsent = failed_at(at.plus(SECOND), retry, FailClass::NotSent, grace);
    assert_eq!(unsent.attempt.map(|attempt| attempt.started_at), Some(at));
    let next = unsent.next_try_at().unwrap();
    let again = unsent.claim(&Claim { reuse: grace, ..claim(next) }).unwrap();
    let lost = failed_at(next, again, FailClass::Ambiguous, grace);
    assert!(lost.next_try_at().unwrap() > next, "one retry goes at once, and only one");
}

#[test]
fn refusals_without_a_reason_are_counted_by_themselves() {
    let (mut token, mut now) = (credential().token, NOW);
    let mut fail = |class| {
        let again = token.clone().claim(&Claim { reuse: Reuse::Static, ..claim(now) }).unwrap();
        token = failed_at(now, again, class, Reuse::Static);
        let wait = token.next_try_at().unwrap().since(now);
        now = now.plus(wait);
        (token.fail_count, wait)
    };
    for _ in 0..5 {
        fail(FailClass::Ambiguous);
    }
    for tries in 1..=5 {
        let (counted, wait) = fail(FailClass::Other);
        assert_eq!((counted, wait == DAY), (tries, tries == 5));
    }
}

#[test]
fn an_unread_answer_is_not_asked_for_again_for_a_day() {
    let held = failed(claimed(credential().token), FailClass::Unreadable, Reuse::Strict);
    assert_eq!(held.machine, Machine::Unknown { next_try_at: NOW.plus(DAY) });
    assert_eq!(held.attempt, Some(Attempt { version: 1, state: AttemptState::Held, started_at: NOW }));
    let fixed = failed(claimed(credential().token), FailClass::Unreadable, Reuse::Static);
    assert!(matches!(fixed.machine, Machine::Waiting { .. }));
}

#[test]
fn the_end_of_a_process_is_an_answer_that_nobody_heard() {
    let now = NOW.plus(MINUTE);
    let lost = claimed(credential().token).abandoned(Reuse::Strict, false, now, TIMES);
    assert!(matches!(lost.machine, Machine::Unknown { next_try_at } if next_try_at > now));
    assert_eq!(lost.fail_count, 0);
    let fixed = claimed(credential().token).abandoned(Reuse::Static, false, now, TIMES);
    assert!(matches!(fixed.machine, Machine::Waiting { .. }));
}

#[test]
fn a_claim_is_left_by_an_earlier_run_of_its_node_alone() {
    let held_by = |owner| credential().token.claim(&Claim { owner, ..claim(NOW) }).unwrap();
    for (owner, of_node, left) in [
        ("node_1/first", true, true),
        ("node_1/second", true, false),
        ("node_12/first", false, false),
        ("node_2/first", false, false),
    ] {
        let token = held_by(owner);
        let found = (token.is_held_by("node_1"), token.is_left_by("node_1", "second"));
        assert_eq!(found, (of_node, left), "{owner}");
    }
    let free = held_by("node_1/first").given_back(NOW);
    assert!(!free.is_held_by("node_1") && !free.is_left_by("node_1", "second"));
}

#[test]
fn an_answer_lands_by_the_version_that_it_was_bought_with() {
    let token = claimed(credential().token);
    assert_eq!(token.landing(1, 1), Landing::Current);
    let mut moved = token.clone();
    moved.version = 2;
    assert_eq!(moved.landing(1, 1), Landing::Superseded);
    moved.epoch = 2;
    assert_eq!(moved.landing(1, 1), Landing::OldGrant);
    moved.machine = Machine::Broken(BrokenCause::RevokedByRequest);
    assert_eq!(moved.landing(1, 1), Landing::Gone);
    moved.machine = Machine::Deleted;
    assert_eq!(moved.landing(1, 1), Landing::Gone);
    // A late answer wins over every failure of its own version.
    for cause in [BrokenCause::GrantLost, BrokenCause::GrantRefused] {
        let mut broken = token.clone();
        broken.machine = Machine::Broken(cause);
        assert_eq!(broken.landing(1, 1), Landing::Current);
    }
}

#[test]
fn a_claim_is_given_back_as_it_was_found() {
    let found = credential().token;
    let back = claimed(found.clone()).given_back(NOW);
    assert_eq!((&back.machine, back.attempt), (&found.machine, None));
    // Also once somebody took its holder for silent.
    let sealed = Some(Sealed::new(vec![1]));
    let held = Token { sealed, ..claimed(found.clone()) };
    let quarantined = held.clone().quarantined(NOW.plus(MINUTE), NOW);
    assert!(held.is_claim_in(&quarantined));
    assert_eq!(quarantined.without_claim(&held, NOW).machine, found.machine);
}

#[test]
fn no_outage_ends_a_credential() {
    for class in
        [FailClass::NotSent, FailClass::Ambiguous, FailClass::Throttled, FailClass::Client, FailClass::Other]
    {
        let mut token = credential().token;
        let mut now = NOW;
        for _ in 0..200 {
            token = token.claim(&claim(now)).unwrap();
            token = token.after_failure(&Failure::new(class, Reuse::Strict, false), now, TIMES, 1.0);
            now = token.next_try_at().unwrap().max(now);
        }
        assert!(!matches!(token.machine, Machine::Broken(_)), "{class}");
    }
}

#[test]
fn what_nobody_uses_is_renewed_once_a_day_and_what_dies_unused_is_kept_alive() {
    let hour = Lifetimes { access: Some(HOUR), ..Lifetimes::default() };
    assert!(due_at(NOW, hour, 0.5).since(NOW) < HOUR);
    let unused = Lifetimes { unused: true, ..hour };
    assert!((23 * HOUR..=DAY).contains(&due_at(NOW, unused, 0.5).since(NOW)));
    let dying = Lifetimes { idle_expiry: Some(10 * HOUR), ..unused };
    assert_eq!(due_at(NOW, dying, 0.5).since(NOW), 5 * HOUR);
    let short = Lifetimes { idle_expiry: Some(MINUTE), ..unused };
    assert_eq!(due_at(NOW, short, 0.5).since(NOW), MINUTE, "not again and again");
    let long = Lifetimes { access: Some(90 * DAY), idle_expiry: Some(30 * DAY), ..Lifetimes::default() };
    assert_eq!(due_at(NOW, long, 0.0).since(NOW), 15 * DAY);

    let mut credential = credential();
    assert!(!credential.is_idle(NOW.plus(30 * DAY)));
    assert!(credential.is_idle(NOW.plus(30 * DAY + 1)));
    credential.last_used_at = Some(NOW.plus(DAY));
    assert!(!credential.is_idle(NOW.plus(30 * DAY + 1)));
    credential.deactivated_at = Some(NOW);
    assert!(credential.is_idle(NOW));
}

#[test]
fn a_definition_may_say_how_early_a_token_is_renewed() {
    let hour = Lifetimes { access: Some(HOUR), ..Lifetimes::default() };
    let early = |margin, jitter| due_at(NOW, Lifetimes { early: Some(margin), ..hour }, jitter).since(NOW);
    assert_eq!(due_at(NOW, hour, 0.0).since(NOW), 48 * MINUTE, "a fifth of its life before its end");
    assert_eq!((early(MINUTE, 0.0), early(MINUTE, 1.0)), (59 * MINUTE, 53 * MINUTE));
    assert_eq!(early(20 * MINUTE, 0.0), 40 * MINUTE, "also where it is more than usual");
    assert_eq!(early(50 * MINUTE, 0.0), 30 * MINUTE, "never more than half of its life");
}

proptest! {
    #[test]
    fn a_token_is_due_before_its_end_and_after_half_its_life(life in 1_i64..100_000_000_000, jitter in 0.0..1.0) {
        let due = due_at(NOW, Lifetimes { access: Some(life), ..Lifetimes::default() }, jitter).since(NOW);
        prop_assert!(due <= life, "{due}");
        prop_assert!(due >= life / 2 - life / 10 - 1, "{due}");
    }
}
