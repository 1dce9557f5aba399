//! Commands that work on the database or on files, and end.

use std::path::Path;

use serde_json::Value;

use crate::support::process::{RunningHub, run, say, vouchsafe};

fn home() -> tempfile::TempDir {
    tempfile::tempdir().unwrap()
}

/// A definition with one mistake, in line 4.
pub(super) fn write_bad_definition(folder: &Path) {
    let text = "name = \"Bad\"\ndocumentation = \"https://bad.example\"\nbase_url = \"https://api.bad.example\"\n  colour = \"red\"\n";
    std::fs::create_dir_all(folder).unwrap();
    std::fs::write(folder.join("bad.toml"), text).unwrap();
}

#[track_caller]
fn assert_is_key(printed: &str) -> String {
    let key = printed.strip_suffix('\n').expect("one line");
    assert!(key.starts_with("vs_sandbox_") && key.len() == "vs_sandbox_".len() + 49, "{printed:?}");
    assert!(key.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_'), "{printed:?}");
    key.to_owned()
}

#[tokio::test]
async fn a_key_is_printed_alone_and_works_however_the_hub_is() {
    let home = home();
    let create = ["keys", "create", "--environment", "sandbox"];
    let before = assert_is_key(&say(home.path(), &create).ok());
    let hub = RunningHub::start(home.path()).await;
    let beside = assert_is_key(&say(home.path(), &create).ok());
    for key in [&before, &beside] {
        let environment = hub.api(key).done("GET", "/environment", None).await;
        assert_eq!(environment["name"], "sandbox");
    }
    assert_ne!(before, beside);
    let refused = hub.api(&before).call("GET", "/api-keys", None).await;
    assert_eq!(refused.0, 403, "`*` leaves out keys:write: {}", refused.1);
    hub.stop().await;
}

#[tokio::test]
async fn a_revoked_key_is_refused_by_the_running_hub() {
    let home = home();
    let hub = RunningHub::start(home.path()).await;
    let named = [
        "keys",
        "create",
        "--environment",
        "sandbox",
        "--name",
        "Acme",
        "--scope",
        "users:read",
        "--expires",
        "P90D",
    ];
    let key = assert_is_key(&say(home.path(), &named).ok());
    let list = say(home.path(), &["keys", "list", "--environment", "sandbox"]).ok();
    let line = list.lines().find(|line| line.ends_with("Acme")).expect("the key is listed");
    assert!(line.contains("[users:read]") && !line.contains(&key) && !line.contains("never"), "{line}");
    let id = line.split_whitespace().next().unwrap();
    assert!(id.starts_with("apikey_"), "{line}");
    assert_eq!(say(home.path(), &["keys", "revoke", id]).ok(), format!("{id} is revoked\n"));
    assert_eq!(hub.api(&key).call("GET", "/users", None).await.0, 401);
    assert!(!say(home.path(), &["keys", "list", "--environment", "sandbox"]).ok().contains(id));
    assert_eq!(say(home.path(), &["keys", "revoke", id]).failed(1), format!("error: there is no key {id}\n"));
    hub.stop().await;
}

#[test]
fn workspaces_and_environments_are_made_and_listed() {
    let home = home();
    assert!(say(home.path(), &["workspaces", "create", "acme"]).ok().starts_with("ws_"));
    assert!(say(home.path(), &["workspaces", "create", "acme"]).failed(1).contains("There is a workspace"));
    let made = say(home.path(), &["environments", "create", "staging", "--workspace", "acme"]).ok();
    assert!(made.starts_with("env_"), "{made}");
    assert_eq!(
        say(home.path(), &["workspaces", "set-state", "acme", "suspended"]).ok(),
        "acme is suspended\n"
    );
    let list = say(home.path(), &["workspaces", "list"]).ok();
    let endings: Vec<&str> = list.lines().map(|line| line.split_once("  ").unwrap().1).collect();
    assert_eq!(
        endings,
        ["acme  suspended  [production sandbox staging]", "default  active  [production sandbox]"]
    );
    let environments = say(home.path(), &["environments", "list", "--workspace", "acme"]).ok();
    assert_eq!(environments, "production\nsandbox\nstaging\n");
    let wrong = ["keys", "create", "--environment", "staging"];
    let error = say(home.path(), &wrong).failed(1);
    assert_eq!(error, "error: there is no environment staging in the workspace default\n");
}

#[test]
fn a_wrong_use_ends_with_2_and_help_with_0() {
    let home = home();
    for wrong in [
        &["bogus"][..],
        &["keys", "create"],
        &["serve", "--port", "1"],
        &["workspaces", "set-state", "x", "odd"],
    ] {
        let error = say(home.path(), wrong).failed(2);
        assert!(error.starts_with("error: ") && error.contains("--help"), "{error}");
    }
    let help = say(home.path(), &["--help"]).ok();
    for command in
        ["serve", "demo", "keys", "workspaces", "environments", "providers", "check", "migrate", "master-key"]
    {
        assert!(help.lines().any(|line| line.trim_start().starts_with(command)), "{command}: {help}");
    }
    assert_eq!(say(home.path(), &["--version"]).ok(), concat!("vouchsafe ", env!("CARGO_PKG_VERSION"), "\n"));
    assert!(!home.path().join("data").exists(), "nothing is made by asking for help");
}

#[test]
fn providers_are_listed_and_their_schema_is_printed() {
    let home = home();
    let all = say(home.path(), &["providers", "list"]).ok();
    let shipped = crate::providers::shipped();
    assert_eq!(all.lines().count(), shipped.len());
    let found = say(home.path(), &["providers", "list", "--search", "HUB"]).ok();
    let slugs: Vec<&str> = found.lines().filter_map(|line| line.split_whitespace().next()).collect();
    let mut wanted: Vec<&str> = shipped.iter().map(|(slug, _)| slug.as_str()).collect();
    wanted.retain(|slug| slug.contains("hub"));
    let mut sorted = slugs.clone();
    sorted.sort_unstable();
    assert_eq!(sorted, wanted);
    let printed: Value = serde_json::from_str(&say(home.path(), &["providers", "schema"]).ok()).unwrap();
    assert_eq!(printed, serde_json::to_value(vouchsafe::provider::schema()).unwrap());
    assert!(!home.path().join("data").exists(), "these commands need no database");
}

#[test]
fn the_check_of_definitions_says_where_and_fails() {
    let home = home();
    write_bad_definition(&home.path().join("own"));
    let said = say(home.path(), &["providers", "check", "own"]);
    assert_eq!((said.code, said.err.as_str()), (1, ""), "{said:?}");
    assert!(said.out.contains("error[unknown-key]") && said.out.contains("bad.toml:4:3"), "{}", said.out);

    let said = say(home.path(), &["providers", "check", "own/bad.toml", "--format", "json"]);
    let mut problems: Vec<Value> = said.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    problems.retain(|one| one["severity"] == "error");
    assert_eq!((said.code, problems.len()), (1, 1), "{}", said.out);
    assert_eq!((&problems[0]["line"], &problems[0]["column"]), (&4.into(), &3.into()), "{}", said.out);

    let good = say(home.path(), &["providers", "check"]);
    assert!(good.out.contains("0 errors"), "{}", good.out);
    assert_eq!(good.code, 0);
    let absent = say(home.path(), &["providers", "check", "absent.toml"]);
    assert_eq!(absent.code, 1, "{absent:?}");
}

#[test]
fn the_check_of_everything_needs_no_database() {
    let home = home();
    let said = say(home.path(), &["check"]).ok();
    assert!(said.starts_with("configuration, ") && said.ends_with("are in order\n"), "{said}");
    write_bad_definition(&home.path().join("own"));
    let bad = run(vouchsafe(home.path(), &["check"]).env("VOUCHSAFE_PROVIDERS_DIR", home.path().join("own")));
    assert!(bad.failed(78).contains("bad.toml:4:3"));
    assert!(!home.path().join("data").exists());
}

#[test]
fn migrate_makes_the_schema_and_nothing_else() {
    let home = home();
    say(home.path(), &["migrate"]).ok();
    assert!(home.path().join("data/vouchsafe.db").exists());
    assert!(!home.path().join("data/address").exists());
    say(home.path(), &["migrate"]).ok();
}
