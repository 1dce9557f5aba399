//! A copy of a database and an export of an environment have their names once the audit log has them.

use std::os::unix::process::ExitStatusExt as _;
use std::process::Output;

use crate::points::{COPIED, EXPORTED};
use crate::stage::{Place, Stage};

#[tokio::test(flavor = "multi_thread")]
async fn what_is_killed_before_the_audit_log_has_it_never_gets_its_name() {
    let Some(mut stage) = Stage::set(Place::Sqlite).await else { return };
    stage.hand_over("a", 1).await;
    let home = stage.home("a");
    for (command, point) in [
        (&["backup", "hub.copy"][..], COPIED),
        (&["export", "--environment", "production", "--to", "hub.copy"], EXPORTED),
    ] {
        let (file, part) = (home.join("hub.copy"), home.join("hub.copy.part"));
        let killed = run(&stage, command, &format!("{point}=kill")).await;
        assert_eq!(killed.status.signal(), Some(9), "{point}: {killed:?}");
        assert!(part.exists() && !file.exists(), "{point}");
        let beside = run(&stage, command, "").await;
        let said = String::from_utf8_lossy(&beside.stderr);
        assert!(!beside.status.success() && said.contains("hub.copy.part already"), "{point}: {said}");
        std::fs::remove_file(&part).unwrap();
        let refused = run(&stage, command, &format!("{point}=error")).await;
        assert!(!refused.status.success() && !part.exists() && !file.exists(), "{point}: {refused:?}");
        let done = run(&stage, command, "").await;
        assert!(done.status.success() && file.exists() && !part.exists(), "{point}: {done:?}");
        std::fs::remove_file(&file).unwrap();
    }
}

/// Runs a command with a failure point.
async fn run(stage: &Stage, arguments: &[&str], point: &str) -> Output {
    let mut command = stage.command("a", arguments);
    command.env("VOUCHSAFE_FAILPOINTS", point);
    tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap()
}
