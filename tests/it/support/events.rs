//! Events on their way: endpoints, deliveries, further hubs on the same database.

use std::sync::Arc;

use chrono::TimeDelta;
use serde_json::{Value, json};
use vouchsafe::service::{Hub, Parts};

use super::app::TestApp;
use super::receiver::Receiver;

impl TestApp {
    /// Makes an endpoint of production for `receiver`; the answer, with its secret.
    pub(crate) async fn endpoint(&self, receiver: &Receiver) -> Value {
        self.as_key().post("/webhook-endpoints", &json!({"url": receiver.url})).await.ok(201)
    }

    /// Delivers what is due, until nothing is; how many attempts it took.
    pub(crate) async fn deliver(&self) -> usize {
        deliver(&self.hub).await
    }

    /// Moves the clock on.
    pub(crate) fn pass(&self, seconds: i64) {
        self.clock.advance(TimeDelta::seconds(seconds));
    }

    /// Does what the hub does once a minute.
    pub(crate) async fn sweep(&self) {
        self.hub.sweep().await.unwrap();
    }

    /// The events of production, oldest first.
    pub(crate) async fn all_events(&self) -> Vec<Value> {
        let page = self.as_key().get("/events?limit=200").await.ok(200);
        let mut events = page["data"].as_array().unwrap().clone();
        events.reverse();
        events
    }

    /// The attempts to tell of an event, oldest first. Ids of two hubs do not rise while the clock stands still.
    pub(crate) async fn deliveries(&self, event: &Value) -> Vec<Value> {
        let id = event["id"].as_str().or_else(|| event["eventId"].as_str()).unwrap();
        let page = self.as_key().get(&format!("/events/{id}/deliveries")).await.ok(200);
        let mut deliveries = page["data"].as_array().unwrap().clone();
        deliveries.reverse();
        deliveries.sort_by_key(|delivery| delivery["attempt"].as_i64());
        deliveries
    }

    /// Another hub on the same database, changed first. It has no listener.
    pub(crate) async fn another_hub(&self, change: impl FnOnce(&mut Parts)) -> Arc<Hub> {
        let mut parts = self.parts().await;
        change(&mut parts);
        let hub = Arc::new(Hub::new(parts));
        hub.load_keys().await.unwrap();
        hub
    }
}

/// Lets `hub` deliver what is due, until nothing is; how many attempts it took.
pub(crate) async fn deliver(hub: &Arc<Hub>) -> usize {
    let mut attempts = 0;
    loop {
        let begun = hub.begin_deliveries().await.unwrap();
        if begun.is_empty() {
            return attempts;
        }
        attempts += begun.len();
        for delivery in begun {
            delivery.await.unwrap();
        }
    }
}
