//! Commands on provider definitions. None touches the network.

use std::path::PathBuf;

use crate::app::{self, BuildError};
use crate::config::Config;
use crate::provider::{Registry, check_paths, schema};

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

pub(super) fn check(
    config: &Config,
    paths: &[PathBuf],
    format: &str,
    deny_warnings: bool,
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
    if report.errors() > 0 || (deny_warnings && report.warnings() > 0) {
        Err(CliError::Silent)
    } else {
        Ok(())
    }
}
