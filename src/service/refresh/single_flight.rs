//! One attempt for each token version in this process: callers join the one under way.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{mpsc, watch};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use vouchsafe_entity::id::{ConnectorId, CredentialId};

use super::LONGEST;
use crate::domain::workspace::Tenant;
use crate::store::refresh::PassedOver;

type Key = (CredentialId, i64);
type Flights = Arc<Mutex<HashMap<Key, Flight>>>;

struct Flight {
    connector: ConnectorId,
    done: watch::Receiver<()>,
    /// Whether somebody has begun to wait for it.
    awaited: bool,
}

/// An attempt to be carried out. Its entry goes when it is dropped, and those who wait are told.
pub(in crate::service) struct Request {
    pub(in crate::service) tenant: Tenant,
    pub(in crate::service) credential: CredentialId,
    pub(in crate::service) version: i64,
    pub(in crate::service) forced: bool,
    asked_at: Instant,
    flights: Flights,
    done: watch::Sender<()>,
}

impl Drop for Request {
    fn drop(&mut self) {
        let mut flights = self.flights.lock().unwrap_or_else(PoisonError::into_inner);
        if let Entry::Occupied(entry) = flights.entry((self.credential, self.version))
            // Once it was left, the place may be another's.
            && entry.get().done.same_channel(&self.done.subscribe())
        {
            entry.remove();
        }
    }
}

impl Request {
    /// Until when it is entered, whatever becomes of it.
    pub(in crate::service) fn entered_until(&self) -> Instant {
        self.asked_at + LONGEST
    }

    /// Carries out `work` to its end. Where that takes longer than the entry may last, the entry goes before: an attempt
    /// that can't be written down for long goes on, and others may begin to wait anew.
    pub(in crate::service) async fn while_entered<T>(self, mut work: impl Future<Output = T> + Unpin) -> T {
        let done = tokio::time::timeout_at(self.entered_until(), &mut work).await;
        drop(self);
        match done {
            Ok(done) => done,
            Err(_) => work.await,
        }
    }
}

/// The attempts under way.
pub(in crate::service) struct SingleFlight {
    flights: Flights,
    send: mpsc::UnboundedSender<Request>,
    receive: tokio::sync::Mutex<mpsc::UnboundedReceiver<Request>>,
    closed: CancellationToken,
}

impl Default for SingleFlight {
    fn default() -> Self {
        // Bounded by the credentials that are read or due: one entry a version.
        let (send, receive) = mpsc::unbounded_channel();
        Self {
            flights: Flights::default(),
            send,
            receive: tokio::sync::Mutex::new(receive),
            closed: CancellationToken::new(),
        }
    }
}

impl SingleFlight {
    /// Joins the attempt for a version, asking for it where there is none. What is given changes, or closes, when
    /// the attempt is over.
    pub(in crate::service) fn join(
        &self,
        tenant: Tenant,
        connector: ConnectorId,
        credential: CredentialId,
        version: i64,
        forced: bool,
    ) -> watch::Receiver<()> {
        self.enter((tenant, connector, credential), version, forced, true)
    }

    fn enter(
        &self,
        (tenant, connector, credential): (Tenant, ConnectorId, CredentialId),
        version: i64,
        forced: bool,
        awaited: bool,
    ) -> watch::Receiver<()> {
        let mut flights = self.flights();
        if let Some(flight) = flights.get_mut(&(credential, version)) {
            flight.awaited |= awaited;
            return flight.done.clone();
        }
        let (done, flight) = watch::channel(());
        flights.insert((credential, version), Flight { connector, done: flight.clone(), awaited });
        drop(flights);
        let flights = Arc::clone(&self.flights);
        let request =
            Request { tenant, credential, version, forced, asked_at: Instant::now(), flights, done };
        // With nobody to receive, the request drops here and those who wait are told at once.
        drop(self.send.send(request));
        flight
    }

    fn flights(&self) -> MutexGuard<'_, HashMap<Key, Flight>> {
        self.flights.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How many attempts are not over yet.
    pub(in crate::service) fn len(&self) -> usize {
        self.flights().len()
    }

    /// Whether somebody has begun to wait for an attempt.
    pub(in crate::service) fn is_awaited(&self, credential: CredentialId, version: i64) -> bool {
        self.flights().get(&(credential, version)).is_some_and(|flight| flight.awaited)
    }

    /// Ends the entry of an attempt for which nobody waits, so that whoever comes begins anew; false where somebody does.
    pub(in crate::service) fn leave_unless_awaited(&self, credential: CredentialId, version: i64) -> bool {
        let mut flights = self.flights();
        let awaited = flights.get(&(credential, version)).is_some_and(|flight| flight.awaited);
        if !awaited {
            flights.remove(&(credential, version));
        }
        !awaited
    }

