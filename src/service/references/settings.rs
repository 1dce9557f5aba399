//! References in the settings of a connector: its client secret and its variables.

use secrecy::{ExposeSecret, SecretString};

use super::{Destination, Usage};
use crate::domain::audit::AuditEvent;
use crate::domain::connector::Connector;
use crate::domain::secret_reference as reference;
use crate::domain::workspace::Tenant;
use crate::provider::Values;
use crate::service::audit::Target;
use crate::service::material::ConnectorSecrets;
use crate::service::refresh::hub_actor;
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

impl Hub {
    /// A setting of `connector` as it is used: references replaced, escapes taken away.
    ///
    /// # Errors
    /// Those of [`Hub::open_references`].
    pub(in crate::service) async fn resolve_setting(
        &self,
        tenant: Tenant,
        connector: &Connector,
        text: &SecretString,
    ) -> Result<SecretString, Error> {
        if !reference::is_dynamic(text.expose_secret().as_bytes()) {
            return Ok(text.clone());
        }
        let text = text.expose_secret();
        let hosts = match self.providers().get(&connector.provider) {
            None => Vec::new(),
            Some(definition) => {
                let mut values = Values::new();
                for (name, value) in &connector.variables {
                    values.set(name.as_str(), value.as_str());
                }
                definition.hosts_of_connector(&values)
            }
        };
        let usage = Usage {
            product: None,
            app: Some((&connector.key, &connector.provider)),
            destination: Destination::Setting(&hosts),
        };
        let open = self.open_references(tenant, [text], &usage).await?;
        Ok(SecretString::from(open.fill(text)?.as_str()))
    }

    /// The same at run time, where nobody may be there to hear of a refusal: it is written down.
    pub(in crate::service) async fn resolve_setting_in_use(
        &self,
        tenant: Tenant,
        connector: &Connector,
        text: &SecretString,
    ) -> Result<SecretString, Error> {
        let resolved = self.resolve_setting(tenant, connector, text).await;
        if let Err(error) = &resolved
            && let Some(code) = error.code()
        {
            let target = Target::new("connector", &connector.key);
            let reason = Some(code.as_str().to_owned());
            let event: AuditEvent =
                self.audit_event(&hub_actor(tenant), "secret.use", target, "refused", reason);
            self.record_later(event).await?;
        }
        resolved
    }
}
