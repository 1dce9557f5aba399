//! What a refusal makes of a token, the first and the second, and how often a refused one is asked for again.

use super::*;

#[test]
fn one_refusal_is_a_suspicion_and_two_are_an_end() {
    let suspect = failed(claimed(credential().token), FailClass::Refused, Reuse::Strict);
    let Machine::Suspect { next_try_at, .. } = suspect.machine else { panic!("{:?}", suspect.machine) };
    assert!(next_try_at >= NOW.plus(MINUTE));
    assert_eq!(suspect.clone().claim(&claim(NOW)).unwrap_err(), NotClaimed::NotBefore(next_try_at));
    let again = suspect.clone().claim(&claim(next_try_at)).unwrap();
    let broken = failed_at(next_try_at, again.clone(), FailClass::Refused, Reuse::Strict);
    assert_eq!(broken.machine, Machine::Broken(BrokenCause::GrantRefused));
    let revoked = failed_at(next_try_at, again, FailClass::Revoked, Reuse::Strict);
    assert_eq!(revoked.machine, Machine::Broken(BrokenCause::RevokedUpstream));

    // Asked for by hand within the minute: the second refusal is the same incident.
    let hasty = suspect.claim(&Claim { forced: true, ..claim(NOW.plus(1)) }).unwrap();
    let hasty = failed_at(NOW.plus(2), hasty, FailClass::Refused, Reuse::Strict);
    assert!(matches!(hasty.machine, Machine::Suspect { since: NOW, .. }));
}

#[test]
fn what_is_made_again_from_what_was_typed_ends_at_its_first_refusal() {
    let refused = |class, paused_until| {
        let failure = Failure { paused_until, ..Failure::new(class, Reuse::Static, true) };
        claimed(credential().token).after_failure(&failure, NOW, TIMES, 0.5).machine
    };
    assert_eq!(refused(FailClass::Refused, None), Machine::Broken(BrokenCause::GrantRefused));
    assert_eq!(refused(FailClass::Revoked, None), Machine::Broken(BrokenCause::RevokedUpstream));
    let paused = refused(FailClass::Refused, Some(NOW.plus(MINUTE)));
    assert!(matches!(paused, Machine::Suspect { .. }), "too many at once are still the app's fault");
}

#[test]
fn no_refusal_counts_while_too_many_come() {
    let suspect = failed(claimed(credential().token), FailClass::Refused, Reuse::Strict);
    let later = NOW.plus(2 * MINUTE);
    let again = suspect.claim(&claim(later)).unwrap();
    let until = later.plus(30 * MINUTE);
    let failure =
        Failure { paused_until: Some(until), ..Failure::new(FailClass::Refused, Reuse::Strict, false) };
    let still = again.after_failure(&failure, later, TIMES, 0.0);
    assert_eq!(still.machine, Machine::Suspect { since: NOW, next_try_at: until });
}

#[test]
fn a_refused_retry_is_a_suspicion_while_too_many_refusals_come() {
    let unknown = failed(claimed(credential().token), FailClass::Ambiguous, Reuse::Strict);
    let at = unknown.next_try_at().unwrap();
    let until = at.plus(30 * MINUTE);
    let failure =
        Failure { paused_until: Some(until), ..Failure::new(FailClass::Refused, Reuse::Strict, false) };
    let suspect = unknown.claim(&claim(at)).unwrap().after_failure(&failure, at, TIMES, 0.0);
    assert_eq!(suspect.machine, Machine::Suspect { since: at, next_try_at: until });
    let again = suspect.claim(&claim(until)).unwrap();
    let broken = failed_at(until, again, FailClass::Refused, Reuse::Strict);
    assert_eq!(broken.machine, Machine::Broken(BrokenCause::GrantRefused), "which is asked for again");
}

