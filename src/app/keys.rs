//! The master key at start: found, made for an empty SQLite database, or refused. Nothing is written before the key
//! has been compared with the data, and a key is never made beside data.

use std::fs::{File, OpenOptions};
use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};

use secrecy::SecretString;

use super::BuildError;
use crate::config::{Config, MasterKeySource};
use crate::domain::data_key::{KeyOwner, WrappedKey};
use crate::random::Random;
use crate::store::{self, Store, StoreError};
use crate::vault::{MasterKey, MasterKeyError, MasterKeys};

const FILE: &str = "master.key";

/// Why there is no master key to start with.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// The file can't be read or written.
    #[error("cannot use the master key file {}: {source}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The file that a variable names can't be read.
    #[error("cannot read the master key file {}, which VOUCHSAFE_MASTER_KEY_FILE names: {source}", path.display())]
    Named {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// Others may read the file.
    #[error("the master key file {} can be read by group or others; run `chmod 600` on it", .0.display())]
    Readable(PathBuf),
    /// What was given is no key.
    #[error(transparent)]
    Invalid(#[from] MasterKeyError),
    /// There is data, and no key.
    #[error(
        "the database was sealed with the master key {expected}, and none was given (looked for {}); \
         a key is never made beside data",
        path.display()
    )]
    Missing {
        /// Fingerprints that the data names.
        expected: String,
        /// Where a key was looked for.
        path: PathBuf,
    },
    /// The key is another one.
    #[error("the database was sealed with the master key {expected}, and the one given is {found}")]
    Wrong {
        /// Fingerprints that the data names and that are not here.
        expected: String,
        /// Fingerprints that were given.
        found: String,
    },
    /// PostgreSQL has no directory of its own for a key.
    #[error(
        "with PostgreSQL a master key must be given by VOUCHSAFE_MASTER_KEY_FILE or VOUCHSAFE_MASTER_KEY; make one with `vouchsafe master-key generate`"
    )]
    Required,
}

/// What a look at the master key came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CheckedKey {
    /// It opens what is there; or there is nothing yet.
    Fits,
    /// The database can't be reached, so the key was only read.
    Unreached,
}

/// Finds the master keys for a configuration, or makes one for an empty SQLite database.
pub(super) async fn find(config: &Config, random: &dyn Random) -> Result<MasterKeys, BuildError> {
    let given = given(config)?;
    let expected = match fingerprints_in_use(config).await {
        Err(_) if given.is_none() && !config.database.url.is_sqlite() => {
            return Err(KeyError::Required.into());
        }
        expected => expected?,
    };
    if let Some(keys) = compared(config, given, &expected)? {
        return Ok(keys);
    }
    let path = file(config);
    let key = make(&path, random)?;
    tracing::warn!(path = %path.display(), "a master key was made: back this file up, nothing opens without it");
    Ok(MasterKeys::one(key))
}

/// Compares the master keys of a configuration with what the database is sealed with. Nothing is made.
pub(super) async fn check(config: &Config) -> Result<CheckedKey, BuildError> {
    let given = given(config)?;
    let is_sqlite = config.database.url.is_sqlite();
    match fingerprints_in_use(config).await {
        Err(BuildError::Store(_)) if !is_sqlite && given.is_none() => Err(KeyError::Required.into()),
        Err(BuildError::Store(_)) if !is_sqlite => Ok(CheckedKey::Unreached),
        expected => {
            compared(config, given, &expected?)?;
            Ok(CheckedKey::Fits)
        }
    }
}

/// Where a key is made, and looked for where none is named.
pub(super) fn file(config: &Config) -> PathBuf {
    config.database.data_dir.join(FILE)
}

/// The keys that the configuration names, read.
pub(super) fn given(config: &Config) -> Result<Option<MasterKeys>, KeyError> {
    Ok(match &config.master_key {
        MasterKeySource::Value(text) => {
            tracing::warn!(
                "the master key comes from a variable, which root can read; VOUCHSAFE_MASTER_KEY_FILE is safer"
            );
            Some(MasterKeys::parse(text)?)
        }
        MasterKeySource::File(path) => Some(read(path).map_err(named)?),
        MasterKeySource::DataDir => {
            let path = file(config);
            if path.exists() { Some(read(&path)?) } else { None }
        }
    })
}

