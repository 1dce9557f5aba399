//! R7: a replica is cut from the database or from the provider, in silence, in one direction or both, in the middle of a
//! refresh. Each version is spent once, and all is well within two minutes of the healing, on the hub's clock.

use std::time::{Duration, Instant};

use serde_json::Value;

use crate::scale::times;
use crate::stage::{Cluster, Connected, Host, Network, Place, Replica, Stage};
use crate::support::wait::eventually;

const STRICT: &str = "fern-strict";
const CUT_OFF: Host = Host::Replica(1);
/// The lines stay cut for so long, longer than connecting may take.
const OUTAGE: Duration = Duration::from_secs(6);
/// All is well so soon after the healing.
const WELL_WITHIN: Duration = Duration::from_mins(2);
/// So much of it has passed before anybody looks: by itself, and what is left by putting the clocks forward.
const LOOKED_AFTER: Duration = Duration::from_secs(100);
/// Past any late retry and any quarantine.
const LATER: i64 = 12 * 60;

/// Where the replica is when lines are cut, and which.
const CASES: [(&str, &[(Host, Host)]); 5] = [
    ("refresh::before_claim", &[(CUT_OFF, Host::Database), (Host::Database, CUT_OFF)]),
    ("refresh::before_commit", &[(CUT_OFF, Host::Database), (Host::Database, CUT_OFF)]),
    ("refresh::before_commit", &[(Host::Database, CUT_OFF)]),
    ("refresh::after_open", &[(CUT_OFF, Host::Provider), (Host::Provider, CUT_OFF)]),
    ("refresh::connected", &[(Host::Provider, CUT_OFF)]),
];

#[tokio::test(flavor = "multi_thread")]
async fn r07_a_replica_that_is_cut_off_spends_nothing_twice() {
    let Some(network) = Network::lay(2) else { return };
    let folder = tempfile::Builder::new().prefix("vouchsafe-pg").tempdir().unwrap();
    let listen = network.address(Host::Database).to_string();
    let Some(cluster) = Cluster::start_in(&folder.path().join("data"), &listen) else { return };
    let provider = network.address(Host::Provider);
    let Some(mut stage) = Stage::set_at(Place::schema(&cluster.url()).await, provider).await else { return };
    stage.more.insert("VOUCHSAFE_EGRESS_ALLOW", network.range());
    let rounds = times(1, 100);
    let credentials = stage.connect("seed", &[STRICT], CASES.len() * rounds).await.remove(0);
    let (first, second) = tokio::join!(stage.start_in(&network, 1), stage.start_in(&network, 2));
    for ((point, lines), credential) in CASES.iter().cycle().zip(&credentials) {
        first.arm(&format!("{point}=stop@1")).await;
        let asked = first.renew(&credential.id);
        first.stopped().await;
        for (from, to) in *lines {
            network.cut(*from, *to);
        }
        first.arm_next("");
        first.go_on();
        let began = Instant::now();
        let elsewhere = second.renew(&credential.id);
        eventually("the end of the outage", async || {
            // The other replica goes on serving what still works.
            second.token(&credential.id).await.map_err(|answer| format!("{answer:?}"))?;
            let passed = began.elapsed();
            if passed > OUTAGE { Ok(()) } else { Err(format!("{passed:?}")) }
        })
        .await;
        for (from, to) in *lines {
            network.heal(*from, *to);
        }
        let healed = Instant::now();
        asked.await.unwrap();
        elsewhere.await.unwrap();
        let forward = LOOKED_AFTER.saturating_sub(healed.elapsed()).as_secs();
        stage.advance(i64::try_from(forward).unwrap()).await;
        tokio::join!(first.look(), second.look());
        for replica in [&second, &first] {
            whole(&stage, replica, credential, point).await;
        }
        let passed = healed.elapsed() + Duration::from_secs(forward);
        assert!(passed < WELL_WITHIN, "{point}: well after {passed:?}");
    }
    // Whatever was still to come by then changes nothing.
    stage.advance(LATER).await;
    tokio::join!(first.look(), second.look());
    for ((point, _), credential) in CASES.iter().cycle().zip(&credentials) {
        whole(&stage, &second, credential, point).await;
    }
    println!("R7: cut off {} times: each version spent once, 0 lost", credentials.len());
    first.hub.stop().await;
    second.hub.stop().await;
}

async fn whole(stage: &Stage, replica: &Replica, credential: &Connected, point: &str) {
    let token = eventually("a credential that is whole", async || {
        let shown = replica.shown(&credential.id).await;
        let settled = !shown["lastRefreshedAt"].is_null() && shown["statusReason"] == Value::Null;
        if !settled {
            return Err(shown);
        }
        replica.token(&credential.id).await.map_err(|(_, problem)| problem)
    })
    .await;
    let grant = stage.grant(credential);
    assert!(grant.alive && grant.versions.iter().all(|version| version.requests <= 1), "{point}: {grant:?}");
    assert_eq!(stage.fake.identify(&token), Some((grant.id, grant.version)), "{point}: {grant:?}");
}
