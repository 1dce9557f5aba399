//! What clients of other hubs ask for in the place of a connect session: a token for the modal, and an address that
//! leads to one app's sign-in. They know of no confirmation by a back end, so the page that names who asks has to do.

use serde_json::{Map, Value};
use vouchsafe_entity::kind::{Binding, Confirm, Method};

use super::sessions::{CreatedSession, NewSession, SessionUser};
use crate::domain::actor::Actor;
use crate::domain::connector::Connector;
use crate::secret::PlainToken;
use crate::service::{Code, Error, Hub};
use crate::store;

impl Hub {
    /// A connect session for a user and every connector, to be opened in the modal.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Code::BindingTooWeak`] where the environment wants its back end's confirmation.
    pub async fn user_session(&self, actor: &Actor, user: &str) -> Result<CreatedSession, Error> {
        let user = self.get_user(actor, user).await?;
        self.unconfirmed_session(actor, user.id.to_string(), None).await
    }

    /// An address that leads to the sign-in of `app`, a connector or else its provider, good for one start while its
    /// session lives. Of `data`, what the app has no field for is left out.
    ///
    /// # Errors
    /// [`Error::Invalid`] for an app or user that is not there, [`Code::BindingTooWeak`],
    /// [`Code::ConnectorIncomplete`].
    pub async fn oauth_link(
        &self,
        actor: &Actor,
        user: &str,
        app: &str,
        mut data: Map<String, Value>,
    ) -> Result<PlainToken, Error> {
        let user = self.user_named(actor, user).await?.ok_or_else(|| Error::unknown("/userId", "user"))?;
        let connector =
            self.connector_of_app(actor, app).await?.ok_or_else(|| Error::unknown("/app", "app"))?;
        let fields = self.definition_of(&connector)?.fields(Method::OAuth2);
        data.retain(|name, _| fields.iter().any(|field| field.name == *name));
        let key = connector.key;
        let made = self.unconfirmed_session(actor, user.id.to_string(), Some(vec![key.clone()])).await?;
        let visit = self.visit_of(made.session.id, actor.origin.clone()).await?.ok_or(Error::NotFound)?;
        let until = visit.session.expires_at;
        let ticket = self.ticket_until(&visit, &key, &data, true, until).await?.ticket;
        Ok(PlainToken::presented(&format!("{}connect/start?ticket={}", self.public_url, ticket.expose())))
    }

    /// The connector that a client means by the name of an app: the one with that key, else one of that provider.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn connector_of_app(&self, actor: &Actor, app: &str) -> Result<Option<Connector>, Error> {
        if let Some(connector) = self.connector_named(actor, app).await? {
            return Ok(Some(connector));
        }
        Ok(store::connector::by_provider(&self.store, actor.environment(), app).await?)
    }

    async fn unconfirmed_session(
        &self,
        actor: &Actor,
        user: String,
        connectors: Option<Vec<String>>,
    ) -> Result<CreatedSession, Error> {
        let (environment, _) = &*self.environment_of(actor.environment()).await?;
        if environment.settings.minimum_binding == Binding::Backend {
            let detail =
                "This environment wants its back end to confirm what is connected; make a connect session.";
            return Err(Error::refused(Code::BindingTooWeak, detail));
        }
        let new = NewSession {
            user: SessionUser::Named(user),
            integration: None,
            connectors,
            allowed_origins: None,
            return_url: None,
            credential: None,
            expires_in: None,
            confirm: Some(Confirm::Browser),
            locale: None,
            theme: None,
        };
        self.create_session(actor, new).await
    }
}
