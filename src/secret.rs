//! Our own bearer values: hub API keys, connect session tokens, tickets, `state`. Each exists in two types:
//! plain (shown once, never stored) and hashed (what the database keeps). Passwords and authenticators of members. Credentials of apps live in
//! [`crate::vault`], not here.

mod authenticator;
mod password;
mod webhook;

pub use authenticator::{Seed, step_of};
pub use password::{PasswordError, PlainPassword};
pub use webhook::WebhookSecret;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use crate::random::Random;

const BASE62: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
const KEY_BODY: usize = 43;
const KEY_CHECKSUM: usize = 6;

/// A 256-bit bearer value in base64url. It is random through and through, so a fast hash is enough to store it.
#[derive(Debug, Clone)]
pub struct PlainToken(SecretString);

impl PlainToken {
    /// A new one.
    pub fn random(random: &dyn Random) -> Self {
        Self(URL_SAFE_NO_PAD.encode(random.bytes::<32>()).into())
    }

    /// One that somebody presents.
    pub fn presented(text: &str) -> Self {
        Self(text.into())
    }

    /// What is stored of it.
    pub fn hash(&self) -> HashedToken {
        HashedToken(hex::encode(Sha256::digest(self.0.expose_secret())))
    }

    /// The token of the link that goes with this token of a modal. Nobody makes the modal's of the link's, so that
    /// whoever holds a link can't say that they have come another way.
    #[must_use]
    pub fn for_link(&self) -> Self {
        let made = Sha256::new().chain_update(b"link.").chain_update(self.0.expose_secret()).finalize();
        Self(URL_SAFE_NO_PAD.encode(made).into())
    }

    /// The value itself, to hand it to its owner.
    pub fn expose(&self) -> &str {
        self.0.expose_secret()
    }
}

/// SHA-256 of a [`PlainToken`], in hex.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HashedToken(String);

impl HashedToken {
    /// The hex text as stored.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The hex text as stored.
    pub fn into_string(self) -> String {
        self.0
    }

    /// Compares with a stored hash in constant time.
    pub fn matches(&self, stored: &str) -> bool {
        self.0.as_bytes().ct_eq(stored.as_bytes()).into()
    }
}

/// A hub API key: `vs_<environment>_<43 base 62><6 base 62 of CRC 32>`. The checksum refuses typing errors and
/// noise before any look-up and lets secret scanners confirm a find.
#[derive(Debug, Clone)]
pub struct PlainApiKey(SecretString);

impl PlainApiKey {
    /// A new key for the environment named `environment`.
    pub fn random(environment: &str, random: &dyn Random) -> Self {
        let mut key = format!("vs_{environment}_");
        let end = key.len() + KEY_BODY;
        while key.len() < end {
            let [byte] = random.bytes::<1>();
            // 248 is the largest multiple of 62 in a byte: beyond it the low characters would be likelier.
            if byte < 248 {
                key.push(char::from(BASE62[usize::from(byte % 62)]));
            }
        }
        let checksum = checksum(&key);
        key.push_str(&checksum);
        Self(key.into())
    }

    /// A key that somebody presents; none where shape or checksum are wrong.
    pub fn parse(text: &str) -> Option<Self> {
        let (environment, secret) = text.strip_prefix("vs_")?.rsplit_once('_')?;
        let known = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        if environment.is_empty() || environment.len() > 32 || !environment.chars().all(known) {
            return None;
        }
        if secret.len() != KEY_BODY + KEY_CHECKSUM || !secret.bytes().all(|b| b.is_ascii_alphanumeric()) {
            return None;
        }
        let (signed, given) = text.split_at(text.len() - KEY_CHECKSUM);
        (checksum(signed) == given).then(|| Self(text.into()))
    }

    /// What may be shown of the key later: everything before its body and the first eight characters.
    pub fn display_prefix(&self) -> String {
        let text = self.0.expose_secret();
        text.chars().take(text.len() - KEY_BODY - KEY_CHECKSUM + 8).collect()
    }

    /// The key itself, to hash it or to hand it to its owner.
    pub fn expose(&self) -> &str {
        self.0.expose_secret()
    }
}

fn checksum(text: &str) -> String {
    let mut rest = crc32fast::hash(text.as_bytes());
    let mut digits = [b'0'; KEY_CHECKSUM];
    for digit in digits.iter_mut().rev() {
        *digit = BASE62[(rest % 62) as usize];
        rest /= 62;
    }
    digits.map(char::from).iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::SystemRandom;

    #[test]
    fn a_key_parses_and_a_changed_one_does_not() {
        let key = PlainApiKey::random("sandbox", &SystemRandom);
        assert_eq!(key.expose().len(), "vs_sandbox_".len() + 49);
        assert!(PlainApiKey::parse(key.expose()).is_some());
        for at in 11..key.expose().len() {
            let mut bytes = key.expose().as_bytes().to_vec();
            bytes[at] = if bytes[at] == b'a' { b'b' } else { b'a' };
            let changed = String::from_utf8(bytes).unwrap();
            assert!(PlainApiKey::parse(&changed).is_none(), "changed at {at}");
        }
        assert_eq!(key.display_prefix().len(), "vs_sandbox_".len() + 8);
    }

    #[test]
    fn nothing_prints_a_secret() {
        let key = PlainApiKey::random("production", &SystemRandom);
        let token = PlainToken::random(&SystemRandom);
        let shown = format!("{key:?} {token:?}");
        assert!(!shown.contains(&key.expose()[14..20]) && !shown.contains(token.expose()), "{shown}");
    }

    #[test]
    fn a_token_matches_its_hash_alone() {
        let token = PlainToken::random(&SystemRandom);
        assert!(token.hash().matches(token.hash().as_str()));
        assert!(!PlainToken::random(&SystemRandom).hash().matches(token.hash().as_str()));
    }

    #[test]
    fn a_link_has_a_token_of_its_own() {
        let token = PlainToken::random(&SystemRandom);
        let link = token.for_link();
        assert_eq!(link.expose(), token.for_link().expose());
        assert_eq!(link.expose().len(), token.expose().len());
        assert_ne!(link.expose(), token.expose());
        assert_ne!(link.expose(), token.hash().as_str());
        assert!(!link.for_link().hash().matches(link.hash().as_str()));
    }
}
