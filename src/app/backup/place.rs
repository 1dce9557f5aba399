//! The files of a copy and of a database that is brought back: made for their owner alone, never over another, and gone
//! where something fails. What lies in them is not known here.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};

use super::BackupError;
use crate::app::home::instance_file;
use crate::config::Config;

/// What SQLite keeps beside a database.
const COMPANIONS: [&str; 3] = ["-wal", "-shm", "-journal"];

/// A file that can't be used.
pub(in crate::app) fn unusable(path: &Path, source: io::Error) -> BackupError {
    BackupError::File { path: path.to_owned(), source }
}

/// The file of the embedded database; for a server, `tool` is what does it instead.
pub(super) fn of_database(config: &Config, tool: &'static str) -> Result<PathBuf, BackupError> {
    config.database.url.path().ok_or(BackupError::Server(tool))
}

/// Makes an empty file that nobody else reads, unless there is something.
fn reserve(path: &Path) -> Result<File, BackupError> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path).map_err(|error| match error.kind() {
        io::ErrorKind::AlreadyExists => BackupError::Taken(path.to_owned()),
        _ => unusable(path, error),
    })
}

/// Waits until a file and its name are on disk; gives its size.
pub(in crate::app) fn sync(path: &Path) -> Result<u64, BackupError> {
    synced(path).map_err(|error| unusable(path, error))
}

fn synced(path: &Path) -> io::Result<u64> {
    let file = File::open(path)?;
    file.sync_all()?;
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        File::open(folder)?.sync_all()?;
    }
    Ok(file.metadata()?.len())
}

/// The size of a file that can be read.
pub(super) fn size(path: &Path) -> Result<u64, BackupError> {
    let metadata = File::open(path).and_then(|file| file.metadata());
    let metadata = metadata.map_err(|error| unusable(path, error))?;
    if metadata.is_dir() {
        return Err(unusable(path, io::ErrorKind::IsADirectory.into()));
    }
    Ok(metadata.len())
}

/// Refuses a place where there is a database, or what is left of one: it would be read as part of another.
pub(super) fn ensure_free(target: &Path) -> Result<(), BackupError> {
    let taken = std::iter::once(target.to_owned()).chain(beside(target)).find(|path| path.exists());
    taken.map_or(Ok(()), |path| Err(BackupError::Taken(path)))
}

/// Where a copy or an export stands until it is whole and the audit log has it.
pub(in crate::app) fn unfinished(target: &Path) -> PathBuf {
    with_suffix(target, ".part")
}

/// Begins a file at `part` that is to become `target`.
pub(in crate::app) fn begin(part: &Path, target: &Path) -> Result<File, BackupError> {
    ensure_free(target)?;
    match ensure_free(part).and_then(|()| reserve(part)) {
        Err(BackupError::Taken(left)) => Err(BackupError::Unfinished(left)),
        begun => begun,
    }
}

/// Gives a whole file its name, unless something has taken that meanwhile.
pub(in crate::app) fn finish(part: &Path, target: &Path) -> Result<(), BackupError> {
    ensure_free(target)?;
    // A rename would take the place of what came meanwhile.
    match fs::hard_link(part, target) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            return Err(BackupError::Taken(target.to_owned()));
        }
        // Some file systems have no second name.
        Err(_) => fs::rename(part, target).map_err(|error| unusable(target, error))?,
        Ok(()) => remove(part).map_err(|error| unusable(part, error))?,
    }
    sync(target)?;
    Ok(())
}

/// Where a database stands until it is whole.
pub(super) fn part_of(target: &Path) -> PathBuf {
    with_suffix(target, ".restoring")
}

/// Removes what an attempt before has left at `part`.
pub(super) fn clear(part: &Path) -> Result<(), BackupError> {
    for path in std::iter::once(part.to_owned()).chain(beside(part)) {
        remove(&path).map_err(|error| unusable(&path, error))?;
    }
    Ok(())
}

/// The same after a failure, as far as it can be done.
pub(in crate::app) fn give_up(part: &Path) {
    if let Err(error) = clear(part) {
        let error = &error as &dyn std::error::Error;
        tracing::warn!(path = %part.display(), error, "an unfinished file could not be removed");
    }
}

/// Copies a file, for its owner alone.
pub(super) fn duplicate(from: &Path, to: &Path) -> Result<(), BackupError> {
    let mut source = File::open(from).map_err(|error| unusable(from, error))?;
    let mut target = reserve(to)?;
    io::copy(&mut source, &mut target).map_err(|error| unusable(to, error))?;
    target.sync_all().map_err(|error| unusable(to, error))
}

/// Puts a whole database in its place. The instance file of an earlier one goes first: with it, this one would seem to
/// be that.
pub(super) fn settle(part: &Path, target: &Path) -> Result<(), BackupError> {
    let instance = instance_file(target);
    remove(&instance).map_err(|error| unusable(&instance, error))?;
    fs::rename(part, target).map_err(|error| unusable(target, error))?;
    sync(target)?;
    Ok(())
}

fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

fn beside(database: &Path) -> impl Iterator<Item = PathBuf> {
    COMPANIONS.into_iter().map(move |suffix| with_suffix(database, suffix))
}

fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}
