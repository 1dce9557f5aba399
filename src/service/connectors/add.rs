//! The catalogue: what can be switched on, what is already, and switching it on.

use std::collections::{BTreeMap, HashMap};

use super::{ConnectorView, NewConnector};
use crate::domain::actor::Actor;
use crate::domain::role::Action;
use crate::service::{Error, Hub};
use crate::store;

impl NewConnector {
    /// A connector of a provider without any setting.
    pub fn of_provider(provider: &str) -> Self {
        Self {
            provider: provider.to_owned(),
            methods: None,
            client_id: None,
            client_secret: None,
            scopes: Vec::new(),
            authorization_params: BTreeMap::new(),
            variables: serde_json::Map::new(),
            enabled: true,
        }
    }
}

impl Hub {
    /// The categories of all providers in alphabetical order, each with how many there are in it.
    pub fn provider_categories(&self) -> BTreeMap<String, usize> {
        let mut categories = BTreeMap::new();
        for definition in self.providers().all() {
            for category in definition.categories() {
                *categories.entry(category.clone()).or_default() += 1;
            }
        }
        categories
    }

    /// The connectors of some providers: provider and key.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn connectors_of_providers(
        &self,
        actor: &Actor,
        providers: &[&str],
    ) -> Result<HashMap<String, Vec<String>>, Error> {
        self.permit(actor, Action::ViewConnectors).await?;
        let found = store::connector::of_providers(&self.store, actor.environment(), providers).await?;
        let mut keys: HashMap<String, Vec<String>> = HashMap::new();
        for (provider, key) in found {
            keys.entry(provider).or_default().push(key);
        }
        Ok(keys)
    }

    /// Makes a connector without settings; one that is there already stays as it is.
    ///
    /// # Errors
    /// [`Error::Invalid`], also where the key is taken, and those of [`Hub::put_connector`].
    pub async fn add_connector(
        &self,
        actor: &Actor,
        key: &str,
        provider: &str,
    ) -> Result<ConnectorView, Error> {
        self.permit(actor, Action::ConfigureConnectors).await?;
        let there = store::connector::by_key(&self.store, actor.environment(), key).await?;
        if there.is_some_and(|connector| connector.explicit) {
            let message = "There is a connector of this key. Choose another.";
            return Err(Error::invalid("/key", "taken", message));
        }
        Ok(self.put_connector(actor, key, NewConnector::of_provider(provider), None).await?.0)
    }
}
