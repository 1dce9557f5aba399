//! The code that a browser brought back becomes tokens (OpenID Connect Core 1.0, section 3.1.3), and the access token
//! the user info (section 5.3). Each is asked for once.

use std::borrow::Cow;

use chrono::{DateTime, Utc};
use oauth2::{AuthorizationCode, PkceCodeVerifier, RedirectUrl, TokenUrl};
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::{Map, Value};

use super::{Document, Metadata, OidcError, Registration, get, object, refusal};
use crate::egress::{Class, Egress};
use crate::oauth::TokenError;
use crate::oauth::wire::{Plan, Wire, hub_client};
use crate::provider::TokenRequestFormat;

/// A code, and what it was asked for with.
#[derive(Clone, Debug)]
pub struct SignInCode {
    /// The code.
    pub code: SecretString,
    /// The PKCE verifier.
    pub verifier: SecretString,
    /// Exactly the redirect URI that the browser was sent away with.
    pub redirect_uri: String,
}

/// What the code was good for.
#[derive(Clone, Debug)]
pub struct Granted {
    /// Says who it is; not verified yet.
    pub id_token: SecretString,
    /// Opens the user info.
    pub access_token: Option<SecretString>,
}

impl SignInCode {
    /// Exchanges the code. `sent_at` is the present moment.
    ///
    /// # Errors
    /// [`OidcError`].
    pub async fn exchange(
        &self,
        egress: &Egress,
        metadata: &Metadata,
        registration: &Registration,
        sent_at: DateTime<Utc>,
    ) -> Result<Granted, OidcError> {
        let no_answer = OidcError::NoAnswer;
        let url = metadata.token_endpoint.clone();
        let redirect = RedirectUrl::new(self.redirect_uri.clone());
        let redirect = redirect.map_err(|_| no_answer(TokenError::local()))?;
        let client = hub_client(&registration.client, Some(metadata.auth_method));
        let client = client.set_token_uri(TokenUrl::from_url(url.clone()));
        let request = client
            .exchange_code(AuthorizationCode::new(self.code.expose_secret().to_owned()))
            .set_redirect_uri(Cow::Owned(redirect))
            .set_pkce_verifier(PkceCodeVerifier::new(self.verifier.expose_secret().to_owned()));
        let plan = Plan {
            url,
            class: Class::Check,
            format: TokenRequestFormat::Form,
            params: Vec::new(),
            rename: None,
            headers: Vec::new(),
        };
        let wire = Wire::new(egress, plan);
        // The answer is in the wire; the crate only knows that it was stopped.
        let _ = request.request_async(&wire).await;
        let mut secrets = vec![self.code.clone(), self.verifier.clone()];
        secrets.extend(registration.client.client_secret.clone());
        let received = wire.into_received(sent_at, secrets.clone()).map_err(no_answer)?;
        let answer = object(received.body(), &["id_token", "access_token"]);
        if !received.is_success() {
            let status = received.status().as_u16();
            let code = refusal(answer.as_ref(), &secrets);
            return Err(code.map_or(OidcError::Status(Document::Token, status), OidcError::Refused));
        }
        Granted::read(answer.as_ref()).ok_or(OidcError::Unreadable(Document::Token))
    }
}

impl Granted {
    fn read(answer: Option<&Map<String, Value>>) -> Option<Self> {
        let text = |name: &str| Some(SecretString::from(answer?.get(name)?.as_str()?));
        Some(Self { id_token: text("id_token")?, access_token: text("access_token") })
    }

    /// What the user info says, where the identity provider has one.
    ///
    /// # Errors
    /// [`OidcError`].
    pub async fn user_info(
        &self,
        egress: &Egress,
        metadata: &Metadata,
    ) -> Result<Option<Map<String, Value>>, OidcError> {
        let (Some(url), Some(access_token)) = (&metadata.user_info_endpoint, &self.access_token) else {
            return Ok(None);
        };
        get(egress, Document::UserInfo, url, Some(access_token)).await.map(Some)
    }
}
