//! Another data key for an environment, by the command line beside a running hub.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::json;
use vouchsafe_entity::id::DataKeyId;
use vouchsafe_entity::sealed::Sealed;

use super::master_key::{give, new_key, with_keys};
use crate::support::database::Fresh;
use crate::support::process::{RunningHub, Said, run, say};
use crate::support::wait::eventually;

const TYPED: &str = "sk-example-0123456789";

fn rotate(fresh: &Fresh, more: &[&str]) -> Said {
    let arguments = [&["data-key", "rotate", "--environment", "sandbox"][..], more].concat();
    run(&mut with_keys(fresh, &arguments))
}

/// The data keys that the values of a table name.
async fn named(fresh: &Fresh, table: &str) -> BTreeSet<DataKeyId> {
    keys_of(fresh, table).await.into_iter().collect()
}

/// What the database answers.
async fn rows(fresh: &Fresh, sql: String) -> Vec<sea_orm::QueryResult> {
    use sea_orm::ConnectionTrait as _;

    let database = sea_orm::Database::connect(&fresh.url).await.unwrap();
    let statement = sea_orm::Statement::from_string(database.get_database_backend(), sql);
    let rows = database.query_all_raw(statement).await.unwrap();
    database.close().await.unwrap();
    rows
}

/// The data key of each value of a table.
async fn keys_of(fresh: &Fresh, table: &str) -> Vec<DataKeyId> {
    let rows = rows(fresh, format!("SELECT sealed FROM {table} WHERE sealed IS NOT NULL")).await;
    let named = rows.iter().map(|row| {
        let sealed: Vec<u8> = row.try_get("", "sealed").unwrap();
        DataKeyId::new(uuid::Uuid::from_slice(&sealed[Sealed::KEY_ID]).unwrap())
    });
    named.collect()
}

/// The data key that a command speaks of first.
fn first_word(said: &str) -> DataKeyId {
    said.split_whitespace().next().unwrap().parse().unwrap()
}

#[tokio::test]
async fn a_data_key_is_replaced_under_a_running_hub_and_what_it_sealed_revoked_after_a_compromise() {
    let Some(fresh) = Fresh::of_this_run().await else { return };
    let home = fresh.folder.path();
    give(home, &[&new_key(home)]);
    let hub = RunningHub::start_with(home, &mut with_keys(&fresh, &["serve"])).await;
    let create = ["keys", "create", "--environment", "sandbox", "--scope=*", "--scope=credentials:reveal"];
    let api = hub.api(run(&mut with_keys(&fresh, &create)).ok().trim());
    api.done("POST", "/users", Some(&json!({"username": "u-17"}))).await;
    let typed = json!({"userId": "u-17", "connector": "openai", "data": {"api_key": TYPED}, "verify": false});
    let made = api.done("POST", "/credentials", Some(&typed)).await;
    let path = format!("/credentials/{}", made["credentialId"].as_str().unwrap());
    let before = named(&fresh, "credential_token").await;
    assert_eq!(before.len(), 1);

    let said = rotate(&fresh, &[]).ok();
    let key = first_word(&said);
    assert!(said.contains(&format!("{key} seals from now on")) && said.contains("none is left"), "{said}");
    assert!(!before.contains(&key));
    for table in ["credential_token", "event"] {
        assert_eq!(named(&fresh, table).await, BTreeSet::from([key]), "{table}");
    }
    let token = api.done("GET", &format!("{path}/token"), None).await;
    assert_eq!(token["fields"]["api_key"], TYPED);
    let events = api.done("GET", "/audit-events?action=data_key.rotate", None).await;
    let [event] = events["data"].as_array().unwrap().as_slice() else { panic!("one rotation: {events}") };
    assert_eq!((&event["actor"]["type"], &event["target"]["id"]), (&"operator".into(), &json!(key)));
    // The hub seals under it too, as soon as it has looked.
    let made = AtomicUsize::new(1);
    eventually("a value of the hub under the new key", async || {
        let username = format!("late-{}", made.fetch_add(1, Ordering::Relaxed));
        api.done("POST", "/users", Some(&json!({"username": username}))).await;
        let before = keys_of(&fresh, "credential_token").await;
        let typed =
            json!({"userId": username, "connector": "openai", "data": {"api_key": TYPED}, "verify": false});
        api.done("POST", "/credentials", Some(&typed)).await;
        let after = keys_of(&fresh, "credential_token").await;
        let under = |keys: &[DataKeyId]| keys.iter().filter(|known| **known == key).count();
        if under(&after) > under(&before) { Ok(()) } else { Err(after) }
    })
    .await;

    // Nobody knows yet that a hub which stood still wrote nothing under the old key.
    let again = rotate(&fresh, &[]).ok();
    assert!(again.contains("was made before") && first_word(&again) == key, "{again}");
    let revoked = rotate(&fresh, &["--revoke"]).ok();
    let count = made.load(Ordering::Relaxed);
    assert!(
        revoked.contains(&format!("{count} credentials are revoked")) && first_word(&revoked) != key,
        "{revoked}"
    );
    assert_eq!(api.done("GET", &path, None).await["status"], "revoked");
    assert_eq!(named(&fresh, "event").await, BTreeSet::from([first_word(&revoked)]));
    hub.stop().await;

    // A row that can't be read keeps nothing from being sealed anew, and is named.
    let id = path.rsplit('/').next().unwrap();
    let sql = format!("UPDATE credential_token SET state = 'pondering' WHERE credential_id = '{id}'");
    rows(&fresh, sql).await;
    let said = rotate(&fresh, &["--revoke"]);
    let error = said.err;
    assert_eq!(said.code, 1, "{error}");
    for told in ["1 credentials are NOT revoked", id, "POST /credentials/{id}/revoke"] {
        assert!(error.contains(told), "no {told:?} in {error}");
    }
    let now = named(&fresh, "event").await;
    assert!(now.len() == 1 && !now.contains(&first_word(&revoked)), "{now:?}");
}

#[test]
fn there_is_no_data_key_to_replace_where_nothing_is() {
    let home = tempfile::tempdir().unwrap();
    let rotate = ["data-key", "rotate", "--environment", "nowhere"];
    let error = say(home.path(), &rotate).failed(1);
    assert!(error.contains("no database"), "{error}");
    say(home.path(), &["migrate"]).ok();
    let error = say(home.path(), &rotate).failed(1);
    assert!(error.contains("there is no environment nowhere in the workspace default"), "{error}");
}
