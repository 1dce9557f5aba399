//! Commands that work on the database or on files, and end.

use std::path::Path;

use sea_orm::ConnectionTrait as _;
use serde_json::Value;

use crate::support::process::{RunningHub, run, say, vouchsafe};
use crate::support::wait::eventually;

fn home() -> tempfile::TempDir {
    tempfile::tempdir().unwrap()
}

/// A definition with one mistake, in line 4.
pub(super) fn write_bad_definition(folder: &Path) {
    let text = "name = \"Bad\"\ndocumentation = \"https://bad.example\"\nbase_url = \"https://api.bad.example\"\n  colour = \"red\"\n\
                [oauth2]\nauthorization_endpoint = \"https://bad.example/authorize\"\n\
                token_endpoint = \"https://bad.example/token\"\n";
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

#[test]
fn whoever_mistypes_a_scope_is_told_which_there_are() {
    let home = home();
    let mistyped = ["keys", "create", "--environment", "sandbox", "--scope", "credential:reveal"];
    let error = say(home.path(), &mistyped).failed(2);
    assert!(
        error.contains("'credential:reveal' for '--scope <SCOPE>'") && error.contains(" credentials:reveal,"),
        "{error}"
    );
}

#[test]
fn whoever_mistypes_an_option_is_told_which_one() {
    let home = home();
    let create = ["keys", "create", "--environment", "sandbox"];
    let wrong = |more: &[&str]| say(home.path(), &[&create[..], more].concat()).failed(2);
    for given in ["ninety days", "5", "P0D"] {
        let period = wrong(&["--expires", given]);
        assert!(
            period.contains("for '--expires <PERIOD>': write an ISO 8601 period such as P90D"),
            "{period}"
        );
    }
    let second = wrong(&["--scope", "users:read", "--scope", "nothing"]);
    assert!(second.contains("'nothing' for '--scope <SCOPE>'"), "{second}");
    let state = say(home.path(), &["workspaces", "set-state", "acme", "zz"]).failed(2);
    assert!(state.contains("sandbox, active, suspended"), "{state}");
    let name = say(home.path(), &["environments", "create", "No spaces"]).failed(1);
    assert!(name.contains("error: name: A name has 1 to 32"), "{name}");
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
    let everywhere = say(home.path(), &["keys", "list"]).ok();
    assert!(
        everywhere.lines().any(|line| line.starts_with(id) && line.contains("  sandbox  ")),
        "{everywhere}"
    );
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
fn an_environment_is_deleted_unless_it_is_the_last() {
    let home = home();
    let delete = |name: &str| say(home.path(), &["environments", "delete", name]);
    assert_eq!(delete("sandbox").ok(), "sandbox is deleted\n");
    let gone = "error: there is no environment sandbox in the workspace default\n";
    assert_eq!(delete("sandbox").failed(1), gone);
    let last = delete("production").failed(1);
    assert!(last.contains("the last environment of its workspace"), "{last}");
    assert_eq!(say(home.path(), &["environments", "list"]).ok(), "production\n");
    assert!(say(home.path(), &["environments", "create", "sandbox"]).ok().starts_with("env_"));
}

#[test]
fn a_workspace_is_deleted_unless_it_is_the_last() {
    let home = home();
    let delete = |name: &str| say(home.path(), &["workspaces", "delete", name]);
    let last = delete("default").failed(1);
    assert!(last.contains("the last workspace of its hub"), "{last}");
    say(home.path(), &["workspaces", "create", "acme"]).ok();
    assert_eq!(delete("default").ok(), "default is deleted\n");
    assert_eq!(delete("default").failed(1), "error: there is no workspace default\n");
    let listed = say(home.path(), &["workspaces", "list"]).ok();
    assert!(listed.lines().count() == 1 && listed.contains("  acme  "), "{listed}");
    let missing = say(home.path(), &["environments", "create", "staging"]).failed(1);
    let words = "error: there is no workspace default; `vouchsafe workspaces list` names those there are\n";
    assert_eq!(missing, words);
    say(home.path(), &["workspaces", "create", "default"]).ok();
    say(home.path(), &["environments", "create", "staging"]).ok();
}

#[tokio::test]
async fn what_an_operator_does_and_that_a_hub_starts_is_audited() {
    let home = home();
    say(home.path(), &["workspaces", "create", "acme"]).ok();
    say(home.path(), &["workspaces", "set-state", "acme", "suspended"]).ok();
    say(home.path(), &["workspaces", "set-state", "nobody", "suspended"]).failed(1);
    say(home.path(), &["environments", "create", "staging"]).ok();
    let create = ["keys", "create", "--environment", "staging", "--scope", "audit:read"];
    let key = say(home.path(), &create).ok().trim().to_owned();
    let hub = RunningHub::start(home.path()).await;
    // What concerns a workspace is for its members; what concerns the hub, for everybody.
    let listed = eventually("the start in the log", async || {
        let page = hub.api(&key).done("GET", "/audit-events", None).await;
        let events = page["data"].as_array().unwrap().clone();
        if events.iter().any(|event| event["action"] == "hub.start") { Ok(events) } else { Err(events) }
    })
    .await;
    let event = |action: &str| listed.iter().find(|event| event["action"] == action).unwrap();
    let made = event("environment.create");
    assert_eq!((&made["actor"]["type"], &made["reason"]), (&"operator".into(), &"staging".into()), "{made}");
    let start = event("hub.start");
    let given = "set: VOUCHSAFE_LISTEN, VOUCHSAFE_DATA_DIR, VOUCHSAFE_LOG_FORMAT";
    assert_eq!((&start["actor"]["type"], &start["reason"]), (&"hub".into(), &given.into()), "{start}");
    assert_eq!(start["target"]["id"], env!("CARGO_PKG_VERSION"));
    hub.stop().await;

    let database = format!("sqlite://{}", home.path().join("data/vouchsafe.db").display());
    let database = sea_orm::Database::connect(&database).await.unwrap();
    let sql =
        "SELECT action, actor_type, reason FROM audit_event WHERE action LIKE 'workspace.%' ORDER BY id";
    let statement = sea_orm::Statement::from_string(database.get_database_backend(), sql);
    let rows = database.query_all_raw(statement).await.unwrap();
    let rows: Vec<[String; 3]> = rows
        .iter()
        .map(|row| ["action", "actor_type", "reason"].map(|name| row.try_get("", name).unwrap()))
        .collect();
    database.close().await.unwrap();
    let wanted = [
        ["workspace.create", "operator", "acme, active"],
        ["workspace.set_state", "operator", "active to suspended"],
    ];
    assert_eq!(rows, wanted);
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
    for command in [
        "serve",
        "demo",
        "keys",
        "workspaces",
        "environments",
        "providers",
        "check",
        "doctor",
        "migrate",
        "backup",
        "restore",
        "export",
        "import",
        "master-key",
    ] {
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
    // The second is in a name and in no slug.
    for search in ["HUB", "ACROBAT"] {
        let found = say(home.path(), &["providers", "list", "--search", search]).ok();
        let mut slugs: Vec<&str> = found.lines().filter_map(|line| line.split_whitespace().next()).collect();
        slugs.sort_unstable();
        let wanted = shipped.iter().filter(|(slug, text)| {
            let name = text.lines().find_map(|line| line.strip_prefix("name = ")).unwrap();
            [slug.as_str(), name].iter().any(|text| text.to_lowercase().contains(&search.to_lowercase()))
        });
        assert_eq!(slugs, wanted.map(|(slug, _)| slug.as_str()).collect::<Vec<_>>());
        assert!(!slugs.is_empty(), "{search}");
        assert_eq!(say(home.path(), &["providers", "list", search]).ok(), found);
    }
    assert_eq!(say(home.path(), &["providers", "list", "hub", "--search", "lab"]).code, 2);
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
    let strict = ["providers", "check", "--deny-warnings"];
    assert_eq!(say(home.path(), &strict).code, 1, "facts that nobody has verified");
    let tidy = ["providers", "check", "--deny-warnings", "--allow-unverified"];
    assert_eq!(say(home.path(), &tidy).code, 0, "and nothing else");
    let unsorted = "documentation = \"https://acme.test\"\nname = \"Acme\"\nbase_url = \"https://acme.test\"\n\
                    [variables]\nkey = { label = \"Key\", help = \"https://acme.test\", secret = true }\n\
                    [api_key]\nheaders = { key = \"{key}\" }\n[check]\npath = \"/\"\n";
    let folder = home.path().join("unsorted");
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join("acme.toml"), unsorted).unwrap();
    assert_eq!(say(home.path(), &["providers", "check", "unsorted"]).code, 0);
    let said = say(home.path(), &[&tidy[..], &["unsorted"]].concat());
    assert_eq!(said.code, 1, "{}", said.out);
    assert!(said.out.contains("warning[key-order]"), "{}", said.out);
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
    let filter = run(vouchsafe(home.path(), &["check"]).env("VOUCHSAFE_LOG", "a=b=c"));
    assert!(filter.failed(78).contains("filter"));
    assert!(!home.path().join("data").exists());
}

#[test]
fn the_check_says_what_the_identity_provider_is_to_know_and_what_is_missing() {
    let home = home();
    let check = |lines: &str| {
        let lines = format!(
            "public_url = \"https://hub.acme.test\"\noidc_issuer = \"https://id.acme.test\"\n{lines}"
        );
        std::fs::write(home.path().join("vouchsafe.toml"), lines).unwrap();
        say(home.path(), &["check"])
    };
    let lacks = check("oidc_client_id = \"hub\"\n").failed(78);
    assert!(lacks.contains("single sign-on lacks VOUCHSAFE_OIDC_CLIENT_SECRET"), "{lacks}");
    let said = check("oidc_client_id = \"hub\"\noidc_client_secret = \"hunter2\"\n").ok();
    assert!(said.contains("https://hub.acme.test/dashboard/sign-in/callback"), "{said}");
    assert!(said.contains("id.acme.test") && !said.contains("hunter2"), "{said}");
}

#[test]
fn migrate_makes_the_schema_and_nothing_else() {
    let home = home();
    say(home.path(), &["migrate"]).ok();
    assert!(home.path().join("data/vouchsafe.db").exists());
    assert!(!home.path().join("data/address").exists());
    say(home.path(), &["migrate"]).ok();
}
