//! Class U: the app answered with tokens that its definition does not find. The old token is spent, and its successor
//! lies in the journal.

use chrono::TimeDelta;
use http::StatusCode;
use sea_orm::ConnectionTrait as _;
use vouchsafe::demo::fake::{Endpoint, Fault, Plan, RefreshKind};

use super::pending;
use crate::support::app::{Setup, TestApp};
use crate::support::crowd::Copier;
use crate::support::database::is_postgres;
use crate::support::refreshing::{Alerts, standing};
use crate::support::wait::eventually;

/// A definition that looks for the access token where it is not.
pub(super) fn misled(text: &str) -> String {
    let wrong = "token_response = { access_token = \"tokens.access\" }\n\n[oauth2.refresh]";
    text.replace("\n[oauth2.refresh]", wrong)
}

const LIMITS: &str = "\n[limits]\nconcurrency = 64\nrate = 10000\n";

#[tokio::test]
async fn a_mended_definition_finds_the_tokens_that_were_kept() {
    for kind in [RefreshKind::Grace(30), RefreshKind::Reject, RefreshKind::Strict] {
        let alerts = Alerts::listen();
        let Some((app, credential)) = TestApp::connected(Setup::of(kind).unhurried()).await else { return };
        let members = Copier::of(&app, &credential).await.here(9).await;
        app.clock.advance(TimeDelta::hours(2));
        app.redefine(|text| misled(&text) + LIMITS);
        app.round().await;
        assert_eq!(app.refreshes(), 10);
        assert_eq!(alerts.count("holds no token"), 10);
        for id in members.iter().map(|member| &member.credential).chain([&credential]) {
            assert_eq!(app.standing(id).await, standing("error", "refresh_unconfirmed", ""));
            pending(&app.read(id).await);
        }
        app.rounds(4, TimeDelta::minutes(15)).await;
        app.hub.sweep().await.unwrap();
        assert_eq!(app.refreshes(), 10, "{kind}: what is spent is not sent again");

        app.redefine(|text| text + LIMITS);
        app.hub.sweep().await.unwrap();
        for id in members.iter().map(|member| &member.credential).chain([&credential]) {
            assert_eq!(app.count_events(id, "credential.recovered").await, 1, "{kind}");
            assert_eq!(app.count_events(id, "credential.expired").await, 0, "{kind}");
        }
        // An hour old by now, so they are renewed with the token that was found.
        app.round().await;
        for member in &members {
            assert_eq!(app.standing(&member.credential).await, standing("active", "", ""), "{kind}");
            let grant = app.fake.grant(member.grant).unwrap();
            assert_eq!((grant.alive, grant.version, grant.at(1).requests), (true, 3, 1), "{kind}");
        }
    }
}

/// Past the hub: whether the database takes the note that an answer lies unread.
async fn take_notes(app: &TestApp, takes: bool) {
    let sql = match (is_postgres(), takes) {
        (false, true) => "DROP TRIGGER refuse_note",
        (false, false) => {
            "CREATE TRIGGER refuse_note BEFORE UPDATE ON credential_token WHEN NEW.attempt_state = 'held' \
            BEGIN SELECT RAISE(ABORT, 'disk full'); END"
        }
        (true, true) => "DROP TRIGGER refuse_note ON credential_token",
        (true, false) => {
            "CREATE FUNCTION refuse_note() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN \
            RAISE EXCEPTION 'disk full'; END $$; \
            CREATE TRIGGER refuse_note BEFORE UPDATE ON credential_token FOR EACH ROW \
            WHEN (NEW.attempt_state = 'held') EXECUTE FUNCTION refuse_note()"
        }
    };
    let database = sea_orm::Database::connect(app.database_url()).await.unwrap();
    database.execute_unprepared(sql).await.unwrap();
    database.close().await.unwrap();
}

#[tokio::test]
async fn a_database_that_fails_meanwhile_notes_later_that_an_answer_lies_unread() {
    let alerts = Alerts::listen();
    let setup = Setup::of(RefreshKind::Strict).unhurried();
    let Some((app, credential)) = TestApp::spent(setup).await else { return };
    app.redefine(|text| misled(&text) + LIMITS);
    take_notes(&app, false).await;
    app.hub.work_off_due().await.unwrap();
    eventually("a note that is not taken", async || match alerts.count("could not be noted yet") {
        0 => Err("none yet"),
        _ => Ok(()),
    })
    .await;
    assert_eq!(alerts.count("holds no token"), 0, "what is not written is not told");
    take_notes(&app, true).await;
    app.settle().await;
    assert_eq!(alerts.count("holds no token"), 1);
    // Long past the lease, and past the quarantine of a holder that fell silent.
    app.rounds(2, TimeDelta::minutes(15)).await;
    assert_eq!(app.refreshes(), 1, "what is spent is not sent again");
    assert_eq!(app.standing(&credential).await, standing("error", "refresh_unconfirmed", ""));

    app.redefine(|text| text + LIMITS);
    app.hub.sweep().await.unwrap();
    assert_eq!(app.standing(&credential).await, standing("active", "", ""));
    let grants = app.fake.grants();
    let grant = &grants[0];
    assert_eq!((grant.alive, grant.version, grant.at(1).requests), (true, 2, 1));
}

