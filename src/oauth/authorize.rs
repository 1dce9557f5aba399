//! The URL to which the browser is sent for consent (RFC 6749, section 4.1.1; RFC 7636, section 4.3).

use std::borrow::Cow;

use oauth2::{AuthUrl, CsrfToken, PkceCodeChallenge, RedirectUrl, Scope};
use secrecy::{ExposeSecret as _, SecretString};
use url::Url;

use super::{ClientAuth, pkce, wire::hub_client};
use crate::{
    provider::{AuthMethod, CodeChallenge, Definition, ParamValue, RenderError, TokenRequest, Values},
    random::SystemRandom,
};

/// What one flow puts into its authorization URL.
#[derive(Clone, Debug)]
pub struct AuthorizeInput<'a> {
    /// The connector's client id.
    pub client_id: &'a str,
    /// Exactly as registered at the app.
    pub redirect_uri: &'a str,
    /// The plain `state`.
    pub state: &'a SecretString,
    /// Scopes beyond those that the definition always asks for.
    pub scopes: &'a [String],
    /// The PKCE challenge; left out where the definition says `none`.
    pub code_challenge: Option<&'a PkceCodeChallenge>,
    /// More parameters, such as `login_hint`. They never replace another one.
    pub extra_params: &'a [(String, String)],
}

/// Why there is no authorization URL.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AuthorizeError {
    /// Definition and values make no URL.
    #[error("the authorization URL cannot be built")]
    Render(#[from] RenderError),
    /// The redirect URI is no URL.
    #[error("the redirect URI is not a URL")]
    RedirectUri,
    /// The definition demands PKCE and there is no challenge: never downgraded.
    #[error("the definition demands a code challenge")]
    CodeChallenge,
}

/// The complete authorization URL. It carries `state`, so it must not be logged.
pub fn authorization_url(
    definition: &Definition,
    values: &Values,
    input: &AuthorizeInput<'_>,
) -> Result<Url, AuthorizeError> {
    let oauth2 = definition.oauth2().ok_or(RenderError::Undeclared)?;
    let scope = oauth2.token.joined_scopes(input.scopes);
    let client = ClientAuth { client_id: input.client_id.to_owned(), client_secret: None };
    let mut values = client.fill(values).with("redirect_uri", input.redirect_uri);
    if let Some(scope) = &scope {
        values.set("scope", scope.as_str());
    }
    let endpoint = definition.authorization_endpoint(&values)?;
    let challenge = match (oauth2.code_challenge, input.code_challenge) {
        (CodeChallenge::None, _) => None,
        (CodeChallenge::S256, Some(challenge)) => Some(challenge.clone()),
        (CodeChallenge::S256, None) => return Err(AuthorizeError::CodeChallenge),
    };

    let mut bare = endpoint.clone();
    bare.set_query(None);
    let redirect =
        RedirectUrl::new(input.redirect_uri.to_owned()).map_err(|_| AuthorizeError::RedirectUri)?;
    let crate_client = hub_client(&client, Some(AuthMethod::None)).set_auth_uri(AuthUrl::from_url(bare));
    let state = CsrfToken::new(input.state.expose_secret().to_owned());
    let mut request = crate_client
        .authorize_url(|| state)
        .set_redirect_uri(Cow::Owned(redirect))
        .add_scopes(scope.map(Scope::new));
    if let Some(challenge) = challenge {
        request = request.set_pkce_challenge(challenge);
    }
    let (standard, _) = request.url();

    let overrides = oauth2.authorization_params.render(&values)?;
    let pairs = finish(&standard, overrides, &oauth2.token, input.extra_params);
    let mut url = endpoint;
    url.query_pairs_mut().extend_pairs(&pairs);
    Ok(url)
}

/// The crate's parameters as the app wants them: the definition's put over them, then renamed, then the rest.
fn finish(
    standard: &Url,
    overrides: Vec<(String, Option<ParamValue>)>,
    token: &TokenRequest,
    extra: &[(String, String)],
) -> Vec<(String, String)> {
    let mut pairs: Vec<(String, String)> = standard.query_pairs().into_owned().collect();
    for (name, value) in overrides {
        let text = value.and_then(|value| value.text());
        let place = pairs.iter().position(|(other, _)| *other == name);
        match (place, text) {
            (Some(place), Some(text)) => text.expose_secret().clone_into(&mut pairs[place].1),
            (Some(place), None) => drop(pairs.remove(place)),
            (None, Some(text)) => pairs.push((name, text.expose_secret().to_owned())),
            (None, None) => {}
        }
    }
    for (name, _) in &mut pairs {
        *name = token.name_of(name).to_owned();
    }
    for (name, value) in extra {
        if !pairs.iter().any(|(other, _)| other == name) {
            pairs.push((name.clone(), value.clone()));
        }
    }
    pairs
}

impl TokenRequest {
    /// The definition's scopes, then `more`, without repetition, joined as the app wants it; none if there are none.
    pub(super) fn joined_scopes(&self, more: &[String]) -> Option<String> {
        let mut scopes: Vec<&str> = Vec::new();
        for scope in self.scopes.iter().chain(more) {
            if !scopes.contains(&scope.as_str()) {
                scopes.push(scope);
            }
        }
        (!scopes.is_empty()).then(|| scopes.join(&self.scope_separator))
    }
}

impl ClientAuth {
    /// `values` with the built-ins `client_id` and `client_secret` of this client.
    pub(super) fn fill(&self, values: &Values) -> Values {
        let mut values = with_nonce(values).with("client_id", self.client_id.as_str());
        match &self.client_secret {
            Some(secret) => values.set("client_secret", secret.clone()),
            None => drop(values.remove("client_secret")),
        }
        values
    }
}

/// `values` with the built-in `nonce`, new for each request.
pub(super) fn with_nonce(values: &Values) -> Values {
    values.clone().with("nonce", pkce::new_state(&SystemRandom))
}
