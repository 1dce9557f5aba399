//! The stage of a fault: a fake provider that outlives every hub, a database, a clock, and hubs as processes of the
//! build with failure points.

mod cluster;
mod connect;
mod database;
mod forwarder;
mod network;
mod replica;

pub(crate) use cluster::Cluster;
pub(crate) use connect::{Connected, Typed};
pub(crate) use database::Place;
pub(crate) use forwarder::Forwarder;
pub(crate) use network::{Host, Network};
pub(crate) use replica::{Asker, Replica};

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use secrecy::SecretString;
use tempfile::TempDir;
use tokio::net::TcpListener;
use vouchsafe::clock::{Clock, SystemClock};
use vouchsafe::demo::fake::{self, Client, FakeConfig, FakeProvider, GrantView, RefreshKind, Settings};
use vouchsafe::random::SystemRandom;
use vouchsafe::vault::MasterKey;

use crate::support::components::{Component, require};

/// Each kind of provider: the connector's key, and what it does with a spent token.
pub(crate) const KINDS: [(&str, RefreshKind); 4] = [
    ("fern-static", RefreshKind::Static),
    ("fern-grace", RefreshKind::Grace(3_600)),
    ("fern-reject", RefreshKind::Reject),
    ("fern-strict", RefreshKind::Strict),
];

/// Access tokens live ten days, so that nothing is due unless a test wants it.
pub(crate) const LIFETIME: u32 = 864_000;
const CLIENT_SECRET: &str = "fernhill-client-secret";

/// The machine's clock, put forward.
#[derive(Debug, Default)]
pub(crate) struct Shifted(AtomicI64);

impl Clock for Shifted {
    fn now(&self) -> DateTime<Utc> {
        SystemClock.now() + TimeDelta::seconds(self.0.load(Ordering::Relaxed))
    }

    fn uptime(&self) -> Duration {
        SystemClock.uptime()
    }
}

/// Everything that outlives a hub.
pub(crate) struct Stage {
    pub(crate) fake: FakeProvider,
    pub(crate) folder: TempDir,
    place: Place,
    clock: Arc<Shifted>,
    /// The hub's API key, once there is one.
    key: String,
    build: String,
    /// Variables that every hub gets beside the usual ones.
    pub(crate) more: BTreeMap<&'static str, String>,
}

impl Stage {
    /// A provider with every kind, and an empty database. `None` without the build: the skip is recorded.
    pub(crate) async fn set(place: Place) -> Option<Self> {
        Self::set_at(place, Ipv4Addr::LOCALHOST.into()).await
    }

