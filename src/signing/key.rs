//! Keys as people paste them: PEM with or without its line breaks, or the text of a shared secret.

use std::fmt;

use aws_lc_rs::hmac;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, RSA_PKCS1_SHA256, RsaKeyPair};
use base64::Engine as _;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use base64::{alphabet, engine::general_purpose::STANDARD};
use zeroize::Zeroizing;

/// RFC 7518, section 3.3: a smaller RSA key must not be used.
const LEAST_RSA: usize = 2048 / 8;
const BEGIN: &str = "-----BEGIN ";
const END: &str = "-----END ";
const DASHES: &str = "-----";

/// Signature algorithms of a JWT (RFC 7518, section 3.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Algorithm {
    /// RSA PKCS #1 v1.5 with SHA-256.
    Rs256,
    /// ECDSA P-256 with SHA-256.
    Es256,
    /// HMAC with SHA-256.
    Hs256,
}

impl Algorithm {
    /// As a JWT header has it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Rs256 => "RS256",
            Self::Es256 => "ES256",
            Self::Hs256 => "HS256",
        }
    }
}

/// How a shared secret is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum KeyEncoding {
    /// Its characters are the key.
    #[default]
    Text,
    /// Hexadecimal digits.
    Hex,
    /// Base64, of either alphabet.
    Base64,
}

/// Why a text is no key. For the person who pasted it; never repeats any of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// No PEM.
    #[error("this is no private key in PEM: copy it with its BEGIN and END lines")]
    NoPem,
    /// The end is not there.
    #[error("the END line is missing: copy all of the key")]
    CutOff,
    /// The other half of the pair.
    #[error("this is a public key or a certificate; the private key is needed")]
    Public,
    /// Protected by a passphrase.
    #[error("this key is protected by a passphrase; save it without one first")]
    Encrypted,
    /// Not what its label says.
    #[error("this key is damaged: copy it again")]
    Damaged,
    /// RSA where EC is needed, or the reverse.
    #[error("another kind of key is needed: {0}")]
    WrongKind(&'static str),
    /// An RSA key of less than 2048 bits.
    #[error("this RSA key has less than 2048 bits, so no app takes its signatures")]
    Short,
    /// Not in the encoding that the app uses.
    #[error("this is not written as the app writes its keys: copy it again")]
    Encoding,
    /// Nothing at all.
    #[error("the key is empty")]
    Empty,
}

/// A key that can sign.
pub enum SigningKey {
    /// RS256.
    Rsa(Box<RsaKeyPair>),
    /// ES256.
    Ec(Box<EcdsaKeyPair>),
    /// HS256.
    Shared(Box<hmac::Key>),
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("SigningKey").field(&self.algorithm()).finish()
    }
}

impl SigningKey {
    /// Reads the key for `algorithm`; without one, the PEM says which it is.
    pub fn read(algorithm: Option<Algorithm>, encoding: KeyEncoding, text: &str) -> Result<Self, KeyError> {
        match algorithm {
            Some(Algorithm::Hs256) => shared(encoding, text),
            Some(Algorithm::Rs256) => match pem(text)? {
                key @ Self::Rsa(_) => Ok(key),
                _ => Err(KeyError::WrongKind("RSA")),
            },
            Some(Algorithm::Es256) => match pem(text)? {
                key @ Self::Ec(_) => Ok(key),
                _ => Err(KeyError::WrongKind("EC, of the curve P-256")),
            },
            None => pem(text),
        }
    }

    /// What it signs by.
    pub const fn algorithm(&self) -> Algorithm {
        match self {
            Self::Rsa(_) => Algorithm::Rs256,
            Self::Ec(_) => Algorithm::Es256,
            Self::Shared(_) => Algorithm::Hs256,
        }
    }

    /// The signature over `message`, as a JWS has it (RFC 7518, section 3).
    pub fn sign(&self, message: &[u8]) -> Result<Vec<u8>, KeyError> {
        let random = SystemRandom::new();
        match self {
            Self::Rsa(pair) => {
                let mut signature = vec![0; pair.public_modulus_len()];
                pair.sign(&RSA_PKCS1_SHA256, &random, message, &mut signature)
                    .map_err(|_| KeyError::Damaged)?;
                Ok(signature)
            }
            Self::Ec(pair) => {
                let signature = pair.sign(&random, message).map_err(|_| KeyError::Damaged)?;
                Ok(signature.as_ref().to_vec())
            }
            Self::Shared(key) => Ok(hmac::sign(key, message).as_ref().to_vec()),
        }
    }
}

