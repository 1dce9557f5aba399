//! Endpoints that do not take what they are told.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::time::Duration;

use chrono::TimeDelta;
use serde_json::{Value, json};
use vouchsafe::clock::Clock as _;
use vouchsafe::egress::{Egress, EgressHooks};
use vouchsafe::service::webhooks::Pace;

use crate::flow::mail::mailer;
use crate::support::app::{TestApp, egress_config};
use crate::support::events::deliver;
use crate::support::receiver::{Receiver, Reply};
use crate::support::smtp::{Mail, MailServer};
use crate::support::wait::eventually;

/// Seconds from each attempt to the next.
const SCHEDULE: [i64; 9] = [5, 300, 1_800, 7_200, 18_000, 36_000, 50_400, 72_000, 86_400];

async fn one_event(app: &TestApp) -> Value {
    app.as_key().post("/users", &json!({"username": "u"})).await;
    app.credential("u").await;
    app.all_events().await.pop().unwrap()
}

async fn shown(app: &TestApp, endpoint: &Value) -> Value {
    let path = format!("/webhook-endpoints/{}", endpoint["webhookEndpointId"].as_str().unwrap());
    app.as_key().get(&path).await.ok(200)
}

#[tokio::test]
async fn ten_attempts_are_made_at_the_times_of_the_schedule() {
    let Some(app) = TestApp::start().await else { return };
    let receiver = Receiver::start().await;
    receiver.usually(Reply::status(500));
    let endpoint = app.endpoint(&receiver).await;
    let event = one_event(&app).await;
    assert_eq!(app.deliver().await, 1, "at once");
    for (attempt, wait) in SCHEDULE.into_iter().enumerate() {
        app.pass(wait - wait / 5 - 1);
        assert_eq!(app.deliver().await, 0, "too early for attempt {}", attempt + 2);
        app.pass(2 * (wait / 5) + 2);
        assert_eq!(app.deliver().await, 1, "attempt {}", attempt + 2);
    }
    app.pass(30 * 86_400);
    assert_eq!(app.deliver().await, 0, "the tenth was the last");
    let log = app.deliveries(&event).await;
    let attempts: Vec<_> = log.iter().map(|delivery| delivery["attempt"].as_i64().unwrap()).collect();
    assert_eq!(attempts, (1..=10).collect::<Vec<_>>());
    assert!(log.iter().all(|delivery| delivery["status"] == "failed"), "{log:?}");
    assert_eq!(shown(&app, &endpoint).await["enabled"], true);
    app.hub.give_up_endpoints().await.unwrap();
    let off = shown(&app, &endpoint).await;
    assert_eq!((&off["enabled"], &off["disabledReason"]), (&json!(false), &json!("failing")));
}

#[tokio::test]
async fn an_endpoint_to_which_nothing_more_is_to_be_sent_is_switched_off_after_five_days_too() {
    let Some(app) = TestApp::start().await else { return };
    let receiver = Receiver::start().await;
    receiver.usually(Reply::status(500));
    let endpoint = app.endpoint(&receiver).await;
    one_event(&app).await;
    app.deliver().await;
    app.pass(5 * 86_400 - 1);
    app.hub.give_up_endpoints().await.unwrap();
    assert_eq!(shown(&app, &endpoint).await["enabled"], true);
    app.pass(1);
    app.hub.give_up_endpoints().await.unwrap();
    app.hub.give_up_endpoints().await.unwrap();
    let off = shown(&app, &endpoint).await;
    assert_eq!((&off["enabled"], &off["disabledReason"]), (&json!(false), &json!("failing")));
    let id = endpoint["webhookEndpointId"].as_str().unwrap();
    let audit =
        app.as_key().get(&format!("/audit-events?action=webhook_endpoint.disable&target={id}")).await.ok(200);
    assert_eq!(audit["data"].as_array().unwrap().len(), 1, "once");
}

