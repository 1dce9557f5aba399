//! R9: clocks that are set forward, set back and differ. No version is spent twice, and nothing is served that the
//! provider does not take.

use std::time::{Duration, Instant};

use vouchsafe::demo::fake::RefreshKind;

use crate::scale::times;
use crate::stage::{Connected, Place, Replica, Stage};
use crate::support::components::{Component, require};
use crate::support::outside;
use crate::support::wait::eventually;

const STRICT: &str = "fern-strict";
const HOUR: i64 = 3_600;
const DAY: i64 = 24 * HOUR;
/// Access tokens live so long in these cases, in real seconds.
const LIFETIME: u32 = 6;

/// A hub whose wall clock jumps again and again while its tokens run out in real time.
async fn jumping(jumps: &[i64]) -> Option<usize> {
    let mut stage = Stage::set(Place::Sqlite).await?;
    stage.fake.configure(|settings| settings.access_token_lifetime = LIFETIME);
    let credentials = stage.connect("a", &[STRICT], 1).await.remove(0);
    let credential = &credentials[0];
    let replica = stage.start("a").await;
    let mut offset = 0;
    for jump in jumps {
        good_until_its_end(&stage, &replica, credential).await;
        offset += jump;
        stage.set_wall_clock(offset);
        replica.look().await;
    }
    good_until_its_end(&stage, &replica, credential).await;
    once_a_version(&stage, credential);
    assert!(replica.hub.err().contains("the clock of this machine was set back"));
    // What was written under another clock is not believed after a restart either.
    replica.hub.stop().await;
    stage.set_wall_clock(0);
    let replica = stage.start("a").await;
    good_until_its_end(&stage, &replica, credential).await;
    once_a_version(&stage, credential);
    replica.hub.stop().await;
    Some(jumps.len() + 1)
}

/// For a whole lifetime of a token, the provider takes whatever the hub serves.
async fn good_until_its_end(stage: &Stage, replica: &Replica, credential: &Connected) {
    let (began, client) = (Instant::now(), outside::client());
    eventually("the end of a token", async || {
        let token = replica.token(&credential.id).await.unwrap_or_else(|answer| panic!("{answer:?}"));
        let call = client.get(format!("{}/api/me", stage.fake.base_url())).bearer_auth(&token);
        assert_eq!(call.send().await.unwrap().status(), 200, "served after its end, {:?}", began.elapsed());
        let passed = began.elapsed();
        if passed > Duration::from_secs(u64::from(LIFETIME) + 1) { Ok(()) } else { Err(passed) }
    })
    .await;
}

fn once_a_version(stage: &Stage, credential: &Connected) {
    let grant = stage.grant(credential);
    assert!(grant.alive && grant.kind == RefreshKind::Strict);
    assert!(grant.versions.iter().all(|version| version.requests <= 1), "{grant:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn r09_a_wall_clock_that_jumps_serves_nothing_dead_and_spends_nothing_twice() {
    let mut jumps = 0;
    for _ in 0..times(1, 25) {
        let (first, second, third, fourth) = tokio::join!(
            jumping(&[HOUR, -HOUR]),
            jumping(&[-HOUR, HOUR]),
            jumping(&[DAY, -DAY]),
            jumping(&[-DAY, 1, -1]),
        );
        for done in [first, second, third, fourth] {
            let Some(done) = done else { return };
            jumps += done;
        }
    }
    println!("R9: {jumps} jumps of ±1 s, ±1 h, ±1 day: 0 spent twice, 0 served after their end");
}

#[tokio::test(flavor = "multi_thread")]
async fn r09_a_database_with_another_clock_serves_nothing_dead() {
    let Some(cluster) = require(Component::Postgres) else { return };
    let skews = [-25, -10, -1, 1, 10, 25];
    let mut cases = 0;
    for _ in 0..times(1, 25) {
        let Some(mut stage) = Stage::set(Place::schema(&cluster).await).await else { return };
        stage.fake.configure(|settings| settings.access_token_lifetime = 120);
        let credentials = stage.connect("a", &[STRICT], skews.len()).await.remove(0);
        let replica = stage.start("a").await;
        for (skew, credential) in skews.iter().zip(&credentials) {
            stage.place().set_clock(*skew).await;
            let (status, shown) = replica.renew(&credential.id).await.unwrap().unwrap();
            assert_eq!(status, 200, "{skew}: {shown}");
            let (_, token) =
                replica.ask("GET", &format!("/credentials/{}/token", credential.id)).await.unwrap();
            let said: chrono::DateTime<chrono::Utc> = token["expiresAt"].as_str().unwrap().parse().unwrap();
            let real = vouchsafe::clock::Clock::now(&vouchsafe::clock::SystemClock);
            let left = (said - real).num_seconds();
            // Usable means thirty seconds more, which is the allowance for skew.
            assert!(left - 30 <= 120 && left >= 120 - 60, "{skew}: {left}");
            once_a_version(&stage, credential);
            cases += 1;
        }
        replica.hub.stop().await;
    }
    println!("R9: {cases} skews of the database up to 25 s: ends within the allowance");
}
