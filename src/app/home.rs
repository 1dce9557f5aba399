//! Where a hub works, so that a copy of its database is told from the original: the public URL, and for SQLite a file
//! beside the database that backups leave out.

use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use super::BuildError;
use crate::config::Config;
use crate::domain::adoption::Home;
use crate::random::Random;
use crate::service::Hub;
use crate::store::{self, Store};

/// What a database file without its instance file says.
const NOTHING: &str = "no instance file";

/// Begins to work at home. A database that nobody has adopted is this deployment's from now on.
pub(super) async fn move_in(config: &Config, hub: &Hub, random: &dyn Random) -> Result<(), BuildError> {
    let home = home(config, hub, Some(random)).await?;
    hub.move_in(home).await.map_err(BuildError::Bootstrap)
}

/// Where the hub of this configuration works. With `random` an instance file is made where one is missing.
pub(super) async fn home(
    config: &Config,
    hub: &Hub,
    random: Option<&dyn Random>,
) -> Result<Home, BuildError> {
    let instance = instance(config, random)?;
    hub.home(public_url(config), instance).await.map_err(BuildError::Bootstrap)
}

/// The same with the database alone. Nothing is made.
pub(super) async fn home_of(config: &Config, store: &Store) -> Result<Home, BuildError> {
    let instance = instance(config, None)?;
    let place = store::adoption::place(store).await?.unwrap_or(instance);
    Ok(Home { public_url: public_url(config), place })
}

/// What the file beside an embedded database says.
fn instance(config: &Config, random: Option<&dyn Random>) -> Result<String, BuildError> {
    let Some(file) = config.database.url.path().map(|path| instance_file(&path)) else {
        return Ok(String::new());
    };
    let failed = |source| BuildError::DataDir { path: file.clone(), source };
    if let Some(random) = random {
        make(&file, random).map_err(failed)?;
    }
    Ok(mark(&file).map_err(failed)?.unwrap_or_else(|| NOTHING.to_owned()))
}

/// The address that tells this deployment from others; a free port is another one at every start and tells nothing.
fn public_url(config: &Config) -> Option<String> {
    let server = &config.server;
    let fixed = (server.listen.port() != 0).then(|| format!("http://{}/", server.listen));
    server.public_url.as_ref().map(ToString::to_string).or(fixed)
}

/// The file beside a database that says which one it is.
pub(super) fn instance_file(database: &Path) -> PathBuf {
    let mut name = database.as_os_str().to_owned();
    name.push(".instance");
    name.into()
}

fn make(file: &Path, random: &dyn Random) -> std::io::Result<()> {
    if file.exists() {
        return Ok(());
    }
    std::fs::write(file, format!("{}\n", hex::encode(random.bytes::<16>())))
}

/// What the file holds, and when the file system made it: a copy has the same content and another birth.
fn mark(file: &Path) -> std::io::Result<Option<String>> {
    let text = match std::fs::read_to_string(file) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    let metadata = std::fs::metadata(file)?;
    let born = metadata.created().ok().and_then(|at| at.duration_since(UNIX_EPOCH).ok());
    let origin = match born.filter(|born| !born.is_zero()) {
        Some(born) => format!("born {}", born.as_nanos()),
        None => format!("inode {}", metadata.ino()),
    };
    Ok(Some(format!("{} {origin}", text.trim())))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::SystemRandom;

    #[test]
    fn a_moved_file_is_the_same_and_a_copied_one_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let file = instance_file(&folder.path().join("hub.db"));
        assert_eq!(mark(&file).unwrap(), None);
        make(&file, &SystemRandom).unwrap();
        let first = mark(&file).unwrap().unwrap();
        make(&file, &SystemRandom).unwrap();
        assert_eq!(mark(&file).unwrap().as_ref(), Some(&first), "it is made once");
        let moved = folder.path().join("moved");
        std::fs::rename(&file, &moved).unwrap();
        assert_eq!(mark(&moved).unwrap().as_ref(), Some(&first));
        std::fs::copy(&moved, &file).unwrap();
        assert_ne!(mark(&file).unwrap().unwrap(), first);
    }
}
