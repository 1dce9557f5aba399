//! What is kept for a while after its end, and what is left in the files, or in the rows of a server, afterwards.

use std::path::Path;

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};
use vouchsafe::clock::Clock as _;
use vouchsafe::demo::fake::VALID_KEY;
use vouchsafe::service::Code;

use crate::support::app::TestApp;
use crate::support::crowd::Copier;
use crate::support::database::is_postgres;
use crate::support::refreshing::standing;
use crate::support::wait::DEADLINE;

impl TestApp {
    async fn key_for_a_day(&self) -> String {
        let body = json!({
            "userId": "u", "connector": "quillpost", "data": {"key": VALID_KEY}, "verify": false, "period": "P1D",
        });
        let made = self.as_key().post("/credentials", &body).await.ok(201);
        made["credentialId"].as_str().unwrap().to_owned()
    }

    /// The sealed objects that credentials hold now.
    async fn sealed(&self) -> Vec<Vec<u8>> {
        let mut found = Vec::new();
        for column in ["sealed", "prev_sealed"] {
            let sql = format!("SELECT {column} AS s FROM credential_token WHERE {column} IS NOT NULL");
            found.extend(self.rows(&sql).await.iter().map(|row| row.try_get("", "s").unwrap()));
        }
        found
    }

    async fn count(&self, sql: &str) -> usize {
        self.rows(sql).await.len()
    }

    /// Moves on to a millisecond before `end` and purges, which takes nothing yet; then `late` after the end.
    async fn purge_around(&self, end: DateTime<Utc>, late: TimeDelta, nothing_gone: impl AsyncFnOnce()) {
        self.clock.set(end - TimeDelta::milliseconds(1));
        self.hub.purge().await.unwrap();
        nothing_gone().await;
        self.clock.set(end + late);
        self.hub.purge().await.unwrap();
    }

    /// A key goes so long after its end, and its tombstone after it, each looked at `late` after its time.
    async fn key_goes(&self, kept: TimeDelta, late: TimeDelta) {
        let credential = self.key_for_a_day().await;
        let path = format!("/credentials/{credential}");
        let end = self.clock.now() + TimeDelta::days(1);
        // The sweep comes late, which moves nothing.
        self.clock.set(end + TimeDelta::seconds(50));
        self.hub.sweep().await.unwrap();
        self.purge_around(end + kept, late, async || {
            assert_eq!(self.as_key().get(&path).await.ok(200)["status"], "expired", "{kept}");
        })
        .await;
        self.as_key().get(&path).await.assert_problem(404, "not_found");
        let told = self.events(&credential).await;
        assert_eq!(told, ["credential.created", "credential.expired", "credential.deleted"]);
        let page = self.as_key().get(&format!("/events?credentialId={credential}")).await.ok(200);
        assert_eq!(page["data"][0]["reason"], "purged");
        let audit = self.as_key().get(&format!("/audit-events?target={credential}")).await.ok(200);
        assert_eq!(audit["data"][0]["action"], "credential.revoke_upstream");
        assert_eq!(audit["data"][1]["action"], "credential.purge");

        // Its tombstone stays for late answers, and goes.
        let tombstones = "SELECT credential_id FROM credential_token WHERE state = 'deleted'";
        self.purge_around(self.clock.now() + TimeDelta::days(30), late, async || {
            assert_eq!(self.count(tombstones).await, 1);
        })
        .await;
        assert_eq!(self.count("SELECT id FROM credential").await, 0);
        assert_eq!(self.count(tombstones).await, 0);
    }

    /// All that the database keeps where the hub can end it: the files of SQLite. Those of a server are its own, and keep
    /// dead rows until it has vacuumed them; there it is every value that may be sealed, of every table.
    async fn kept(&self) -> Vec<u8> {
        if !is_postgres() {
            return in_files(self.folder());
        }
        let sql = "SELECT string_agg(format('SELECT %1$I AS s FROM %2$I WHERE %1$I IS NOT NULL', \
                   column_name::text, table_name::text), ' UNION ALL ') AS s \
                   FROM information_schema.columns WHERE table_schema = current_schema() AND data_type = 'bytea'";
        let every: String = self.rows(sql).await[0].try_get("", "s").unwrap();
        let values = self.rows(&every).await;
        values.iter().flat_map(|row| row.try_get::<Vec<u8>>("", "s").unwrap()).collect()
    }

    /// How many of `needles` it keeps, by any 32 bytes of their ciphertext.
    async fn found(&self, needles: &[Vec<u8>]) -> usize {
        found_in(&self.kept().await, needles)
    }
}

fn in_files(folder: &Path) -> Vec<u8> {
    let mut text = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_file() {
            text.extend(std::fs::read(path).unwrap());
        }
    }
    text
}

