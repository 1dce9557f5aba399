//! The random values of a flow: `state` and PKCE (RFC 7636, always S256).

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use oauth2::{PkceCodeChallenge, PkceCodeVerifier};
use secrecy::{ExposeSecret as _, SecretString};
use zeroize::Zeroizing;

use crate::random::Random;

/// A verifier and the challenge made of it.
#[derive(Clone, Debug)]
pub struct Pkce {
    /// Kept sealed until the code is exchanged.
    pub verifier: SecretString,
    /// Goes into the authorization URL.
    pub challenge: PkceCodeChallenge,
}

impl Pkce {
    /// 256 random bits and their SHA-256.
    pub fn new(random: &dyn Random) -> Self {
        Self::of(token(random))
    }

    fn of(verifier: SecretString) -> Self {
        Self { challenge: Self::challenge_of(&verifier), verifier }
    }

    /// The challenge of a verifier that was kept.
    pub fn challenge_of(verifier: &SecretString) -> PkceCodeChallenge {
        let for_crate = PkceCodeVerifier::new(verifier.expose_secret().to_owned());
        PkceCodeChallenge::from_code_verifier_sha256(&for_crate)
    }
}

/// A fresh `state` of 256 bits. The caller stores only its hash.
pub fn new_state(random: &dyn Random) -> SecretString {
    token(random)
}

fn token(random: &dyn Random) -> SecretString {
    let bytes = Zeroizing::new(random.bytes::<32>());
    URL_SAFE_NO_PAD.encode(*bytes).into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::SystemRandom;

    /// RFC 7636, appendix B.
    #[test]
    fn the_challenge_is_that_of_the_rfc() {
        struct Fixed;
        impl Random for Fixed {
            fn fill(&self, bytes: &mut [u8]) {
                bytes.copy_from_slice(&[
                    116, 24, 223, 180, 151, 153, 224, 37, 79, 250, 96, 125, 216, 173, 187, 186, 22, 212, 37,
                    77, 105, 214, 191, 240, 91, 88, 5, 88, 83, 132, 141, 121,
                ]);
            }
        }
        let pkce = Pkce::new(&Fixed);
        assert_eq!(pkce.verifier.expose_secret(), "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk");
        assert_eq!(pkce.challenge.as_str(), "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM");
        assert_eq!(pkce.challenge.method().as_str(), "S256");
        assert!(!format!("{pkce:?}").contains("dBjftJeZ"));
    }

    #[test]
    fn values_are_fresh_and_long() {
        let (a, b) = (new_state(&SystemRandom), new_state(&SystemRandom));
        assert_eq!(a.expose_secret().len(), 43);
        assert_ne!(a.expose_secret(), b.expose_secret());
    }
}
