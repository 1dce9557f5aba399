use uuid::Uuid;
use vouchsafe_entity::id::WorkspaceId;

use super::*;

const NOW: Millis = Millis(1_893_456_000_000);
const SECOND: i64 = 1_000;
const MINUTE: i64 = 60 * SECOND;
const ACME: (&str, &str) = ("acme", "acme.test");
const ONE_AT_A_TIME: Limits = Limits { concurrency: 1, rate: 1_000.0 };
/// So seldom that a test sees one.
const SELDOM: Limits = Limits { concurrency: 8, rate: 0.01 };
/// Long enough to be sure that nothing comes.
const SHORT: Duration = Duration::from_millis(20);

/// Who calls: to renew, or for a workspace.
#[derive(Clone, Copy)]
enum Caller {
    Renewal,
    Workspace(u128),
}

impl Caller {
    /// Whether its call may be made.
    async fn comes(self, throttle: &Throttle) -> bool {
        match self {
            Self::Renewal => throttle.pass(ACME.0, ACME.1, ONE_AT_A_TIME, || NOW).await.is_ok(),
            Self::Workspace(number) => {
                turn(throttle, number, ONE_AT_A_TIME, Patience::Refusable).await.is_some()
            }
        }
    }
}

async fn turn(throttle: &Throttle, workspace: u128, limits: Limits, patience: Patience) -> Option<Turn> {
    let workspace = WorkspaceId::new(Uuid::from_u128(workspace));
    throttle.turn(workspace, ACME, limits, patience, || NOW).await
}

