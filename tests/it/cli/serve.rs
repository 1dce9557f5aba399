//! `vouchsafe serve`: the first start, wrong configurations, signals.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::Path;

use serde_json::json;

use super::commands::write_bad_definition;
use crate::support::outside;
use crate::support::process::{RunningHub, run, say, vouchsafe};
use crate::support::wait::eventually;

fn mode(path: &Path) -> u32 {
    std::fs::metadata(path).unwrap().permissions().mode() & 0o777
}

/// What a first start says: the hub answers before it has said everything.
async fn said_to_the_end(hub: &RunningHub) -> String {
    eventually("the last line of the greeting", async || {
        let out = hub.out();
        if out.contains("vouchsafe keys create") && out.ends_with("\n\n") { Ok(out) } else { Err(out) }
    })
    .await
}

#[tokio::test]
async fn the_first_start_makes_all_that_is_needed_and_says_so_once() {
    let home = tempfile::tempdir().unwrap();
    let data = home.path().join("data");
    let hub = RunningHub::start(home.path()).await;
    assert_eq!((mode(&data), mode(&data.join("master.key"))), (0o700, 0o600));
    assert!(data.join("vouchsafe.db").exists());
    let out = said_to_the_end(&hub).await;
    assert!(out.contains(&format!("listens on {}", hub.base_url)), "{out}");
    assert!(out.contains("production and sandbox") && out.contains("vouchsafe keys create"), "{out}");
    let (_, link) = out.split_once("once, at ").unwrap();
    let link = link.lines().next().unwrap().to_owned();
    assert!(link.starts_with(&format!("{}/dashboard/join?invitation=", hub.base_url)), "{out}");
    let client = crate::support::outside::client();
    assert_eq!(client.get(&link).send().await.unwrap().status(), 200);
    let key = std::fs::read_to_string(data.join("master.key")).unwrap();
    let secret = key.trim().split_once(':').unwrap().1;
    let err = hub.err();
    assert!(!err.contains(secret) && err.contains("back this file up"));
    // The link is what is looked for: it stands apart, and many steps are one line.
    let (_, greeting) = out.split_once("\n\n").unwrap();
    assert!(greeting.starts_with("This was the first start") && greeting.ends_with("\n\n"), "{out}");
    assert_eq!(err.matches("the database is at its newest step").count(), 1, "{err}");
    assert!(!err.contains("sea_orm_migration"), "{err}");
    hub.stop().await;

    let hub = RunningHub::start(home.path()).await;
    assert!(!hub.out().contains("first start") && !hub.out().contains("invitation"), "{}", hub.out());
    assert_eq!(std::fs::read_to_string(data.join("master.key")).unwrap(), key);
    hub.stop().await;
}

#[tokio::test]
async fn a_key_that_was_made_before_the_first_start_costs_the_owner_no_link() {
    let home = tempfile::tempdir().unwrap();
    say(home.path(), &["keys", "create", "--environment", "production"]).ok();
    let hub = RunningHub::start(home.path()).await;
    let out = said_to_the_end(&hub).await;
    assert!(out.contains("has no owner yet") && !out.contains("first start"), "{out}");
    let link = out.split_once("once, at ").unwrap().1.lines().next().unwrap();
    assert_eq!(outside::client().get(link).send().await.unwrap().status(), 200);
    hub.stop().await;
}

#[tokio::test]
async fn s3_a_hub_leaves_no_core_dump_and_its_user_cannot_look_into_it() {
    let home = tempfile::tempdir().unwrap();
    let hub = RunningHub::start(home.path()).await;
    let process = format!("/proc/{}", hub.pid());
    let limits = std::fs::read_to_string(format!("{process}/limits")).unwrap();
    let core = limits.lines().find(|line| line.starts_with("Max core file size")).unwrap();
    let words: Vec<&str> = core.split_whitespace().collect();
    assert_eq!(words[4..6], ["0", "0"], "{core}");
    // What may not be dumped belongs to root, whoever runs it.
    assert_eq!(std::fs::metadata(format!("{process}/environ")).unwrap().uid(), 0);
    assert!(!hub.err().contains("look into") && !hub.err().contains("core dumps"), "{}", hub.err());
    hub.stop().await;
}

#[tokio::test]
async fn a_lost_link_for_the_owner_is_made_again_while_the_hub_runs() {
    let home = tempfile::tempdir().unwrap();
    let hub = RunningHub::start(home.path()).await;
    let first =
        said_to_the_end(&hub).await.split_once("once, at ").unwrap().1.lines().next().unwrap().to_owned();
    let link = say(home.path(), &["members", "invite-owner"]).ok();
    let client = crate::support::outside::client();
    let status = async |link: &str| client.get(link.trim()).send().await.unwrap().status().as_u16();
    assert!(link.starts_with(&hub.base_url), "{link}");
    assert_eq!((status(&link).await, status(&first).await), (200, 400));
    let error = say(home.path(), &["members", "invite-owner", "--workspace", "nowhere"]).failed(1);
    assert!(error.contains("there is no workspace nowhere"), "{error}");
    hub.stop().await;
}

