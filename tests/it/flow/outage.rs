//! Many credentials of one provider: a storm of due ones with faults among them, and a provider that is down for hours.

use std::collections::HashSet;

use chrono::TimeDelta;
use http::StatusCode;
use serde_json::{Value, json};
use vouchsafe::clock::Clock as _;
use vouchsafe::demo::fake::{Endpoint, Fault, Plan, RefreshKind, Wire};
use vouchsafe::store::refresh::{PassedOver, due};
use vouchsafe_entity::millis::Millis;

use crate::support::app::{Setup, TestApp};
use crate::support::crowd::{Copier, Member};
use crate::support::scale::count;
use crate::support::wait::eventually;

/// Calls in flight to the provider of the storm.
const CAP: u64 = 16;

fn is_renewed(app: &TestApp, member: &Member) -> bool {
    app.fake.grant(member.grant).unwrap().version > 1
}

/// Works off what is due, without waiting for calls that hang, until `all` of them are renewed.
async fn work_off(app: &TestApp, all: &[&Member]) {
    // As many as the worker looks at in a round; whoever is due first goes first.
    for some in all.chunks(200) {
        eventually("everything renewed", async || {
            app.hub.work_off_due().await.unwrap();
            eventually("room for more", async || match app.hub.refreshes_under_way() {
                0..=50 => Ok(()),
                under_way => Err(under_way),
            })
            .await;
            match some.iter().filter(|member| !is_renewed(app, member)).count() {
                0 => Ok(()),
                left => Err(left),
            }
        })
        .await;
    }
}

