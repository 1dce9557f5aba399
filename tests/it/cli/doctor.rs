//! `vouchsafe doctor`: what it says of deployments that are well, not there yet, and ill. It changes none of them.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use sea_orm::ConnectionTrait as _;
use serde_json::json;

use crate::support::process::{RunningHub, Said, run, say, vouchsafe};

/// The line of a part: how it is, and the words.
#[track_caller]
fn line(said: &Said, part: &str) -> (String, String) {
    let found = said.out.lines().find_map(|line| {
        let (health, rest) = line.split_once(' ')?;
        let words = rest.trim_start().strip_prefix(part)?;
        Some((health.to_owned(), words.trim_start().to_owned()))
    });
    found.unwrap_or_else(|| panic!("{part}: {said:?}"))
}

#[track_caller]
fn assert_line(said: &Said, part: &str, health: &str, words: &str) {
    let (is, says) = line(said, part);
    assert!(is == health && says.contains(words), "{part} is {is}: {says}");
}

/// A home whose hub has run and ended.
async fn used_home() -> tempfile::TempDir {
    let home = tempfile::tempdir().unwrap();
    RunningHub::start(home.path()).await.stop().await;
    home
}

async fn change(home: &Path, sql: &str) {
    let url = format!("sqlite://{}", home.join("data/vouchsafe.db").display());
    let database = sea_orm::Database::connect(&url).await.unwrap();
    database.execute_unprepared(sql).await.unwrap();
    database.close().await.unwrap();
}

#[test]
fn where_nothing_is_it_says_so_and_makes_nothing() {
    let home = tempfile::tempdir().unwrap();
    let said = say(home.path(), &["doctor"]);
    assert_eq!((said.code, said.err.as_str()), (0, ""), "{said:?}");
    assert_line(&said, "configuration", "ok", "VOUCHSAFE_DATA_DIR");
    assert_line(&said, "providers", "ok", "in order");
    assert_line(&said, "templates", "ok", "in order");
    assert_line(&said, "database", "warning", "vouchsafe serve");
    assert_line(&said, "master key", "ok", "there is none yet");
    assert_line(&said, "public URL", "warning", "none has run here yet");
    assert!(!home.path().join("data").exists());
}

#[test]
fn a_misspelt_variable_is_named() {
    let home = tempfile::tempdir().unwrap();
    let ask =
        |command: &str| run(vouchsafe(home.path(), &[command]).env("VOUCHSAFE_EGRES_ALLOW", "10.0.0.0/8"));
    let said = ask("doctor");
    assert_line(&said, "configuration", "warning", "VOUCHSAFE_EGRES_ALLOW");
    assert_eq!(said.code, 0, "{said:?}");
    assert!(ask("check").ok().contains("VOUCHSAFE_EGRES_ALLOW is no variable that the hub reads"));
}

#[tokio::test]
async fn a_running_hub_is_well_and_a_stopped_one_is_not_reached() {
    let home = tempfile::tempdir().unwrap();
    let hub = RunningHub::start(home.path()).await;
    let said = say(home.path(), &["doctor"]);
    assert_eq!((said.code, said.err.as_str()), (0, ""), "{said:?}");
    assert!(said.out.lines().all(|line| line.starts_with("ok ")), "{said:?}");
    assert_line(&said, "data keys", "ok", "7 open");
    assert_line(&said, "key rotation", "ok", "none was left unfinished");
    assert_line(&said, "adoption", "ok", "this deployment's");
    assert_line(&said, "public URL", "ok", &hub.base_url);
    let base_url = hub.base_url.clone();
    hub.stop().await;
    let said = say(home.path(), &["doctor"]);
    assert_eq!(said.code, 0, "{said:?}");
    assert_line(&said, "public URL", "warning", &base_url);
}

#[tokio::test]
async fn a_data_key_that_long_after_its_replacement_still_seals_something_is_told() {
    let home = tempfile::tempdir().unwrap();
    let hub = RunningHub::start(home.path()).await;
    let api = hub.api(say(home.path(), &["keys", "create", "--environment", "sandbox"]).ok().trim());
    api.done("POST", "/users", Some(&json!({"username": "u-17"}))).await;
    let typed = json!({"userId": "u-17", "connector": "openai", "data": {"api_key": "sk-0123456789"}, "verify": false});
    api.done("POST", "/credentials", Some(&typed)).await;
    hub.stop().await;
    say(home.path(), &["data-key", "rotate", "--environment", "sandbox"]).ok();
    assert_line(&say(home.path(), &["doctor"]), "key rotation", "ok", "none was left unfinished");

    // As if the new key were the one that was replaced, long ago.
    let replaced = "owner IN (SELECT owner FROM data_key WHERE retired_at IS NOT NULL)";
    let swap = format!(
        "UPDATE data_key SET retired_at = CASE WHEN retired_at IS NULL THEN 1 ELSE NULL END WHERE {replaced}"
    );
    change(home.path(), &swap).await;
    let said = say(home.path(), &["doctor"]);
    assert_eq!(said.code, 0, "{said:?}");
    assert_line(
        &said,
        "key rotation",
        "warning",
        "are sealed under a data key that was replaced at 1970-01-01",
    );
}

