//! Telling an endpoint again of what happened between two moments.

use sea_orm::ConnectionTrait as _;
use serde_json::json;

use crate::support::app::TestApp;
use crate::support::receiver::Receiver;

#[tokio::test]
async fn a_replay_sends_what_happened_in_its_range_and_was_asked_for() {
    let Some(app) = TestApp::start().await else { return };
    let receiver = Receiver::start().await;
    app.user("u").await;
    for _ in 0..3 {
        app.pass(60);
        let id = app.credential("u").await["credentialId"].as_str().unwrap().to_owned();
        app.as_key().act(&format!("/credentials/{id}/revoke")).await.ok(200);
    }
    app.pass(60);
    let body = json!({"url": receiver.url, "events": ["credential.revoked"]});
    let made = app.as_key().post("/webhook-endpoints", &body).await.ok(201);
    let path = format!("/webhook-endpoints/{}/replay", made["webhookEndpointId"].as_str().unwrap());
    assert_eq!(app.deliver().await, 0, "an endpoint begins with what comes after it");

    let range = json!({"since": "2030-01-01T00:02:00Z", "until": "2030-01-01T00:02:59.999Z"});
    let answer = app.as_key().post(&path, &range).await.ok(202);
    assert_eq!(answer, json!({"since": "2030-01-01T00:02:00.000Z", "until": "2030-01-01T00:02:59.999Z"}));
    assert_eq!(app.deliver().await, 1);
    let second = receiver.take().remove(0).json();
    assert_eq!(
        (&second["type"], &second["timestamp"]),
        (&json!("credential.revoked"), &json!("2030-01-01T00:02:00.000Z"))
    );

    app.as_key().post(&path, &json!({"since": "2030-01-01T01:01:00+01:00"})).await.ok(202);
    assert_eq!(app.deliver().await, 3, "all that were asked for, the one sent before among them");
    let ids: Vec<_> = receiver.take().iter().map(|one| one.json()["id"].clone()).collect();
    assert!(ids.contains(&second["id"]), "{ids:?}");
    assert_eq!(app.deliver().await, 0);
}

#[tokio::test]
async fn a_long_replay_goes_on_in_batches_and_survives_its_hub() {
    let Some(app) = TestApp::start().await else { return };
    let receiver = Receiver::start().await;
    app.user("u").await;
    let id = app.credential("u").await["credentialId"].as_str().unwrap().to_owned();
    for active in (0..520).map(|n| n % 2 == 1) {
        app.as_key().patch(&format!("/credentials/{id}"), &json!({"active": active})).await.ok(200);
    }
    app.pass(1);
    let made = app.endpoint(&receiver).await;
    let path = format!("/webhook-endpoints/{}/replay", made["webhookEndpointId"].as_str().unwrap());
    app.as_key().post(&path, &json!({"since": "2029-01-01T00:00:00Z"})).await.ok(202);
    let begun = app.hub.begin_deliveries().await.unwrap();
    assert!(!begun.is_empty() && begun.len() < 521);
    for delivery in begun {
        delivery.await.unwrap();
    }
    let other = app.another_hub(|_| ()).await;
    crate::support::events::deliver(&other).await;
    let mut ids: Vec<_> = receiver.take().iter().map(|one| one.header("webhook-id").to_owned()).collect();
    assert_eq!(ids.len(), 521);
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), 521, "each once");
}

#[tokio::test]
async fn an_event_that_fits_no_type_stops_its_own_replay_alone() {
    let Some(app) = TestApp::start().await else { return };
    let receiver = Receiver::start().await;
    app.user("u").await;
    app.credential("u").await;
    let broken = app.rows("SELECT id FROM event").await;
    let broken: String = broken[0].try_get("", "id").unwrap();
    app.pass(1);
    app.replaying(&receiver).await;
    app.rows(&format!("UPDATE event SET type = 'credential.unheard_of' WHERE id = '{broken}'")).await;
    app.pass(1);
    app.credential("u").await;
    assert_eq!(app.deliver().await, 1, "what happens now is told");
    app.rows(&format!("UPDATE event SET type = 'credential.created' WHERE id = '{broken}'")).await;
    assert_eq!(app.deliver().await, 1, "the replay goes on once it is mended");
}