#[tokio::test]
async fn only_2xx_is_a_success_and_a_redirect_is_not_followed() {
    let Some(app) = TestApp::start().await else { return };
    let (receiver, target) = (Receiver::start().await, Receiver::start().await);
    app.endpoint(&receiver).await;
    for (reply, status, error) in [
        (Reply::status(200), "succeeded", Value::Null),
        (Reply::status(202).body("x".repeat(100_000)), "succeeded", Value::Null),
        (
            Reply::status(301).header("location", target.url.clone()),
            "failed",
            json!("the endpoint answered 301"),
        ),
        (
            Reply::status(307).header("location", target.url.clone()),
            "failed",
            json!("the endpoint answered 307"),
        ),
        (Reply::status(404), "failed", json!("the endpoint answered 404")),
        (Reply::status(500).body("x".repeat(100_000)), "failed", json!("the endpoint answered 500")),
    ] {
        receiver.then(reply);
        let event = one_event(&app).await;
        app.deliver().await;
        let delivery = app.deliveries(&event).await.remove(0);
        assert_eq!((&delivery["status"], &delivery["error"]), (&json!(status), &error));
    }
    assert!(target.seen().is_empty());
}

#[tokio::test]
async fn an_answer_that_says_when_is_believed_up_to_a_day() {
    let Some(app) = TestApp::start().await else { return };
    let receiver = Receiver::start().await;
    app.endpoint(&receiver).await;
    for (asked, wait) in [("3600", 3_600), ("999999", 86_400), ("0", 4), ("a date", 7_200)] {
        let date = app.clock.now() + TimeDelta::seconds(wait);
        let date = date.format("%a, %d %b %Y %H:%M:%S GMT").to_string();
        let asked = if asked == "a date" { &date } else { asked };
        receiver.then(Reply::status(429).header("retry-after", asked));
        one_event(&app).await;
        assert_eq!(app.deliver().await, 1);
        app.pass(wait - 1);
        assert_eq!(app.deliver().await, 0, "before {wait} s after {asked}");
        app.pass(3);
        assert_eq!(app.deliver().await, 1, "after {wait} s");
    }
}

#[tokio::test]
async fn an_endpoint_that_is_gone_is_switched_off() {
    let Some(app) = TestApp::start().await else { return };
    let receiver = Receiver::start().await;
    receiver.then(Reply::status(500)).then(Reply::status(410));
    let endpoint = app.endpoint(&receiver).await;
    let first = one_event(&app).await;
    app.deliver().await;
    let second = one_event(&app).await;
    app.deliver().await;
    let off = shown(&app, &endpoint).await;
    assert_eq!((&off["enabled"], &off["disabledReason"]), (&json!(false), &json!("gone")));
    app.pass(86_400);
    assert_eq!(app.deliver().await, 0);
    assert_eq!(app.deliveries(&first).await[1]["status"], "cancelled");
    assert_eq!(app.deliveries(&second).await.len(), 1, "nothing more is planned");
    let id = endpoint["webhookEndpointId"].as_str().unwrap();
    let audit = app.as_key().get(&format!("/audit-events?target={id}")).await.ok(200);
    assert_eq!(
        (&audit["data"][0]["action"], &audit["data"][0]["reason"], &audit["data"][0]["actor"]["type"]),
        (&json!("webhook_endpoint.disable"), &json!("gone"), &json!("hub"))
    );
    let on = json!({"enabled": true});
    let on = app.as_key().patch(&format!("/webhook-endpoints/{id}"), &on).await.ok(200);
    assert_eq!((&on["enabled"], &on["disabledReason"]), (&json!(true), &Value::Null));
    one_event(&app).await;
    assert_eq!(app.deliver().await, 1);
}

#[tokio::test]
async fn an_endpoint_that_takes_nothing_for_five_days_is_switched_off() {
    let Some(app) = TestApp::start().await else { return };
    let receiver = Receiver::start().await;
    let endpoint = app.endpoint(&receiver).await;
    receiver.usually(Reply::status(500));
    one_event(&app).await;
    app.deliver().await;
    for _ in 0..4 {
        app.pass(86_400);
        app.deliver().await;
    }
    // A single success begins the count anew.
    receiver.then(Reply::status(200));
    one_event(&app).await;
    app.deliver().await;
    for day in 0..6 {
        assert_eq!(shown(&app, &endpoint).await["enabled"], true, "day {day}");
        one_event(&app).await;
        app.deliver().await;
        app.pass(86_400);
    }
    let off = shown(&app, &endpoint).await;
    assert_eq!((&off["enabled"], &off["disabledReason"]), (&json!(false), &json!("failing")));
    one_event(&app).await;
    assert_eq!(app.deliver().await, 0);
}

