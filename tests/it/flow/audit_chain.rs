//! The audit log as a chain: what a writer of the database does to it is found (S19), and what the hub itself does to
//! it in time is not.

mod at_once;
mod intruder;
mod misdated;
mod nowhere;

use chrono::TimeDelta;
use intruder::Intruder;
use serde_json::json;
use vouchsafe::service::Hub;
use vouchsafe::service::audit::Verified;

use crate::support::app::TestApp;

/// How often each attack is made, on another victim each time.
const TIMES: usize = 20;

/// A log of several batches in two workspaces and the hub itself, and what lies outside.
async fn log(app: &TestApp) -> Vec<String> {
    for round in 0..TIMES + 5 {
        app.user(&format!("u-{round}")).await;
        app.as_stranger().post("/users", &json!({"username": format!("s-{round}")})).await.ok(201);
        if round % 8 == 0 {
            app.redefine(|text| text.replace("name = \"", &format!("name = \"{round} ")));
            app.hub.note_definitions().await.unwrap();
        }
        app.hub.seal_audit().await.unwrap();
    }
    app.hub.send_heads().await.unwrap();
    outside(app)
}

fn outside(app: &TestApp) -> Vec<String> {
    let text = std::fs::read_to_string(app.folder().join("audit-heads.jsonl")).unwrap();
    text.lines().map(str::to_owned).collect()
}

/// The first thing that is wrong, asked against what lies outside.
async fn fault(app: &TestApp, outside: &[String]) -> Option<String> {
    if let Err(fault) = app.hub.compare_heads(outside.iter().cloned().map(Ok)).await.unwrap() {
        return Some(fault.to_string());
    }
    inside(app).await.err()
}

/// The same, asked of the database alone.
async fn inside(app: &TestApp) -> Result<Verified, String> {
    app.hub.verify_audit().await.unwrap().map_err(|fault| fault.to_string())
}

/// Makes an attack for each victim, and demands that it is found, in words with `words` in them.
async fn assert_found(
    app: &TestApp,
    intruder: &Intruder,
    outside: &[String],
    words: &str,
    attack: impl AsyncFn(usize),
) {
    for victim in 0..TIMES {
        attack(victim).await;
        let found = fault(app, outside).await;
        assert!(found.as_ref().is_some_and(|found| found.contains(words)), "{victim}: {found:?}");
        intruder.undo().await;
    }
    assert_eq!(fault(app, outside).await, None, "all as it was");
}

#[tokio::test]
async fn s19_an_event_that_was_changed_is_found() {
    let Some(app) = TestApp::start().await else { return };
    let outside = log(&app).await;
    let intruder = Intruder::of(&app).await;
    intruder.break_in().await;
    assert_eq!(fault(&app, &outside).await, None);
    assert!(inside(&app).await.unwrap().events > 2 * TIMES, "{:?}", inside(&app).await);
    assert_found(&app, &intruder, &outside, "was changed", async |victim| {
        let column = [
            "action = 'user.delete'",
            "actor_type = 'operator'",
            "actor_id = 'apikey_x'",
            "target_type = 'secret'",
            "target_id = 'user_x'",
            "result = 'refused'",
            "reason = 'x'",
            "request_id = 'req_x'",
            "at = at + 1",
            "address = '192.0.2.1'",
            "address = NULL, address_salt = NULL",
            "address = NULL, address_salt = NULL, address_hash = NULL",
            "mac = (SELECT mac FROM audit_event ORDER BY id LIMIT 1)",
        ];
        let set = column[victim % column.len()];
        let one = format!(
            "SELECT id FROM audit_event WHERE address IS NOT NULL ORDER BY id LIMIT 1 OFFSET {}",
            4 + 2 * victim
        );
        intruder.run(&format!("UPDATE audit_event SET {set} WHERE id = ({one})")).await;
    })
    .await;
    assert_found(&app, &intruder, &outside, "is another workspace's", async |victim| {
        let one = format!(
            "SELECT id FROM audit_event WHERE workspace_id IS NOT NULL ORDER BY id LIMIT 1 OFFSET {victim}"
        );
        intruder.run(&format!("UPDATE audit_event SET workspace_id = NULL WHERE id = ({one})")).await;
    })
    .await;
}

