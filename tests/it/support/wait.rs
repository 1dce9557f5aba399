//! Waiting for something to become true. The one place of the tests that lets time pass.

use std::fmt::Debug;
use std::future::Future;
use std::time::Duration;

/// How long [`eventually`] waits: far above what anything here needs, so that only a fault reaches it.
pub(crate) const DEADLINE: Duration = Duration::from_secs(30);

const PERIOD: Duration = Duration::from_millis(5);

/// Polls `probe` until it gives `Ok`, and gives that back.
///
/// # Panics
/// When the deadline passes, with `what` was waited for and the last value the probe complained of.
pub(crate) async fn eventually<T, E, F>(what: &str, mut probe: impl FnMut() -> F) -> T
where
    E: Debug,
    F: Future<Output = Result<T, E>>,
{
    let mut last = None;
    let polling = async {
        let mut ticks = tokio::time::interval(PERIOD);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            match probe().await {
                Ok(value) => return value,
                Err(value) => last = Some(value),
            }
        }
    };
    if let Ok(value) = tokio::time::timeout(DEADLINE, polling).await {
        return value;
    }
    panic!("waited {DEADLINE:?} for {what}; the last value was {last:?}")
}
