//! `vouchsafe audit verify`: what it says of a log that is in order, and of one that is not.

use serde_json::json;

use crate::support::process::{RunningHub, say};
use crate::support::wait::eventually;

const VERIFY: [&str; 2] = ["audit", "verify"];

#[tokio::test]
async fn a_log_is_in_order_until_somebody_touches_it_or_its_heads() {
    let home = tempfile::tempdir().unwrap();
    let missing = say(home.path(), &VERIFY).failed(1);
    assert!(missing.contains("no database"), "{missing}");

    let hub = RunningHub::start(home.path()).await;
    let key = say(home.path(), &["keys", "create", "--environment", "sandbox"]).ok().trim().to_owned();
    let api = hub.api(&key);
    let file = home.path().join("data/audit-heads.jsonl");
    for round in 0..2 {
        api.done("POST", "/users", Some(&json!({"username": format!("u-{round}")}))).await;
        eventually("the head outside", async || {
            let heads = std::fs::read_to_string(&file).unwrap().lines().count();
            if heads > round { Ok(()) } else { Err(heads) }
        })
        .await;
    }
    let said = say(home.path(), &VERIFY).ok();
    assert!(said.contains("the audit log is in order") && said.contains("heads outside"), "{said}");
    hub.stop().await;
    let said = say(home.path(), &VERIFY).ok();
    assert!(said.contains(" 0 events not in a batch yet"), "all is closed at the end: {said}");

    let heads = std::fs::read_to_string(&file).unwrap();
    let aside = home.path().join("aside.jsonl");
    std::fs::write(&aside, heads.replace("\"count\":1", "\"count\":7")).unwrap();
    let named = say(home.path(), &["audit", "verify", "--heads", aside.to_str().unwrap()]).failed(1);
    assert!(named.contains("aside.jsonl: line ") && named.contains("another one in the database"), "{named}");

    let database = format!("sqlite://{}", home.path().join("data/vouchsafe.db").display());
    let database = sea_orm::Database::connect(&database).await.unwrap();
    for sql in
        ["DROP TRIGGER audit_event_fixed", "UPDATE audit_event SET at = at - 1 WHERE action = 'user.create'"]
    {
        sea_orm::ConnectionTrait::execute_unprepared(&database, sql).await.unwrap();
    }
    database.close().await.unwrap();
    let changed = say(home.path(), &VERIFY).failed(1);
    assert!(changed.contains("batch ") && changed.contains(" was changed"), "{changed}");

    std::fs::remove_file(&file).unwrap();
    let other = tempfile::tempdir().unwrap();
    let absent = other.path().join("none.jsonl");
    let absent = say(home.path(), &["audit", "verify", "--heads", absent.to_str().unwrap()]).failed(1);
    assert!(absent.contains("cannot read"), "{absent}");
}
