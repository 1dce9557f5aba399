//! `vouchsafe export` and `vouchsafe import`: an environment on its way from one hub to another.

use std::io::Write as _;
use std::path::PathBuf;

use clap::Args;

use crate::app::transfer::{self, Named, Source, TransferError};
use crate::config::Config;
use crate::service::export::ExportError;
use crate::service::import::ImportError;

use super::commands::failed;
use super::{CliError, Place, say};

pub(super) const ON_EXPORT: &str = "\
The file has the connectors with their client secrets, the integrations, users, secrets and credentials with what they \
hold. It is sealed, and only `vouchsafe import` opens it: no command prints what is in it, masked and restricted secrets \
least of all. Keep file and key apart. API keys, webhook endpoints, members, logs and what has ended are not in it. \
Standard output gets the export key alone, and only this once.

Many apps take a refresh token only once, and end the grant when it comes again. So stop this hub, and every replica of \
it, before the export, and do not start it again while another hub has these credentials; `vouchsafe adopt --check` says \
whether a deployment would refresh.";

pub(super) const ON_IMPORT: &str = "\
Everything in the file is made in one step, or nothing where a line has a mistake. What is there already stays as it is, \
so that an import can be run again. No app is asked, and the import refreshes nothing; a hub that runs here refreshes the \
credentials when they are due. So see first that the hub they come from has stopped: a refresh token lives in one hub \
alone. A hub that runs meanwhile waits with its own changes.

With --plain the file is text, one JSON object a line. The first line is {\"vouchsafe\": \"export\", \"version\": 1}. \
Each other one has one member, `secret`, `connector`, `integration`, `user` or `credential`, whose fields are those of \
the API; what a line refers to stands before it. A credential names its `username` and `connector`, and has `data` with \
the provider's fields, or `accessToken`, `accessTokenExpiresAt` and `refreshToken`. The README lists all of them.";

#[derive(Debug, Args)]
pub(super) struct Export {
    #[command(flatten)]
    place: Place,
    /// The file that is made; it must not be there yet
    #[arg(long, value_name = "FILE")]
    to: PathBuf,
    /// A file with an export key to seal with [default: a new key, which is printed]
    #[arg(long, value_name = "FILE")]
    key: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(super) struct Import {
    #[command(flatten)]
    place: Place,
    /// The file
    #[arg(long, value_name = "FILE")]
    from: PathBuf,
    /// The file with its export key
    #[arg(long, value_name = "FILE", required_unless_present = "plain", conflicts_with = "plain")]
    key: Option<PathBuf>,
    /// The file is not sealed
    #[arg(long)]
    plain: bool,
    /// Change nothing; say what would be made, or what is wrong
    #[arg(long)]
    dry_run: bool,
}

impl Place {
    fn named(&self) -> Named<'_> {
        Named { workspace: &self.workspace, environment: &self.environment }
    }
}

pub(super) async fn export(config: &Config, asked: &Export) -> Result<(), CliError> {
    let written = transfer::export(config, asked.place.named(), &asked.to, asked.key.as_deref()).await;
    let written = written.map_err(refused)?;
    let done = written.exported;
    // Standard output is for the key, so that a file can take it.
    let tell = |line: String| writeln!(std::io::stderr(), "{line}");
    tell(format!(
        "{}: {} secrets, {} connectors, {} integrations, {} users and {} credentials, {} bytes",
        written.path.display(),
        done.secrets,
        done.connectors,
        done.integrations,
        done.users,
        done.credentials,
        written.bytes
    ))?;
    for (count, what) in [
        (done.ended, "others have ended, were never confirmed or need what is gone, and are not in it"),
        (done.later, "credentials were made meanwhile and are not in it"),
        (done.shut, "others can't be opened here and are not in it; the log says which"),
        (
            done.unsettled,
            "credentials were being refreshed, or their app's answer lies in the token journal: what the file holds \
             of them may be spent",
        ),
    ] {
        if count > 0 {
            tell(format!("{count} {what}"))?;
        }
    }
    tell(format!(
        "it opens with the export key {}, which nobody can show again; see that this hub refreshes nothing any more \
         before another one imports it",
        written.fingerprint
    ))?;
    written.key.map_or(Ok(()), |key| say(key.as_str()))
}

pub(super) async fn import(config: &Config, asked: &Import) -> Result<(), CliError> {
    let source = match &asked.key {
        Some(key) => Source::Sealed(&asked.from, key),
        None => Source::Plain(&asked.from),
    };
    let imported = transfer::import(config, asked.place.named(), source, asked.dry_run).await;
    let imported = imported.map_err(refused)?;
    let new = if asked.dry_run { "would be new" } else { "new" };
    for (kind, tally) in imported.kinds() {
        say(format!("{kind}: {} {new}, {} there already", tally.new, tally.there))?;
    }
    if imported.ended > 0 {
        say(format!("{} secrets or credentials have ended and are left out", imported.ended))?;
    }
    Ok(())
}

/// A refusal of the hub in words, as other commands have it.
fn refused(error: TransferError) -> CliError {
    match error {
        TransferError::Hub(error)
        | TransferError::Export(ExportError::Hub(error))
        | TransferError::Import(ImportError::Hub(error)) => failed(error),
        error => error.into(),
    }
}
