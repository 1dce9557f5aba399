//! Quirks of renewal.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use chrono::TimeDelta;
use futures_util::future::join_all;
use http::StatusCode;
use serde_json::{Value, json};
use vouchsafe::demo::fake::{Endpoint, Fault, Plan, RefreshKind};

use super::super::facts::{Asked, text};
use super::super::rotation::{LIFETIME, renew};
use crate::support::app::{Setup, TestApp};
use crate::support::database::is_postgres;
use crate::support::process::Api;
use crate::support::raw_server::RawServer;
use crate::support::refreshing::standing;
use crate::support::replicas::Replica;
use crate::support::servers::{AuthServer, OidcOptions, OidcProvider, django::DjangoServer};

/// 200 callers at once, spread over all hubs; they must all get the same token.
async fn crowd_reads(app: &TestApp, others: &[Replica], credential: &str) {
    let mut apis = vec![Api::new(app.base_url.clone(), app.key())];
    apis.extend(others.iter().map(|replica| replica.api.clone()));
    let path = format!("/credentials/{credential}/token");
    let reads = (0..200).map(|caller| apis[caller % apis.len()].call("GET", &path, None));
    let answers = join_all(reads).await;
    let token = |(status, body): &(u16, Value)| {
        assert_eq!(*status, 200, "{body}");
        body["accessToken"].to_string()
    };
    let tokens: HashSet<String> = answers.iter().map(token).collect();
    assert_eq!(tokens.len(), 1);
}

