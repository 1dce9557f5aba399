//! How fast each host of a provider is called by this replica on the hub's own account: calls in flight and calls a
//! second (`providers.md`, 2.6), and for renewals a circuit breaker (`refresh.md`, sections 3 and 6). Nothing of it is
//! stored; who renews reports what became of each call.

mod lanes;
#[cfg(test)]
mod tests;
mod turn;

pub(super) use turn::{Patience, Turn};

use std::collections::HashMap;
use std::num::NonZeroU32;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use governor::{DefaultDirectRateLimiter, Quota, RateLimiter};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use vouchsafe_entity::kind::FailClass;
use vouchsafe_entity::millis::Millis;

use crate::domain::breaker::Breaker;
use crate::provider::Limits;
use lanes::Lanes;

/// A call of the hub's own waits so long for its turn.
pub const TURN_WAIT: Duration = Duration::from_secs(10);
/// A provider that throttles is called half as often for so long.
const SLOW_MILLIS: i64 = 600_000;
/// A host is remembered so long after its last call: by then its budget is whole at any rate, and no outcome of it
/// counts any more.
const REMEMBERED_MILLIS: i64 = 120_000;

/// The hosts that this replica calls, by provider and name.
pub(super) struct Throttle {
    hosts: Mutex<HashMap<(String, String), Arc<Host>>>,
    turn_wait: Duration,
}

struct Host {
    limits: Limits,
    lanes: Lanes,
    calls: Arc<Semaphore>,
    rate: DefaultDirectRateLimiter,
    half_rate: DefaultDirectRateLimiter,
    /// Stays when the limits change.
    health: Arc<Mutex<Health>>,
}

#[derive(Default)]
struct Health {
    breaker: Breaker,
    slow_until: Option<Millis>,
    called_at: Option<Millis>,
}

/// A call to renew that may be made.
pub(super) struct Pass {
    host: Arc<Host>,
    _call: Option<OwnedSemaphorePermit>,
}

impl Throttle {
    /// Hosts whose turns are waited for as long as `turn_wait`, but for renewals, which wait as long as it takes.
    pub(super) fn new(turn_wait: Duration) -> Self {
        Self { hosts: Mutex::default(), turn_wait }
    }

    /// Waits for a place among the calls to `host`, to renew.
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
        let call = host.lanes.renewal(host.begin(&now)).await;
        host.health().called_at = Some(now());
        // Others may have failed while this one waited.
        host.health().breaker.pass(now())?;
        Ok(Pass { host, _call: call })
    }

    fn host(&self, provider: &str, name: &str, limits: Limits) -> Arc<Host> {
        let mut hosts = self.hosts();
        let key = (provider.to_owned(), name.to_owned());
        let health = match hosts.get(&key) {
            Some(host) if host.limits == limits => return Arc::clone(host),
            // Calls under way and waiting keep to the old limits; how the host is does not hang on them.
            Some(host) => Arc::clone(&host.health),
            None => Arc::default(),
        };
        let host = Arc::new(Host::new(limits, health));
        hosts.insert(key, Arc::clone(&host));
        host
    }

    fn hosts(&self) -> MutexGuard<'_, HashMap<(String, String), Arc<Host>>> {
        self.hosts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Forgets hosts of which nothing is to be remembered: nobody calls them or did of late, and they are well.
    pub(super) fn trim(&self, now: Millis) {
        self.hosts().retain(|_, host| Arc::strong_count(host) > 1 || host.is_remembered(now));
    }
}

impl Host {
    fn new(limits: Limits, health: Arc<Mutex<Health>>) -> Self {
        let quota = |rate: f64| {
            // Quotas are whole calls: a slow one is a longer period.
            let rate = rate.clamp(0.01, 1_000_000.0);
            let period = Duration::from_secs_f64(1.0 / rate);
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped above")]
            let burst = NonZeroU32::new(rate.ceil() as u32).unwrap_or(NonZeroU32::MIN);
            Quota::with_period(period).unwrap_or(Quota::per_second(burst)).allow_burst(burst)
        };
        let rate = limits.rate;
        Self {
            limits,
            lanes: Lanes::default(),
            calls: Arc::new(Semaphore::new(usize::from(limits.concurrency.max(1)))),
            rate: RateLimiter::direct(quota(rate)),
            half_rate: RateLimiter::direct(quota(rate / 2.0)),
            health,
        }
    }

    /// Waits until one call more may be in flight, and started.
    async fn begin(&self, now: &impl Fn() -> Millis) -> Option<OwnedSemaphorePermit> {
        let call = Arc::clone(&self.calls).acquire_owned().await.ok();
        if self.is_slow(now()) { &self.half_rate } else { &self.rate }.until_ready().await;
        call
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
