//! The method tables: how a credential is obtained, renewed and placed.

use std::collections::BTreeMap;
use std::time::Duration;

use vouchsafe_entity::kind::FailClass;

use super::params::Params;
use super::placement::{Headers, Placing};
use crate::provider::path::Path;
use crate::provider::template::Template;
use crate::provider::url_template::UrlTemplate;
use crate::signing::{Algorithm, KeyEncoding};

/// `[oauth2]`: the user consents in a browser; authorization code with PKCE.
#[derive(Debug)]
pub struct OAuth2 {
    /// Where the browser is sent (RFC 8414).
    pub authorization_endpoint: UrlTemplate,
    /// Where a token is revoked, if the app speaks RFC 7009.
    pub revocation_endpoint: Option<UrlTemplate>,
    /// PKCE.
    pub code_challenge: CodeChallenge,
    /// Added to, replacing or removing the standard parameters of the authorization request.
    pub authorization_params: Params,
    /// The names of the callback's parameters.
    pub authorization_response: AuthorizationResponse,
    /// The code exchange.
    pub token: TokenRequest,
    /// A second request, which turns the token of the first into one that lives longer.
    pub exchange: Option<Exchange>,
    /// Renewal.
    pub refresh: Refresh,
    pub(in crate::provider) placing: Placing,
}

/// `[client_credentials]`: the user's own client id and secret.
#[derive(Debug)]
pub struct ClientCredentials {
    /// The token request.
    pub token: TokenRequest,
    pub(in crate::provider) placing: Placing,
}

/// `[api_key]`: values that are placed as they are.
#[derive(Debug)]
pub struct ApiKey {
    pub(in crate::provider) placing: Placing,
}

/// `[session]`: login values, exchanged for a session.
#[derive(Debug)]
pub struct Session {
    /// The login request.
    pub token: TokenRequest,
    pub(in crate::provider) placing: Placing,
}

/// `[jwt]`: a signing key.
#[derive(Debug)]
pub struct Jwt {
    /// How the token is made.
    pub shape: JwtShape,
    /// The request that exchanges the signed token; none where it is sent as it is.
    pub token: Option<TokenRequest>,
    pub(in crate::provider) placing: Placing,
}

/// How a JWT is made.
#[derive(Debug)]
pub struct JwtShape {
    /// Signature algorithm; none = that of the key.
    pub algorithm: Option<Algorithm>,
    /// The private key or shared secret.
    pub key: Template,
    /// How a shared secret is written.
    pub encoding: KeyEncoding,
    /// More header members.
    pub header: Params,
    /// Claims; the hub adds `iat` and `exp`.
    pub claims: Params,
    /// From `iat` to `exp`.
    pub lifetime: Duration,
}

/// PKCE (RFC 7636).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum CodeChallenge {
    /// `S256`.
    #[default]
    S256,
    /// Not sent.
    None,
}

/// How the client authenticates at the token endpoint (RFC 6749, section 2.3).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum AuthMethod {
    /// In the body.
    #[default]
    ClientSecretPost,
    /// HTTP Basic.
    ClientSecretBasic,
    /// A client assertion, signed anew for each request (RFC 7523, section 2.2).
    PrivateKeyJwt,
    /// Only the client id is sent.
    None,
}

/// How the token request is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TokenRequestFormat {
    /// `application/x-www-form-urlencoded`.
    #[default]
    Form,
    /// `application/json`.
    Json,
    /// A GET with a query.
    Query,
}

