//! Providers as callers see them, and connectors: providers switched on with the embedder's own settings.

mod add;
mod changed;
mod counts;
mod lacks;
mod put;
mod refer;
mod switch;
mod test;

pub(super) use counts::Counts;
pub use lacks::{Lack, Unusable};
pub use put::NewConnector;
pub(super) use refer::ensure_placed;
pub use switch::Needing;
pub use test::{Finding, TestPart, TestStep};

use std::collections::HashMap;
use std::sync::Arc;

use vouchsafe_entity::id::{ConnectorId, EnvironmentId};
use vouchsafe_entity::kind::Method;

use super::audit::Target;
use super::credentials::DeletionStep;
use super::{Code, Error, Hub};
use crate::domain::actor::Actor;
use crate::domain::connector::Connector;
use crate::domain::credential::is_sign_in;
use crate::domain::page::{Page, PageRequest};
use crate::domain::role::Action;
use crate::provider::Definition;
use crate::store::credential::Owner;
use crate::store::{self, Tx};

/// A connector with what a caller may want to know beside it.
#[derive(Clone, Debug)]
pub struct ConnectorView {
    /// The connector.
    pub connector: Connector,
    /// The methods that were chosen; where none were, those that work with what it has.
    pub methods: Vec<Method>,
    /// What to register at the app, where it has OAuth.
    pub redirect_uri: Option<String>,
    /// How many credentials it has; where that was counted up to a number, one more than it for all that are more.
    pub credentials: i64,
}