#[tokio::test]
async fn s19_an_event_that_was_removed_or_put_in_is_found() {
    let Some(app) = TestApp::start().await else { return };
    let outside = log(&app).await;
    let intruder = Intruder::of(&app).await;
    intruder.break_in().await;
    let nth = |victim: usize| format!("(SELECT id FROM audit_event ORDER BY id LIMIT 1 OFFSET {victim})");
    assert_found(&app, &intruder, &outside, "is missing", async |victim| {
        intruder.run(&format!("DELETE FROM audit_event WHERE id = {}", nth(2 * victim))).await;
    })
    .await;
    // As if it had been kept long enough.
    assert_found(&app, &intruder, &outside, "were not removed by this hub", async |victim| {
        let seq = 2 * i64::try_from(victim).unwrap() + 1;
        intruder.delete(&intruder.members(seq).await).await;
        intruder
            .run(&format!("UPDATE audit_batch SET members = NULL, removed_at = 1 WHERE seq = {seq}"))
            .await;
    })
    .await;
    let copy = |victim: usize, id: &str| {
        format!(
            "INSERT INTO audit_event SELECT environment_id, '{id}', workspace_id, at, action, actor_type, actor_id, \
             target_type, target_id, result, reason, request_id, address, address_salt, address_hash, mac \
             FROM audit_event WHERE id = {}",
            nth(2 * victim)
        )
    };
    let new = |victim: usize| {
        vouchsafe_entity::id::AuditEventId::new(uuid::Uuid::from_u128(7 + victim as u128)).to_string()
    };
    assert_found(&app, &intruder, &outside, "it was put in", async |victim| {
        intruder.run(&copy(victim, &new(victim))).await;
    })
    .await;
    // Where the hub itself closes it into a batch.
    for (sealed, words) in [(false, "was not written by this hub"), (true, "was changed")] {
        assert_found(&app, &intruder, &outside, words, async |victim| {
            let id = new(victim);
            intruder.run(&copy(victim, &id)).await;
            let waits = format!(
                "INSERT INTO audit_unsealed (id, environment_id) SELECT id, environment_id FROM audit_event WHERE id = '{id}'"
            );
            intruder.run(&waits).await;
            if sealed {
                app.hub.seal_audit().await.unwrap();
            }
        })
        .await;
    }
}

#[tokio::test]
async fn s19_another_order_and_another_workspace_are_found() {
    let Some(app) = TestApp::start().await else { return };
    let outside = log(&app).await;
    let intruder = Intruder::of(&app).await;
    intruder.break_in().await;
    assert_found(&app, &intruder, &outside, "was changed", async |victim| {
        let of_one = "SELECT id FROM audit_event WHERE action = 'user.create' AND environment_id = \
            (SELECT MIN(environment_id) FROM audit_event WHERE action = 'user.create')";
        let ids: Vec<String> =
            intruder.column(&format!("{of_one} ORDER BY id LIMIT 2 OFFSET {victim}")).await;
        for (from, to) in [(ids[0].as_str(), "x"), (ids[1].as_str(), &ids[0]), ("x", &ids[1])] {
            intruder.run(&format!("UPDATE audit_event SET id = '{to}' WHERE id = '{from}'")).await;
        }
    })
    .await;
    // Two batches of one workspace change places.
    assert_found(&app, &intruder, &outside, "is another one in the database", async |victim| {
        let of_one =
            "SELECT seq FROM audit_batch WHERE workspace_id = (SELECT MAX(workspace_id) FROM audit_batch)";
        let seqs: Vec<i64> = intruder.column(&format!("{of_one} ORDER BY seq LIMIT 2 OFFSET {victim}")).await;
        for (from, to) in [(seqs[0], -1), (seqs[1], seqs[0]), (-1, seqs[1])] {
            let n = if to < 0 {
                "-n".to_owned()
            } else {
                format!("(SELECT n FROM old_audit_batch WHERE seq = {to})")
            };
            intruder.run(&format!("UPDATE audit_batch SET seq = {to}, n = {n} WHERE seq = {from}")).await;
        }
    })
    .await;
    // Within one batch: the first one has the key of the hub, and the events of what was made first.
    let seqs: Vec<i64> =
        intruder.column("SELECT seq FROM audit_batch WHERE count > 1 ORDER BY seq LIMIT 1").await;
    let members: Vec<Vec<u8>> =
        intruder.column(&format!("SELECT members FROM audit_batch WHERE seq = {}", seqs[0])).await;
    let turned: Vec<u8> = members[0].chunks_exact(32).rev().flatten().copied().collect();
    let set = format!("UPDATE audit_batch SET members = {} WHERE seq = {}", intruder.bytes(&turned), seqs[0]);
    intruder.run(&set).await;
    let found = fault(&app, &outside).await.unwrap();
    assert!(found.contains("its events are not those that were closed"), "{found}");
    intruder.undo().await;

    let workspaces: Vec<String> =
        intruder.column("SELECT DISTINCT workspace_id FROM audit_batch ORDER BY workspace_id DESC").await;
    let [one, other, ..] = workspaces.as_slice() else { panic!("{workspaces:?}") };
    assert_found(&app, &intruder, &outside, "is another workspace's", async |victim| {
        let nth = |workspace: &str| {
            let of_one = format!("SELECT id FROM audit_event WHERE workspace_id = '{workspace}'");
            format!("{of_one} ORDER BY id LIMIT 1 OFFSET {victim}")
        };
        let mine: Vec<String> = intruder.column(&nth(one)).await;
        let theirs: Vec<String> = intruder.column(&nth(other)).await;
        for (id, workspace) in [(&mine[0], other), (&theirs[0], one)] {
            let set = format!("UPDATE audit_event SET workspace_id = '{workspace}' WHERE id = '{id}'");
            intruder.run(&set).await;
        }
    })
    .await;
    for tables in [&["audit_batch"][..], &["audit_event"], &["audit_batch", "audit_event"]] {
        for table in tables {
            for (from, to) in [(one.as_str(), "x"), (other.as_str(), one.as_str()), ("x", other.as_str())] {
                let set = format!("UPDATE {table} SET workspace_id = '{to}' WHERE workspace_id = '{from}'");
                intruder.run(&set).await;
            }
        }
        assert!(fault(&app, &outside).await.is_some(), "{tables:?}");
        assert!(inside(&app).await.is_err(), "{tables:?}: even without what lies outside");
        intruder.undo().await;
    }
}

