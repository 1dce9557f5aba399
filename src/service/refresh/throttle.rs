//! How fast each token host is called by this replica: calls in flight, calls a second, and a circuit breaker
//! (`refresh.md`, sections 3 and 6). Nothing of it is stored; the caller reports what became of each call.

use std::collections::HashMap;
use std::num::NonZeroU32;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use governor::{DefaultDirectRateLimiter, Quota, RateLimiter};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use vouchsafe_entity::kind::FailClass;
use vouchsafe_entity::millis::Millis;

use crate::domain::breaker::Breaker;
use crate::provider::Limits;

/// A provider that throttles is called half as often for so long.
const SLOW_MILLIS: i64 = 600_000;
/// A host is remembered so long after its last call: by then its budget is whole at any rate, and no outcome of it
/// counts any more.
const REMEMBERED_MILLIS: i64 = 120_000;

/// The token hosts that this replica calls.
#[derive(Default)]
pub(in crate::service) struct Throttle(Mutex<HashMap<(String, String), Arc<Host>>>);

struct Host {
    limits: Limits,
    calls: Arc<Semaphore>,
    rate: DefaultDirectRateLimiter,
    half_rate: DefaultDirectRateLimiter,
    health: Mutex<Health>,
}

#[derive(Default)]
struct Health {
    breaker: Breaker,
    slow_until: Option<Millis>,
    called_at: Option<Millis>,
}

/// A call that may be made.
pub(super) struct Pass {
    host: Arc<Host>,
    _call: Option<OwnedSemaphorePermit>,
}

impl Throttle {
    /// Waits for a place among the calls to `host`.
    ///
    /// # Errors
    /// The moment from which the host is tried again, while its circuit is open.
    pub(super) async fn pass(
        &self,
        provider: &str,
        host: &str,
        limits: Limits,
        now: impl Fn() -> Millis,
    ) -> Result<Pass, Millis> {
        let host = self.host(provider, host, limits);
        if let Some(until) = host.closed_until(now()) {
            return Err(until);
        }
        let call = Arc::clone(&host.calls).acquire_owned().await.ok();
        if host.is_slow(now()) { &host.half_rate } else { &host.rate }.until_ready().await;
        host.health().called_at = Some(now());
        // Others may have failed while this one waited.
        host.health().breaker.pass(now())?;
        Ok(Pass { host, _call: call })
    }

    fn host(&self, provider: &str, name: &str, limits: Limits) -> Arc<Host> {
        let mut hosts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (provider.to_owned(), name.to_owned());
        match hosts.get(&key) {
            Some(host) if host.limits == limits => Arc::clone(host),
            _ => {
                let host = Arc::new(Host::new(limits));
                hosts.insert(key, Arc::clone(&host));
                host
            }
        }
    }

    /// Forgets hosts of which nothing is to be remembered: nobody calls them or did of late, and they are well.
    pub(in crate::service) fn trim(&self, now: Millis) {
        let mut hosts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        hosts.retain(|_, host| Arc::strong_count(host) > 1 || host.is_remembered(now));
    }
}

impl Host {
    fn new(limits: Limits) -> Self {
        let quota = |rate: f64| {
            // Quotas are whole calls: a slow one is a longer period.
            let rate = rate.clamp(0.01, 1_000_000.0);
            let period = std::time::Duration::from_secs_f64(1.0 / rate);
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped above")]
            let burst = NonZeroU32::new(rate.ceil() as u32).unwrap_or(NonZeroU32::MIN);
            Quota::with_period(period).unwrap_or(Quota::per_second(burst)).allow_burst(burst)
        };
        let rate = limits.rate;
        Self {
            limits,
            calls: Arc::new(Semaphore::new(usize::from(limits.concurrency.max(1)))),
            rate: RateLimiter::direct(quota(rate)),
            half_rate: RateLimiter::direct(quota(rate / 2.0)),
            health: Mutex::default(),
        }
    }

    fn health(&self) -> MutexGuard<'_, Health> {
        self.health.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether it is called at half its rate.
    fn is_slow(&self, now: Millis) -> bool {
        self.health().slow_until.is_some_and(|until| now < until)
    }

    fn is_remembered(&self, now: Millis) -> bool {
        let health = self.health();
        let lately = health.called_at.is_some_and(|at| now.since(at) < REMEMBERED_MILLIS);
        let slow = health.slow_until.is_some_and(|until| now < until);
        lately || slow || health.breaker.is_open()
    }

    /// Until when no call is made at all, without using up one that would be let through.
    fn closed_until(&self, now: Millis) -> Option<Millis> {
        self.health().breaker.open_until().filter(|until| now < *until)
    }
}

impl Pass {
    /// Tells what became of the call: none for an answer that was understood.
    pub(super) fn report(&self, failed: Option<FailClass>, now: Millis) {
        let mut health = self.host.health();
        let troubled =
            matches!(failed, Some(FailClass::NotSent | FailClass::Ambiguous | FailClass::Throttled));
        health.called_at = Some(now);
        health.breaker.report(troubled, now);
        if failed == Some(FailClass::Throttled) {
            health.slow_until = Some(now.plus(SLOW_MILLIS));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Millis = Millis(1_893_456_000_000);
    const SECOND: i64 = 1_000;
    const MINUTE: i64 = 60 * SECOND;

    fn called(throttle: &Throttle, failed: Option<FailClass>, now: Millis) {
        let host = throttle.host("acme", "acme.test", Limits::default());
        Pass { host, _call: None }.report(failed, now);
    }

    fn is_slow(throttle: &Throttle, now: Millis) -> bool {
        throttle.host("acme", "acme.test", Limits::default()).is_slow(now)
    }

    fn hosts(throttle: &Throttle) -> usize {
        throttle.0.lock().unwrap().len()
    }

    #[test]
    fn a_provider_that_throttled_is_called_half_as_often_for_ten_minutes_whoever_sweeps_meanwhile() {
        let throttle = Throttle::default();
        called(&throttle, Some(FailClass::Throttled), NOW);
        for minute in 1..10 {
            throttle.trim(NOW.plus(minute * MINUTE));
            assert!(is_slow(&throttle, NOW.plus(minute * MINUTE)), "minute {minute}");
        }
        let end = NOW.plus(10 * MINUTE);
        throttle.trim(end.plus(-SECOND));
        assert!(is_slow(&throttle, end.plus(-SECOND)));
        assert!(!is_slow(&throttle, end));
        throttle.trim(end);
        assert_eq!(hosts(&throttle), 0, "nothing is left to remember");
    }

    #[test]
    fn failures_before_a_sweep_count_after_it() {
        let throttle = Throttle::default();
        for call in 0..20 {
            called(&throttle, Some(FailClass::NotSent), NOW.plus(call * SECOND));
            throttle.trim(NOW.plus(call * SECOND));
        }
        let host = throttle.host("acme", "acme.test", Limits::default());
        assert!(host.closed_until(NOW.plus(20 * SECOND)).is_some());
    }

    #[test]
    fn a_budget_that_was_used_is_used_after_a_sweep() {
        let throttle = Throttle::default();
        let host = throttle.host("acme", "acme.test", Limits { rate: 0.01, ..Limits::default() });
        assert!(host.rate.check().is_ok());
        Pass { host, _call: None }.report(None, NOW);
        throttle.trim(NOW.plus(100 * SECOND));
        let host = throttle.host("acme", "acme.test", Limits { rate: 0.01, ..Limits::default() });
        assert!(host.rate.check().is_err(), "one call in a hundred seconds");
    }
}
