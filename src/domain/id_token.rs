//! What an ID token must say before anybody is let in by it (OpenID Connect Core 1.0, section 3.1.3.7).
//!
//! Its signature was verified before. Keys, algorithms and the network are not known here, nor who is a member.

use serde_json::{Map, Value};
use sha2::{Digest as _, Sha256, Sha384, Sha512};
use subtle::ConstantTimeEq as _;

/// Clocks may differ by so many seconds.
pub const LEEWAY: i64 = 60;
/// A token was issued at most so many seconds ago: it is handed out where it is asked for.
pub const OLDEST: i64 = 600;
/// Bytes of a subject (OpenID Connect Core 1.0, section 2).
const LONGEST_SUBJECT: usize = 255;

/// The hash that belongs to a signature's algorithm.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "each is its own name")]
pub enum HashKind {
    Sha256,
    Sha384,
    Sha512,
}

impl HashKind {
    /// The left half of the hash of `text`.
    fn left_half(self, text: &str) -> Vec<u8> {
        let mut hash = match self {
            Self::Sha256 => Sha256::digest(text).to_vec(),
            Self::Sha384 => Sha384::digest(text).to_vec(),
            Self::Sha512 => Sha512::digest(text).to_vec(),
        };
        hash.truncate(hash.len() / 2);
        hash
    }
}

/// The claims of a token whose signature is right.
#[derive(Clone, Debug)]
pub struct SignedClaims {
    /// What it says.
    pub claims: Map<String, Value>,
    /// The hash of its algorithm.
    pub hash: HashKind,
}

/// What a token must fit.
#[derive(Clone, Copy, Debug)]
pub struct Expected<'a> {
    /// Who issues it, letter for letter.
    pub issuer: &'a str,
    /// For whom.
    pub client_id: &'a str,
    /// What the browser was sent there with.
    pub nonce: &'a str,
    /// The access token that came with it.
    pub access_token: Option<&'a str>,
    /// The present moment, in seconds since 1970.
    pub now: i64,
    /// The person must have signed in there since this moment, in seconds since 1970.
    pub signed_in_since: Option<i64>,
}

/// Why nobody is let in by a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum IdTokenError {
    /// `iss`.
    #[error("the ID token is of another issuer")]
    Issuer,
    /// `sub`.
    #[error("the ID token names nobody")]
    Subject,
    /// `aud`.
    #[error("the ID token is for another client")]
    Audience,
    /// `azp`.
    #[error("the ID token was given to another client")]
    AuthorizedParty,
    /// `exp`.
    #[error("the ID token has ended, or says no end")]
    Expired,
    /// `iat`, `nbf`.
    #[error("the ID token is not of now")]
    IssuedAt,
    /// `nonce`.
    #[error("the ID token belongs to another sign-in")]
    Nonce,
    /// `at_hash`.
    #[error("the ID token belongs to another access token")]
    AccessTokenHash,
    /// `auth_time`.
    #[error("the ID token does not say that the person has just signed in")]
    SignedInBefore,
    /// `sub` of the user info (section 5.3.2).
    #[error("the user info is about somebody else")]
    UserInfo,
}

/// Somebody whom an identity provider has vouched for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    issuer: String,
    subject: String,
    /// Their address, and whether the identity provider has verified it: both from the same place.
    pub email: Option<(String, bool)>,
    /// What they are called.
    pub name: Option<String>,
}

impl Identity {
    /// Who they are, for good: issuer and subject. The address may become somebody else's one day.
    pub fn key(&self) -> String {
        format!("{}|{}", self.issuer, self.subject)
    }

    /// Their address, where the identity provider has verified it.
    pub fn verified_email(&self) -> Option<&str> {
        self.email.as_ref().filter(|(_, verified)| *verified).map(|(email, _)| email.as_str())
    }

    /// The same with what the user info adds (section 5.3.2). What the ID token says stands.
    ///
    /// # Errors
    /// [`IdTokenError::UserInfo`].
    pub fn with_user_info(mut self, info: &Map<String, Value>) -> Result<Self, IdTokenError> {
        if info.get("sub").and_then(Value::as_str) != Some(self.subject.as_str()) {
            return Err(IdTokenError::UserInfo);
        }
        if self.email.is_none() {
            self.email = email(info);
        }
        self.name = self.name.or_else(|| text(info, "name"));
        Ok(self)
    }
}

