//! S17: another master key is put around the data keys, and another data key takes the place of one, while a hub serves
//! what they sealed, and the command that does it is killed. No read fails, the command does the rest when it is run
//! again, and the old key can go.

use std::os::unix::process::ExitStatusExt as _;
use std::process::Output;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use futures_util::{StreamExt as _, stream};
use tokio::task::JoinHandle;
use vouchsafe::random::SystemRandom;
use vouchsafe::vault::MasterKey;

use crate::points::{MADE, RESEALED, REWRAPPED, SWITCHED, WRAPPED};
use crate::scale::times;
use crate::stage::{Asker, Place, Replica, Stage, Typed};

/// Callers that read without a pause.
const READERS: usize = 4;

#[tokio::test(flavor = "multi_thread")]
async fn s17_a_master_key_is_replaced_under_load_by_a_command_that_is_killed() {
    let Some(mut stage) = Stage::set(Place::Sqlite).await else { return };
    let typed = stage.hand_over("a", times(1_000, 100_000)).await;
    let mut old = stage.master_keys().trim().to_owned();
    let (mut kills, mut reads) = (0, 0);
    for round in 0..times(1, 10) {
        let new = MasterKey::random(&format!("key-{round}"), &SystemRandom).to_text().as_str().to_owned();
        stage.give_master_keys(&[&new, &old]);
        let replica = stage.start("a").await;
        let load = Load::begin(&replica, &typed);
        // The second point is only reached where the first kill left something to do.
        for point in [WRAPPED, REWRAPPED] {
            let killed = run(&stage, &REWRAP, &format!("{point}=kill")).await;
            assert_eq!(killed.status.signal(), Some(9), "{point}: {killed:?}");
            kills += 1;
        }
        let done = run(&stage, &REWRAP, "").await;
        let said = String::from_utf8_lossy(&done.stdout);
        assert!(
            said.starts_with("0 data keys were wrapped anew") && said.contains(" 7 were already"),
            "{done:?}"
        );
        reads += load.end().await;
        replica.hub.stop().await;
        old = new;
    }
    // The last one is alone now.
    stage.give_master_keys(&[&old]);
    let replica = stage.start("a").await;
    let asker = replica.asker();
    stream::iter(&typed).for_each_concurrent(2 * READERS, |one| read(&asker, one)).await;
    replica.hub.stop().await;
    assert!(reads > READERS, "{reads} reads are no load");
    println!("S17: {} rows, killed {kills} times, {reads} reads meanwhile, 0 failed", typed.len());
}

#[tokio::test(flavor = "multi_thread")]
async fn s17_a_data_key_is_replaced_under_load_by_a_command_that_is_killed() {
    let Some(mut stage) = Stage::set(Place::Sqlite).await else { return };
    let typed = stage.hand_over("a", times(1_000, 100_000)).await;
    let replica = stage.start("a").await;
    let load = Load::begin(&replica, &typed);
    // Made, and sealing nothing; sealing; half of the values sealed anew, and the rest not.
    let points = [format!("{MADE}=kill"), format!("{SWITCHED}=kill"), format!("{RESEALED}=kill@2")];
    for point in &points {
        let killed = run(&stage, &ROTATE, point).await;
        assert_eq!(killed.status.signal(), Some(9), "{point}: {killed:?}");
    }
    let done = run(&stage, &ROTATE, "").await;
    let said = String::from_utf8_lossy(&done.stdout);
    assert!(done.status.success() && said.contains("none is left"), "{done:?}");
    assert!(said.contains("was made before"), "one key was made in all: {said}");
    let reads = load.end().await;
    assert!(reads > READERS, "{reads} reads are no load");
    replica.hub.stop().await;
    let replica = stage.start("a").await;
    let asker = replica.asker();
    stream::iter(&typed).for_each_concurrent(2 * READERS, |one| read(&asker, one)).await;
    replica.hub.stop().await;
    println!("S17: {} rows, killed {} times, {reads} reads meanwhile, 0 failed", typed.len(), points.len());
}

const REWRAP: [&str; 2] = ["master-key", "rewrap"];
const ROTATE: [&str; 4] = ["data-key", "rotate", "--environment", "production"];

/// Runs a command with a failure point.
async fn run(stage: &Stage, arguments: &[&str], point: &str) -> Output {
    let mut command = stage.command("a", arguments);
    command.env("VOUCHSAFE_FAILPOINTS", point);
    tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap()
}

/// A read that must give what was typed.
async fn read(asker: &Asker, typed: &Typed) {
    let answer = asker.ask("GET", &format!("/credentials/{}/token", typed.id)).await;
    let Some((200, body)) = &answer else { panic!("{}: {answer:?}", typed.id) };
    assert_eq!(body["fields"]["api_key"], typed.key.as_str());
}

/// Callers that read all credentials over and over; each failure is a panic of theirs.
struct Load {
    stop: Arc<AtomicBool>,
    readers: Vec<JoinHandle<usize>>,
}

impl Load {
    fn begin(replica: &Replica, typed: &[Typed]) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let shares = typed.chunks(typed.len().div_ceil(READERS));
        let readers = shares.map(|share| {
            let (asker, share, stop) = (replica.asker(), share.to_vec(), Arc::clone(&stop));
            tokio::spawn(async move {
                let mut reads = 0;
                for one in share.iter().cycle() {
                    if stop.load(Ordering::Relaxed) {
                        break;
                    }
                    read(&asker, one).await;
                    reads += 1;
                }
                reads
            })
        });
        let readers = readers.collect();
        Self { stop, readers }
    }

    /// How many reads there were.
    async fn end(self) -> usize {
        self.stop.store(true, Ordering::Relaxed);
        let mut reads = 0;
        for reader in self.readers {
            reads += reader.await.unwrap();
        }
        reads
    }
}