    /// What need not be looked for while it is under way: connectors with `most` attempts that are not over, and the
    /// credentials of the other attempts.
    pub(in crate::service) fn under_way(&self, most: usize) -> PassedOver {
        let mut lines: HashMap<ConnectorId, Vec<CredentialId>> = HashMap::new();
        let flights = self.flights();
        for ((credential, _), flight) in &*flights {
            lines.entry(flight.connector).or_default().push(*credential);
        }
        drop(flights);
        let mut under_way = PassedOver::default();
        for (connector, credentials) in lines {
            if credentials.len() < most {
                under_way.credentials.extend(credentials);
            } else {
                under_way.connectors.push(connector);
            }
        }
        under_way
    }

    /// Asks for an attempt without waiting for it.
    pub(in crate::service) fn nudge(
        &self,
        tenant: Tenant,
        connector: ConnectorId,
        credential: CredentialId,
        version: i64,
    ) {
        drop(self.enter((tenant, connector, credential), version, false, false));
    }

    /// The next attempt to carry out; none once closed and empty.
    pub(in crate::service) async fn next(&self) -> Option<Request> {
        let mut receive = self.receive.lock().await;
        tokio::select! {
            biased;
            request = receive.recv() => request,
            () = self.closed.cancelled() => {
                receive.close();
                receive.recv().await
            }
        }
    }

    /// Whether no more is taken: the node shuts down.
    pub(in crate::service) fn is_closed(&self) -> bool {
        self.closed.is_cancelled()
    }

    /// Waits until no more is taken.
    pub(in crate::service) async fn closed(&self) {
        self.closed.cancelled().await;
    }

    /// Takes no more. What was asked for and is not sent yet is given up, and those who wait for it are told.
    pub(in crate::service) fn close(&self) {
        self.closed.cancel();
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;
    use vouchsafe_entity::id::{EnvironmentId, WorkspaceId};
    use vouchsafe_entity::kind::WorkspaceState;

    use super::*;

    fn tenant() -> Tenant {
        Tenant {
            workspace: WorkspaceId::new(Uuid::nil()),
            environment: EnvironmentId::new(Uuid::nil()),
            state: WorkspaceState::Active,
        }
    }

    #[test]
    fn a_connector_with_a_long_line_is_passed_over_as_a_whole() {
        let flights = SingleFlight::default();
        let [long, short] = [1, 2].map(|number| ConnectorId::new(Uuid::from_u128(number)));
        let ids = [3, 4, 5].map(|number| CredentialId::new(Uuid::from_u128(number)));
        for (connector, id) in [(long, ids[0]), (long, ids[1]), (short, ids[2])] {
            flights.nudge(tenant(), connector, id, 1);
        }
        let under_way = flights.under_way(2);
        assert_eq!((under_way.connectors, under_way.credentials), (vec![long], vec![ids[2]]));
    }

    #[tokio::test]
    async fn what_nobody_waits_for_can_be_left_and_is_begun_anew_by_whoever_comes() {
        let flights = SingleFlight::default();
        let (connector, id) = (ConnectorId::new(Uuid::nil()), CredentialId::new(Uuid::nil()));
        flights.nudge(tenant(), connector, id, 1);
        let left = flights.next().await.unwrap();
        assert!(!flights.is_awaited(id, 1) && flights.leave_unless_awaited(id, 1));
        flights.nudge(tenant(), connector, id, 1);
        let mut done = flights.join(tenant(), connector, id, 1, false);
        drop(left);
        assert_eq!(flights.len(), 1, "the place is another's by now");
        assert!(flights.is_awaited(id, 1) && !flights.leave_unless_awaited(id, 1));
        drop(flights.next().await);
        assert!(done.changed().await.is_err(), "whoever waits is told");
        assert_eq!(flights.len(), 0);
    }

    #[tokio::test]
    async fn an_entry_goes_before_work_that_takes_too_long_with_the_line_before_it() {
        let flights = SingleFlight::default();
        let (connector, id) = (ConnectorId::new(Uuid::nil()), CredentialId::new(Uuid::nil()));
        let mut done = flights.join(tenant(), connector, id, 1, false);
        let mut request = flights.next().await.unwrap();
        flights.nudge(tenant(), connector, id, 1);
        assert_eq!(flights.len(), 1);
        request.asked_at -= LONGEST;

        let (end, work) = tokio::sync::oneshot::channel();
        let carried = tokio::spawn(request.while_entered(work));
        assert!(done.changed().await.is_err(), "nobody waits any longer");
        assert_eq!(flights.len(), 0);
        end.send("done").unwrap();
        assert_eq!(carried.await.unwrap(), Ok("done"), "and it is carried out all the same");
    }
}
