//! Events: written in the transaction of the change they tell of, one for each change of status.

use vouchsafe_entity::id::{CredentialId, EventId};
use vouchsafe_entity::kind::{BrokenCause, Status};
use vouchsafe_entity::sealed::Sealed;

use super::material::place;
use super::{Error, Hub};
use crate::domain::actor::{Actor, Author};
use crate::domain::credential::Credential;
use crate::domain::event::{EventBody, EventType, StoredEvent};
use crate::domain::page::{Page, PageRequest};
use crate::domain::role::Action;
use crate::domain::workspace::Tenant;
pub use crate::store::event::EventFilter;
use crate::store::{self, Tx};

const PLACE: (&str, &str) = ("event", "sealed");
/// Events and deliveries are kept for 30 days.
const KEPT_SECONDS: i64 = 30 * 86_400;
/// Events removed in one transaction, and how many of those a sweep makes.
const BATCH: i64 = 500;
const MOST_BATCHES: usize = 20;

/// Something to be told.
pub(super) struct News {
    /// Their id.
    pub(super) id: EventId,
    kind: EventType,
    /// The credential it is about.
    pub(super) credential: Option<CredentialId>,
    /// What is told once.
    pub(super) unique_key: String,
    /// What is said.
    pub(super) body: EventBody,
}

/// What a change of status is called; none where there is nothing to tell.
fn told_as(before: Option<Status>, after: Status) -> Option<EventType> {
    match (before, after) {
        (Some(before), after) if before == after => None,
        (_, Status::Pending) => None,
        (None | Some(Status::Pending), Status::Active) => Some(EventType::CredentialCreated),
        (Some(_), Status::Active) => Some(EventType::CredentialRecovered),
        (_, Status::Error) => Some(EventType::CredentialFailing),
        (_, Status::Inactive) => Some(EventType::CredentialDeactivated),
        (_, Status::Expired) => Some(EventType::CredentialExpired),
        (_, Status::Revoked) => Some(EventType::CredentialRevoked),
    }
}

impl Hub {
    /// Tells of a change of status, once: the credential notes what was told, and the caller writes it in `tx`.
    pub(super) async fn announce(
        &self,
        tx: &Tx,
        tenant: Tenant,
        credential: &mut Credential,
    ) -> Result<(), Error> {
        self.announce_change(tx, tenant, credential, None).await
    }

    /// The same where `actor` has just changed the credential: what ended its use by their wish says by whom.
    pub(super) async fn announce_by(
        &self,
        tx: &Tx,
        actor: &Actor,
        credential: &mut Credential,
    ) -> Result<(), Error> {
        self.announce_change(tx, actor.tenant, credential, Some(actor.author)).await
    }

    async fn announce_change(
        &self,
        tx: &Tx,
        tenant: Tenant,
        credential: &mut Credential,
        by: Option<Author>,
    ) -> Result<(), Error> {
        let health = credential.health(self.now());
        let kind = told_as(credential.token.announced, health.status);
        credential.token.announced = Some(health.status);
        let Some(kind) = kind else {
            return Ok(());
        };
        let wished = match kind {
            // Or else its connector is off.
            EventType::CredentialDeactivated => credential.deactivated_at.is_some(),
            EventType::CredentialRevoked => {
                credential.broken_cause(self.now()) == Some(BrokenCause::RevokedByRequest)
            }
            _ => false,
        };
        let reason = by.filter(|_| wished).map(Author::kind).or(health.reason);
        self.tell(tx, tenant, credential, kind, reason).await
    }

    /// Tells of `kind` whatever the status.
    pub(super) async fn tell(
        &self,
        tx: &Tx,
        tenant: Tenant,
        credential: &mut Credential,
        kind: EventType,
        reason: Option<&str>,
    ) -> Result<(), Error> {
        credential.token.event_ordinal += 1;
        let ordinal = credential.token.event_ordinal.to_string();
        self.tell_once(tx, tenant, credential, kind, reason, &ordinal).await
    }

    /// The same, once for each `ordinal` that the caller gives within the grant.
    pub(super) async fn tell_once(
        &self,
        tx: &Tx,
        tenant: Tenant,
        credential: &Credential,
        kind: EventType,
        reason: Option<&str>,
        ordinal: &str,
    ) -> Result<(), Error> {
        let mut news = self.news(tx, tenant, kind).await?;
        news.unique_key = format!("{}/{}/{}/{ordinal}", credential.id, credential.token.epoch, kind.as_str());
        news.credential = Some(credential.id);
        news.body.user_id = Some(credential.user.to_string());
        news.body.user_email.clone_from(&credential.user_email);
        news.body.credential_id = Some(credential.id.to_string());
        news.body.credential_name = Some(credential.name.clone());
        news.body.connector = Some(credential.connector.clone());
        news.body.provider = Some(credential.provider.clone());
        news.body.reason = reason.map(str::to_owned);
        news.body.reconnect_url = self.link_for(tx, tenant, credential, kind).await?;
        let (event, body) = ((news.id, kind), news.body.clone());
        if self.emit(tx, tenant, news).await? {
            self.write_mail(tx, tenant, credential, event, &body).await?;
        }
        Ok(())
    }