#[tokio::test]
async fn s19_an_end_that_was_cut_off_and_a_log_written_anew_are_found_from_outside() {
    let Some(app) = TestApp::start().await else { return };
    let outside = log(&app).await;
    let intruder = Intruder::of(&app).await;
    intruder.break_in().await;
    assert_found(&app, &intruder, &outside, "is not in the database", async |victim| {
        let last: Vec<i64> = intruder.column("SELECT MAX(seq) FROM audit_batch").await;
        for seq in last[0] - i64::try_from(victim).unwrap()..=last[0] {
            intruder.delete(&intruder.members(seq).await).await;
            intruder.run(&format!("DELETE FROM audit_batch WHERE seq = {seq}")).await;
        }
        inside(&app).await.expect("the database agrees with itself");
    })
    .await;
    // The hub's own keys, in the wrong hands: one event goes, and all is closed anew.
    assert_found(&app, &intruder, &outside, "in the database", async |victim| {
        let gone = format!("SELECT id FROM audit_event ORDER BY id LIMIT 1 OFFSET {victim}");
        intruder.run(&format!("DELETE FROM audit_event WHERE id = ({gone})")).await;
        intruder.run("DELETE FROM audit_batch").await;
        let waits =
            "INSERT INTO audit_unsealed (id, environment_id) SELECT id, environment_id FROM audit_event";
        intruder.run(waits).await;
        app.hub.seal_audit().await.unwrap();
        inside(&app).await.expect("the database agrees with itself");
    })
    .await;
    // A line of the file itself.
    let mut forged = outside.clone();
    forged[3] = forged[3].replace("\"n\":", "\"n\":9");
    assert!(fault(&app, &forged).await.unwrap().contains("line 4"));
    forged[3] = "nonsense".to_owned();
    assert!(fault(&app, &forged).await.unwrap().contains("line 4 of the heads outside: it is no head"));
    forged[3] = outside[4][..20].to_owned();
    assert_eq!(fault(&app, &forged).await, None, "a line that was cut and written again");
}

#[tokio::test]
async fn the_database_refuses_to_change_or_remove_an_event() {
    let Some(app) = TestApp::start().await else { return };
    log(&app).await;
    let intruder = Intruder::of(&app).await;
    for sql in [
        "DELETE FROM audit_event",
        "UPDATE audit_event SET action = 'x'",
        "UPDATE audit_event SET at = at",
        "UPDATE audit_event SET address = '192.0.2.1'",
        "UPDATE audit_event SET mac = address_hash",
        "DELETE FROM audit_batch",
        "UPDATE audit_batch SET head = root",
        "UPDATE audit_batch SET members = NULL",
    ] {
        let refused = intruder.attempt(sql).await.unwrap_err().to_string();
        assert!(refused.contains("audit events are append-only"), "{sql}: {refused}");
    }
}

