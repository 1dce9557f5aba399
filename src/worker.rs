//! Loops around service calls: what is due is renewed, what waits is written, what is over is forgotten.

use std::future::{Future, Ready, ready};
use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::service::{Error, Failures, Hub};

/// Starts all loops. They end when the hub closes.
pub fn start(hub: &Arc<Hub>) -> TaskTracker {
    let tracker = TaskTracker::new();
    tracker.spawn(Arc::clone(hub).run_refreshes());
    tracker.spawn(Arc::clone(hub).run_deliveries());
    spawn(&tracker, hub, "work off due credentials", Duration::from_secs(1), Hub::work_off_due);
    let over = hub.calls_over();
    // It waits by itself, as it may have to be soon.
    let soon = Duration::from_millis(1);
    spawn_until(over.clone(), &tracker, hub, ("write audit events", soon, Hub::flush_audit_when_due));
    spawn_until(over, &tracker, hub, ("close audit events", Duration::from_secs(1), Hub::seal_audit));
    spawn(&tracker, hub, "send audit heads", Duration::from_secs(1), Hub::send_heads);
    spawn(&tracker, hub, "write last uses", Duration::from_secs(10), Hub::flush_uses);
    spawn(&tracker, hub, "write last uses of secrets", Duration::from_secs(10), Hub::flush_secret_uses);
    spawn(&tracker, hub, "write last uses of keys", Duration::from_secs(10), Hub::flush_key_uses);
    spawn(&tracker, hub, "see which data keys there are", Duration::from_secs(1), Hub::review_keys);
    spawn(&tracker, hub, "replace data keys", Duration::from_mins(1), Hub::replace_keys);
    spawn(&tracker, hub, "tell apps of revocations", Duration::from_secs(1), Hub::work_off_revocations);
    spawn(&tracker, hub, "see whose the database is", Duration::from_secs(3), Hub::review_adoption);
    spawn(&tracker, hub, "look at the clock", Duration::from_secs(1), review_clock);
    spawn(&tracker, hub, "purge", Duration::from_hours(1), Hub::purge);
    spawn(&tracker, hub, "send mails", Duration::from_secs(2), Hub::send_mails);
    let own = Arc::clone(hub);
    let give_up = move |_: &Hub| {
        let hub = Arc::clone(&own);
        async move { hub.give_up_endpoints().await }
    };
    spawn(&tracker, hub, "switch off endpoints that take nothing", Duration::from_mins(1), give_up);
    spawn(&tracker, hub, "sweep", Duration::from_mins(1), Hub::sweep);
    tracker.close();
    tracker
}

/// Writes what waits, after the loops and calls have ended, so that nothing is lost, and closes the database.
pub async fn finish(hub: &Hub) {
    let written = [
        ("write audit events", hub.flush_last_audit().await),
        ("close audit events", hub.seal_audit().await),
        ("send audit heads", hub.send_heads().await),
        ("write last uses", hub.flush_uses().await),
        ("write last uses of secrets", hub.flush_secret_uses().await),
        ("write last uses of keys", hub.flush_key_uses().await),
        ("close the database", hub.close_store().await),
    ];
    for (work, done) in written {
        if let Err(error) = done {
            tracing::error!(work, error = &error as &dyn std::error::Error, "work failed at the end");
        }
    }
}

fn review_clock(hub: &Hub) -> Ready<Result<(), Error>> {
    ready(hub.review_clock())
}

/// Calls `work` every `period`, until the hub ends.
fn spawn<W>(tracker: &TaskTracker, hub: &Arc<Hub>, name: &'static str, period: Duration, work: W)
where
    W: for<'a> HubCall<'a> + Send + Sync + 'static,
{
    spawn_until(hub.closing(), tracker, hub, (name, period, work));
}

/// The same until `end`.
fn spawn_until<W>(
    end: CancellationToken,
    tracker: &TaskTracker,
    hub: &Arc<Hub>,
    (name, period, work): (&'static str, Duration, W),
) where
    W: for<'a> HubCall<'a> + Send + Sync + 'static,
{
    let hub = Arc::clone(hub);
    tracker.spawn(async move {
        let mut failures = Failures::default();
        let mut ticks = tokio::time::interval(period);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                () = end.cancelled() => return,
                _ = ticks.tick() => {}
            }
            failures.tell(name, work.call(&hub).await);
        }
    });
}

/// An async method of the hub.
trait HubCall<'a> {
    /// What it gives.
    type Done: Future<Output = Result<(), Error>> + Send;

    /// Calls it.
    fn call(&self, hub: &'a Hub) -> Self::Done;
}

impl<'a, F, D> HubCall<'a> for F
where
    F: Fn(&'a Hub) -> D,
    D: Future<Output = Result<(), Error>> + Send,
{
    type Done = D;

    fn call(&self, hub: &'a Hub) -> D {
        self(hub)
    }
}
