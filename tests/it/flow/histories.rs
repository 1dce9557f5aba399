//! R20 (`refresh.md`, section 11): random histories of credentials, told to the hub and to a reference of a few lines.
//! Up to two hundred go side by side under one clock; what `proptest` makes of a failure is the one history that fails.

mod reference;

use std::collections::HashMap;

use chrono::TimeDelta;
use http::StatusCode;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestCaseError, TestRunner};
use serde_json::{Value, json};
use vouchsafe::demo::fake::{Endpoint, Fault, Plan, RefreshKind};

use self::reference::{Expected, Step, Trouble, last_told};
use crate::support::app::{Setup, TestApp};
use crate::support::crowd::{Copier, Member};
use crate::support::scale::count;

const STEPS: usize = 8;
const SIDE_BY_SIDE: usize = 200;
/// Tokens live so long, in seconds: a history spans days.
const LIFETIME: u32 = 86_400;
/// Rounds, three hours apart, after which nothing is under way: a burst of refusals is waited out for a day at most.
const SETTLED_AFTER: usize = 24;

fn step() -> impl Strategy<Value = Step> {
    let trouble = prop_oneof![
        Just(Trouble::Closed),
        Just(Trouble::BadGateway),
        Just(Trouble::Throttled),
        Just(Trouble::RefusedFalsely)
    ];
    prop_oneof![
        6 => Just(Step::Nothing),
        4 => Just(Step::Read),
        2 => Just(Step::RefreshNow),
        2 => Just(Step::Deactivate),
        2 => Just(Step::Reactivate),
        1 => Just(Step::Revoke),
        1 => Just(Step::Delete),
        1 => Just(Step::Reconnect),
        1 => Just(Step::Withdraw),
        5 => trouble.prop_map(Step::Trouble),
    ]
}

/// What happens in between, in seconds.
fn pause() -> impl Strategy<Value = i64> {
    prop_oneof![Just(1), Just(61), Just(95), Just(2_400), Just(43_200), Just(84_600), Just(90_000)]
}

/// So many histories are told to each of the two databases at least, in batches of a hundred on average.
fn enough() -> usize {
    count(500, 50_000)
}

#[test]
fn r20_any_history_ends_as_the_reference_says() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let histories = prop::collection::vec(prop::collection::vec(step(), STEPS), 1..=SIDE_BY_SIDE);
    let pauses = prop::collection::vec(pause(), STEPS);
    let batches = (histories, pauses);
    let told = std::cell::Cell::new(0);
    while told.get() < enough() {
        let config =
            Config { cases: 1, max_shrink_iters: 200, failure_persistence: None, ..Config::default() };
        let one = TestRunner::new(config).run(&batches, |(histories, pauses)| {
            told.set(told.get() + histories.len());
            runtime.block_on(tell(&histories, &pauses)).map_err(TestCaseError::fail)
        });
        if let Err(failure) = one {
            panic!("{failure}");
        }
    }
    println!("R20: {} histories as the reference says", told.get());
}

/// Tells histories side by side to a hub of their own.
async fn tell(histories: &[Vec<Step>], pauses: &[i64]) -> Result<(), String> {
    let mut setup = Setup::of(RefreshKind::Strict).unhurried();
    setup.settings.access_token_lifetime = LIFETIME;
    let Some((app, model)) = TestApp::connected(setup).await else { return Ok(()) };
    let members = Copier::of(&app, &model).await.here(histories.len()).await;
    let mut expected: Vec<Expected> = members.iter().map(|member| Expected::new(member.grant)).collect();

    for (number, pause) in pauses.iter().enumerate() {
        for ((history, member), expected) in histories.iter().zip(&members).zip(&mut expected) {
            let step = history[number];
            if expected.admits(step) {
                take(&app, step, &member.credential, expected).await?;
            }
        }
        app.rounds(1, TimeDelta::seconds(*pause)).await;
        app.hub.sweep().await.unwrap();
        compare(&app, &members, &mut expected, false).await?;
    }

    app.fake.clear_faults();
    for _ in 0..SETTLED_AFTER {
        app.rounds(1, TimeDelta::hours(3)).await;
        app.hub.sweep().await.unwrap();
    }
    compare(&app, &members, &mut expected, true).await?;
    for (member, expected) in members.iter().zip(&expected) {
        ends_well(&app, member, expected).await.map_err(|why| format!("{}: {why}", member.credential))?;
    }
    all_are_due_in_bounds(&app).await
}

