//! `vouchsafe doctor`: how a deployment is, a line a part.

use crate::app::{self, Deps, Finding};
use crate::config::Config;

use super::{CliError, say};

pub(super) async fn doctor(config: &Config) -> Result<(), CliError> {
    let findings = app::examine(config, &Deps::default()).await;
    for Finding { part, health, words } in &findings {
        say(format!("{:<8} {part:<15} {words}", health.as_str()))?;
    }
    let failing: Vec<&Finding> = findings.iter().filter(|one| one.health.exit_code() != 0).collect();
    match failing.iter().map(|one| one.health.exit_code()).max() {
        None => Ok(()),
        Some(code) => {
            let lines: Vec<String> =
                failing.iter().map(|one| format!("{}: {}", one.part, one.words)).collect();
            Err(CliError::Found(lines.join("\n"), code))
        }
    }
}
