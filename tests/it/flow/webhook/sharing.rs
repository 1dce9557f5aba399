//! Many endpoints and many hubs: none holds up another, and each event goes out once.

use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use vouchsafe::service::webhooks::Pace;

use crate::support::app::TestApp;
use crate::support::database::is_postgres;
use crate::support::events::deliver;
use crate::support::receiver::{Receiver, Reply};
use crate::support::wait::eventually;

#[tokio::test]
async fn an_endpoint_gets_ten_at_once_and_no_more() {
    let Some(app) = TestApp::start().await else { return };
    let receiver = Receiver::start().await;
    receiver.usually(Reply::never());
    app.endpoint(&receiver).await;
    app.user("u").await;
    for _ in 0..15 {
        app.credential("u").await;
    }
    let begun = app.hub.begin_deliveries().await.unwrap();
    assert_eq!(begun.len(), 10);
    receiver.received(10).await;
    let other = app.another_hub(|_| ()).await;
    assert_eq!(other.begin_deliveries().await.unwrap().len(), 0, "neither from another hub");
    app.pass(61);
    receiver.usually(Reply::status(204));
    let ids = |receiver: &Receiver| {
        let seen = receiver.take();
        seen.iter().map(|one| one.header("webhook-id").to_owned()).collect::<Vec<_>>()
    };
    let first = ids(&receiver);
    // What a hub has held for too long is anybody's: it arrives twice, under the same id.
    assert_eq!(deliver(&other).await, 15);
    let second = ids(&receiver);
    assert!(first.iter().all(|id| second.contains(id)), "{first:?} {second:?}");
    let told = app.all_events().await;
    let twice = told.iter().find(|event| event["id"] == first[0].as_str()).unwrap();
    let log = app.deliveries(twice).await;
    assert_eq!(
        (log.len(), &log[0]["status"]),
        (1, &json!("succeeded")),
        "one attempt, which came to its end"
    );
    begun.iter().for_each(tokio::task::JoinHandle::abort);
}

#[tokio::test]
async fn dead_endpoints_do_not_hold_up_the_others() {
    let Some(app) = TestApp::start().await else { return };
    let (dead, quick, elsewhere) =
        (Receiver::start().await, Receiver::start().await, Receiver::start().await);
    dead.usually(Reply::never());
    for at in 0..20 {
        app.endpoint(if at % 10 == 0 { &dead } else { &quick }).await;
    }
    app.as_sandbox_key().post("/webhook-endpoints", &json!({"url": elsewhere.url})).await.ok(201);
    app.user("u").await;
    for _ in 0..10 {
        app.credential("u").await;
    }
    app.as_sandbox_key().post("/users", &json!({"username": "u"})).await.ok(201);
    let body =
        json!({"userId": "u", "connector": "quillpost", "data": {"key": vouchsafe::demo::fake::VALID_KEY}});
    app.as_sandbox_key().post("/credentials", &body).await.ok(201);
    let worker = tokio::spawn(Arc::clone(&app.hub).run_deliveries());
    quick.received(18 * 10).await;
    elsewhere.received(1).await;
    dead.received(20).await;
    assert_eq!(quick.seen().len(), 180);
    // What comes later is sent at once although the dead ones still hang.
    quick.take();
    app.credential("u").await;
    quick.received(18).await;
    worker.abort();
}

#[tokio::test]
async fn a_worker_sends_at_once_and_stops_when_the_hub_closes() {
    let Some(app) = TestApp::start().await else { return };
    let receiver = Receiver::start().await;
    app.endpoint(&receiver).await;
    app.user("u").await;
    // The clock of the test never moves, and the outbox is looked at once an hour: only the wake-up is left.
    let worker = tokio::spawn(Arc::clone(&app.hub).run_deliveries());
    app.credential("u").await;
    receiver.received(1).await;
    app.hub.close();
    worker.await.unwrap();
    app.credential("u").await;
    for delivery in app.hub.begin_deliveries().await.unwrap() {
        delivery.await.unwrap();
    }
    assert_eq!(receiver.seen().len(), 1, "what was claimed while closing is given back");
    let other = app.another_hub(|_| ()).await;
    assert_eq!(deliver(&other).await, 1);
}

#[tokio::test]
async fn several_hubs_on_one_database_deliver_each_event_once() {
    let Some(app) = TestApp::start().await else { return };
    // SQLite has one hub; there this shows that two claims do not meet.
    let (hubs, events) = if is_postgres() { (3, 60) } else { (2, 20) };
    let receivers = [Receiver::start().await, Receiver::start().await];
    for receiver in &receivers {
        app.endpoint(receiver).await;
    }
    app.user("u").await;
    let mut workers = Vec::new();
    for _ in 0..hubs {
        let pace = Pace { poll: Duration::from_millis(10), ..Pace::default() };
        let hub = app.another_hub(|parts| parts.pace = pace).await;
        workers.push(tokio::spawn(hub.run_deliveries()));
    }
    for _ in 0..events {
        app.credential("u").await;
    }
    for receiver in &receivers {
        receiver.received(events).await;
    }
    let told = app.all_events().await;
    eventually("every delivery written down", async || {
        for event in &told {
            let log = app.deliveries(event).await;
            if log.len() != 2 || log.iter().any(|delivery| delivery["status"] != "succeeded") {
                return Err(log);
            }
        }
        Ok(())
    })
    .await;
    for receiver in &receivers {
        let mut ids: Vec<_> = receiver.take().iter().map(|one| one.header("webhook-id").to_owned()).collect();
        ids.sort_unstable();
        let count = ids.len();
        ids.dedup();
        assert_eq!((count, ids.len()), (events, events), "each once");
    }
    workers.iter().for_each(tokio::task::JoinHandle::abort);
}
