//! Vouchsafe at django-oauth-toolkit: rotation, with and without a grace.

use chrono::TimeDelta;
use futures_util::future::join_all;

use super::rotation::{LIFETIME, end, renew, turns};
use crate::support::app::TestApp;
use crate::support::outside::{self, Person};
use crate::support::servers::{AuthServer as _, django::DjangoServer};

#[tokio::test]
async fn rotations_under_several_callers_kill_no_family() {
    let Some(server) = DjangoServer::start(0).await else { return };
    let Some(app) = TestApp::start().await else { return };
    let (client, _) = app.put_real(&server, &server.url(1)).await;
    let credential = app.connect_real(&server, "u-17").await;
    renew(&app, &server, &credential, turns()).await;
    assert_eq!(server.tokens(&client).await, (1, turns() as u64));
    end(&app, &server, &credential).await;
    assert_eq!(server.tokens(&client).await.0, 0);
}

#[tokio::test]
async fn with_a_grace_every_version_is_spent_once_all_the_same() {
    let Some(server) = DjangoServer::start(10).await else { return };
    let Some(app) = TestApp::start().await else { return };
    let (client, _) = app.put_real(&server, &server.url(1)).await;
    let credential = app.connect_real(&server, "u-17").await;
    renew(&app, &server, &credential, turns()).await;
    let (live, dead) = server.tokens(&client).await;
    assert_eq!(live + dead, turns() as u64 + 1, "{live} live, {dead} dead");
    end(&app, &server, &credential).await;
}

#[tokio::test]
async fn q09_many_credentials_at_once_lose_none_though_its_database_has_one_writer() {
    let Some(server) = DjangoServer::start(0).await else { return };
    let Some(app) = TestApp::start().await else { return };
    let (client, _) = app.put_real(&server, &server.url(1)).await;
    let mut credentials = Vec::new();
    for number in 0..10 {
        credentials.push(app.connect_real(&server, &format!("u-{number}")).await);
    }
    for _ in 0..5 {
        app.clock.advance(LIFETIME);
        let answers = join_all(credentials.iter().map(|credential| app.read(credential))).await;
        // Some may have got its page for a locked database, and wait.
        assert!(answers.iter().all(|answer| matches!(answer.status, 200 | 503)), "{answers:?}");
        app.rounds(6, TimeDelta::seconds(20)).await;
    }
    // One after the other, none meets that page, and whoever waits is done after the late retry of a lost answer.
    for credential in &credentials {
        app.clock.advance(LIFETIME);
        let mut answer = app.read(credential).await;
        for _ in 0..60 {
            if answer.status == 200 {
                break;
            }
            app.clock.advance(TimeDelta::seconds(20));
            answer = app.read(credential).await;
        }
        let token = answer.ok(200)["accessToken"].as_str().unwrap().to_owned();
        assert_eq!(server.whose(&token).await.as_deref(), Ok("1"));
        assert_eq!(app.count_events(credential, "credential.expired").await, 0);
    }
    assert_eq!(server.tokens(&client).await.0, 10);
}

#[tokio::test]
async fn its_pages_carry_the_opener_policy_that_django_comes_with() {
    let Some(server) = DjangoServer::start(0).await else { return };
    let mut person = Person::new(outside::client());
    let (_, page) = person.open(server.url(0).parse().unwrap()).await;
    assert_eq!(page.headers()["cross-origin-opener-policy"], "same-origin");
}