#[tokio::test]
async fn an_event_that_is_committed_late_lands_in_the_next_batch() {
    let Some(app) = TestApp::start().await else { return };
    app.user("u-1").await;
    let intruder = Intruder::of(&app).await;
    let late = vouchsafe_entity::id::AuditEventId::new(uuid::Uuid::from_u128(1)).to_string();
    let insert = format!(
        "INSERT INTO audit_event SELECT environment_id, '{late}', workspace_id, at, action, actor_type, actor_id, \
         target_type, target_id, result, reason, request_id, address, address_salt, address_hash, mac \
         FROM audit_event LIMIT 1"
    );
    // Another writer began before, and ends after the batch was closed; SQLite has one writer at a time.
    let begun = if intruder.is_postgres() {
        let begun = sea_orm::TransactionTrait::begin(intruder.connection()).await.unwrap();
        sea_orm::ConnectionTrait::execute_unprepared(&begun, &insert).await.unwrap();
        Some(begun)
    } else {
        None
    };
    app.hub.seal_audit().await.unwrap();
    match begun {
        Some(begun) => begun.commit().await.unwrap(),
        None => intruder.run(&insert).await,
    }
    app.user("u-2").await;
    app.hub.seal_audit().await.unwrap();
    let waiting: Vec<i64> = intruder.column("SELECT COUNT(*) FROM audit_unsealed").await;
    assert_eq!(waiting, [0]);
    let seqs: Vec<i64> = intruder.column("SELECT seq FROM audit_batch ORDER BY seq").await;
    let mut sealed = Vec::new();
    for seq in seqs {
        sealed.extend(intruder.members(seq).await);
    }
    let mut all: Vec<String> = intruder.column("SELECT id FROM audit_event").await;
    assert!(sealed.contains(&late) && all.len() > 3);
    all.sort();
    sealed.sort();
    assert_eq!(sealed, all, "each in one batch");
}

#[tokio::test]
async fn what_was_kept_long_enough_goes_by_whole_batches_and_heads_stay() {
    let day = 86_400_000;
    let kept = |parts: &mut vouchsafe::service::Parts| {
        parts.audit_log.keep = Some(400 * day);
        parts.audit_log.keep_addresses = Some(90 * day);
    };
    let Some(app) = TestApp::start_as(kept, |_| ()).await else { return };
    let outside = log(&app).await;
    let intruder = Intruder::of(&app).await;
    let addresses = "SELECT COUNT(*) FROM audit_event WHERE address IS NOT NULL OR address_salt IS NOT NULL";
    let before = inside(&app).await.unwrap();
    assert_ne!(intruder.column::<i64>(addresses).await, [0]);

    app.clock.advance(TimeDelta::days(91));
    app.user("later").await;
    app.hub.seal_audit().await.unwrap();
    app.hub.retain_audit().await.unwrap();
    assert_eq!(intruder.column::<i64>(addresses).await, [1], "that of the new event");
    assert_eq!(fault(&app, &outside).await, None);
    let found = inside(&app).await.unwrap();
    assert_eq!((found.events, found.removed), (before.events + 1, 0));

    app.clock.advance(TimeDelta::days(310));
    app.hub.retain_audit().await.unwrap();
    app.hub.seal_audit().await.unwrap();
    assert_eq!(fault(&app, &outside).await, None);
    let found = inside(&app).await.unwrap();
    assert_eq!(found.removed, before.batches, "{found:?}");
    let listed = app.as_key().get("/audit-events?limit=200").await.ok(200);
    let targets: Vec<_> = listed["data"].as_array().unwrap().iter().map(|event| &event["action"]).collect();
    assert!(targets.contains(&&json!("audit.remove")) && targets.len() < 30, "{targets:?}");
    assert!(intruder.attempt("DELETE FROM audit_event").await.is_err(), "what is left stays");
}

#[tokio::test]
async fn events_from_before_the_chain_are_proven_once() {
    let Some(app) = TestApp::start().await else { return };
    app.user("u-1").await;
    let intruder = Intruder::of(&app).await;
    intruder.break_in().await;
    for sql in [
        "UPDATE audit_event SET mac = '', address_salt = NULL, address_hash = NULL",
        "DELETE FROM data_key WHERE purpose IN ('audit_events', 'audit_heads')",
    ] {
        intruder.run(sql).await;
    }
    let upgraded = Hub::new(app.parts().await);
    upgraded.bootstrap().await.unwrap();
    upgraded.seal_audit().await.unwrap();
    let found = upgraded.verify_audit().await.unwrap().unwrap();
    assert!(found.events > 3 && found.waiting == 0, "{found:?}");
    let again = Hub::new(app.parts().await);
    again.bootstrap().await.unwrap();
    assert_eq!(again.verify_audit().await.unwrap().unwrap(), found);
}
