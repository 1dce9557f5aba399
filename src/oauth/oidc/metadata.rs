//! What an identity provider says of itself (OpenID Connect Discovery 1.0), and the way there.

use jsonwebtoken::Algorithm;
use serde_json::{Map, Value};
use url::Url;

use super::{Document, OidcError, Registration, get};
use crate::domain::id_token::HashKind;
use crate::egress::Egress;
use crate::oauth::Pkce;
use crate::provider::AuthMethod;

const WELL_KNOWN: &str = "/.well-known/openid-configuration";

/// Signatures by a key that only the identity provider has. Shared secrets and `none` are no proof.
/// With each its hash (OpenID Connect Core 1.0, section 3.1.3.6); Ed25519 has SHA-512 inside.
const ALGORITHMS: [(&str, Algorithm, HashKind); 9] = [
    ("RS256", Algorithm::RS256, HashKind::Sha256),
    ("RS384", Algorithm::RS384, HashKind::Sha384),
    ("RS512", Algorithm::RS512, HashKind::Sha512),
    ("PS256", Algorithm::PS256, HashKind::Sha256),
    ("PS384", Algorithm::PS384, HashKind::Sha384),
    ("PS512", Algorithm::PS512, HashKind::Sha512),
    ("ES256", Algorithm::ES256, HashKind::Sha256),
    ("ES384", Algorithm::ES384, HashKind::Sha384),
    ("EdDSA", Algorithm::EdDSA, HashKind::Sha512),
];

/// Metadata that were checked.
#[derive(Clone, Debug)]
pub struct Metadata {
    issuer: String,
    authorization_endpoint: Url,
    pub(super) token_endpoint: Url,
    pub(super) jwks_uri: Url,
    pub(super) user_info_endpoint: Option<Url>,
    algorithms: Vec<(Algorithm, HashKind)>,
    pub(super) auth_method: AuthMethod,
    names_itself: bool,
}

/// What a browser takes along.
#[derive(Clone, Copy)]
pub struct Departure<'a> {
    /// Exactly as registered.
    pub redirect_uri: &'a str,
    /// Comes back with the browser.
    pub state: &'a str,
    /// Comes back in the ID token.
    pub nonce: &'a str,
    /// The PKCE verifier, of which only the challenge is sent.
    pub verifier: &'a secrecy::SecretString,
    /// Whether the person has to sign in anew, whatever session they have there.
    pub anew: bool,
}

impl Metadata {
    /// Asks the issuer of `registration`.
    ///
    /// # Errors
    /// [`OidcError`].
    pub async fn discover(egress: &Egress, registration: &Registration) -> Result<Self, OidcError> {
        let issuer = registration.issuer.as_str();
        let address = format!("{}{WELL_KNOWN}", issuer.trim_end_matches('/'));
        let address = Url::parse(&address).map_err(|_| OidcError::OtherIssuer)?;
        Self::read(&get(egress, Document::Metadata, &address, None).await?, issuer)
    }

    pub(super) fn read(document: &Map<String, Value>, issuer: &str) -> Result<Self, OidcError> {
        if document.get("issuer").and_then(Value::as_str) != Some(issuer) {
            return Err(OidcError::OtherIssuer);
        }
        let secure = !issuer.starts_with("http://");
        let endpoint = |name: &str| -> Result<Option<Url>, OidcError> {
            let Some(text) = document.get(name) else { return Ok(None) };
            let url = text.as_str().and_then(|text| Url::parse(text).ok());
            let url = url.ok_or(OidcError::Unreadable(Document::Metadata))?;
            let plain = url.username().is_empty() && url.password().is_none() && url.fragment().is_none();
            let allowed = url.scheme() == "https" || (!secure && url.scheme() == "http");
            if plain && allowed { Ok(Some(url)) } else { Err(OidcError::OtherIssuer) }
        };
        let needed = |name| endpoint(name)?.ok_or(OidcError::Unreadable(Document::Metadata));
        let names_itself = document.get("authorization_response_iss_parameter_supported");
        Ok(Self {
            issuer: issuer.to_owned(),
            authorization_endpoint: needed("authorization_endpoint")?,
            token_endpoint: needed("token_endpoint")?,
            jwks_uri: needed("jwks_uri")?,
            user_info_endpoint: endpoint("userinfo_endpoint")?,
            algorithms: algorithms(document)?,
            auth_method: auth_method(document)?,
            names_itself: names_itself == Some(&Value::Bool(true)),
        })
    }

    /// Where a browser is sent. The address carries `state`, so it must not be logged.
    pub fn authorization_url(&self, registration: &Registration, departure: &Departure<'_>) -> Url {
        let mut url = self.authorization_endpoint.clone();
        let challenge = Pkce::challenge_of(departure.verifier);
        {
            let mut query = url.query_pairs_mut();
            query
                .append_pair("response_type", "code")
                .append_pair("client_id", &registration.client.client_id)
                .append_pair("redirect_uri", departure.redirect_uri)
                .append_pair("scope", "openid email profile")
                .append_pair("state", departure.state)
                .append_pair("nonce", departure.nonce)
                .append_pair("code_challenge", challenge.as_str())
                .append_pair("code_challenge_method", challenge.method().as_str());
            if departure.anew {
                query.append_pair("prompt", "login").append_pair("max_age", "0");
            }
        }
        url
    }

    /// Whether the `iss` of a callback may go on (RFC 9207): the issuer's own, and missing only where it says that it
    /// sends none.
    pub fn accepts(&self, iss: Option<&str>) -> bool {
        iss.map_or(!self.names_itself, |iss| iss == self.issuer)
    }

    /// The hash that belongs to a signature's algorithm; none where it is not allowed.
    pub(super) fn hash_of(&self, algorithm: Algorithm) -> Option<HashKind> {
        self.algorithms.iter().find(|(allowed, _)| *allowed == algorithm).map(|(_, hash)| *hash)
    }
}

/// Those of the document that are allowed here too. A document that says nothing means RS256.
fn algorithms(document: &Map<String, Value>) -> Result<Vec<(Algorithm, HashKind)>, OidcError> {
    let named = words(document, "id_token_signing_alg_values_supported").unwrap_or_else(|| vec!["RS256"]);
    let both = ALGORITHMS.into_iter().filter(|(name, ..)| named.contains(name));
    let both: Vec<_> = both.map(|(_, algorithm, hash)| (algorithm, hash)).collect();
    if both.is_empty() { Err(OidcError::Unsupported) } else { Ok(both) }
}

/// How the secret is sent. A document that says nothing means Basic (OpenID Connect Discovery 1.0, section 3).
fn auth_method(document: &Map<String, Value>) -> Result<AuthMethod, OidcError> {
    let named = words(document, "token_endpoint_auth_methods_supported");
    let has = |word| named.as_ref().is_none_or(|named| named.contains(&word));
    if has("client_secret_basic") {
        return Ok(AuthMethod::ClientSecretBasic);
    }
    if has("client_secret_post") { Ok(AuthMethod::ClientSecretPost) } else { Err(OidcError::Unsupported) }
}

fn words<'a>(document: &'a Map<String, Value>, name: &str) -> Option<Vec<&'a str>> {
    Some(document.get(name)?.as_array()?.iter().filter_map(Value::as_str).collect())
}
