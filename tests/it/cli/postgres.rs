//! Hubs on PostgreSQL: the key must be given, replicas start together, data stays.

use std::path::Path;
use std::process::Command;

use sea_orm::{ConnectionTrait as _, Database, DbBackend, Statement};
use serde_json::json;

use crate::support::database::Fresh;
use crate::support::process::{RunningHub, run, say, vouchsafe};

fn command(home: &Path, arguments: &[&str], url: &str, key: &str) -> Command {
    let mut command = vouchsafe(home, arguments);
    command.env("VOUCHSAFE_DATABASE_URL", url).env("VOUCHSAFE_MASTER_KEY", key);
    command
}

#[tokio::test]
async fn postgres_without_a_master_key_is_refused_with_78() {
    let Some(fresh) = Fresh::postgres().await else {
        return;
    };
    let home = fresh.folder.path();
    for arguments in [&["serve"][..], &["migrate"], &["keys", "create", "--environment", "sandbox"]] {
        let error = run(vouchsafe(home, arguments).env("VOUCHSAFE_DATABASE_URL", &fresh.url)).failed(78);
        assert!(error.contains("VOUCHSAFE_MASTER_KEY_FILE"), "{error}");
        assert!(!home.join("data/master.key").exists());
    }
}

#[tokio::test]
async fn three_hubs_on_an_empty_schema_set_it_up_once() {
    let Some(fresh) = Fresh::postgres().await else {
        return;
    };
    let key = say(fresh.folder.path(), &["master-key", "generate"]).ok();
    let homes = [(); 3].map(|()| tempfile::tempdir().unwrap());
    let mut commands: Vec<Command> =
        homes.iter().map(|home| command(home.path(), &["serve"], &fresh.url, key.trim())).collect();
    let [first, second, third] = commands.as_mut_slice() else { unreachable!() };
    let hubs: [RunningHub; 3] = tokio::join!(
        RunningHub::start_with(homes[0].path(), first),
        RunningHub::start_with(homes[1].path(), second),
        RunningHub::start_with(homes[2].path(), third)
    )
    .into();
    let database = Database::connect(&fresh.url).await.unwrap();
    let count = async |table: &str| {
        let sql = format!("SELECT count(*) AS n FROM {table}");
        let row = database.query_one_raw(Statement::from_string(DbBackend::Postgres, sql)).await;
        row.unwrap().unwrap().try_get::<i64>("", "n").unwrap()
    };
    assert_eq!(count("workspace").await, 1);
    assert_eq!(count("environment").await, 2);
    assert_eq!(hubs.iter().filter(|hub| hub.out().contains("first start")).count(), 1);

    // A key that one made works at the others.
    let made = run(&mut command(
        fresh.folder.path(),
        &["keys", "create", "--environment", "production"],
        &fresh.url,
        key.trim(),
    ))
    .ok();
    for (number, hub) in hubs.iter().enumerate() {
        let user = json!({ "username": format!("u-{number}") });
        hub.api(made.trim()).done("POST", "/users", Some(&user)).await;
    }
    assert_eq!(count("\"user\"").await, 3);
    for hub in hubs {
        hub.stop().await;
    }
}

#[tokio::test]
async fn a_restarted_hub_has_the_same_data() {
    let Some(fresh) = Fresh::postgres().await else {
        return;
    };
    let home = fresh.folder.path();
    let key = say(home, &["master-key", "generate"]).ok();
    let serve = || command(home, &["serve"], &fresh.url, key.trim());
    let hub = RunningHub::start_with(home, &mut serve()).await;
    let made =
        run(&mut command(home, &["keys", "create", "--environment", "production"], &fresh.url, key.trim()))
            .ok();
    hub.api(made.trim()).done("POST", "/users", Some(&json!({"username": "u-1"}))).await;
    hub.stop().await;
    let hub = RunningHub::start_with(home, &mut serve()).await;
    assert_eq!(hub.api(made.trim()).done("GET", "/users/u-1", None).await["username"], "u-1");
    hub.stop().await;

    let other = say(home, &["master-key", "generate"]).ok();
    let error = run(&mut command(home, &["serve"], &fresh.url, other.trim()));
    assert_eq!(error.code, 78, "{error:?}");
}
