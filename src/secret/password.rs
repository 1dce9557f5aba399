//! Passwords of members: Argon2id with 19 MiB, two passes and one lane (OWASP's Password Storage Cheat Sheet). A hash
//! takes tens of milliseconds of a core: callers run it where waiting hurts nobody.

use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher as _, PasswordVerifier as _};
use argon2::{Algorithm, Argon2, Params, Version};
use secrecy::{ExposeSecret, SecretString};

use crate::random::Random;

const MEMORY_KIB: u32 = 19 * 1024;
const PASSES: u32 = 2;
const LANES: u32 = 1;

/// What stands in for the hash of an account that is not there, so that it costs the same: the hash of a value that
/// nobody knows.
const NOBODY: &str =
    "$argon2id$v=19$m=19456,t=2,p=1$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

/// A password could not be hashed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the password could not be hashed")]
pub struct PasswordError;

/// A password as somebody typed it.
#[derive(Clone, Debug)]
pub struct PlainPassword(SecretString);

impl PlainPassword {
    /// The fewest and most characters of a new one.
    pub const LENGTH: (usize, usize) = (12, 200);

    /// One that somebody typed.
    pub fn typed(text: &str) -> Self {
        Self(text.into())
    }

    /// Whether it is long enough for a new one and not longer than any person types.
    pub fn fits(&self) -> bool {
        (Self::LENGTH.0..=Self::LENGTH.1).contains(&self.0.expose_secret().chars().count())
    }

    /// Whether it is the same text as `other`, such as a name: guessed at once.
    pub fn is(&self, other: &str) -> bool {
        self.0.expose_secret().trim().eq_ignore_ascii_case(other.trim())
    }

    /// What is stored of it, as a PHC string. Slow.
    ///
    /// # Errors
    /// [`PasswordError`].
    pub fn hash(&self, random: &dyn Random) -> Result<SecretString, PasswordError> {
        let salt = random.bytes::<16>();
        let hashed = hasher()?.hash_password_with_salt(self.0.expose_secret().as_bytes(), &salt);
        Ok(hashed.map_err(|_| PasswordError)?.to_string().into())
    }

    /// Whether it is the one whose hash is `stored`; as slow where there is none. Slow.
    pub fn is_of(&self, stored: Option<&SecretString>) -> bool {
        let text = stored.map_or(NOBODY, ExposeSecret::expose_secret);
        // No person types more, and nobody shall make the hub hash it.
        let typed = self.0.expose_secret();
        let typed = if typed.len() > 4 * Self::LENGTH.1 { "" } else { typed };
        let right = PasswordHash::new(text)
            .is_ok_and(|hash| Argon2::default().verify_password(typed.as_bytes(), &hash).is_ok());
        right && stored.is_some()
    }
}

fn hasher() -> Result<Argon2<'static>, PasswordError> {
    let params = Params::new(MEMORY_KIB, PASSES, LANES, None).map_err(|_| PasswordError)?;
    Ok(Argon2::new(Algorithm::Argon2id, Version::V0x13, params))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::SystemRandom;

    #[test]
    fn a_password_is_known_by_its_hash_and_no_other_is() {
        let password = PlainPassword::typed("correct horse battery");
        let hash = password.hash(&SystemRandom).unwrap();
        assert!(hash.expose_secret().starts_with("$argon2id$v=19$m=19456,t=2,p=1$"));
        assert!(password.is_of(Some(&hash)));
        assert!(!PlainPassword::typed("correct horse batterz").is_of(Some(&hash)));
        assert!(!password.is_of(None));
        assert!(!format!("{password:?} {hash:?}").contains("horse"));
    }

    #[test]
    fn who_is_not_there_costs_as_much_and_is_never_right() {
        assert!(PasswordHash::new(NOBODY).is_ok_and(|hash| hash.hash.is_some()), "the stand-in is no hash");
        assert!(!PlainPassword::typed("").is_of(None));
    }

    #[test]
    fn s16_the_stand_in_is_made_as_every_hash_is() {
        let real = PlainPassword::typed("correct horse battery").hash(&SystemRandom).unwrap();
        let parts = |text: &str| text.split('$').map(str::to_owned).collect::<Vec<_>>();
        let (real, stand_in) = (parts(real.expose_secret()), parts(NOBODY));
        assert_eq!(
            (real.len(), &real[..4]),
            (6, &stand_in[..4]),
            "algorithm, version, memory, passes, lanes"
        );
        let lengths = |parts: &[String]| parts.iter().map(String::len).collect::<Vec<_>>();
        assert_eq!(lengths(&real), lengths(&stand_in), "salt and hash");
    }
}
