//! What fault tests tell the process, only with the feature `failpoints`: `VOUCHSAFE_FAILPOINTS`, and
//! `VOUCHSAFE_CLOCK_OFFSET` in seconds. A value `@file` stands for the content of that file, which is read again on
//! SIGUSR1; a file that is not there is empty.

use std::collections::BTreeMap;

use tokio::signal::unix::{SignalKind, signal};

use super::CliError;

const FAILPOINTS: &str = "VOUCHSAFE_FAILPOINTS";
const CLOCK_OFFSET: &str = "VOUCHSAFE_CLOCK_OFFSET";

/// What the variables say.
#[derive(Clone, Debug)]
pub(super) struct Faults {
    failpoints: String,
    clock_offset: String,
}

impl Faults {
    pub(super) fn of(env: &BTreeMap<String, String>) -> Self {
        let value = |name| env.get(name).cloned().unwrap_or_default();
        Self { failpoints: value(FAILPOINTS), clock_offset: value(CLOCK_OFFSET) }
    }

    /// Sets points and clock, now and at each SIGUSR1.
    ///
    /// # Errors
    /// [`CliError::Refused`] for what can't be read now; later, that is logged.
    pub(super) fn watch(&self) -> Result<(), CliError> {
        self.arm()?;
        let mut again = signal(SignalKind::user_defined1())?;
        let faults = self.clone();
        tokio::spawn(async move {
            while again.recv().await.is_some() {
                match faults.arm() {
                    Ok(()) => tracing::info!("fault settings were read"),
                    Err(error) => tracing::error!(%error, "fault settings can't be read"),
                }
            }
        });
        Ok(())
    }

    /// Sets points and clock once.
    ///
    /// # Errors
    /// [`CliError::Refused`].
    pub(super) fn arm(&self) -> Result<(), CliError> {
        let refused = |name, problem: String| CliError::Refused(format!("{name}: {problem}"));
        let offset = content(&self.clock_offset);
        let seconds = match offset.trim() {
            "" => 0,
            text => text.parse().map_err(|_| refused(CLOCK_OFFSET, format!("`{text}` is no number")))?,
        };
        crate::clock::shift_wall_clock(seconds);
        crate::failpoint::arm(&content(&self.failpoints)).map_err(|problem| refused(FAILPOINTS, problem))
    }
}

fn content(value: &str) -> String {
    match value.strip_prefix('@') {
        Some(path) => std::fs::read_to_string(path).unwrap_or_default(),
        None => value.to_owned(),
    }
}