fn shared(encoding: KeyEncoding, text: &str) -> Result<SigningKey, KeyError> {
    let bytes = match encoding {
        KeyEncoding::Text => Zeroizing::new(text.as_bytes().to_vec()),
        KeyEncoding::Hex => Zeroizing::new(hex::decode(text.trim()).map_err(|_| KeyError::Encoding)?),
        KeyEncoding::Base64 => any_base64(text.trim()).ok_or(KeyError::Encoding)?,
    };
    if bytes.is_empty() {
        Err(KeyError::Empty)
    } else {
        Ok(SigningKey::Shared(Box::new(hmac::Key::new(hmac::HMAC_SHA256, &bytes))))
    }
}

fn any_base64(text: &str) -> Option<Zeroizing<Vec<u8>>> {
    let lenient = GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
    let url = text.contains(['-', '_']);
    let engine = GeneralPurpose::new(if url { &alphabet::URL_SAFE } else { &alphabet::STANDARD }, lenient);
    engine.decode(text).ok().map(Zeroizing::new)
}

/// Reads PKCS #8, PKCS #1 or SEC 1 (RFC 7468, RFC 8017, RFC 5915). Line breaks may be lost, or written as `\n`.
fn pem(text: &str) -> Result<SigningKey, KeyError> {
    let (_, rest) = text.split_once(BEGIN).ok_or(KeyError::NoPem)?;
    let (label, rest) = rest.split_once(DASHES).ok_or(KeyError::NoPem)?;
    let (body, _) = rest.split_once(END).ok_or(KeyError::CutOff)?;
    let private = match label {
        "PRIVATE KEY" | "RSA PRIVATE KEY" | "EC PRIVATE KEY" => true,
        "ENCRYPTED PRIVATE KEY" => return Err(KeyError::Encrypted),
        other => other.contains("PRIVATE"),
    };
    if !private {
        return Err(KeyError::Public);
    }
    if body.contains("ENCRYPTED") {
        return Err(KeyError::Encrypted);
    }
    let mut plain = Zeroizing::new(String::with_capacity(body.len()));
    let mut left = body;
    while let Some(sign) = left.chars().next() {
        left = left.strip_prefix("\\n").or_else(|| left.strip_prefix("\\r")).unwrap_or_else(|| {
            if !sign.is_whitespace() {
                plain.push(sign);
            }
            &left[sign.len_utf8()..]
        });
    }
    let der = Zeroizing::new(STANDARD.decode(plain.as_bytes()).map_err(|_| KeyError::Damaged)?);
    let rsa =
        || if label == "RSA PRIVATE KEY" { RsaKeyPair::from_der(&der) } else { RsaKeyPair::from_pkcs8(&der) };
    if label != "EC PRIVATE KEY"
        && let Ok(pair) = rsa()
    {
        let long = pair.public_modulus_len() >= LEAST_RSA;
        return if long { Ok(SigningKey::Rsa(Box::new(pair))) } else { Err(KeyError::Short) };
    }
    let pair = EcdsaKeyPair::from_private_key_der(&ECDSA_P256_SHA256_FIXED_SIGNING, &der);
    pair.map(|pair| SigningKey::Ec(Box::new(pair))).map_err(|_| KeyError::Damaged)
}

#[cfg(test)]
mod tests {
    use aws_lc_rs::encoding::{AsDer as _, Pkcs8V1Der};
    use aws_lc_rs::rsa::KeySize;
    use aws_lc_rs::signature::{
        ECDSA_P256_SHA256_FIXED, KeyPair as _, RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey,
    };
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;

    use super::*;

    fn written(label: &str, der: &[u8], line_end: &str) -> String {
        let body = STANDARD.encode(der);
        let lines: Vec<&str> =
            body.as_bytes().chunks(64).map(|line| std::str::from_utf8(line).unwrap()).collect();
        let lines = lines.join(line_end);
        format!("-----BEGIN {label}-----{line_end}{lines}{line_end}-----END {label}-----{line_end}")
    }

