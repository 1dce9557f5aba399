//! A PostgreSQL of the test's own, which it may kill, starve and lock.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use rustix::io::Errno;
use rustix::process::{Pid, Signal, kill_process};
use sea_orm::{ConnectionTrait as _, Database, DbBackend, Statement};
use tempfile::TempDir;

use crate::support::components::{Component, require};
use crate::support::wait::eventually;

/// A cluster that makes its commits last. Dropped, it ends.
pub(crate) struct Cluster {
    programs: PathBuf,
    data: PathBuf,
    port: u16,
    listen: String,
    folder: Option<TempDir>,
}

impl Cluster {
    /// Makes and starts one. `None` without PostgreSQL: the skip is recorded.
    pub(crate) fn start() -> Option<Self> {
        let folder = tempfile::Builder::new().prefix("vouchsafe-pg").tempdir().unwrap();
        let data = folder.path().join("data");
        let mut cluster = Self::start_in(&data, "127.0.0.1")?;
        cluster.folder = Some(folder);
        Some(cluster)
    }

    /// The same with its files in `data` and its listener at `listen`.
    pub(crate) fn start_in(data: &Path, listen: &str) -> Option<Self> {
        let programs = PathBuf::from(require(Component::PostgresPrograms)?);
        let cluster = Self::placed(programs, data, listen);
        run(cluster.command("initdb").args(["-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C"]));
        if listen != "127.0.0.1" {
            let rules = data.join("pg_hba.conf");
            let known = std::fs::read_to_string(&rules).unwrap();
            std::fs::write(&rules, format!("{known}\nhost all all 10.0.0.0/8 trust\n")).unwrap();
        }
        cluster.up();
        Some(cluster)
    }

    /// One that is not made yet.
    fn placed(programs: PathBuf, data: &Path, listen: &str) -> Self {
        let port = std::net::TcpListener::bind((listen, 0)).unwrap().local_addr().unwrap().port();
        if is_root() {
            run(Command::new("chown").arg("postgres").arg(data.parent().unwrap()));
        }
        Self { programs, data: data.to_owned(), port, listen: listen.to_owned(), folder: None }
    }

    /// Makes and starts one that follows this one. From now on every commit here waits until it is there too.
    pub(crate) async fn standby(&self) -> Self {
        let folder = tempfile::Builder::new().prefix("vouchsafe-pg").tempdir().unwrap();
        let mut standby = Self::placed(self.programs.clone(), &folder.path().join("data"), &self.listen);
        standby.folder = Some(folder);
        let port = self.port.to_string();
        let from = ["-h", &self.listen, "-p", &port, "-U", "postgres", "-R", "-c", "fast", "--no-sync"];
        run(standby.command("pg_basebackup").args(from));
        standby.up();
        let admin = Database::connect(self.url()).await.unwrap();
        for sql in ["ALTER SYSTEM SET synchronous_standby_names = '*'", "SELECT pg_reload_conf()"] {
            admin.execute_unprepared(sql).await.unwrap();
        }
        eventually("a synchronous standby", async || {
            let sql =
                Statement::from_string(DbBackend::Postgres, "SELECT sync_state FROM pg_stat_replication");
            let row = admin.query_one_raw(sql).await.unwrap();
            let state: Option<String> = row.map(|row| row.try_get_by_index(0).unwrap());
            if state.as_deref() == Some("sync") { Ok(()) } else { Err(state) }
        })
        .await;
        admin.close().await.unwrap();
        standby
    }

    /// Makes a standby the server that is written to.
    pub(crate) fn promote(&self) {
        run(self.command("pg_ctl").args(["-w", "-s", "promote"]));
    }

    /// Where it listens.
    pub(crate) const fn port(&self) -> u16 {
        self.port
    }

    /// Its address.
    pub(crate) fn url(&self) -> String {
        format!("postgres://postgres@{}:{}/postgres", self.listen, self.port)
    }

    /// Starts it again.
    pub(crate) fn up(&self) {
        let socket = self.data.parent().unwrap().display().to_string();
        let (listen, port) = (&self.listen, self.port);
        let options = format!(
            "-h {listen} -p {port} -k {socket} -c max_connections=100 -c min_wal_size=32MB -c max_wal_size=64MB"
        );
        let log = self.data.with_file_name("log");
        run(self.command("pg_ctl").args(["-w", "-s", "start", "-o", &options, "-l"]).arg(log));
    }

    /// Ends it as a power cut would.
    pub(crate) fn kill(&self) {
        run(self.command("pg_ctl").args(["-m", "immediate", "-s", "stop"]));
    }

    /// Ends it and starts it again, as an operator would.
    pub(crate) fn restart(&self) {
        run(self.command("pg_ctl").args(["-m", "fast", "-w", "-s", "stop"]));
        self.up();
    }

    /// Has the session of this process id read the settings again, before it runs another command.
    pub(crate) fn read_settings_again(session: i32) {
        let told = kill_process(Pid::from_raw(session).unwrap(), Signal::HUP);
        // One that has ended meanwhile runs none.
        assert!(matches!(told, Ok(()) | Err(Errno::SRCH)), "{session}: {told:?}");
    }

    /// Whether a server runs.
    pub(crate) fn is_up(&self) -> bool {
        self.command("pg_ctl").arg("status").stdout(Stdio::null()).status().unwrap().success()
    }

    fn command(&self, program: &str) -> Command {
        let program = self.programs.join(program);
        let mut command = if is_root() {
            // The server refuses to be root.
            let mut command = Command::new("runuser");
            command.args(["-u", "postgres", "--"]).arg(program);
            command
        } else {
            Command::new(program)
        };
        command.arg("-D").arg(&self.data).current_dir("/").stdin(Stdio::null());
        command
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        let stop = ["-m", "immediate", "-s", "stop"];
        let _ = self.command("pg_ctl").args(stop).stderr(Stdio::null()).status();
    }
}

fn is_root() -> bool {
    std::fs::metadata("/proc/self").is_ok_and(|own| std::os::unix::fs::MetadataExt::uid(&own) == 0)
}

fn run(command: &mut Command) {
    let output = command.stdout(Stdio::null()).stderr(Stdio::piped()).output().unwrap();
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
}
