//! Tokens as the hub keeps them, and the one type that the crate `oauth2` reads them into.

use std::{fmt, time::Duration};

use oauth2::{AccessToken, RefreshToken, Scope, TokenResponse, TokenType};
use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use zeroize::Zeroize as _;

/// What a provider gave.
#[derive(Clone, Debug)]
pub struct TokenAnswer {
    /// The access token.
    pub access_token: SecretString,
    /// The refresh token. None means that the one at hand stays.
    pub refresh_token: Option<SecretString>,
    /// As the answer says; `Bearer` if it says nothing. Placement never depends on it.
    pub token_type: String,
    /// Seconds from sending the request on. None means that nobody says.
    pub expires_in: Option<u64>,
    /// The same of the refresh token.
    pub refresh_expires_in: Option<u64>,
    /// The scopes that were granted, if the answer says so.
    pub scopes: Option<Vec<String>>,
    /// The whole answer, for captures.
    pub raw: Raw,
}

/// A whole answer with its secrets; wiped when dropped.
#[derive(Clone, Default, PartialEq)]
pub struct Raw(Value);

impl Raw {
    pub(super) fn new(value: Value) -> Self {
        Self(value)
    }

    /// The answer in the clear.
    pub fn expose(&self) -> &Value {
        &self.0
    }
}

impl fmt::Debug for Raw {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Raw(***)")
    }
}

impl Drop for Raw {
    fn drop(&mut self) {
        wipe(&mut self.0);
    }
}

/// Wipes every string of `value`; the depth was bounded when it was read.
pub(super) fn wipe(value: &mut Value) {
    match value {
        Value::String(text) => text.zeroize(),
        Value::Array(items) => items.iter_mut().for_each(wipe),
        Value::Object(members) => members.values_mut().for_each(wipe),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// A token answer after normalisation. It is lenient in what RFC 6749 makes mandatory but apps leave out.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ProviderToken {
    pub(super) access_token: AccessToken,
    #[serde(default)]
    pub(super) token_type: TokenKind,
    pub(super) expires_in: Option<u64>,
    pub(super) refresh_token: Option<RefreshToken>,
    pub(super) scope: Option<Vec<Scope>>,
}

/// The type of a token, whatever it is called.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TokenKind(pub(super) String);

impl Default for TokenKind {
    fn default() -> Self {
        Self("Bearer".to_owned())
    }
}

impl TokenType for TokenKind {}

impl TokenResponse for ProviderToken {
    type TokenType = TokenKind;

    fn access_token(&self) -> &AccessToken {
        &self.access_token
    }

    fn token_type(&self) -> &TokenKind {
        &self.token_type
    }

    fn expires_in(&self) -> Option<Duration> {
        self.expires_in.map(Duration::from_secs)
    }

    fn refresh_token(&self) -> Option<&RefreshToken> {
        self.refresh_token.as_ref()
    }

    fn scopes(&self) -> Option<&Vec<Scope>> {
        self.scope.as_ref()
    }
}
