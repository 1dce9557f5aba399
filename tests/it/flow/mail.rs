//! Mails to people who should connect again: to whom, with which link, and what happens when the server is away.

use std::sync::Arc;

use serde_json::{Value, json};
use vouchsafe::demo::fake::{QUILLPOST, VALID_KEY};
use vouchsafe::egress::smtp::{Sender, Smtp, SmtpServer};
use vouchsafe::http::mail::MailWords;
use vouchsafe::http::render::Renderer;
use vouchsafe::service::mail::Mailer;

use crate::support::app::TestApp;
use crate::support::smtp::MailServer;
use crate::support::wait::eventually;

const DAY: i64 = 86_400;

pub(crate) fn mailer(server: &MailServer) -> Mailer {
    let url = format!("smtp://hub:p%40ss@127.0.0.1:{}", server.port);
    let smtp = SmtpServer::parse(&url.into()).unwrap();
    let from = Sender::parse("Acme <hub@acme.test>").unwrap();
    let words = MailWords::new(Arc::new(Renderer::load().unwrap()));
    Mailer { smtp: Smtp::new(smtp, from), words: Arc::new(words) }
}

/// A hub with a mail server, a user with an address, and their key that ends after 30 days.
async fn stage(settings: &Value) -> Option<(TestApp, MailServer, String)> {
    let server = MailServer::start().await;
    let app = TestApp::start_as(|parts| parts.mailer = Some(mailer(&server)), |_| ()).await?;
    app.as_key().patch("/environment", settings).await.ok(200);
    app.as_key().post("/users", &json!({"username": "u-17", "email": "jo@acme.test"})).await.ok(201);
    let body = json!({
        "userId": "u-17", "connector": QUILLPOST, "data": {"key": VALID_KEY}, "period": "P30D", "name": "Orders"
    });
    let made = app.as_key().post("/credentials", &body).await.ok(201);
    let id = made["credentialId"].as_str().unwrap().to_owned();
    Some((app, server, id))
}

async fn last_event(app: &TestApp) -> Value {
    app.all_events().await.pop().unwrap()
}

#[tokio::test]
async fn a_user_is_told_ahead_and_at_the_end_with_a_link() {
    let settings = json!({
        "mail": {"to": "user", "locale": "de"}, "defaultReturnUrl": "https://app.acme.test/back",
        "theme": {"appName": "Acme"}
    });
    let Some((app, server, _)) = stage(&settings).await else { return };
    for (days, kind, subject) in [
        (23, "credential.expiring", "Acme: Quillpost muss bald erneut verbunden werden"),
        (7, "credential.expired", "Acme: Quillpost erneut verbinden"),
    ] {
        app.pass(days * DAY);
        app.sweep().await;
        app.hub.send_mails().await.unwrap();
        let mails = server.take();
        assert_eq!(mails.len(), 1, "{kind}");
        let mail = &mails[0];
        let event = last_event(&app).await;
        assert_eq!(event["type"], kind);
        let link = event["reconnectUrl"].as_str().unwrap();
        assert_eq!(mail.to, ["jo@acme.test"]);
        assert!(mail.from.contains("hub@acme.test"), "{}", mail.from);
        assert_eq!(mail.header("subject").as_deref(), Some(subject));
        assert_eq!(mail.header("auto-submitted").as_deref(), Some("auto-generated"));
        assert!(mail.header("message-id").unwrap().starts_with("<mail_"));
        assert!(mail.part("text/plain").contains(link), "{}", mail.part("text/plain"));
        assert!(mail.part("text/plain").contains("Orders"));
        assert!(mail.part("text/html").contains("<a href=\"http"), "{}", mail.part("text/html"));
    }
    assert_eq!(server.logins().len(), 2);
    app.hub.send_mails().await.unwrap();
    assert!(server.take().is_empty(), "each once");
}

#[tokio::test]
async fn an_admin_is_told_whose_it_is_and_gets_the_embedders_own_page() {
    let settings = json!({
        "mail": {"to": "admin", "adminAddress": "ops@acme.test"},
        "reconnectUrl": "https://app.acme.test/fix/{credentialId}"
    });
    let Some((app, server, id)) = stage(&settings).await else { return };
    app.pass(30 * DAY);
    app.sweep().await;
    app.hub.send_mails().await.unwrap();
    let mails = server.take();
    assert_eq!((mails.len(), mails[0].to.as_slice()), (1, &["ops@acme.test".to_owned()][..]));
    let text = mails[0].part("text/plain");
    assert!(text.contains("u-17") && text.contains(&format!("https://app.acme.test/fix/{id}")), "{text}");
    assert!(!text.contains("seven days"), "the embedder's page has no end: {text}");
}

#[tokio::test]
async fn nobody_is_told_by_default_or_of_what_they_did_themselves() {
    let Some((app, server, _)) = stage(&json!({})).await else { return };
    app.pass(30 * DAY);
    app.sweep().await;
    app.as_key().patch("/environment", &json!({"mail": {"to": "user"}})).await.ok(200);
    let id = app.credential("u-17").await["credentialId"].as_str().unwrap().to_owned();
    app.as_key().act(&format!("/credentials/{id}/revoke")).await.ok(200);
    // A user without an address is told nothing, and nothing fails.
    app.user("v").await;
    let body = json!({"userId": "v", "connector": QUILLPOST, "data": {"key": VALID_KEY}, "period": "P1D"});
    app.as_key().post("/credentials", &body).await.ok(201);
    app.pass(DAY);
    app.sweep().await;
    assert_eq!(last_event(&app).await["type"], "credential.expired");
    app.hub.send_mails().await.unwrap();
    assert!(server.take().is_empty());
}

