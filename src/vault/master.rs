//! The master keys: read from text, told apart by fingerprint, used to wrap data keys and nothing else.

use std::collections::HashSet;

use aes_gcm::{Aes256Gcm, Key, KeyInit as _};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, Mac};
use secrecy::{ExposeSecret, SecretString};
use sha2::Sha256;
use vouchsafe_entity::id::DataKeyId;
use vouchsafe_entity::sealed::Sealed;
use zeroize::Zeroizing;

use super::SealError;
use super::envelope::{self, OpenError};
use crate::domain::data_key::{KeyOwner, KeyPurpose, WrappedKey};
use crate::random::Random;

/// One master key: 32 bytes and the label that its operator gave it.
pub struct MasterKey {
    label: String,
    key: Zeroizing<[u8; 32]>,
    fingerprint: String,
}

/// Why a text is no master key.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum MasterKeyError {
    /// Nothing there.
    #[error("the master key is empty")]
    Empty,
    /// No `label:` in front.
    #[error("a master key is written `label:base64`, with a label of letters, digits, `-` and `_`")]
    Shape,
    /// Not base64, or not 32 bytes.
    #[error("the master key `{0}` is not 32 bytes in base64")]
    Length(String),
    /// One byte over and over, a repeating pattern, or a text.
    #[error("the master key `{0}` is not random; make one with `vouchsafe master-key generate`")]
    Weak(String),
    /// Two keys with one label.
    #[error("the master key `{0}` is named twice")]
    Repeated(String),
}

impl MasterKey {
    /// A new key.
    pub fn random(label: &str, random: &dyn Random) -> Self {
        Self::new(label, Zeroizing::new(random.bytes()))
    }

    fn new(label: &str, key: Zeroizing<[u8; 32]>) -> Self {
        let fingerprint = fingerprint(&key);
        Self { label: label.to_owned(), key, fingerprint }
    }

    pub(super) fn parse(text: &str) -> Result<Self, MasterKeyError> {
        let (label, encoded) = text.split_once(':').ok_or(MasterKeyError::Shape)?;
        if label.is_empty() || !label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_') {
            return Err(MasterKeyError::Shape);
        }
        let bytes =
            Zeroizing::new(STANDARD.decode(encoded).map_err(|_| MasterKeyError::Length(label.into()))?);
        let key: [u8; 32] =
            bytes.as_slice().try_into().map_err(|_| MasterKeyError::Length(label.to_owned()))?;
        if is_weak(&key) {
            return Err(MasterKeyError::Weak(label.to_owned()));
        }
        Ok(Self::new(label, Zeroizing::new(key)))
    }

    pub(super) fn label(&self) -> &str {
        &self.label
    }

    /// The first eight bytes of HMAC(key, "fp"), in hex: names the key without telling it.
    pub fn fingerprint(&self) -> &str {
        &self.fingerprint
    }

    /// `label:base64`, as [`MasterKeys::parse`] reads it.
    pub fn to_text(&self) -> Zeroizing<String> {
        Zeroizing::new(format!("{}:{}", self.label, STANDARD.encode(self.key.as_slice())))
    }
}

fn fingerprint(key: &[u8; 32]) -> String {
    Hmac::<Sha256>::new_from_slice(key).map_or_else(
        |_| String::new(),
        |mut mac| {
            mac.update(b"fp");
            hex::encode(&mac.finalize().into_bytes()[..8])
        },
    )
}

/// All equal, a pattern that repeats, or bytes that somebody typed.
fn is_weak(key: &[u8; 32]) -> bool {
    let repeats = (1..=16).any(|period| key.iter().zip(&key[period..]).all(|(a, b)| a == b));
    repeats || key.iter().all(u8::is_ascii_graphic)
}

/// The master keys at hand: the first is current, the others only open.
pub struct MasterKeys(Vec<MasterKey>);

impl MasterKeys {
    /// One key.
    pub fn one(key: MasterKey) -> Self {
        Self(vec![key])
    }

    /// Reads `label:base64[,label:base64…]`.
    ///
    /// # Errors
    /// [`MasterKeyError`], which never repeats key material.
    pub fn parse(text: &SecretString) -> Result<Self, MasterKeyError> {
        let text = text.expose_secret().trim();
        if text.is_empty() {
            return Err(MasterKeyError::Empty);
        }
        let keys =
            text.split(',').map(|part| MasterKey::parse(part.trim())).collect::<Result<Vec<_>, _>>()?;
        let mut labels = HashSet::new();
        if let Some(twice) = keys.iter().find(|key| !labels.insert(key.label.clone())) {
            return Err(MasterKeyError::Repeated(twice.label.clone()));
        }
        Ok(Self(keys))
    }

    /// The key that wraps.
    pub fn current(&self) -> &MasterKey {
        &self.0[0]
    }

    /// The fingerprints of all.
    pub fn fingerprints(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(MasterKey::fingerprint)
    }

    pub(super) fn wrap(
        &self,
        id: DataKeyId,
        owner: KeyOwner,
        purpose: KeyPurpose,
        key: &[u8; 32],
        random: &dyn Random,
    ) -> Result<Sealed, SealError> {
        let master = self.current();
        let aad = wrapping_data(id, owner, purpose, master.fingerprint());
        envelope::encrypt(&cipher(master), id, &aad, key, random)
    }

    pub(super) fn unwrap(&self, wrapped: &WrappedKey) -> Result<Zeroizing<[u8; 32]>, OpenError> {
        let master =
            self.0.iter().find(|key| key.fingerprint == wrapped.master_key).ok_or(OpenError::UnknownKey)?;
        // The id that it carries is not sealed with it; that of the row is.
        if envelope::key_id(&wrapped.wrapped)? != wrapped.id {
            return Err(OpenError::Tag);
        }
        let aad = wrapping_data(wrapped.id, wrapped.owner, wrapped.purpose, &wrapped.master_key);
        let plain = envelope::decrypt(&cipher(master), &aad, &wrapped.wrapped)?;
        plain.as_slice().try_into().map(Zeroizing::new).map_err(|_| OpenError::Length)
    }
}

pub(super) fn cipher(master: &MasterKey) -> Aes256Gcm {
    Aes256Gcm::new(&Key::<Aes256Gcm>::from(*master.key))
}

fn wrapping_data(id: DataKeyId, owner: KeyOwner, purpose: KeyPurpose, master: &str) -> Vec<u8> {
    let owner = owner.to_string();
    envelope::fields(&[
        b"vs-dek-v1",
        owner.as_bytes(),
        purpose.as_str().as_bytes(),
        id.uuid().as_bytes(),
        master.as_bytes(),
    ])
}
