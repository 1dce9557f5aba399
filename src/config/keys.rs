//! Where the master key comes from.

use std::path::PathBuf;

use secrecy::SecretString;

use super::ConfigError;
use super::raw::Raw;

/// `VOUCHSAFE_MASTER_KEY` or `VOUCHSAFE_MASTER_KEY_FILE`.
#[derive(Clone, Debug)]
pub enum MasterKeySource {
    /// Neither is set: a file in the data directory, for SQLite alone.
    DataDir,
    /// A file, refused if group or others can read it.
    File(PathBuf),
    /// The variable itself.
    Value(SecretString),
}

impl MasterKeySource {
    pub(super) fn from_raw(raw: &Raw) -> Result<Self, ConfigError> {
        match (&raw.master_key, &raw.master_key_file) {
            (Some(_), Some(_)) => Err(ConfigError::value(
                "VOUCHSAFE_MASTER_KEY",
                "set VOUCHSAFE_MASTER_KEY or VOUCHSAFE_MASTER_KEY_FILE, not both",
            )),
            (Some(value), None) => Ok(Self::Value(value.clone())),
            (None, Some(path)) => Ok(Self::File(path.into())),
            (None, None) => Ok(Self::DataDir),
        }
    }
}
