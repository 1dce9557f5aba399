//! Address, public URL, logs and metrics.

use std::net::SocketAddr;

use ipnet::IpNet;
use url::Url;

use super::raw::Raw;
use super::{ConfigError, parse_url};
use crate::domain::origin;

/// How the hub is reached and what it says.
#[derive(Clone, Debug)]
pub struct ServerConfig {
    /// `VOUCHSAFE_LISTEN`: address and port; port 0 takes a free one.
    pub listen: SocketAddr,
    /// `VOUCHSAFE_PUBLIC_URL`: what browsers and apps see; none = `http://<listen>`.
    pub public_url: Option<Url>,
    /// `VOUCHSAFE_LOG`: a filter of `tracing-subscriber`.
    pub log: String,
    /// `VOUCHSAFE_LOG_FORMAT`; none = text on a terminal, else JSON.
    pub log_format: Option<LogFormat>,
    /// `VOUCHSAFE_TRUSTED_PROXIES`: whose `X-Forwarded-*` is believed.
    pub trusted_proxies: Vec<IpNet>,
    /// `VOUCHSAFE_METRICS_LISTEN`: an own listener for metrics.
    pub metrics_listen: Option<SocketAddr>,
}

/// The form of log lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

impl ServerConfig {
    pub(super) fn from_raw(raw: &Raw) -> Result<Self, ConfigError> {
        let log_format = match raw.log_format.as_deref() {
            None => None,
            Some("text") => Some(LogFormat::Text),
            Some("json") => Some(LogFormat::Json),
            Some(_) => {
                return Err(ConfigError::value("VOUCHSAFE_LOG_FORMAT", "write `text` or `json`"));
            }
        };
        let public_url = raw.public_url.as_deref().map(public_url).transpose()?;
        Ok(Self {
            listen: address(raw.listen.as_deref().unwrap_or("127.0.0.1:7070"), "VOUCHSAFE_LISTEN")?,
            public_url,
            log: raw.log.clone().unwrap_or_else(|| "info".to_owned()),
            log_format,
            trusted_proxies: networks(&raw.trusted_proxies, "VOUCHSAFE_TRUSTED_PROXIES")?,
            metrics_listen: raw
                .metrics_listen
                .as_deref()
                .map(|text| address(text, "VOUCHSAFE_METRICS_LISTEN"))
                .transpose()?,
        })
    }
}

fn public_url(text: &str) -> Result<Url, ConfigError> {
    const NAME: &str = "VOUCHSAFE_PUBLIC_URL";
    let url = parse_url(text, NAME)?;
    if origin::origin_of(&url).is_none() {
        return Err(ConfigError::value(NAME, "must be https, or http on a loopback address"));
    }
    if url.path() != "/" || url.query().is_some() || url.fragment().is_some() {
        return Err(ConfigError::value(NAME, "must be scheme, host and port alone"));
    }
    Ok(url)
}

fn address(text: &str, name: &'static str) -> Result<SocketAddr, ConfigError> {
    let text = text.replace("localhost:", "127.0.0.1:");
    text.parse()
        .map_err(|_| ConfigError::value(name, "write an IP address and a port, such as 127.0.0.1:7070"))
}

/// Reads networks; a bare address is a network of one.
pub(super) fn networks(texts: &[String], name: &'static str) -> Result<Vec<IpNet>, ConfigError> {
    texts
        .iter()
        .map(|text| {
            text.parse::<IpNet>().or_else(|_| text.parse::<std::net::IpAddr>().map(IpNet::from)).map_err(
                |_| ConfigError::value(name, format!("`{text}` is no network; write such as 10.0.0.0/8")),
            )
        })
        .collect()
}