    /// The same with a provider at `address`.
    pub(crate) async fn set_at(place: Place, address: IpAddr) -> Option<Self> {
        let build = require(Component::FaultBuild)?;
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("providers")).unwrap();
        write_private(&folder.path().join("master.key"), &MasterKey::random("test", &SystemRandom).to_text());
        let clock = Arc::new(Shifted::default());
        let mut config = FakeConfig::new(TcpListener::bind((address, 0)).await.unwrap());
        config.clock = Arc::<Shifted>::clone(&clock);
        config.settings = Settings { access_token_lifetime: LIFETIME, ..Settings::default() };
        let fake = FakeProvider::start(config).unwrap();
        let stage = Self { fake, folder, place, clock, key: String::new(), build, more: BTreeMap::default() };
        for (slug, kind) in KINDS {
            stage.define(slug, kind, "");
        }
        Some(stage)
    }

    /// Writes the definition of a provider's kind, with further sections.
    pub(crate) fn define(&self, slug: &str, kind: RefreshKind, more: &str) {
        self.define_with(slug, kind, "", more);
    }

    /// The same with a line more in `[oauth2]`.
    pub(crate) fn define_with(&self, slug: &str, kind: RefreshKind, line: &str, more: &str) {
        let settings = Settings { kind, ..Settings::default() };
        let text = fake::definition_toml(slug, self.fake.base_url(), &settings);
        let text = text.replace("[oauth2]\n", &format!("[oauth2]\n{line}\n"));
        let path = self.folder.path().join("providers").join(format!("{slug}.toml"));
        std::fs::write(path, format!("{text}{more}")).unwrap();
    }

    /// Takes the definition of `slug` away.
    pub(crate) fn undefine(&self, slug: &str) {
        std::fs::remove_file(self.folder.path().join("providers").join(format!("{slug}.toml"))).unwrap();
    }

    /// The client under which the provider knows the connector `slug`.
    fn client(slug: &str, redirect: &str) -> Client {
        let kind = KINDS.iter().find(|(known, _)| *known == slug).map(|(_, kind)| *kind).unwrap();
        Client::new(slug, SecretString::from(CLIENT_SECRET)).redirect(redirect).kind(kind)
    }

    /// Where the replica `name` keeps what is its own.
    pub(crate) fn home(&self, name: &str) -> PathBuf {
        let home = self.folder.path().join(name);
        std::fs::create_dir_all(&home).unwrap();
        home
    }

    fn variables(&self, name: &str) -> BTreeMap<String, String> {
        let at = |path: &str| self.folder.path().join(path).display().to_string();
        let mut variables: BTreeMap<String, String> = [
            ("VOUCHSAFE_DATA_DIR", at(&format!("{name}/data"))),
            ("VOUCHSAFE_LISTEN", "127.0.0.1:0".to_owned()),
            // The same for all replicas and starts: another address is another hub.
            ("VOUCHSAFE_PUBLIC_URL", "http://127.0.0.1:9".to_owned()),
            ("VOUCHSAFE_MASTER_KEY_FILE", at("master.key")),
            ("VOUCHSAFE_PROVIDERS_DIR", at("providers")),
            ("VOUCHSAFE_EGRESS_ALLOW", "127.0.0.0/8".to_owned()),
            ("VOUCHSAFE_EGRESS_HTTP", "true".to_owned()),
            ("VOUCHSAFE_LOG_FORMAT", "json".to_owned()),
            ("VOUCHSAFE_FAILPOINTS", format!("@{}", at(&format!("{name}/failpoints")))),
            ("VOUCHSAFE_CLOCK_OFFSET", format!("@{}", at("offset"))),
        ]
        .map(|(name, value)| (name.to_owned(), value))
        .into();
        if let Some(url) = self.place.url() {
            variables.insert("VOUCHSAFE_DATABASE_URL".to_owned(), url);
        }
        variables.extend(self.more.iter().map(|(name, value)| ((*name).to_owned(), value.clone())));
        variables
    }

    /// Starts the hub `name` with the points that were set for it.
    pub(crate) async fn start(&self, name: &str) -> Replica {
        Replica::start(&self.build, &self.home(name), &self.variables(name), &self.key).await
    }

    /// Starts a hub where the replica `number` of a network lives.
    pub(crate) async fn start_in(&self, network: &Network, number: u8) -> Replica {
        let name = format!("replica-{number}");
        let mut variables = self.variables(&name);
        let address = network.address(Host::Replica(number));
        variables.insert("VOUCHSAFE_LISTEN".to_owned(), format!("{address}:0"));
        let command = network.command(number, &self.build);
        Replica::run(command, &self.home(&name), &variables, &self.key).await
    }

    /// A command of the build with failure points, where the replica `name` lives.
    pub(crate) fn command(&self, name: &str, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.build);
        command.args(arguments).env_clear().envs(self.variables(name)).current_dir(self.home(name));
        command
    }

    /// The master keys of hubs and commands that start now, the current one first.
    pub(crate) fn master_keys(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("master.key")).unwrap()
    }

    /// Gives them other ones.
    pub(crate) fn give_master_keys(&self, keys: &[&str]) {
        // Written over, the file stays as private as it was made.
        std::fs::write(self.folder.path().join("master.key"), keys.join(",")).unwrap();
    }

    /// Puts the clocks forward: that of the provider, that of the database, and those of hubs that start now or are
    /// told by [`Replica::look`].
    pub(crate) async fn advance(&self, seconds: i64) {
        let offset = self.clock.0.fetch_add(seconds, Ordering::Relaxed) + seconds;
        std::fs::write(self.folder.path().join("offset"), offset.to_string()).unwrap();
        self.place.set_clock(offset).await;
    }

    /// Sets the wall clock of hubs alone, in seconds ahead of the machine's.
    pub(crate) fn set_wall_clock(&self, seconds: i64) {
        std::fs::write(self.folder.path().join("offset"), seconds.to_string()).unwrap();
    }

    /// The database.
    pub(crate) fn place(&self) -> &Place {
        &self.place
    }

    /// What the provider counts of every grant but one.
    pub(crate) fn others(&self, credential: &Connected) -> Vec<GrantView> {
        self.fake.grants().into_iter().filter(|grant| grant.id != credential.grant).collect()
    }

    /// What the provider counts of a credential's grant.
    pub(crate) fn grant(&self, credential: &Connected) -> GrantView {
        self.fake.grant(credential.grant).unwrap()
    }
}

fn write_private(path: &Path, text: &str) {
    use std::io::Write as _;
    use std::os::unix::fs::OpenOptionsExt as _;
    let mut options = std::fs::OpenOptions::new();
    options.create_new(true).write(true).mode(0o600);
    options.open(path).unwrap().write_all(text.as_bytes()).unwrap();
}
