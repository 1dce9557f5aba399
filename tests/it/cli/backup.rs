//! Copies of a database: made while a hub writes, looked through, brought back, and refused where they must be.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;

use sea_orm::{ConnectionTrait as _, Database, DatabaseConnection, DbBackend, Statement};
use serde_json::json;
use vouchsafe::demo::fake::{DEMO_CLIENT_SECRET, QUILLPOST};

use super::adopt::{KEY, app, assert_copy_waits, command, sign_in};
use crate::support::process::{Api, RunningHub, Said, run, say, vouchsafe};

/// An API key as a user types it.
const TYPED: &str = "fake_live_0a9b8c7d6e5f4a3b2c1d";

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

fn holds(bytes: &[u8], text: &str) -> bool {
    bytes.windows(text.len()).any(|window| window == text.as_bytes())
}

/// Runs a command to its end while the hub makes users.
async fn run_while_it_writes(api: &Api, mut command: Command) -> Said {
    let ended = tokio::task::spawn_blocking(move || run(&mut command));
    let writing = async {
        for number in 0..100_000 {
            let user = json!({"username": format!("busy-{number}")});
            api.done("POST", "/users", Some(&user)).await;
        }
    };
    tokio::select! {
        said = ended => said.unwrap(),
        () = writing => panic!("the command never ended"),
    }
}

/// A user types a key; the path of their credential.
async fn type_key(api: &Api) -> String {
    api.done("POST", "/users", Some(&json!({"username": "typist"}))).await;
    let typed = json!({"userId": "typist", "connector": QUILLPOST, "data": {"key": TYPED}});
    let made = api.done("POST", "/credentials", Some(&typed)).await;
    format!("/credentials/{}", made["credentialId"].as_str().unwrap())
}

/// A home with nothing in its data directory but the master key of another.
fn home_with_key_of(other: &Path) -> tempfile::TempDir {
    let home = tempfile::tempdir().unwrap();
    std::fs::create_dir(home.path().join("data")).unwrap();
    let key = |home: &Path| home.join("data/master.key");
    std::fs::copy(key(other), key(home.path())).unwrap();
    home
}

fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

#[tokio::test]
async fn a_copy_is_restored_and_refreshes_nothing_until_it_is_adopted() {
    let home = tempfile::tempdir().unwrap();
    let fake = app(home.path()).await;
    let definition = home.path().join(format!("own/{QUILLPOST}.toml"));
    std::fs::write(definition, fake.api_key_definition_toml(QUILLPOST)).unwrap();
    let at = |place: &Path, arguments: &[&str]| command(place, home.path(), &[], arguments);
    let hub = RunningHub::start_with(home.path(), &mut at(home.path(), &["serve"])).await;
    let key = say(home.path(), &KEY).ok().trim().to_owned();
    let api = hub.api(&key);
    let signed_in = sign_in(&hub, &api, &fake).await;
    let typed = type_key(&api).await;

    let busy = home.path().join("busy copy 100%.db");
    let said = run_while_it_writes(&api, at(home.path(), &["backup", text(&busy)])).await.ok();
    let fingerprint = said.split("master key ").nth(1).unwrap().split(',').next().unwrap();
    assert!(fingerprint.len() == 16 && said.contains("bytes"), "{said}");
    let bytes = std::fs::read(&busy).unwrap();
    assert_eq!(std::fs::metadata(&busy).unwrap().permissions().mode() & 0o777, 0o600);
    let master = std::fs::read_to_string(home.path().join("data/master.key")).unwrap();
    for secret in [TYPED, DEMO_CLIENT_SECRET, master.trim().split_once(':').unwrap().1, key.as_str()] {
        assert!(!holds(&bytes, secret), "a secret lies open in the copy");
    }
    assert!(holds(&bytes, "typist"), "the search finds what is there");
    let verified = run(&mut at(home.path(), &["backup", "verify", text(&busy)])).ok();
    assert!(verified.contains("is in order") && verified.contains(fingerprint), "{verified}");
    let again = run(&mut at(home.path(), &["backup", text(&busy)])).failed(1);
    assert!(again.contains("already"), "{again}");
    assert!(std::fs::read(&busy).unwrap() == bytes, "neither has changed a byte of it");
    // One that was interrupted left this, or one is under way.
    let part = home.path().join("other.db.part");
    std::fs::write(&part, "half").unwrap();
    let beside = run(&mut at(home.path(), &["backup", text(&home.path().join("other.db"))])).failed(1);
    assert!(beside.contains("other.db.part already") && beside.contains("remove it"), "{beside}");
    assert_eq!(std::fs::read(&part).unwrap(), b"half");
    let audit = api.done("GET", "/audit-events?action=database.backup", None).await;
    assert_eq!(audit["data"].as_array().unwrap().len(), 1, "{audit}");
    assert_eq!(audit["data"][0]["actor"]["type"], "operator");
    hub.stop().await;
    let quiet = home.path().join("quiet.db");
    run(&mut at(home.path(), &["backup", text(&quiet)])).ok();

    // Elsewhere.
    let spent = fake.counters().token_requests;
    let elsewhere = home_with_key_of(home.path());
    let said = run(&mut at(elsewhere.path(), &["restore", text(&busy)])).ok();
    assert!(said.contains("is restored") && said.contains("vouchsafe adopt"), "{said}");
    assert_eq!(names(&elsewhere.path().join("data")), ["hub.lock", "master.key", "vouchsafe.db"]);
    let copy = RunningHub::start_with(elsewhere.path(), &mut at(elsewhere.path(), &["serve"])).await;
    let restored = copy.api(&key);
    let token = restored.done("GET", &format!("{typed}/token"), None).await;
    assert_eq!(token["fields"]["key"], TYPED);
    let audit = restored.done("GET", "/audit-events?action=database.restore", None).await;
    assert_eq!(audit["data"].as_array().unwrap().len(), 1, "{audit}");
    assert!(copy.err().contains("refreshing is OFF"), "{}", copy.err());
    copy.stop().await;
    assert_eq!(fake.counters().token_requests, spent, "0 calls");

    // In the place of the one that was lost, whose instance file and journal are still there.
    let data = home.path().join("data");
    for name in names(&data).into_iter().filter(|name| name.starts_with("vouchsafe.db")) {
        if name != "vouchsafe.db.instance" {
            std::fs::remove_file(data.join(name)).unwrap();
        }
    }
    run(&mut at(home.path(), &["backup", "restore", text(&quiet)])).ok();
    assert_copy_waits(home.path(), home.path(), &[], &key, &signed_in, &fake).await;
}