/// Two more hubs on PostgreSQL. An embedded database has one hub.
async fn others(app: &TestApp) -> Vec<Replica> {
    let names: &[&str] = if is_postgres() { &["node_1", "node_2"] } else { &[] };
    join_all(names.iter().map(|name| app.replica(name))).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn q01_two_hundred_callers_are_one_request() {
    let Some(server) = OidcProvider::start(OidcOptions::default()).await else { return };
    let Some(app) = TestApp::start().await else { return };
    app.put_real(&server, &server.url(1)).await;
    let others = others(&app).await;
    let credential = app.connect_real(&server, "u-17").await;
    for turn in 1..=3 {
        app.clock.advance(LIFETIME);
        crowd_reads(&app, &others, &credential).await;
        server.reported("refresh_token.consumed", turn).await;
    }
    assert!(server.events("grant.revoked").is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn q01_two_hundred_callers_are_one_request_twin() {
    let Some((app, credential)) = TestApp::connected(Setup::of(RefreshKind::Strict)).await else { return };
    let others = others(&app).await;
    for turn in 1..=3 {
        app.clock.advance(TimeDelta::hours(2));
        crowd_reads(&app, &others, &credential).await;
        assert_eq!(app.refreshes(), turn);
    }
    assert!(app.fake.grants()[0].alive);
}

/// A hub whose token requests go through a front, which loses the next answer to a refresh once it is armed.
async fn lossy(server: &impl AuthServer) -> Option<(TestApp, RawServer, Arc<AtomicBool>, String)> {
    let app = TestApp::start().await?;
    let armed = Arc::new(AtomicBool::new(false));
    let trap = Arc::clone(&armed);
    let front = RawServer::front(server.base_url(), move |request| {
        request.contains("grant_type=refresh_token") && trap.swap(false, Ordering::SeqCst)
    })
    .await;
    app.put_real(server, &format!("{}{}", front.base_url, server.paths()[1])).await;
    let credential = app.connect_real(server, "u-17").await;
    Some((app, front, armed, credential))
}

#[tokio::test]
async fn q02_a_lost_answer_is_not_asked_for_again_at_once_where_reuse_kills() {
    let Some(server) = OidcProvider::start(OidcOptions::default()).await else { return };
    let Some((app, front, armed, credential)) = lossy(&server).await else { return };
    renew(&app, &server, &credential, 2).await;
    armed.store(true, Ordering::SeqCst);
    app.clock.advance(LIFETIME);
    app.read(&credential).await.assert_problem(503, "refresh_pending");
    let sent = front.requests().len();
    app.rounds(3, TimeDelta::seconds(13)).await;
    assert_eq!(front.requests().len(), sent, "for forty seconds");
    assert_eq!(app.standing(&credential).await, standing("error", "refresh_unconfirmed", ""));
    assert!(server.events("grant.revoked").is_empty());
    // The one retry of a token that was spent: the server ends the grant, and the hub says what happened.
    app.rounds(1, TimeDelta::seconds(2)).await;
    assert_eq!(front.requests().len(), sent + 1);
    server.reported("grant.revoked", 1).await;
    assert_eq!(app.standing(&credential).await, standing("expired", "grant_lost", "reconnect"));
}

#[tokio::test]
async fn q02_a_lost_answer_is_asked_for_at_once_inside_a_grace() {
    let Some(server) = DjangoServer::start(10).await else { return };
    let Some((app, front, armed, credential)) = lossy(&server).await else { return };
    armed.store(true, Ordering::SeqCst);
    app.clock.advance(LIFETIME);
    app.read(&credential).await.assert_problem(503, "refresh_pending");
    let sent = front.requests().len();
    let token = app.token(&credential).await["accessToken"].as_str().unwrap().to_owned();
    assert_eq!(front.requests().len(), sent + 1);
    assert_eq!(server.whose(&token).await.as_deref(), Ok("1"));
    renew(&app, &server, &credential, 3).await;
}

#[tokio::test]
async fn q02_a_lost_answer_twin() {
    for (kind, alive) in [(RefreshKind::Strict, false), (RefreshKind::Grace(10), true)] {
        let Some((app, credential)) = TestApp::spent(Setup::of(kind)).await else { return };
        app.fake.program(Plan::next(Endpoint::Refresh, Fault::close_after()));
        app.read(&credential).await.assert_problem(503, "refresh_pending");
        app.round().await;
        assert_eq!(app.refreshes(), if alive { 2 } else { 1 }, "{kind}");
        app.rounds(1, TimeDelta::seconds(41)).await;
        assert_eq!((app.refreshes(), app.fake.grants()[0].alive), (2, alive), "{kind}");
    }
}

#[tokio::test]
async fn q03_where_every_parallel_refresh_is_taken_the_hub_still_sends_one() {
    let Some(server) = DjangoServer::start(10).await else { return };
    let asked = Asked::of(&server).await;
    let first = asked.tokens().await;
    let token = text(&first, "refresh_token");
    asked.refresh(token).await;
    let (status, again) = asked.refresh(token).await;
    assert_eq!(status, 200, "{again}");

    let Some(app) = TestApp::start().await else { return };
    let (client, _) = app.put_real(&server, &server.url(1)).await;
    let credential = app.connect_real(&server, "u-17").await;
    for turn in 1..=3 {
        app.clock.advance(LIFETIME);
        crowd_reads(&app, &[], &credential).await;
        let (live, dead) = server.tokens(&client).await;
        assert_eq!(live + dead, turn + 1);
    }
}

#[tokio::test]
async fn q03_where_every_parallel_refresh_is_taken_the_hub_still_sends_one_twin() {
    let Some((app, credential)) = TestApp::spent(Setup::of(RefreshKind::Grace(10))).await else { return };
    crowd_reads(&app, &[], &credential).await;
    let served = app.token(&credential).await["accessToken"].as_str().unwrap().to_owned();
    assert_eq!((app.refreshes(), app.fake.identify(&served)), (1, Some((1, 2))));
}

#[tokio::test]
async fn q04_an_empty_error_body_is_not_a_revocation_twin() {
    let Some((app, credential)) = TestApp::spent(Setup::of(RefreshKind::Strict)).await else { return };
    app.fake.program(Plan::next(Endpoint::Refresh, Fault::status(StatusCode::BAD_REQUEST)));
    app.read(&credential).await.assert_problem(503, "refresh_pending");
    assert_eq!(app.standing(&credential).await, standing("error", "refresh_unconfirmed", ""));
    app.rounds(1, TimeDelta::seconds(41)).await;
    assert_eq!(app.standing(&credential).await, standing("active", "", ""));
}

#[tokio::test]
async fn q08_without_rotation_the_old_refresh_token_stays_in_use() {
    let options = OidcOptions { rotate: false, ..OidcOptions::default() };
    let Some(server) = OidcProvider::start(options).await else { return };
    let Some(app) = TestApp::start().await else { return };
    app.put_real(&server, &server.url(1)).await;
    let credential = app.connect_real(&server, "u-17").await;
    renew(&app, &server, &credential, 5).await;
    assert!(server.events("refresh_token.consumed").is_empty());
}

#[tokio::test]
async fn q09_a_page_instead_of_an_answer_changes_nothing_twin() {
    let page = "<!doctype html><title>Server Error (500)</title><h1>canary-page-77ab</h1>";
    let fault = Fault::answer(StatusCode::INTERNAL_SERVER_ERROR, "text/html", page);
    let Some((app, credential)) = TestApp::connected(Setup::of(RefreshKind::Strict)).await else { return };
    app.fake.program(Plan::next(Endpoint::Refresh, fault));
    app.clock.advance(TimeDelta::minutes(50));
    app.round().await;
    assert_eq!(app.standing(&credential).await, standing("active", "refresh_unconfirmed", ""));
    app.read(&credential).await.ok(200);
    for path in ["/events", "/audit-events", &format!("/credentials/{credential}")] {
        let seen = app.as_key().get(path).await.json().to_string();
        assert!(!seen.contains("canary-page"), "{seen}");
    }
    app.rounds(1, TimeDelta::minutes(10)).await;
    assert_eq!(app.standing(&credential).await, standing("active", "", ""));
}

#[tokio::test]
async fn q12_the_newest_lifetime_counts_twin() {
    let Some(app) = TestApp::start().await else { return };
    app.put_fernhill().await;
    let long = Fault::merge(serde_json::Map::from_iter([("expires_in".to_owned(), json!(864_000))]));
    app.fake.program(Plan::next(Endpoint::Exchange, long));
    let credential = app.connect("u-17").await;
    assert_eq!(app.token(&credential).await["expiresAt"], "2030-01-11T00:00:00.000Z");
    app.clock.advance(TimeDelta::days(11));
    assert_eq!(app.token(&credential).await["expiresAt"], "2030-01-12T01:00:00.000Z");
    app.clock.advance(TimeDelta::hours(2));
    assert_eq!(app.token(&credential).await["expiresAt"], "2030-01-12T03:00:00.000Z");
}

#[tokio::test]
async fn q14_without_a_refresh_token_the_user_is_asked_to_come_back() {
    let options = OidcOptions { always_refresh_token: false, ..OidcOptions::default() };
    let Some(server) = OidcProvider::start(options).await else { return };
    let Some(app) = TestApp::start().await else { return };
    app.put_real(&server, &server.url(1)).await;
    let credential = app.connect_real(&server, "u-17").await;
    assert_eq!(app.standing(&credential).await, standing("active", "", ""));
    assert_eq!(app.shown(&credential).await["expiresAt"], "2030-01-01T00:00:05.000Z");
    app.refresh_now(&credential).await.assert_problem(400, "not_refreshable");
    app.rounds(1, LIFETIME).await;
    assert_eq!(app.standing(&credential).await, standing("expired", "no_refresh_token", "reconnect"));
    assert_eq!(app.reasons("credential.expired").await, ["no_refresh_token"]);
}