impl Hub {
    /// The definition of a provider.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub fn get_provider(&self, slug: &str) -> Result<Arc<Definition>, Error> {
        self.providers().get(slug).ok_or(Error::NotFound)
    }

    /// The providers by name, those with `search` in name or slug and of `category` alone.
    ///
    /// # Errors
    /// [`Error::Invalid`], where the cursor is of another list.
    pub fn list_providers(
        &self,
        search: Option<&str>,
        category: Option<&str>,
        page: &PageRequest,
    ) -> Result<Page<Arc<Definition>>, Error> {
        const LIST: &str = "providers";
        let search = search.map(str::to_lowercase);
        let wanted = |definition: &&Arc<Definition>| {
            let named = search.as_ref().is_none_or(|search| {
                definition.slug().contains(search.as_str())
                    || definition.name().to_lowercase().contains(search)
            });
            named && category.is_none_or(|category| definition.categories().iter().any(|c| c == category))
        };
        let providers = self.providers();
        let after = page.after_in(LIST)?.unwrap_or_default();
        let further = |definition: &&Arc<Definition>| definition.sort_key().as_str() > after;
        let limit = usize::try_from(page.limit).unwrap_or(usize::MAX);
        let found = providers.all().filter(wanted).filter(further).take(limit.saturating_add(1));
        Ok(Page::of(LIST, found.cloned().collect(), page.limit, |definition| definition.sort_key()))
    }

    /// The definition behind a connector.
    pub(super) fn definition_of(&self, connector: &Connector) -> Result<Arc<Definition>, Error> {
        self.providers().get(&connector.provider).ok_or_else(|| {
            Error::refused(
                Code::ProviderMissing,
                format!("The definition of the provider `{}` is not loaded in this hub.", connector.provider),
            )
        })
    }

    /// The connector of that key: its row, or the one that exists by default for a provider without a client.
    pub(super) async fn connector_named(&self, actor: &Actor, key: &str) -> Result<Option<Connector>, Error> {
        if let Some(connector) = store::connector::by_key(&self.store, actor.environment(), key).await? {
            return Ok(Some(connector));
        }
        Ok(self.default_connector(actor, key))
    }

    /// Those of `keys` that exist, with one query.
    pub(super) async fn connectors_named(
        &self,
        actor: &Actor,
        keys: &[String],
    ) -> Result<Vec<Connector>, Error> {
        self.connectors_in(&self.store, actor, keys).await
    }

    /// The same, asked of `db`.
    pub(super) async fn connectors_in(
        &self,
        db: &impl store::Reads,
        actor: &Actor,
        keys: &[String],
    ) -> Result<Vec<Connector>, Error> {
        let mut found = store::connector::by_keys(db, actor.environment(), keys).await?;
        for key in keys {
            if !found.iter().any(|connector| connector.key == *key) {
                found.extend(self.default_connector(actor, key));
            }
        }
        Ok(found)
    }

    /// The connector of a credential, by its id. It may be five seconds old; see [`super::recent`].
    pub(super) async fn connector_of_use(
        &self,
        environment: EnvironmentId,
        id: ConnectorId,
    ) -> Result<Arc<Connector>, Error> {
        let read = async { Ok(store::connector::find(&self.store, environment, id).await?) };
        let found = self.connectors.get(&(environment, id), read).await?;
        found.ok_or(Error::internal("a credential without its connector"))
    }

    fn default_connector(&self, actor: &Actor, key: &str) -> Option<Connector> {
        let definition = self.providers().get(key)?;
        (!definition.needs_client()).then(|| Connector::by_default(actor.environment(), key))
    }

    /// The methods of a connector that can work with what it has.
    pub(super) fn working_methods(connector: &Connector, definition: &Definition) -> Vec<Method> {
        let chosen =
            |method: &Method| connector.methods.as_ref().is_none_or(|chosen| chosen.contains(method));
        let registers = definition.mcp().is_some();
        let works = |method: &Method| !is_sign_in(*method) || registers || connector.client_id.is_some();
        definition.methods().iter().copied().filter(|method| chosen(method) && works(method)).collect()
    }

    /// The method by which users sign in with what a connector has.
    pub(super) fn sign_in_of(connector: &Connector, definition: &Definition) -> Option<Method> {
        Self::working_methods(connector, definition).into_iter().find(|method| is_sign_in(*method))
    }

    /// The method of which values with these names are; none where no method or more than one takes them.
    ///
    /// # Errors
    /// [`Code::ProviderMissing`].
    pub fn typed_method<'a>(
        &self,
        connector: &Connector,
        names: impl IntoIterator<Item = &'a str>,
    ) -> Result<Option<Method>, Error> {
        let definition = self.definition_of(connector)?;
        let names: Vec<&str> = names.into_iter().collect();
        let takes = |method: &Method| {
            let fields = definition.fields(*method);
            !is_sign_in(*method) && names.iter().all(|name| fields.iter().any(|f| f.name == *name))
        };
        let mut taking = Self::working_methods(connector, &definition).into_iter().filter(takes);
        Ok(taking.next().filter(|_| taking.next().is_none()))
    }

    /// Where the app sends the browser back to.
    pub(super) fn redirect_uri(&self, id: ConnectorId) -> String {
        format!("{}oauth/callback/{id}", self.public_url)
    }

    fn view(&self, connector: Connector, credentials: i64) -> ConnectorView {
        let definition = self.providers().get(&connector.provider);
        let oauth = definition
            .as_ref()
            .is_some_and(|definition| definition.methods().iter().any(|method| is_sign_in(*method)));
        let working = definition.map(|definition| Self::working_methods(&connector, &definition));
        ConnectorView {
            redirect_uri: oauth.then(|| self.redirect_uri(connector.id)),
            methods: connector.methods.clone().or(working).unwrap_or_default(),
            credentials,
            connector,
        }
    }

    /// One connector, with its credentials counted up to `most`, or all of them; above 1,000 that may be a minute old.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub async fn get_connector(
        &self,
        actor: &Actor,
        key: &str,
        most: Option<u32>,
    ) -> Result<ConnectorView, Error> {
        self.permit(actor, Action::ViewConnectors).await?;
        let connector = self.connector_named(actor, key).await?.ok_or(Error::NotFound)?;
        let counts = self.count_of_each(actor, vec![connector.id], most).await?;
        let credentials = counts.get(&connector.id).copied().unwrap_or(0);
        Ok(self.view(connector, credentials))
    }

    /// The connectors that were PUT or have credentials, by key. The credentials of each are counted up to `most`, or
    /// all of them; above 1,000 that may be a minute old.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn list_connectors(
        &self,
        actor: &Actor,
        page: &PageRequest,
        most: Option<u32>,
    ) -> Result<Page<ConnectorView>, Error> {
        self.permit(actor, Action::ViewConnectors).await?;
        let connectors = store::connector::list(&self.store, actor.environment(), page).await?;
        let ids = connectors.items.iter().map(|connector| connector.id).collect();
        let counts = self.count_of_each(actor, ids, most).await?;
        Ok(connectors.map(|connector| {
            let credentials = counts.get(&connector.id).copied().unwrap_or(0);
            self.view(connector, credentials)
        }))
    }

    /// The first `limit` connectors that were PUT or have credentials, by key: what a form offers.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn first_connectors(&self, actor: &Actor, limit: u64) -> Result<Vec<Connector>, Error> {
        self.permit(actor, Action::ViewConnectors).await?;
        let page = PageRequest { limit, after: None };
        Ok(store::connector::list(&self.store, actor.environment(), &page).await?.items)
    }

    /// Removes a connector. With credentials it is refused, unless `force` deletes those too.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Code::InUse`].
    pub async fn delete_connector(&self, actor: &Actor, key: &str, force: bool) -> Result<(), Error> {
        self.permit(actor, Action::ConfigureConnectors).await?;
        let environment = actor.environment();
        let connector =
            store::connector::by_key(&self.store, environment, key).await?.ok_or(Error::NotFound)?;
        let ids = vec![connector.id];
        let counts = store::connector::count_credentials(&self.store, environment, ids).await?;
        if let Some((_, count)) = counts.first().filter(|_| !force) {
            let detail = format!("This connector has credentials ({count}); ?force=true deletes them too.");
            return Err(Error::refused(Code::InUse, detail));
        }
        let mut tellers = HashMap::new();
        self.delete_all_of(actor, Owner::Connector(connector.id), &mut tellers, async |tx| {
            self.remove_connector(tx, actor, &connector).await
        })
        .await?;
        self.connectors.forget(&(environment, connector.id));
        self.counts.forget(environment, connector.id);
        Ok(())
    }

    /// A step of the end of a connector with all its credentials; the last one removes the connector itself.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub async fn delete_connector_step(&self, actor: &Actor, key: &str) -> Result<DeletionStep, Error> {
        self.permit(actor, Action::ConfigureConnectors).await?;
        let environment = actor.environment();
        let connector =
            store::connector::by_key(&self.store, environment, key).await?.ok_or(Error::NotFound)?;
        let owner = Owner::Connector(connector.id);
        let step = self
            .delete_next_of(actor, owner, async |tx| self.remove_connector(tx, actor, &connector).await)
            .await?;
        if step.gone {
            self.connectors.forget(&(environment, connector.id));
            self.counts.forget(environment, connector.id);
        }
        Ok(step)
    }

    async fn remove_connector(&self, tx: &Tx, actor: &Actor, connector: &Connector) -> Result<(), Error> {
        store::connector::delete(tx, actor.environment(), connector.id).await?;
        let target = Target::new("connector", &connector.key);
        self.record(tx, actor, "connector.delete", target, None).await
    }
}

impl Hub {
    /// Whether a connector has everything that `method` needs of the embedder.
    pub(super) fn ensure_complete(
        connector: &Connector,
        definition: &Definition,
        pointer: &str,
    ) -> Result<(), Error> {
        let missing: Vec<String> =
            lacks::missing_settings(connector, definition).map(|field| field.name).collect();
        let unusable = Self::working_methods(connector, definition).is_empty();
        if missing.is_empty() && !unusable {
            return Ok(());
        }
        let what = if unusable { "client id".to_owned() } else { missing.join(", ") };
        let detail = format!(
            "The connector `{}` lacks its {what}; give it with PUT /connectors/{}.",
            connector.key, connector.key
        );
        Err(Error::refused_at(Code::ConnectorIncomplete, pointer, detail))
    }
}
