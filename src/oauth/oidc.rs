//! Signing people in at an identity provider (OpenID Connect Core 1.0): what it says of itself, its keys, the way there,
//! and what its token endpoint gives for the code that comes back.
//!
//! It must not know members, cookies or sessions, nor decide who is let in: what a token says is judged by
//! [`crate::domain::id_token`].

mod code;
mod keys;
mod metadata;

pub use self::code::{Granted, SignInCode};
pub use self::keys::Keys;
pub use self::metadata::{Departure, Metadata};

use std::fmt;

use http::header::{ACCEPT, AUTHORIZATION};
use http::{HeaderValue, Method, StatusCode};
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::{Map, Value};
use url::Url;

use super::ClientAuth;
use super::body::{self, Body};
use super::error::{TokenError, tidy_code};
use crate::egress::{Class, Egress, EgressError, OutboundRequest};

/// The hub's registration at the identity provider.
#[derive(Clone, Debug)]
pub struct Registration {
    /// The issuer, letter for letter.
    pub issuer: String,
    /// Id and secret.
    pub client: ClientAuth,
}

/// What is asked of an identity provider.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Document {
    /// Its metadata (OpenID Connect Discovery 1.0, section 4).
    Metadata,
    /// Its keys (RFC 7517).
    Keys,
    /// The answer of its token endpoint.
    Token,
    /// The user info (OpenID Connect Core 1.0, section 5.3).
    UserInfo,
}

impl fmt::Display for Document {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Metadata => "metadata",
            Self::Keys => "keys",
            Self::Token => "token answer",
            Self::UserInfo => "user info",
        })
    }
}

/// Why an identity provider vouches for nobody. No message holds a token or a secret.
#[derive(Debug, thiserror::Error)]
pub enum OidcError {
    /// No answer.
    #[error("no answer for the {0} of the identity provider")]
    Unreachable(Document, #[source] EgressError),
    /// No answer to the code.
    #[error("no answer to the code")]
    NoAnswer(#[source] TokenError),
    /// A status that is no success.
    #[error("status {1} for the {0} of the identity provider")]
    Status(Document, u16),
    /// An answer that makes no sense.
    #[error("the {0} of the identity provider can't be read")]
    Unreadable(Document),
    /// The metadata are those of somebody else, or name an endpoint that nobody may be sent to.
    #[error("the metadata of the identity provider are not those of the issuer")]
    OtherIssuer,
    /// No way in that both sides know.
    #[error("the identity provider takes no client secret, or signs by no algorithm that is allowed")]
    Unsupported,
    /// The token endpoint refuses the code or the client.
    #[error("the identity provider refuses the code: {0}")]
    Refused(String),
    /// A token of another shape.
    #[error("the ID token can't be read")]
    Token,
    /// Unsigned, signed by a shared secret, or by an algorithm that the metadata do not name.
    #[error("the ID token is signed by an algorithm that is not allowed")]
    Algorithm,
    /// None of the keys is meant.
    #[error("no key of the identity provider is the one of the ID token")]
    UnknownKey,
    /// The signature is wrong.
    #[error("the signature of the ID token is wrong")]
    Signature,
}

impl OidcError {
    /// Whether the identity provider gave no answer at all, so that trying again later helps.
    pub const fn is_outage(&self) -> bool {
        matches!(self, Self::Unreachable(..) | Self::NoAnswer(_) | Self::Status(_, 429 | 500..))
    }
}

/// Asks for a document by GET, with an access token in the header where one is given.
async fn get(
    egress: &Egress,
    document: Document,
    url: &Url,
    access_token: Option<&SecretString>,
) -> Result<Map<String, Value>, OidcError> {
    let mut request = OutboundRequest::new(Method::GET, url.clone(), Class::Check);
    // The operator names the issuer, and the issuer its ports.
    request.allowed_ports = url.port().into_iter().collect();
    request.headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
    if let Some(access_token) = access_token {
        let bearer = format!("Bearer {}", access_token.expose_secret());
        let mut bearer = HeaderValue::from_str(&bearer).map_err(|_| OidcError::Unreadable(document))?;
        bearer.set_sensitive(true);
        request.headers.insert(AUTHORIZATION, bearer);
    }
    let answer = egress.send(request).await.map_err(|error| OidcError::Unreachable(document, error))?;
    if answer.status != StatusCode::OK {
        return Err(OidcError::Status(document, answer.status.as_u16()));
    }
    object(&answer.body, &[]).ok_or(OidcError::Unreadable(document))
}

/// The object that `bytes` are; members named in `once` may stand only once.
fn object(bytes: &[u8], once: &[&str]) -> Option<Map<String, Value>> {
    let once: Vec<String> = once.iter().map(ToString::to_string).collect();
    match body::parse(bytes, &once) {
        Body::Data(Value::Object(members)) => Some(members),
        Body::Data(_) | Body::Refused | Body::Noise => None,
    }
}

/// The error code of an answer that refuses, fit for a log.
fn refusal(answer: Option<&Map<String, Value>>, secrets: &[SecretString]) -> Option<String> {
    tidy_code(answer?.get("error")?.as_str()?, secrets)
}

#[cfg(test)]
mod tests;
