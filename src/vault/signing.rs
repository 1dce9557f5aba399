//! Signatures of the hub (Ed25519), which whoever has the public key can check. The seed is wrapped like a data key.

use aws_lc_rs::signature::{ED25519, Ed25519KeyPair, KeyPair as _, UnparsedPublicKey};
use vouchsafe_entity::id::DataKeyId;

use super::keyring::{OpenKey, UnknownKey};
use super::{Keyring, Vault};
use crate::domain::data_key::{KeyOwner, KeyPurpose};

/// Bytes of the key's id in front of a signature.
const KEY_ID: usize = 16;

impl Vault {
    /// Signs `statement`: the id of the key, and the signature.
    ///
    /// # Errors
    /// [`UnknownKey`].
    pub fn sign(&self, statement: &[u8]) -> Result<Vec<u8>, UnknownKey> {
        let key = self.ring.current(KeyOwner::Hub, KeyPurpose::AuditHeads)?;
        let signature = pair(&key)?.sign(statement);
        Ok([key.id().uuid().as_bytes().as_slice(), signature.as_ref()].concat())
    }

    /// Whether `signature` is that of a key of this hub under `statement`.
    pub fn has_signed(&self, statement: &[u8], signature: &[u8]) -> bool {
        let Some((id, signature)) = signature.split_at_checked(KEY_ID) else { return false };
        let Ok(public) = public_key(&self.ring, id) else { return false };
        UnparsedPublicKey::new(&ED25519, public).verify(statement, signature).is_ok()
    }

    /// The public key that checks `signature`.
    ///
    /// # Errors
    /// [`UnknownKey`].
    pub fn public_key(&self, signature: &[u8]) -> Result<Vec<u8>, UnknownKey> {
        public_key(&self.ring, signature.get(..KEY_ID).ok_or(UnknownKey)?)
    }
}

fn public_key(ring: &Keyring, id: &[u8]) -> Result<Vec<u8>, UnknownKey> {
    let id = uuid::Uuid::from_slice(id).map(DataKeyId::new).map_err(|_| UnknownKey)?;
    let key = ring.of_purpose(KeyPurpose::AuditHeads).into_iter().find(|key| key.id() == id);
    Ok(pair(&*key.ok_or(UnknownKey)?)?.public_key().as_ref().to_vec())
}

fn pair(key: &OpenKey) -> Result<Ed25519KeyPair, UnknownKey> {
    Ed25519KeyPair::from_seed_unchecked(key.bytes()).map_err(|_| UnknownKey)
}
