//! `vouchsafe audit`: whether the audit log is what was written.

use std::fs::File;
use std::io::{BufRead as _, BufReader, ErrorKind};
use std::path::PathBuf;

use crate::app;
use crate::config::Config;
use crate::service::Hub;

use super::commands::{failed, no_database};
use super::{CliError, say};

/// Checks the log in the database and against `heads`, the files of heads outside; none = the hub's own.
pub(super) async fn verify(config: &Config, heads: &[PathBuf]) -> Result<(), CliError> {
    if config.database.url.is_absent_file() {
        return Err(no_database());
    }
    app::offline(config, async |hub| verify_in(hub, config, heads).await).await
}

async fn verify_in(hub: &Hub, config: &Config, heads: &[PathBuf]) -> Result<(), CliError> {
    let own = [app::heads_file(config)];
    let files = if heads.is_empty() { own.as_slice() } else { heads };
    let (mut outside, mut missing) = (0, None);
    for path in files {
        let file = match File::open(path) {
            Ok(file) => file,
            Err(error) if error.kind() == ErrorKind::NotFound && heads.is_empty() => {
                missing = Some(path);
                continue;
            }
            Err(error) => return Err(CliError::Said(format!("cannot read {}: {error}", path.display()))),
        };
        let compared = hub.compare_heads(BufReader::new(file).lines()).await.map_err(failed)?;
        outside += compared.map_err(|fault| CliError::Said(format!("{}: {fault}", path.display())))?;
    }
    let found = hub.verify_audit().await.map_err(failed)?;
    let found = found.map_err(|fault| CliError::Said(fault.to_string()))?;
    if let Some(path) = missing.filter(|_| found.batches > 0) {
        return Err(CliError::Said(format!(
            "the database agrees with itself, but there are no heads outside at {}: name their file with --heads",
            path.display()
        )));
    }
    say(format!(
        "the audit log is in order: {} events in {} batches, {} batches removed in their time, {} events not in a \
         batch yet, {outside} heads outside",
        found.events, found.batches, found.removed, found.waiting
    ))
}
