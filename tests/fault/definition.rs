//! R13: a definition finds no token in good answers, and is mended an hour later, or a hub starts without it meanwhile. The
//! answers lay in the journal.

use serde_json::{Value, json};
use vouchsafe::demo::fake::RefreshKind;

use crate::scale::times;
use crate::stage::{Connected, Place, Replica, Stage};
use crate::support::wait::eventually;

const STRICT: &str = "fern-strict";
const HOUR: i64 = 3_600;

#[tokio::test(flavor = "multi_thread")]
async fn r13_a_mended_definition_recovers_every_answer() {
    let Some(mut stage) = Stage::set(Place::Sqlite).await else { return };
    let credentials = stage.connect("a", &[STRICT], times(12, 501)).await.remove(0);
    let (by_signal, later) = credentials.split_at(credentials.len() / 3);
    let (by_restart, by_return) = later.split_at(later.len() / 2);
    let mut replica = stage.start("a").await;

    break_definition(&stage);
    read_definitions(&replica).await;
    held(&stage, &replica, by_signal).await;
    stage.advance(HOUR).await;
    replica.look().await;
    stage.define(STRICT, RefreshKind::Strict, "");
    read_definitions(&replica).await;
    recovered(&stage, &replica, by_signal).await;

    break_definition(&stage);
    read_definitions(&replica).await;
    held(&stage, &replica, by_restart).await;
    stage.advance(HOUR).await;
    replica.hub.signal("KILL");
    replica.killed().await;
    stage.define(STRICT, RefreshKind::Strict, "");
    replica = stage.start("a").await;
    recovered(&stage, &replica, by_restart).await;

    break_definition(&stage);
    read_definitions(&replica).await;
    held(&stage, &replica, by_return).await;
    replica.hub.signal("KILL");
    replica.killed().await;
    stage.undefine(STRICT);
    replica = stage.start("a").await;
    stage.advance(HOUR).await;
    replica.look().await;
    stage.define(STRICT, RefreshKind::Strict, "");
    read_definitions(&replica).await;
    recovered(&stage, &replica, by_return).await;
    println!("R13: {} unread answers recovered from the journal, 0 lost", credentials.len());
    replica.hub.stop().await;
}

fn break_definition(stage: &Stage) {
    stage.define_with(STRICT, RefreshKind::Strict, "token_response = { access_token = \"nowhere\" }", "");
}

async fn read_definitions(replica: &Replica) {
    const READ: &str = "provider definitions were read again";
    let before = replica.hub.err().matches(READ).count();
    replica.hub.signal("HUP");
    eventually("definitions in force", async || {
        let now = replica.hub.err().matches(READ).count();
        if now > before { Ok(()) } else { Err(replica.hub.err()) }
    })
    .await;
}

/// Each is renewed once; the answer is there and can't be read.
async fn held(stage: &Stage, replica: &Replica, credentials: &[Connected]) {
    for credential in credentials {
        let (status, _) = replica.renew(&credential.id).await.unwrap().unwrap();
        assert_ne!(status, 200);
        let shown = replica.shown(&credential.id).await;
        let told = (&shown["status"], &shown["statusReason"]);
        assert_eq!(
            told,
            (&json!("active"), &json!("refresh_unconfirmed")),
            "the old token is served meanwhile"
        );
        assert_eq!(stage.grant(credential).version, 2, "it is spent");
    }
}

async fn recovered(stage: &Stage, replica: &Replica, credentials: &[Connected]) {
    for credential in credentials {
        eventually("an answer that was read at last", async || {
            let shown = replica.shown(&credential.id).await;
            let settled = !shown["lastRefreshedAt"].is_null() && shown["statusReason"] == Value::Null;
            if settled { Ok(()) } else { Err(shown) }
        })
        .await;
        let token = replica.token(&credential.id).await.unwrap();
        let grant = stage.grant(credential);
        assert_eq!(stage.fake.identify(&token), Some((grant.id, 2)));
        assert!(grant.alive && grant.at(1).requests == 1 && grant.requests() == 1, "{grant:?}");
    }
}