/// A home whose hub has run and holds a secret, and a copy of its database.
async fn home_with_copy() -> (tempfile::TempDir, std::path::PathBuf) {
    let home = tempfile::tempdir().unwrap();
    let hub = RunningHub::start(home.path()).await;
    let key = say(home.path(), &["keys", "create", "--environment", "sandbox"]).ok().trim().to_owned();
    let secret = json!({"key": "K", "value": TYPED, "type": "api_key", "visibility": "masked"});
    hub.api(&key).done("POST", "/secrets", Some(&secret)).await;
    hub.stop().await;
    let copy = home.path().join("copy.db");
    say(home.path(), &["backup", text(&copy)]).ok();
    (home, copy)
}

async fn opened(file: &Path) -> DatabaseConnection {
    Database::connect(format!("sqlite://{}", file.display())).await.unwrap()
}

/// Changes one bit of the sealed value in the first row of a table.
async fn flip(file: &Path, table: &str, column: &str) {
    let database = opened(file).await;
    let sql = format!("SELECT {column} AS sealed FROM {table} WHERE rowid = 1");
    let row = database.query_one_raw(Statement::from_string(DbBackend::Sqlite, sql)).await.unwrap().unwrap();
    let mut sealed: Vec<u8> = row.try_get("", "sealed").unwrap();
    *sealed.last_mut().unwrap() ^= 1;
    let sql = format!("UPDATE {table} SET {column} = $1 WHERE rowid = 1");
    let update = Statement::from_sql_and_values(DbBackend::Sqlite, sql, [sealed.into()]);
    database.execute_raw(update).await.unwrap();
    database.close().await.unwrap();
}

async fn change(file: &Path, statements: &[&str]) {
    let database = opened(file).await;
    for sql in statements {
        database.execute_unprepared(sql).await.unwrap();
    }
    database.close().await.unwrap();
}

