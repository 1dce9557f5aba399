//! Finding out how one signs in to a server of the Model Context Protocol, when somebody does; and a client there for a
//! connector that has none.

use secrecy::ExposeSecret as _;

use super::cannot_start;
use crate::domain::connector::Connector;
use crate::domain::secret_reference::is_dynamic;
use crate::oauth::mcp::{FindError, Found, find, register};
use crate::provider::{Definition, Values};
use crate::service::audit::Target;
use crate::service::connect::Visit;
use crate::service::{Code, Error, Hub};
use crate::store;

impl Hub {
    /// What is found out about the sign-in of `connector`, to be kept with it; nothing where its file says all. The
    /// connector gets a client where it has none, and for this sign-in the scopes of the server where nobody names one.
    pub(super) async fn discovered(
        &self,
        visit: &Visit,
        connector: &mut Connector,
        definition: &Definition,
        values: &Values,
    ) -> Result<Values, Error> {
        let Some(mcp) = definition.mcp() else { return Ok(Values::new()) };
        let url = mcp.url.render(values).map_err(|_| cannot_start())?;
        let found = find(&self.egress, &url).await.map_err(|error| unknown(definition, &error))?;
        if connector.client_id.is_none() {
            *connector = self.registered(visit, connector, definition, &found).await?;
        }
        let need = visit.session.need(&connector.key);
        if connector.scopes.is_empty() && need.is_none_or(|need| need.scopes.is_empty()) {
            connector.scopes = found.scopes().to_vec();
        }
        Ok(found.values())
    }

    /// Registers a client for a connector. Of two that do so at once one is kept.
    async fn registered(
        &self,
        visit: &Visit,
        connector: &Connector,
        definition: &Definition,
        found: &Found,
    ) -> Result<Connector, Error> {
        let tenant = visit.actor.tenant;
        let redirect_uri = self.redirect_uri(connector.id);
        let made = register(&self.egress, found, &redirect_uri).await;
        let client = made.map_err(|error| unknown(definition, &error))?;
        // A stranger's text must not be read as a reference to a secret of the embedder.
        let secret = client.client_secret.as_ref();
        if secret.is_some_and(|secret| is_dynamic(secret.expose_secret().as_bytes())) {
            return Err(unknown(definition, &FindError::Wrong("client_secret")));
        }
        let mut secrets = self.open_connector(tenant, connector)?;
        secrets.client_secret = client.client_secret;
        let mut with_client = Connector {
            client_id: Some(client.client_id),
            has_client_secret: secrets.client_secret.is_some(),
            version: connector.version + 1,
            ..connector.clone()
        };
        with_client.sealed = self.seal_connector(tenant, &with_client, &secrets)?;
        let tx = self.store.begin().await?;
        // One that exists by default has no row that could be locked.
        store::connector::ensure(&tx, tenant.environment, connector, self.now()).await?;
        let there = store::connector::lock(&tx, tenant.environment, connector.id).await?;
        if let Some(there) = there.filter(|there| there.client_id.is_some()) {
            return Ok(there);
        }
        store::connector::save(&tx, tenant.environment, &with_client, self.now()).await?;
        let target = Target::new("connector", &connector.key);
        let what = Some("a client that registered itself".to_owned());
        self.record(&tx, &visit.actor, "connector.register", target, what).await?;
        tx.commit().await?;
        self.connectors.forget(&(tenant.environment, connector.id));
        Ok(with_client)
    }
}

fn unknown(definition: &Definition, error: &FindError) -> Error {
    tracing::warn!(
        provider.slug = definition.slug(),
        error = error as &dyn std::error::Error,
        "how to sign in could not be found out"
    );
    let name = definition.name();
    match error {
        FindError::NoRegistration => Error::refused(
            Code::ConnectorIncomplete,
            format!("{name} registers no clients by itself; the host app must set one up."),
        ),
        FindError::Egress(_) => Error::refused(
            Code::ProviderUnreachable,
            format!("{name} couldn't be reached. Try again in a moment."),
        ),
        FindError::Nothing | FindError::Wrong(_) | FindError::NoPkce => {
            Error::refused(Code::ProviderUnreachable, format!("{name} doesn't say how to sign in: {error}."))
        }
    }
}
