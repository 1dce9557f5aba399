//! Integrations: what a feature of the embedder's product needs, and how far each user is with it.

use vouchsafe_entity::id::{CredentialId, IntegrationId};
use vouchsafe_entity::json::Need;
use vouchsafe_entity::kind::Status;
use vouchsafe_entity::millis::Millis;

use super::audit::Target;
use super::validate::Checker;
use super::{Error, Hub, Seen};
use crate::domain::actor::Actor;
use crate::domain::connector::{Connector, is_key};
use crate::domain::credential::Credential;
use crate::domain::integration::Integration;
use crate::domain::page::{Page, PageRequest};
use crate::domain::role::Action;
use crate::provider::Registry;
use crate::store::{self, StoreError};

/// An integration as it is PUT.
#[derive(Clone, Debug)]
pub struct NewIntegration {
    /// Shown to users.
    pub name: String,
    /// Shown to users.
    pub description: Option<String>,
    /// What it needs.
    pub connectors: Vec<Need>,
}

/// How far a user is with one integration.
#[derive(Clone, Debug)]
pub struct UserIntegration {
    /// The integration.
    pub integration: Integration,
    /// Whether everything that is not optional is usable with all scopes.
    pub connected: bool,
    /// Each connector.
    pub connectors: Vec<NeedState>,
}

/// How far a user is with one connector.
#[derive(Clone, Debug)]
pub struct NeedState {
    /// What is needed.
    pub need: Need,
    /// The credential that serves it: the newest usable, else the newest.
    pub credential: Option<(CredentialId, Status)>,
    /// What that one was not granted.
    pub missing_scopes: Vec<String>,
}

impl NewIntegration {
    /// The keys of the connectors that it needs.
    pub(super) fn connector_keys(&self) -> Vec<String> {
        self.connectors.iter().map(|need| need.connector.clone()).collect()
    }

    /// What is wrong with it, where `known` are those of its connectors that are there.
    pub(super) fn check(&self, slug: &str, known: &[Connector], providers: &Registry) -> Result<(), Error> {
        let mut checker = Checker::default();
        let message = "A slug has a-z, 0-9 and single dashes, at most 64.";
        checker.ensure(is_key(slug), "/slug", "invalid_format", message);
        checker.text("/name", &self.name, 200);
        checker.optional_text("/description", self.description.as_deref(), 2_000);
        let needs = &self.connectors;
        let fits = (1..=50).contains(&needs.len());
        checker.ensure(fits, "/connectors", "invalid_length", "Name 1 to 50 connectors.");
        for (at, need) in needs.iter().enumerate() {
            let base = format!("/connectors/{at}");
            let connector = known.iter().find(|connector| connector.key == need.connector);
            if connector.is_none() {
                let message = "There is no such connector in this environment.";
                checker.add(format!("{base}/connector"), "unknown", message);
            } else if needs[..at].iter().any(|other| other.connector == need.connector) {
                checker.add(format!("{base}/connector"), "repeated", "This connector is named twice.");
            }
            let definition = connector.and_then(|connector| providers.get(&connector.provider));
            checker.scopes(&format!("{base}/scopes"), &need.scopes, definition.as_deref());
        }
        checker.finish()
    }

    pub(super) fn into_integration(self, id: IntegrationId, slug: &str, now: Millis) -> Integration {
        Integration {
            id,
            slug: slug.to_owned(),
            name: self.name,
            description: self.description,
            connectors: self.connectors,
            created_at: now,
            updated_at: now,
        }
    }
}

impl Hub {
    /// Makes or replaces an integration, where it is as it was `seen`; true where it is new.
    ///
    /// # Errors
    /// [`Error::Invalid`], with a pointer to each connector that isn't there; [`super::Code::ChangedMeanwhile`].
    pub async fn put_integration(
        &self,
        actor: &Actor,
        slug: &str,
        new: NewIntegration,
        seen: Option<Seen>,
    ) -> Result<(Integration, bool), Error> {
        self.permit(actor, Action::EditIntegrations).await?;
        let known = self.connectors_named(actor, &new.connector_keys()).await?;
        new.check(slug, &known, &self.providers())?;
        loop {
            if let Some(put) = self.try_to_put_integration(actor, slug, new.clone(), seen).await? {
                return Ok(put);
            }
        }
    }

    /// None where somebody else made it meanwhile, so that it is theirs that is replaced.
    async fn try_to_put_integration(
        &self,
        actor: &Actor,
        slug: &str,
        new: NewIntegration,
        seen: Option<Seen>,
    ) -> Result<Option<(Integration, bool)>, Error> {
        let environment = actor.environment();
        let now = self.now();
        let tx = self.store.begin().await?;
        let before = store::integration::lock(&tx, environment, slug).await?;
        Seen::ensure(seen, before.as_ref().map(|before| before.updated_at))?;
        let mut integration = new.into_integration(IntegrationId::new(self.ids.next()), slug, now);
        if let Some(before) = &before {
            (integration.id, integration.created_at) = (before.id, before.created_at);
        }
        match store::integration::save(&tx, environment, &integration).await {
            Err(StoreError::Taken) => return Ok(None),
            other => other?,
        }
        self.record(&tx, actor, "integration.put", Target::new("integration", slug), None).await?;
        tx.commit().await?;
        Ok(Some((integration, before.is_none())))
    }

