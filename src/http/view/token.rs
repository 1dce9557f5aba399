//! Tokens on the wire: the one view that shows what a credential holds.

use std::collections::BTreeMap;

use secrecy::{ExposeSecret, SecretString};
use serde::Serialize;
use serde::ser::{SerializeMap, Serializer};
use utoipa::ToSchema;

use super::Time;
use crate::service::tokens::Token;

/// A token that works, or the values of a key: what [`TokenOut`] writes, described.
#[derive(ToSchema, Serialize)]
#[serde(untagged)]
#[schema(as = Token)]
#[expect(dead_code, reason = "only described; nothing is made of it")]
pub(in crate::http) enum TokenShape {
    /// OAuth, client credentials, session.
    Access(AccessTokenShape),
    /// API key, Basic.
    Fields(FieldsShape),
}

/// A token that works for at least 30 s more, or to its end where nothing renews it.
#[derive(ToSchema, Serialize)]
#[serde(rename_all = "camelCase")]
#[schema(as = AccessToken)]
pub(in crate::http) struct AccessTokenShape {
    /// The token.
    access_token: String,
    /// As the app named it.
    #[schema(example = "Bearer")]
    token_type: String,
    /// Its end, where known.
    expires_at: Option<Time>,
    /// What was granted.
    scopes: Vec<String>,
}

/// The values of a key.
#[derive(ToSchema, Serialize)]
#[schema(as = Fields)]
pub(in crate::http) struct FieldsShape {
    /// By the names of the provider's fields.
    fields: BTreeMap<String, String>,
}

/// What `…/token` answers. Writing it is where a secret leaves the hub, so that is spelled out.
pub(in crate::http) struct TokenOut(Token);

impl From<Token> for TokenOut {
    fn from(token: Token) -> Self {
        Self(token)
    }
}

struct Exposed<'a>(&'a [(String, SecretString)]);

impl Serialize for Exposed<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(name, value)| (name, value.expose_secret())))
    }
}

impl Serialize for TokenOut {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut out = serializer.serialize_map(None)?;
        match &self.0 {
            Token::Fields(fields) => out.serialize_entry("fields", &Exposed(fields))?,
            Token::Access { access_token, token_type, expires_at, scopes } => {
                out.serialize_entry("accessToken", access_token.expose_secret())?;
                out.serialize_entry("tokenType", token_type)?;
                out.serialize_entry("expiresAt", &expires_at.map(Time))?;
                out.serialize_entry("scopes", scopes)?;
            }
        }
        out.end()
    }
}
