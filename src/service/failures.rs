//! How often the same failure of a piece of work is told while it lasts: an outage of the database would fill the log.

use std::time::{Duration, Instant};

use super::Error;

const TOLD_EVERY: Duration = Duration::from_mins(1);

/// The failures of one piece of work since it last went well.
#[derive(Default)]
pub struct Failures {
    count: u64,
    told: Option<Instant>,
}

impl Failures {
    /// Logs the first failure, then one a minute, and the end of it.
    pub fn tell(&mut self, work: &str, done: Result<(), Error>) {
        let Err(error) = done else {
            if self.count > 0 {
                tracing::info!(work, failures = self.count, "work goes on");
            }
            *self = Self::default();
            return;
        };
        self.count += 1;
        if self.told.is_none_or(|told| told.elapsed() >= TOLD_EVERY) {
            self.told = Some(Instant::now());
            let (error, failures) = (&error as &dyn std::error::Error, self.count);
            tracing::error!(work, error, failures, "work failed, tried again later");
        }
    }
}
