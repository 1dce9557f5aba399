//! A refresh token becomes new tokens (RFC 6749, section 6). Whether and when to spend one is not decided here.

use chrono::{DateTime, Utc};
use oauth2::{RefreshToken, TokenUrl};
use secrecy::{ExposeSecret as _, SecretString};
use vouchsafe_entity::kind::Method;

use super::{
    ClientAuth, Received, TokenAnswer, TokenError, assertion,
    wire::{Plan, Wire, auth_method, hub_client, plan, secrets_of},
};
use crate::{
    egress::Egress,
    provider::{Definition, RenderError, Values},
};

/// Spends `refresh_token` and reads the answer. `sent_at` is the present moment. Besides the variables, `values` may hold
/// the built-ins `access_token`, `redirect_uri` and `scope` for definitions that ask for them.
pub async fn refresh(
    egress: &Egress,
    definition: &Definition,
    values: &Values,
    client: &ClientAuth,
    refresh_token: &SecretString,
    sent_at: DateTime<Utc>,
) -> Result<TokenAnswer, TokenError> {
    send(egress, definition, values, client, refresh_token, sent_at)
        .await
        .and_then(|answer| read(definition, &answer))
}

/// Spends `refresh_token` and hands back the complete answer, unread: at a rotating provider it holds the only
/// successor.
pub async fn send(
    egress: &Egress,
    definition: &Definition,
    values: &Values,
    client: &ClientAuth,
    refresh_token: &SecretString,
    sent_at: DateTime<Utc>,
) -> Result<Received, TokenError> {
    let token = definition.token_request_of(Method::OAuth2).ok_or(RenderError::Undeclared)?;
    let described = definition.refresh().ok_or(RenderError::Undeclared)?;
    let mut filled = client.fill(values).with("refresh_token", refresh_token.clone());
    if let (None, Some(scope)) = (values.get("scope"), token.joined_scopes(&[])) {
        filled.set("scope", scope);
    }
    let values = filled;
    let url = definition.refresh_endpoint(&values)?;

    // The audience of an assertion is the token endpoint, wherever the refresh goes.
    let audience = definition.token_endpoint(Method::OAuth2, &values)?;
    let (client, own) = assertion::authenticated(token, client, &values, &audience, sent_at)?;
    let crate_client =
        hub_client(&client, auth_method(token, &values)).set_token_uri(TokenUrl::from_url(url.clone()));
    let spent = RefreshToken::new(refresh_token.expose_secret().to_owned());
    let params = assertion::with(own, described.params.render(&values)?);
    let plan = Plan { format: described.format, ..plan(token, url, params, &values)? };
    let wire = Wire::new(egress, plan);
    // The answer is in the wire; the crate only knows that it was stopped.
    let _ = crate_client.exchange_refresh_token(&spent).request_async(&wire).await;
    wire.into_received(sent_at, secrets_of(definition, &values))
}

/// Reads an answer to a refresh, fresh or kept.
pub fn read(definition: &Definition, answer: &Received) -> Result<TokenAnswer, TokenError> {
    answer.read_for(definition, Method::OAuth2)
}