#[tokio::test]
async fn a_mail_waits_for_a_server_that_is_away_and_gives_up_where_it_is_refused() {
    let Some((app, server, _)) = stage(&json!({"mail": {"to": "user"}})).await else { return };
    server.refuse("451 later").refuse("421 busy");
    app.pass(30 * DAY);
    app.sweep().await;
    app.hub.send_mails().await.unwrap();
    assert!(server.take().is_empty());
    app.pass(59);
    app.hub.send_mails().await.unwrap();
    assert!(server.take().is_empty(), "before its time");
    app.pass(1);
    app.hub.send_mails().await.unwrap();
    assert!(server.take().is_empty(), "busy");
    app.pass(300);
    // Another hub on the same database finds it: the queue is not in a process.
    let other = app.another_hub(|parts| parts.mailer = Some(mailer(&server))).await;
    other.send_mails().await.unwrap();
    assert_eq!(server.take().len(), 1);
    app.hub.send_mails().await.unwrap();
    assert!(server.take().is_empty(), "once");

    server.refuse("550 no such user");
    let body =
        json!({"userId": "u-17", "connector": QUILLPOST, "data": {"key": VALID_KEY}, "period": "PT1H"});
    app.as_key().post("/credentials", &body).await.ok(201);
    app.pass(3_600);
    app.sweep().await;
    for _ in 0..3 {
        app.hub.send_mails().await.unwrap();
        app.pass(DAY);
    }
    assert!(server.take().is_empty(), "what is refused for good is not tried again");
}

#[tokio::test]
async fn a_mail_that_does_not_open_keeps_no_other_back_and_is_given_up() {
    let Some((app, server, _)) = stage(&json!({"mail": {"to": "user"}})).await else { return };
    let body =
        json!({"userId": "u-17", "connector": QUILLPOST, "data": {"key": VALID_KEY}, "period": "P30D"});
    app.as_key().post("/credentials", &body).await.ok(201);
    app.pass(30 * DAY);
    app.sweep().await;
    let ids = app.rows("SELECT id FROM mail ORDER BY id").await;
    let ids: Vec<String> = ids.iter().map(|row| row.try_get("", "id").unwrap()).collect();
    let [shut, open] = &ids[..] else { panic!("{ids:?}") };
    let swap = format!(
        "UPDATE mail SET sealed = (SELECT o.sealed FROM mail o WHERE o.id = '{open}') WHERE id = '{shut}'"
    );
    app.rows(&swap).await;
    app.hub.send_mails().await.unwrap();
    assert_eq!(server.take().len(), 1, "the other");
    for _ in 0..10 {
        app.pass(DAY);
        app.hub.send_mails().await.unwrap();
    }
    assert!(server.take().is_empty());
    let waiting = app.rows("SELECT id FROM mail WHERE due_at IS NOT NULL").await;
    assert!(waiting.is_empty(), "it is not tried for ever");
}

#[tokio::test]
async fn every_mistake_of_the_mail_setting_is_pointed_at() {
    let Some(app) = TestApp::start().await else { return };
    for (mail, pointer) in [
        (json!({"to": "everybody"}), "/mail/to"),
        (json!({"to": 1}), "/mail/to"),
        (json!({"to": "admin"}), "/mail/adminAddress"),
        (json!({"to": "admin", "adminAddress": "nobody"}), "/mail/adminAddress"),
        (json!({"to": "user", "locale": ""}), "/mail/locale"),
        (json!({"to": "user", "cc": "x"}), "/mail/cc"),
        (json!("user"), "/mail"),
    ] {
        app.as_key().patch("/environment", &json!({"mail": mail})).await.assert_invalid(&[pointer]);
    }
    let mail = json!({"to": "admin", "adminAddress": "ops@acme.test", "locale": "ja"});
    let changed = app.as_key().patch("/environment", &json!({"mail": mail})).await.ok(200);
    assert_eq!(changed["mail"], mail);
    assert_eq!(app.as_key().patch("/environment", &json!({"mail": {}})).await.ok(200)["mail"], json!({}));
}

#[tokio::test]
async fn a_member_mails_a_link_to_reconnect_to_whom_it_tells_something() {
    let settings = json!({"defaultReturnUrl": "https://app.acme.test/back", "theme": {"appName": "Acme"}});
    let Some((app, server, id)) = stage(&settings).await else { return };
    let owner = app.as_owner().await;
    let page = format!("/dashboard/production/credentials/{id}");
    app.as_key().act(&format!("/credentials/{id}/revoke")).await.ok(200);
    owner.get(&page).await.page(200, "Mail a reconnect link");
    owner.post(&format!("{page}/link"), &[("mail", "1")]).await.leads_to(&page);
    owner.get(&page).await.page(200, "The link is on its way to its user.");
    let mail = eventually("the mail", || {
        let found = server.take().pop().ok_or("none yet");
        async move { found }
    })
    .await;
    assert_eq!(mail.to, ["jo@acme.test"]);
    assert_eq!(mail.header("subject").as_deref(), Some("Acme: connect Quillpost again"));
    assert!(mail.part("text/plain").contains("/connect?session="), "{}", mail.part("text/plain"));

    // Where there is nothing to tell, or nobody to be told, it is not offered and not done.
    app.user("u-18").await;
    let other = app.credential("u-18").await["credentialId"].as_str().unwrap().to_owned();
    let page = format!("/dashboard/production/credentials/{other}");
    let shown = owner.get(&page).await;
    assert!(!shown.html.contains("Mail a reconnect link"), "{}", shown.html);
    owner.post(&format!("{page}/link"), &[("mail", "1")]).await.page(400, "That didn");
    assert!(server.take().is_empty());
}
