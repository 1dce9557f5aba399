//! The same done to many credentials at once, a step at a time: each step is one transaction, says what became of each
//! row, and can be repeated without harm.

use std::collections::{HashMap, HashSet};

use vouchsafe_entity::id::CredentialId;

use super::CredentialQuery;
use crate::domain::actor::Actor;
use crate::domain::credential::Credential;
use crate::domain::page::{After, Page, PageRequest};
use crate::domain::role::Action;
use crate::service::audit::Target;
use crate::service::{Error, Hub};
use crate::store;
use crate::store::credential::Guard;

/// Credentials of one step.
pub const STEP: usize = 50;

/// What is done to many credentials.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bulk {
    /// Switched off.
    Deactivate,
    /// Deleted; the worker tells the apps.
    Delete,
}

/// What became of one of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BulkOutcome {
    /// It was done.
    Done,
    /// It was so already.
    Already,
    /// It is not there any more.
    Gone,
}

/// One credential of a step.
#[derive(Debug)]
pub struct BulkRow {
    /// Which.
    pub id: CredentialId,
    /// The credential as it was; none where it is gone.
    pub credential: Option<Credential>,
    /// What became of it.
    pub outcome: BulkOutcome,
}

impl Hub {
    /// Whether the actor may change credentials, for a page that asks before it is done.
    ///
    /// # Errors
    /// [`crate::service::Code::Forbidden`], [`Error::NotFound`].
    pub async fn may_manage_credentials(&self, actor: &Actor) -> Result<(), Error> {
        self.permit(actor, Action::ManageCredentials).await
    }

    /// Does `what` to the credentials `ids` of the actor's environment, at most [`STEP`] of them.
    ///
    /// # Errors
    /// [`Error::Invalid`] for more.
    pub async fn bulk_credentials(
        &self,
        actor: &Actor,
        what: Bulk,
        ids: &[CredentialId],
    ) -> Result<Vec<BulkRow>, Error> {
        self.permit(actor, Action::ManageCredentials).await?;
        if ids.len() > STEP {
            return Err(Error::invalid("/credential", "invalid_length", "At most 50 at once."));
        }
        let environment = actor.environment();
        let tx = self.store.begin().await?;
        let there = store::credential::lock_many(&tx, environment, ids).await?;
        let mut done = HashSet::new();
        match what {
            Bulk::Delete => {
                done.extend(there.iter().map(|credential| credential.id));
                let how = ("credential.delete", None);
                self.bury(&tx, actor, there.clone(), &mut HashMap::new(), how).await?;
            }
            Bulk::Deactivate => {
                for credential in there.iter().filter(|credential| credential.deactivated_at.is_none()) {
                    self.switch_off(&tx, actor, credential.clone()).await?;
                    done.insert(credential.id);
                }
            }
        }
        tx.commit().await?;
        let mut there: HashMap<_, _> = there.into_iter().map(|found| (found.id, found)).collect();
        let row = |id: &CredentialId| {
            let credential = there.remove(id);
            let outcome = match (&credential, done.contains(id)) {
                (_, true) => BulkOutcome::Done,
                (Some(_), false) => BulkOutcome::Already,
                (None, false) => BulkOutcome::Gone,
            };
            BulkRow { id: *id, credential, outcome }
        };
        Ok(ids.iter().map(row).collect())
    }

    async fn switch_off(
        &self,
        tx: &store::Tx,
        actor: &Actor,
        mut credential: Credential,
    ) -> Result<(), Error> {
        let guard = Guard { epoch: credential.token.epoch, version: credential.token.version };
        credential.deactivated_at = Some(self.now());
        credential.updated_at = self.now();
        self.announce_by(tx, actor, &mut credential).await?;
        self.write(tx, actor.environment(), &credential, guard).await?;
        let target = Target::new("credential", credential.id);
        self.record(tx, actor, "credential.update", target, Some("deactivated".to_owned())).await
    }

    /// Those of `ids` that are there, at most a page of them.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn some_credentials(
        &self,
        actor: &Actor,
        ids: &[CredentialId],
    ) -> Result<Vec<Credential>, Error> {
        self.permit(actor, Action::ListCredentials).await?;
        let ids = &ids[..ids.len().min(200)];
        let found = store::credential::some(&self.store, actor.environment(), ids).await?;
        Ok(found.into_iter().map(|credential| self.seen(credential)).collect())
    }

    /// How many credentials fit `query`, counted up to `most` and one more.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn count_credentials(
        &self,
        actor: &Actor,
        query: CredentialQuery,
        most: u64,
    ) -> Result<u64, Error> {
        self.permit(actor, Action::ListCredentials).await?;
        let Some(filter) = self.filter_of(actor, query).await? else {
            return Ok(0);
        };
        let environment = actor.environment();
        Ok(store::credential::count(&self.store, environment, &filter, self.now(), most + 1).await?)
    }

    /// Does `what` to the next of those that fit `query`, and says where the one after begins.
    ///
    /// # Errors
    /// Those of [`Hub::bulk_credentials`].
    pub async fn bulk_matching(
        &self,
        actor: &Actor,
        what: Bulk,
        query: CredentialQuery,
        after: Option<After>,
    ) -> Result<Page<BulkRow>, Error> {
        let page = PageRequest { limit: STEP as u64, after };
        let found = self.list_credentials(actor, query, &page).await?;
        let ids: Vec<_> = found.items.iter().map(|credential| credential.id).collect();
        let items = self.bulk_credentials(actor, what, &ids).await?;
        Ok(Page { items, next_cursor: found.next_cursor })
    }
}