/// Checks everything that a token says, one thing after the other.
///
/// # Errors
/// [`IdTokenError`]: the first thing that is wrong.
pub fn check(token: &SignedClaims, expected: &Expected<'_>) -> Result<Identity, IdTokenError> {
    let claims = &token.claims;
    if claims.get("iss").and_then(Value::as_str) != Some(expected.issuer) {
        return Err(IdTokenError::Issuer);
    }
    let subject = claims.get("sub").and_then(Value::as_str).ok_or(IdTokenError::Subject)?;
    let clean = !subject.is_empty() && !subject.chars().any(char::is_control);
    if !clean || subject.len() > LONGEST_SUBJECT {
        return Err(IdTokenError::Subject);
    }
    check_audience(claims, expected.client_id)?;
    check_times(claims, expected)?;
    let nonce = claims.get("nonce").and_then(Value::as_str).unwrap_or_default();
    if !bool::from(nonce.as_bytes().ct_eq(expected.nonce.as_bytes())) {
        return Err(IdTokenError::Nonce);
    }
    check_access_token(token, expected.access_token)?;
    Ok(Identity {
        issuer: expected.issuer.to_owned(),
        subject: subject.to_owned(),
        email: email(claims),
        name: text(claims, "name"),
    })
}

fn check_audience(claims: &Map<String, Value>, client_id: &str) -> Result<(), IdTokenError> {
    let audiences: Vec<&str> = match claims.get("aud") {
        Some(Value::String(one)) => vec![one],
        Some(Value::Array(many)) => {
            many.iter().map(Value::as_str).collect::<Option<_>>().ok_or(IdTokenError::Audience)?
        }
        _ => return Err(IdTokenError::Audience),
    };
    if !audiences.contains(&client_id) {
        return Err(IdTokenError::Audience);
    }
    match claims.get("azp") {
        None if audiences.len() == 1 => Ok(()),
        Some(Value::String(party)) if party == client_id => Ok(()),
        _ => Err(IdTokenError::AuthorizedParty),
    }
}

fn check_times(claims: &Map<String, Value>, expected: &Expected<'_>) -> Result<(), IdTokenError> {
    let now = expected.now;
    if seconds(claims, "exp").ok_or(IdTokenError::Expired)?.saturating_add(LEEWAY) <= now {
        return Err(IdTokenError::Expired);
    }
    let issued = seconds(claims, "iat").ok_or(IdTokenError::IssuedAt)?;
    let oldest = now.saturating_sub(OLDEST + LEEWAY);
    let latest = now.saturating_add(LEEWAY);
    if !(oldest..=latest).contains(&issued) {
        return Err(IdTokenError::IssuedAt);
    }
    if claims.contains_key("nbf") && seconds(claims, "nbf").is_none_or(|from| from > latest) {
        return Err(IdTokenError::IssuedAt);
    }
    let Some(since) = expected.signed_in_since else {
        return Ok(());
    };
    let at = seconds(claims, "auth_time").ok_or(IdTokenError::SignedInBefore)?;
    let just_now = (since.saturating_sub(LEEWAY)..=latest).contains(&at);
    just_now.then_some(()).ok_or(IdTokenError::SignedInBefore)
}

fn check_access_token(token: &SignedClaims, access_token: Option<&str>) -> Result<(), IdTokenError> {
    use base64::Engine as _;
    let Some(stated) = token.claims.get("at_hash") else {
        return Ok(());
    };
    let stated = stated.as_str().ok_or(IdTokenError::AccessTokenHash)?;
    let right = access_token.map(|access_token| token.hash.left_half(access_token));
    let right = right.map(|half| base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(half));
    let fits = right.is_some_and(|right| right.as_bytes().ct_eq(stated.as_bytes()).into());
    fits.then_some(()).ok_or(IdTokenError::AccessTokenHash)
}

/// A moment in seconds since 1970; some write fractions (RFC 7519, section 2).
fn seconds(claims: &Map<String, Value>, name: &str) -> Option<i64> {
    let value = claims.get(name)?;
    #[expect(clippy::cast_possible_truncation, reason = "saturates, and what saturates is no time of now")]
    value.as_i64().or_else(|| value.as_f64().map(|seconds| seconds as i64))
}

fn text(claims: &Map<String, Value>, name: &str) -> Option<String> {
    let text = claims.get(name)?.as_str()?.trim();
    (!text.is_empty()).then(|| text.to_owned())
}

/// Address and whether it is verified. Some write the flag as a text (Amazon Cognito).
fn email(claims: &Map<String, Value>) -> Option<(String, bool)> {
    let verified = match claims.get("email_verified") {
        Some(Value::Bool(verified)) => *verified,
        Some(Value::String(word)) => word == "true",
        _ => false,
    };
    Some((text(claims, "email")?, verified))
}

#[cfg(test)]
mod tests;
