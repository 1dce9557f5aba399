//! The master key: never made beside data, never guessed, and nothing is written with a wrong one.

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;

use secrecy::SecretString;
use serde_json::json;
use vouchsafe::vault::MasterKeys;

use crate::support::database::Fresh;
use crate::support::process::{RunningHub, run, say, vouchsafe};

/// A home whose hub has run and ended, so that there is data.
async fn used_home() -> tempfile::TempDir {
    let home = tempfile::tempdir().unwrap();
    RunningHub::start(home.path()).await.stop().await;
    home
}

fn database_bytes(home: &Path) -> BTreeMap<String, Vec<u8>> {
    std::fs::read_dir(home.join("data"))
        .unwrap()
        .map(|entry| entry.unwrap())
        .map(|entry| (entry.file_name().into_string().unwrap(), entry.path()))
        .filter(|(name, _)| name.starts_with("vouchsafe.db"))
        .map(|(name, path)| (name, std::fs::read(path).unwrap()))
        .collect()
}

pub(super) fn new_key(home: &Path) -> String {
    say(home, &["master-key", "generate"]).ok().trim().to_owned()
}

#[test]
fn a_generated_key_has_its_label_and_32_bytes() {
    use base64::Engine as _;
    let home = tempfile::tempdir().unwrap();
    let printed = say(home.path(), &["master-key", "generate", "--label", "second"]).ok();
    let (label, text) = printed.trim().split_once(':').unwrap();
    let bytes = base64::engine::general_purpose::STANDARD.decode(text).unwrap();
    assert_eq!((label, bytes.len()), ("second", 32));
    assert_ne!(new_key(home.path()), new_key(home.path()));
    assert!(!home.path().join("data").exists());
}

#[tokio::test]
async fn another_key_is_refused_with_both_fingerprints_and_no_write() {
    let home = used_home().await;
    let before = database_bytes(home.path());
    let key = new_key(home.path());
    for arguments in [
        &["serve"][..],
        &["check"],
        &["migrate"],
        &["keys", "create", "--environment", "sandbox"],
        &["master-key", "rewrap"],
    ] {
        let file = home.path().join("other.key");
        std::fs::write(&file, &key).unwrap();
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600)).unwrap();
        let error = run(vouchsafe(home.path(), arguments).env("VOUCHSAFE_MASTER_KEY_FILE", &file)).failed(78);
        let fingerprints: Vec<&str> =
            error.split(|c: char| !c.is_ascii_hexdigit()).filter(|word| word.len() == 16).collect();
        assert_eq!(fingerprints.len(), 2, "{error}");
        assert_ne!(fingerprints[0], fingerprints[1]);
        assert!(!error.contains(&key), "{error}");
        assert!(database_bytes(home.path()) == before, "{arguments:?} changed the database");
    }
}

/// The master keys of a hub, the current one first.
pub(super) fn give(home: &Path, keys: &[&str]) {
    let file = home.join("keys");
    std::fs::write(&file, keys.join(",")).unwrap();
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600)).unwrap();
}

/// A command of a hub that was given its master keys.
pub(super) fn with_keys(fresh: &Fresh, arguments: &[&str]) -> Command {
    let mut command = vouchsafe(fresh.folder.path(), arguments);
    command
        .env("VOUCHSAFE_DATABASE_URL", &fresh.url)
        .env("VOUCHSAFE_MASTER_KEY_FILE", fresh.folder.path().join("keys"));
    command
}

#[tokio::test]
async fn a_master_key_is_replaced_under_a_running_hub_and_the_old_one_removed() {
    let Some(fresh) = Fresh::of_this_run().await else { return };
    let home = fresh.folder.path();
    let old = new_key(home);
    let new = say(home, &["master-key", "generate", "--label", "second"]).ok().trim().to_owned();
    let serve = async || RunningHub::start_with(home, &mut with_keys(&fresh, &["serve"])).await;
    let rewrap = || run(&mut with_keys(&fresh, &["master-key", "rewrap"]));
    give(home, &[&old]);
    let hub = serve().await;
    let create = ["keys", "create", "--environment", "sandbox", "--scope=*", "--scope=credentials:reveal"];
    let key = run(&mut with_keys(&fresh, &create)).ok().trim().to_owned();
    let given = json!({"userId": "u-17", "connector": "openai", "data": {"api_key": "sk-example-0123456789"},
        "verify": false});
    hub.api(&key).done("POST", "/users", Some(&json!({"username": "u-17"}))).await;
    hub.api(&key).done("POST", "/credentials", Some(&given)).await;
    hub.stop().await;
    let opens = async |hub: &RunningHub| {
        let token = hub.api(&key).done("GET", "/users/u-17/connectors/openai/token", None).await;
        assert_eq!(token["fields"]["api_key"], "sk-example-0123456789");
    };

    give(home, &[&new, &old]);
    let hub = serve().await;
    // The hub's own four, one of the workspace and two of its environments.
    let done = rewrap().ok();
    assert!(done.starts_with("7 data keys were wrapped anew") && done.contains(" 0 were already"), "{done}");
    let again = rewrap().ok();
    assert!(
        again.starts_with("0 data keys were wrapped anew") && again.contains(" 7 were already"),
        "{again}"
    );
    opens(&hub).await;
    hub.stop().await;

    give(home, &[&new]);
    let hub = serve().await;
    opens(&hub).await;
    let events = hub.api(&key).done("GET", "/audit-events?action=master_key.rewrap", None).await;
    let [event] = events["data"].as_array().unwrap().as_slice() else { panic!("one rewrap: {events}") };
    assert_eq!(
        (&event["actor"]["type"], &event["target"]["type"]),
        (&"operator".into(), &"master_key".into())
    );
    assert!(done.contains(event["target"]["id"].as_str().unwrap()), "the new key is named: {event}");
    hub.stop().await;

    give(home, &[&old]);
    let error = run(&mut with_keys(&fresh, &["serve"])).failed(78);
    assert!(error.contains("the database was sealed with the master key"), "{error}");
}

