//! Copies of the embedded database: made while a hub runs, looked through, brought back. A copy holds ciphertext alone:
//! the master key, the file that says which instance this is and the journal of new tokens stay where they are.

pub(super) mod place;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::lock::DirLock;
use super::{BuildError, Deps, keys, make_data_dir, public_url, times};
use crate::config::Config;
use crate::egress::{Egress, EgressConfig};
use crate::provider::Registry;
use crate::service::audit::AuditLog;
use crate::service::backup::Opened;
use crate::service::throttle::TURN_WAIT;
use crate::service::webhooks::Pace;
use crate::service::{self, Hub, Parts};
use crate::store::{DatabaseUrl, Schema, Store, StoreError, backup as copies};
use crate::vault::{MasterKeys, Vault};

/// Why a copy was not made, is not in order or can't be brought back.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// The hub can't be set up for it, or the master key is another one.
    #[error(transparent)]
    Build(#[from] BuildError),
    /// A server keeps the database.
    #[error("the database is a PostgreSQL server's, which has its own tools: use {0}")]
    Server(&'static str),
    /// There is nothing to copy.
    #[error("there is no database here yet")]
    NoDatabase,
    /// A file can't be used.
    #[error("cannot use {}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// Something is there already.
    #[error("there is {} already, and nothing is written over it", .0.display())]
    Taken(PathBuf),
    /// A file is being made there, or was.
    #[error(
        "there is {} already: another command is writing it, or one was interrupted; remove it if none runs",
        .0.display()
    )]
    Unfinished(PathBuf),
    /// The database takes only text for a name.
    #[error("the name {} is not UTF-8", .0.display())]
    Name(PathBuf),
    /// The file is no database, or a broken one.
    #[error("{} can't be read as a copy of a hub's database", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: StoreError,
    },
    /// A database of something else.
    #[error("{} is no copy of a hub's database", .0.display())]
    NoCopy(PathBuf),
    /// A later version of the program made it.
    #[error("a later version of the program made {}: its schema has {step}, which is not known here", path.display())]
    Later {
        /// The file.
        path: PathBuf,
        /// The step that is not known.
        step: String,
    },
    /// Pages or indexes are broken.
    #[error("{} is damaged: {faults}", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What the database says.
        faults: String,
    },
    /// A data key does not open.
    #[error("a data key does not open: {0}")]
    Shut(service::backup::Shut),
    /// The database refused.
    #[error("the database can't be used")]
    Store(#[from] StoreError),
    /// The hub refused.
    #[error("the hub can't work on the database")]
    Hub(#[source] service::Error),
}

impl BackupError {
    /// The exit code.
    pub const fn exit_code(&self) -> u8 {
        match self {
            Self::Build(error) => error.exit_code(),
            _ => 1,
        }
    }
}

/// A copy that was made.
#[derive(Debug)]
pub struct Copied {
    /// Where it is.
    pub path: PathBuf,
    /// Its size.
    pub bytes: u64,
    /// Fingerprints of the master keys that open it.
    pub fingerprints: Vec<String>,
    /// Credentials whose newest token may lie in a journal instead.
    pub unsettled: i64,
    /// Whether the audit log has it: an earlier schema takes no events of this program.
    pub recorded: bool,
}

/// What a look through a copy found.
#[derive(Debug)]
pub struct Verified {
    /// Its size.
    pub bytes: u64,
    /// Fingerprints of the master keys that open it.
    pub fingerprints: Vec<String>,
    /// What opens in it.
    pub opened: Opened,
    /// Events of its audit log, or what is wrong with it; none where its schema is an earlier one.
    pub audit: Option<Result<service::audit::Verified, service::audit::Fault>>,
}

/// A database that was brought back.
#[derive(Debug)]
pub struct Restored {
    /// Where it is.
    pub path: PathBuf,
    /// Fingerprints of the master keys that open it.
    pub fingerprints: Vec<String>,
    /// Data keys that open.
    pub keys: usize,
}

/// Copies the database of this configuration into a new file, whether or not a hub runs.
///
/// # Errors
/// [`BackupError`].
pub async fn back_up(config: &Config, file: &Path) -> Result<Copied, BackupError> {
    place::of_database(config, "pg_dump")?;
    if config.database.url.is_absent_file() {
        return Err(BackupError::NoDatabase);
    }
    let path = std::path::absolute(file).map_err(|source| place::unusable(file, source))?;
    let store = Store::open(&config.database.url).await?;
    let copied = copy(config, &store, &path).await;
    store.close().await?;
    copied
}

async fn copy(config: &Config, store: &Store, path: &Path) -> Result<Copied, BackupError> {
    let schema = store.schema().await?;
    if schema == Schema::None {
        return Err(BackupError::NoDatabase);
    }
    let needed = keys::needed(config, store).await?;
    let master_keys = keys::opening(config, &needed).map_err(BuildError::from)?;
    let hub = onlooker(config, store.clone(), master_keys)?;
    let part = place::unfinished(path);
    place::begin(&part, path)?;
    let copied = fill(&hub, store, &part, path, schema == Schema::Current).await;
    if copied.is_err() {
        place::give_up(&part);
    }
    copied
}

/// Fills the new file at `part`. It becomes `path` once the audit log has it.
async fn fill(
    hub: &Hub,
    store: &Store,
    part: &Path,
    path: &Path,
    recorded: bool,
) -> Result<Copied, BackupError> {
    let name = part.to_str().ok_or_else(|| BackupError::Name(path.to_owned()))?;
    copies::write(store, name).await?;
    let bytes = place::sync(part)?;
    let copy = Store::open_copy(part).await?;
    let fingerprints = keys::fingerprints_of(&copy).await?;
    let unsettled = copies::unsettled(&copy).await?;
    copy.close().await?;
    if recorded {
        hub.open_keys().await.map_err(BackupError::Hub)?;
        hub.note_backup().await.map_err(BackupError::Hub)?;
    }
    place::finish(part, path)?;
    Ok(Copied { path: path.to_owned(), bytes, fingerprints, unsettled, recorded })
}

/// Looks through a copy with the master key of this configuration, and changes nothing.
///
/// # Errors
/// [`BackupError`]; what does not open is in [`Verified`].
pub async fn verify(config: &Config, file: &Path) -> Result<Verified, BackupError> {
    let copy = OpenCopy::open(file).await?;
    let master_keys = keys::opening(config, &copy.fingerprints).map_err(BuildError::from)?;
    copy.check_pages(file).await?;
    let hub = onlooker(config, copy.store, master_keys)?;
    let opened = hub.open_all().await.map_err(BackupError::Hub)?;
    let audit = match copy.schema {
        Schema::Current => Some(hub.verify_audit().await.map_err(BackupError::Hub)?),
        Schema::None | Schema::Earlier(_) | Schema::Later(_) => None,
    };
    hub.close_store().await.map_err(BackupError::Hub)?;
    Ok(Verified { bytes: copy.bytes, fingerprints: copy.fingerprints, opened, audit })
}

/// Puts a copy in the place of a database that is not there. The hub that starts on it finds no instance file, so that
/// it refreshes nothing until it is adopted.
///
/// # Errors
/// [`BackupError`].
pub async fn restore(config: &Config, file: &Path) -> Result<Restored, BackupError> {
    let target = place::of_database(config, "pg_restore")?;
    place::ensure_free(&target)?;
    let copy = OpenCopy::open(file).await?;
    let master_keys = keys::opening(config, &copy.fingerprints).map_err(BuildError::from)?;
    copy.check_pages(file).await?;
    copy.store.close().await?;
    make_data_dir(&config.database.data_dir)?;
    let _lock = DirLock::take(&config.database.data_dir)?;
    // Nobody else puts one there from here on.
    place::ensure_free(&target)?;
    let part = place::part_of(&target);
    place::clear(&part)?;
    let keys = put(config, file, &part, &target, master_keys).await;
    if keys.is_err() {
        place::give_up(&part);
    }
    Ok(Restored { path: target, fingerprints: copy.fingerprints, keys: keys? })
}

/// Makes a database of the copy beside its place, and puts it there once it is whole; gives how many keys open.
async fn put(
    config: &Config,
    file: &Path,
    part: &Path,
    target: &Path,
    master_keys: MasterKeys,
) -> Result<usize, BackupError> {
    place::duplicate(file, part)?;
    let store = Store::open(&DatabaseUrl::file(part)).await?;
    let hub = onlooker(config, store.clone(), master_keys)?;
    let keys = bring_up(&hub, &store).await;
    store.close().await?;
    let keys = keys?;
    place::settle(part, target)?;
    Ok(keys)
}

/// Brings the schema up to date, proves that the data keys open, and writes down what was done.
async fn bring_up(hub: &Hub, store: &Store) -> Result<usize, BackupError> {
    store.migrate().await?;
    let opened = hub.open_keys().await.map_err(BackupError::Hub)?;
    if let Some(shut) = opened.shut.into_iter().next() {
        return Err(BackupError::Shut(shut));
    }
    hub.bootstrap().await.map_err(BackupError::Hub)?;
    hub.note_restore().await.map_err(BackupError::Hub)?;
    Ok(opened.keys)
}

/// A hub's copy, opened to be read alone.
struct OpenCopy {
    store: Store,
    schema: Schema,
    fingerprints: Vec<String>,
    bytes: u64,
}

impl OpenCopy {
    async fn open(file: &Path) -> Result<Self, BackupError> {
        let bytes = place::size(file)?;
        let unreadable = |source| BackupError::Unreadable { path: file.to_owned(), source };
        let store = Store::open_copy(file).await.map_err(unreadable)?;
        let schema = match store.schema().await.map_err(unreadable)? {
            Schema::None => return Err(BackupError::NoCopy(file.to_owned())),
            Schema::Later(step) => return Err(BackupError::Later { path: file.to_owned(), step }),
            known @ (Schema::Earlier(_) | Schema::Current) => known,
        };
        let fingerprints = keys::fingerprints_of(&store).await.map_err(unreadable)?;
        if fingerprints.is_empty() {
            return Err(BackupError::NoCopy(file.to_owned()));
        }
        Ok(Self { store, schema, fingerprints, bytes })
    }

    async fn check_pages(&self, file: &Path) -> Result<(), BackupError> {
        let path = || file.to_owned();
        let faults = copies::faults(&self.store).await;
        let faults = faults.map_err(|source| BackupError::Unreadable { path: path(), source })?;
        if faults.is_empty() {
            return Ok(());
        }
        Err(BackupError::Damaged { path: path(), faults: faults.join("; ") })
    }
}

/// A hub that works on a database as it is: it knows no provider, calls nobody and spends no token.
fn onlooker(config: &Config, store: Store, master_keys: MasterKeys) -> Result<Arc<Hub>, BuildError> {
    let deps = Deps::default();
    Ok(Arc::new(Hub::new(Parts {
        store,
        vault: Vault::new(master_keys, Arc::clone(&deps.random)),
        egress: Egress::with_hooks(EgressConfig::default(), deps.egress)?,
        providers: Registry::default(),
        clock: deps.clock,
        random: deps.random,
        public_url: public_url(config, config.server.listen)?,
        times: times(config),
        audit: config.audit.mode,
        audit_log: AuditLog::default(),
        check_waits: deps.check_waits,
        turn_wait: TURN_WAIT,
        pace: Pace::default(),
        mailer: None,
        journal: None,
        single_sign_on: None,
    })))
}
