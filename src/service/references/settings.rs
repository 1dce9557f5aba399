//! References in the settings of a connector: its client secret and its variables.

use secrecy::{ExposeSecret, SecretString};

use super::{Destination, SecretUses, Usage};
use crate::domain::actor::Actor;
use crate::domain::connector::Connector;
use crate::domain::secret_reference as reference;
use crate::provider::{SettingHosts, Values};
use crate::service::material::ConnectorSecrets;
use crate::service::{Error, Hub};

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
        let usage = Usage {
            product: None,
            app: Some((&connector.key, &connector.provider)),
            destination: Destination::Setting(&hosts),
        };
        let open = self.open_references(actor, [text], &usage).await?;
        Ok((SecretString::from(open.fill(text)?.as_str()), open.uses().clone()))
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
