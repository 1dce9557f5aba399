//! An environment on its way from one hub to another: out of a database into a sealed file, and out of a file into a
//! database. The key of a file is in no database and no other file, unless the operator puts it there.

mod file;

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use zeroize::Zeroizing;

use super::backup::{BackupError, place};
use super::keys::{Unread, read_private};
use super::{BuildError, offline};
use crate::config::Config;
use crate::domain::actor::Actor;
use crate::random::{Random, SystemRandom};
use crate::service::export::{ExportError, Exported};
use crate::service::import::{ImportError, Imported};
use crate::service::{self, Hub};
use crate::vault::{ExportKey, NoExportKey};
use file::{Line, PlainLines, SealedFile, SealedLines};

/// Why an environment was not exported or imported.
#[derive(Debug, thiserror::Error)]
pub enum TransferError {
    /// The hub can't be set up for it.
    #[error(transparent)]
    Build(#[from] BuildError),
    /// There is no database to take from or to put into.
    #[error("there is no database here yet; `vouchsafe serve` makes one")]
    NoDatabase,
    /// It is not there.
    #[error("there is no environment {environment} in the workspace {workspace}")]
    NoEnvironment {
        /// The workspace that was named.
        workspace: String,
        /// The environment that was named.
        environment: String,
    },
    /// The new file can't be made.
    #[error(transparent)]
    Place(BackupError),
    /// The file can't be read, or is not what it should be.
    #[error("cannot read {}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The file of the export key can't be read.
    #[error("cannot read the export key file {}", path.display())]
    KeyFile {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// Others may read the file of the export key.
    #[error("the export key file {} can be read by group or others; run `chmod 600` on it", .0.display())]
    OpenKeyFile(PathBuf),
    /// It holds something else.
    #[error(transparent)]
    NoKey(#[from] NoExportKey),
    /// The hub refused.
    #[error("the hub can't work on the database")]
    Hub(#[source] service::Error),
    /// The environment could not be written out.
    #[error(transparent)]
    Export(ExportError),
    /// The environment could not be taken in.
    #[error(transparent)]
    Import(ImportError),
}

impl TransferError {
    /// The exit code.
    pub const fn exit_code(&self) -> u8 {
        match self {
            Self::Build(error) => error.exit_code(),
            _ => 1,
        }
    }
}

/// The environment that is exported or imported into.
#[derive(Clone, Copy, Debug)]
pub struct Named<'a> {
    /// Its workspace.
    pub workspace: &'a str,
    /// Its name.
    pub environment: &'a str,
}

/// What an import reads.
#[derive(Clone, Copy, Debug)]
pub enum Source<'a> {
    /// A file that a hub sealed, and the file of its key.
    Sealed(&'a Path, &'a Path),
    /// The same lines in the clear.
    Plain(&'a Path),
}

/// A sealed file that was made.
pub struct Written {
    /// Where it is.
    pub path: PathBuf,
    /// Its size.
    pub bytes: u64,
    /// What is in it.
    pub exported: Exported,
    /// The key, where it was made for this file: nobody can show it again.
    pub key: Option<Zeroizing<String>>,
    /// Names the key.
    pub fingerprint: String,
}

/// Writes an environment into a new sealed file, under the key in `key` or one that is made.
///
/// # Errors
/// [`TransferError`].
pub async fn export(
    config: &Config,
    named: Named<'_>,
    to: &Path,
    key: Option<&Path>,
) -> Result<Written, TransferError> {
    let random: Arc<dyn Random> = Arc::new(SystemRandom);
    let given = key.map(read_key).transpose()?;
    let made = given.is_none();
    let key = given.unwrap_or_else(|| ExportKey::random(random.as_ref()));
    let path = std::path::absolute(to).map_err(|source| TransferError::Place(place::unusable(to, source)))?;
    let (exported, bytes) = in_environment(config, named, async |hub, actor| {
        let part = place::unfinished(&path);
        let file = place::begin(&part, &path).map_err(TransferError::Place)?;
        let finished = match fill(hub, actor, file, &part, &key, random).await {
            Ok(filled) => place::finish(&part, &path).map_err(TransferError::Place).map(|()| filled),
            Err(error) => Err(error),
        };
        if finished.is_err() {
            place::give_up(&part);
        }
        finished
    })
    .await?;
    let fingerprint = key.fingerprint().to_owned();
    Ok(Written { path, bytes, exported, key: made.then(|| key.to_text()), fingerprint })
}

/// Fills the new file at `path`. It gets its name once the audit log has it.
async fn fill(
    hub: &Hub,
    actor: &Actor,
    file: File,
    path: &Path,
    key: &ExportKey,
    random: Arc<dyn Random>,
) -> Result<(Exported, u64), TransferError> {
    let unwritten = |error| TransferError::Place(place::unusable(path, error));
    let mut sealed = SealedFile::begin(file, key, random).map_err(unwritten)?;
    let exported = hub.export_environment(actor, |line| sealed.push(line)).await;
    let exported = exported.map_err(TransferError::Export)?;
    sealed.finish().map_err(unwritten)?;
    let bytes = place::sync(path).map_err(TransferError::Place)?;
    hub.note_export(actor, &exported).await.map_err(TransferError::Hub)?;
    Ok((exported, bytes))
}

/// Takes the lines of a file into an environment, or with `dry` only says what would be.
///
/// # Errors
/// [`TransferError`].
pub async fn import(
    config: &Config,
    named: Named<'_>,
    source: Source<'_>,
    dry: bool,
) -> Result<Imported, TransferError> {
    let lines = lines_of(source)?;
    in_environment(config, named, async |hub, actor| {
        let imported = hub.import_environment(actor, lines, dry).await;
        imported.map_err(|error| match error {
            ImportError::Read(error) => unreadable(source.path(), error),
            error => TransferError::Import(error),
        })
    })
    .await
}

impl<'a> Source<'a> {
    const fn path(self) -> &'a Path {
        match self {
            Self::Sealed(path, _) | Self::Plain(path) => path,
        }
    }
}

fn lines_of(source: Source<'_>) -> Result<Box<dyn Iterator<Item = Line>>, TransferError> {
    let path = source.path();
    let open = || File::open(path).map_err(|error| unreadable(path, error));
    let lines: Box<dyn Iterator<Item = Line>> = match source {
        Source::Sealed(_, key) => {
            let key = read_key(key)?;
            Box::new(SealedLines::open(open()?, &key).map_err(|error| unreadable(path, error))?)
        }
        Source::Plain(_) => Box::new(PlainLines::open(open()?)),
    };
    Ok(lines)
}

fn unreadable(path: &Path, source: std::io::Error) -> TransferError {
    TransferError::Unreadable { path: path.to_owned(), source }
}

fn read_key(path: &Path) -> Result<ExportKey, TransferError> {
    let text = read_private(path).map_err(|unread| match unread {
        Unread::Failed(source) => TransferError::KeyFile { path: path.to_owned(), source },
        Unread::Open => TransferError::OpenKeyFile(path.to_owned()),
    })?;
    Ok(ExportKey::parse(&text)?)
}

async fn in_environment<T>(
    config: &Config,
    Named { workspace, environment }: Named<'_>,
    work: impl AsyncFnOnce(&Hub, &Actor) -> Result<T, TransferError>,
) -> Result<T, TransferError> {
    if config.database.url.is_absent_file() {
        return Err(TransferError::NoDatabase);
    }
    offline(config, async |hub| {
        let actor = hub.operator_in(workspace, environment).await.map_err(|error| match error {
            service::Error::NotFound => TransferError::NoEnvironment {
                workspace: workspace.to_owned(),
                environment: environment.to_owned(),
            },
            error => TransferError::Hub(error),
        })?;
        work(hub, &actor).await
    })
    .await
}
