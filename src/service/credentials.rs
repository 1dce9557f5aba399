//! Credentials: typed in and tested, listed, changed, verified, revoked, deleted.

mod accept;
mod activity;
mod bulk;
mod create;
mod end;
mod fresh;
mod history;
mod value;
mod verify;
mod write_down;

pub use super::revocation::Upstream;
pub(super) use accept::{Accepted, capture};
pub use activity::Activity;
pub use bulk::{Bulk, BulkOutcome, BulkRow, STEP};
pub use create::{NewCredential, Stored};
pub use end::{AllRevoked, DeletionStep};
pub(super) use fresh::{Fresh, Source};
pub use history::History;
pub use verify::Verification;

use serde_json::{Map, Value};
use vouchsafe_entity::id::{ConnectorId, CredentialId, EnvironmentId, UserId};
use vouchsafe_entity::kind::{BrokenCause, Status};
use vouchsafe_entity::millis::Millis;

use super::audit::Target;
use super::validate::Checker;
use super::{Code, Error, Hub};
use crate::domain::actor::Actor;
use crate::domain::connector::{Connector, connector_id};
use crate::domain::credential::Credential;
use crate::domain::event::EventType;
use crate::domain::page::{Page, PageRequest};
use crate::domain::role::Action;
use crate::store::credential::{CredentialFilter, Guard};
use crate::store::{self, Tx};

/// Which credentials a caller wants, by the names it uses.
#[derive(Clone, Debug, Default)]
pub struct CredentialQuery {
    /// Of this user, by either name.
    pub user: Option<String>,
    /// Of this connector.
    pub connector: Option<String>,
    /// Of the connectors of this integration.
    pub integration: Option<String>,
    /// Shown with this status.
    pub status: Option<Status>,
    /// Somebody must act before.
    pub expires_before: Option<Millis>,
}

/// What stands first in a list of credentials.
#[derive(Clone, Copy)]
enum Order {
    /// The newest.
    NewestFirst,
    /// What somebody must mend.
    WorstFirst,
}

/// Changes of a credential; what is none stays.
#[derive(Clone, Debug, Default)]
pub struct CredentialChange {
    /// For display.
    pub name: Option<String>,
    /// The embedder's object.
    pub metadata: Option<Map<String, Value>>,
    /// Switched on or off.
    pub active: Option<bool>,
    /// The end set by hand; the inner none = never.
    pub expires_at: Option<Option<String>>,
    /// A new value of a key.
    pub data: Option<Map<String, Value>>,
    /// Whether the new value is tested against the app.
    pub verify: bool,
}

