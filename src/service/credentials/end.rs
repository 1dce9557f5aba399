//! The end of a credential by somebody's wish: revoked (the row stays) or deleted (a tombstone). What the hub says of
//! the provider is what the provider said.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use vouchsafe_entity::id::{ConnectorId, CredentialId};
use vouchsafe_entity::kind::{BrokenCause, Method};

use crate::domain::actor::Actor;
use crate::domain::credential::{Credential, Machine};
use crate::domain::event::EventType;
use crate::domain::page::PageRequest;
use crate::domain::revocation::{Remains, RevocationJob};
use crate::domain::role::Action;
use crate::domain::workspace::Tenant;
use crate::service::audit::Target;
use crate::service::credentials::STEP;
use crate::service::revocation::{Farewell, First, Teller, Upstream};
use crate::service::{Error, Hub};
use crate::store::credential::{CredentialFilter, Found, Guard, Owner};
use crate::store::{self, Tx};

/// Credentials that end in one transaction.
const PAGE: u64 = 100;

/// What tells the apps of connectors, as far as it was looked for, or what is known of all that can't be told.
pub(in crate::service) type Tellers = HashMap<ConnectorId, Result<Teller, Upstream>>;

/// A step in the end of somebody who owns credentials.
#[derive(Debug)]
pub struct DeletionStep {
    /// The credentials that were deleted, as they were.
    pub deleted: Vec<Credential>,
    /// Whether the owner is gone too; else the next step goes on.
    pub gone: bool,
}

/// What became of the credentials of an environment that were all to be revoked.
#[derive(Debug, Default)]
pub struct AllRevoked {
    /// So many are.
    pub revoked: u64,
    /// The ids of those whose rows can't be read: they are not, until somebody has mended them.
    pub unread: Vec<String>,
}

/// How a credential ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ended {
    /// The row and its history stay.
    Revoked,
    /// A tombstone stays.
    Deleted,
}