/// One token request.
#[derive(Debug)]
pub struct TokenRequest {
    /// Where it goes.
    pub endpoint: UrlTemplate,
    /// How it is written.
    pub format: TokenRequestFormat,
    /// How the client authenticates; none for a login or an assertion.
    pub auth_method: Option<AuthMethod>,
    /// The JWT by which the client authenticates, or that is its secret.
    pub client_assertion: Option<JwtShape>,
    /// HTTP Basic of a login, or of a client whose id and secret are not encoded first.
    pub basic: Option<Basic>,
    /// Added to, replacing or removing the standard parameters.
    pub params: Params,
    /// Headers of the request.
    pub headers: Headers,
    /// Always asked for, before those of connector and integrations.
    pub scopes: Vec<String>,
    /// What joins scopes.
    pub scope_separator: String,
    /// Standard request parameter to vendor name.
    pub rename: BTreeMap<String, String>,
    /// Where the members of the answer are.
    pub response: TokenResponse,
    /// Vendor error code to class.
    pub error_map: BTreeMap<String, FailClass>,
    /// Set where the answer does not say how long an access token lives.
    pub access_token_lifetime: Option<Duration>,
    /// Whether the access token is what a refresh spends, since the app gives no other.
    pub renewed_by_access_token: bool,
}

impl TokenRequest {
    /// The vendor's name of a standard request parameter.
    pub fn name_of<'a>(&'a self, standard: &'a str) -> &'a str {
        self.rename.get(standard).map_or(standard, String::as_str)
    }
}

/// HTTP Basic made of two templates.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Basic {
    /// Without a colon once filled.
    pub username: Template,
    /// May be empty.
    pub password: Template,
}

/// Where the members of a token answer are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenResponse {
    /// The access token.
    pub access_token: Path,
    /// The refresh token.
    pub refresh_token: Path,
    /// Lifetime in seconds.
    pub expires_in: Path,
    /// End of life, ISO 8601 or seconds since 1970.
    pub expires_at: Path,
    /// Granted scopes.
    pub scope: Path,
    /// Error code.
    pub error: Path,
}

/// The names of the callback's parameters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuthorizationResponse {
    /// The code.
    pub code: String,
    /// The state.
    pub state: String,
    /// The error code.
    pub error: String,
    /// The error in words.
    pub error_description: String,
    /// The issuer (RFC 9207).
    pub iss: String,
}

impl Default for AuthorizationResponse {
    fn default() -> Self {
        let name = str::to_owned;
        Self {
            code: name("code"),
            state: name("state"),
            error: name("error"),
            error_description: name("error_description"),
            iss: name("iss"),
        }
    }
}

/// `[oauth2.exchange]`: a second request after the code exchange, whose answer has the token to keep.
#[derive(Debug)]
pub struct Exchange {
    /// Where it goes.
    pub endpoint: UrlTemplate,
    /// How it is written.
    pub format: TokenRequestFormat,
    /// All of its parameters.
    pub params: Params,
}

/// `[oauth2.refresh]`.
#[derive(Debug)]
pub struct Refresh {
    /// Refresh URL, if it is another than the token endpoint.
    pub endpoint: Option<UrlTemplate>,
    /// How the request is written.
    pub format: TokenRequestFormat,
    /// Added to, replacing or removing the standard parameters; those of the code exchange are not reused.
    pub params: Params,
    /// Where the members of its answer are, if elsewhere than in the answer to the code exchange.
    pub response: Option<TokenResponse>,
    /// After this long without use a refresh token dies.
    pub idle_expiry: Option<Duration>,
    /// This long after consent the user must connect again.
    pub lifetime: Option<Duration>,
    /// How long before expiry to refresh, for providers that refuse it sooner.
    pub early: Option<Duration>,
    /// What happens when a spent refresh token is sent again.
    pub reuse: Reuse,
    /// What revoking one token ends.
    pub revoke_scope: RevokeScope,
}

/// What happens when a spent refresh token is sent again (`providers.md`, section 5).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Reuse {
    /// The same token stays good for ever.
    Static,
    /// The spent token is accepted for this long.
    Grace(Duration),
    /// Refused; the grant lives on.
    Reject,
    /// Refused, and the grant ends.
    Strict,
    /// Not documented; treated as strict.
    #[default]
    Unknown,
}

/// What revoking one token ends.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum RevokeScope {
    /// That token alone.
    Token,
    /// The whole grant.
    #[default]
    Grant,
}
