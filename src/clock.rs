//! Where the time comes from. Nothing else in the hub reads a clock, so tests can hold time in their hand.

use std::sync::Mutex;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};

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

    /// How far it is ahead of the clock of the machine, which was set back and is not followed.
    fn ahead(&self) -> TimeDelta {
        TimeDelta::zero()
    }
}

fn to_micros(at: DateTime<Utc>) -> DateTime<Utc> {
    DateTime::from_timestamp_micros(at.timestamp_micros()).unwrap_or(at)
}

/// The clock of the machine, which may be set forward and never goes back while the process runs: a token would be
/// taken for fresh after its end.
#[derive(Debug, Default, Clone, Copy)]
pub struct SystemClock;

static STEADY: Steady = Steady::new();

impl Clock for SystemClock {
    fn now(&self) -> DateTime<Utc> {
        let uptime = i64::try_from(self.uptime().as_micros()).unwrap_or(i64::MAX);
        let now = STEADY.now(wall().timestamp_micros(), uptime);
        DateTime::from_timestamp_micros(now).unwrap_or_else(wall)
    }

    fn uptime(&self) -> Duration {
        // Unlike `Instant`, which stops while a machine is suspended.
        #[cfg(target_os = "linux")]
        let clock = rustix::time::ClockId::Boottime;
        #[cfg(not(target_os = "linux"))]
        let clock = rustix::time::ClockId::Monotonic;
        Duration::try_from(rustix::time::clock_gettime(clock)).unwrap_or_default()
    }

    fn ahead(&self) -> TimeDelta {
        self.now() - wall()
    }
}

#[expect(clippy::disallowed_methods, reason = "the one place that reads the clock of the machine")]
fn wall() -> DateTime<Utc> {
    #[cfg(feature = "failpoints")]
    let shifted = TimeDelta::seconds(SHIFT.load(Ordering::Relaxed));
    #[cfg(not(feature = "failpoints"))]
    let shifted = TimeDelta::zero();
    Utc::now() + shifted
}

#[cfg(feature = "failpoints")]
static SHIFT: AtomicI64 = AtomicI64::new(0);

/// Shifts the wall clock of this process by `seconds`, and no other clock (`VOUCHSAFE_CLOCK_OFFSET`).
#[cfg(feature = "failpoints")]
pub fn shift_wall_clock(seconds: i64) {
    SHIFT.store(seconds, Ordering::Relaxed);
}

/// Makes a wall clock steady: it goes on with the clock that never jumps where it was set back.
#[derive(Debug)]
struct Steady {
    /// The most that the wall clock was ever ahead of the other, in microseconds.
    ahead: AtomicI64,
}

impl Steady {
    const fn new() -> Self {
        Self { ahead: AtomicI64::new(i64::MIN) }
    }

    /// The present moment, of two clocks that were read together.
    fn now(&self, wall: i64, uptime: i64) -> i64 {
        let ahead = wall.saturating_sub(uptime);
        self.ahead.fetch_max(ahead, Ordering::Relaxed).max(ahead).saturating_add(uptime)
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

    fn ahead(&self) -> TimeDelta {
        self.as_ref().ahead()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: i64 = 1_000_000;

    #[test]
    fn a_clock_that_is_set_back_goes_on() {
        let clock = Steady::new();
        let wall = 1_900_000_000 * SECOND;
        assert_eq!(clock.now(wall, 50 * SECOND), wall);
        assert_eq!(clock.now(wall - 3_600 * SECOND, 51 * SECOND), wall + SECOND, "an hour back");
        assert_eq!(clock.now(wall + SECOND, 52 * SECOND), wall + 2 * SECOND, "a leap second");
    }

    #[test]
    fn a_clock_that_is_set_forward_is_followed() {
        let clock = Steady::new();
        let day = 86_400 * SECOND;
        assert_eq!(clock.now(10 * day, 5), 10 * day);
        assert_eq!(clock.now(11 * day, 6), 11 * day);
        assert_eq!(clock.now(10 * day + 2, 7), 11 * day + 1, "and back again only after the next start");
    }

    #[test]
    fn the_machine_is_read() {
        let (first, second) = (SystemClock.now(), SystemClock.now());
        assert!(first <= second && (wall() - second).num_seconds() < 60);
    }
}
