//! R3: the holder of a claim is stopped for two leases while another replica works on. Where tokens rotate, nobody
//! else spends the version, and the answer is committed late.

use std::time::{Duration, Instant};

use serde_json::Value;
use vouchsafe::demo::fake::{Endpoint, Fault, Plan, RefreshKind};

use crate::scale::times;
use crate::stage::{Connected, KINDS, Place, Replica, Stage};
use crate::support::components::{Component, require};
use crate::support::wait::eventually;

const LEASE: Duration = Duration::from_secs(5);
/// Past any quarantine.
const LATER: i64 = 12 * 60;

/// Where the holder is when it is stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stopped {
    /// It has claimed, and sent nothing.
    Claimed,
    /// Its request is at the provider, which works on it meanwhile.
    Sent,
    /// The answer is on its way.
    Answered,
}

#[tokio::test(flavor = "multi_thread")]
async fn r03_a_stopped_holder_loses_nothing() {
    let Some(cluster) = require(Component::Postgres) else { return };
    let mut cases = 0;
    for _ in 0..times(1, 66) {
        let Some(mut stage) = Stage::set(Place::schema(&cluster).await).await else { return };
        stage.more.insert("VOUCHSAFE_REFRESH_LEASE", "5s".to_owned());
        let slugs = KINDS.map(|(slug, _)| slug);
        let credentials = stage.connect("seed", &slugs, 3).await;
        let of_round = |round: usize| credentials.iter().map(|kind| kind[round].clone()).collect::<Vec<_>>();
        let other = stage.start("other").await;
        tokio::join!(
            round(&stage, &other, "first", Stopped::Claimed, of_round(0)),
            round(&stage, &other, "second", Stopped::Sent, of_round(1)),
            round(&stage, &other, "third", Stopped::Answered, of_round(2)),
        );
        stage.advance(LATER).await;
        other.look().await;
        for (number, credential) in credentials.iter().flat_map(|kind| kind.iter().enumerate()) {
            whole(&stage, &other, credential, number).await;
            cases += 1;
        }
        other.hub.stop().await;
    }
    println!("R3: stopped for two leases {cases} times: 0 lost, 1 request a version at reject and strict");
}

async fn round(stage: &Stage, other: &Replica, name: &str, stopped: Stopped, credentials: Vec<Connected>) {
    let holder = stage.start(name).await;
    for credential in &credentials {
        let fault = match stopped {
            Stopped::Claimed => continue,
            Stopped::Sent => Fault::delay_before(3_000),
            Stopped::Answered => Fault::delay_after(3_000),
        };
        stage.fake.program(Plan::next(Endpoint::Refresh, fault).grant(credential.grant));
    }
    if stopped == Stopped::Claimed {
        holder.arm("refresh::after_claim=stop@1").await;
    }
    let asked: Vec<_> = credentials.iter().map(|credential| holder.renew(&credential.id)).collect();
    if stopped != Stopped::Claimed {
        eventually("four requests at the provider", async || {
            let there = credentials.iter().filter(|one| stage.grant(one).at(1).requests == 1).count();
            if there == credentials.len() { Ok(()) } else { Err(there) }
        })
        .await;
        holder.hub.signal("STOP");
    }
    holder.stopped().await;
    let began = Instant::now();
    let meanwhile: Vec<_> = credentials.iter().map(|credential| other.renew(&credential.id)).collect();
    eventually("two leases", async || {
        // What still works is served by the other replica, whatever the holder does.
        for credential in &credentials {
            other.token(&credential.id).await.map_err(|answer| format!("{answer:?}"))?;
        }
        let passed = began.elapsed();
        if passed > 2 * LEASE { Ok(()) } else { Err(format!("{passed:?}")) }
    })
    .await;
    holder.go_on();
    for asked in asked.into_iter().chain(meanwhile) {
        asked.await.unwrap();
    }
    holder.hub.stop().await;
}

async fn whole(stage: &Stage, other: &Replica, credential: &Connected, number: usize) {
    let token = eventually("a credential that is whole", async || {
        let shown = other.shown(&credential.id).await;
        let settled = !shown["lastRefreshedAt"].is_null() && shown["statusReason"] == Value::Null;
        if !settled {
            return Err(shown);
        }
        other.token(&credential.id).await.map_err(|(_, problem)| problem)
    })
    .await;
    let grant = stage.grant(credential);
    assert!(grant.alive, "round {number}: {grant:?}");
    assert_eq!(stage.fake.identify(&token), Some((grant.id, grant.version)), "round {number}: {grant:?}");
    if matches!(grant.kind, RefreshKind::Reject | RefreshKind::Strict) {
        let spent: Vec<u64> = grant.versions.iter().map(|version| version.requests).collect();
        assert!(spent.iter().all(|requests| *requests <= 1), "round {number}: {grant:?}");
        assert!(grant.versions.iter().all(|version| version.reuse == 0), "round {number}: {grant:?}");
    }
}
