//! R4 and R5: the database goes away between the answer and its commit, or before the claim; and the disk is full.
//!
//! A `max_page_count` is a setting of a connection, which nobody can give the hub's from outside: for SQLite the full disk
//! stands for it.

use std::path::{Path, PathBuf};
use std::process::Command;

use sea_orm::{ConnectionTrait as _, Database, DatabaseConnection, DbBackend, Statement, TryGetable};
use serde_json::{Value, json};

use crate::scale::times;
use crate::stage::{Cluster, Connected, Place, Replica, Stage};
use crate::support::components::{Component, require};
use crate::support::wait::eventually;

const STRICT: &str = "fern-strict";
/// What a hub says while it can't commit.
const WAITS: &str = "could not be written yet";
/// Why, where the server takes no writes.
const REFUSED: &str = "in a read-only transaction";

/// What befalls the database while an answer waits to be committed.
#[derive(Clone, Copy, Debug)]
enum Outage {
    Killed,
    Restarted,
    ReadOnly,
}

#[tokio::test(flavor = "multi_thread")]
async fn r04_postgresql_goes_away_between_answer_and_commit() {
    let Some(cluster) = Cluster::start() else { return };
    let Some(mut stage) = Stage::set(Place::schema(&cluster.url()).await).await else { return };
    let rounds = times(3, 200);
    let outages = [Outage::Killed, Outage::Restarted, Outage::ReadOnly];
    let credentials = stage.connect("a", &[STRICT], outages.len() * rounds).await.remove(0);
    let mut replica = stage.start("a").await;
    for (number, credential) in credentials.iter().enumerate() {
        let outage = outages[number % outages.len()];
        replica.arm("refresh::before_commit=stop@1").await;
        let asked = replica.renew(&credential.id);
        replica.stopped().await;
        begin(outage, &cluster).await;
        replica.arm_next("");
        replica.go_on();
        if !matches!(outage, Outage::Restarted) {
            replica.says(WAITS).await;
        }
        if matches!(outage, Outage::ReadOnly) {
            replica.says(REFUSED).await;
        }
        // Each third time the hub dies as well, before the database is back.
        let dies = number / outages.len() % 3 == 2;
        if dies {
            replica.hub.signal("KILL");
            replica.killed().await;
        }
        end(outage, &cluster).await;
        if dies {
            replica = stage.start("a").await;
        }
        asked.await.unwrap();
        committed(&stage, &replica, credential).await;
    }
    println!("R4, PostgreSQL: {} answers committed after the outage, 0 lost", credentials.len());
}

async fn begin(outage: Outage, cluster: &Cluster) {
    match outage {
        Outage::Killed => cluster.kill(),
        Outage::Restarted => cluster.restart(),
        Outage::ReadOnly => set_read_only(cluster, true).await,
    }
}

async fn end(outage: Outage, cluster: &Cluster) {
    match outage {
        Outage::Killed => cluster.up(),
        Outage::Restarted => {}
        Outage::ReadOnly => set_read_only(cluster, false).await,
    }
}

const SHOW: &str = "SHOW default_transaction_read_only";
/// Whoever is connected, but for who asks.
const SESSIONS: &str =
    "SELECT pid FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()";

async fn set_read_only(cluster: &Cluster, on: bool) {
    let admin = Database::connect(cluster.url()).await.unwrap();
    run(&admin, "SET default_transaction_read_only = off").await;
    let word = if on { "on" } else { "off" };
    run(&admin, &format!("ALTER SYSTEM SET default_transaction_read_only = {word}")).await;
    let watcher = Database::connect(cluster.url()).await.unwrap();
    run(&admin, "SELECT pg_reload_conf()").await;
    // One session hears of it after the server has read it: whoever connects from now on has it.
    eventually("settings that were read again", async || {
        let shown: String = ask(&watcher, SHOW).await.remove(0);
        if shown == word { Ok(()) } else { Err(shown) }
    })
    .await;
    // The server tells its sessions one after the other. Told by us as well, none begins a command without it.
    for session in ask(&admin, SESSIONS).await {
        Cluster::read_settings_again(session);
    }
    watcher.close().await.unwrap();
    admin.close().await.unwrap();
}

/// The first column of what `sql` finds.
async fn ask<T: TryGetable>(database: &DatabaseConnection, sql: &str) -> Vec<T> {
    let rows = database.query_all_raw(Statement::from_string(DbBackend::Postgres, sql)).await.unwrap();
    rows.iter().map(|row| row.try_get_by_index(0).unwrap()).collect()
}

async fn run(database: &DatabaseConnection, sql: &str) {
    database.execute_unprepared(sql).await.unwrap();
}

