//! Pairs of keys, as people have them at their apps; made once for each run.

use std::sync::LazyLock;

use aws_lc_rs::encoding::{AsDer as _, Pkcs8V1Der};
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _,
    RSA_PKCS1_2048_8192_SHA256, RsaKeyPair, UnparsedPublicKey, VerificationAlgorithm,
};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::Value;

/// The private half in PEM, and the public one as its signatures are verified by.
pub(crate) struct Pair {
    pub(crate) pem: String,
    pub(crate) public: Vec<u8>,
}

fn pair(der: &[u8], public: &[u8]) -> Pair {
    let body = STANDARD.encode(der);
    let lines: Vec<_> = body.as_bytes().chunks(64).map(|line| std::str::from_utf8(line).unwrap()).collect();
    let pem = format!("-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n", lines.join("\n"));
    Pair { pem, public: public.to_vec() }
}

/// RSA with 2048 bits.
pub(crate) static RSA: LazyLock<Pair> = LazyLock::new(|| {
    let key = RsaKeyPair::generate(KeySize::Rsa2048).unwrap();
    let der: Pkcs8V1Der<'static> = key.as_der().unwrap();
    pair(der.as_ref(), key.public_key().as_ref())
});

/// The curve P-256.
pub(crate) static EC: LazyLock<Pair> = LazyLock::new(|| {
    let key = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap();
    pair(key.to_pkcs8v1().unwrap().as_ref(), key.public_key().as_ref())
});

/// Whether a signature over `message` was made by the private half of `public`.
pub(crate) fn verifies(algorithm: &str, public: &[u8], message: &[u8], signature: &[u8]) -> bool {
    let known: &'static dyn VerificationAlgorithm =
        if algorithm == "RS256" { &RSA_PKCS1_2048_8192_SHA256 } else { &ECDSA_P256_SHA256_FIXED };
    UnparsedPublicKey::new(known, public).verify(message, signature).is_ok()
}

/// Header and claims of a JWT that this key signed.
///
/// # Panics
/// When it did not.
pub(crate) fn read_jwt(jwt: &str, public: &[u8]) -> (Value, Value) {
    let parts: Vec<&str> = jwt.split('.').collect();
    let read = |part: &str| URL_SAFE_NO_PAD.decode(part).unwrap();
    let object = |part: &str| -> Value { serde_json::from_slice(&read(part)).unwrap() };
    let header = object(parts[0]);
    let message = format!("{}.{}", parts[0], parts[1]);
    let algorithm = header["alg"].as_str().unwrap();
    assert!(verifies(algorithm, public, message.as_bytes(), &read(parts[2])), "{jwt}");
    (header, object(parts[1]))
}
