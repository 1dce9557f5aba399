//! Where data lies.

use std::path::PathBuf;

use secrecy::ExposeSecret;

use super::raw::Raw;
use super::{ConfigError, secret};
use crate::store::DatabaseUrl;

/// The data directory and the database.
#[derive(Clone, Debug)]
pub struct DatabaseConfig {
    /// `VOUCHSAFE_DATA_DIR`: SQLite file, master key file, address file.
    pub data_dir: PathBuf,
    /// `VOUCHSAFE_DATABASE_URL`.
    pub url: DatabaseUrl,
}

impl DatabaseConfig {
    pub(super) fn from_raw(raw: &Raw) -> Result<Self, ConfigError> {
        const NAME: &str = "VOUCHSAFE_DATABASE_URL";
        let data_dir = PathBuf::from(raw.data_dir.as_deref().unwrap_or("./data"));
        let url = match secret(raw.database_url.as_ref(), raw.database_url_file.as_deref(), NAME)? {
            None => DatabaseUrl::file(&data_dir.join("vouchsafe.db")),
            Some(text) => DatabaseUrl::parse(text.expose_secret())
                .ok_or_else(|| ConfigError::value(NAME, "write `sqlite://<path>` or `postgres://…`"))?,
        };
        Ok(Self { data_dir, url })
    }
}