/// One that is only made known for hours is not taken into use by anybody.
#[tokio::test]
async fn a_data_key_that_was_made_long_ago_and_seals_nothing_is_told() {
    let home = used_home().await;
    let owner = "(SELECT max(owner) FROM data_key WHERE owner <> 'hub')";
    let next = format!(
        "INSERT INTO data_key (id, owner, purpose, master_key, wrapped, created_at) \
         SELECT 'dek_00000000000000000000000001', owner, purpose, master_key, wrapped, 2 FROM data_key \
         WHERE owner = {owner}"
    );
    change(home.path(), &format!("UPDATE data_key SET created_at = 1 WHERE owner = {owner}")).await;
    change(home.path(), &next).await;
    let said = say(home.path(), &["doctor"]);
    assert_line(&said, "key rotation", "warning", "and seals nothing yet");
}

#[tokio::test]
async fn another_master_key_is_the_configurations_fault() {
    let home = used_home().await;
    let file = home.path().join("other.key");
    std::fs::write(&file, say(home.path(), &["master-key", "generate"]).ok()).unwrap();
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600)).unwrap();
    let database = home.path().join("data/vouchsafe.db");
    let before = std::fs::read(&database).unwrap();
    let said = run(vouchsafe(home.path(), &["doctor"]).env("VOUCHSAFE_MASTER_KEY_FILE", &file));
    assert_eq!(said.code, 78, "{said:?}");
    assert_line(&said, "database", "ok", "up to date");
    assert_line(&said, "master key", "fails", "the database was sealed with the master key");
    assert!(said.err.starts_with("error: master key: "), "{said:?}");
    let fingerprints = said.err.split(|c: char| !c.is_ascii_hexdigit()).filter(|word| word.len() == 16);
    assert_eq!(fingerprints.count(), 2, "{said:?}");
    assert!(std::fs::read(&database).unwrap() == before, "the database was changed");
}

#[tokio::test]
async fn what_is_broken_in_the_database_is_named() {
    let home = used_home().await;
    let newest = "(SELECT max(version) FROM seaql_migrations)";
    change(home.path(), &format!("DELETE FROM seaql_migrations WHERE version = {newest}")).await;
    for _ in 0..2 {
        let said = say(home.path(), &["doctor"]);
        assert_eq!(said.code, 0, "{said:?}");
        assert_line(&said, "database", "warning", "its schema lacks m2026");
    }
    let later = "INSERT INTO seaql_migrations (version, applied_at) VALUES ('m99990101_000001_fly', 0)";
    change(home.path(), later).await;
    let said = say(home.path(), &["doctor"]);
    assert_eq!(said.code, 1, "{said:?}");
    assert_line(&said, "database", "fails", "a later version took the step m99990101_000001_fly");
    let refused = run(&mut vouchsafe(home.path(), &["serve"]));
    assert_eq!(refused.code, 1, "{refused:?}");
    assert!(refused.err.contains("a later version, which took the step m99990101_000001_fly"), "{refused:?}");

    let home = used_home().await;
    std::fs::remove_file(home.path().join("data/vouchsafe.db.instance")).unwrap();
    let said = say(home.path(), &["doctor"]);
    assert_eq!(said.code, 1, "{said:?}");
    assert_line(&said, "adoption", "fails", "copied, restored or moved");
    assert!(!home.path().join("data/vouchsafe.db.instance").exists());

    let cut = "UPDATE data_key SET wrapped = substr(wrapped, 1, length(wrapped) - 1) WHERE owner <> 'hub'";
    change(home.path(), cut).await;
    let said = say(home.path(), &["doctor"]);
    assert_eq!(said.code, 1, "{said:?}");
    assert_line(&said, "master key", "ok", "");
    assert_line(&said, "data keys", "fails", "3 of 7 don't open");
}

#[test]
fn a_database_that_is_away_fails_and_a_missing_key_is_told_apart() {
    let home = tempfile::tempdir().unwrap();
    let key = say(home.path(), &["master-key", "generate"]).ok().trim().to_owned();
    let away = |key: Option<&str>| {
        let mut command = vouchsafe(home.path(), &["doctor"]);
        command.env("VOUCHSAFE_DATABASE_URL", "postgres://nobody:hunter2@127.0.0.1:1/none");
        if let Some(key) = key {
            command.env("VOUCHSAFE_MASTER_KEY", key);
        }
        let said = run(&mut command);
        assert!(!said.out.contains("hunter2") && !said.err.contains("hunter2"), "{said:?}");
        assert_line(&said, "database", "fails", "it can't be reached");
        said
    };
    // Each waits for the database as long as a start does.
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let said = away(Some(&key));
            assert_eq!(said.code, 1, "{said:?}");
            assert_line(&said, "master key", "warning", "could not be compared");
        });
        scope.spawn(|| {
            let said = away(None);
            assert_eq!(said.code, 78, "{said:?}");
            assert_line(&said, "master key", "fails", "VOUCHSAFE_MASTER_KEY_FILE");
        });
    });
}

#[test]
fn an_identity_provider_that_gives_no_answer_is_a_warning() {
    let home = tempfile::tempdir().unwrap();
    let said = run(vouchsafe(home.path(), &["doctor"])
        .env("VOUCHSAFE_OIDC_ISSUER", "http://127.0.0.1:1")
        .env("VOUCHSAFE_OIDC_CLIENT_ID", "hub")
        .env("VOUCHSAFE_OIDC_CLIENT_SECRET", "hunter2")
        .env("VOUCHSAFE_EGRESS_ALLOW", "127.0.0.0/8")
        .env("VOUCHSAFE_EGRESS_HTTP", "true"));
    assert_eq!(said.code, 0, "{said:?}");
    assert_line(&said, "single sign-on", "warning", "VOUCHSAFE_OIDC_ISSUER");
    assert!(!said.out.contains("hunter2"), "{said:?}");
}