#[tokio::test]
async fn r18_in_a_storm_with_faults_each_version_is_spent_once_and_nothing_expires() {
    let mut setup = Setup::of(RefreshKind::Strict);
    let limits = format!("\n[limits]\nconcurrency = {CAP}\nrate = 10000\n");
    setup.definition.push_str(&limits);
    let Some((app, model)) = TestApp::connected(setup).await else { return };
    let members = Copier::of(&app, &model).await.here(count(2_000, 10_000)).await;
    let mut faulty = HashSet::new();
    for (number, member) in members.iter().enumerate() {
        let fault = match number % 100 {
            0 => Fault::status(StatusCode::BAD_GATEWAY),
            // The provider takes the request and is silent, past the time for the whole call. The others go on
            // meanwhile, so that none of these waits alone at the end.
            50 if number < members.len() / 2 => Fault::wire(Wire::Never).unprocessed(),
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

/// Three hours, in which the worker looks at everything that is due after every `step`.
async fn three_hours(app: &TestApp, members: usize, step: TimeDelta) {
    for _ in 0..TimeDelta::hours(3).num_minutes() / step.num_minutes() {
        app.clock.advance(step);
        for _ in 0..=members / 200 {
            app.round().await;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r19_a_provider_that_is_down_for_six_hours_breaks_nothing_and_comes_back_in_a_ramp() {
    let Some((app, model)) = TestApp::connected(Setup::of(RefreshKind::Strict).unhurried()).await else {
        return;
    };
    let members = Copier::of(&app, &model).await.here(count(500, 2_000)).await;
    let step = TimeDelta::minutes(i64::from(count(60, 10)));
    app.fake.program(Plan::next(Endpoint::Refresh, Fault::status(StatusCode::SERVICE_UNAVAILABLE)).always());
    three_hours(&app, members.len(), step).await;
    app.fake.clear_faults();
    app.fake.program(Plan::next(Endpoint::Refresh, Fault::close_before()).always());
    three_hours(&app, members.len(), step).await;
    assert_eq!(app.reasons("credential.expired").await, Vec::<String>::new());
    let asked_in_vain = app.refreshes();

    app.fake.clear_faults();
    let mut in_a_second = Vec::new();
    let mut seconds = 0;
    let mut left: Vec<&Member> = members.iter().collect();
    while !left.is_empty() {
        let before = app.refreshes();
        // The ramp is over after a few seconds with calls.
        let step = if in_a_second.len() < 8 { 1 } else { 10 };
        app.rounds(1, TimeDelta::seconds(step)).await;
        let calls = app.refreshes() - before;
        in_a_second.extend(Some(calls).filter(|calls| *calls > 0));
        seconds += step;
        left.retain(|member| !is_renewed(&app, member));
        assert!(seconds <= 30 * 60, "{} are not back within half an hour", left.len());
    }
    // As the breaker lets them through: one, two, four, eight, sixteen, and then whoever is due.
    for (second, most) in [1, 2, 4, 8, 16].into_iter().enumerate() {
        assert!(in_a_second.get(second).is_none_or(|calls| *calls <= most), "{in_a_second:?}");
    }
    for member in &members {
        assert!(app.fake.grant(member.grant).unwrap().alive);
    }
    let mut shown = app.as_key().list_all("/credentials").await;
    shown.retain(|credential| credential["credentialId"] != model);
    assert_eq!(shown.len(), members.len());
    for credential in &shown {
        let is = (&credential["status"], &credential["statusReason"], &credential["nextStep"]);
        assert_eq!(is, (&json!("active"), &Value::Null, &Value::Null), "{credential}");
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
    Copier::of(&app, &model).await.here(120).await;
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

#[tokio::test]
async fn an_environment_with_much_to_renew_takes_no_place_of_another() {
    let Some((app, model)) = TestApp::connected(Setup::of(RefreshKind::Strict).unhurried()).await else {
        return;
    };
    let copier = Copier::of(&app, &model).await;
    copier.here(120).await;
    let alone = copier.elsewhere("small", 1).await.remove(0);
    // Due after all of the others.
    let later = "UPDATE credential_token SET due_at = due_at + 120000";
    let later = format!("{later} WHERE credential_id = '{}' RETURNING credential_id", alone.credential);
    assert_eq!(app.rows(&later).await.len(), 1);
    app.clock.advance(TimeDelta::minutes(58));
    app.round().await;
    assert!(is_renewed(&app, &alone), "in the first round");
    assert_eq!(app.refreshes(), 101, "of the many no more than one environment has places");
}

#[tokio::test]
async fn a_line_at_a_slow_host_takes_no_place_of_another_connector() {
    let mut setup = Setup::of(RefreshKind::Strict);
    setup.definition.push_str("\n[limits]\nconcurrency = 1\nrate = 10000\n");
    let Some((app, model)) = TestApp::connected(setup).await else { return };
    Copier::of(&app, &model).await.here(400).await;
    // Younger, so that it is due after all of them.
    app.clock.advance(TimeDelta::minutes(10));
    app.renewable("u-17").await;
    let renewed = || app.fake.counters().client_credentials;
    let before = renewed();
    // One is at the app and the others wait for its place, longer than this test lasts.
    app.fake.program(Plan::next(Endpoint::Refresh, Fault::hold()).always());
    app.clock.advance(TimeDelta::minutes(49));
    for _ in 0..4 {
        app.hub.work_off_due().await.unwrap();
    }
    eventually("the one at another app", async || match renewed() {
        count if count > before => Ok(()),
        count => Err(count),
    })
    .await;
    assert!(app.hub.refreshes_under_way() <= 201, "the line does not grow without end");
}

#[tokio::test]
async fn what_is_under_way_is_passed_over() {
    let Some((app, credential)) = TestApp::spent(Setup::of(RefreshKind::Strict)).await else { return };
    let store = app.parts().await.store;
    let now = Millis(app.clock.now_ms());
    let found = async |passed_over: PassedOver| {
        let page = due(&store, now, 200, 2_000, &passed_over).await.unwrap();
        page.into_iter().map(|due| (due.credential_id, due.connector_id)).collect::<Vec<_>>()
    };
    let page = found(PassedOver::default()).await;
    let [(id, connector)] = page.as_slice() else { panic!("{page:?}") };
    assert_eq!(id.to_string(), credential);
    assert!(found(PassedOver { credentials: vec![*id], ..PassedOver::default() }).await.is_empty());
    assert!(found(PassedOver { connectors: vec![*connector], ..PassedOver::default() }).await.is_empty());
}
