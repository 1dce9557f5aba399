//! Which deployment may refresh. Two hubs on copies of one database would spend the same refresh tokens, so the database
//! remembers who adopted it, and a hub that finds itself elsewhere serves what is there and refreshes nothing
//! (`refresh.md`, section 7).

use std::sync::Arc;

use arc_swap::ArcSwapOption;
use chrono::TimeDelta;

use super::audit::Target;
use super::{Code, Error, Hub};
use crate::domain::actor::Author;
use crate::domain::adoption::Home;
use crate::domain::audit::AuditEvent;
use crate::provider::Reuse;
use crate::store;

/// Grants that are marked in one transaction.
const BATCH: u64 = 500;
/// A hub may be so far ahead of the clock of its machine, as hubs may be of that of the database.
const MOST_AHEAD: TimeDelta = TimeDelta::seconds(30);
/// A caller that waits for an operator asks again after so many seconds.
const ASK_AGAIN: u64 = 60;

/// Where the hub works, and whether the database is another deployment's.
#[derive(Default)]
pub(super) struct Standing {
    /// None for a hub that only works on the database for a moment.
    home: ArcSwapOption<Home>,
    /// What differs, in words; none where the hub may refresh.
    foreign: ArcSwapOption<String>,
}

impl Hub {
    /// Whether tokens may be spent here. Asked before every claim.
    pub fn may_refresh(&self) -> bool {
        self.standing.foreign.load().is_none()
    }

    /// The refusal to spend a token; none where it may be.
    pub(super) fn not_adopted(&self) -> Option<Error> {
        let detail = "Nothing is refreshed here: the database of this hub was copied, restored or moved, or its \
            public URL has changed. If no other hub works with these credentials, its operator runs \
            `vouchsafe adopt`.";
        (!self.may_refresh()).then(|| Error::later(Code::RefreshPending, detail, ASK_AGAIN))
    }

    /// Where this hub works. `instance` is what a file beside the database says; a database server says itself where
    /// it is.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn home(&self, public_url: Option<String>, instance: String) -> Result<Home, Error> {
        let place = store::adoption::place(&self.store).await?.unwrap_or(instance);
        Ok(Home { public_url, place })
    }

    /// Begins to work at `home`: a database that belongs to nobody is adopted, another one's is not refreshed.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn move_in(&self, home: Home) -> Result<(), Error> {
        let tx = self.store.begin().await?;
        store::adoption::claim(&tx, &home, self.now()).await?;
        tx.commit().await?;
        self.standing.home.store(Some(Arc::new(home)));
        self.review_adoption().await
    }

    /// What makes `home` another one than that of the database's deployment, in words.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn difference(&self, home: &Home) -> Result<Option<String>, Error> {
        let adopted = store::adoption::find(&self.store).await?;
        Ok(adopted.and_then(|adopted| home.difference(&adopted.home)))
    }

    /// Looks whether the database is still this deployment's, or is again.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn review_adoption(&self) -> Result<(), Error> {
        let Some(home) = self.standing.home.load_full() else {
            return Ok(());
        };
        let difference = self.difference(&home).await?;
        match (self.may_refresh(), &difference) {
            (true, Some(difference)) => tracing::error!(
                difference,
                "refreshing is OFF: another deployment may be using this database's credentials, and two would end \
                 them. Where this is the only one, run `vouchsafe adopt`; changing the public URL alone asks for it too"
            ),
            (false, None) => tracing::warn!("this deployment adopted the database; refreshing is on"),
            (true, None) | (false, Some(_)) => {}
        }
        metrics::gauge!("vouchsafe_refresher_on").set(if difference.is_none() { 1.0 } else { 0.0 });
        self.standing.foreign.store(difference.map(Arc::new));
        Ok(())
    }

    /// Gives the database to `home`. Grants whose refresh token changes are suspect from now on, since the provider
    /// may have newer ones; gives how many. A running hub notices within seconds.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn adopt(&self, home: Home) -> Result<usize, Error> {
        let unchanging = self.unchanging_providers();
        let (mut marked, mut after) = (0, None);
        loop {
            let tx = self.store.begin().await?;
            let (count, next) = store::adoption::suspect(&tx, &unchanging, after, BATCH, self.now()).await?;
            tx.commit().await?;
            marked += count;
            if next.is_none() {
                break;
            }
            after = next;
        }
        // Last, so that nobody spends a token that is not marked yet.
        let tx = self.store.begin().await?;
        store::adoption::save(&tx, &home, self.now()).await?;
        self.insert_audit(&tx, &[self.database_event("database.adopt")]).await?;
        tx.commit().await?;
        self.review_adoption().await?;
        Ok(marked)
    }

    /// Providers that never change a refresh token, so that an old copy of it is as good.
    fn unchanging_providers(&self) -> Vec<String> {
        let providers = self.providers();
        let unchanging = providers
            .all()
            .filter(|definition| definition.refresh().is_some_and(|policy| policy.reuse == Reuse::Static));
        unchanging.map(|definition| definition.slug().to_owned()).collect()
    }

    /// What an operator did with the database. Every workspace reads it, so it says nothing about what is in there.
    pub(super) fn database_event(&self, action: &'static str) -> AuditEvent {
        let target = Target { kind: "database", id: None };
        AuditEvent { actor_type: Author::Operator.kind().into(), ..self.own_event(action, target, None) }
    }

    /// By how many milliseconds this machine's clock is ahead of the database's.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn clock_skew(&self) -> Result<i64, Error> {
        let there = store::refresh::database_now(&self.store).await?;
        Ok(there.map_or(0, |there| -self.clock.behind(there.into()).num_milliseconds()))
    }

    /// Looks whether the clock of this machine was set back while the hub ran, which stays at the later time: what it had
    /// ended would live again.
    ///
    /// # Errors
    /// [`Error::Internal`] while the two are too far apart.
    pub fn review_clock(&self) -> Result<(), Error> {
        let ahead = self.clock.ahead();
        metrics::gauge!("vouchsafe_clock_ahead_seconds").set(ahead.as_seconds_f64());
        if ahead < MOST_AHEAD {
            return Ok(());
        }
        Err(Error::Internal(
            "the clock of this machine was set back, and the hub keeps the time that it had: start it again",
        ))
    }
}