#[tokio::test]
async fn what_was_changed_in_a_copy_is_named_and_not_shown() {
    let (home, copy) = home_with_copy().await;
    let fresh = || {
        let file = home.path().join("changed.db");
        std::fs::copy(&copy, &file).unwrap();
        file
    };
    let verify = |file: &Path| say(home.path(), &["backup", "verify", text(file)]);
    verify(&copy).ok();

    let file = fresh();
    flip(&file, "secret", "sealed").await;
    let flipped = verify(&file).failed(1);
    assert!(flipped.contains("secret sec_") && flipped.contains("not what was sealed here"), "{flipped}");
    assert!(!flipped.contains(TYPED), "{flipped}");

    let file = fresh();
    change(&file, &["UPDATE secret SET version = version + 1"]).await;
    assert!(verify(&file).failed(1).contains("secret sec_"), "a value of another version");

    let file = fresh();
    let audit = ["DROP TRIGGER audit_event_fixed", "UPDATE audit_event SET at = at - 1"];
    change(&file, &audit).await;
    let changed = verify(&file).failed(1);
    assert!(changed.contains("audit log: "), "{changed}");

    let file = fresh();
    let later = "INSERT INTO seaql_migrations (version, applied_at) VALUES ('m99990101_000001_fly', 0)";
    change(&file, &[later]).await;
    let unknown = verify(&file).failed(1);
    assert!(unknown.contains("later version") && unknown.contains("m99990101_000001_fly"), "{unknown}");

    let file = fresh();
    let bytes = std::fs::read(&file).unwrap();
    std::fs::write(&file, &bytes[..bytes.len() / 2]).unwrap();
    verify(&file).failed(1);
    std::fs::write(&file, "no database at all, but a text of more than a hundred bytes".repeat(9)).unwrap();
    let text_file = verify(&file).failed(1);
    assert!(text_file.contains("can't be read as a copy"), "{text_file}");

    let file = fresh();
    flip(&file, "data_key", "wrapped").await;
    assert!(verify(&file).failed(1).contains("data_key dek_"), "a data key");
    let elsewhere = home_with_key_of(home.path());
    let refused = say(elsewhere.path(), &["restore", text(&file)]).failed(1);
    assert!(refused.contains("data key does not open"), "{refused}");
    assert_eq!(names(&elsewhere.path().join("data")), ["hub.lock", "master.key"]);
}

#[tokio::test]
async fn another_master_key_or_none_is_refused_and_changes_nothing() {
    let (home, copy) = home_with_copy().await;
    let before = std::fs::read(&copy).unwrap();
    let other = tempfile::tempdir().unwrap();
    let key = say(home.path(), &["master-key", "generate"]).ok().trim().to_owned();
    for arguments in [
        &["backup", "verify", text(&copy)][..],
        &["backup", "restore", text(&copy)],
        &["restore", text(&copy)],
    ] {
        let wrong = run(vouchsafe(other.path(), arguments).env("VOUCHSAFE_MASTER_KEY", &key)).failed(78);
        let fingerprints: Vec<&str> =
            wrong.split(|c: char| !c.is_ascii_hexdigit()).filter(|word| word.len() == 16).collect();
        assert_eq!(fingerprints.len(), 2, "{wrong}");
        let missing = say(other.path(), arguments).failed(78);
        assert!(missing.contains("none was given"), "{missing}");
    }
    assert!(std::fs::read(&copy).unwrap() == before);
    assert!(!other.path().join("data").exists());
}

#[tokio::test]
async fn nothing_is_restored_over_a_database_or_beside_a_hub() {
    let (home, copy) = home_with_copy().await;
    let database = home.path().join("data/vouchsafe.db");
    let before = std::fs::read(&database).unwrap();
    let over = say(home.path(), &["restore", text(&copy)]).failed(1);
    assert!(over.contains("vouchsafe.db already"), "{over}");
    assert!(std::fs::read(&database).unwrap() == before);

    // What another database left would be read as part of this one.
    let rest = home_with_key_of(home.path());
    std::fs::write(rest.path().join("data/vouchsafe.db-wal"), "frames").unwrap();
    assert!(say(rest.path(), &["restore", text(&copy)]).failed(1).contains("vouchsafe.db-wal already"));

    let hub = RunningHub::start(home.path()).await;
    let other = home.path().join("data/other.db");
    let url = format!("sqlite://{}?mode=rwc", other.display());
    let beside =
        run(vouchsafe(home.path(), &["restore", text(&copy)]).env("VOUCHSAFE_DATABASE_URL", url)).failed(1);
    assert!(beside.contains("another hub works"), "{beside}");
    assert!(!other.exists());
    hub.stop().await;
}

#[test]
fn there_is_nothing_to_copy_and_a_server_has_its_own_tools() {
    let home = tempfile::tempdir().unwrap();
    let file = home.path().join("copy.db");
    let nothing = say(home.path(), &["backup", text(&file)]).failed(1);
    assert!(nothing.contains("no database here yet"), "{nothing}");
    say(home.path(), &["backup"]).failed(2);
    say(home.path(), &["backup", "verify"]).failed(2);
    assert!(say(home.path(), &["backup", "verify", text(&file)]).failed(1).contains("cannot use"));
    for (arguments, tool) in
        [(&["backup", text(&file)][..], "pg_dump"), (&["backup", "restore", text(&file)], "pg_restore")]
    {
        let mut command = vouchsafe(home.path(), arguments);
        let refused = run(command.env("VOUCHSAFE_DATABASE_URL", "postgres://nobody@127.0.0.1:1/none"));
        assert!(refused.failed(1).contains(tool), "{tool}");
    }
    assert_eq!(names(home.path()), Vec::<String>::new());
}
