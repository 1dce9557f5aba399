//! A code becomes tokens (RFC 6749, section 4.1.3; RFC 7636, section 4.5).

use std::borrow::Cow;

use chrono::{DateTime, Utc};
use http::HeaderMap;
use oauth2::{AuthorizationCode, PkceCodeVerifier, RedirectUrl, TokenUrl};
use secrecy::{ExposeSecret as _, SecretString};
use vouchsafe_entity::kind::Method;

use super::{
    ClientAuth, Received, TokenAnswer, TokenError, assertion,
    wire::{Call, Plan, Wire, auth_method, hub_client, plan, secrets_of},
};
use crate::{
    egress::Egress,
    provider::{Definition, RenderError, Values},
};

/// What came back from the authorization page, and what was kept for it.
#[derive(Clone, Debug)]
pub struct CodeGrant {
    /// The code.
    pub code: SecretString,
    /// The PKCE verifier; none where the definition sends no challenge.
    pub verifier: Option<SecretString>,
    /// Exactly the redirect URI of the authorization request.
    pub redirect_uri: String,
    /// The scopes asked for beyond those of the definition, for apps that want them again.
    pub scopes: Vec<String>,
}

/// Exchanges a code and reads the answer. `sent_at` is the present moment.
pub async fn exchange_code(
    egress: &Egress,
    definition: &Definition,
    values: &Values,
    client: &ClientAuth,
    grant: &CodeGrant,
    sent_at: DateTime<Utc>,
) -> Result<TokenAnswer, TokenError> {
    let token = definition.token_request_of(Method::OAuth2).ok_or(RenderError::Undeclared)?;
    send(egress, definition, values, client, grant, sent_at).await?.read(token)
}

/// Sends the request and hands back its complete answer, unread.
pub async fn send(
    egress: &Egress,
    definition: &Definition,
    values: &Values,
    client: &ClientAuth,
    grant: &CodeGrant,
    sent_at: DateTime<Utc>,
) -> Result<Received, TokenError> {
    let token = definition.token_request_of(Method::OAuth2).ok_or(RenderError::Undeclared)?;
    let mut values = client.fill(values).with("redirect_uri", grant.redirect_uri.as_str());
    if let Some(scope) = token.joined_scopes(&grant.scopes) {
        values.set("scope", scope);
    }
    let url = definition.token_endpoint(Method::OAuth2, &values)?;
    let redirect = RedirectUrl::new(grant.redirect_uri.clone()).map_err(|_| TokenError::local())?;

    let (client, own) = assertion::authenticated(token, client, &values, &url, sent_at)?;
    let crate_client =
        hub_client(&client, auth_method(token, &values)).set_token_uri(TokenUrl::from_url(url.clone()));
    let code = AuthorizationCode::new(grant.code.expose_secret().to_owned());
    let mut request = crate_client.exchange_code(code).set_redirect_uri(Cow::Owned(redirect));
    if let Some(verifier) = &grant.verifier {
        request = request.set_pkce_verifier(PkceCodeVerifier::new(verifier.expose_secret().to_owned()));
    }
    let params = assertion::with(own, token.params.render(&values)?);
    let wire = Wire::new(egress, plan(token, url, params, &values)?);
    // The answer is in the wire; the crate only knows that it was stopped.
    let _ = request.request_async(&wire).await;

    let mut secrets = secrets_of(definition, &values);
    secrets.push(grant.code.clone());
    secrets.extend(grant.verifier.clone());
    wire.into_received(sent_at, secrets)
}

/// Turns the access token of a code exchange into the one to keep, where the definition has a second request for that.
/// What else the first answer told stays.
pub async fn prolong(
    egress: &Egress,
    definition: &Definition,
    values: &Values,
    client: &ClientAuth,
    first: TokenAnswer,
    sent_at: DateTime<Utc>,
) -> Result<TokenAnswer, TokenError> {
    let oauth2 = definition.oauth2().ok_or(RenderError::Undeclared)?;
    let Some(exchange) = &oauth2.exchange else {
        return Ok(first);
    };
    let values = client.fill(values).with("access_token", first.access_token.clone());
    let plan = Plan {
        format: exchange.format,
        rename: None,
        ..plan(&oauth2.token, exchange.endpoint.render(&values)?, exchange.params.render(&values)?, &values)?
    };
    let request = plan.build(Vec::new(), HeaderMap::new());
    let secrets = secrets_of(definition, &values);
    let second = Call { egress, sent_at, secrets }.send(request).await?.read(&oauth2.token)?;
    Ok(TokenAnswer {
        access_token: second.access_token,
        refresh_expires_in: match second.refresh_token {
            Some(_) => second.refresh_expires_in,
            None => first.refresh_expires_in,
        },
        refresh_token: second.refresh_token.or(first.refresh_token),
        expires_in: second.expires_in,
        scopes: second.scopes.or(first.scopes),
        token_type: second.token_type,
        raw: first.raw,
    })
}
