//! Events: written in the transaction of the change they tell of, one for each change of status.

use vouchsafe_entity::id::EventId;
use vouchsafe_entity::kind::Status;
use vouchsafe_entity::millis::Millis;

use super::material::place;
use super::{Error, Hub};
use crate::domain::actor::Actor;
use crate::domain::credential::Credential;
use crate::domain::event::{EventBody, EventType, StoredEvent};
use crate::domain::page::{Page, PageRequest};
use crate::domain::workspace::{Environment, Tenant};
pub use crate::store::event::EventFilter;
use crate::store::{self, Tx};

pub(super) const PLACE: (&str, &str) = ("event", "sealed");

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
        let health = credential.health(self.now());
        let kind = told_as(credential.token.announced, health.status);
        credential.token.announced = Some(health.status);
        match kind {
            Some(kind) => self.tell(tx, tenant, credential, kind, health.reason).await,
            None => Ok(()),
        }
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
        let (environment, _) = &*self.environment_in(tx, tenant.environment).await?;
        let id = EventId::new(self.ids.next());
        let now = self.now();
        let body = EventBody {
            id: id.to_string(),
            kind: kind.as_str().to_owned(),
            timestamp: now.to_string(),
            environment: environment.name.clone(),
            user_id: Some(credential.user.to_string()),
            user_email: credential.user_email.clone(),
            credential_id: Some(credential.id.to_string()),
            credential_name: Some(credential.name.clone()),
            connector: Some(credential.connector.clone()),
            provider: Some(credential.provider.clone()),
            reason: reason.map(str::to_owned),
            reconnect_url: reconnect_url(environment, credential, now),
            secret_key: None,
        };
        let sealed = self.vault.seal(&place(tenant, PLACE, &body.id, (0, 0)), &body)?;
        let unique_key = format!(
            "{}/{}/{}/{}",
            credential.id,
            credential.token.epoch,
            kind.as_str(),
            credential.token.event_ordinal
        );
        let event =
            StoredEvent { id, kind, credential: Some(credential.id), unique_key, sealed, created_at: now };
        Ok(store::event::insert(tx, tenant.environment, event).await?)
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
        let (environment, _) = &*self.environment_in(tx, tenant.environment).await?;
        let id = EventId::new(self.ids.next());
        let now = self.now();
        let body = EventBody {
            id: id.to_string(),
            kind: kind.as_str().to_owned(),
            timestamp: now.to_string(),
            environment: environment.name.clone(),
            user_id: None,
            user_email: None,
            credential_id: None,
            credential_name: None,
            connector: Some(credential.connector.clone()),
            provider: Some(credential.provider.clone()),
            reason: reason.map(str::to_owned),
            reconnect_url: None,
            secret_key: None,
        };
        let sealed = self.vault.seal(&place(tenant, PLACE, &body.id, (0, 0)), &body)?;
        let unique_key = format!("{}/{}/{id}", credential.connector_id, kind.as_str());
        let event = StoredEvent { id, kind, credential: None, unique_key, sealed, created_at: now };
        Ok(store::event::insert(tx, tenant.environment, event).await?)
    }

    /// The events of the actor's environment, newest first.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn list_events(
        &self,
        actor: &Actor,
        filter: EventFilter,
        page: &PageRequest,
    ) -> Result<Page<EventBody>, Error> {
        let stored = store::event::list(&self.store, actor.environment(), filter, page).await?;
        let next_cursor = stored.next_cursor;
        let open = |event: StoredEvent| {
            let row = event.id.to_string();
            self.vault.open(&place(actor.tenant, PLACE, &row, (0, 0)), &event.sealed)
        };
        let items = stored.items.into_iter().map(open).collect::<Result<_, _>>()?;
        Ok(Page { items, next_cursor })
    }

    /// Where the user of a credential can mend it, where that would help.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn reconnect_url_of(
        &self,
        actor: &Actor,
        credential: &Credential,
    ) -> Result<Option<String>, Error> {
        let (environment, _) = &*self.environment_of(actor.environment()).await?;
        Ok(reconnect_url(environment, credential, self.now()))
    }
}

/// The environment's template with the credential filled in; null where reconnecting would not help.
fn reconnect_url(environment: &Environment, credential: &Credential, now: Millis) -> Option<String> {
    use crate::domain::credential::NextStep;
    if credential.health(now).next_step != Some(NextStep::Reconnect) {
        return None;
    }
    let template = environment.settings.reconnect_url.as_ref()?;
    let filled = template
        .replace("{credentialId}", &credential.id.to_string())
        .replace("{userId}", &credential.user.to_string());
    Some(filled)
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
