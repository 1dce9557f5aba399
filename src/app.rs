//! The composition root: a configuration becomes a running hub. Tests build theirs here too, with other [`Deps`].

pub mod backup;
mod doctor;
mod home;
mod keys;
mod lock;
mod memory;
mod serve;
pub mod transfer;

pub use doctor::{Finding, Health, causes, examine};
pub use keys::{CheckedKey, KeyError, make as make_master_key};
pub use memory::shut_memory;
pub use serve::{Running, ServeError};

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use url::Url;

use crate::clock::{Clock, SystemClock};
use crate::config::Config;
use crate::domain::refresh::Times;
use crate::egress::smtp::Smtp;
use crate::egress::{Egress, EgressConfig, EgressHooks};
use crate::heads::{self, HeadFile};
use crate::http::HttpState;
use crate::http::mail::MailWords;
use crate::http::render::Renderer;
use crate::journal::{Journal, JournalError};
use crate::provider::{Registry, Report, Sources};
use crate::random::{Random, SystemRandom};
use crate::service::audit::AuditLog;
use crate::service::check::CHECK_WAITS;
use crate::service::mail::Mailer;
use crate::service::members::single_sign_on::{SingleSignOn, redirect_uri};
use crate::service::throttle::TURN_WAIT;
use crate::service::webhooks::Pace;
use crate::service::{Hub, Parts};
use crate::store::{Schema, Store, StoreError};
use crate::vault::Vault;

/// Seconds by which the clock of a replica may differ from the database's.
const MOST_SKEW: i64 = 30;
/// Seconds from which the operator is warned.
const WARN_SKEW: i64 = 5;

/// What tests put in the place of the world.
pub struct Deps {
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Randomness.
    pub random: Arc<dyn Random>,
    /// Names and roots for outbound calls.
    pub egress: EgressHooks,
    /// Waits between tries of a check.
    pub check_waits: Vec<Duration>,
}

impl Default for Deps {
    fn default() -> Self {
        Self {
            clock: Arc::new(SystemClock),
            random: Arc::new(SystemRandom),
            egress: EgressHooks::default(),
            check_waits: CHECK_WAITS.to_vec(),
        }
    }
}