    fn rsa(size: KeySize) -> (RsaKeyPair, Vec<u8>) {
        let pair = RsaKeyPair::generate(size).unwrap();
        let der: Pkcs8V1Der<'static> = pair.as_der().unwrap();
        let der = der.as_ref().to_vec();
        (pair, der)
    }

    fn ec() -> (EcdsaKeyPair, Vec<u8>) {
        let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap();
        let der = pair.to_pkcs8v1().unwrap().as_ref().to_vec();
        (pair, der)
    }

    #[test]
    fn a_pasted_key_signs_whatever_became_of_its_lines() {
        let (pair, der) = rsa(KeySize::Rsa2048);
        let public = pair.public_key().as_ref().to_vec();
        for line_end in ["\n", "\r\n", "", " ", "\\n", "\n  "] {
            let text = written("PRIVATE KEY", &der, line_end);
            let key = SigningKey::read(Some(Algorithm::Rs256), KeyEncoding::Text, &text).unwrap();
            let signature = key.sign(b"message").unwrap();
            let known = UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, &public);
            known.verify(b"message", &signature).unwrap();
            assert!(known.verify(b"another", &signature).is_err());
        }
        let (pair, der) = ec();
        let key = SigningKey::read(None, KeyEncoding::Text, &written("PRIVATE KEY", &der, "\n")).unwrap();
        assert_eq!(key.algorithm(), Algorithm::Es256);
        let known = UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, pair.public_key().as_ref());
        known.verify(b"message", &key.sign(b"message").unwrap()).unwrap();
    }

    /// RFC 7515, appendix A.1.
    #[test]
    fn a_shared_secret_signs_as_in_the_rfc() {
        let key = "AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow";
        let message = "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ";
        let key = SigningKey::read(Some(Algorithm::Hs256), KeyEncoding::Base64, key).unwrap();
        let signature = URL_SAFE_NO_PAD.encode(key.sign(message.as_bytes()).unwrap());
        assert_eq!(signature, "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk");
    }

    #[test]
    fn what_is_no_key_is_told_apart_and_never_repeated() {
        let (_, der) = rsa(KeySize::Rsa2048);
        let (_, curve) = ec();
        let whole = written("PRIVATE KEY", &der, "\n");
        let cut: String = whole.chars().take(400).collect();
        let cases = [
            (Algorithm::Rs256, "canary".to_owned(), KeyError::NoPem),
            (Algorithm::Rs256, String::new(), KeyError::NoPem),
            (Algorithm::Rs256, cut, KeyError::CutOff),
            (Algorithm::Rs256, whole.replace("PRIVATE KEY", "PUBLIC KEY"), KeyError::Public),
            (Algorithm::Rs256, whole.replace("PRIVATE KEY", "CERTIFICATE"), KeyError::Public),
            (Algorithm::Rs256, whole.replace("PRIVATE KEY", "ENCRYPTED PRIVATE KEY"), KeyError::Encrypted),
            (Algorithm::Rs256, written("PRIVATE KEY", &der[..200], "\n"), KeyError::Damaged),
            (Algorithm::Rs256, whole.replacen('M', "*", 3), KeyError::Damaged),
            (Algorithm::Es256, whole, KeyError::WrongKind("EC, of the curve P-256")),
            (Algorithm::Rs256, written("PRIVATE KEY", &curve, "\n"), KeyError::WrongKind("RSA")),
        ];
        for (algorithm, text, wanted) in cases {
            let found = SigningKey::read(Some(algorithm), KeyEncoding::Text, &text).unwrap_err();
            assert_eq!(found, wanted);
            assert!(!format!("{found} {found:?}").contains("canary"));
        }
        let shared = |encoding, text| SigningKey::read(Some(Algorithm::Hs256), encoding, text).map(|_| ());
        assert_eq!(shared(KeyEncoding::Hex, "zz"), Err(KeyError::Encoding));
        assert_eq!(shared(KeyEncoding::Base64, "?"), Err(KeyError::Encoding));
        assert_eq!(shared(KeyEncoding::Text, ""), Err(KeyError::Empty));
        let key = SigningKey::read(Some(Algorithm::Hs256), KeyEncoding::Text, "canary").unwrap();
        assert_eq!(format!("{key:?}"), "SigningKey(Hs256)");
    }
}
