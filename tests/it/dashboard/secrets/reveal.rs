//! Revealing a secret's value: to those who have just proven who they are, and not too often.

use chrono::TimeDelta;
use serde_json::json;

use super::{LIST, one};
use crate::api::secrets::{VALUE, masked, with};
use crate::flow::mail::mailer;
use crate::support::app::TestApp;
use crate::support::browser::{Browser, PASSWORD};
use crate::support::smtp::{Mail, MailServer};
use crate::support::wait::eventually;

/// Proves again who it is, and goes on to `next`.
async fn step_up(owner: &Browser<'_>, next: &str) {
    let code = owner.code();
    let form = [("password", PASSWORD), ("code", code.as_str()), ("next", next)];
    owner.post("/dashboard/step-up", &form).await.leads_to(next);
}

#[tokio::test]
async fn a_masked_value_is_shown_after_a_proof_and_is_audited() {
    let Some(app) = TestApp::start().await else { return };
    let owner = app.as_owner().await;
    let made = app.secret(&masked("K")).await;
    app.secret(&with(masked("HIDDEN"), "visibility", json!("restricted"))).await;
    let list = owner.get(LIST).await;
    assert!(list.html.contains("secret/K/reveal") && !list.html.contains("secret/HIDDEN/reveal"));

    let reveal = format!("{}/reveal", one("K"));
    owner.get(&reveal).await.page(200, "written to the audit log");
    let shown = owner.post(&reveal, &[]).await;
    shown.page(200, VALUE);
    shown.page(200, "data-seconds=\"15\"");
    shown.page(200, "data-hide>Hide</a>");
    assert_eq!(shown.headers["refresh"], format!("15; url={}", one("K")));
    assert_eq!(shown.headers["cache-control"], "no-store");
    let as_data = owner.post_for_data(&reveal).await;
    assert_eq!((as_data.status, as_data.html.as_str()), (200, json!({"value": VALUE}).to_string().as_str()));
    assert_eq!(as_data.headers["cache-control"], "no-store");
    let audit = app.as_key().get("/audit-events?action=secret.reveal").await.ok(200);
    let rows = audit["data"].as_array().unwrap();
    assert_eq!(rows.len(), 2);
    assert_eq!(rows[0]["target"]["id"], made["secretId"]);
    assert_eq!(rows[0]["actor"]["type"], "member");

    let hidden = format!("{}/reveal", one("HIDDEN"));
    owner.get(&hidden).await.page(403, "nobody is ever shown its value");
    let refused = owner.post(&hidden, &[]).await;
    refused.page(403, "nobody is ever shown its value");
    assert!(!refused.html.contains(VALUE));

    app.clock.advance(TimeDelta::minutes(6));
    let late = owner.post(&reveal, &[]).await;
    assert_eq!(late.status, 303);
    assert!(late.location.unwrap().starts_with("/dashboard/step-up?next="));
    step_up(&owner, &reveal).await;
    owner.post(&reveal, &[]).await.page(200, VALUE);
}

#[tokio::test]
async fn a_member_is_shown_twenty_values_an_hour_and_the_owners_hear_of_ten_in_a_hurry() {
    let Some(app) = TestApp::start().await else { return };
    let owner = app.as_owner().await;
    let admin = app.as_invited(&owner, "admin", "ada@acme.test").await;
    app.secret(&masked("K")).await;
    let reveal = format!("{}/reveal", one("K"));
    for _ in 0..10 {
        admin.post(&reveal, &[]).await.page(200, VALUE);
    }
    let alarms = async || {
        let page = app.as_key().get("/audit-events?action=secret.reveal_alarm").await.ok(200);
        page["data"].as_array().unwrap().clone()
    };
    assert!(alarms().await.is_empty());
    assert!(!owner.get("/dashboard/production/overview").await.html.contains("many secrets"));
    for _ in 10..20 {
        admin.post(&reveal, &[]).await.page(200, VALUE);
    }
    let told = alarms().await;
    assert_eq!(told.len(), 1, "once");
    assert_eq!(told[0]["actor"], told[0]["target"]);
    owner.get("/dashboard/production/overview").await.page(200, "Sam Invited was shown many secrets");
    let refused = admin.post(&reveal, &[]).await;
    refused.page(429, "which is the most");
    assert!(!refused.html.contains(VALUE) && refused.headers.contains_key("retry-after"));
    let page = app.as_key().get("/audit-events?action=secret.reveal").await.ok(200);
    assert_eq!(
        (&page["data"][0]["result"], &page["data"][0]["reason"]),
        (&json!("refused"), &json!("rate_limited"))
    );
    // Nor are they asked whether they want to see it.
    admin.get(&reveal).await.page(429, "which is the most");
    owner.post(&reveal, &[]).await.page(200, VALUE);

    app.clock.advance(TimeDelta::minutes(61));
    admin.sign_in().await.leads_to("/dashboard");
    admin.post(&reveal, &[]).await.page(200, VALUE);
    // A key has its scope instead.
    for _ in 0..25 {
        app.as_key().act("/secrets/K/reveal").await.ok(200);
    }
}

#[tokio::test]
async fn the_owners_are_told_by_mail_where_there_is_any() {
    let server = MailServer::start().await;
    let Some(app) = TestApp::start_as(|parts| parts.mailer = Some(mailer(&server)), |_| ()).await else {
        return;
    };
    let owner = app.as_owner().await;
    let admin = app.as_invited(&owner, "admin", "ada@acme.test").await;
    app.secret(&masked("K")).await;
    for _ in 0..11 {
        admin.post(&format!("{}/reveal", one("K")), &[]).await.page(200, VALUE);
    }
    let about = |mail: &Mail| mail.header("Subject").is_some_and(|subject| subject.contains("many secrets"));
    let alarm =
        eventually("an alarm by mail", async || server.take().into_iter().find(about).ok_or("none yet"));
    let alarm = alarm.await;
    assert_eq!(alarm.to, ["owner@acme.test"]);
    let text = alarm.part("text/plain");
    assert!(text.contains("Sam Invited") && text.contains("/dashboard/production/overview"), "{text}");
    assert!(!text.contains(VALUE), "{text}");
}