/// Why a hub could not be built.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// The data directory can't be made or used.
    #[error("cannot use the data directory {}", path.display())]
    DataDir {
        /// The directory.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// Another hub works in the data directory.
    #[error("another hub works in the data directory {}", .0.display())]
    InUse(PathBuf),
    /// Provider definitions have mistakes.
    #[error("provider definitions have mistakes\n{0}")]
    Providers(Box<Report>),
    /// The master key is missing, wrong or unusable.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// The database can't be reached or refuses.
    #[error("the database can't be used")]
    Store(#[from] StoreError),
    /// The database was made by a later version.
    #[error(
        "the database was used by a later version, which took the step {0} of its schema: run that version or a newer one"
    )]
    Later(String),
    /// Audit heads can't be written.
    #[error("cannot write audit heads in {}", path.display())]
    Heads {
        /// The directory.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// Token answers can't be written down.
    #[error("the token journal can't be opened")]
    Journal(#[from] JournalError),
    /// Pages can't be made.
    #[error("the pages can't be made")]
    Pages(#[from] crate::http::render::RenderError),
    /// The address makes no URL.
    #[error("{0} makes no public URL; set VOUCHSAFE_PUBLIC_URL")]
    Address(SocketAddr),
    /// No HTTP client.
    #[error("outbound calls can't be made")]
    Egress(#[from] crate::egress::SetupError),
    /// Times would be compared that mean different moments.
    #[error(
        "the clock of this machine is {} s {} that of the database, and at most {MOST_SKEW} s are allowed: \
         set it (NTP) and start again",
        .0.abs() / 1_000,
        if *.0 > 0 { "ahead of" } else { "behind" }
    )]
    Skew(i64),
    /// The first start failed.
    #[error("the database could not be set up")]
    Bootstrap(#[source] crate::service::Error),
}

impl BuildError {
    /// The exit code: 78 for a wrong configuration, 1 for a failure.
    pub const fn exit_code(&self) -> u8 {
        match self {
            Self::Providers(_) | Self::Key(_) | Self::Pages(_) | Self::Address(_) => 78,
            Self::DataDir { .. }
            | Self::InUse(_)
            | Self::Store(_)
            | Self::Later(_)
            | Self::Heads { .. }
            | Self::Journal(_)
            | Self::Egress(_)
            | Self::Skew(_)
            | Self::Bootstrap(_) => 1,
        }
    }
}

/// A hub that is ready to serve.
pub struct App {
    /// The use cases.
    pub hub: Arc<Hub>,
    /// What handlers share.
    pub state: HttpState,
    /// Whether this was the first start on an empty database.
    pub first_start: bool,
    egress: Arc<Egress>,
}

/// The sources of provider definitions that a configuration names.
pub fn provider_sources(config: &Config) -> Sources {
    Sources { builtin: true, dir: config.providers_dir.clone(), allow_http: config.egress.http }
}

impl App {
    /// Builds a hub that will listen at `address`. Without a journal it spends no token and sends no audit heads.
    ///
    /// # Errors
    /// [`BuildError`].
    pub async fn build(
        config: &Config,
        deps: Deps,
        address: SocketAddr,
        journal: Option<Journal>,
    ) -> Result<Self, BuildError> {
        let providers = Registry::load(&provider_sources(config))
            .map_err(|report| BuildError::Providers(Box::new(report)))?;
        let renderer = Arc::new(Renderer::new());
        let egress = Egress::with_hooks(
            EgressConfig {
                allow: config.egress.allow.clone(),
                allow_http: config.egress.http,
                own_listeners: vec![address],
                ..EgressConfig::default()
            },
            deps.egress,
        )?;
        let opened = open(config, deps.random.as_ref()).await?;
        let audit_log = audit_log(config, journal.is_some())?;
        let hub = Arc::new(Hub::new(Parts {
            store: opened.store,
            vault: Vault::new(opened.master_keys, Arc::clone(&deps.random)),
            egress: Arc::clone(&egress),
            providers,
            clock: deps.clock,
            random: deps.random,
            public_url: public_url(config, address)?,
            times: times(config),
            audit: config.audit.mode,
            audit_log,
            check_waits: deps.check_waits,
            turn_wait: TURN_WAIT,
            pace: Pace::default(),
            mailer: mailer(config, &renderer),
            journal,
            single_sign_on: single_sign_on(config),
        }));
        let begun = if config.degraded { hub.bootstrap_degraded().await } else { hub.bootstrap().await };
        let first_start = begun.map_err(BuildError::Bootstrap)?;
        let mut state = HttpState::new(Arc::clone(&hub), renderer);
        state.trusted_proxies = config.server.trusted_proxies.clone().into();
        Ok(Self { hub, state, first_start, egress })
    }

    /// Tells the egress guard where the hub listens, once ports are known.
    pub fn set_listeners(&self, listeners: Vec<SocketAddr>) {
        self.egress.set_own_listeners(listeners);
    }
}

/// A database whose schema is up to date, and the keys that open it.
struct Opened {
    store: Store,
    master_keys: crate::vault::MasterKeys,
}

/// Opens the database. The master key is tried before anything is written.
async fn open(config: &Config, random: &dyn Random) -> Result<Opened, BuildError> {
    make_data_dir(&config.database.data_dir)?;
    let master_keys = keys::find(config, random).await?;
    let store = Store::open(&config.database.url).await?;
    if let Schema::Later(step) = store.schema().await? {
        return Err(BuildError::Later(step));
    }
    store.migrate().await?;
    Ok(Opened { store, master_keys })
}

/// Brings the schema up to date and does nothing else.
///
/// # Errors
/// [`BuildError`].
pub async fn migrate(config: &Config) -> Result<(), BuildError> {
    Ok(open(config, &SystemRandom).await?.store.close().await?)
}

/// Looks at the master key as a start does, and makes none.
///
/// # Errors
/// [`BuildError::Key`]; [`BuildError::Store`] for a SQLite file that can't be read.
pub async fn check_master_key(config: &Config) -> Result<CheckedKey, BuildError> {
    keys::check(config).await
}

/// Gives the database to the deployment of this configuration, or with `ask` only says whether it is its own already.
///
/// # Errors
/// [`BuildError`].
pub async fn adopt(config: &Config, ask: bool) -> Result<Adopted, BuildError> {
    offline(config, async |hub| {
        let random: &dyn Random = &SystemRandom;
        let home = home::home(config, hub, (!ask).then_some(random)).await?;
        if ask {
            let difference = hub.difference(&home).await.map_err(BuildError::Bootstrap)?;
            return Ok(difference.map_or(Adopted::Already, Adopted::NotYet));
        }
        let suspect = hub.adopt(home.clone()).await.map_err(BuildError::Bootstrap)?;
        Ok(Adopted::Now { public_url: home.public_url, suspect })
    })
    .await
}

/// Whose a database is.
#[derive(Debug)]
pub enum Adopted {
    /// This deployment's since now.
    Now {
        /// Its address, where that is known.
        public_url: Option<String>,
        /// Grants that are looked at again before they are trusted.
        suspect: usize,
    },
    /// This deployment's, or nobody's yet.
    Already,
    /// Another one's: what differs, in words.
    NotYet(String),
}

/// Refuses a clock that leases and ends can't be compared by.
async fn compare_clocks(hub: &Hub) -> Result<(), BuildError> {
    let skew = hub.clock_skew().await.map_err(BuildError::Bootstrap)?;
    if skew.abs() > MOST_SKEW * 1_000 {
        return Err(BuildError::Skew(skew));
    }
    if skew.abs() >= WARN_SKEW * 1_000 {
        tracing::warn!(skew_ms = skew, "the clock of this machine differs from that of the database");
    }
    Ok(())
}

/// Does `work` on a hub without listener and loops, as commands do, counts what it has sealed, and closes the database
/// after it, so that SQLite leaves one file behind.
///
/// # Errors
/// [`BuildError`], and those of `work`.
pub async fn offline<T, E: From<BuildError>>(
    config: &Config,
    work: impl AsyncFnOnce(&Hub) -> Result<T, E>,
) -> Result<T, E> {
    let hub = App::build(config, Deps::default(), config.server.listen, None).await?.hub;
    let done = work(&hub).await;
    let counted = hub.count_sealings().await.map_err(BuildError::Bootstrap);
    let written = hub.flush_last_audit().await.map_err(BuildError::Bootstrap);
    let closed = hub.close_store().await.map_err(BuildError::Bootstrap);
    let done = done?;
    counted.and(written).and(closed)?;
    Ok(done)
}

fn make_data_dir(path: &Path) -> Result<(), BuildError> {
    let failed = |source| BuildError::DataDir { path: path.to_owned(), source };
    if path.is_dir() {
        return Ok(());
    }
    let mut builder = std::fs::DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.recursive(true).create(path).map_err(failed)
}

fn public_url(config: &Config, address: SocketAddr) -> Result<Url, BuildError> {
    match &config.server.public_url {
        Some(url) => Ok(url.clone()),
        None => Url::parse(&format!("http://{address}/")).map_err(|_| BuildError::Address(address)),
    }
}

/// The file of audit heads that the hub of this configuration writes.
pub fn heads_file(config: &Config) -> PathBuf {
    config.audit.dir.join(heads::FILE)
}

fn audit_log(config: &Config, serves: bool) -> Result<AuditLog, BuildError> {
    let audit = &config.audit;
    let failed = |source| BuildError::Heads { path: audit.dir.clone(), source };
    let heads = serves.then(|| HeadFile::open(&audit.dir).map_err(failed)).transpose()?;
    Ok(AuditLog { heads, keep: audit.keep.map(millis), keep_addresses: audit.keep_addresses.map(millis) })
}

fn mailer(config: &Config, renderer: &Arc<Renderer>) -> Option<Mailer> {
    let mail = config.mail.as_ref()?;
    let smtp = Smtp::new(mail.server.clone(), mail.from.clone());
    Some(Mailer { smtp, words: Arc::new(MailWords::new(Arc::clone(renderer))) })
}

fn single_sign_on(config: &Config) -> Option<SingleSignOn> {
    let sign_on = config.single_sign_on.as_ref()?;
    let secret = sign_on.client_secret.clone();
    Some(SingleSignOn::new(&sign_on.name, &sign_on.issuer, &sign_on.client_id, secret))
}

/// The redirect URI that the identity provider is to know, for a hub that will listen where `config` says.
///
/// # Errors
/// [`BuildError::Address`].
pub fn sign_on_redirect(config: &Config) -> Result<Url, BuildError> {
    let address = config.server.listen;
    redirect_uri(&public_url(config, address)?).ok_or(BuildError::Address(address))
}

fn times(config: &Config) -> Times {
    Times { confirm_after: millis(config.refresh.confirm_after), lease: millis(config.refresh.lease) }
}

fn millis(time: Duration) -> i64 {
    i64::try_from(time.as_millis()).unwrap_or(i64::MAX)
}