fn found_in(text: &[u8], needles: &[Vec<u8>]) -> usize {
    let pieces = |needle: &Vec<u8>| needle[30..].chunks_exact(32).map(<[u8]>::to_vec).collect::<Vec<_>>();
    // Few windows begin as a piece does, and only those are looked up.
    let begins = |window: &[u8]| usize::from(u16::from_be_bytes([window[0], window[1]]));
    let mut beginnings = vec![false; 1 << 16];
    for piece in needles.iter().flat_map(pieces) {
        beginnings[begins(&piece)] = true;
    }
    let windows: std::collections::HashSet<&[u8]> =
        text.windows(32).filter(|window| beginnings[begins(window)]).collect();
    needles
        .iter()
        .filter(|needle| pieces(needle).iter().any(|piece| windows.contains(piece.as_slice())))
        .count()
}

#[tokio::test]
async fn r21_a_key_goes_as_long_after_its_end_as_the_environment_says() {
    let Some(app) = TestApp::start().await else { return };
    app.user("u").await;
    for (setting, days) in [(None, 30), (Some(json!(1)), 1), (Some(json!(365)), 365)] {
        if let Some(days) = setting {
            app.as_key().patch("/environment", &json!({"purgeAfterDays": days})).await.ok(200);
        }
        for late in [0, 1] {
            app.key_goes(TimeDelta::days(days), TimeDelta::milliseconds(late)).await;
        }
    }
    app.as_key().patch("/environment", &json!({"purgeAfterDays": null})).await.ok(200);
    let kept = app.key_for_a_day().await;
    app.clock.advance(TimeDelta::days(2));
    app.hub.sweep().await.unwrap();
    app.clock.advance(TimeDelta::days(3_000));
    app.hub.purge().await.unwrap();
    assert_eq!(app.shown(&kept).await["status"], "expired", "never is never");
    for days in [json!(0), json!(366), json!("x")] {
        let change = json!({"purgeAfterDays": days});
        app.as_key().patch("/environment", &change).await.assert_invalid(&["/purgeAfterDays"]);
    }
}

#[tokio::test]
async fn a_purge_ends_beside_as_many_keys_as_it_takes_at_once_that_can_not_be_read() {
    let Some(app) = TestApp::start().await else { return };
    app.user("u").await;
    let key = app.key_for_a_day().await;
    Copier::of(&app, &key).await.here(200).await;
    let half_an_attempt = "attempt_version = 1, attempt_state = NULL";
    let sql = format!(
        "UPDATE credential_token SET state = 'broken', broken_cause = 'expiry_date', state_since = 0, {half_an_attempt}"
    );
    app.rows(&sql).await;
    tokio::time::timeout(DEADLINE, app.hub.purge()).await.expect("the end of the purge").unwrap();
    assert_eq!(app.count("SELECT id FROM credential").await, 201, "they stay until somebody mends them");
}

#[tokio::test]
async fn a_refused_grant_loses_its_tokens_and_keeps_its_row() {
    let Some(app) = TestApp::start().await else { return };
    app.put_fernhill().await;
    let credential = app.connect("u-17").await;
    app.fake.withdraw(app.fake.grants()[0].id);
    let path = format!("/credentials/{credential}/token");
    app.clock.advance(TimeDelta::hours(2));
    app.as_key().get(&path).await.assert_problem(503, "refresh_pending");
    app.clock.advance(TimeDelta::minutes(2));
    app.as_key().get(&path).await.assert_problem(409, "credential_expired");
    app.clock.advance(TimeDelta::days(29));
    app.hub.purge().await.unwrap();
    assert!(!app.sealed().await.is_empty(), "an outage may have lied");
    app.clock.advance(TimeDelta::days(9));
    app.hub.purge().await.unwrap();
    assert_eq!(app.sealed().await, Vec::<Vec<u8>>::new());
    let shown = app.shown(&credential).await;
    assert_eq!((&shown["status"], &shown["statusReason"]), (&json!("expired"), &json!("grant_refused")));
    assert_eq!(shown["account"]["label"], "jo@acme.test");
    assert_eq!(app.events(&credential).await.last().unwrap(), "credential.expired", "nothing to tell");

    let modal = app.modal(&json!({"userId": "u-17", "credentialId": credential})).await;
    modal.popup("fernhill").await.allow(&app, "jo@acme.test").await;
    app.token(&credential).await;
    assert_eq!(modal.result("fernhill").await["credentialId"], credential.as_str());
}

#[tokio::test]
async fn r21_a_refused_grant_loses_its_tokens_thirty_days_after_its_end_however_often_it_is_asked_for() {
    for late in [0, 1] {
        let Some(app) = TestApp::start().await else { return };
        app.put_fernhill().await;
        let credential = app.connect("u-17").await;
        app.fake.withdraw(app.fake.grants()[0].id);
        app.clock.advance(TimeDelta::hours(2));
        app.read(&credential).await.assert_problem(503, "refresh_pending");
        app.clock.advance(TimeDelta::minutes(2));
        app.read(&credential).await.assert_problem(409, "credential_expired");
        let end = app.clock.now();
        for (number, hours) in [1, 24, 24 * 7].into_iter().enumerate() {
            app.clock.set(end + TimeDelta::hours(hours));
            app.round().await;
            assert_eq!(app.refreshes(), 3 + 2 * number as u64, "the probe after {hours} h");
            app.clock.advance(TimeDelta::minutes(10));
            app.refresh_now(&credential).await.assert_problem(409, "credential_expired");
        }
        app.purge_around(end + TimeDelta::days(30), TimeDelta::milliseconds(late), async || {
            assert!(!app.sealed().await.is_empty());
        })
        .await;
        assert_eq!(app.sealed().await, Vec::<Vec<u8>>::new());
        assert_eq!(app.standing(&credential).await, standing("expired", "grant_refused", "reconnect"));
    }
}

