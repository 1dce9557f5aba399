//! Logs and metrics. Fields are named here or where they are set; none holds a header, a body, a query or a secret.

use std::io::IsTerminal as _;

use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use tracing_subscriber::EnvFilter;

use crate::config::{LogFormat, ServerConfig};

/// Upper bounds of the buckets for times, in seconds.
const SECONDS: &[f64] = &[0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0];

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
    let filter = EnvFilter::try_new(&config.log).map_err(TelemetryError::Filter)?;
    let usual = if std::io::stderr().is_terminal() { LogFormat::Text } else { LogFormat::Json };
    let lines = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    // Tests in one process share the first subscriber.
    let _ = match config.log_format.unwrap_or(usual) {
        LogFormat::Text => lines.try_init(),
        LogFormat::Json => lines.json().flatten_event(true).try_init(),
    };
    Ok(())
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
