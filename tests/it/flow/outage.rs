//! Many credentials of one provider: a storm of due ones with faults among them, and a provider that is down for hours.

use std::collections::HashSet;

use chrono::TimeDelta;
use http::StatusCode;
use vouchsafe::demo::fake::{Endpoint, Fault, Plan, RefreshKind, Wire};

use crate::support::app::{Setup, TestApp};
use crate::support::crowd::{Copier, Member};
use crate::support::refreshing::standing;
use crate::support::wait::eventually;

/// Calls in flight to the provider of the storm.
const CAP: u64 = 16;

fn count(commit: usize, nightly: usize) -> usize {
    match std::env::var("TEST_SCALE").as_deref() {
        Ok("nightly" | "release") => nightly,
        _ => commit,
    }
}

fn is_renewed(app: &TestApp, member: &Member) -> bool {
    app.fake.grant(member.grant).unwrap().version > 1
}

/// Works off what is due, without waiting for calls that hang, until `all` of them are renewed.
async fn work_off(app: &TestApp, all: &[&Member]) {
    eventually("everything renewed", async || {
        app.hub.work_off_due().await.unwrap();
        eventually("room for more", async || match app.hub.refreshes_under_way() {
            0..=50 => Ok(()),
            under_way => Err(under_way),
        })
        .await;
        match all.iter().filter(|member| !is_renewed(app, member)).count() {
            0 => Ok(()),
            left => Err(left),
        }
    })
    .await;
}

#[tokio::test]
async fn r18_in_a_storm_with_faults_each_version_is_spent_once_and_nothing_expires() {
    let mut setup = Setup::of(RefreshKind::Strict);
    let limits = format!("\n[limits]\nconcurrency = {CAP}\nrate = 10000\n");
    setup.definition.push_str(&limits);
    let Some((app, model)) = TestApp::connected(setup).await else { return };
    let members = Copier::of(&app, &model).await.here(count(400, 10_000)).await;
    let mut faulty = HashSet::new();
    for (number, member) in members.iter().enumerate() {
        let fault = match number % 200 {
            0 | 100 => Fault::status(StatusCode::BAD_GATEWAY),
            // The provider takes the request and is silent, past the time for the whole call.
            50 => Fault::wire(Wire::Never).unprocessed(),
            _ => continue,
        };
        app.fake.program(Plan::next(Endpoint::Refresh, fault).grant(member.grant));
        faulty.insert(member.grant);
    }
    app.clock.advance(TimeDelta::minutes(58));
    let healthy: Vec<&Member> = members.iter().filter(|member| !faulty.contains(&member.grant)).collect();
    work_off(&app, &healthy).await;
    app.settle().await;
    assert!(app.fake.counters().token_in_flight_peak <= CAP);

    // The one late retry comes before the access token ends.
    app.clock.advance(TimeDelta::seconds(65));
    let all: Vec<&Member> = members.iter().collect();
    work_off(&app, &all).await;
    app.settle().await;
    for member in &members {
        let grant = app.fake.grant(member.grant).unwrap();
        let requests = if faulty.contains(&member.grant) { 2 } else { 1 };
        assert_eq!((grant.alive, grant.version, grant.requests()), (true, 2, requests), "{grant:?}");
    }
    for kind in ["credential.failing", "credential.expired"] {
        assert!(app.reasons(kind).await.is_empty(), "{kind}");
    }
    println!("R18: {} due, {} with a fault: each version spent once, 0 lost", members.len(), faulty.len());
}

#[tokio::test]
async fn r19_a_provider_that_is_down_for_six_hours_breaks_nothing_and_comes_back_in_a_ramp() {
    let Some((app, model)) = TestApp::connected(Setup::of(RefreshKind::Strict).unhurried()).await else {
        return;
    };
    let members = Copier::of(&app, &model).await.here(count(100, 2_000)).await;
    app.fake.program(Plan::next(Endpoint::Refresh, Fault::status(StatusCode::SERVICE_UNAVAILABLE)).always());
    app.rounds(180, TimeDelta::minutes(1)).await;
    app.fake.clear_faults();
    app.fake.program(Plan::next(Endpoint::Refresh, Fault::close_before()).always());
    app.rounds(180, TimeDelta::minutes(1)).await;
    assert_eq!(app.reasons("credential.expired").await, Vec::<String>::new());
    let asked_in_vain = app.refreshes();

    app.fake.clear_faults();
    let mut in_a_second = Vec::new();
    let mut seconds = 0;
    while !members.iter().all(|member| is_renewed(&app, member)) {
        let before = app.refreshes();
        app.rounds(1, TimeDelta::seconds(1)).await;
        in_a_second.push(app.refreshes() - before);
        seconds += 1;
        assert!(seconds <= 30 * 60, "not all are back within half an hour");
    }
    // As the breaker lets them through: one, two, four, eight, sixteen, and then whoever is due.
    let begun: Vec<u64> = in_a_second.iter().copied().filter(|calls| *calls > 0).collect();
    for (second, most) in [1, 2, 4, 8, 16].into_iter().enumerate() {
        assert!(begun.get(second).is_none_or(|calls| *calls <= most), "{begun:?}");
    }
    for member in &members {
        assert!(app.fake.grant(member.grant).unwrap().alive);
        assert_eq!(app.standing(&member.credential).await, standing("active", "", ""));
    }
    println!(
        "R19: {} grants, {asked_in_vain} calls in six hours, all back after {seconds} s: 0 broken, 0 lost",
        members.len()
    );
}

#[tokio::test]
async fn those_who_wait_for_one_host_stand_in_nobodys_way() {
    let Some((app, model)) = TestApp::connected(Setup::of(RefreshKind::Strict).unhurried()).await else {
        return;
    };
    Copier::of(&app, &model).await.here(220).await;
    let other = app.renewable("u-17").await["credentialId"].as_str().unwrap().to_owned();
    // More of them than the worker looks at in a round, all due for longer than the other.
    app.fake.program(Plan::next(Endpoint::Refresh, Fault::status(StatusCode::BAD_GATEWAY)).always());
    app.clock.advance(TimeDelta::minutes(58));
    app.rounds(3, TimeDelta::seconds(1)).await;
    app.rounds(60, TimeDelta::minutes(1)).await;
    let shown = app.shown(&other).await;
    let renewed = shown["lastRefreshedAt"].as_str().unwrap().to_owned();
    app.rounds(62, TimeDelta::minutes(1)).await;
    assert!(app.shown(&other).await["lastRefreshedAt"].as_str().unwrap() > renewed.as_str());
}