impl Hub {
    /// Ends use for good, keeps the row, and tells the app.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub async fn revoke_credential(&self, actor: &Actor, id: CredentialId) -> Result<Upstream, Error> {
        self.permit(actor, Action::ManageCredentials).await?;
        self.end_and_tell(actor, id, Ended::Revoked).await
    }

    /// Removes a credential and tells the app.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub async fn delete_credential(&self, actor: &Actor, id: CredentialId) -> Result<Upstream, Error> {
        self.permit(actor, Action::ManageCredentials).await?;
        self.end_and_tell(actor, id, Ended::Deleted).await
    }

    /// The hub's own end comes first and never waits for the app.
    async fn end_and_tell(&self, actor: &Actor, id: CredentialId, how: Ended) -> Result<Upstream, Error> {
        match self.end(actor, id, how, First::Caller).await? {
            Farewell::Known(upstream) => Ok(upstream),
            Farewell::Job(job) => self.tell_now(actor, &job).await,
        }
    }

    /// Removes a credential that still waits for its first confirmation, and leaves it to the worker to tell the app. One
    /// that works meanwhile goes on.
    pub(in crate::service) async fn drop_pending(
        &self,
        actor: &Actor,
        id: CredentialId,
    ) -> Result<(), Error> {
        let tx = self.store.begin().await?;
        let found = store::credential::lock(&tx, actor.environment(), id).await?;
        self.end_pending(tx, actor, found).await
    }

    /// The same where nobody else holds the row.
    pub(in crate::service) async fn drop_pending_free(
        &self,
        actor: &Actor,
        id: CredentialId,
    ) -> Result<(), Error> {
        let tx = self.store.begin().await?;
        let found = store::credential::lock_free(&tx, actor.environment(), id).await?;
        self.end_pending(tx, actor, found).await
    }

    async fn end_pending(&self, tx: Tx, actor: &Actor, held: Option<Credential>) -> Result<(), Error> {
        if let Some(credential) = held.filter(|one| one.token.machine == Machine::Pending) {
            self.end_held(tx, actor, credential, Ended::Deleted, First::Worker).await?;
        }
        Ok(())
    }

    /// Revokes every credential of the actor's environment that holds something, and leaves it to the worker to tell the
    /// apps. What somebody began and has not finished ends by itself.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn revoke_all(&self, actor: &Actor) -> Result<AllRevoked, Error> {
        self.permit(actor, Action::ManageCredentials).await?;
        let mut page = PageRequest { limit: PAGE, after: None };
        let mut all = AllRevoked::default();
        loop {
            let (environment, any) = (actor.environment(), CredentialFilter::default());
            let found =
                store::credential::list_found(&self.store, environment, &any, self.now(), &page).await?;
            page.after = found.next_after();
            for row in found.items {
                self.revoke_found(actor, row, &mut all).await?;
            }
            if page.after.is_none() {
                return Ok(all);
            }
        }
    }

    /// Each by itself: none waits for another, and those that are done stay so.
    async fn revoke_found(&self, actor: &Actor, row: Found, all: &mut AllRevoked) -> Result<(), Error> {
        let Some(credential) = row.credential else {
            all.unread.push(row.id);
            return Ok(());
        };
        if credential.token.sealed.is_none() {
            return Ok(());
        }
        match self.end(actor, credential.id, Ended::Revoked, First::Worker).await {
            Ok(_) => all.revoked += 1,
            Err(Error::NotFound) => {}
            Err(Error::Store(error)) if error.tells_of_row() => all.unread.push(row.id),
            Err(error) => return Err(error),
        }
        Ok(())
    }

    async fn end(
        &self,
        actor: &Actor,
        id: CredentialId,
        how: Ended,
        first: First,
    ) -> Result<Farewell, Error> {
        let tx = self.store.begin().await?;
        let found = store::credential::lock(&tx, actor.environment(), id).await?;
        self.end_held(tx, actor, found.ok_or(Error::NotFound)?, how, first).await
    }

    /// The same for one that `tx` holds.
    async fn end_held(
        &self,
        tx: Tx,
        actor: &Actor,
        mut credential: Credential,
        how: Ended,
        first: First,
    ) -> Result<Farewell, Error> {
        let (environment, id) = (actor.environment(), credential.id);
        let before = credential.clone();
        let guard = Guard { epoch: before.token.epoch, version: before.token.version };
        self.wipe(&mut credential, how);
        let action = match how {
            Ended::Revoked => {
                self.announce_by(&tx, actor, &mut credential).await?;
                "credential.revoke"
            }
            Ended::Deleted => {
                let by = Some(actor.author.kind());
                self.tell(&tx, actor.tenant, &mut credential, EventType::CredentialDeleted, by).await?;
                "credential.delete"
            }
        };
        self.write(&tx, environment, &credential, guard).await?;
        store::credential::forget_orphans(&tx, environment, &[id]).await?;
        self.record(&tx, actor, action, Target::new("credential", id), None).await?;
        let farewell = self.part_from(&tx, actor, &before, first).await?;
        if let Farewell::Known(outcome) = farewell {
            self.record_outcome(&tx, actor, id, outcome.as_str()).await?;
        }
        tx.commit().await?;
        self.note_wiped();
        Ok(farewell)
    }

    /// Writes in `tx`, in which the grant of `before` has ended, that its app is to be told.
    async fn part_from(
        &self,
        tx: &Tx,
        actor: &Actor,
        before: &Credential,
        first: First,
    ) -> Result<Farewell, Error> {
        if before.method != Method::OAuth2 || before.token.sealed.is_none() {
            return Ok(Farewell::Known(Upstream::Unsupported));
        }
        match self.open_material(actor.tenant, before) {
            Ok(material) => self.part(tx, actor.tenant, Remains::of(before), &material, first).await,
            // A row that no key opens can still be ended; its tokens can't be revoked then.
            Err(_) => Ok(Farewell::Known(Upstream::Failed)),
        }
    }

    /// Gives back the grant that `before` had and that `tx` has replaced by another, where that ends nothing new.
    pub(in crate::service) async fn part_from_replaced(
        &self,
        tx: &Tx,
        actor: &Actor,
        before: &Credential,
    ) -> Result<(), Error> {
        store::credential::forget_orphans(tx, actor.environment(), &[before.id]).await?;
        if let Farewell::Job(_) = self.part_from(tx, actor, before, First::Worker).await? {
            tracing::info!(credential.id = %before.id, "the grant before is given back");
        }
        Ok(())
    }

    /// Deletes every credential of `owner`, a page at a time, and in the last transaction what `last` does. It is left
    /// to the worker to tell the apps: there may be thousands.
    pub(in crate::service) async fn delete_all_of<F>(
        &self,
        actor: &Actor,
        owner: Owner,
        tellers: &mut Tellers,
        last: F,
    ) -> Result<(), Error>
    where
        F: AsyncFnOnce(&Tx) -> Result<(), Error>,
    {
        loop {
            let tx = self.store.begin().await?;
            if self.bury_next_of(&tx, actor, owner, PAGE, tellers).await?.is_empty() {
                last(&tx).await?;
                return Ok(tx.commit().await?);
            }
            tx.commit().await?;
        }
    }

    /// A step of the same: deletes the next [`STEP`] credentials of `owner` and gives them as they were, and does what
    /// `last` does once there are no more. Nothing is kept between the steps: each goes on where the last one ended.
    pub(in crate::service) async fn delete_next_of<F>(
        &self,
        actor: &Actor,
        owner: Owner,
        last: F,
    ) -> Result<DeletionStep, Error>
    where
        F: AsyncFnOnce(&Tx) -> Result<(), Error>,
    {
        let tx = self.store.begin().await?;
        let deleted = self.bury_next_of(&tx, actor, owner, STEP as u64, &mut HashMap::new()).await?;
        let gone = deleted.len() < STEP;
        if gone {
            last(&tx).await?;
        }
        tx.commit().await?;
        Ok(DeletionStep { deleted, gone })
    }

    /// Deletes the next of the credentials of `owner`, up to `most`, and holds the owner: nobody adds one until `tx`
    /// ends. Those that were deleted, as they were.
    async fn bury_next_of(
        &self,
        tx: &Tx,
        actor: &Actor,
        owner: Owner,
        most: u64,
        tellers: &mut Tellers,
    ) -> Result<Vec<Credential>, Error> {
        let environment = actor.environment();
        if !store::credential::lock_owner(tx, environment, owner).await? {
            return Err(Error::NotFound);
        }
        let page = store::credential::lock_page(tx, environment, owner, most).await?;
        if !page.is_empty() {
            self.bury(tx, actor, page.clone(), tellers, ("credential.delete", None)).await?;
        }
        Ok(page)
    }

    /// Deletes credentials that `tx` holds, with their events and audit rows, and leaves it to the worker to tell the
    /// apps.
    pub(in crate::service) async fn bury(
        &self,
        tx: &Tx,
        actor: &Actor,
        credentials: Vec<Credential>,
        tellers: &mut Tellers,
        (action, reason): (&'static str, Option<&str>),
    ) -> Result<(), Error> {
        let (mut jobs, mut rows, mut ids) = (Vec::new(), Vec::new(), Vec::new());
        for mut credential in credentials {
            let before = credential.clone();
            let order = self.order_of(tx, actor.tenant, &before, tellers).await?;
            self.wipe(&mut credential, Ended::Deleted);
            let why = reason.or(Some(actor.author.kind()));
            self.tell(tx, actor.tenant, &mut credential, EventType::CredentialDeleted, why).await?;
            let target = Target::new("credential", credential.id);
            rows.push(self.audit_event(actor, action, target.clone(), "ok", reason.map(str::to_owned)));
            match order {
                Ok(job) => jobs.push(job),
                Err(outcome) => rows.push(self.outcome_event(actor, target, outcome.as_str())),
            }
            ids.push(credential.id);
        }
        store::credential::bury(tx, actor.environment(), &ids, self.now()).await?;
        store::credential::forget_orphans(tx, actor.environment(), &ids).await?;
        store::revocation::insert(tx, jobs).await?;
        self.note_wiped();
        if rows.is_empty() {
            return Ok(());
        }
        self.insert_audit(tx, &rows).await
    }

    /// The job that tells the app of the end of one among many, or what is known without asking.
    async fn order_of(
        &self,
        tx: &Tx,
        tenant: Tenant,
        before: &Credential,
        tellers: &mut Tellers,
    ) -> Result<Result<RevocationJob, Upstream>, Error> {
        if before.method != Method::OAuth2 || before.token.sealed.is_none() {
            return Ok(Err(Upstream::Unsupported));
        }
        let teller = match tellers.entry(before.connector_id) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(place) => {
                // A connector that does not open holds up no end.
                let found = self.teller(tx, tenant, before.connector_id).await;
                place.insert(found.or(Err(Upstream::Failed)).and_then(|one| one.ok_or(Upstream::Unsupported)))
            }
        };
        let teller = match teller {
            Ok(teller) => teller,
            Err(outcome) => return Ok(Err(*outcome)),
        };
        let Ok(material) = self.open_material(tenant, before) else {
            return Ok(Err(Upstream::Failed));
        };
        let job = self.order(tenant, teller, Remains::of(before), &material, First::Worker)?;
        Ok(job.ok_or(Upstream::Unsupported))
    }

    fn wipe(&self, credential: &mut Credential, how: Ended) {
        self.renew_grant(credential);
        credential.token.machine = match how {
            Ended::Revoked => Machine::Broken(BrokenCause::RevokedByRequest),
            Ended::Deleted => Machine::Deleted,
        };
        credential.token.sealed = None;
        credential.token.has_refresh_token = false;
        credential.token.access_expires_at = None;
        credential.token.access_lifetime = None;
        credential.token.refresh_expires_at = None;
        credential.token.end_known_since = None;
        credential.token.due_at = None;
    }
}
