//! Class G: a row that the vault can't open. No call is made for it, it says so, and everybody else is served.

use chrono::TimeDelta;
use vouchsafe::demo::fake::{GrantView, RefreshKind};

use crate::support::app::{Setup, TestApp};
use crate::support::database::{CIPHERTEXT, KEY_ID};
use crate::support::refreshing::{Alerts, standing};

/// Turns a byte of what a credential holds; done twice, all is as before.
async fn turn(app: &TestApp, credential: &str, at: usize) {
    app.turn(&format!("credential_token WHERE credential_id = '{credential}'"), at).await;
}

#[tokio::test]
async fn a_row_that_can_not_be_opened_is_left_alone_and_the_others_are_renewed() {
    for at in [KEY_ID, CIPHERTEXT] {
        let alerts = Alerts::listen();
        let Some((app, credential)) = TestApp::connected(Setup::of(RefreshKind::Strict)).await else {
            return;
        };
        let other = app.connect_as("u-18", "kim@acme.test").await;
        let requests = || app.fake.grants().iter().map(GrantView::requests).collect::<Vec<_>>();
        turn(&app, &credential, at).await;
        app.clock.advance(TimeDelta::minutes(50));
        app.round().await;
        assert_eq!(requests(), [0, 1], "byte {at}");
        assert_eq!(app.standing(&credential).await, standing("error", "key_unavailable", ""));
        assert_eq!(app.standing(&other).await, standing("active", "", ""));
        let failing = app.as_key().get("/credentials?status=error").await.ok(200);
        assert_eq!(failing["data"][0]["credentialId"], credential.as_str());

        app.rounds(80, TimeDelta::seconds(10)).await;
        assert_eq!(alerts.count("the vault can't open a credential"), 1, "once in a quarter of an hour");
        app.rounds(1, TimeDelta::minutes(3)).await;
        assert_eq!(alerts.count("the vault can't open a credential"), 2, "byte {at}");
        app.read(&credential).await.assert_problem(500, "key_unavailable");
        app.clock.advance(TimeDelta::hours(2));
        app.read(&credential).await.assert_problem(500, "key_unavailable");
        app.read(&other).await.ok(200);
        assert_eq!(requests()[0], 0, "byte {at}");

        turn(&app, &credential, at).await;
        app.rounds(1, TimeDelta::minutes(16)).await;
        assert_eq!(app.standing(&credential).await, standing("active", "", ""));
        app.read(&credential).await.ok(200);
        let told = app.events(&credential).await;
        assert_eq!(told, ["credential.created", "credential.failing", "credential.recovered"], "byte {at}");
    }
}

#[tokio::test]
async fn a_key_that_was_sealed_elsewhere_says_so_before_anybody_wants_it() {
    let Some(app) = TestApp::start().await else { return };
    app.user("u").await;
    let credential = app.credential("u").await["credentialId"].as_str().unwrap().to_owned();
    turn(&app, &credential, KEY_ID).await;
    assert_eq!(app.standing(&credential).await, standing("error", "key_unavailable", ""));
    let listed = app.as_key().get("/credentials?userId=u").await.ok(200);
    assert_eq!(listed["data"][0]["statusReason"], "key_unavailable");
    let alerts = Alerts::listen();
    app.read(&credential).await.assert_problem(500, "key_unavailable");
    let place = format!("table=\"credential_token\" column=\"sealed\" row.id={credential} data_key.id=");
    let why = "error=the key that sealed the value is not at hand";
    assert!(
        alerts.count(&format!("a sealed value could not be opened {place}")) > 0,
        "the log names the row"
    );
    assert!(alerts.count(why) > 0, "and says why");
}

#[tokio::test]
async fn an_answer_whose_row_does_not_open_lands_once_it_does_and_nothing_is_sent_before() {
    let Some((app, credential)) = TestApp::connected(Setup::of(RefreshKind::Strict)).await else { return };
    let alerts = Alerts::listen();
    app.hold_renewal().await;
    turn(&app, &credential, CIPHERTEXT).await;
    app.fake.release();
    app.settle().await;
    let held = async || -> (String, i64) {
        let sql =
            format!("SELECT state, next_try_at FROM credential_token WHERE credential_id = '{credential}'");
        let rows = app.rows(&sql).await;
        (rows[0].try_get("", "state").unwrap(), rows[0].try_get("", "next_try_at").unwrap())
    };
    let for_a_day = held().await;
    app.clock.advance(TimeDelta::minutes(2));
    app.hub.sweep().await.unwrap();
    assert_eq!(held().await, for_a_day, "it is held once");
    assert_eq!(alerts.count("an answer can't be read"), 1);
    turn(&app, &credential, CIPHERTEXT).await;
    app.rounds(1, TimeDelta::minutes(30)).await;
    assert_eq!(app.refreshes(), 1);
    app.hub.sweep().await.unwrap();
    assert_eq!(app.standing(&credential).await, standing("active", "", ""));
    let grant = app.fake.grants().remove(0);
    assert_eq!((grant.alive, grant.version, grant.at(1).requests), (true, 2, 1));
}
