//! Secrets of webhook endpoints and what they sign, as Standard Webhooks has it
//! (<https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md>).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use secrecy::{ExposeSecret, SecretString};
use sha2::Sha256;
use zeroize::Zeroizing;

use crate::random::Random;

const PREFIX: &str = "whsec_";

/// A secret that signs deliveries: `whsec_` and 32 bytes in base64. The endpoint's owner holds the same.
#[derive(Debug, Clone)]
pub struct WebhookSecret(SecretString);

impl WebhookSecret {
    /// A new one.
    pub fn random(random: &dyn Random) -> Self {
        let bytes = Zeroizing::new(random.bytes::<32>());
        Self(format!("{PREFIX}{}", STANDARD.encode(bytes.as_slice())).into())
    }

    /// One that was kept.
    pub const fn kept(text: SecretString) -> Self {
        Self(text)
    }

    /// The secret itself, to hand it to its owner or to seal it.
    pub fn expose(&self) -> &str {
        self.0.expose_secret()
    }

    /// The signature of a message: `v1,` and the base64 of HMAC-SHA-256 over `id.timestamp.body`. None where the
    /// secret is none. `timestamp` is in seconds since 1970.
    pub fn sign(&self, id: &str, timestamp: i64, body: &[u8]) -> Option<String> {
        let encoded = self.0.expose_secret().strip_prefix(PREFIX)?;
        let key = Zeroizing::new(STANDARD.decode(encoded).ok()?);
        let mut mac = Hmac::<Sha256>::new_from_slice(&key).ok()?;
        mac.update(format!("{id}.{timestamp}.").as_bytes());
        mac.update(body);
        Some(format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes())))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::fuzz::{CASES, mutation};
    use crate::random::SystemRandom;

    /// The example of the specification and of every published library.
    #[test]
    fn the_published_vector_is_signed_as_published() {
        let secret = WebhookSecret::kept("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw".into());
        let signature =
            secret.sign("msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330, br#"{"test": 2432232314}"#);
        assert_eq!(signature.as_deref(), Some("v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="));
    }

    #[test]
    fn a_new_secret_has_32_bytes_and_is_not_printed() {
        let secret = WebhookSecret::random(&SystemRandom);
        let encoded = secret.expose().strip_prefix("whsec_").unwrap();
        assert_eq!(STANDARD.decode(encoded).unwrap().len(), 32);
        assert!(!format!("{secret:?}").contains(encoded));
        assert_eq!(WebhookSecret::kept("whsec_~".into()).sign("m", 0, b""), None);
        assert_eq!(WebhookSecret::kept("vs_secret".into()).sign("m", 0, b""), None);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(CASES))]

        #[test]
        fn s15_signature_of_a_delivery(change in mutation()) {
            let secret = WebhookSecret::kept("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw".into());
            let library = standardwebhooks::Webhook::new(secret.expose()).unwrap();
            let body = r#"{"type":"credential.created","data":{"id":"cred_1"}}"#;
            let edited = change.text_of(&[body]);
            let signature = secret.sign("msg_1", 1_893_456_000, edited.as_bytes());
            let theirs = library.sign("msg_1", 1_893_456_000, edited.as_bytes()).unwrap();
            prop_assert_eq!(signature.as_deref(), Some(theirs.as_str()));
            let of_body = secret.sign("msg_1", 1_893_456_000, body.as_bytes());
            prop_assert_eq!(signature == of_body, edited == body);
        }
    }
}