#[tokio::test]
async fn what_nobody_mends_is_asked_for_again_after_a_day() {
    let Some((app, credential)) = TestApp::spent(Setup::of(RefreshKind::Strict)).await else { return };
    let odd = Fault::answer(StatusCode::OK, "application/json", "{\"ok\":true}");
    app.fake.program(Plan::next(Endpoint::Refresh, odd));
    pending(&app.read(&credential).await);
    app.rounds(23, TimeDelta::hours(1)).await;
    app.hub.sweep().await.unwrap();
    assert_eq!(app.refreshes(), 1);
    app.rounds(2, TimeDelta::hours(1)).await;
    assert_eq!(app.fake.grants()[0].at(1).requests, 2);
    assert_eq!(app.standing(&credential).await, standing("active", "", ""));
}

#[tokio::test]
async fn what_can_be_read_again_is_read_before_its_token_is_sent_once_more() {
    let Some((app, credential)) = TestApp::spent(Setup::of(RefreshKind::Strict)).await else { return };
    app.redefine(|text| misled(&text));
    pending(&app.read(&credential).await);
    app.clock.advance(TimeDelta::hours(25));
    app.redefine(|text| text);
    // Before any sweep: its day is over, and what came for it lies here all the same.
    app.rounds(2, TimeDelta::seconds(1)).await;
    app.read(&credential).await.ok(200);
    let grant = app.fake.grants().remove(0);
    assert_eq!((grant.alive, grant.at(1).requests), (true, 1));
}

#[tokio::test]
async fn what_lies_unread_for_long_keeps_nobodys_place() {
    let Some((app, credential)) = TestApp::connected(Setup::of(RefreshKind::Strict).unhurried()).await else {
        return;
    };
    // As many as are looked at at once.
    Copier::of(&app, &credential).await.here(99).await;
    app.clock.advance(TimeDelta::hours(2));
    app.redefine(|text| misled(&text) + LIMITS);
    app.round().await;
    assert_eq!(app.refreshes(), 100);
    app.undefine("fernhill");
    app.clock.advance(TimeDelta::hours(25));
    app.user("u-18").await;
    let own = app.renewable("u-18").await["credentialId"].as_str().unwrap().to_owned();
    app.clock.advance(TimeDelta::hours(1));
    let before = app.as_key().get(&format!("/credentials/{own}")).await.ok(200)["lastRefreshedAt"].clone();
    for _ in 0..3 {
        app.round().await;
        app.clock.advance(TimeDelta::seconds(5));
    }
    let after = app.as_key().get(&format!("/credentials/{own}")).await.ok(200)["lastRefreshedAt"].clone();
    assert_ne!(before, after, "it is renewed beside them");
    assert_eq!(app.refreshes(), 100, "what is spent is not sent again");
}

#[tokio::test]
async fn a_new_grant_does_not_wait_for_what_came_for_the_old_one() {
    let Some((app, credential)) = TestApp::spent(Setup::of(RefreshKind::Strict)).await else { return };
    let odd = Fault::answer(StatusCode::OK, "application/json", "{\"ok\":true}");
    app.fake.program(Plan::next(Endpoint::Refresh, odd));
    pending(&app.read(&credential).await);
    app.reconnect(&credential).await;
    app.clock.advance(TimeDelta::hours(2));
    app.read(&credential).await.ok(200);
    assert_eq!(app.refreshes(), 2);
}

#[tokio::test]
async fn a_token_that_never_changes_is_asked_for_again_with_patience() {
    let Some((app, credential)) = TestApp::spent(Setup::of(RefreshKind::Static)).await else { return };
    let odd = Fault::answer(StatusCode::OK, "application/x-www-form-urlencoded", "ok=1");
    app.fake.program(Plan::next(Endpoint::Refresh, odd).times(2));
    for _ in 0..2 {
        pending(&app.read(&credential).await);
        assert_eq!(app.standing(&credential).await, standing("error", "unexpected_response", ""));
        app.clock.advance(TimeDelta::minutes(1));
    }
    app.read(&credential).await.ok(200);
}

#[tokio::test]
async fn answers_that_nobody_can_read_stop_their_own_connector_and_no_other() {
    let alerts = Alerts::listen();
    let Some((app, credential)) = TestApp::connected(Setup::of(RefreshKind::Strict).unhurried()).await else {
        return;
    };
    let copier = Copier::of(&app, &credential).await;
    let members = copier.here(40).await;
    app.clock.advance(TimeDelta::hours(2));
    app.redefine(|text| text + "\n[limits]\nconcurrency = 2\nrate = 10000\n");
    // The largest that is taken: some thirty are all that one connector may leave, and twice what a journal holds.
    let padded = format!("{{\"pad\":\"{}\"}}", "x".repeat(255 * 1024));
    app.fake.program(
        Plan::next(Endpoint::Refresh, Fault::answer(StatusCode::OK, "application/json", padded)).always(),
    );
    app.round().await;
    let asked = app.refreshes();
    assert!((20..30).contains(&asked), "{asked} of 41 were asked for");
    assert_eq!(alerts.count("take all the room"), 1);
    app.fake.clear_faults();
    app.rounds(2, TimeDelta::minutes(15)).await;
    assert_eq!(app.refreshes(), asked, "nothing more is spent whose answer could not be kept");

    let other = copier.elsewhere("beside", 1).await.remove(0);
    app.round().await;
    assert_eq!(app.fake.grant(other.grant).unwrap().version, 2, "the room of others is theirs");

    app.rounds(24, TimeDelta::hours(1)).await;
    app.hub.sweep().await.unwrap();
    app.rounds(2, TimeDelta::hours(1)).await;
    for id in members.iter().map(|member| &member.credential).chain([&credential]) {
        assert_eq!(app.standing(id).await, standing("active", "", ""));
    }
}
