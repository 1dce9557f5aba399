//! `vouchsafe demo`: it asks for nothing, and leaves nothing.

use crate::support::process::{RunningHub, vouchsafe};
use crate::support::wait::eventually;

#[tokio::test]
async fn the_demo_warns_of_nothing_and_leaves_nothing() {
    let home = tempfile::tempdir().unwrap();
    let temporary = home.path().join("tmp");
    std::fs::create_dir(&temporary).unwrap();
    let demo = RunningHub::spawn(home.path(), vouchsafe(home.path(), &["demo"]).env("TMPDIR", &temporary));
    eventually("the last line of the greeting", async || {
        let out = demo.out();
        if out.contains("Everything is forgotten on Ctrl-C") { Ok(()) } else { Err((out, demo.err())) }
    })
    .await;
    assert_eq!(demo.err(), "", "its master key is thrown away with the rest");
    demo.stop().await;
    assert_eq!(std::fs::read_dir(&temporary).unwrap().count(), 0);
    assert!(!home.path().join("data").exists());
}