#[tokio::test]
async fn a_stopped_hub_leaves_one_database_file_and_comes_back_with_its_data() {
    let home = tempfile::tempdir().unwrap();
    let hub = RunningHub::start(home.path()).await;
    let key = say(home.path(), &["keys", "create", "--environment", "production"]).ok();
    hub.api(key.trim()).done("POST", "/users", Some(&json!({"username": "u-1"}))).await;
    hub.stop().await;
    assert!(!home.path().join("data/vouchsafe.db-wal").exists());
    let hub = RunningHub::start(home.path()).await;
    assert_eq!(hub.api(key.trim()).done("GET", "/users/u-1", None).await["username"], "u-1");
    hub.stop().await;
}

#[tokio::test]
async fn what_was_read_up_to_the_last_moment_is_in_the_audit_log() {
    const READS: usize = 450;
    let home = tempfile::tempdir().unwrap();
    let hub = RunningHub::start(home.path()).await;
    let create = ["keys", "create", "--environment", "sandbox", "--scope=*", "--scope=credentials:reveal"];
    let key = say(home.path(), &create).ok().trim().to_owned();
    let given = json!({"userId": "u-1", "connector": "openai", "data": {"api_key": "sk-example-0123456789"},
        "verify": false});
    let api = hub.api(&key);
    api.done("POST", "/users", Some(&json!({"username": "u-1"}))).await;
    let credential = api.done("POST", "/credentials", Some(&given)).await["credentialId"].clone();
    let credential = credential.as_str().unwrap();
    for _ in 0..READS {
        api.done("GET", &format!("/credentials/{credential}/token"), None).await;
    }
    hub.stop().await;

    let hub = RunningHub::start(home.path()).await;
    let (api, mut found, mut cursor) = (hub.api(&key), 0, String::new());
    loop {
        let path = format!("/audit-events?action=credential.token&target={credential}&limit=200{cursor}");
        let page = api.done("GET", &path, None).await;
        found += page["data"].as_array().unwrap().len();
        let Some(next) = page["nextCursor"].as_str() else { break };
        cursor = format!("&cursor={next}");
    }
    assert_eq!(found, READS);
    hub.stop().await;
}

#[tokio::test]
async fn a_command_leaves_one_database_file_behind() {
    let home = tempfile::tempdir().unwrap();
    RunningHub::start(home.path()).await.stop().await;
    for (code, arguments) in [
        (0, &["keys", "create", "--environment", "sandbox"][..]),
        (0, &["keys", "list"]),
        (0, &["workspaces", "list"]),
        (0, &["environments", "create", "staging"]),
        (0, &["members", "invite-owner"]),
        (0, &["master-key", "rewrap"]),
        (0, &["adopt", "--check"]),
        (0, &["audit", "verify"]),
        (1, &["keys", "create", "--environment", "nowhere"]),
        (0, &["export", "--environment", "sandbox", "--to", "hub.export"]),
        (0, &["data-key", "rotate", "--environment", "sandbox"]),
        (0, &["doctor"]),
    ] {
        let said = say(home.path(), arguments);
        assert_eq!(said.code, code, "{arguments:?}: {said:?}");
        assert_eq!(database_files(home.path()), ["vouchsafe.db", "vouchsafe.db.instance"], "{arguments:?}");
    }
}

/// What the data directory has of the database.
fn database_files(home: &Path) -> Vec<String> {
    let names = std::fs::read_dir(home.join("data")).unwrap();
    let names = names.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut files: Vec<String> = names.filter(|name| name.starts_with("vouchsafe.db")).collect();
    files.sort();
    files
}

#[tokio::test]
async fn a_killed_hub_comes_back_with_its_data() {
    let home = tempfile::tempdir().unwrap();
    let mut hub = RunningHub::start(home.path()).await;
    let key = say(home.path(), &["keys", "create", "--environment", "production"]).ok();
    hub.api(key.trim()).done("POST", "/users", Some(&json!({"username": "u-1"}))).await;
    hub.signal("KILL");
    assert_eq!(hub.ended().await.code(), None);
    let hub = RunningHub::start(home.path()).await;
    hub.api(key.trim()).done("GET", "/users/u-1", None).await;
    hub.stop().await;
}

#[tokio::test]
async fn a_second_hub_and_a_taken_port_are_refused_with_1() {
    let home = tempfile::tempdir().unwrap();
    let hub = RunningHub::start(home.path()).await;
    let error = say(home.path(), &["serve"]).failed(1);
    assert!(error.contains("another hub works in the data directory"), "{error}");
    let other = tempfile::tempdir().unwrap();
    let address = hub.base_url.trim_start_matches("http://");
    let taken = run(vouchsafe(other.path(), &["serve"]).env("VOUCHSAFE_LISTEN", address)).failed(1);
    assert!(taken.contains(&format!("cannot listen on {address}")), "{taken}");
    hub.stop().await;
}