#[test]
fn there_is_nothing_to_rewrap_where_nothing_is() {
    let home = tempfile::tempdir().unwrap();
    let error = say(home.path(), &["master-key", "rewrap"]).failed(1);
    assert!(error.contains("no database"), "{error}");
    assert!(!home.path().join("data").exists());
}

/// A fault of the key: what lies in the file that is named, its mode, and the words for it. No file: none is named.
struct Faulty {
    file: Option<Vec<u8>>,
    mode: u32,
    words: String,
}

impl Faulty {
    fn named(text: impl AsRef<[u8]>, words: impl Into<String>) -> Self {
        Self { file: Some(text.as_ref().to_vec()), mode: 0o600, words: words.into() }
    }
}

fn fingerprint(key: &str) -> String {
    MasterKeys::parse(&SecretString::from(key)).unwrap().current().fingerprint().to_owned()
}

/// Every fault for a database in `home` that was sealed with `right`, and with `old` before.
fn faults(home: &Path, right: &str, old: &str) -> Vec<Faulty> {
    const SHAPE: &str =
        "a master key is written `label:base64`, with a label of letters, digits, `-` and `_`";
    let other = |key: &str| {
        let (wanted, given) = (fingerprint(right), fingerprint(key));
        let words =
            format!("the database was sealed with the master key {wanted}, and the one given is {given}");
        Faulty::named(key, words)
    };
    let (label, text) = right.split_once(':').unwrap();
    let changed = if text.starts_with('A') { "B" } else { "A" };
    let changed = format!("{label}:{changed}{}", &text[1..]);
    let cut = "the master key `second` is not 32 bytes in base64";
    let file = home.join("given.key");
    let readable = format!(
        "the master key file {} can be read by group or others; run `chmod 600` on it",
        file.display()
    );
    let unread = format!(
        "cannot read the master key file {}, which VOUCHSAFE_MASTER_KEY_FILE names: stream did not contain valid UTF-8",
        file.display()
    );
    let missing = format!(
        "the database was sealed with the master key {}, and none was given (looked for {}); a key is never made \
         beside data",
        fingerprint(right),
        home.join("data/master.key").display()
    );
    vec![
        other(&new_key(home)),
        other(old),
        other(&changed),
        Faulty { file: None, mode: 0, words: missing },
        Faulty::named("second:c2hvcnQ=", cut),
        Faulty::named(&right[..right.len() - 4], cut),
        Faulty::named(format!("{label}:%{}", &text[1..]), cut),
        Faulty { mode: 0o644, ..Faulty::named(right, readable) },
        Faulty::named("", "the master key is empty"),
        Faulty::named(text, SHAPE),
        Faulty::named([0xff; 44], unread),
    ]
}

#[tokio::test]
async fn s18_each_fault_of_the_key_has_its_words_and_leaves_the_database_as_it_is() {
    let home = used_home().await;
    let made = home.path().join("data/master.key");
    let old = std::fs::read_to_string(&made).unwrap().trim().to_owned();
    let right = say(home.path(), &["master-key", "generate", "--label", "second"]).ok().trim().to_owned();
    give(home.path(), &[&right, &old]);
    let mut rewrap = vouchsafe(home.path(), &["master-key", "rewrap"]);
    run(rewrap.env("VOUCHSAFE_MASTER_KEY_FILE", home.path().join("keys"))).ok();
    std::fs::remove_file(&made).unwrap();

    let before = database_bytes(home.path());
    let file = home.path().join("given.key");
    for fault in faults(home.path(), &right, &old) {
        if let Some(bytes) = &fault.file {
            std::fs::write(&file, bytes).unwrap();
            std::fs::set_permissions(&file, std::fs::Permissions::from_mode(fault.mode)).unwrap();
        }
        for arguments in [&["serve"][..], &["doctor"], &["keys", "create", "--environment", "sandbox"]] {
            let mut command = vouchsafe(home.path(), arguments);
            if fault.file.is_some() {
                command.env("VOUCHSAFE_MASTER_KEY_FILE", &file);
            }
            let said = run(&mut command);
            let part = if arguments[0] == "doctor" { "master key: " } else { "" };
            let line = format!("error: {part}{}", fault.words);
            assert_eq!((said.code, said.err.lines().last()), (78, Some(line.as_str())), "{arguments:?}");
            assert!(database_bytes(home.path()) == before, "{arguments:?} changed the database: {line}");
        }
    }
    assert!(!made.exists(), "no key was made");
    std::fs::write(&file, &right).unwrap();
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600)).unwrap();
    let mut check = vouchsafe(home.path(), &["check"]);
    run(check.env("VOUCHSAFE_MASTER_KEY_FILE", &file)).ok();
}

