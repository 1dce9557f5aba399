//! The request for new tokens, with a refresh token or with what the user typed. What may be spent, and where the answer
//! is kept, is not decided here.

use chrono::{DateTime, Utc};
use url::Url;
use vouchsafe_entity::kind::Method;

use crate::domain::connector::Connector;
use crate::domain::refresh::is_minted;
use crate::domain::workspace::Tenant;
use crate::oauth::{Received, TokenError};
use crate::provider::{Definition, RenderError, Values};
use crate::service::material::Material;
use crate::service::{Error, Hub};

/// What new tokens are asked for with.
pub(in crate::service) struct Anew<'a> {
    pub(in crate::service) tenant: Tenant,
    pub(in crate::service) connector: &'a Connector,
    pub(in crate::service) definition: &'a Definition,
    pub(in crate::service) method: Method,
    pub(in crate::service) material: &'a Material,
    /// Those that were granted.
    pub(in crate::service) scopes: &'a [String],
}

/// Where the request goes.
pub(in crate::service) fn endpoint_anew(
    definition: &Definition,
    method: Method,
    values: &Values,
) -> Result<Url, RenderError> {
    match method {
        Method::OAuth2 => definition.refresh_endpoint(values),
        method => definition.token_endpoint(method, values),
    }
}

impl Hub {
    /// Everything that the request may use.
    pub(in crate::service) async fn values_anew(&self, anew: &Anew<'_>) -> Result<Values, Error> {
        let values = self.all_values(anew.tenant, anew.connector, anew.material).await?;
        let mut values = values.with("redirect_uri", self.redirect_uri(anew.connector.id));
        // For apps that want to hear the scopes again: RFC 6749, section 6, allows none beyond those granted.
        let token = anew.definition.token_request_of(anew.method);
        if let Some(token) = token.filter(|_| !anew.scopes.is_empty()) {
            values.set("scope", anew.scopes.join(&token.scope_separator));
        }
        Ok(values)
    }

    /// Sends the request at `at` and hands back its complete answer, unread.
    ///
    /// # Errors
    /// Those of the connector's client, before anything was sent.
    pub(in crate::service) async fn send_anew(
        &self,
        anew: &Anew<'_>,
        values: &Values,
        at: DateTime<Utc>,
    ) -> Result<Result<Received, TokenError>, Error> {
        let (definition, method) = (anew.definition, anew.method);
        if is_minted(method) {
            let scopes = &anew.connector.scopes;
            return Ok(crate::oauth::mint::send(&self.egress, definition, method, values, scopes, at).await);
        }
        let client = self.client(anew.tenant, anew.connector, values).await?;
        let (Some(client), Some(refresh_token)) = (client, &anew.material.refresh_token) else {
            return Ok(Err(TokenError::local()));
        };
        Ok(crate::oauth::refresh::send(&self.egress, definition, values, &client, refresh_token, at).await)
    }
}
