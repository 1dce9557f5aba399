//! The file format as serde types: what a `providers/<slug>.toml` may say. The JSON Schema is made from these
//! types. Everything is optional here, since a file that extends another says only what differs; what a whole
//! definition needs is the business of `build` and `lint`.

mod grant;
mod ordered;
mod param;
mod part;
mod signed;
mod words;

use schemars::JsonSchema;
use serde::Deserialize;

pub(super) use self::grant::{AuthorizationResponse, Exchange, Refresh, Rename, TokenResponse};
pub(super) use self::ordered::Ordered;
pub(super) use self::param::Parameter;
pub(super) use self::signed::{AwsSigV4, ClientAssertion, JwtKeys, Mcp, OAuth1};
pub(super) use self::words::{
    Algorithm, AuthMethodWord, Category, ChallengeWord, CheckMethod, EncodingWord, ErrorClass, FormatWord,
    RenewWord, SignatureMethod,
};

/// A provider definition.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct File {
    /// Display name.
    #[schemars(required)]
    pub(super) name: Option<String>,
    /// The vendor page behind this file; an https URL.
    pub(super) documentation: Option<String>,
    /// Catalogue categories.
    pub(super) categories: Option<Vec<Category>>,
    /// The slug of a file to start from: tables are merged key by key, scalars and arrays replaced, an empty string
    /// drops an inherited parameter or header. `name` is not inherited.
    pub(super) extends: Option<String>,
    /// API base; a URL template.
    pub(super) base_url: Option<String>,
    /// Further hosts that the proxy may call.
    pub(super) allowed_hosts: Option<Vec<String>>,
    /// Fixed headers on every API call.
    pub(super) headers: Option<Ordered<String>>,
    /// Id of the account at the provider, compared on reconnect.
    pub(super) account: Option<String>,
    /// What people see of the account; the id if not given.
    pub(super) account_label: Option<String>,
    /// The values that templates use.
    pub(super) variables: Option<Ordered<Variable>>,
    /// The user consents in a browser.
    pub(super) oauth2: Option<OAuth2>,
    /// The user types a client id and secret of their own.
    pub(super) client_credentials: Option<ClientCredentials>,
    /// The user types values that are placed as they are.
    pub(super) api_key: Option<ApiKey>,
    /// Another form of values that are placed as they are, by HTTP Basic, beside `[api_key]`.
    pub(super) basic: Option<ApiKey>,
    /// The user types login values that are exchanged for a session.
    pub(super) session: Option<Session>,
    /// The user gives a signing key.
    pub(super) jwt: Option<Jwt>,
    /// The user consents in a browser, and each call is signed (OAuth 1.0a).
    pub(super) oauth1: Option<OAuth1>,
    /// The user types keys that sign each call (AWS Signature Version 4).
    pub(super) aws_sigv4: Option<AwsSigV4>,
    /// The user consents in a browser at a server of the Model Context Protocol, which says how.
    pub(super) mcp: Option<Mcp>,
    /// One request that shows whether a credential works.
    pub(super) check: Option<Check>,
    /// How hard the hub may call the provider on its own account.
    pub(super) limits: Option<Limits>,
}

/// One value that templates use.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Variable {
    /// Form label; required if the value is asked for.
    pub(super) label: Option<String>,
    /// https URL that shows where to find the value.
    pub(super) help: Option<String>,
    /// Sample for the empty field.
    pub(super) example: Option<String>,
    /// Regular expression for the whole value.
    pub(super) pattern: Option<String>,
    /// Label to value, instead of a pattern.
    pub(super) options: Option<Ordered<String>>,
    /// Used when left empty.
    pub(super) default: Option<String>,
    /// May stay empty; then every header or parameter that uses it is dropped.
    pub(super) optional: Option<bool>,
    /// Never shown again, redacted in logs.
    pub(super) secret: Option<bool>,
    /// Who gives it: `user` (default), `connector`, `token.<path>`, `callback.<name>`, `check.<path>`, or
    /// `variables.<name>` for what `map` makes of another value.
    pub(super) from: Option<String>,
    /// What comes, to what it stands for; anything else is refused.
    pub(super) map: Option<Ordered<String>>,
    /// One GET with the new credential after connecting.
    pub(super) lookup: Option<Lookup>,
}

/// One GET with the new credential after connecting.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Lookup {
    /// URL template with a pinned host.
    pub(super) url: String,
    /// Dotted path of the value in the answer.
    pub(super) path: String,
}

