//! R17: many callers want one spent token at two replicas at once.

use std::collections::HashSet;

use vouchsafe::demo::fake::{Endpoint, Fault, Plan};

use crate::scale::times;
use crate::stage::{LIFETIME, Place, Stage};
use crate::support::components::{Component, require};

const STRICT: &str = "fern-strict";

#[tokio::test(flavor = "multi_thread")]
async fn r17_a_hot_credential_is_renewed_once_a_round() {
    let Some(cluster) = require(Component::Postgres) else { return };
    let Some(mut stage) = Stage::set(Place::schema(&cluster).await).await else { return };
    let credential = stage.connect("a", &[STRICT], 1).await.remove(0).remove(0);
    let replicas = [stage.start("a").await, stage.start("b").await];
    let (callers, rounds) = (times(200, 2_000), times(5, 500));
    for round in 0..rounds {
        stage.fake.program(Plan::next(Endpoint::Refresh, Fault::delay_before(300)));
        stage.advance(i64::from(LIFETIME)).await;
        for replica in &replicas {
            replica.look().await;
        }
        let calls = (0..callers).map(|caller| {
            let (asker, id) = (replicas[caller % 2].asker(), credential.id.clone());
            tokio::spawn(async move { asker.ask("GET", &format!("/credentials/{id}/token")).await })
        });
        let mut served = HashSet::new();
        for call in calls.collect::<Vec<_>>() {
            let (status, body) = call.await.unwrap().unwrap();
            assert_eq!(status, 200, "round {round}: {body}");
            served.insert(body["accessToken"].as_str().unwrap().to_owned());
        }
        assert_eq!(served.len(), 1, "round {round}");
        let grant = stage.grant(&credential);
        assert!(grant.alive && grant.at(u64::try_from(round).unwrap() + 1).requests == 1, "{grant:?}");
        assert_eq!(stage.fake.counters().refreshes, u64::try_from(round).unwrap() + 1);
    }
    println!(
        "R17: {rounds} rounds of {callers} callers on 2 replicas: {} token requests",
        stage.fake.counters().refreshes
    );
    for replica in replicas {
        replica.hub.stop().await;
    }
}