impl Hub {
    /// One credential.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub async fn get_credential(&self, actor: &Actor, id: CredentialId) -> Result<Credential, Error> {
        self.permit(actor, Action::ViewCredentials).await?;
        let found = store::credential::find(&self.store, actor.environment(), id).await?;
        found.map(|credential| self.seen(credential)).ok_or(Error::NotFound)
    }

    /// The credentials of the actor's environment, newest first; before an end, the soonest first. A name
    /// that isn't there gives an empty list.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn list_credentials(
        &self,
        actor: &Actor,
        query: CredentialQuery,
        page: &PageRequest,
    ) -> Result<Page<Credential>, Error> {
        self.listed(Order::NewestFirst, actor, query, page).await
    }

    /// The same, the worst status first: what somebody must mend, what is over or off, what works. Before an end, the
    /// soonest first.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn list_credentials_worst_first(
        &self,
        actor: &Actor,
        query: CredentialQuery,
        page: &PageRequest,
    ) -> Result<Page<Credential>, Error> {
        self.listed(Order::WorstFirst, actor, query, page).await
    }

    async fn listed(
        &self,
        order: Order,
        actor: &Actor,
        query: CredentialQuery,
        page: &PageRequest,
    ) -> Result<Page<Credential>, Error> {
        self.permit(actor, Action::ListCredentials).await?;
        let Some(filter) = self.filter_of(actor, query).await? else {
            return Ok(Page { items: Vec::new(), next_cursor: None });
        };
        let (db, environment, now) = (&self.store, actor.environment(), self.now());
        let found = match order {
            Order::NewestFirst => store::credential::list(db, environment, &filter, now, page).await?,
            Order::WorstFirst => {
                store::credential::list_worst_first(db, environment, &filter, now, page).await?
            }
        };
        Ok(found.map(|credential| self.seen(credential)))
    }

    /// The filter that a query means; none where it names what isn't there.
    async fn filter_of(
        &self,
        actor: &Actor,
        query: CredentialQuery,
    ) -> Result<Option<CredentialFilter>, Error> {
        let mut filter = CredentialFilter {
            status: query.status,
            expires_before: query.expires_before,
            ..CredentialFilter::default()
        };
        if let Some(name) = query.user {
            match self.user_named(actor, &name).await? {
                Some(user) => filter.user = Some(user.id),
                None => return Ok(None),
            }
        }
        let mut connectors: Option<Vec<String>> = None;
        if let Some(slug) = query.integration {
            match store::integration::by_slug(&self.store, actor.environment(), &slug).await? {
                Some(found) => {
                    connectors = Some(found.connectors.into_iter().map(|need| need.connector).collect());
                }
                None => return Ok(None),
            }
        }
        if let Some(key) = query.connector {
            let fits = connectors.as_ref().is_none_or(|connectors| connectors.contains(&key));
            connectors = Some(if fits { vec![key] } else { Vec::new() });
        }
        let id = |key: &String| connector_id(actor.environment(), key);
        filter.connectors = connectors.map(|keys| keys.iter().map(id).collect());
        Ok(Some(filter))
    }

    /// Up to `most` live credentials of each of `users`, newest first.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn credentials_of_users(
        &self,
        actor: &Actor,
        users: &[UserId],
        most: u64,
    ) -> Result<Vec<Credential>, Error> {
        self.permit(actor, Action::ListCredentials).await?;
        let found = store::credential::of_each_user(&self.store, actor.environment(), users, most).await?;
        Ok(found.into_iter().map(|credential| self.seen(credential)).collect())
    }

    /// The credential that serves a user for a connector: the newest usable, else the newest.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub async fn credential_of(
        &self,
        actor: &Actor,
        user: &str,
        connector: &str,
    ) -> Result<Credential, Error> {
        let user = self.get_user(actor, user).await?;
        let connector = self.connector_named(actor, connector).await?.ok_or(Error::NotFound)?;
        let found = self.credentials_of(actor.environment(), user.id, Some(connector.id)).await?;
        let found: Vec<&Credential> = found.iter().collect();
        super::integrations::pick(&found, self.now()).cloned().ok_or(Error::NotFound)
    }

    pub(super) async fn credentials_of(
        &self,
        environment: EnvironmentId,
        user: UserId,
        connector: Option<ConnectorId>,
    ) -> Result<Vec<Credential>, Error> {
        let found = store::credential::of_user(&self.store, environment, user, connector).await?;
        Ok(found.into_iter().map(|credential| self.seen(credential)).collect())
    }

    pub(super) async fn connector_of(
        &self,
        environment: EnvironmentId,
        credential: &Credential,
    ) -> Result<Connector, Error> {
        let found = store::connector::find(&self.store, environment, credential.connector_id).await?;
        found.ok_or(Error::internal("a credential without its connector"))
    }

    /// Changes what was sent of a credential. A new value is tested before it takes the place of the old.
    ///
    /// # Errors
    /// [`Error::Invalid`], [`Code::CredentialExpired`], [`Code::CredentialRevoked`], those of a new value.
    pub async fn update_credential(
        &self,
        actor: &Actor,
        id: CredentialId,
        change: CredentialChange,
    ) -> Result<Stored, Error> {
        self.permit(actor, Action::ManageCredentials).await?;
        // Switching off goes on when the subscription has ended.
        let only_switches_off = change.active == Some(false)
            && change.name.is_none()
            && change.metadata.is_none()
            && change.expires_at.is_none()
            && change.data.is_none();
        if !only_switches_off {
            self.gate(actor).await?;
        }
        let current = self.get_credential(actor, id).await?;
        self.check_change(&current, &change)?;
        let replacement = match &change.data {
            Some(data) => Some(self.tested_replacement(actor, &current, data, change.verify).await?),
            None => None,
        };

        let tx = self.store.begin().await?;
        let mut credential =
            store::credential::lock(&tx, actor.environment(), id).await?.ok_or(Error::NotFound)?;
        let guard = Guard { epoch: credential.token.epoch, version: credential.token.version };
        refuse_revival(&credential, &change, self.now())?;
        let fields = self.apply(&mut credential, &change)?;
        let mut warnings = Vec::new();
        if let Some(replacement) = replacement {
            warnings.clone_from(&replacement.warnings);
            self.replace_value(actor, &mut credential, &replacement)?;
            self.tell(&tx, actor.tenant, &mut credential, EventType::CredentialReconnected, None).await?;
            credential.token.announced = Some(credential.health(self.now()).status);
        } else {
            self.announce_by(&tx, actor, &mut credential).await?;
        }
        self.write(&tx, actor.environment(), &credential, guard).await?;
        self.record(&tx, actor, "credential.update", Target::new("credential", id), Some(fields)).await?;
        tx.commit().await?;
        Ok(Stored { credential: self.get_credential(actor, id).await?, warnings })
    }

    fn check_change(&self, current: &Credential, change: &CredentialChange) -> Result<(), Error> {
        let mut checker = Checker::default();
        checker.optional_text("/name", change.name.as_deref(), 200);
        if let Some(metadata) = &change.metadata {
            checker.metadata("/metadata", metadata);
        }
        if let Some(Some(date)) = &change.expires_at {
            checker.end(Some(date), None, self.now());
        }
        let by_hand = current.may_expire_by_hand();
        let message = "Only keys can be given an end; this credential is renewed by itself.";
        checker.ensure(change.expires_at.is_none() || by_hand, "/expiresAt", "not_settable", message);
        let message = "Only the value of a key can be replaced; connect this one again instead.";
        checker.ensure(change.data.is_none() || by_hand, "/data", "not_settable", message);
        checker.finish()?;

        refuse_revival(current, change, self.now())
    }

    /// Applies what needs no app, and names it.
    fn apply(&self, credential: &mut Credential, change: &CredentialChange) -> Result<String, Error> {
        let now = self.now();
        let mut fields = Vec::new();
        if let Some(name) = &change.name {
            name.trim().clone_into(&mut credential.name);
            fields.push("name");
        }
        if let Some(metadata) = &change.metadata {
            credential.metadata.clone_from(metadata);
            fields.push("metadata");
        }
        if let Some(active) = change.active {
            credential.deactivated_at = if active { None } else { credential.deactivated_at.or(Some(now)) };
            fields.push(if active { "reactivated" } else { "deactivated" });
        }
        if let Some(date) = &change.expires_at {
            let mut checker = Checker::default();
            credential.expires_at = checker.end(date.as_deref(), None, now);
            checker.finish()?;
            credential.token.due_at = credential.looked_at_by();
            fields.push("expiresAt");
        }
        if change.data.is_some() {
            fields.push("data");
        }
        credential.updated_at = now;
        Ok(fields.join(", "))
    }

    /// Writes both rows of a credential that `tx` holds.
    pub(super) async fn write(
        &self,
        tx: &Tx,
        environment: EnvironmentId,
        credential: &Credential,
        guard: Guard,
    ) -> Result<(), Error> {
        store::credential::update(tx, environment, credential).await?;
        let (id, token) = (credential.id, &credential.token);
        let saved = store::credential::save_token(tx, environment, id, token, guard, None).await?;
        if saved { Ok(()) } else { Err(Error::internal("a held credential has moved")) }
    }
}

/// Only a new value or a reconnect brings back what has ended.
fn refuse_revival(current: &Credential, change: &CredentialChange, now: Millis) -> Result<(), Error> {
    let revives = change.active == Some(true) || change.expires_at.is_some();
    if !revives || change.data.is_some() {
        return Ok(());
    }
    let code = match current.broken_cause(now) {
        None => return Ok(()),
        Some(BrokenCause::RevokedByRequest | BrokenCause::RevokedUpstream) => Code::CredentialRevoked,
        Some(
            BrokenCause::GrantRefused
            | BrokenCause::GrantLost
            | BrokenCause::NoRefreshToken
            | BrokenCause::RejectedByProvider
            | BrokenCause::ExpiryDate,
        ) => Code::CredentialExpired,
    };
    let detail = "This credential has ended; only a new value or a reconnect brings it back.";
    Err(Error::refused(code, detail))
}