/// HTTP Basic.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Basic {
    /// User name template.
    pub(super) username: String,
    /// Password template.
    pub(super) password: String,
}

/// The placement keys of a method table, borrowed.
#[derive(Clone, Copy, Debug)]
pub(super) struct PlacingKeys<'a> {
    pub(super) headers: Option<&'a Ordered<String>>,
    pub(super) query: Option<&'a Ordered<String>>,
    pub(super) basic: Option<&'a Basic>,
}

/// The token request keys of a method table, borrowed.
#[derive(Clone, Copy, Debug)]
pub(super) struct TokenKeys<'a> {
    pub(super) token_endpoint: Option<&'a str>,
    pub(super) token_request_format: Option<FormatWord>,
    pub(super) token_params: Option<&'a Ordered<Parameter>>,
    pub(super) token_headers: Option<&'a Ordered<String>>,
    pub(super) token_response: Option<&'a TokenResponse>,
    pub(super) error_map: Option<&'a Ordered<ErrorClass>>,
    pub(super) access_token_lifetime: Option<u64>,
}

/// Writes a method table: its own keys, then those that every method with a token request has. Serde cannot
/// refuse unknown keys in a flattened struct, so they are spelled out in each.
macro_rules! method_table {
    ($(#[$meta:meta])* $name:ident { $($own:tt)* }) => {
        $(#[$meta])*
        #[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
        #[serde(deny_unknown_fields)]
        pub(super) struct $name {
            $($own)*
            /// Token endpoint; a URL template.
            pub(super) token_endpoint: Option<String>,
            /// How the token request is written; `form` if not given.
            pub(super) token_request_format: Option<FormatWord>,
            /// Added to or replacing the standard parameters; an empty string removes one.
            pub(super) token_params: Option<Ordered<Parameter>>,
            /// Headers of the token request.
            pub(super) token_headers: Option<Ordered<String>>,
            /// Standard member of the token response to dotted path.
            pub(super) token_response: Option<TokenResponse>,
            /// Vendor error code to class.
            pub(super) error_map: Option<Ordered<ErrorClass>>,
            /// Seconds, only where the response does not say.
            pub(super) access_token_lifetime: Option<u64>,
            /// Headers that carry the credential on an API call.
            pub(super) headers: Option<Ordered<String>>,
            /// Query parameters that carry the credential on an API call.
            pub(super) query: Option<Ordered<String>>,
            /// HTTP Basic on an API call.
            pub(super) basic: Option<Basic>,
            /// API base with this method, if another.
            pub(super) base_url: Option<String>,
            /// Id of the account with this method, if another.
            pub(super) account: Option<String>,
            /// What people see of the account with this method.
            pub(super) account_label: Option<String>,
            /// Values that come from elsewhere with this method.
            pub(super) variables: Option<Ordered<Variable>>,
            /// The check with this method, if another.
            pub(super) check: Option<Check>,
        }

        impl $name {
            pub(super) fn token(&self) -> TokenKeys<'_> {
                TokenKeys {
                    token_endpoint: self.token_endpoint.as_deref(),
                    token_request_format: self.token_request_format,
                    token_params: self.token_params.as_ref(),
                    token_headers: self.token_headers.as_ref(),
                    token_response: self.token_response.as_ref(),
                    error_map: self.error_map.as_ref(),
                    access_token_lifetime: self.access_token_lifetime,
                }
            }

            pub(super) fn placing(&self) -> PlacingKeys<'_> {
                PlacingKeys {
                    headers: self.headers.as_ref(),
                    query: self.query.as_ref(),
                    basic: self.basic.as_ref(),
                }
            }
        }
    };
}

