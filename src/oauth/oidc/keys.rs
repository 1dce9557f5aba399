//! The public keys of an identity provider (RFC 7517), and signatures by them (RFC 7515).

use jsonwebtoken::jwk::{AlgorithmParameters, EllipticCurve, Jwk, KeyAlgorithm, PublicKeyUse};
use jsonwebtoken::{Algorithm, AlgorithmFamily, DecodingKey, Validation, decode, decode_header};
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::{Map, Value};

use super::{Document, Metadata, OidcError, get};
use crate::domain::id_token::SignedClaims;
use crate::egress::Egress;

/// The longest token that is read.
const MAX_TOKEN: usize = 16 * 1024;

/// Keys that verify.
#[derive(Clone, Debug)]
pub struct Keys(Vec<Jwk>);

impl Keys {
    /// Asks for them.
    ///
    /// # Errors
    /// [`OidcError`].
    pub async fn fetch(egress: &Egress, metadata: &Metadata) -> Result<Self, OidcError> {
        let document = get(egress, Document::Keys, &metadata.jwks_uri, None).await?;
        Self::read(&document).ok_or(OidcError::Unreadable(Document::Keys))
    }

    /// Keys of kinds that nobody here knows are left out (RFC 7517, section 5).
    pub(super) fn read(document: &Map<String, Value>) -> Option<Self> {
        let keys = document.get("keys")?.as_array()?;
        Some(Self(keys.iter().filter_map(|key| serde_json::from_value(key.clone()).ok()).collect()))
    }

    /// Verifies the signature of a token; what it says.
    ///
    /// # Errors
    /// [`OidcError::Token`], [`OidcError::Algorithm`], [`OidcError::UnknownKey`], [`OidcError::Signature`].
    pub fn verify(&self, metadata: &Metadata, token: &SecretString) -> Result<SignedClaims, OidcError> {
        let token = token.expose_secret();
        if token.len() > MAX_TOKEN {
            return Err(OidcError::Token);
        }
        // A header that names no algorithm known to the crate, `none` among them, can't be read.
        let header = decode_header(token).map_err(|_| OidcError::Algorithm)?;
        let hash = metadata.hash_of(header.alg).ok_or(OidcError::Algorithm)?;
        // Nothing is understood that a token could demand to be (RFC 7515, section 4.1.11).
        if header.crit.is_some() {
            return Err(OidcError::Token);
        }
        let key = self.find(header.alg, header.kid.as_deref())?;
        let key = DecodingKey::from_jwk(key).map_err(|_| OidcError::UnknownKey)?;
        let mut validation = Validation::new(header.alg);
        // Only the signature is the crate's: it would compare times with the machine's clock.
        validation.required_spec_claims.clear();
        validation.validate_exp = false;
        validation.validate_nbf = false;
        validation.validate_aud = false;
        let claims: Map<String, Value> =
            decode(token, &key, &validation).map_err(|_| OidcError::Signature)?.claims;
        Ok(SignedClaims { claims, hash })
    }

    /// The key that is meant. Without an id it must be the only one of its kind (OpenID Connect Core 1.0, section 10.1).
    fn find(&self, algorithm: Algorithm, kid: Option<&str>) -> Result<&Jwk, OidcError> {
        let named = |key: &&Jwk| kid.is_none_or(|kid| key.common.key_id.as_deref() == Some(kid));
        let mut found = self.0.iter().filter(|key| fits(key, algorithm)).filter(named);
        match (found.next(), found.next()) {
            (Some(only), None) => Ok(only),
            _ => Err(OidcError::UnknownKey),
        }
    }
}

/// Whether a key is for signatures by `algorithm`.
fn fits(key: &Jwk, algorithm: Algorithm) -> bool {
    let kind = match &key.algorithm {
        AlgorithmParameters::RSA(_) => algorithm.family() == AlgorithmFamily::Rsa,
        AlgorithmParameters::EllipticCurve(curve) => matches!(
            (algorithm, &curve.curve),
            (Algorithm::ES256, EllipticCurve::P256) | (Algorithm::ES384, EllipticCurve::P384)
        ),
        AlgorithmParameters::OctetKeyPair(pair) => {
            algorithm == Algorithm::EdDSA && pair.curve == EllipticCurve::Ed25519
        }
        // Shared secrets, and kinds that are not known.
        _ => false,
    };
    let signs = key.common.public_key_use.as_ref().is_none_or(|used| *used == PublicKeyUse::Signature);
    kind && signs && key.common.key_algorithm.is_none_or(|named| named == KeyAlgorithm::from(algorithm))
}