#[tokio::test]
async fn r21_an_answer_that_lost_a_race_goes_a_day_after_the_next_success() {
    let Some(app) = TestApp::start().await else { return };
    app.put_fernhill().await;
    app.connect("u-17").await;
    let kept_aside = "SELECT id FROM orphan_token";
    for late in [0, 1] {
        let lost = format!(
            "INSERT INTO orphan_token (environment_id, credential_id, id, grant_epoch, sealed, got_at) \
             SELECT environment_id, credential_id, 'lost', grant_epoch, sealed, {} FROM credential_token",
            app.clock.now_ms()
        );
        app.rows(&lost).await;
        app.clock.advance(TimeDelta::days(3));
        app.hub.purge().await.unwrap();
        assert_eq!(app.count(kept_aside).await, 1, "it may be the one that lives");
        app.round().await;
        app.hub.purge().await.unwrap();
        let next = app.clock.now() + TimeDelta::days(1);
        app.purge_around(next, TimeDelta::milliseconds(late), async || {
            assert_eq!(app.count(kept_aside).await, 1);
        })
        .await;
        assert_eq!(app.count(kept_aside).await, 0);
    }
    assert_eq!(app.refreshes(), 2);
}

#[tokio::test]
async fn s2_of_what_was_deleted_or_purged_nothing_keeps_the_ciphertext() {
    let Some(app) = TestApp::start().await else { return };
    app.user("u").await;
    app.put_fernhill().await;
    let mut ended: Vec<String> = Vec::new();
    for number in 0..6 {
        ended.push(app.connect_as(&format!("u-{number}"), &format!("{number}@acme.test")).await);
    }
    // A rotation, so that there are previous ones.
    app.clock.advance(TimeDelta::hours(2));
    for credential in &ended {
        app.token(credential).await;
    }
    for _ in 0..4 {
        ended.push(app.credential("u").await["credentialId"].as_str().unwrap().to_owned());
    }
    for _ in 0..4 {
        app.key_for_a_day().await;
    }
    let kept = app.credential("u").await["credentialId"].as_str().unwrap().to_owned();
    let before = app.sealed().await;
    assert!(before.len() >= 20, "{} rows", before.len());
    assert_eq!(app.found(&before).await, before.len(), "they are there before");

    for (number, credential) in ended.iter().enumerate() {
        let path = format!("/credentials/{credential}");
        if number % 2 == 0 {
            app.as_key().delete(&path).await.ok(200);
        } else {
            app.as_key().act(&format!("{path}/revoke")).await.ok(200);
        }
    }
    app.clock.advance(TimeDelta::days(1));
    app.hub.sweep().await.unwrap();
    app.clock.advance(TimeDelta::days(30));
    app.hub.purge().await.unwrap();
    app.hub.work_off_revocations().await.unwrap();
    app.hub.sweep().await.unwrap();
    let left = app.sealed().await;
    assert_eq!(left.len(), 1, "one was not ended");
    let gone: Vec<Vec<u8>> = before.iter().filter(|sealed| !left.contains(sealed)).cloned().collect();
    assert!(gone.len() >= 20);
    assert_eq!(app.found(&gone).await, 0, "of {} ciphertexts", gone.len());
    assert_eq!(app.found(&left).await, 1, "the search finds what is there");
    let read: Value = app.as_key().get(&format!("/credentials/{kept}/token")).await.ok(200);
    assert_eq!(read["fields"]["key"], VALID_KEY);
}

#[tokio::test]
async fn s2_of_an_environment_that_was_deleted_nothing_keeps_the_ciphertext_or_its_key() {
    let Some(app) = TestApp::start().await else { return };
    app.user("u").await;
    for _ in 0..3 {
        app.credential("u").await;
    }
    let production = app.hub.operator_in("default", "production").await.unwrap();
    let key = format!("SELECT wrapped AS s FROM data_key WHERE owner = '{}'", production.tenant.environment);
    let key: Vec<Vec<u8>> = app.rows(&key).await.iter().map(|row| row.try_get("", "s").unwrap()).collect();
    let gone = [app.sealed().await, key].concat();
    assert_eq!((gone.len(), app.found(&gone).await), (4, 4), "they are there before");
    let refused = app.hub.delete_environment(&production, false).await.unwrap_err();
    assert_eq!(refused.code(), Some(Code::InUse));
    app.hub.delete_environment(&production, true).await.unwrap();
    app.hub.sweep().await.unwrap();
    assert_eq!(app.found(&gone).await, 0);
}
