//! How many calls go through the hub at once, and which must wait because the app said so. The limits of a definition
//! are not asked here: they bound what the hub does on its own account, and these calls are the embedder's.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::sync::Arc;
use std::time::Duration;

use moka::sync::Cache;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use vouchsafe_entity::id::{ConnectorId, CredentialId};
use vouchsafe_entity::millis::Millis;

use super::{Code, Error};

/// Calls in flight with one credential, and through one connector, of this replica.
const OF_CREDENTIAL: usize = 256;
const OF_CONNECTOR: usize = 2_048;
/// The longest wait that an app may ask for.
const LONGEST_PAUSE: Duration = Duration::from_hours(1);

/// What is in flight, and what waits.
pub(super) struct CallLimits {
    credentials: Cache<CredentialId, Arc<Semaphore>>,
    connectors: Cache<ConnectorId, Arc<Semaphore>>,
    /// Until when an app wants no more calls with a credential, by host.
    pauses: Cache<(CredentialId, u64), Millis>,
}

/// A place among the calls in flight; given back when dropped.
pub(super) struct Place {
    _credential: OwnedSemaphorePermit,
    _connector: OwnedSemaphorePermit,
}

impl CallLimits {
    pub(super) fn new() -> Self {
        let idle = Duration::from_mins(10);
        Self {
            credentials: Cache::builder().max_capacity(100_000).time_to_idle(idle).build(),
            connectors: Cache::builder().max_capacity(10_000).time_to_idle(idle).build(),
            pauses: Cache::builder().max_capacity(100_000).time_to_live(LONGEST_PAUSE).build(),
        }
    }

    /// Takes a place for a call.
    ///
    /// # Errors
    /// [`Code::RateLimited`], with the seconds to wait.
    pub(super) fn enter(
        &self,
        credential: CredentialId,
        connector: ConnectorId,
        host: &str,
        now: Millis,
    ) -> Result<Place, Error> {
        if let Some(until) = self.pauses.get(&(credential, hashed(host)))
            && now < until
        {
            let seconds = u64::try_from(until.since(now)).unwrap_or(0).div_ceil(1_000);
            let detail = format!("`{host}` asked for no more calls with this credential for a while.");
            return Err(Error::later(Code::RateLimited, detail, seconds));
        }
        let credential = self.credentials.get_with(credential, || Arc::new(Semaphore::new(OF_CREDENTIAL)));
        let connector = self.connectors.get_with(connector, || Arc::new(Semaphore::new(OF_CONNECTOR)));
        let full = |what: &str| {
            let detail = format!("As many calls are in flight with this {what} as there may be.");
            Error::later(Code::RateLimited, detail, 1)
        };
        Ok(Place {
            _credential: credential.try_acquire_owned().map_err(|_| full("credential"))?,
            _connector: connector.try_acquire_owned().map_err(|_| full("connector"))?,
        })
    }

    /// Remembers that an app wants no more calls for `wait`.
    pub(super) fn pause(&self, credential: CredentialId, host: &str, wait: Duration, now: Millis) {
        let millis = i64::try_from(wait.min(LONGEST_PAUSE).as_millis()).unwrap_or(0);
        self.pauses.insert((credential, hashed(host)), now.plus(millis));
    }
}

fn hashed(host: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    host.hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(n: u128) -> CredentialId {
        CredentialId::new(uuid::Uuid::from_u128(n))
    }

    fn connector() -> ConnectorId {
        ConnectorId::new(uuid::Uuid::nil())
    }

    #[test]
    fn a_credential_has_so_many_places_and_they_come_back() {
        let limits = CallLimits::new();
        let now = Millis(0);
        let mut places: Vec<_> =
            (0..OF_CREDENTIAL).map(|_| limits.enter(id(1), connector(), "a.test", now).unwrap()).collect();
        let refused = limits.enter(id(1), connector(), "a.test", now).err().unwrap();
        assert_eq!(refused.code(), Some(Code::RateLimited));
        limits.enter(id(2), connector(), "a.test", now).unwrap();
        places.pop();
        limits.enter(id(1), connector(), "a.test", now).unwrap();
    }

    #[test]
    fn what_an_app_asks_for_holds_for_that_credential_and_host_alone() {
        let limits = CallLimits::new();
        let now = Millis(1_000_000);
        limits.pause(id(1), "a.test", Duration::from_secs(30), now);
        let Some(Error::Refused { retry_after, .. }) = limits.enter(id(1), connector(), "a.test", now).err()
        else {
            panic!("not refused");
        };
        assert_eq!(retry_after, Some(30));
        limits.enter(id(1), connector(), "b.test", now).unwrap();
        limits.enter(id(2), connector(), "a.test", now).unwrap();
        limits.enter(id(1), connector(), "a.test", now.plus(30_000)).unwrap();
        limits.pause(id(1), "a.test", Duration::from_hours(500), now);
        assert!(limits.enter(id(1), connector(), "a.test", now.plus(3_599_000)).is_err());
        limits.enter(id(1), connector(), "a.test", now.plus(3_600_000)).unwrap();
    }
}
