//! One hub a data directory.

use std::fs::{File, OpenOptions, TryLockError};
use std::path::Path;

use super::BuildError;

const NAME: &str = "hub.lock";

/// Holds the data directory until it is dropped, or the process ends.
#[derive(Debug)]
pub(super) struct DirLock(#[expect(dead_code, reason = "the lock lives as long as its file is open")] File);

impl DirLock {
    /// Takes the directory, unless another process has it.
    pub(super) fn take(directory: &Path) -> Result<Self, BuildError> {
        let failed = |source| BuildError::DataDir { path: directory.to_owned(), source };
        let file = OpenOptions::new()
            .create(true)
            .write(true)
            .truncate(false)
            .open(directory.join(NAME))
            .map_err(failed)?;
        match file.try_lock() {
            Ok(()) => Ok(Self(file)),
            Err(TryLockError::WouldBlock) => Err(BuildError::InUse(directory.to_owned())),
            Err(TryLockError::Error(source)) => Err(failed(source)),
        }
    }
}
