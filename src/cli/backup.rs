//! `vouchsafe backup`: copies of the database, what is in them, and the way back.

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};

use crate::app::backup::{self, Verified};
use crate::config::Config;

use super::{CliError, say};

#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub(super) struct Backup {
    #[command(subcommand)]
    about: Option<About>,
    /// The file that the copy becomes; it must not be there yet
    #[arg(required = true)]
    file: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
enum About {
    /// Open everything that is sealed in a copy, with the configured master key, and check its audit log
    Verify(CopyFile),
    /// Put a copy where there is no database; nothing is refreshed there until `vouchsafe adopt`
    Restore(CopyFile),
}

#[derive(Debug, Args)]
pub(super) struct CopyFile {
    /// The copy
    file: PathBuf,
}

pub(super) async fn run(config: &Config, asked: Backup) -> Result<(), CliError> {
    match (asked.about, asked.file) {
        (Some(About::Verify(copy)), _) => verify(config, &copy).await,
        (Some(About::Restore(copy)), _) => restore(config, &copy).await,
        (None, Some(file)) => back_up(config, &file).await,
        (None, None) => Err(CliError::Said("name the file that the copy becomes".to_owned())),
    }
}

async fn back_up(config: &Config, file: &Path) -> Result<(), CliError> {
    let copied = backup::back_up(config, file).await?;
    say(format!("{}: a copy of the database, {} bytes", copied.path.display(), copied.bytes))?;
    say(format!("it opens with the master key {}, which is not in it", copied.fingerprints.join(", ")))?;
    if copied.unsettled > 0 {
        say(format!(
            "{} credentials were being refreshed, or their app's answer lies in the token journal, which is not in \
             it: what it holds of them may be spent",
            copied.unsettled
        ))?;
    }
    if !copied.recorded {
        say("the database waits for `vouchsafe migrate`, so that its audit log does not have this copy")?;
    }
    Ok(())
}

async fn verify(config: &Config, copy: &CopyFile) -> Result<(), CliError> {
    let found = backup::verify(config, &copy.file).await?;
    let problems = problems(&found);
    if !problems.is_empty() {
        let file = copy.file.display();
        return Err(CliError::Said(format!("{file} is not in order\n{}", problems.join("\n"))));
    }
    let audit = match &found.audit {
        Some(Ok(audit)) => format!("{} audit events are in order", audit.events + audit.waiting),
        _ => "its audit log was not checked, as its schema is that of an earlier version".to_owned(),
    };
    say(format!(
        "{} is in order: with the master key {}, {} data keys and {} sealed values open; {audit}",
        copy.file.display(),
        found.fingerprints.join(", "),
        found.opened.keys,
        found.opened.values
    ))
}

/// What is wrong with a copy, a line each.
fn problems(found: &Verified) -> Vec<String> {
    let mut problems: Vec<String> = found.opened.shut.iter().map(ToString::to_string).collect();
    if found.opened.more > 0 {
        problems.push(format!("and {} more that do not open", found.opened.more));
    }
    if let Some(Err(fault)) = &found.audit {
        problems.push(format!("audit log: {fault}"));
    }
    problems
}

pub(super) async fn restore(config: &Config, copy: &CopyFile) -> Result<(), CliError> {
    let restored = backup::restore(config, &copy.file).await?;
    say(format!(
        "{} is restored; {} data keys open with the master key {}",
        restored.path.display(),
        restored.keys,
        restored.fingerprints.join(", ")
    ))?;
    say(
        "a hub that starts on it refreshes nothing until `vouchsafe adopt`, which is for when no other hub works with \
         these credentials",
    )
}
