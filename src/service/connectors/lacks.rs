//! What connectors lack of the embedder before users can connect with them, told from their settings alone. Whether the
//! app knows a client shows in a test.

use std::collections::{BTreeSet, HashMap};

use vouchsafe_entity::id::ConnectorId;
use vouchsafe_entity::kind::Method;

use crate::domain::actor::Actor;
use crate::domain::connector::Connector;
use crate::domain::credential::is_sign_in;
use crate::domain::role::Action;
use crate::domain::secret::SecretState;
use crate::provider::{Definition, Field};
use crate::service::permit::is_let;
use crate::service::{Error, Hub};
use crate::store;

/// Something that a connector lacks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Lack {
    /// The definition of its provider is not loaded.
    Definition,
    /// The id of the embedder's OAuth client.
    ClientId,
    /// The secret of that client.
    ClientSecret,
    /// A setting that the app wants, by its label.
    Setting(String),
    /// A secret that its settings refer to, by its key.
    Secret(String, Unusable),
}

/// Why a secret can't be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unusable {
    /// There is none of that key in the environment.
    Missing,
    /// It is switched off.
    Off,
    /// Its date has passed.
    Ended,
    /// Its value is gone.
    Revoked,
}

impl Unusable {
    const fn of(state: Option<SecretState>) -> Option<Self> {
        match state {
            None => Some(Self::Missing),
            Some(SecretState::Active) => None,
            Some(SecretState::Inactive) => Some(Self::Off),
            Some(SecretState::Expired) => Some(Self::Ended),
            Some(SecretState::Revoked) => Some(Self::Revoked),
        }
    }
}

/// The settings that the app wants and the connector does not have.
pub(super) fn missing_settings(
    connector: &Connector,
    definition: &Definition,
) -> impl Iterator<Item = Field> {
    definition.connector_fields().into_iter().filter(move |field| {
        field.required
            && !connector.variables.contains_key(&field.name)
            && !connector.secret_variables.contains(&field.name)
    })
}

impl Hub {
    /// What the settings of a connector lack, whatever becomes of the secrets that they refer to.
    pub(super) fn lacks_in_settings(connector: &Connector, definition: &Definition) -> Vec<Lack> {
        let chosen = |method: &Method| definition.methods().contains(method) && is_sign_in(*method);
        let wants_sign_in = connector.methods.iter().flatten().any(chosen)
            || Self::working_methods(connector, definition).is_empty();
        let client = match Self::sign_in_of(connector, definition) {
            None => wants_sign_in.then_some(Lack::ClientId),
            Some(_) if connector.has_client_secret => None,
            Some(_) => definition.needs_client_secret().then_some(Lack::ClientSecret),
        };
        let settings = missing_settings(connector, definition).map(|field| Lack::Setting(field.label));
        client.into_iter().chain(settings).collect()
    }

    /// What each of `connectors` lacks; those that lack nothing are left out. Secrets are looked at for those alone who
    /// see more of them than names.
    ///
    /// # Errors
    /// [`crate::service::Code::Forbidden`], [`Error::Store`].
    pub async fn lacks_of(
        &self,
        actor: &Actor,
        connectors: &[&Connector],
    ) -> Result<HashMap<ConnectorId, Vec<Lack>>, Error> {
        self.permit(actor, Action::ViewConnectors).await?;
        let providers = self.providers();
        let own = |connector: &&Connector| {
            let definition = providers.get(&connector.provider);
            let lacks = definition.map_or_else(
                || vec![Lack::Definition],
                |definition| Self::lacks_in_settings(connector, &definition),
            );
            (connector.id, lacks)
        };
        let mut lacks: HashMap<ConnectorId, Vec<Lack>> = connectors.iter().map(own).collect();
        if is_let(actor, Action::ViewSecrets) {
            let ids: Vec<ConnectorId> = lacks.keys().copied().collect();
            for (connector, lack) in self.unusable_references(actor, &ids).await? {
                lacks.entry(connector).or_default().push(lack);
            }
        }
        lacks.retain(|_, lacks| !lacks.is_empty());
        Ok(lacks)
    }

    /// The secrets that the settings of these connectors refer to and that can't be used.
    async fn unusable_references(
        &self,
        actor: &Actor,
        ids: &[ConnectorId],
    ) -> Result<Vec<(ConnectorId, Lack)>, Error> {
        let environment = actor.environment();
        let referred = store::secret_reference::of_connectors(&self.store, environment, ids).await?;
        let keys: BTreeSet<&str> = referred.iter().map(|(_, key)| key.as_str()).collect();
        let keys: Vec<&str> = keys.into_iter().collect();
        let found = store::secret::by_keys(&self.store, environment, &keys).await?;
        let now = self.now();
        let why = |key: &str| {
            Unusable::of(found.iter().find(|secret| secret.key == key).map(|secret| secret.state(now)))
        };
        let lack = |(connector, key): (ConnectorId, String)| {
            why(&key).map(|why| (connector, Lack::Secret(key, why)))
        };
        Ok(referred.into_iter().filter_map(lack).collect())
    }
}
