//! R6: somebody deletes, revokes, reconnects or switches off a credential at another replica, while the holder of its
//! claim stands still at each point. Then the holder goes on: nothing comes back to life, no newer grant is overwritten,
//! and what was declared dead is dead at the provider.

use serde_json::json;
use vouchsafe::demo::fake::GrantEnd;

use crate::points::POINTS;
use crate::scale::times;
use crate::stage::{Connected, Place, Replica, Stage};
use crate::support::components::{Component, require};

/// A token that stays the same, and one of which a second use ends the grant.
const SLUGS: [&str; 2] = ["fern-static", "fern-strict"];
/// Past any quarantine, lease and confirmation.
const LATER: i64 = 12 * 60;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Deed {
    Delete,
    Revoke,
    Reconnect,
    Deactivate,
}

/// What was done where, and the grant that is the credential's since.
struct Done {
    point: &'static str,
    before: Connected,
    after: Connected,
}

#[tokio::test(flavor = "multi_thread")]
async fn r06_what_is_done_to_a_credential_whose_holder_stands_still_stays_done() {
    let Some(_) = require(Component::FaultBuild) else { return };
    let Some(cluster) = require(Component::Postgres) else { return };
    let rounds = times(1, 17);
    let mut cases = 0;
    for _ in 0..rounds {
        let (first, second, third, fourth) = tokio::join!(
            Box::pin(at_each_point(Deed::Delete, &cluster)),
            Box::pin(at_each_point(Deed::Revoke, &cluster)),
            Box::pin(at_each_point(Deed::Reconnect, &cluster)),
            Box::pin(at_each_point(Deed::Deactivate, &cluster)),
        );
        for done in [first, second, third, fourth] {
            let Some(done) = done else { return };
            cases += done;
        }
    }
    println!(
        "R6: {cases} deeds, each while the holder stood still: 0 resurrected, 0 overwritten, 0 left unrevoked"
    );
    assert_eq!(cases, 4 * SLUGS.len() * POINTS.len() * rounds);
}

/// One credential of each kind for each point; its renewal is begun by hand at one replica, and the deed is done at
/// another.
async fn at_each_point(deed: Deed, cluster: &str) -> Option<usize> {
    let mut stage = Stage::set(Place::schema(cluster).await).await?;
    let connected = stage.connect("seed", &SLUGS, POINTS.len()).await;
    let (holder, other) = tokio::join!(stage.start("holder"), stage.start("other"));
    let mut all = Vec::new();
    for (slug, credentials) in SLUGS.into_iter().zip(&connected) {
        for (number, ((point, _), credential)) in POINTS.into_iter().zip(credentials).enumerate() {
            holder.arm(&format!("{point}=stop@1")).await;
            let asked = holder.renew(&credential.id);
            holder.stopped().await;
            let carry_out = deed.carry_out(&stage, &other, (slug, number, point), credential);
            let after = if point == "refresh::in_commit" {
                // The row is locked until the holder goes on: the deed waits for that, and for nothing else.
                let (after, ()) = tokio::join!(carry_out, async { holder.go_on() });
                after
            } else {
                let after = carry_out.await;
                holder.go_on();
                after
            };
            asked.await.unwrap();
            // Told by the holder, the next point would be reached by that call.
            stage.place().all_told().await;
            let done = Done { point, before: credential.clone(), after };
            deed.assert_done(&stage, &other, &done).await;
            all.push(done);
        }
    }
    holder.arm("").await;
    stage.advance(LATER).await;
    tokio::join!(holder.look(), other.look());
    for done in &all {
        for replica in [&holder, &other] {
            deed.assert_done(&stage, replica, done).await;
        }
        deed.assert_renewable(&stage, &other, done).await;
    }
    holder.hub.stop().await;
    other.hub.stop().await;
    Some(all.len())
}

impl Deed {
    async fn carry_out(
        self,
        stage: &Stage,
        replica: &Replica,
        (slug, number, point): (&str, usize, &str),
        credential: &Connected,
    ) -> Connected {
        let path = format!("/credentials/{}", credential.id);
        match self {
            Self::Delete => {
                let (status, body) = replica.ask("DELETE", &path).await.unwrap();
                assert_eq!((status, &body["revokedUpstream"]), (200, &json!("revoked")), "{point}");
            }
            Self::Revoke => {
                let (status, body) = replica.ask("POST", &format!("{path}/revoke")).await.unwrap();
                assert_eq!((status, &body["revokedUpstream"]), (200, &json!("revoked")), "{point}");
            }
            Self::Reconnect => {
                let again = stage.reconnect(replica, slug, number, credential).await;
                assert_eq!(again.id, credential.id);
                return again;
            }
            Self::Deactivate => assert_eq!(replica.switch(&credential.id, false).await, 200, "{point}"),
        }
        credential.clone()
    }

    async fn assert_done(self, stage: &Stage, replica: &Replica, done: &Done) {
        let Done { point, before, after } = done;
        let (old, new) = (stage.grant(before), stage.grant(after));
        let served = replica.token(&before.id).await.map_err(|(status, _)| status);
        let shown = replica.shown(&before.id).await;
        match self {
            Self::Delete => {
                assert_eq!(
                    (served, &shown["code"]),
                    (Err(404), &json!("not_found")),
                    "{point}: it came back"
                );
                assert_eq!(old.end, Some(GrantEnd::Revoked), "{point}");
            }
            Self::Revoke => {
                assert_eq!(
                    (served, &shown["status"]),
                    (Err(409), &json!("revoked")),
                    "{point}: it came back"
                );
                assert_eq!(shown["statusReason"], "revoked_by_request", "{point}");
                assert_eq!(old.end, Some(GrantEnd::Revoked), "{point}");
            }
            Self::Reconnect => {
                assert_ne!(old.id, new.id, "{point}");
                let served = served.unwrap_or_else(|status| panic!("{point}: {status} {shown}"));
                let of = stage.fake.identify(&served);
                assert_eq!(of, Some((new.id, new.version)), "{point}: the new grant was overwritten");
                // A revocation of the old one would end both.
                assert_eq!((old.end, new.end), (None, None), "{point}");
            }
            Self::Deactivate => {
                assert_eq!(
                    (served, &shown["status"]),
                    (Err(409), &json!("inactive")),
                    "{point}: it came back"
                );
                assert!(new.alive, "{point}");
            }
        }
    }

    /// What lives on is held by the token that renews it.
    async fn assert_renewable(self, stage: &Stage, replica: &Replica, done: &Done) {
        let Done { point, after, .. } = done;
        match self {
            Self::Delete | Self::Revoke => return,
            Self::Reconnect => {}
            Self::Deactivate => assert_eq!(replica.switch(&after.id, true).await, 200, "{point}"),
        }
        let answer = replica.renew(&after.id).await.unwrap();
        assert!(answer.as_ref().is_some_and(|(status, _)| *status == 200), "{point}: {answer:?}");
        let grant = stage.grant(after);
        let served = replica.token(&after.id).await.unwrap();
        assert_eq!(stage.fake.identify(&served), Some((grant.id, grant.version)), "{point}: {grant:?}");
        assert!(grant.alive, "{point}: {grant:?}");
    }
}
