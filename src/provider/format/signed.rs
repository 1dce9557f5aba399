//! What is signed: the JWT that stands for a client secret, and the methods that sign each call; and what is found out
//! instead of written.

use schemars::JsonSchema;
use serde::Deserialize;

use super::{Algorithm, EncodingWord, Ordered, Parameter, SignatureMethod};

/// The keys that say how a JWT is made, borrowed.
#[derive(Clone, Copy, Debug)]
pub(in crate::provider) struct JwtKeys<'a> {
    pub(in crate::provider) algorithm: Option<Algorithm>,
    pub(in crate::provider) key: Option<&'a str>,
    pub(in crate::provider) key_encoding: Option<EncodingWord>,
    pub(in crate::provider) header: Option<&'a Ordered<Parameter>>,
    pub(in crate::provider) claims: Option<&'a Ordered<Parameter>>,
    pub(in crate::provider) lifetime: Option<u64>,
}

/// The JWT that a client authenticates by: a client assertion (RFC 7523, section 2.2) with `private_key_jwt`, the
/// client secret itself with the other ways.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::provider) struct ClientAssertion {
    /// Signature algorithm; that of the key if not given.
    pub(in crate::provider) algorithm: Option<Algorithm>,
    /// The private key; a template, `{client_secret}` if not given.
    pub(in crate::provider) key: Option<String>,
    /// More members of the JWT header.
    pub(in crate::provider) header: Option<Ordered<Parameter>>,
    /// Claims beside `iss` and `sub` (the client id), `aud` (the token endpoint), `jti`, `iat` and `exp`, or in their place.
    pub(in crate::provider) claims: Option<Ordered<Parameter>>,
    /// Seconds from `iat` to `exp`; 300 if not given.
    pub(in crate::provider) lifetime: Option<u64>,
}

impl ClientAssertion {
    pub(in crate::provider) fn keys(&self) -> JwtKeys<'_> {
        JwtKeys {
            algorithm: self.algorithm,
            key: self.key.as_deref(),
            key_encoding: None,
            header: self.header.as_ref(),
            claims: self.claims.as_ref(),
            lifetime: self.lifetime,
        }
    }
}

/// The user consents in a browser, and each call is signed (OAuth 1.0a, RFC 5849).
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::provider) struct OAuth1 {
    /// Where temporary credentials are asked for; a URL template.
    #[schemars(required)]
    pub(in crate::provider) request_token_endpoint: Option<String>,
    /// Where the browser is sent; a URL template.
    #[schemars(required)]
    pub(in crate::provider) authorization_endpoint: Option<String>,
    /// Where they become a token; a URL template.
    #[schemars(required)]
    pub(in crate::provider) token_endpoint: Option<String>,
    /// `HMAC-SHA1` if not given.
    pub(in crate::provider) signature_method: Option<SignatureMethod>,
    /// `realm` of the header, where the app wants one; a template.
    pub(in crate::provider) realm: Option<String>,
    /// Added to the authorization request.
    pub(in crate::provider) authorization_params: Option<Ordered<Parameter>>,
}

/// Each call is signed by AWS Signature Version 4.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::provider) struct AwsSigV4 {
    /// The service, as AWS names it in signatures; a template.
    #[schemars(required)]
    pub(in crate::provider) service: Option<String>,
    /// The region; a template.
    #[schemars(required)]
    pub(in crate::provider) region: Option<String>,
    /// The id of the key; a template.
    #[schemars(required)]
    pub(in crate::provider) access_key_id: Option<String>,
    /// The key; a template.
    #[schemars(required)]
    pub(in crate::provider) secret_access_key: Option<String>,
    /// What goes with temporary keys; a template.
    pub(in crate::provider) session_token: Option<String>,
    /// Reserved; not built in this version.
    pub(in crate::provider) role_arn: Option<String>,
    /// The service that the check asks, if another.
    pub(in crate::provider) check_service: Option<String>,
    /// The service takes bodies that are not signed, so that they stream; false if not given.
    pub(in crate::provider) unsigned_payload: Option<bool>,
    /// The path is signed as it is sent, and not encoded once more; false if not given.
    pub(in crate::provider) path_as_sent: Option<bool>,
}

/// A server of the Model Context Protocol: OAuth 2.1, of which all but the address is found out when somebody connects
/// (RFC 9728, RFC 8414, RFC 7591).
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::provider) struct Mcp {
    /// The address of the server; a URL template.
    #[schemars(required)]
    pub(in crate::provider) url: Option<String>,
}