async fn take(app: &TestApp, step: Step, credential: &str, expected: &mut Expected) -> Result<(), String> {
    let path = format!("/credentials/{credential}");
    let key = app.as_key();
    let fail = |fault: Fault| app.fake.program(Plan::next(Endpoint::Refresh, fault).grant(expected.grant));
    let status = match step {
        Step::Read => app.read(credential).await.status,
        Step::RefreshNow => app.refresh_now(credential).await.status,
        Step::Deactivate => key.patch(&path, &json!({"active": false})).await.status,
        Step::Reactivate => key.patch(&path, &json!({"active": true})).await.status,
        Step::Revoke => key.act(&format!("{path}/revoke")).await.status,
        Step::Delete => key.delete(&path).await.status,
        Step::Reconnect => {
            app.reconnect(credential).await;
            expected.reconnected(app.fake.grants().last().unwrap().id);
            return Ok(());
        }
        Step::Withdraw => {
            app.fake.withdraw(expected.grant);
            0
        }
        Step::Trouble(trouble) => {
            fail(fault(trouble));
            0
        }
        Step::Nothing => 0,
    };
    expected.follow(step, status).map_err(|why| format!("{credential}: {why}"))
}

fn fault(trouble: Trouble) -> Fault {
    match trouble {
        Trouble::Closed => Fault::close_before(),
        Trouble::BadGateway => Fault::status(StatusCode::BAD_GATEWAY),
        Trouble::Throttled => Fault::throttled(30),
        Trouble::RefusedFalsely => Fault::oauth_error(StatusCode::BAD_REQUEST, "invalid_grant"),
    }
}

/// Compares all of them with one look at the list.
async fn compare(
    app: &TestApp,
    members: &[Member],
    expected: &mut [Expected],
    settled: bool,
) -> Result<(), String> {
    let page = app.as_key().get("/credentials?limit=200").await.ok(200);
    let shown: HashMap<&str, &Value> = page["data"]
        .as_array()
        .unwrap()
        .iter()
        .map(|credential| (credential["credentialId"].as_str().unwrap(), credential))
        .collect();
    for (member, expected) in members.iter().zip(expected) {
        let shown = shown.get(member.credential.as_str()).copied();
        expected.compare(shown, settled).map_err(|why| format!("{}: {why}", member.credential))?;
    }
    Ok(())
}

async fn ends_well(app: &TestApp, member: &Member, expected: &Expected) -> Result<(), String> {
    let told = app.events(&member.credential).await;
    let last = last_told(&told)?;
    let shown = if expected.is_deleted() {
        "deleted".to_owned()
    } else {
        app.shown(&member.credential).await["status"].as_str().unwrap().to_owned()
    };
    if last != shown {
        return Err(format!("shown as {shown}, but {told:?}"));
    }
    let grant = app.fake.grant(expected.grant).unwrap();
    if grant.versions.iter().any(|version| version.reuse > 0) {
        return Err(format!("a spent token was sent again: {grant:?}"));
    }
    if expected.is_served() {
        let status = app.read(&member.credential).await.status;
        if status != 200 || !grant.alive {
            return Err(format!("its token is answered {status}, and of its grant: {grant:?}"));
        }
    }
    Ok(())
}

/// Whatever is active was renewed meanwhile, and is due again as section 4 says: a quarter of an hour and a jitter of
/// ten minutes before its end, and up to its end where it is switched off.
async fn all_are_due_in_bounds(app: &TestApp) -> Result<(), String> {
    let sql = "SELECT access_expires_at - due_at AS early, deactivated_at FROM credential_token
        JOIN credential ON credential.id = credential_id WHERE state = 'active'";
    for row in app.rows(sql).await {
        let early: Option<i64> = row.try_get("", "early").unwrap();
        let off: Option<i64> = row.try_get("", "deactivated_at").unwrap();
        let bounds = if off.is_some() { 0..=25 * 60_000 } else { 15 * 60_000..=25 * 60_000 };
        if !early.is_some_and(|early| bounds.contains(&early)) {
            return Err(format!("due {early:?} ms before its end, and not within {bounds:?}"));
        }
    }
    Ok(())
}
