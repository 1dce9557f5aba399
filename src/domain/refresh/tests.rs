use proptest::prelude::*;

use super::*;
use crate::domain::credential::tests::{NOW, credential};

const TIMES: Times = Times { confirm_after: MINUTE, lease: 90_000 };

fn claimed(token: Token) -> Token {
    token.claim(1, "node", NOW, TIMES, false).unwrap()
}

fn failed(token: Token, class: FailClass, reuse: Reuse) -> Token {
    token.after_failure(&Failure { class, reuse, minted: false, retry_after: None }, NOW, TIMES, 0.5)
}

#[test]
fn a_version_is_claimed_once_until_its_lease_ends() {
    let token = claimed(credential().token);
    let until = NOW.plus(90_000);
    assert_eq!(token.clone().claim(1, "other", NOW, TIMES, false).unwrap_err(), NotClaimed::Held(until));
    assert_eq!(token.clone().claim(2, "other", NOW, TIMES, false).unwrap_err(), NotClaimed::Moved);
    assert_eq!(token.claim(1, "other", until, TIMES, false).unwrap().lease_seq, 2);
}

#[test]
fn one_refusal_is_a_suspicion_and_two_are_an_end() {
    let suspect = failed(claimed(credential().token), FailClass::Refused, Reuse::Strict);
    let Machine::Suspect { next_try_at, .. } = suspect.machine else { panic!("{:?}", suspect.machine) };
    assert!(next_try_at >= NOW.plus(MINUTE));
    assert_eq!(
        suspect.clone().claim(1, "node", NOW, TIMES, false).unwrap_err(),
        NotClaimed::NotBefore(next_try_at)
    );
    let again = suspect.claim(1, "node", next_try_at, TIMES, false).unwrap();
    let broken = failed(again.clone(), FailClass::Refused, Reuse::Strict);
    assert_eq!(broken.machine, Machine::Broken(BrokenCause::GrantRefused));
    let revoked = failed(again, FailClass::Revoked, Reuse::Strict);
    assert_eq!(revoked.machine, Machine::Broken(BrokenCause::RevokedUpstream));
}

#[test]
fn a_lost_answer_is_retried_late_where_tokens_rotate_and_its_refusal_is_a_lost_grant() {
    let unknown = failed(claimed(credential().token), FailClass::Ambiguous, Reuse::Strict);
    assert_eq!(unknown.machine, Machine::Unknown { next_try_at: NOW.plus(10 * MINUTE) });
    assert_eq!(unknown.attempt.unwrap().state, AttemptState::Unresolved);
    let retry = unknown.claim(1, "node", NOW.plus(10 * MINUTE), TIMES, false).unwrap();
    let lost = failed(retry, FailClass::Refused, Reuse::Strict);
    assert_eq!(lost.machine, Machine::Broken(BrokenCause::GrantLost));

    let grace = failed(claimed(credential().token), FailClass::Ambiguous, Reuse::Grace(10_000));
    assert_eq!(grace.machine, Machine::Unknown { next_try_at: NOW });
    let fixed = failed(claimed(credential().token), FailClass::Ambiguous, Reuse::Static);
    assert!(matches!(fixed.machine, Machine::Waiting { .. }));
}

#[test]
fn no_outage_ends_a_credential() {
    for class in
        [FailClass::NotSent, FailClass::Ambiguous, FailClass::Throttled, FailClass::Client, FailClass::Other]
    {
        let mut token = credential().token;
        let mut now = NOW;
        for _ in 0..200 {
            token = token.claim(1, "node", now, TIMES, true).unwrap();
            token = token.after_failure(
                &Failure { class, reuse: Reuse::Strict, minted: false, retry_after: None },
                now,
                TIMES,
                1.0,
            );
            now = token.next_try_at().unwrap().max(now);
        }
        assert!(!matches!(token.machine, Machine::Broken(_)), "{class}");
    }
}

proptest! {
    #[test]
    fn a_token_is_due_before_its_end_and_after_half_its_life(life in 1_i64..100_000_000_000, jitter in 0.0..1.0) {
        let due = due_at(NOW, Some(life), None, jitter).since(NOW);
        prop_assert!(due <= life, "{due}");
        prop_assert!(due >= life / 2 - life / 10 - 1, "{due}");
    }

    #[test]
    fn back_off_stays_in_its_bounds(failures in 0..1_000_000, jitter in 0.0..1.0) {
        prop_assert!((1_000..=15 * MINUTE).contains(&back_off(failures, jitter)));
    }
}
