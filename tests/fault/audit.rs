//! The audit log, where the database has more than it said.

use serde_json::Value;

use crate::stage::{Place, Replica, Stage};
use crate::support::components::{Component, require};
use crate::support::wait::eventually;

async fn read_thrice(replica: &Replica, credential: &str) {
    for _ in 0..3 {
        let (status, _) = replica.ask("GET", &format!("/credentials/{credential}/token")).await.unwrap();
        assert_eq!(status, 200);
    }
}

async fn reads_on_record(replica: &Replica, credential: &str, wanted: usize) {
    let path = format!("/audit-events?action=credential.token&target={credential}");
    eventually("reads on record", async || {
        let (_, page) = replica.ask("GET", &path).await.unwrap_or((0, Value::Null));
        let count = page["data"].as_array().map_or(0, Vec::len);
        if count == wanted { Ok(()) } else { Err((count, replica.hub.err())) }
    })
    .await;
}

async fn nothing_is_held_up(place: Place) {
    let Some(mut stage) = Stage::set(place).await else { return };
    let typed = stage.hand_over("a", 1).await.remove(0);
    let replica = stage.start("a").await;
    replica.arm("audit::committed=error@1").await;
    read_thrice(&replica, &typed.id).await;
    replica.says("although the database did not say so").await;
    read_thrice(&replica, &typed.id).await;
    reads_on_record(&replica, &typed.id, 6).await;
    replica.hub.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_commit_whose_answer_is_lost_holds_up_no_audit_event() {
    nothing_is_held_up(Place::Sqlite).await;
    let Some(cluster) = require(Component::Postgres) else { return };
    nothing_is_held_up(Place::schema(&cluster).await).await;
}