    /// News of `kind` that say no more than what, when and where. They are told once for each unique key, which is
    /// their id until the caller gives another.
    pub(super) async fn news(&self, tx: &Tx, tenant: Tenant, kind: EventType) -> Result<News, Error> {
        let (environment, _) = &*self.environment_in(tx, tenant.environment).await?;
        let id = EventId::new(self.ids.next());
        let body = EventBody::new(id, kind, self.now(), &environment.name);
        Ok(News { id, kind, credential: None, unique_key: id.to_string(), body })
    }

    /// Writes news down with whom they go to, in the transaction of the change; false where they were told before.
    pub(super) async fn emit(&self, tx: &Tx, tenant: Tenant, news: News) -> Result<bool, Error> {
        let News { id, kind, credential, unique_key, body } = news;
        let sealed = self.seal_event(tenant, &body)?;
        let event = StoredEvent { id, kind, credential, unique_key, sealed, created_at: self.now() };
        let is_new = store::event::insert(tx, tenant.environment, event).await?;
        if is_new {
            self.post(tx, tenant.environment, id, kind).await?;
        }
        Ok(is_new)
    }

    fn seal_event(&self, tenant: Tenant, body: &EventBody) -> Result<Sealed, Error> {
        Ok(self.vault.seal(&place(tenant, PLACE, &body.id, (0, 0)), body)?)
    }

    /// The body of an event, open.
    pub(super) fn open_event(
        &self,
        tenant: Tenant,
        id: EventId,
        sealed: &Sealed,
    ) -> Result<EventBody, Error> {
        Ok(self.vault.open(&place(tenant, PLACE, &id.to_string(), (0, 0)), sealed)?)
    }

    /// Tells what became of the connector of `credential`.
    pub(super) async fn tell_of_connector(
        &self,
        tx: &Tx,
        tenant: Tenant,
        credential: &Credential,
        kind: EventType,
        reason: Option<&str>,
    ) -> Result<(), Error> {
        let mut news = self.news(tx, tenant, kind).await?;
        news.body.connector = Some(credential.connector.clone());
        news.body.provider = Some(credential.provider.clone());
        news.body.reason = reason.map(str::to_owned);
        self.emit(tx, tenant, news).await?;
        Ok(())
    }

    /// The events of the actor's environment, newest first. One that does not open is told with what its row says.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn list_events(
        &self,
        actor: &Actor,
        filter: EventFilter,
        page: &PageRequest,
    ) -> Result<Page<EventBody>, Error> {
        self.permit(actor, Action::ListEvents).await?;
        let stored = store::event::list(&self.store, actor.environment(), filter, page).await?;
        let next_cursor = stored.next_cursor;
        let (environment, _) = &*self.environment_of(actor.environment()).await?;
        let open = |event: StoredEvent| {
            // Why it does not open is in the log, with its id.
            let opened = self.open_event(actor.tenant, event.id, &event.sealed);
            opened.unwrap_or_else(|_| unopened(&event, &environment.name))
        };
        Ok(Page { items: stored.items.into_iter().map(open).collect(), next_cursor })
    }

    /// One event of the actor's environment.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub async fn get_event(&self, actor: &Actor, id: EventId) -> Result<EventBody, Error> {
        self.permit(actor, Action::ListEvents).await?;
        let found = store::event::find(&self.store, actor.environment(), id).await?.ok_or(Error::NotFound)?;
        self.open_event(actor.tenant, id, &found.sealed)
    }

    /// Removes events that are older than a month, with their deliveries, a batch at a time.
    pub(super) async fn purge_events(&self) -> Result<(), Error> {
        let before = self.now().plus_seconds(-KEPT_SECONDS);
        for _ in 0..MOST_BATCHES {
            let tx = self.store.begin().await?;
            let removed = store::event::purge(&tx, before, BATCH).await?;
            tx.commit().await?;
            if removed < BATCH.unsigned_abs() {
                break;
            }
        }
        Ok(())
    }
}

/// What an event says whose body does not open.
fn unopened(event: &StoredEvent, environment: &str) -> EventBody {
    let mut body = EventBody::new(event.id, event.kind, event.created_at, environment);
    body.credential_id = event.credential.map(|id| id.to_string());
    body
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_of_status_has_one_name() {
        use Status as S;
        for (before, after, told) in [
            (None, S::Active, Some("credential.created")),
            (None, S::Pending, None),
            (Some(S::Pending), S::Active, Some("credential.created")),
            (Some(S::Active), S::Active, None),
            (Some(S::Active), S::Error, Some("credential.failing")),
            (Some(S::Error), S::Active, Some("credential.recovered")),
            (Some(S::Inactive), S::Active, Some("credential.recovered")),
            (Some(S::Error), S::Expired, Some("credential.expired")),
            (Some(S::Active), S::Revoked, Some("credential.revoked")),
            (Some(S::Active), S::Inactive, Some("credential.deactivated")),
        ] {
            assert_eq!(told_as(before, after).map(EventType::as_str), told, "{before:?} to {after}");
        }
    }
}
