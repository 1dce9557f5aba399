//! R16: a hub that renews at real servers is killed again and again, at random points at which nothing may be lost. No
//! grant is lost there, and no server sees a token twice.

use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use serde_json::Value;
use vouchsafe::random::{Random, SystemRandom};

use crate::points::{Left, POINTS};
use crate::scale::times;
use crate::stage::{LIFETIME, Place, Replica, Stage};
use crate::support::components::{Component, require};
use crate::support::servers::{
    AuthServer, OidcOptions, OidcProvider, django::DjangoServer, glewlwyd::Glewlwyd,
};
use crate::support::wait::eventually;

/// So many credentials take turns, as each can be renewed by hand once a minute.
const CREDENTIALS: usize = 10;
/// Of so many renewals, one is cut short by a kill.
const ONE_OF: usize = 5;
/// Long enough for the next renewal by hand.
const A_MINUTE: i64 = 61;
/// Long enough for the one late retry.
const LATER: i64 = 12 * 60;

/// What was done at a server.
struct Rotated {
    /// The hub's client there.
    client: String,
    rotations: usize,
    killed: usize,
}

/// Which kills there are: those of `TEST_SEED`, or others each time.
fn seed() -> u64 {
    let random: &dyn Random = &SystemRandom;
    let given = std::env::var("TEST_SEED").ok().and_then(|text| text.parse().ok());
    let seed = given.unwrap_or_else(|| u64::from_be_bytes(random.bytes()));
    println!("R16: seed {seed}");
    seed
}

#[tokio::test(flavor = "multi_thread")]
async fn r16_random_kills_lose_no_grant_at_oidc_provider() {
    let Some(_) = require(Component::FaultBuild) else { return };
    let options = OidcOptions { access_token_seconds: LIFETIME, ..OidcOptions::default() };
    let Some(server) = OidcProvider::start(options).await else { return };
    let Some(done) = Box::pin(rotate(&server, seed())).await else { return };
    server.reported("refresh_token.consumed", done.rotations).await;
    assert!(server.events("grant.revoked").is_empty());
    done.told("oidc-provider");
}

#[tokio::test(flavor = "multi_thread")]
async fn r16_random_kills_lose_no_grant_at_django() {
    let Some(_) = require(Component::FaultBuild) else { return };
    let seed = seed();
    tokio::join!(Box::pin(at_django(0, seed)), Box::pin(at_django(10, seed.wrapping_add(1))));
}

async fn at_django(grace: u32, seed: u64) {
    let Some(server) = DjangoServer::start_lasting(grace, LIFETIME).await else { return };
    let Some(done) = rotate(&server, seed).await else { return };
    let (live, dead) = server.tokens(&done.client).await;
    let (all, rotations) = (CREDENTIALS as u64, done.rotations as u64);
    assert_eq!(live + dead, all + rotations, "{live} live, {dead} dead");
    if grace == 0 {
        assert_eq!((live, dead), (all, rotations));
    }
    done.told(&format!("Django, grace {grace} s"));
}

#[tokio::test(flavor = "multi_thread")]
async fn r16_random_kills_lose_no_grant_at_glewlwyd() {
    let Some(_) = require(Component::FaultBuild) else { return };
    let Some(server) = Glewlwyd::start_lasting(LIFETIME).await else { return };
    let Some(done) = Box::pin(rotate(&server, seed())).await else { return };
    done.told("glewlwyd");
}

impl Rotated {
    fn told(&self, server: &str) {
        let Self { rotations, killed, .. } = self;
        println!("R16, {server}: {rotations} rotations, killed {killed} times: 0 lost");
    }
}

/// Renews credentials in turn at a hub that is killed in one turn of each [`ONE_OF`].
async fn rotate(server: &impl AuthServer, seed: u64) -> Option<Rotated> {
    let mut stage = Stage::set(Place::Sqlite).await?;
    let (client, credentials) = stage.connect_real("a", server, CREDENTIALS).await;
    let safe: Vec<(&str, Left)> = POINTS.into_iter().filter(|(_, left)| *left != Left::Spent).collect();
    let mut random = StdRng::seed_from_u64(seed);
    let mut replica = stage.start("a").await;
    let turns = times(50, 1_000);
    let (mut last, mut killed) = (0, 0);
    for turn in 0..turns {
        if turn.is_multiple_of(CREDENTIALS) {
            stage.advance(A_MINUTE).await;
            replica.look().await;
        }
        if turn.is_multiple_of(ONE_OF) {
            last = turn + random.random_range(0..ONE_OF);
        }
        let credential = &credentials[turn % CREDENTIALS];
        if turn == last {
            let (point, left) = safe[random.random_range(0..safe.len())];
            replica = killed_at(point, left, &stage, replica, credential).await;
            killed += 1;
            if left != Left::Nothing {
                continue;
            }
        }
        renewed(&replica, credential).await;
    }
    stage.advance(A_MINUTE).await;
    replica.look().await;
    for credential in &credentials {
        renewed(&replica, credential).await;
        whole(server, &replica, credential).await;
    }
    replica.hub.stop().await;
    Some(Rotated { client, rotations: turns + CREDENTIALS, killed })
}

/// Kills the hub at `point` of a renewal. The next one brings to its end what was begun.
async fn killed_at(
    point: &'static str,
    left: Left,
    stage: &Stage,
    mut replica: Replica,
    credential: &str,
) -> Replica {
    let before = replica.shown(credential).await["lastRefreshedAt"].clone();
    replica.arm(&format!("{point}=kill")).await;
    let asked = replica.renew(credential);
    replica.killed().await;
    assert_eq!(asked.await.unwrap(), None, "{point}");
    replica.arm_next("");
    stage.advance(LATER).await;
    let replica = stage.start("a").await;
    if left != Left::Nothing {
        eventually("a renewal that was brought to its end", async || {
            let shown = replica.shown(credential).await;
            let renewed = shown["lastRefreshedAt"] != before;
            let settled = shown["status"] == "active" && shown["statusReason"] == Value::Null;
            if renewed && settled { Ok(()) } else { Err((point, shown)) }
        })
        .await;
    }
    replica
}

async fn renewed(replica: &Replica, credential: &str) {
    let answer = replica.renew(credential).await.unwrap();
    assert!(answer.as_ref().is_some_and(|(status, _)| *status == 200), "{answer:?}");
}

/// The server takes what the hub serves, and nobody was troubled.
async fn whole(server: &impl AuthServer, replica: &Replica, credential: &str) {
    let shown = replica.shown(credential).await;
    let account = shown["account"]["id"].as_str().unwrap();
    let token = replica.token(credential).await.unwrap();
    assert_eq!(server.whose(&token).await.as_deref(), Ok(account), "{shown}");
    for kind in ["credential.failing", "credential.expired"] {
        assert_eq!(replica.events(credential, kind).await, 0, "{kind}: {shown}");
    }
}
