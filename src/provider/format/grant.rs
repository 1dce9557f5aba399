//! The names that an app gives to what RFC 6749 calls otherwise, and how a grant is prolonged and renewed.

use schemars::JsonSchema;
use serde::Deserialize;

use super::words::RevokeWord;
use super::{FormatWord, Ordered, Parameter, RenewWord};

/// Standard member of the token response to dotted path.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::provider) struct TokenResponse {
    pub(in crate::provider) access_token: Option<String>,
    pub(in crate::provider) refresh_token: Option<String>,
    pub(in crate::provider) expires_in: Option<String>,
    pub(in crate::provider) expires_at: Option<String>,
    pub(in crate::provider) scope: Option<String>,
    pub(in crate::provider) error: Option<String>,
}

/// Standard callback parameter to vendor name.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::provider) struct AuthorizationResponse {
    pub(in crate::provider) code: Option<String>,
    pub(in crate::provider) state: Option<String>,
    pub(in crate::provider) error: Option<String>,
    pub(in crate::provider) error_description: Option<String>,
    pub(in crate::provider) iss: Option<String>,
}

/// Standard request parameter to vendor name.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::provider) struct Rename {
    pub(in crate::provider) client_id: Option<String>,
    pub(in crate::provider) client_secret: Option<String>,
    pub(in crate::provider) redirect_uri: Option<String>,
    pub(in crate::provider) response_type: Option<String>,
    pub(in crate::provider) scope: Option<String>,
    pub(in crate::provider) state: Option<String>,
    pub(in crate::provider) grant_type: Option<String>,
    pub(in crate::provider) code: Option<String>,
    pub(in crate::provider) refresh_token: Option<String>,
    pub(in crate::provider) code_challenge: Option<String>,
    pub(in crate::provider) code_challenge_method: Option<String>,
    pub(in crate::provider) code_verifier: Option<String>,
}

/// A second request, which turns the token of the first into one that lives longer.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::provider) struct Exchange {
    /// Where it goes; a URL template.
    #[schemars(required)]
    pub(in crate::provider) endpoint: Option<String>,
    /// How it is written; as `token_request_format` if not given.
    pub(in crate::provider) request_format: Option<FormatWord>,
    /// All of its parameters; `{access_token}` is the first token.
    pub(in crate::provider) params: Option<Ordered<Parameter>>,
}

/// Renewal of an OAuth grant.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::provider) struct Refresh {
    /// Refresh URL, if another than the token endpoint.
    pub(in crate::provider) endpoint: Option<String>,
    /// How the refresh request is written; as `token_request_format` if not given.
    pub(in crate::provider) request_format: Option<FormatWord>,
    /// What is spent; `refresh_token` if not given. With `access_token` the app gives no refresh token and takes the
    /// access token in its place, as long as that one works.
    pub(in crate::provider) by: Option<RenewWord>,
    /// Parameters of the refresh request; those of the code exchange are not reused.
    pub(in crate::provider) params: Option<Ordered<Parameter>>,
    /// Standard member of the refresh response to dotted path, in place of the whole `token_response` of the method.
    pub(in crate::provider) token_response: Option<TokenResponse>,
    /// Seconds after which an unused refresh token dies.
    pub(in crate::provider) idle_expiry: Option<u64>,
    /// Seconds after consent at which the user must reconnect.
    pub(in crate::provider) lifetime: Option<u64>,
    /// Seconds before expiry at which to refresh.
    pub(in crate::provider) early: Option<u64>,
    /// What happens when a spent refresh token is sent again.
    #[schemars(regex(pattern = r"^(static|grace:[1-9][0-9]*|reject|strict|unknown)$"))]
    pub(in crate::provider) reuse: Option<String>,
    /// What revoking one token ends; `grant` if not given.
    pub(in crate::provider) revoke_scope: Option<RevokeWord>,
}
