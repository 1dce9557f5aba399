//! R2: a hub is killed at each point, at each kind of provider, on each database. Only between the provider's work
//! and the journal may a grant be lost, and then the credential says so.

use std::fmt;

use http::StatusCode;
use serde_json::{Value, json};
use vouchsafe::demo::fake::{Endpoint, Fault, Plan, RefreshKind};

use crate::points::{Left, POINTS};
use crate::scale::times;
use crate::stage::{Connected, KINDS, Place, Replica, Stage};
use crate::support::components::{Component, require};
use crate::support::wait::eventually;

/// Long enough for the one late retry, short enough for what is promised.
const LATER: i64 = 12 * 60;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Tally {
    killed: usize,
    whole: usize,
    lost_in_the_window: usize,
}

impl fmt::Display for Tally {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { killed, whole, lost_in_the_window } = self;
        write!(
            out,
            "killed {killed} times: {whole} whole, {lost_in_the_window} lost in the declared window, 0 others"
        )
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn r02_killed_at_each_point_on_sqlite() {
    let Some(_) = require(Component::FaultBuild) else { return };
    let mut all = Tally::default();
    for _ in 0..times(1, 50) {
        let (first, second, third, fourth) = tokio::join!(
            killed_at_each_point(KINDS[0], Place::Sqlite),
            killed_at_each_point(KINDS[1], Place::Sqlite),
            killed_at_each_point(KINDS[2], Place::Sqlite),
            killed_at_each_point(KINDS[3], Place::Sqlite),
        );
        for tally in [first, second, third, fourth] {
            let Some(tally) = tally else { return };
            all.add(tally);
        }
    }
    all.told("SQLite");
}

#[tokio::test(flavor = "multi_thread")]
async fn r02_killed_at_each_point_on_postgresql() {
    let Some(_) = require(Component::FaultBuild) else { return };
    let Some(cluster) = require(Component::Postgres) else { return };
    let mut all = Tally::default();
    for _ in 0..times(1, 50) {
        let (first, second, third, fourth) = tokio::join!(
            async { Box::pin(killed_at_each_point(KINDS[0], Place::schema(&cluster).await)).await },
            async { Box::pin(killed_at_each_point(KINDS[1], Place::schema(&cluster).await)).await },
            async { Box::pin(killed_at_each_point(KINDS[2], Place::schema(&cluster).await)).await },
            async { Box::pin(killed_at_each_point(KINDS[3], Place::schema(&cluster).await)).await },
        );
        for tally in [first, second, third, fourth] {
            let Some(tally) = tally else { return };
            all.add(tally);
        }
    }
    all.told("PostgreSQL");
}

impl Tally {
    fn add(&mut self, other: Self) {
        self.killed += other.killed;
        self.whole += other.whole;
        self.lost_in_the_window += other.lost_in_the_window;
    }

