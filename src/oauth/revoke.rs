//! Telling the provider that a token is to die (RFC 7009).

use chrono::{DateTime, Utc};
use http::header::AUTHORIZATION;
use oauth2::{AccessToken, RefreshToken, RevocationUrl, StandardRevocableToken};
use secrecy::{ExposeSecret as _, SecretString};
use vouchsafe_entity::kind::{FailClass, Method};

use super::{
    ClientAuth, Received, TokenError, assertion,
    error::by_code,
    wire::{Plan, Wire, auth_method, hub_client, secrets_of},
};
use crate::{
    egress::{Class, Egress},
    provider::{Definition, RenderError, TokenRequest, TokenRequestFormat, Values},
};

/// The token that is to die, with the hint that goes with it.
#[derive(Clone, Debug)]
pub enum Revocable {
    /// Preferred: it usually takes the access tokens with it.
    RefreshToken(SecretString),
    /// Where there is no refresh token.
    AccessToken(SecretString),
}

/// What became of it at the provider.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Revocation {
    /// Dead, now or before.
    Revoked,
    /// The app offers no revocation, or not of such tokens.
    Unsupported,
    /// Not known to be dead; worth another try.
    Failed(TokenError),
}

/// Revokes `token`, within 10 s. `sent_at` is the present moment.
pub async fn revoke(
    egress: &Egress,
    definition: &Definition,
    values: &Values,
    client: &ClientAuth,
    token: &Revocable,
    sent_at: DateTime<Utc>,
) -> Revocation {
    let Some(described) = definition.token_request_of(Method::OAuth2) else {
        return Revocation::Unsupported;
    };
    match send(egress, definition, values, client, token, sent_at).await {
        Ok(Some(answer)) => outcome(&answer, described),
        Ok(None) => Revocation::Unsupported,
        Err(error) => Revocation::Failed(error),
    }
}

async fn send(
    egress: &Egress,
    definition: &Definition,
    values: &Values,
    client: &ClientAuth,
    token: &Revocable,
    sent_at: DateTime<Utc>,
) -> Result<Option<Received>, TokenError> {
    let described = definition.token_request_of(Method::OAuth2).ok_or(RenderError::Undeclared)?;
    let values = client.fill(values);
    let Some(url) = definition.revocation_endpoint(&values) else {
        return Ok(None);
    };
    let url = url?;
    // The crate insists on https; the guard decides, and the plan holds the real URL.
    let mut secure = url.clone();
    secure.set_scheme("https").map_err(|()| TokenError::local())?;

    let audience = definition.token_endpoint(Method::OAuth2, &values)?;
    let (client, own) = assertion::authenticated(described, client, &values, &audience, sent_at)?;
    let crate_client = hub_client(&client, auth_method(described, &values))
        .set_revocation_url(RevocationUrl::from_url(secure));
    let (revocable, secret) = match token {
        Revocable::RefreshToken(secret) => (
            StandardRevocableToken::RefreshToken(RefreshToken::new(secret.expose_secret().to_owned())),
            secret,
        ),
        Revocable::AccessToken(secret) => {
            (StandardRevocableToken::AccessToken(AccessToken::new(secret.expose_secret().to_owned())), secret)
        }
    };
    let request = crate_client.revoke_token(revocable).map_err(|_| TokenError::local())?;
    // An endpoint is declared only where it speaks RFC 7009, so the quirks of the token request stay out, but for how
    // the client authenticates.
    let basic = described.basic.as_ref().map(|basic| basic.render(&values)).transpose()?;
    let wire = Wire::new(
        egress,
        Plan {
            url,
            class: Class::Check,
            format: TokenRequestFormat::Form,
            params: own,
            rename: None,
            headers: basic.map(|basic| (AUTHORIZATION, basic)).into_iter().collect(),
        },
    );
    // The answer is in the wire; the crate only knows that it was stopped.
    let _ = request.request_async(&wire).await;
    let mut secrets = secrets_of(definition, &values);
    secrets.push(secret.clone());
    wire.into_received(sent_at, secrets).map(Some)
}

/// RFC 7009 lets a client look at the status alone, but some apps answer 200 to everything and say in the body what
/// happened; claiming "revoked" then would be false.
fn outcome(answer: &Received, described: &TokenRequest) -> Revocation {
    let Err(error) = answer.read(described) else {
        return Revocation::Revoked;
    };
    let status = answer.status().as_u16();
    let mapped = |code: &str| {
        described.error_map.contains_key(code).then(|| by_code(code, status, &described.error_map))
    };
    match error.code.as_deref() {
        None if answer.is_success() && error.class != FailClass::Other => Revocation::Revoked,
        Some("invalid_token") if matches!(status, 200..=299 | 400 | 401) => Revocation::Revoked,
        Some("unsupported_token_type") => Revocation::Unsupported,
        Some(code) if matches!(mapped(code), Some(FailClass::Refused | FailClass::Revoked)) => {
            Revocation::Revoked
        }
        _ => Revocation::Failed(error),
    }
}