#[tokio::test]
async fn a_slow_and_a_dead_endpoint_are_tried_again() {
    let Some(app) = TestApp::start().await else { return };
    let receiver = Receiver::start().await;
    app.endpoint(&receiver).await;
    receiver.then(Reply::never());
    let event = one_event(&app).await;
    let hub = app
        .another_hub(|parts| parts.pace = Pace { timeout: Duration::from_millis(200), ..Pace::default() })
        .await;
    assert_eq!(deliver(&hub).await, 1);
    let slow = app.deliveries(&event).await.remove(0);
    assert_eq!((&slow["status"], &slow["error"]), (&json!("failed"), &json!("no complete answer in time")));
    drop(receiver);
    app.pass(7);
    assert_eq!(deliver(&hub).await, 1);
    let dead = app.deliveries(&event).await.remove(1);
    assert_eq!(dead["status"], "failed", "{dead}");
    assert_eq!(app.deliveries(&event).await[2]["status"], "pending");
}

#[tokio::test]
async fn an_address_that_turned_private_is_not_called() {
    let Some(app) = TestApp::start().await else { return };
    let receiver = Receiver::start().await;
    let at = |address: &str| {
        let address: SocketAddr = format!("{address}:{}", receiver.port).parse().unwrap();
        let names = HashMap::from([("hooks.test".to_owned(), vec![address])]);
        Egress::with_hooks(egress_config(), EgressHooks { names: Some(names), roots: None }).unwrap()
    };
    let open = app.another_hub(|parts| parts.egress = at("127.0.0.1")).await;
    let private = app.another_hub(|parts| parts.egress = at("10.0.0.7")).await;
    let operator = open.operator_in("default", "production").await.unwrap();
    let new = |hub: &std::sync::Arc<vouchsafe::service::Hub>| {
        let url = "http://hooks.test/in".to_owned();
        let new = vouchsafe::service::webhooks::NewEndpoint { url, events: None, description: None };
        let (hub, operator) = (std::sync::Arc::clone(hub), operator.clone());
        async move { hub.create_webhook_endpoint(&operator, new).await }
    };
    assert!(new(&private).await.is_err(), "refused at once where the name is private already");
    new(&open).await.unwrap();
    let event = one_event(&app).await;
    assert_eq!(deliver(&private).await, 1);
    let refused = app.deliveries(&event).await.remove(0);
    let error = "refused by the egress guard: the address is not allowed";
    assert_eq!((&refused["status"], &refused["error"]), (&json!("failed"), &json!(error)));
    assert!(receiver.seen().is_empty());
    app.pass(7);
    assert_eq!(deliver(&open).await, 1);
    assert_eq!(receiver.seen().len(), 1);
}

#[tokio::test]
async fn owners_are_told_of_an_endpoint_that_is_switched_off() {
    let server = MailServer::start().await;
    let Some(app) = TestApp::start_as(|parts| parts.mailer = Some(mailer(&server)), |_| ()).await else {
        return;
    };
    let owner = app.as_owner().await;
    app.as_invited(&owner, "admin", "ada@acme.test").await;
    let receiver = Receiver::start().await;
    receiver.then(Reply::status(410));
    let endpoint = app.endpoint(&receiver).await;
    one_event(&app).await;
    app.deliver().await;
    assert_eq!(shown(&app, &endpoint).await["enabled"], false);
    let about = |mail: &Mail| mail.header("Subject").is_some_and(|subject| subject.contains("is not told"));
    let told = eventually("a mail", async || server.take().into_iter().find(about).ok_or("none yet")).await;
    assert_eq!(told.to, ["owner@acme.test"], "owners alone");
    let text = told.part("text/plain");
    assert!(text.contains(endpoint["url"].as_str().unwrap()) && text.contains("410"), "{text}");
    assert!(text.contains("/dashboard/production/overview"), "{text}");
}
