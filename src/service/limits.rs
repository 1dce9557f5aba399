//! How many calls go through the hub at once, and which must wait because the app said so. The limits of a definition
//! are not asked here: they bound what the hub does on its own account, and these calls are the embedder's.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::sync::Arc;
use std::time::Duration;

use moka::sync::Cache;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use vouchsafe_entity::id::{ConnectorId, CredentialId, EnvironmentId};
use vouchsafe_entity::millis::Millis;

use super::{Code, Error};

/// Calls in flight of this replica: with one credential, through one connector, and without a credential from one
/// environment to one host.
const OF_CREDENTIAL: usize = 256;
const OF_CONNECTOR: usize = 2_048;
const OF_HOST: usize = 256;
/// The longest wait that an app may ask for.
const LONGEST_PAUSE: Duration = Duration::from_hours(1);

/// With what a call goes.
#[derive(Clone, Copy, Debug)]
pub(super) enum With {
    /// A credential, through its connector.
    Credential(CredentialId, ConnectorId),
    /// Secrets of this environment alone, to an address of the caller's.
    Secrets(EnvironmentId),
}

/// What has calls in flight.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
enum Party {
    Credential(CredentialId),
    Connector(ConnectorId),
    Host(EnvironmentId, u64),
}

/// Who was asked to wait: one credential, or all of an environment, by host.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
enum Asked {
    Credential(CredentialId, u64),
    Environment(EnvironmentId, u64),
}

/// What is in flight, and what waits.
pub(super) struct CallLimits {
    parties: Cache<Party, Arc<Semaphore>>,
    /// Until when an app wants no more calls.
    pauses: Cache<Asked, Millis>,
}

/// A place among the calls in flight; given back when dropped.
pub(super) struct Place {
    _party: OwnedSemaphorePermit,
    _connector: Option<OwnedSemaphorePermit>,
}

impl With {
    fn asked(self, host: &str) -> Asked {
        match self {
            Self::Credential(credential, _) => Asked::Credential(credential, hashed(host)),
            Self::Secrets(environment) => Asked::Environment(environment, hashed(host)),
        }
    }
}

impl CallLimits {
    pub(super) fn new() -> Self {
        let idle = Duration::from_mins(10);
        Self {
            parties: Cache::builder().max_capacity(110_000).time_to_idle(idle).build(),
            pauses: Cache::builder().max_capacity(100_000).time_to_live(LONGEST_PAUSE).build(),
        }
    }

    /// Takes a place for a call.
    ///
    /// # Errors
    /// [`Code::RateLimited`], with the seconds to wait.
    pub(super) fn enter(&self, with: With, host: &str, now: Millis) -> Result<Place, Error> {
        if let Some(until) = self.pauses.get(&with.asked(host))
            && now < until
        {
            let seconds = u64::try_from(until.since(now)).unwrap_or(0).div_ceil(1_000);
            let whose = match with {
                With::Credential(..) => "with this credential ",
                With::Secrets(_) => "",
            };
            let detail = format!("`{host}` asked for no more calls {whose}for a while.");
            return Err(Error::later(Code::RateLimited, detail, seconds));
        }
        Ok(match with {
            With::Credential(credential, connector) => Place {
                _party: self.place(Party::Credential(credential), OF_CREDENTIAL, "with this credential")?,
                _connector: Some(self.place(
                    Party::Connector(connector),
                    OF_CONNECTOR,
                    "through this connector",
                )?),
            },
            With::Secrets(environment) => Place {
                _party: self.place(Party::Host(environment, hashed(host)), OF_HOST, "to this host")?,
                _connector: None,
            },
        })
    }

    fn place(&self, party: Party, most: usize, which: &str) -> Result<OwnedSemaphorePermit, Error> {
        let places = self.parties.get_with(party, || Arc::new(Semaphore::new(most)));
        places.try_acquire_owned().map_err(|_| {
            let detail = format!("As many calls are in flight {which} as there may be.");
            Error::later(Code::RateLimited, detail, 1)
        })
    }

