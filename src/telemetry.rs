//! Logs and metrics. Fields are named here or where they are set; none holds a header, a body, a query or a secret.

mod json;

use std::borrow::Cow;
use std::fmt::Write as _;
use std::io::{self, IsTerminal as _, Write};

use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use tracing_subscriber::EnvFilter;

use crate::config::{LogFormat, ServerConfig};
use json::JsonLines;

/// Upper bounds of the buckets for times, in seconds.
const SECONDS: &[f64] = &[0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0];

/// A library that says each step of a start at the level of news. The store says the same in one line.
const QUIET: &str = "sea_orm_migration=warn";

/// Why logs or metrics could not be set up.
#[derive(Debug, thiserror::Error)]
pub enum TelemetryError {
    /// `VOUCHSAFE_LOG` is no filter.
    #[error("VOUCHSAFE_LOG is no log filter; write such as `info` or `vouchsafe=debug`")]
    Filter(#[source] tracing_subscriber::filter::ParseError),
    /// Metrics are set up already in this process.
    #[error("metrics can't be set up")]
    Metrics(#[source] metrics_exporter_prometheus::BuildError),
}

/// Sends log lines to standard error, as the configuration says. A second call in one process changes nothing.
///
/// # Errors
/// [`TelemetryError::Filter`].
pub fn start_logs(config: &ServerConfig) -> Result<(), TelemetryError> {
    let filter = filter(config)?;
    let usual = if std::io::stderr().is_terminal() { LogFormat::Text } else { LogFormat::Json };
    let lines = tracing_subscriber::fmt().with_env_filter(filter).with_writer(|| Plain(std::io::stderr()));
    // Tests in one process share the first subscriber.
    let _ = match config.log_format.unwrap_or(usual) {
        LogFormat::Text => lines.try_init(),
        LogFormat::Json => lines.json().event_format(JsonLines::new()).try_init(),
    };
    Ok(())
}

/// Writes lines in which nothing is left that changes how a terminal or a viewer shows the rest. JSON has escapes for
/// other control characters already.
struct Plain<W>(W);

impl<W: Write> Write for Plain<W> {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.0.write_all(&plain(line))?;
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

fn plain(line: &[u8]) -> Cow<'_, [u8]> {
    if line.iter().all(|byte| byte.is_ascii() && *byte != 0x7f) {
        return Cow::Borrowed(line);
    }
    let mut text = String::with_capacity(line.len() + 16);
    for character in String::from_utf8_lossy(line).chars() {
        if misleads(character) {
            let _ = write!(text, "\\u{:04x}", u32::from(character));
        } else {
            text.push(character);
        }
    }
    Cow::Owned(text.into_bytes())
}

/// What deletes, ends a line or turns the direction of writing, beyond the control characters of ASCII.
const fn misleads(character: char) -> bool {
    matches!(
        character,
        '\u{7f}'..='\u{9f}'
            | '\u{61c}'
            | '\u{200e}'
            | '\u{200f}'
            | '\u{2028}'..='\u{202e}'
            | '\u{2066}'..='\u{2069}'
            | '\u{feff}'
    )
}

/// From now on a panic is a line of the log that names its place alone: what it says may hold anything.
pub fn log_panics() {
    std::panic::set_hook(Box::new(|panic| {
        let at = panic.location().map(|place| format!("{}:{}", place.file(), place.line()));
        tracing::error!(at, "a panic");
    }));
}

/// Which lines are wanted. What the configuration says of a target goes before what is left out by itself.
///
/// # Errors
/// [`TelemetryError::Filter`].
pub fn filter(config: &ServerConfig) -> Result<EnvFilter, TelemetryError> {
    EnvFilter::try_new(format!("{QUIET},{}", config.log)).map_err(TelemetryError::Filter)
}

/// Collects metrics; the handle renders them.
///
/// # Errors
/// [`TelemetryError::Metrics`].
pub fn start_metrics() -> Result<PrometheusHandle, TelemetryError> {
    PrometheusBuilder::new()
        .set_buckets_for_metric(Matcher::Suffix("_seconds".to_owned()), SECONDS)
        .and_then(PrometheusBuilder::install_recorder)
        .map_err(TelemetryError::Metrics)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_in_a_line_turns_the_rest_around() {
        let line = "{\"name\":\"Zoë \u{202e}evil\u{2028}\u{7f}\u{9b}x…\"}\n";
        let mut written = Vec::new();
        Plain(&mut written).write_all(line.as_bytes()).unwrap();
        let written = String::from_utf8(written).unwrap();
        assert_eq!(written, "{\"name\":\"Zoë \\u202eevil\\u2028\\u007f\\u009bx…\"}\n");
        let read: serde_json::Value = serde_json::from_str(&written).unwrap();
        assert_eq!(read, serde_json::from_str::<serde_json::Value>(line).unwrap(), "it says the same");
    }

    fn fail() {
        panic!("canary-of-a-panic");
    }

    #[test]
    fn a_panic_is_logged_by_its_place_and_says_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log");
        let file = std::fs::File::create(&path).unwrap();
        let lines = tracing_subscriber::fmt().with_writer(file).json().flatten_event(true).finish();
        let usual = std::panic::take_hook();
        log_panics();
        let thread = std::thread::spawn(|| tracing::subscriber::with_default(lines, fail));
        let ended = thread.join();
        std::panic::set_hook(usual);
        assert!(ended.is_err(), "it did panic");
        let log = std::fs::read_to_string(&path).unwrap();
        let line: serde_json::Value = serde_json::from_str(&log).unwrap();
        assert_eq!((&line["level"], &line["message"]), (&"ERROR".into(), &"a panic".into()), "{line}");
        assert!(line["at"].as_str().unwrap().starts_with(&format!("{}:", file!())), "{line}");
        assert!(!log.contains("canary"), "{log}");
    }
}
