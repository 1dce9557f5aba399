//! Hubs on PostgreSQL: the key must be given, replicas start together, data stays.

use std::path::Path;
use std::process::Command;

use sea_orm::{ConnectionTrait as _, Database, DbBackend, Statement};
use serde_json::json;
use uuid::Uuid;
use vouchsafe::domain::workspace::Workspace;
use vouchsafe::store::{self, DatabaseUrl, Store};
use vouchsafe_entity::id::WorkspaceId;
use vouchsafe_entity::json::WorkspaceSettings;
use vouchsafe_entity::kind::WorkspaceState;
use vouchsafe_entity::millis::Millis;

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
    for arguments in
        [&["serve"][..], &["check"], &["migrate"], &["keys", "create", "--environment", "sandbox"]]
    {
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

/// A commit that is only promised may be gone after a crash, and with it the one token that lives.
#[tokio::test]
async fn what_a_hub_commits_is_on_disk_whatever_the_database_is_set_to() {
    let Some(fresh) = Fresh::postgres().await else {
        return;
    };
    let url = format!("{}%20-c%20synchronous_commit%3Doff", fresh.url);
    let store = Store::open(&DatabaseUrl::parse(&url).unwrap()).await.unwrap();
    store.migrate().await.unwrap();
    let database = Database::connect(&url).await.unwrap();
    let column = async |sql: &str| {
        let row = database.query_one_raw(Statement::from_string(DbBackend::Postgres, sql)).await;
        row.unwrap().unwrap().try_get_by_index::<String>(0).unwrap()
    };
    assert_eq!(column("SHOW synchronous_commit").await, "off", "what others get");
    let trigger = "CREATE TABLE told (setting text NOT NULL); \
        CREATE FUNCTION tell() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN \
        INSERT INTO told VALUES (current_setting('synchronous_commit')); RETURN NEW; END $$; \
        CREATE TRIGGER tell AFTER INSERT ON workspace FOR EACH ROW EXECUTE FUNCTION tell()";
    database.execute_unprepared(trigger).await.unwrap();
    let workspace = Workspace {
        id: WorkspaceId::new(Uuid::from_u128(1)),
        name: "acme".to_owned(),
        state: WorkspaceState::Active,
        settings: WorkspaceSettings::default(),
        created_at: Millis(1_893_456_000_000),
        updated_at: Millis(1_893_456_000_000),
    };
    let tx = store.begin().await.unwrap();
    store::workspace::insert(&tx, &workspace).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(column("SELECT setting FROM told").await, "on");
}