    /// Two kinds lose what is in the window of four points; the other kinds lose nothing.
    fn told(self, database: &str) {
        println!("R2, {database}: {self}");
        let rounds = times(1, 50);
        let lost = 2 * 4 * rounds;
        let killed = POINTS.len() * KINDS.len() * rounds;
        assert_eq!(self, Self { killed, whole: killed - lost, lost_in_the_window: lost });
    }
}

/// A refusal that came with a 200 was written down and never read. It is heard at the next start: nobody waits a day for
/// tokens that it does not hold.
#[tokio::test(flavor = "multi_thread")]
async fn r02_killed_with_a_refusal_in_the_journal() {
    let Some(_) = require(Component::FaultBuild) else { return };
    let Some(mut stage) = Stage::set(Place::Sqlite).await else { return };
    let credential = stage.connect("a", &["fern-strict"], 1).await.remove(0).remove(0);
    let refusal = Fault::oauth_error(StatusCode::OK, "invalid_grant");
    stage.fake.program(Plan::next(Endpoint::Refresh, refusal).grant(credential.grant).always());
    let mut replica = stage.start("a").await;
    replica.arm("refresh::journal_synced=kill").await;
    let asked = replica.renew(&credential.id);
    replica.killed().await;
    assert_eq!(asked.await.unwrap(), None);
    replica.arm_next("");

    let replica = stage.start("a").await;
    says(&replica, &credential, "active", "refusal_unconfirmed").await;
    assert_eq!(stage.grant(&credential).requests(), 1);
    stage.advance(LATER).await;
    replica.look().await;
    says(&replica, &credential, "expired", "grant_refused").await;
    assert_eq!(stage.grant(&credential).requests(), 2);
    // What was heard is not heard again.
    replica.hub.stop().await;
    let replica = stage.start("a").await;
    assert_eq!(replica.shown(&credential.id).await["statusReason"], "grant_refused");
    replica.hub.stop().await;
}

/// One credential for each point; its renewal is begun by hand and the hub dies in it.
async fn killed_at_each_point((slug, kind): (&str, RefreshKind), place: Place) -> Option<Tally> {
    let mut stage = Stage::set(place).await?;
    let credentials = stage.connect("a", &[slug], POINTS.len() + 1).await.remove(0);
    let mut replica = stage.start("a").await;
    let mut tally = Tally::default();
    let mut living = vec![credentials[POINTS.len()].clone()];
    for ((point, left), credential) in POINTS.into_iter().zip(&credentials) {
        let others = stage.others(credential);
        replica.arm(&format!("{point}=kill")).await;
        let asked = replica.renew(&credential.id);
        replica.killed().await;
        assert_eq!(asked.await.unwrap(), None, "{point}");
        replica.arm_next("");
        stage.advance(LATER).await;
        replica = stage.start("a").await;
        tally.killed += 1;
        if left == Left::Spent && matches!(kind, RefreshKind::Reject | RefreshKind::Strict) {
            lost(&replica, credential).await;
            tally.lost_in_the_window += 1;
        } else {
            whole(&stage, &replica, credential, (point, left), kind).await;
            tally.whole += 1;
            living.push(credential.clone());
        }
        assert_eq!(stage.others(credential), others, "{point}: another grant was touched");
    }
    still_renewable(&stage, &replica, &living).await;
    replica.hub.stop().await;
    Some(tally)
}

async fn says(replica: &Replica, credential: &Connected, status: &str, reason: &str) {
    eventually("a credential that says what happened", async || {
        let shown = replica.shown(&credential.id).await;
        let told = (&shown["status"], &shown["statusReason"]) == (&json!(status), &json!(reason));
        if told { Ok(()) } else { Err(shown) }
    })
    .await;
}

/// The credential says that its grant is lost, once.
async fn lost(replica: &Replica, credential: &Connected) {
    says(replica, credential, "expired", "grant_lost").await;
    assert_eq!(replica.events(&credential.id, "credential.expired").await, 1);
}

/// The hub serves what the provider gave last, and asked no more often than it had to.
async fn whole(
    stage: &Stage,
    replica: &Replica,
    credential: &Connected,
    (point, left): (&str, Left),
    kind: RefreshKind,
) {
    let shown = eventually("a credential that is whole again", async || {
        let shown = replica.shown(&credential.id).await;
        let renewed = left == Left::Nothing || !shown["lastRefreshedAt"].is_null();
        let settled = renewed && shown["status"] == "active" && shown["statusReason"] == Value::Null;
        if settled { Ok(shown) } else { Err((point, shown)) }
    })
    .await;
    let grant = stage.grant(credential);
    let token = replica.token(&credential.id).await.unwrap();
    assert_eq!(stage.fake.identify(&token), Some((grant.id, grant.version)), "{point}: {shown}");
    assert!(grant.alive, "{point}");
    let asked = match left {
        Left::Nothing => 0,
        Left::Claim | Left::Answer | Left::Tokens => 1,
        Left::Spent => 2,
    };
    assert_eq!(grant.at(1).requests, asked, "{point}: {grant:?}");
    let grew = left != Left::Nothing && kind != RefreshKind::Static;
    assert_eq!(grant.version, 1 + u64::from(grew), "{point}: each version is spent once");
    assert_eq!(replica.events(&credential.id, "credential.failing").await, 0, "{point}");
}

/// What the hub holds of each living grant is the token that renews it.
async fn still_renewable(stage: &Stage, replica: &Replica, living: &[Connected]) {
    stage.advance(120).await;
    replica.look().await;
    for credential in living {
        let answer = replica.renew(&credential.id).await.unwrap();
        assert!(answer.as_ref().is_some_and(|(status, _)| *status == 200), "{answer:?}");
        assert!(stage.grant(credential).alive);
    }
}
