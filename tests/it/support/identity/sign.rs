//! Keys of an identity provider, and tokens signed by them, by others, or by nothing.

use std::sync::OnceLock;

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _, RSA_PKCS1_SHA256, RsaKeyPair,
};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde_json::{Map, Value, json};
use sha2::Sha256;

/// What signs a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum By {
    /// Its EC key, by ES256.
    Ec,
    /// Another EC key, by ES256.
    OtherEc,
    /// Its RSA key, by RS256.
    Rsa,
    /// Another RSA key, by RS256.
    OtherRsa,
    /// The client secret, by HS256.
    Secret,
    /// Nothing.
    Nothing,
}

/// A key that anybody can see.
#[derive(Clone, Debug)]
pub(crate) struct Published {
    by: By,
    kid: Option<String>,
}

impl Published {
    pub(crate) fn ec(kid: &str) -> Self {
        Self { by: By::Ec, kid: Some(kid.to_owned()) }
    }

    pub(crate) fn of(by: By, kid: Option<&str>) -> Self {
        Self { by, kid: kid.map(str::to_owned) }
    }
}

/// The keys, each made when it is wanted first.
#[derive(Default)]
pub(super) struct Signer {
    ec: [OnceLock<EcdsaKeyPair>; 2],
    rsa: [OnceLock<RsaKeyPair>; 2],
}

fn encoded(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

impl Signer {
    fn ec(&self, which: usize) -> &EcdsaKeyPair {
        self.ec[which].get_or_init(|| EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap())
    }

    fn rsa(&self, which: usize) -> &RsaKeyPair {
        self.rsa[which].get_or_init(|| RsaKeyPair::generate(KeySize::Rsa2048).unwrap())
    }

    pub(super) fn jwk(&self, key: &Published) -> Value {
        let mut jwk = match key.by {
            By::Ec | By::OtherEc => {
                // 4, and the two coordinates (SEC 1, section 2.3.3).
                let point = self.ec(usize::from(key.by == By::OtherEc)).public_key().as_ref();
                json!({"kty": "EC", "crv": "P-256", "use": "sig", "x": encoded(&point[1..33]), "y": encoded(&point[33..])})
            }
            By::Rsa | By::OtherRsa => {
                // An `RSAPublicKey` of PKCS #1: the modulus stands before the five bytes of the exponent.
                let der = self.rsa(usize::from(key.by == By::OtherRsa)).public_key().as_ref();
                let modulus = &der[der.len() - 5 - 256..der.len() - 5];
                json!({"kty": "RSA", "use": "sig", "alg": "RS256", "n": encoded(modulus), "e": "AQAB"})
            }
            By::Secret | By::Nothing => panic!("nothing to publish"),
        };
        if let Some(kid) = &key.kid {
            jwk["kid"] = json!(kid);
        }
        jwk
    }

    pub(super) fn sign(&self, by: By, header: &Map<String, Value>, claims: &Value) -> String {
        let (algorithm, kid) = match by {
            By::Ec | By::OtherEc => ("ES256", Some("ec-1")),
            By::Rsa | By::OtherRsa => ("RS256", Some("rsa-1")),
            By::Secret => ("HS256", None),
            By::Nothing => ("none", None),
        };
        let mut given = json!({"alg": algorithm, "typ": "JWT"});
        if let Some(kid) = kid {
            given["kid"] = json!(kid);
        }
        let header = super::changed(given, header);
        let text = format!("{}.{}", encoded(header.to_string()), encoded(claims.to_string()));
        let signature = match by {
            By::Ec | By::OtherEc => {
                let key = self.ec(usize::from(by == By::OtherEc));
                key.sign(&SystemRandom::new(), text.as_bytes()).unwrap().as_ref().to_vec()
            }
            By::Rsa | By::OtherRsa => {
                let key = self.rsa(usize::from(by == By::OtherRsa));
                let mut signature = vec![0; key.public_modulus_len()];
                key.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), text.as_bytes(), &mut signature).unwrap();
                signature
            }
            By::Secret => {
                let mut mac = Hmac::<Sha256>::new_from_slice(super::CLIENT.1.as_bytes()).unwrap();
                mac.update(text.as_bytes());
                mac.finalize().into_bytes().to_vec()
            }
            By::Nothing => Vec::new(),
        };
        format!("{text}.{}", encoded(signature))
    }
}
