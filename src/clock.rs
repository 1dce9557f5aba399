//! Where the time comes from. Nothing else in the hub reads a clock, so tests can hold time in their hand.

use std::sync::Mutex;
use std::time::Duration;

use chrono::{DateTime, DurationRound, TimeDelta, Utc};

/// A source of wall-clock time in UTC, cut to microseconds (what both databases keep).
pub trait Clock: Send + Sync + 'static {
    /// The present moment.
    fn now(&self) -> DateTime<Utc>;

    /// The present moment in milliseconds since 1970, as rows keep it.
    fn now_ms(&self) -> i64 {
        self.now().timestamp_millis()
    }

    /// Time since a fixed moment: it never jumps, and it goes on while the machine sleeps.
    fn uptime(&self) -> Duration;

    /// How far `other`, the present moment on another machine's clock, is ahead of this clock.
    fn behind(&self, other: DateTime<Utc>) -> TimeDelta {
        other - self.now()
    }
}

fn to_micros(at: DateTime<Utc>) -> DateTime<Utc> {
    at.duration_trunc(TimeDelta::microseconds(1)).unwrap_or(at)
}

/// The clock of the machine.
#[derive(Debug, Default, Clone, Copy)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "the one place that reads the clock of the machine")]
    fn now(&self) -> DateTime<Utc> {
        to_micros(Utc::now())
    }

    fn uptime(&self) -> Duration {
        // Unlike `Instant`, which stops while a machine is suspended.
        #[cfg(target_os = "linux")]
        let clock = rustix::time::ClockId::Boottime;
        #[cfg(not(target_os = "linux"))]
        let clock = rustix::time::ClockId::Monotonic;
        Duration::try_from(rustix::time::clock_gettime(clock)).unwrap_or_default()
    }
}

/// A clock that moves only when told to. It starts at 2030-01-01T00:00:00Z.
#[derive(Debug)]
pub struct ManualClock(Mutex<DateTime<Utc>>);

impl Default for ManualClock {
    fn default() -> Self {
        Self(Mutex::new(DateTime::from_timestamp_nanos(1_893_456_000_000_000_000)))
    }
}

impl ManualClock {
    /// Moves the clock on by `by`.
    pub fn advance(&self, by: TimeDelta) {
        let mut now = self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        *now = to_micros(*now + by);
    }

    /// Sets the clock to `at`.
    pub fn set(&self, at: DateTime<Utc>) {
        *self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner) = to_micros(at);
    }
}

impl Clock for ManualClock {
    fn now(&self) -> DateTime<Utc> {
        *self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    fn uptime(&self) -> Duration {
        (self.now() - DateTime::UNIX_EPOCH).to_std().unwrap_or_default()
    }

    /// A clock in a test's hand is the only time there is.
    fn behind(&self, _other: DateTime<Utc>) -> TimeDelta {
        TimeDelta::zero()
    }
}

impl<C: Clock> Clock for std::sync::Arc<C> {
    fn now(&self) -> DateTime<Utc> {
        self.as_ref().now()
    }

    fn uptime(&self) -> Duration {
        self.as_ref().uptime()
    }

    fn behind(&self, other: DateTime<Utc>) -> TimeDelta {
        self.as_ref().behind(other)
    }
}
