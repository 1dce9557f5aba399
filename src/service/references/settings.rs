//! References in the settings of a connector: its client secret and its variables.

use secrecy::{ExposeSecret, SecretString};

use super::{Destination, SecretUses, Usage};
use crate::domain::actor::Actor;
use crate::domain::connector::Connector;
use crate::domain::secret_reference as reference;
use crate::domain::workspace::Tenant;
use crate::provider::{SettingHosts, Values};
use crate::service::material::ConnectorSecrets;
use crate::service::{Error, Hub};
use crate::store;

/// The keys that the settings of a connector refer to, each with its place.
pub(in crate::service) fn placed_references(
    connector: &Connector,
    secrets: &ConnectorSecrets,
) -> Vec<(String, String)> {
    let client_secret =
        secrets.client_secret.iter().map(|text| ("clientSecret".to_owned(), text.expose_secret()));
    let plain = connector.variables.iter().map(|(name, text)| (format!("variables/{name}"), text.as_str()));
    let sealed =
        secrets.variables.iter().map(|(name, text)| (format!("variables/{name}"), text.expose_secret()));
    let mut placed = Vec::new();
    for (place, text) in client_secret.chain(plain).chain(sealed) {
        placed.extend(reference::keys(text).map(|key| (key.to_owned(), place.clone())));
    }
    placed.sort();
    placed.dedup();
    placed
}

/// What is known beside a setting when it is looked up.
#[derive(Clone, Copy)]
pub(in crate::service) enum Beside<'a> {
    /// Everything: a request is made of it and of these.
    All(&'a Values),
    /// What the connector has. Hosts that users decide about are asked after when a request is made.
    Connector(&'a Values),
}

/// The use of a secret in a setting of `connector` that goes to `hosts`.
fn in_setting<'a>(connector: &'a Connector, hosts: &'a SettingHosts) -> Usage<'a> {
    Usage {
        product: None,
        app: Some((&connector.key, &connector.provider)),
        destination: Destination::Setting(hosts),
    }
}

/// The variables of a connector that refer to no secret: no other can stand in a host.
pub(in crate::service) fn plain_variables(connector: &Connector) -> Values {
    let mut values = Values::new();
    for (name, text) in &connector.variables {
        if !reference::is_dynamic(text.as_bytes()) {
            values.set(name.as_str(), text.as_str());
        }
    }
    values
}

impl Hub {
    /// A setting of `connector` as it is used, by name and text: references replaced, escapes taken away; and what is to
    /// be noted once it is sent.
    ///
    /// # Errors
    /// Those of [`Hub::open_references`].
    pub(in crate::service) async fn resolve_setting(
        &self,
        actor: &Actor,
        connector: &Connector,
        (name, text): (&str, &SecretString),
        beside: Beside<'_>,
    ) -> Result<(SecretString, SecretUses), Error> {
        let text = text.expose_secret();
        if !reference::is_dynamic(text.as_bytes()) {
            return Ok((text.into(), SecretUses::default()));
        }
        let hosts = self.hosts_of_setting(connector, name, beside);
        let open = self.open_references(actor, [text], &in_setting(connector, &hosts)).await?;
        Ok((SecretString::from(open.fill(text)?.as_str()), open.uses().clone()))
    }

    /// A refusal for now; where a secret in the settings of `connector` can't be used, that is what it tells, since trying
    /// again mends nothing.
    pub(in crate::service) async fn with_barred_secret(
        &self,
        tenant: Tenant,
        connector: &Connector,
        mut refusal: Error,
    ) -> Error {
        let barred = self.barred_secret(tenant, connector).await;
        if let (Error::Refused { detail: told, .. }, Ok(Some(Error::Refused { code, detail, .. }))) =
            (&mut refusal, barred)
        {
            let (key, code) = (&connector.key, code.as_str());
            *told = format!("No new token: the connector `{key}` can't use a secret ({code}). {detail}");
        }
        refusal
    }

    /// Why the first secret that can't be used in the settings of `connector` can't be. Nothing is used, so nothing is
    /// written down.
    async fn barred_secret(&self, tenant: Tenant, connector: &Connector) -> Result<Option<Error>, Error> {
        let placed = placed_references(connector, &self.open_connector(tenant, connector)?);
        if placed.is_empty() {
            return Ok(None);
        }
        let keys: Vec<&str> = placed.iter().map(|(key, _)| key.as_str()).collect();
        let found = store::secret::by_keys(&self.store, tenant.environment, &keys).await?;
        let plain = plain_variables(connector);
        for (key, place) in &placed {
            let Some(secret) = found.iter().find(|secret| secret.key == *key) else {
                return Ok(Some(self.missing(tenant, key).await?));
            };
            let name = place.strip_prefix("variables/").unwrap_or("client_secret");
            let hosts = self.hosts_of_setting(connector, name, Beside::Connector(&plain));
            if let Err(error) = self.check_use(secret, &in_setting(connector, &hosts), self.now()) {
                return Ok(Some(error));
            }
        }
        Ok(None)
    }

    fn hosts_of_setting(&self, connector: &Connector, name: &str, beside: Beside<'_>) -> SettingHosts {
        // Without a definition no request can be made.
        let Some(definition) = self.providers().get(&connector.provider) else {
            return SettingHosts::default();
        };
        match beside {
            Beside::All(values) => definition.hosts_of_setting(name, values),
            Beside::Connector(values) => definition.known_hosts_of_setting(name, values),
        }
    }
}