#[tokio::test]
async fn a_missing_key_is_never_made_beside_data() {
    let home = used_home().await;
    let file = home.path().join("data/master.key");
    let kept = std::fs::read(&file).unwrap();
    std::fs::remove_file(&file).unwrap();
    let before = database_bytes(home.path());
    for command in ["serve", "check"] {
        let error = say(home.path(), &[command]).failed(78);
        assert!(error.contains("a key is never made beside data") && error.contains("master.key"), "{error}");
    }
    assert!(!file.exists());
    assert!(database_bytes(home.path()) == before);
    std::fs::write(&file, kept).unwrap();
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600)).unwrap();
    RunningHub::start(home.path()).await.stop().await;
}

#[tokio::test]
async fn a_key_file_that_others_may_read_is_refused() {
    let home = used_home().await;
    let file = home.path().join("data/master.key");
    for mode in [0o644, 0o640, 0o604] {
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(mode)).unwrap();
        for command in ["serve", "check"] {
            let error = say(home.path(), &[command]).failed(78);
            assert!(error.contains("chmod 600"), "{error}");
        }
    }
}

#[tokio::test]
async fn a_key_file_that_is_away_is_told_with_its_variable() {
    let home = used_home().await;
    let before = database_bytes(home.path());
    for command in ["serve", "check"] {
        let mut command = vouchsafe(home.path(), &[command]);
        let error = run(command.env("VOUCHSAFE_MASTER_KEY_FILE", "/absent/master.key")).failed(78);
        assert_eq!(
            error.lines().last(),
            Some(
                "error: cannot read the master key file /absent/master.key, which VOUCHSAFE_MASTER_KEY_FILE names: \
                 No such file or directory (os error 2)"
            )
        );
    }
    assert!(database_bytes(home.path()) == before);
}

#[test]
fn a_database_that_is_away_hides_no_mistake_of_the_key() {
    let away = |command: &str, key: Option<&str>| {
        let home = tempfile::tempdir().unwrap();
        let mut command = vouchsafe(home.path(), &[command]);
        command.env("VOUCHSAFE_DATABASE_URL", "postgres://nobody@127.0.0.1:1/none");
        if let Some(key) = key {
            command.env("VOUCHSAFE_MASTER_KEY", key);
        }
        run(&mut command)
    };
    let key = new_key(tempfile::tempdir().unwrap().path());
    // Each waits for the database as long as a start does.
    std::thread::scope(|scope| {
        for command in ["serve", "check"] {
            let away = &away;
            scope.spawn(move || {
                let required = away(command, None).failed(78);
                assert!(required.contains("VOUCHSAFE_MASTER_KEY_FILE"), "{command}: {required}");
            });
            let garbage = away(command, Some("garbage")).failed(78);
            assert!(!garbage.contains("garbage"), "{command}: {garbage}");
        }
        scope.spawn(|| assert!(away("check", Some(&key)).ok().contains("the master key was not compared")));
        scope.spawn(|| away("serve", Some(&key)).failed(1));
    });
}

#[test]
fn what_is_no_key_is_refused_and_not_repeated() {
    let home = tempfile::tempdir().unwrap();
    for (text, reason) in [
        ("main:c2hvcnQ=", "is not 32 bytes"),
        ("main:MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=", "is not random"),
        ("main:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=", "is not random"),
    ] {
        let said = run(vouchsafe(home.path(), &["serve"]).env("VOUCHSAFE_MASTER_KEY", text));
        let error = said.failed(78);
        assert!(error.contains(reason), "{error}");
        assert!(!error.contains(text.split_once(':').unwrap().1), "{error}");
    }
    let both = run(vouchsafe(home.path(), &["serve"])
        .env("VOUCHSAFE_MASTER_KEY", new_key(home.path()))
        .env("VOUCHSAFE_MASTER_KEY_FILE", "x"));
    assert!(both.failed(78).contains("not both"));
    assert!(!home.path().join("data/vouchsafe.db").exists());
}