#[test]
fn a_wrong_configuration_ends_with_78_and_names_what_to_do() {
    let home = tempfile::tempdir().unwrap();
    for (name, value, reason) in [
        ("VOUCHSAFE_LISTEN", "7070", "write an IP address and a port"),
        ("VOUCHSAFE_PUBLIC_URL", "http://hub.example", "must be https"),
        ("VOUCHSAFE_DATABASE_URL", "mysql://db/x", "write `sqlite://<path>` or `postgres://…`"),
        ("VOUCHSAFE_EGRESS_ALLOW", "10.0.0.0/99", "is no network"),
        ("VOUCHSAFE_LOG", "a=b=c", "is no log filter"),
        ("VOUCHSAFE_LOG_FORMAT", "xml", "write `text` or `json`"),
        ("VOUCHSAFE_AUDIT_MODE", "never", "write `batched` or `strict`"),
        ("VOUCHSAFE_REFRESH_LEASE", "1s", "must be at least 5s"),
    ] {
        let error = run(vouchsafe(home.path(), &["serve"]).env(name, value)).failed(78);
        assert!(error.starts_with(&format!("error: {name}")) && error.contains(reason), "{error}");
    }
    std::fs::write(home.path().join("vouchsafe.toml"), "listen = \"127.0.0.1:0\"\nlisten_on = \"x\"\n")
        .unwrap();
    let error = say(home.path(), &["serve"]).failed(78);
    assert!(error.contains("listen_on") && error.contains("vouchsafe.toml"), "{error}");
    assert!(say(home.path(), &["serve", "--config", "absent.toml"]).failed(78).contains("absent.toml"));
    assert!(!home.path().join("data").exists());
}

#[test]
fn a_variable_that_is_no_text_is_refused_where_it_is_the_hubs_and_ignored_elsewhere() {
    let home = tempfile::tempdir().unwrap();
    let latin_1 = OsStr::from_bytes(b"caf\xe9");
    let check = |name: &str| run(vouchsafe(home.path(), &["check"]).env(name, latin_1));
    assert!(check("FAVOURITE_PLACE").ok().contains("are in order"));
    let error = check("VOUCHSAFE_PROVIDERS_DIR").failed(78);
    assert_eq!(error, "error: VOUCHSAFE_PROVIDERS_DIR: the value is not UTF-8\n");
}

#[test]
fn a_definition_with_a_mistake_ends_with_78_and_its_place() {
    let home = tempfile::tempdir().unwrap();
    write_bad_definition(&home.path().join("own"));
    let error = run(vouchsafe(home.path(), &["serve"]).env("VOUCHSAFE_PROVIDERS_DIR", "own")).failed(78);
    assert!(error.contains("own/bad.toml:4:3") && error.contains("colour"), "{error}");
    assert!(!home.path().join("data/vouchsafe.db").exists());
}

#[tokio::test]
async fn hang_up_reads_definitions_again_and_keeps_the_old_ones_on_a_mistake() {
    let home = tempfile::tempdir().unwrap();
    let own = home.path().join("own");
    std::fs::create_dir(&own).unwrap();
    let hub = RunningHub::start_with(
        home.path(),
        vouchsafe(home.path(), &["serve"]).env("VOUCHSAFE_PROVIDERS_DIR", &own),
    )
    .await;
    let key = say(home.path(), &["keys", "create", "--environment", "production"]).ok();
    let api = hub.api(key.trim());
    assert_eq!(api.call("GET", "/providers/quillpost", None).await.0, 404);
    let text = vouchsafe::demo::fake::api_key_definition_toml("quillpost", "https://quillpost.example");
    std::fs::write(own.join("quillpost.toml"), text).unwrap();
    hub.signal("HUP");
    eventually("the new definition", async || match api.call("GET", "/providers/quillpost", None).await {
        (200, body) => Ok(body),
        other => Err(other),
    })
    .await;
    write_bad_definition(&own);
    hub.signal("HUP");
    eventually("the report", async || {
        let log = hub.err();
        if log.contains("bad.toml:4:3") { Ok(()) } else { Err(log) }
    })
    .await;
    api.done("GET", "/providers/quillpost", None).await;
    hub.stop().await;
}

#[tokio::test]
async fn an_end_does_not_wait_for_idle_connections() {
    let home = tempfile::tempdir().unwrap();
    let hub = RunningHub::start(home.path()).await;
    // Its pool keeps the connection open.
    let client = outside::client();
    let answer = client.get(format!("{}/healthz", hub.base_url)).send().await.unwrap();
    assert!(answer.status().is_success());
    hub.stop().await;
    assert!(client.get("http://127.0.0.1:9/").send().await.is_err());
}

#[tokio::test]
async fn who_listens_everywhere_is_told_to_say_where_that_is() {
    let home = tempfile::tempdir().unwrap();
    let hub = RunningHub::start_with(
        home.path(),
        vouchsafe(home.path(), &["serve"]).env("VOUCHSAFE_LISTEN", "0.0.0.0:0"),
    )
    .await;
    let out = said_to_the_end(&hub).await;
    assert!(out.contains("No browser and no app reaches http://0.0.0.0:"), "{out}");
    assert!(out.contains("set VOUCHSAFE_PUBLIC_URL"), "{out}");
    hub.stop().await;
}