/// The order in which calls are made that came one after the other while one was under way.
async fn made(calls: &[(&'static str, Caller)]) -> Vec<&'static str> {
    let throttle = Arc::new(Throttle::new(TURN_WAIT));
    let under_way = turn(&throttle, 0, ONE_AT_A_TIME, Patience::Refusable).await;
    let order = Arc::new(Mutex::new(Vec::new()));
    let mut tasks = Vec::new();
    for (name, caller) in calls.iter().copied() {
        let (throttle, order) = (Arc::clone(&throttle), Arc::clone(&order));
        tasks.push(tokio::spawn(async move {
            assert!(caller.comes(&throttle).await, "{name}");
            order.lock().unwrap().push(name);
        }));
        // Each is in its place before the next one comes.
        tokio::task::yield_now().await;
    }
    assert!(order.lock().unwrap().is_empty(), "one at a time");
    drop(under_way);
    for task in tasks {
        task.await.unwrap();
    }
    order.lock().unwrap().clone()
}

fn called(throttle: &Throttle, failed: Option<FailClass>, now: Millis) {
    let host = throttle.host("acme", "acme.test", Limits::default());
    Pass { host, _call: None }.report(failed, now);
}

fn is_slow(throttle: &Throttle, now: Millis) -> bool {
    throttle.host("acme", "acme.test", Limits::default()).is_slow(now)
}

fn hosts(throttle: &Throttle) -> usize {
    throttle.hosts().len()
}

#[test]
fn a_provider_that_throttled_is_called_half_as_often_for_ten_minutes_whoever_sweeps_meanwhile() {
    let throttle = Throttle::new(TURN_WAIT);
    called(&throttle, Some(FailClass::Throttled), NOW);
    for minute in 1..10 {
        throttle.trim(NOW.plus(minute * MINUTE));
        assert!(is_slow(&throttle, NOW.plus(minute * MINUTE)), "minute {minute}");
    }
    let end = NOW.plus(10 * MINUTE);
    throttle.trim(end.plus(-SECOND));
    assert!(is_slow(&throttle, end.plus(-SECOND)));
    assert!(!is_slow(&throttle, end));
    throttle.trim(end);
    assert_eq!(hosts(&throttle), 0, "nothing is left to remember");
}

#[test]
fn failures_before_a_sweep_count_after_it() {
    let throttle = Throttle::new(TURN_WAIT);
    for call in 0..20 {
        called(&throttle, Some(FailClass::NotSent), NOW.plus(call * SECOND));
        throttle.trim(NOW.plus(call * SECOND));
    }
    let host = throttle.host("acme", "acme.test", Limits::default());
    assert!(host.closed_until(NOW.plus(20 * SECOND)).is_some());
}

#[test]
fn a_budget_that_was_used_is_used_after_a_sweep() {
    let throttle = Throttle::new(TURN_WAIT);
    let host = throttle.host("acme", "acme.test", Limits { rate: 0.01, ..Limits::default() });
    assert!(host.rate.check().is_ok());
    Pass { host, _call: None }.report(None, NOW);
    throttle.trim(NOW.plus(100 * SECOND));
    let host = throttle.host("acme", "acme.test", Limits { rate: 0.01, ..Limits::default() });
    assert!(host.rate.check().is_err(), "one call in a hundred seconds");
}

#[test]
fn a_host_is_as_well_as_it_was_when_its_limits_change() {
    let throttle = Throttle::new(TURN_WAIT);
    called(&throttle, Some(FailClass::Throttled), NOW);
    assert!(throttle.host(ACME.0, ACME.1, ONE_AT_A_TIME).is_slow(NOW));
    assert_eq!(hosts(&throttle), 1);
}

#[tokio::test]
async fn a_renewal_waits_until_its_provider_may_be_called_again() {
    let throttle = Throttle::new(TURN_WAIT);
    let pass = || throttle.pass(ACME.0, ACME.1, SELDOM, || NOW);
    assert!(pass().await.is_ok());
    assert!(tokio::time::timeout(SHORT, pass()).await.is_err(), "one call in a hundred seconds");
}

#[tokio::test]
async fn changed_limits_hold_for_the_next_call() {
    let throttle = Throttle::new(SHORT);
    let first = turn(&throttle, 1, ONE_AT_A_TIME, Patience::Refusable).await;
    assert!(first.is_some());
    assert!(turn(&throttle, 1, ONE_AT_A_TIME, Patience::Refusable).await.is_none());
    let wider = Limits { concurrency: 2, ..ONE_AT_A_TIME };
    assert!(turn(&throttle, 1, wider, Patience::Refusable).await.is_some());
}

#[tokio::test]
async fn renewals_and_own_calls_take_turns() {
    let (renewal, own) = (("renewal", Caller::Renewal), ("own", Caller::Workspace(1)));
    let order = made(&[renewal, renewal, renewal, own, own, own]).await;
    assert_eq!(order, ["renewal", "own", "renewal", "own", "renewal", "own"]);
    let others = [2, 3].map(|number| ("own", Caller::Workspace(number)));
    let order = made(&[own, others[0], others[1], renewal, renewal]).await;
    assert_eq!(order, ["own", "renewal", "own", "renewal", "own"]);
}

#[tokio::test]
async fn many_calls_of_a_workspace_keep_no_other_waiting() {
    let (busy, other) = (("busy", Caller::Workspace(1)), ("other", Caller::Workspace(2)));
    assert_eq!(made(&[busy, busy, busy, other]).await, ["busy", "other", "busy", "busy"]);
    assert_eq!(made(&[busy, busy, busy, other, other]).await, ["busy", "other", "busy", "other", "busy"]);
}

#[tokio::test]
async fn a_call_whose_turn_does_not_come_is_refused_unless_something_was_spent_for_it() {
    let throttle = Throttle::new(SHORT);
    for limits in [ONE_AT_A_TIME, SELDOM] {
        let under_way = turn(&throttle, 1, limits, Patience::Refusable).await;
        assert!(under_way.is_some());
        assert!(turn(&throttle, 2, limits, Patience::Refusable).await.is_none());
        assert!(turn(&throttle, 2, limits, Patience::Spent).await.is_some());
        drop(under_way);
    }
    assert!(turn(&throttle, 2, ONE_AT_A_TIME, Patience::Refusable).await.is_some());
}

#[tokio::test]
async fn who_goes_away_leaves_nothing_behind() {
    let throttle = Arc::new(Throttle::new(TURN_WAIT));
    let under_way = turn(&throttle, 1, ONE_AT_A_TIME, Patience::Refusable).await;
    let waiting = || throttle.host(ACME.0, ACME.1, ONE_AT_A_TIME).lanes.waiting_workspaces();
    let mut tasks = Vec::new();
    for caller in
        [Caller::Workspace(2), Caller::Workspace(2), Caller::Workspace(3), Caller::Renewal, Caller::Renewal]
    {
        let throttle = Arc::clone(&throttle);
        tasks.push(tokio::spawn(async move { caller.comes(&throttle).await }));
        tokio::task::yield_now().await;
    }
    assert_eq!(waiting(), 2);
    for task in tasks {
        task.abort();
        assert!(task.await.unwrap_err().is_cancelled());
    }
    assert_eq!(waiting(), 0);
    drop(under_way);
    for caller in [Caller::Renewal, Caller::Workspace(2), Caller::Workspace(3)] {
        let comes = caller.comes(&throttle);
        // Far below what a turn is waited for.
        assert!(tokio::time::timeout(TURN_WAIT / 2, comes).await.unwrap());
    }
    assert_eq!(waiting(), 0);
}

#[tokio::test]
async fn own_calls_do_not_ask_the_circuit_breaker() {
    let throttle = Throttle::new(SHORT);
    for call in 0..20 {
        called(&throttle, Some(FailClass::NotSent), NOW.plus(call * SECOND));
    }
    let limits = Limits::default();
    let now = NOW.plus(20 * SECOND);
    assert!(throttle.pass(ACME.0, ACME.1, limits, || now).await.is_err());
    assert!(turn(&throttle, 1, limits, Patience::Refusable).await.is_some());
}
