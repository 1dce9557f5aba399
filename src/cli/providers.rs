//! Commands on provider definitions. None touches the network.

use std::path::PathBuf;

use crate::app::{self, BuildError};
use crate::config::Config;
use crate::provider::{Problem, Registry, UNVERIFIED, check_paths, schema};

use super::{CliError, say};

pub(super) fn print_schema() -> Result<(), CliError> {
    say(format!("{:#}", schema()))
}

pub(super) fn list(config: &Config, search: Option<&str>) -> Result<(), CliError> {
    let registry = Registry::load(&app::provider_sources(config))
        .map_err(|report| BuildError::Providers(Box::new(report)))?;
    let search = search.map(str::to_lowercase);
    let wanted =
        |text: &str| search.as_ref().is_none_or(|search| text.to_lowercase().contains(search.as_str()));
    for definition in registry.all().filter(|d| wanted(d.slug()) || wanted(d.name())) {
        let methods: Vec<_> = definition.methods().iter().map(|method| method.as_str()).collect();
        say(format!("{:<32} {:<32} {}", definition.slug(), definition.name(), methods.join(" ")))?;
    }
    Ok(())
}

/// Warnings that fail as errors do.
pub(super) struct Denied {
    /// Whether a mark of what nobody has verified is among them.
    pub(super) unverified: bool,
}

impl Denied {
    fn fails(&self, problem: &Problem) -> bool {
        self.unverified || problem.code != UNVERIFIED
    }
}

/// Says what is wrong with definitions; fails over errors, and over warnings that are `denied`.
pub(super) fn check(
    config: &Config,
    paths: &[PathBuf],
    format: &str,
    denied: Option<&Denied>,
) -> Result<(), CliError> {
    let report = check_paths(paths, &app::provider_sources(config));
    if format == "json" {
        let lines = report.json_lines();
        if !lines.is_empty() {
            say(lines.trim_end())?;
        }
    } else {
        say(report.to_string().trim_end())?;
    }
    // An error is never a mark of what is unverified.
    let fails = denied.is_some_and(|denied| report.problems().iter().any(|one| denied.fails(one)));
    if report.errors() > 0 || fails { Err(CliError::Silent) } else { Ok(()) }
}
