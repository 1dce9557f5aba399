//! A ciphertext column. It can be moved and compared here, never opened: that is the vault's alone.

use sea_orm::DeriveValueType;

/// A sealed value as stored: `version | algorithm | key id | nonce | ciphertext and tag`.
#[derive(Clone, PartialEq, Eq, DeriveValueType)]
pub struct Sealed(Vec<u8>);

impl Sealed {
    /// Where the id of the data key stands.
    pub const KEY_ID: std::ops::Range<usize> = 2..18;

    /// Takes bytes that a vault sealed.
    pub const fn new(bytes: Vec<u8>) -> Self {
        Self(bytes)
    }

    /// The bytes as stored.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl std::fmt::Debug for Sealed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Sealed({} bytes)", self.0.len())
    }
}
