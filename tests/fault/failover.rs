//! R8: the PostgreSQL server dies in the middle of a storm of renewals, and a synchronous standby takes its place. What a
//! commit said is there: no version is lost, and none is spent twice.

use serde_json::Value;
use vouchsafe::demo::fake::RefreshKind;

use crate::scale::times;
use crate::stage::{Cluster, Connected, Forwarder, Place, Replica, Stage};
use crate::support::components::{Component, require};
use crate::support::wait::eventually;

const STRICT: &str = "fern-strict";
const CREDENTIALS: usize = 30;
/// Spreads the storm over a second or so.
const LIMITS: &str = "\n[limits]\nconcurrency = 16\nrate = 30\n";
/// Past lease and quarantine of a claim whose holder never heard that it was written.
const LATER: i64 = 12 * 60;

#[tokio::test(flavor = "multi_thread")]
async fn r08_a_failover_in_a_storm_of_renewals_loses_no_version() {
    let Some(_) = require(Component::FaultBuild) else { return };
    let rounds = times(1, 50);
    let mut after = 0;
    for _ in 0..rounds {
        let Some(waited) = Box::pin(failover()).await else { return };
        after += waited;
    }
    println!(
        "R8: {rounds} failovers, {} renewals, {after} of them ended after it: 0 lost, 0 spent twice",
        rounds * CREDENTIALS
    );
}

/// One failover. How many credentials were not renewed yet when the server died.
async fn failover() -> Option<usize> {
    let primary = Cluster::start()?;
    let standby = primary.standby().await;
    let line = Forwarder::start(primary.port()).await;
    let mut stage = Stage::set(Place::schema(&line.url()).await).await?;
    stage.define(STRICT, RefreshKind::Strict, LIMITS);
    let credentials = stage.connect("seed", &[STRICT], CREDENTIALS).await.remove(0);
    let (first, second) = tokio::join!(stage.start("a"), stage.start("b"));
    let replicas = [&first, &second];

    let asked: Vec<_> = credentials
        .iter()
        .zip(replicas.into_iter().cycle())
        .map(|(credential, replica)| replica.renew(&credential.id))
        .collect();
    let renewed = || credentials.iter().filter(|one| stage.grant(one).version > 1).count();
    eventually("the middle of the storm", async || match renewed() {
        count if count >= CREDENTIALS / 3 => Ok(()),
        count => Err(count),
    })
    .await;
    primary.kill();
    let waited = CREDENTIALS - renewed();
    standby.promote();
    line.lead_to(standby.port());
    for asked in asked {
        // Whoever could not be served was told so.
        assert!(asked.await.unwrap().is_some(), "{}{}", first.hub.err(), second.hub.err());
    }

    stage.advance(LATER).await;
    tokio::join!(first.look(), second.look());
    for (credential, replica) in credentials.iter().zip(replicas.into_iter().cycle()) {
        settled(replica, credential).await;
        whole(&stage, replica, credential).await;
    }
    // What the hubs hold renews each of them once more.
    stage.advance(LATER).await;
    tokio::join!(first.look(), second.look());
    for (credential, replica) in credentials.iter().zip(replicas.into_iter().cycle()) {
        let answer = replica.renew(&credential.id).await.unwrap();
        assert!(answer.as_ref().is_some_and(|(status, _)| *status == 200), "{answer:?}");
        whole(&stage, replica, credential).await;
    }
    first.hub.stop().await;
    second.hub.stop().await;
    Some(waited)
}

/// Renewed at last: by whoever was at it, or by hand where nothing had been begun.
async fn settled(replica: &Replica, credential: &Connected) {
    eventually("a renewal", async || {
        let shown = replica.shown(&credential.id).await;
        let quiet = shown["status"] == "active" && shown["statusReason"] == Value::Null;
        if quiet && shown["lastRefreshedAt"].is_string() {
            return Ok(());
        }
        let answer = replica.renew(&credential.id).await.unwrap();
        Err((shown, answer))
    })
    .await;
}

/// The hub serves what the provider gave last, which saw each version once.
async fn whole(stage: &Stage, replica: &Replica, credential: &Connected) {
    let grant = stage.grant(credential);
    let token = replica.token(&credential.id).await.unwrap();
    assert_eq!(stage.fake.identify(&token), Some((grant.id, grant.version)), "{grant:?}");
    let once = grant.versions.iter().all(|version| version.requests <= 1 && version.reuse == 0);
    assert!(grant.alive && once, "{grant:?}");
}
