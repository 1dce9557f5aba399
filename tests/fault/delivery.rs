//! S22: the hub is killed between sending a webhook and writing that down, and before it sends. What was sent comes again
//! under the same id, and nothing is lost.

use serde_json::{Value, json};

use crate::points::{CLAIMED, SENT};
use crate::scale::times;
use crate::stage::{Connected, Place, Replica, Stage};
use crate::support::components::{Component, require};
use crate::support::receiver::{Received, Receiver};
use crate::support::wait::eventually;

/// Past the lease of a claim.
const LATER: i64 = 120;
const KILLS: usize = 10;

#[tokio::test(flavor = "multi_thread")]
async fn s22_killed_before_a_webhook_is_marked_on_sqlite() {
    let Some(_) = require(Component::FaultBuild) else { return };
    for _ in 0..times(1, 50) {
        Box::pin(killed(Place::Sqlite)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn s22_killed_before_a_webhook_is_marked_on_postgresql() {
    let Some(_) = require(Component::FaultBuild) else { return };
    let Some(cluster) = require(Component::Postgres) else { return };
    for _ in 0..times(1, 50) {
        let place = Place::schema(&cluster).await;
        Box::pin(killed(place)).await;
    }
}

/// An event for each kill: a credential is switched off and on.
async fn killed(place: Place) {
    let Some(mut stage) = Stage::set(place).await else { return };
    let credential = stage.connect("a", &["fern-static"], 1).await.remove(0).remove(0);
    let receiver = Receiver::start().await;
    let mut replica = stage.start("a").await;
    let endpoint = json!({"url": receiver.url});
    let made = replica.asker().send("POST", "/webhook-endpoints", Some(&endpoint)).await.unwrap();
    assert_eq!(made.0, 201, "{made:?}");
    let points = [SENT; KILLS].into_iter().chain([CLAIMED; 2]);
    let mut ids = Vec::new();
    for (number, point) in points.enumerate() {
        replica.arm(&format!("{point}=kill")).await;
        // Whether this is answered before the end is chance; that it happened is not.
        replica.switch(&credential.id, number % 2 == 1).await;
        replica.killed().await;
        replica.arm_next("");
        stage.advance(LATER).await;
        let first = receiver.take();
        assert_eq!(first.len(), usize::from(point == SENT), "{number}: {point}");
        replica = stage.start("a").await;
        let again = receiver.received(1).await.remove(0);
        if let Some(first) = first.first() {
            same(first, &again);
        }
        let id = again.header("webhook-id").to_owned();
        marked(&replica, &id).await;
        assert_eq!(receiver.take().len(), 1, "{number}: sent once more, and no more often");
        ids.push(id);
    }
    let told = events(&replica, &credential).await;
    assert_eq!(told, ids, "each event was told, in the order in which they happened");
    replica.hub.stop().await;
}

#[track_caller]
fn same(first: &Received, again: &Received) {
    assert!(first.header("webhook-id").starts_with("evt_"));
    assert_eq!(first.header("webhook-id"), again.header("webhook-id"));
    assert_eq!(first.body, again.body);
}

/// Waits until the attempt is written down as one that succeeded.
async fn marked(replica: &Replica, id: &str) {
    eventually("a delivery that is marked", async || {
        let (_, page) = replica.ask("GET", &format!("/events/{id}/deliveries")).await.unwrap();
        let attempts = page["data"].as_array().unwrap();
        let done = attempts.len() == 1 && attempts[0]["status"] == "succeeded";
        if done { Ok(()) } else { Err(page) }
    })
    .await;
}

/// The ids of the events of a credential since it was connected, oldest first.
async fn events(replica: &Replica, credential: &Connected) -> Vec<String> {
    let path = format!("/events?credentialId={}&limit=200", credential.id);
    let (_, page) = replica.ask("GET", &path).await.unwrap();
    let events = page["data"].as_array().unwrap().iter().rev();
    let since = events.filter(|event| event["type"] != "credential.created");
    since.map(|event: &Value| event["id"].as_str().unwrap().to_owned()).collect()
}
