//! Tokens that are made again from what the user typed: client credentials (RFC 6749, section 4.4), logins, and JWTs
//! that are signed here and exchanged (RFC 7523, section 2.1) or sent as they are.
//! Nothing is consumed, so an unknown outcome does no harm.

use chrono::{DateTime, Utc};
use http::HeaderMap;
use oauth2::{Scope, TokenUrl};
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::Map;
use vouchsafe_entity::kind::Method;

use super::{
    ClientAuth, Received, TokenAnswer, TokenError, assertion,
    authorize::with_nonce,
    wire::{Call, Wire, hub_client, plan, secrets_of},
};
use crate::{
    egress::Egress,
    provider::{Definition, RenderError, Values},
};

/// Makes a token with `method` and reads the answer. `values` hold the user's `client_id` and `client_secret`, or the
/// login values; `scopes` come after those of the definition. `sent_at` is the present moment.
pub async fn mint(
    egress: &Egress,
    definition: &Definition,
    method: Method,
    values: &Values,
    scopes: &[String],
    sent_at: DateTime<Utc>,
) -> Result<TokenAnswer, TokenError> {
    send(egress, definition, method, values, scopes, sent_at).await?.read_for(definition, method)
}

/// Sends the request and hands back its complete answer, unread.
pub async fn send(
    egress: &Egress,
    definition: &Definition,
    method: Method,
    values: &Values,
    scopes: &[String],
    sent_at: DateTime<Utc>,
) -> Result<Received, TokenError> {
    let values = &with_nonce(values);
    match method {
        Method::ClientCredentials => client_credentials(egress, definition, values, scopes, sent_at).await,
        Method::Session => log_in(egress, definition, values, sent_at).await,
        Method::Jwt => sign(egress, definition, values, scopes, sent_at).await,
        Method::OAuth2 | Method::OAuth1 | Method::ApiKey | Method::Basic | Method::AwsSigV4 => {
            Err(RenderError::Undeclared.into())
        }
    }
}

async fn client_credentials(
    egress: &Egress,
    definition: &Definition,
    values: &Values,
    scopes: &[String],
    sent_at: DateTime<Utc>,
) -> Result<Received, TokenError> {
    let method = Method::ClientCredentials;
    let token = definition.token_request_of(method).ok_or(RenderError::Undeclared)?;
    let text = |name: &str| values.get(name).map(|value: &SecretString| value.expose_secret().to_owned());
    let client = ClientAuth {
        client_id: text("client_id").ok_or_else(|| RenderError::Missing("client_id".to_owned()))?,
        client_secret: values.get("client_secret").cloned(),
    };
    let scope = token.joined_scopes(scopes);
    let mut values = values.clone();
    if let Some(scope) = &scope {
        values.set("scope", scope.as_str());
    }
    let url = definition.token_endpoint(method, &values)?;

    let (client, own) = assertion::authenticated(token, &client, &values, &url, sent_at)?;
    let crate_client = hub_client(&client, token.auth_method).set_token_uri(TokenUrl::from_url(url.clone()));
    // Joined beforehand: the crate knows only the space as separator.
    let request = crate_client.exchange_client_credentials().add_scopes(scope.map(Scope::new));
    let params = assertion::with(own, token.params.render(&values)?);
    let wire = Wire::new(egress, plan(token, url, params, &values)?);
    // The answer is in the wire; the crate only knows that it was stopped.
    let _ = request.request_async(&wire).await;
    wire.into_received(sent_at, secrets_of(definition, &values))
}

/// A login is no grant of OAuth, so every parameter comes from the definition.
async fn log_in(
    egress: &Egress,
    definition: &Definition,
    values: &Values,
    sent_at: DateTime<Utc>,
) -> Result<Received, TokenError> {
    let token = definition.token_request_of(Method::Session).ok_or(RenderError::Undeclared)?;
    let url = definition.token_endpoint(Method::Session, values)?;
    let request = plan(token, url, token.params.render(values)?, values)?.build(Vec::new(), HeaderMap::new());
    Call { egress, sent_at, secrets: secrets_of(definition, values) }.send(request).await
}

/// Signs a JWT. Where the definition has a token endpoint it is exchanged there; elsewhere it is the token.
async fn sign(
    egress: &Egress,
    definition: &Definition,
    values: &Values,
    scopes: &[String],
    sent_at: DateTime<Utc>,
) -> Result<Received, TokenError> {
    let table = definition.jwt().ok_or(RenderError::Undeclared)?;
    let mut values = values.clone();
    if !scopes.is_empty() {
        let separator = table.token.as_ref().map_or(" ", |token| &token.scope_separator);
        values.set("scope", scopes.join(separator));
    }
    let jwt = assertion::signed(&table.shape, &values, Map::new(), sent_at)?;
    let Some(token) = &table.token else {
        return Ok(Received::signed_here(&jwt, table.shape.lifetime, sent_at));
    };
    values.set("jwt", jwt);
    let url = definition.token_endpoint(Method::Jwt, &values)?;
    let request =
        plan(token, url, token.params.render(&values)?, &values)?.build(Vec::new(), HeaderMap::new());
    Call { egress, sent_at, secrets: secrets_of(definition, &values) }.send(request).await
}
