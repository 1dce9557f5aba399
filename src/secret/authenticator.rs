//! Authenticators of members: time-based one-time passwords (RFC 6238) of six digits and 30 seconds, which every
//! authenticator app makes.

use secrecy::{ExposeSecret, SecretString};
use totp_rs::{Algorithm, Builder, Secret, Totp};
use zeroize::Zeroizing;

use crate::random::Random;

const DIGITS: u8 = 6;
const STEP_SECONDS: u64 = 30;
/// Steps before and after the present one whose codes are taken: clocks differ and people are slow.
const SKEW: u16 = 1;
const ISSUER: &str = "Vouchsafe";

/// What an authenticator makes its codes of: 160 random bits (RFC 4226, section 4), in base 32.
#[derive(Clone, Debug)]
pub struct Seed(SecretString);

impl Seed {
    /// A new one.
    pub fn random(random: &dyn Random) -> Self {
        let bytes = Zeroizing::new(random.bytes::<20>());
        Self(Secret::from(bytes.to_vec()).to_base32().into())
    }

    /// One that was sealed.
    pub const fn sealed(text: SecretString) -> Self {
        Self(text)
    }

    /// The text to seal, or to type into an app.
    pub fn expose(&self) -> &str {
        self.0.expose_secret()
    }

    /// The address that an app reads from a picture, for the account `email`.
    pub fn uri(&self, email: &str) -> Option<SecretString> {
        // A colon would end the issuer.
        let totp = self.totp(&email.replace(':', ""))?;
        totp.to_url().ok().map(Into::into)
    }

    /// The step whose code is `code` at `seconds` since 1970, where it is one.
    pub fn check(&self, code: &str, seconds: i64) -> Option<i64> {
        let code: String = code.chars().filter(|c| !c.is_whitespace()).collect();
        if code.len() != usize::from(DIGITS) || !code.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        let step = self.totp("")?.check(&code, u64::try_from(seconds).ok()?)?;
        i64::try_from(step).ok()
    }

    /// The code at `seconds` since 1970, as an app shows it.
    pub fn code(&self, seconds: i64) -> Option<String> {
        Some(self.totp("")?.generate(u64::try_from(seconds).ok()?).to_string())
    }

    fn totp(&self, account: &str) -> Option<Totp> {
        let secret = Secret::try_from_base32(self.0.expose_secret()).ok()?;
        Builder::new()
            .with_algorithm(Algorithm::SHA1)
            .with_digits(DIGITS)
            .with_skew(SKEW)
            .with_step_duration(STEP_SECONDS)
            .with_secret(secret)
            .with_account_name(account)
            .with_issuer(Some(ISSUER))
            .build()
            .ok()
    }
}

/// The step that `seconds` since 1970 lie in.
pub const fn step_of(seconds: i64) -> i64 {
    seconds.div_euclid(STEP_SECONDS.cast_signed())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::SystemRandom;

    #[test]
    fn the_codes_are_those_of_rfc_6238() {
        // Appendix B has eight digits; an app shows the last six. The secret is `12345678901234567890`.
        let seed = Seed::sealed("GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ".into());
        for (seconds, code) in [(59, "287082"), (1_111_111_109, "081804"), (2_000_000_000, "279037")] {
            assert_eq!(seed.code(seconds).unwrap(), code);
            assert_eq!(seed.check(code, seconds), Some(step_of(seconds)));
        }
    }

    #[test]
    fn a_code_is_taken_a_step_early_and_late_and_no_more() {
        let seed = Seed::random(&SystemRandom);
        let code = seed.code(1_000_000).unwrap();
        for (at, taken) in [(-60, false), (-30, true), (0, true), (30, true), (90, false)] {
            let found = seed.check(&code, 1_000_000 + at);
            // Another step may have the same code by chance.
            assert_eq!(found == Some(step_of(1_000_000)), taken, "{at}");
        }
        let spaced = format!("{} {}", &code[..3], &code[3..]);
        assert!(seed.check(&spaced, 1_000_000).is_some());
        for wrong in ["", "12345", "1234567", "abcdef", "12345٣"] {
            assert_eq!(seed.check(wrong, 1_000_000), None, "{wrong}");
        }
    }

    #[test]
    fn an_app_can_read_the_address_and_nothing_prints_it() {
        let seed = Seed::random(&SystemRandom);
        let uri = seed.uri("jo@acme.test").unwrap();
        let text = uri.expose_secret();
        assert!(text.starts_with("otpauth://totp/Vouchsafe:jo%40acme.test?"), "{text}");
        assert!(text.contains(&format!("secret={}", seed.expose())), "{text}");
        assert!(!format!("{seed:?} {uri:?}").contains(seed.expose()));
    }
}
