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
        let slow = host.health().slow_until.is_some_and(|until| now() < until);
        if slow { &host.half_rate } else { &host.rate }.until_ready().await;
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

    /// Forgets hosts that nobody calls and that are well.
    pub(in crate::service) fn trim(&self) {
        let mut hosts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        hosts.retain(|_, host| Arc::strong_count(host) > 1 || host.health().breaker.is_open());
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
        health.breaker.report(troubled, now);
        if failed == Some(FailClass::Throttled) {
            health.slow_until = Some(now.plus(SLOW_MILLIS));
        }
    }
}
