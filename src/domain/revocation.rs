//! Tokens that ended here and that an app is still to be told of: what waits, and when it is tried again
//! (`refresh.md`, section 9).

use vouchsafe_entity::id::{ConnectorId, CredentialId, EnvironmentId, RevocationJobId};
use vouchsafe_entity::kind::Method;
use vouchsafe_entity::millis::Millis;
use vouchsafe_entity::sealed::Sealed;

use super::credential::Credential;

const SECOND: i64 = 1_000;
const HOUR: i64 = 3_600 * SECOND;
const FIRST_WAIT: i64 = 5 * SECOND;
/// An app that does not listen is told so long.
const WINDOW: i64 = 24 * HOUR;

/// What is left of a credential's grant, without its tokens.
#[derive(Clone, Debug)]
pub struct Remains {
    /// Whose.
    pub credential: CredentialId,
    /// What it was for.
    pub connector: ConnectorId,
    /// How it was given.
    pub method: Method,
    /// The account at the provider, where known.
    pub account: Option<String>,
    /// Which grant of the credential: a newer one is another. 0 for one that was never its own.
    pub epoch: i64,
}

impl Remains {
    /// Those of the grant that `credential` has now.
    pub fn of(credential: &Credential) -> Self {
        Self {
            credential: credential.id,
            connector: credential.connector_id,
            method: credential.method,
            account: credential.account.as_ref().map(|account| account.id.clone()),
            epoch: credential.token.epoch,
        }
    }
}

/// A revocation that waits for its app.
#[derive(Clone, Debug)]
pub struct RevocationJob {
    /// Its id.
    pub id: RevocationJobId,
    /// Where it is.
    pub environment: EnvironmentId,
    /// Whose grant ends.
    pub remains: Remains,
    /// The provider's slug.
    pub provider: String,
    /// The tokens, and what else the call needs.
    pub sealed: Sealed,
    /// Calls begun so far.
    pub tries: i32,
    /// No call before.
    pub next_try_at: Millis,
    /// When the tokens ended here.
    pub created_at: Millis,
}

impl RevocationJob {
    /// When to try again after a call that failed at `now`: 5 s doubling to an hour, with full jitter above one
    /// second; none once a day has passed. `jitter` is from 0 to 1.
    pub fn next_try(&self, now: Millis, jitter: f64) -> Option<Millis> {
        let doublings = u32::try_from(self.tries.saturating_sub(1)).unwrap_or(0).min(16);
        self.within((FIRST_WAIT << doublings).min(HOUR), now, jitter)
    }

    /// The same where the app was not called, for want of a turn: however often that was, within 5 s.
    pub fn next_turn(&self, now: Millis, jitter: f64) -> Option<Millis> {
        self.within(FIRST_WAIT, now, jitter)
    }

    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_precision_loss,
        reason = "a jitter needs no exact milliseconds"
    )]
    fn within(&self, most: i64, now: Millis, jitter: f64) -> Option<Millis> {
        let last = self.created_at.plus(WINDOW);
        if now >= last {
            return None;
        }
        let wait = SECOND + ((most - SECOND) as f64 * jitter.clamp(0.0, 1.0)) as i64;
        Some(now.plus(wait).min(last))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use uuid::Uuid;

    const NOW: Millis = Millis(1_893_456_000_000);

    fn job(tries: i32) -> RevocationJob {
        let id = Uuid::from_u128(1);
        RevocationJob {
            id: RevocationJobId::new(id),
            environment: EnvironmentId::new(id),
            remains: Remains {
                credential: CredentialId::new(id),
                connector: ConnectorId::new(id),
                method: Method::OAuth2,
                account: None,
                epoch: 1,
            },
            provider: "fernhill".to_owned(),
            sealed: Sealed::new(Vec::new()),
            tries,
            next_try_at: NOW,
            created_at: NOW,
        }
    }

    #[test]
    fn waits_double_to_an_hour_and_end_with_the_day() {
        let wait = |tries, jitter| job(tries).next_try(NOW, jitter).unwrap().since(NOW) / SECOND;
        assert_eq!([1, 2, 3, 10, 11, 12, 500].map(|n| wait(n, 1.0)), [5, 10, 20, 2560, 3600, 3600, 3600]);
        assert_eq!([1, 5, 500].map(|n| wait(n, 0.0)), [1, 1, 1]);
        let late = NOW.plus(WINDOW - 10 * SECOND);
        assert_eq!(
            job(20).next_try(late, 1.0),
            Some(NOW.plus(WINDOW)),
            "the last try is at the end of the day"
        );
        assert_eq!(job(20).next_try(NOW.plus(WINDOW), 0.0), None);
    }

    #[test]
    fn a_turn_is_waited_for_in_short_steps_until_the_day_ends() {
        for tries in [0, 1, 20] {
            let wait = |jitter| job(tries).next_turn(NOW, jitter).unwrap().since(NOW) / SECOND;
            assert_eq!((wait(0.0), wait(1.0)), (1, 5), "after {tries} tries");
        }
        assert_eq!(job(0).next_turn(NOW.plus(WINDOW), 0.0), None);
    }
}