method_table! {
    /// The user consents in a browser.
    OAuth2 {
        /// Where the browser is sent; a URL template.
        pub(super) authorization_endpoint: Option<String>,
        /// Only where it speaks RFC 7009.
        pub(super) revocation_endpoint: Option<String>,
        /// How the client authenticates; `client_secret_post` if not given.
        pub(super) token_endpoint_auth_method: Option<AuthMethodWord>,
        /// How the JWT is made that stands for the client secret.
        pub(super) client_assertion: Option<ClientAssertion>,
        /// PKCE; `S256` if not given, and a comment gives the reason for `none`.
        pub(super) code_challenge_method: Option<ChallengeWord>,
        /// Always asked for.
        pub(super) scopes: Option<Vec<String>>,
        /// Joins scopes; a space if not given.
        pub(super) scope_separator: Option<String>,
        /// As `token_params`, on the authorization request.
        pub(super) authorization_params: Option<Ordered<Parameter>>,
        /// Standard request parameter to vendor name.
        pub(super) rename: Option<Rename>,
        /// Standard callback parameter to vendor name.
        pub(super) authorization_response: Option<AuthorizationResponse>,
        /// A second request, which turns the token of the first into one that lives longer.
        pub(super) exchange: Option<Exchange>,
        /// Renewal.
        pub(super) refresh: Option<Refresh>,
    }
}

method_table! {
    /// The user types a client id and secret of their own.
    ClientCredentials {
        /// How the client authenticates; `client_secret_post` if not given.
        pub(super) token_endpoint_auth_method: Option<AuthMethodWord>,
        /// How the JWT is made that stands for the client secret.
        pub(super) client_assertion: Option<ClientAssertion>,
        /// Always asked for.
        pub(super) scopes: Option<Vec<String>>,
        /// Joins scopes; a space if not given.
        pub(super) scope_separator: Option<String>,
    }
}

method_table! {
    /// The user types login values that are exchanged for a session.
    Session {
        /// HTTP Basic of the login request.
        pub(super) token_basic: Option<Basic>,
    }
}

method_table! {
    /// The user gives a signing key.
    Jwt {
        /// Signature algorithm.
        pub(super) algorithm: Option<Algorithm>,
        /// Private key or shared secret; a template.
        pub(super) key: Option<String>,
        /// How a shared secret is written; `text` if not given.
        pub(super) key_encoding: Option<EncodingWord>,
        /// More members of the JWT header.
        pub(super) header: Option<Ordered<Parameter>>,
        /// Claims; the hub adds `iat` and `exp`.
        pub(super) claims: Option<Ordered<Parameter>>,
        /// Seconds from `iat` to `exp`.
        pub(super) lifetime: Option<u64>,
    }
}

impl Jwt {
    pub(super) fn keys(&self) -> JwtKeys<'_> {
        JwtKeys {
            algorithm: self.algorithm,
            key: self.key.as_deref(),
            key_encoding: self.key_encoding,
            header: self.header.as_ref(),
            claims: self.claims.as_ref(),
            lifetime: self.lifetime,
        }
    }
}

/// The user types values that are placed as they are.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ApiKey {
    /// Headers that carry the key.
    pub(super) headers: Option<Ordered<String>>,
    /// Query parameters that carry the key.
    pub(super) query: Option<Ordered<String>>,
    /// HTTP Basic.
    pub(super) basic: Option<Basic>,
    /// API base with this method, if another.
    pub(super) base_url: Option<String>,
    /// Id of the account with this method, if another.
    pub(super) account: Option<String>,
    /// What people see of the account with this method.
    pub(super) account_label: Option<String>,
    /// Values that come from elsewhere with this method.
    pub(super) variables: Option<Ordered<Variable>>,
    /// The check with this method, if another.
    pub(super) check: Option<Check>,
}

impl ApiKey {
    pub(super) fn placing(&self) -> PlacingKeys<'_> {
        PlacingKeys { headers: self.headers.as_ref(), query: self.query.as_ref(), basic: self.basic.as_ref() }
    }
}

/// One request that shows whether a credential works.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Check {
    /// Relative to `base_url`, or an absolute URL template.
    #[schemars(required)]
    pub(super) path: Option<String>,
    /// `GET` if not given.
    pub(super) method: Option<CheckMethod>,
    /// Constant body.
    pub(super) json: Option<serde_json::Value>,
    /// Dotted path that must be present and not `null`, `false`, `0` or empty.
    pub(super) success: Option<String>,
    /// Statuses that mean a wrong key; `[401]` if not given.
    pub(super) wrong_key: Option<Vec<u16>>,
    /// Statuses that mean a genuine key without the right; `[403]` if not given.
    pub(super) missing_permission: Option<Vec<u16>>,
}

/// How hard the hub may call the provider on its own account.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Limits {
    /// Calls in flight, 1 to 64; 8 if not given.
    #[schemars(range(min = 1, max = 64))]
    pub(super) concurrency: Option<u16>,
    /// Calls started per second; 10 if not given.
    pub(super) rate: Option<f64>,
}