/// The one request of version 1 was enough, and its answer is served.
async fn committed(stage: &Stage, replica: &Replica, credential: &Connected) {
    eventually("a committed answer", async || {
        let shown = replica.shown(&credential.id).await;
        let settled = !shown["lastRefreshedAt"].is_null() && shown["statusReason"] == Value::Null;
        if settled { Ok(()) } else { Err((shown, replica.hub.err())) }
    })
    .await;
    let grant = stage.grant(credential);
    let token = replica.token(&credential.id).await.unwrap();
    assert_eq!(stage.fake.identify(&token), Some((grant.id, 2)), "{grant:?}");
    assert!(grant.alive && grant.at(1).requests == 1, "{grant:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn r05_no_token_is_spent_while_the_database_is_down() {
    let Some(cluster) = Cluster::start() else { return };
    let Some(mut stage) = Stage::set(Place::schema(&cluster.url()).await).await else { return };
    let credentials = stage.connect("a", &[STRICT], times(5, 200)).await.remove(0);
    let replica = stage.start("a").await;
    for credential in &credentials {
        replica.arm("refresh::before_claim=stop@1").await;
        let asked = replica.renew(&credential.id);
        replica.stopped().await;
        cluster.kill();
        replica.arm_next("");
        replica.go_on();
        let answer = asked.await.unwrap();
        assert!(answer.is_none_or(|(status, _)| status >= 500));
        assert_eq!(stage.grant(credential).requests(), 0);
        cluster.up();
        replica.look().await;
        renewed(&replica, credential).await;
        assert_eq!(stage.grant(credential).requests(), 1);
    }
    println!("R5: database down before the claim {} times: 0 provider calls", credentials.len());
    replica.hub.stop().await;
}

/// Renews by hand until the hub has found its database again.
async fn renewed(replica: &Replica, credential: &Connected) {
    eventually("a renewal", async || match replica.renew(&credential.id).await.unwrap() {
        Some((200, _)) => Ok(()),
        other => Err(other),
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn r04_sqlite_is_locked_between_answer_and_commit() {
    let Some(mut stage) = Stage::set(Place::Sqlite).await else { return };
    let credentials = stage.connect("a", &[STRICT], times(3, 200)).await.remove(0);
    let mut replica = stage.start("a").await;
    for (number, credential) in credentials.iter().enumerate() {
        // Let go on: stopped, the hub could hold the lock itself, as it writes other things beside this.
        replica.arm("refresh::parsed=stop@1;refresh::before_commit=delay(4000)@1").await;
        let asked = replica.renew(&credential.id);
        replica.stopped().await;
        replica.go_on();
        let file = stage.home("a").join("data/vouchsafe.db");
        let other = Database::connect(format!("sqlite://{}?mode=rw", file.display())).await.unwrap();
        let pool = other.get_sqlite_connection_pool();
        let mut locker = pool.acquire().await.unwrap();
        execute(&mut locker, "BEGIN EXCLUSIVE").await;
        replica.arm_next("");
        let dies = number % 2 == 1;
        if dies {
            replica.hub.signal("KILL");
            replica.killed().await;
        } else {
            replica.says(WAITS).await;
        }
        execute(&mut locker, "ROLLBACK").await;
        drop(locker);
        other.close().await.unwrap();
        if dies {
            replica = stage.start("a").await;
        }
        asked.await.unwrap();
        committed(&stage, &replica, credential).await;
    }
    println!("R4, SQLite: {} answers committed after the lock, 0 lost", credentials.len());
}

async fn execute(connection: &mut sea_orm::sqlx::SqliteConnection, sql: &'static str) {
    sea_orm::sqlx::Executor::execute(connection, sql).await.unwrap();
}

/// Files that nobody may write, not even who has opened them before. Dropped, they are as they were.
struct ReadOnly(Vec<PathBuf>);

impl ReadOnly {
    /// The database of the hub with this data directory, and what is written ahead of it.
    fn database(data: &Path) -> Self {
        let files = ["vouchsafe.db", "vouchsafe.db-wal"].map(|name| data.join(name));
        let read_only = Self(files.into());
        assert!(read_only.flag("+i"));
        read_only
    }

    fn flag(&self, change: &str) -> bool {
        Command::new("chattr").arg(change).args(&self.0).status().is_ok_and(|status| status.success())
    }
}

impl Drop for ReadOnly {
    fn drop(&mut self) {
        self.flag("-i");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn r04_sqlite_is_read_only_between_answer_and_commit() {
    let Some(_) = require(Component::Immutable) else { return };
    let Some(mut stage) = Stage::set(Place::Sqlite).await else { return };
    let credentials = stage.connect("a", &[STRICT], times(3, 200)).await.remove(0);
    let mut replica = stage.start("a").await;
    for (number, credential) in credentials.iter().enumerate() {
        replica.arm("refresh::before_commit=stop@1").await;
        let asked = replica.renew(&credential.id);
        replica.stopped().await;
        let read_only = ReadOnly::database(&stage.home("a").join("data"));
        replica.arm_next("");
        replica.go_on();
        replica.says(WAITS).await;
        let dies = number % 2 == 1;
        if dies {
            replica.hub.signal("KILL");
            replica.killed().await;
        }
        drop(read_only);
        if dies {
            replica = stage.start("a").await;
        }
        asked.await.unwrap();
        committed(&stage, &replica, credential).await;
        if !dies {
            lasts(&stage, &replica, number).await;
        }
    }
    println!("R4, SQLite read-only: {} answers committed later, 0 lost", credentials.len());
    replica.hub.stop().await;
}

/// A file system in memory that is soon full. Dropped, it goes.
struct SmallDisk<'a>(&'a Path);

impl<'a> SmallDisk<'a> {
    fn mount(at: &'a Path, megabytes: u32) -> Self {
        std::fs::create_dir_all(at).unwrap();
        let size = format!("size={megabytes}m,mode=0700");
        let mounted = Command::new("mount").args(["-t", "tmpfs", "-o", &size, "none"]).arg(at).status();
        assert!(mounted.unwrap().success());
        Self(at)
    }

    /// Takes all that is left.
    fn fill(&self) {
        use std::io::Write as _;
        let mut file = std::fs::File::create(self.0.join("filler")).unwrap();
        while file.write_all(&[1; 4_096]).is_ok() {}
    }

    fn clear(&self) {
        std::fs::remove_file(self.0.join("filler")).unwrap();
    }
}

impl Drop for SmallDisk<'_> {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(self.0).status();
    }
}

/// After a failed commit a write that is refused undoes itself alone, and what was answered as done is in the file.
async fn lasts(stage: &Stage, replica: &Replica, number: usize) {
    let (once, then) = (format!("once-{number}"), format!("then-{number}"));
    for (name, status) in [(&once, 201), (&once, 409), (&then, 201)] {
        let made = replica.asker().send("POST", "/users", Some(&json!({"username": name}))).await.unwrap();
        assert_eq!(made.0, status, "{name}: {}", made.1);
    }
    let file = stage.home("a").join("data/vouchsafe.db");
    let other = Database::connect(format!("sqlite://{}", file.display())).await.unwrap();
    let sql = format!("SELECT 1 AS n FROM \"user\" WHERE username IN ('{once}', '{then}')");
    let found = other.query_all_raw(Statement::from_string(other.get_database_backend(), sql)).await.unwrap();
    assert_eq!(found.len(), 2, "they are there for whoever looks");
    other.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn r04_a_full_disk_takes_the_answer_and_commits_it_later() {
    let Some(_) = require(Component::Mount) else { return };
    let Some(mut stage) = Stage::set(Place::Sqlite).await else { return };
    let data = stage.home("a").join("data");
    let disk = SmallDisk::mount(&data, 32);
    let credentials = stage.connect("a", &[STRICT], times(3, 200)).await.remove(0);
    let mut replica = stage.start("a").await;
    for (number, credential) in credentials.iter().enumerate() {
        // The answer has come and is not written down: only the journal's preallocated room can take it.
        replica.arm("refresh::body_read=stop@1").await;
        let asked = replica.renew(&credential.id);
        replica.stopped().await;
        disk.fill();
        replica.go_on();
        replica.says(WAITS).await;
        let dies = number % 2 == 1;
        if dies {
            replica.hub.signal("KILL");
            replica.killed().await;
        }
        disk.clear();
        replica.arm_next("");
        if dies {
            replica = stage.start("a").await;
        }
        asked.await.unwrap();
        committed(&stage, &replica, credential).await;
        if !dies {
            lasts(&stage, &replica, number).await;
        }
    }
    println!("R4, disk full: {} answers journaled and committed later, 0 lost", credentials.len());
    replica.hub.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn r04_a_full_disk_of_postgresql_loses_no_answer() {
    let Some(_) = require(Component::Mount) else { return };
    let folder = tempfile::Builder::new().prefix("vouchsafe-pg").tempdir().unwrap();
    let disk = SmallDisk::mount(folder.path(), 160);
    let Some(cluster) = Cluster::start_in(&folder.path().join("data"), "127.0.0.1") else { return };
    let Some(mut stage) = Stage::set(Place::schema(&cluster.url()).await).await else { return };
    let credentials = stage.connect("a", &[STRICT], times(3, 200)).await.remove(0);
    let mut replica = stage.start("a").await;
    for (number, credential) in credentials.iter().enumerate() {
        replica.arm("refresh::before_commit=stop@1").await;
        let asked = replica.renew(&credential.id);
        replica.stopped().await;
        disk.fill();
        // A new segment of its log finds no room: the server ends itself.
        let admin = Database::connect(cluster.url()).await.unwrap();
        let write = "SELECT pg_logical_emit_message(true, 'fill', repeat('x', 4000000))";
        let mut writes = 0;
        while admin.execute_unprepared(write).await.is_ok() {
            writes += 1;
            assert!(writes < 100, "the disk is not full");
        }
        let _ = admin.close().await;
        replica.arm_next("");
        replica.go_on();
        replica.says(WAITS).await;
        let dies = number % 2 == 1;
        if dies {
            replica.hub.signal("KILL");
            replica.killed().await;
        }
        disk.clear();
        if !cluster.is_up() {
            cluster.up();
        }
        if dies {
            replica = stage.start("a").await;
        }
        asked.await.unwrap();
        committed(&stage, &replica, credential).await;
    }
    println!("R4, disk of PostgreSQL full: {} answers committed later, 0 lost", credentials.len());
    replica.hub.stop().await;
}