impl TestApp {
    /// Makes an endpoint for `receiver` and asks for everything to be told it again.
    async fn replaying(&self, receiver: &Receiver) {
        let made = self.endpoint(receiver).await;
        let path = format!("/webhook-endpoints/{}/replay", made["webhookEndpointId"].as_str().unwrap());
        self.as_key().post(&path, &json!({"since": "2029-01-01T00:00:00Z"})).await.ok(202);
    }
}

/// A thousand deliveries to each endpoint that wait for long.
const BACKLOG: &str = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1000) \
    INSERT INTO delivery \
    (environment_id, id, webhook_endpoint_id, event_id, attempt, status, due_at, created_at) \
    SELECT w.environment_id, w.id || '/' || n.i, w.id, e.id, 1, 'pending', 9000000000000, 0 \
    FROM webhook_endpoint w, event e, n";

#[tokio::test]
async fn endpoints_that_take_nothing_do_not_hold_up_the_replay_of_another() {
    let Some(app) = TestApp::start().await else { return };
    let receiver = Receiver::start().await;
    app.user("u").await;
    app.credential("u").await;
    app.pass(1);
    for _ in 0..12 {
        app.replaying(&receiver).await;
    }
    let database = sea_orm::Database::connect(app.database_url()).await.unwrap();
    assert_eq!(database.execute_unprepared(BACKLOG).await.unwrap().rows_affected(), 12_000);
    database.close().await.unwrap();
    assert_eq!(app.deliver().await, 0, "they have enough to do");
    app.replaying(&receiver).await;
    assert_eq!(app.deliver().await, 1);
    assert_eq!(receiver.take().len(), 1);
}

/// Endpoints whose replay is under way.
const UNDER_WAY: &str = "SELECT id FROM webhook_endpoint WHERE replay_after IS NOT NULL";

#[tokio::test]
async fn long_replays_are_moved_on_in_turn() {
    let Some(app) = TestApp::start().await else { return };
    let receiver = Receiver::start().await;
    app.user("u").await;
    let id = app.credential("u").await["credentialId"].as_str().unwrap().to_owned();
    for active in (0..505).map(|n| n % 2 == 1) {
        app.as_key().patch(&format!("/credentials/{id}"), &json!({"active": active})).await.ok(200);
    }
    app.pass(1);
    for _ in 0..11 {
        app.replaying(&receiver).await;
    }
    // A round moves ten on, and each needs two.
    for under_way in [11, 2, 0] {
        for delivery in app.hub.begin_deliveries().await.unwrap() {
            delivery.await.unwrap();
        }
        assert_eq!(app.rows(UNDER_WAY).await.len(), under_way);
    }
}

#[tokio::test]
async fn every_mistake_of_a_range_is_pointed_at() {
    let Some(app) = TestApp::start().await else { return };
    let made = app.as_key().post("/webhook-endpoints", &json!({"url": "https://hooks.test/"})).await.ok(201);
    let path = format!("/webhook-endpoints/{}/replay", made["webhookEndpointId"].as_str().unwrap());
    for (body, pointer) in [
        (json!({}), "/since"),
        (json!({"since": "yesterday"}), "/since"),
        (json!({"since": "2031-01-01T00:00:00Z"}), "/since"),
        (json!({"since": "2029-01-02T00:00:00Z", "until": "2029-01-01T00:00:00Z"}), "/since"),
        (json!({"since": "2029-01-02T00:00:00Z", "until": "soon"}), "/until"),
        (json!({"since": "2029-01-02T00:00:00Z", "from": "x"}), "/from"),
    ] {
        app.as_key().post(&path, &body).await.assert_invalid(&[pointer]);
    }
}