    /// Makes an integration; one that is there already stays as it is.
    ///
    /// # Errors
    /// [`Error::Invalid`], also where the slug is taken.
    pub async fn create_integration(
        &self,
        actor: &Actor,
        slug: &str,
        new: NewIntegration,
    ) -> Result<Integration, Error> {
        self.permit(actor, Action::EditIntegrations).await?;
        if store::integration::by_slug(&self.store, actor.environment(), slug).await?.is_some() {
            let message = "There is an integration of this slug. Choose another.";
            return Err(Error::invalid("/slug", "taken", message));
        }
        Ok(self.put_integration(actor, slug, new, None).await?.0)
    }

    /// Whether somebody may edit integrations, for a page that offers it.
    ///
    /// # Errors
    /// [`super::Code::Forbidden`].
    pub async fn may_edit_integrations(&self, actor: &Actor) -> Result<(), Error> {
        self.permit(actor, Action::EditIntegrations).await
    }

    /// One integration.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub async fn get_integration(&self, actor: &Actor, slug: &str) -> Result<Integration, Error> {
        self.permit(actor, Action::ViewConnectors).await?;
        store::integration::by_slug(&self.store, actor.environment(), slug).await?.ok_or(Error::NotFound)
    }

    /// The integrations of the actor's environment, by slug.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn list_integrations(
        &self,
        actor: &Actor,
        page: &PageRequest,
    ) -> Result<Page<Integration>, Error> {
        self.permit(actor, Action::ViewConnectors).await?;
        Ok(store::integration::list(&self.store, actor.environment(), page).await?)
    }

    /// Removes an integration. Credentials stay: they belong to their users.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub async fn delete_integration(&self, actor: &Actor, slug: &str) -> Result<(), Error> {
        self.permit(actor, Action::EditIntegrations).await?;
        let tx = self.store.begin().await?;
        if !store::integration::delete(&tx, actor.environment(), slug).await? {
            return Err(Error::NotFound);
        }
        self.record(&tx, actor, "integration.delete", Target::new("integration", slug), None).await?;
        tx.commit().await?;
        Ok(())
    }

    /// How far a user is with each integration.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub async fn list_user_integrations(
        &self,
        actor: &Actor,
        user: &str,
        page: &PageRequest,
    ) -> Result<Page<UserIntegration>, Error> {
        self.permit(actor, Action::ViewUsers).await?;
        let user = self.get_user(actor, user).await?;
        let integrations = self.list_integrations(actor, page).await?;
        let credentials = self.credentials_of(actor.environment(), user.id, None).await?;
        Ok(integrations.map(|integration| self.user_integration(integration, &credentials)))
    }

    fn user_integration(&self, integration: Integration, credentials: &[Credential]) -> UserIntegration {
        let connectors: Vec<NeedState> =
            integration.connectors.iter().map(|need| self.need_state(need, credentials)).collect();
        let connected = connectors.iter().all(|state| {
            state.need.optional
                || (state.missing_scopes.is_empty()
                    && state.credential.is_some_and(|(_, status)| status == Status::Active))
        });
        UserIntegration { integration, connected, connectors }
    }

    /// What serves `need` among a user's credentials.
    pub(super) fn need_state(&self, need: &Need, credentials: &[Credential]) -> NeedState {
        let of_connector: Vec<_> = credentials.iter().filter(|c| c.connector == need.connector).collect();
        let now = self.now();
        let serving = pick(&of_connector, now);
        let missing_scopes = serving.map_or_else(|| need.scopes.clone(), |c| missing_scopes(need, c));
        NeedState {
            need: need.clone(),
            credential: serving.map(|c| (c.id, c.health(now).status)),
            missing_scopes,
        }
    }
}

/// What a credential was not granted of what is needed. Scopes are a matter of OAuth: keys carry their own rights.
pub(super) fn missing_scopes(need: &Need, credential: &Credential) -> Vec<String> {
    use vouchsafe_entity::kind::Method;
    if credential.method != Method::OAuth2 {
        return Vec::new();
    }
    need.scopes.iter().filter(|scope| !credential.scopes.contains(scope)).cloned().collect()
}

/// The newest usable of several credentials, else the newest; they come newest first.
pub(super) fn pick<'a>(credentials: &[&'a Credential], now: Millis) -> Option<&'a Credential> {
    let usable = credentials.iter().find(|c| c.health(now).status == Status::Active);
    usable.or(credentials.first()).copied()
}