    /// Remembers that an app wants no more calls for `wait`.
    pub(super) fn pause(&self, with: With, host: &str, wait: Duration, now: Millis) {
        let millis = i64::try_from(wait.min(LONGEST_PAUSE).as_millis()).unwrap_or(0);
        self.pauses.insert(with.asked(host), now.plus(millis));
    }
}

fn hashed(host: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    host.hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    const NOW: Millis = Millis(1_000_000);

    fn with(n: u128) -> With {
        With::Credential(CredentialId::new(Uuid::from_u128(n)), ConnectorId::new(Uuid::nil()))
    }

    fn alone(n: u128) -> With {
        With::Secrets(EnvironmentId::new(Uuid::from_u128(n)))
    }

    fn refused(limits: &CallLimits, with: With, host: &str) -> Error {
        let refused = limits.enter(with, host, NOW).err().unwrap();
        assert_eq!(refused.code(), Some(Code::RateLimited));
        refused
    }

    #[test]
    fn a_credential_has_so_many_places_and_they_come_back() {
        let limits = CallLimits::new();
        let enter = |n| limits.enter(with(n), "a.test", NOW).unwrap();
        let mut places: Vec<_> = (0..OF_CREDENTIAL).map(|_| enter(1)).collect();
        refused(&limits, with(1), "b.test");
        enter(2);
        places.pop();
        enter(1);
    }

    #[test]
    fn a_connector_has_so_many_places_whoever_uses_it() {
        let limits = CallLimits::new();
        let full = (OF_CONNECTOR / OF_CREDENTIAL) as u128;
        let credentials = (1..=full).flat_map(|n| std::iter::repeat_n(n, OF_CREDENTIAL));
        let mut places: Vec<_> = credentials.map(|n| limits.enter(with(n), "a.test", NOW).unwrap()).collect();
        assert_eq!(places.len(), OF_CONNECTOR);
        refused(&limits, with(full + 1), "a.test");
        let other = With::Credential(CredentialId::new(Uuid::nil()), ConnectorId::new(Uuid::from_u128(1)));
        limits.enter(other, "a.test", NOW).unwrap();
        places.pop();
        limits.enter(with(full + 1), "a.test", NOW).unwrap();
    }

    #[test]
    fn a_host_that_is_called_by_its_address_has_so_many_places_in_each_environment() {
        let limits = CallLimits::new();
        let _places: Vec<_> = (0..OF_HOST).map(|_| limits.enter(alone(1), "a.test", NOW).unwrap()).collect();
        refused(&limits, alone(1), "a.test");
        limits.enter(alone(1), "b.test", NOW).unwrap();
        limits.enter(alone(2), "a.test", NOW).unwrap();
        limits.enter(with(1), "a.test", NOW).unwrap();
    }

    #[test]
    fn what_an_app_asks_for_holds_for_whom_it_was_asked_and_that_host_alone() {
        let limits = CallLimits::new();
        for (asked, other) in [(with(1), with(2)), (alone(1), alone(2))] {
            limits.pause(asked, "a.test", Duration::from_secs(30), NOW);
            let Error::Refused { retry_after, .. } = refused(&limits, asked, "a.test") else {
                panic!("not refused");
            };
            assert_eq!(retry_after, Some(30));
            limits.enter(asked, "b.test", NOW).unwrap();
            limits.enter(other, "a.test", NOW).unwrap();
            limits.enter(asked, "a.test", NOW.plus(30_000)).unwrap();
            limits.pause(asked, "a.test", Duration::from_hours(500), NOW);
            assert!(limits.enter(asked, "a.test", NOW.plus(3_599_000)).is_err());
            limits.enter(asked, "a.test", NOW.plus(3_600_000)).unwrap();
        }
    }
}
