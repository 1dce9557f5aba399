//! The master key: never made beside data, never guessed, and nothing is written with a wrong one.

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

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

fn new_key(home: &Path) -> String {
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
    for arguments in [&["serve"][..], &["migrate"], &["keys", "create", "--environment", "sandbox"]] {
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

#[tokio::test]
async fn a_missing_key_is_never_made_beside_data() {
    let home = used_home().await;
    let file = home.path().join("data/master.key");
    let kept = std::fs::read(&file).unwrap();
    std::fs::remove_file(&file).unwrap();
    let before = database_bytes(home.path());
    let error = say(home.path(), &["serve"]).failed(78);
    assert!(error.contains("a key is never made beside data") && error.contains("master.key"), "{error}");
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
        let error = say(home.path(), &["serve"]).failed(78);
        assert!(error.contains("chmod 600"), "{error}");
    }
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