#[test]
fn a_grant_that_the_app_called_revoked_is_asked_for_again_by_hand_alone() {
    let mut token = credential().token;
    (token.machine, token.due_at) = (Machine::Broken(BrokenCause::RevokedUpstream), None);
    assert_eq!(token.clone().claim(&claim(NOW)).unwrap_err(), NotClaimed::Ended);
    let asked = token.clone().claim(&Claim { forced: true, ..claim(NOW) }).unwrap();
    assert_eq!(failed(asked.clone(), FailClass::Refused, Reuse::Strict).machine, token.machine);
    assert_eq!(asked.renewed(NOW).machine, Machine::Active);
    token.machine = Machine::Broken(BrokenCause::RevokedByRequest);
    let refused = token.claim(&Claim { forced: true, ..claim(NOW) });
    assert_eq!(refused.unwrap_err(), NotClaimed::Ended, "its tokens are gone");
}

#[test]
fn a_refused_grant_is_asked_for_after_an_hour_a_day_and_a_week() {
    let mut token = failed(claimed(credential().token), FailClass::Refused, Reuse::Strict);
    let mut now = NOW.plus(2 * MINUTE);
    token = failed_at(now, token.claim(&claim(now)).unwrap(), FailClass::Refused, Reuse::Strict);
    let broken_at = now;
    let mut asked = Vec::new();
    while let Some(due) = token.due_at {
        assert_eq!(token.clone().claim(&claim(due.plus(-1))).unwrap_err(), NotClaimed::NotBefore(due));
        now = due;
        asked.push(now.since(broken_at) / HOUR);
        token = failed_at(now, token.claim(&claim(now)).unwrap(), FailClass::Refused, Reuse::Strict);
        assert_eq!(token.machine, Machine::Broken(BrokenCause::GrantRefused));
    }
    assert_eq!(asked, [1, 24, 168]);
    assert_eq!(token.clone().claim(&claim(now.plus(DAY))).unwrap_err(), NotClaimed::Ended);
    // By hand, still.
    assert!(token.claim(&Claim { forced: true, ..claim(now.plus(DAY)) }).is_ok());
}

#[test]
fn asking_by_hand_for_a_refused_grant_moves_neither_its_end_nor_its_probes() {
    let mut token = failed(claimed(credential().token), FailClass::Refused, Reuse::Strict);
    let end = NOW.plus(2 * MINUTE);
    token = failed_at(end, token.claim(&claim(end)).unwrap(), FailClass::Refused, Reuse::Strict);
    let now = end.plus(10 * MINUTE);
    for class in [FailClass::Refused, FailClass::Ambiguous, FailClass::NotSent] {
        let asked = token.clone().claim(&Claim { forced: true, ..claim(now) }).unwrap();
        assert_eq!((asked.state_since, asked.due_at), (end, token.due_at), "{class}");
        let again = failed_at(now, asked, class, Reuse::Strict);
        assert_eq!(again.machine, token.machine, "{class}");
        assert_eq!((again.state_since, again.due_at, again.fail_count), (end, token.due_at, 0), "{class}");
        assert_eq!(again.tried_at, Some(now), "{class}");
    }
    let due = token.due_at.unwrap();
    let probed = failed_at(due, token.claim(&claim(due)).unwrap(), FailClass::Refused, Reuse::Strict);
    assert_eq!((probed.state_since, probed.due_at), (end, Some(end.plus(DAY))), "it ended when it ended");
}

#[test]
fn an_outage_uses_up_no_probe() {
    let mut token = failed(claimed(credential().token), FailClass::Refused, Reuse::Strict);
    let at = NOW.plus(2 * MINUTE);
    token = failed_at(at, token.claim(&claim(at)).unwrap(), FailClass::Refused, Reuse::Strict);
    let due = token.due_at.unwrap();
    token = failed_at(due, token.claim(&claim(due)).unwrap(), FailClass::Ambiguous, Reuse::Strict);
    assert_eq!(token.fail_count, 0);
    assert!(token.due_at.is_some_and(|next| next < due.plus(HOUR)));
}