/// The given keys where they open what is there; none where one may be made.
pub(super) fn compared(
    config: &Config,
    given: Option<MasterKeys>,
    expected: &[String],
) -> Result<Option<MasterKeys>, KeyError> {
    if let Some(keys) = given {
        compare(&keys, expected)?;
        return Ok(Some(keys));
    }
    if !expected.is_empty() {
        return Err(KeyError::Missing { expected: expected.join(", "), path: file(config) });
    }
    if !config.database.url.is_sqlite() {
        return Err(KeyError::Required);
    }
    Ok(None)
}

/// The fingerprints of the master keys that wrap data keys now; none for a database that is not there yet.
async fn fingerprints_in_use(config: &Config) -> Result<Vec<String>, BuildError> {
    if config.database.url.is_absent_file() {
        return Ok(Vec::new());
    }
    let store = Store::open(&config.database.url).await?;
    let mut found = Vec::new();
    if store.is_migrated().await? {
        found = needed(config, &store).await?;
    }
    store.close().await?;
    Ok(found)
}

/// The fingerprints of the master keys that must be given: those of all data keys, or with `--degraded` of the hub's own.
pub(super) async fn needed(config: &Config, store: &Store) -> Result<Vec<String>, StoreError> {
    let mut wrapped = store::data_key::all(store).await?;
    wrapped.retain(|key| !config.degraded || key.owner == KeyOwner::Hub);
    Ok(fingerprints(&wrapped))
}

/// The fingerprints of the master keys that wrap the data keys of `store`.
pub(super) async fn fingerprints_of(store: &Store) -> Result<Vec<String>, StoreError> {
    Ok(fingerprints(&store::data_key::all(store).await?))
}

/// The fingerprints of the master keys around `wrapped`.
pub(super) fn fingerprints(wrapped: &[WrappedKey]) -> Vec<String> {
    let mut found: Vec<String> = wrapped.iter().map(|key| key.master_key.clone()).collect();
    found.sort();
    found.dedup();
    found
}

/// The master keys of a configuration, which are those of `expected`. Nothing is made.
pub(super) fn opening(config: &Config, expected: &[String]) -> Result<MasterKeys, KeyError> {
    let missing = || KeyError::Missing { expected: expected.join(", "), path: file(config) };
    let keys = given(config)?.ok_or_else(missing)?;
    compare(&keys, expected)?;
    Ok(keys)
}

fn compare(keys: &MasterKeys, expected: &[String]) -> Result<(), KeyError> {
    let missing: Vec<&str> = expected
        .iter()
        .map(String::as_str)
        .filter(|wanted| !keys.fingerprints().any(|found| found == *wanted))
        .collect();
    if missing.is_empty() {
        return Ok(());
    }
    let found: Vec<&str> = keys.fingerprints().collect();
    Err(KeyError::Wrong { expected: missing.join(", "), found: found.join(", ") })
}

/// An operator looks for the variable, not for the path alone.
fn named(error: KeyError) -> KeyError {
    match error {
        KeyError::File { path, source } => KeyError::Named { path, source },
        other => other,
    }
}

fn read(path: &Path) -> Result<MasterKeys, KeyError> {
    let text = read_private(path).map_err(|unread| match unread {
        Unread::Failed(source) => KeyError::File { path: path.to_owned(), source },
        Unread::Open => KeyError::Readable(path.to_owned()),
    })?;
    Ok(MasterKeys::parse(&text)?)
}

/// Why a file of a key was not read.
pub(super) enum Unread {
    /// It can't be.
    Failed(std::io::Error),
    /// Group or others may read it.
    Open,
}

/// The text of a file that nobody else may read.
pub(super) fn read_private(path: &Path) -> Result<SecretString, Unread> {
    let mut file = File::open(path).map_err(Unread::Failed)?;
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        if file.metadata().map_err(Unread::Failed)?.permissions().mode() & 0o077 != 0 {
            return Err(Unread::Open);
        }
    }
    let mut text = zeroize::Zeroizing::new(String::new());
    file.read_to_string(&mut text).map_err(Unread::Failed)?;
    Ok(SecretString::from(text.as_str()))
}

/// Makes a master key in a new file that nobody else reads.
///
/// # Errors
/// [`KeyError::File`].
pub fn make(path: &Path, random: &dyn Random) -> Result<MasterKey, KeyError> {
    let failed = |source| KeyError::File { path: path.to_owned(), source };
    let key = MasterKey::random("main", random);
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(path).map_err(failed)?;
    file.write_all(key.to_text().as_bytes()).and_then(|()| file.sync_all()).map_err(failed)?;
    Ok(key)
}
