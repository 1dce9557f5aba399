//! What clients of other hubs ask for in the place of a connect session: a token for the modal, and an address that
//! leads to one app's sign-in. They know of no confirmation by a back end, so the page that names who asks has to do.

use serde_json::{Map, Value};
use vouchsafe_entity::kind::{Binding, Confirm, Method};
use vouchsafe_entity::millis::Millis;

use super::reconnect::no_way_back;
use super::sessions::{CreatedSession, NewSession};
use crate::domain::actor::Actor;
use crate::domain::connector::Connector;
use crate::domain::role::Action;
use crate::secret::PlainToken;
use crate::service::{Code, Error, Hub};
use crate::store;

/// Seconds that a link sent to a user is good.
const LINK_SECONDS: i64 = 3_600;

impl Hub {
    /// A connect session for a user and every connector, to be opened in the modal.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Code::BindingTooWeak`] where the environment wants its back end's confirmation.
    pub async fn user_session(&self, actor: &Actor, user: &str) -> Result<CreatedSession, Error> {
        self.permit(actor, Action::MaintainCredentials).await?;
        let user = self.get_user(actor, user).await?;
        self.unconfirmed_session(actor, user.id.to_string(), None).await
    }

    /// A hosted link by which a user connects apps, and sees and takes back what they have connected: those of an
    /// integration, or all. It is good for an hour.
    ///
    /// # Errors
    /// [`Error::NotFound`], those of [`Hub::create_session`], [`Code::BindingTooWeak`] where a back end must confirm what
    /// comes of a link and has no page to come back to.
    pub async fn hosted_link_for(
        &self,
        actor: &Actor,
        user: &str,
        integration: Option<String>,
    ) -> Result<(PlainToken, Millis), Error> {
        self.permit(actor, Action::MaintainCredentials).await?;
        let user = self.get_user(actor, user).await?;
        let new = NewSession {
            integration,
            expires_in: Some(LINK_SECONDS),
            confirm: None,
            ..NewSession::for_user(user.id.to_string())
        };
        let made = self.create_session(actor, new).await?;
        let address = made.connect_url.ok_or_else(no_way_back)?;
        Ok((PlainToken::presented(&address), made.session.expires_at))
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
        self.permit(actor, Action::MaintainCredentials).await?;
        let user = self.user_named(actor, user).await?.ok_or_else(|| Error::unknown("/userId", "user"))?;
        let connector =
            self.connector_of_app(actor, app).await?.ok_or_else(|| Error::unknown("/app", "app"))?;
        let definition = self.definition_of(&connector)?;
        let method = Self::sign_in_of(&connector, &definition).unwrap_or(Method::OAuth2);
        let fields = definition.fields(method);
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
        self.permit(actor, Action::ViewConnectors).await?;
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
        let new = NewSession { connectors, confirm: Some(Confirm::Browser), ..NewSession::for_user(user) };
        self.create_session(actor, new).await
    }
}
