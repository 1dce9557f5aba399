//! The format of a sealed value: `0x01 | 0x01 | data key id (16) | nonce (12) | ciphertext and tag`, with
//! associated data that name the row, the column and the version it stands in.

use aes_gcm::Aes256Gcm;
use aes_gcm::aead::{Aead, Payload};
use vouchsafe_entity::id::{DataKeyId, EnvironmentId, WorkspaceId};
use vouchsafe_entity::sealed::Sealed;
use zeroize::Zeroizing;

use super::SealError;
use super::keyring::{OpenKey, UnknownKey};
use crate::domain::data_key::{KeyOwner, WrappedKey};
use crate::random::Random;

const VERSION: u8 = 1;
const AES_256_GCM: u8 = 1;
const KEY_ID: std::ops::Range<usize> = Sealed::KEY_ID;
const NONCE: std::ops::Range<usize> = 18..30;
const TAG: usize = 16;
const BLOCK: usize = 256;

/// Where a sealed value stands. All of it is associated data: a value moved elsewhere does not open.
#[derive(Clone, Copy, Debug)]
pub struct Place<'a> {
    /// Whose it is.
    pub workspace: WorkspaceId,
    /// In which environment; none for rows of the workspace itself.
    pub environment: Option<EnvironmentId>,
    /// The table.
    pub table: &'static str,
    /// The column.
    pub column: &'static str,
    /// The row's id.
    pub row: &'a str,
    /// The grant that it belongs to; 0 where rows have none.
    pub epoch: i64,
    /// The version of the row.
    pub version: i64,
}

impl Place<'_> {
    pub(super) fn owner(&self) -> KeyOwner {
        self.environment.map_or(KeyOwner::Workspace(self.workspace), KeyOwner::Environment)
    }

    fn associated_data(&self, key: DataKeyId) -> Vec<u8> {
        let environment = self.environment.map(EnvironmentId::uuid);
        fields(&[
            b"vs-rec-v1",
            self.workspace.uuid().as_bytes(),
            environment.as_ref().map_or(&[][..], |id| id.as_bytes()),
            self.table.as_bytes(),
            self.column.as_bytes(),
            self.row.as_bytes(),
            &self.epoch.to_be_bytes(),
            &self.version.to_be_bytes(),
            key.uuid().as_bytes(),
        ])
    }
}

/// Why a sealed value does not open.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OpenError {
    /// Too short to be one.
    #[error("the sealed value is cut")]
    Length,
    /// Another format.
    #[error("the sealed value has an unknown version")]
    Version,
    /// Sealed under a key that is not here.
    #[error("the key that sealed the value is not at hand")]
    UnknownKey,
    /// Changed, moved or sealed under another key of the same name.
    #[error("the sealed value is not what was sealed here")]
    Tag,
    /// It opened, and what lay inside has another shape.
    #[error("the sealed value has an unknown shape")]
    Content,
}

/// A sealed value that does not open: where it stands, under which key, and nothing of what lies in it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{table}.{column} of {}: {why}", .row.escape_debug())]
pub struct Unopened {
    /// The table.
    pub table: &'static str,
    /// The column.
    pub column: &'static str,
    /// The row's id.
    pub row: String,
    /// The data key that it names; none where it is too short to name one.
    pub data_key: Option<DataKeyId>,
    /// What is wrong.
    pub why: OpenError,
}

impl Unopened {
    pub(super) fn at(place: &Place<'_>, sealed: &Sealed, why: OpenError) -> Self {
        Self {
            table: place.table,
            column: place.column,
            row: place.row.to_owned(),
            data_key: key_id(sealed).ok(),
            why,
        }
    }

    /// A data key that does not open.
    pub fn key(key: &WrappedKey, why: OpenError) -> Self {
        Self { table: "data_key", column: "wrapped", row: key.id.to_string(), data_key: Some(key.id), why }
    }
}

impl From<UnknownKey> for OpenError {
    fn from(UnknownKey: UnknownKey) -> Self {
        Self::UnknownKey
    }
}

/// Each field with its length in front, so that no two lists of fields read the same.
pub(super) fn fields(fields: &[&[u8]]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(fields.iter().map(|field| field.len() + 4).sum());
    for field in fields {
        bytes.extend_from_slice(&u32::try_from(field.len()).unwrap_or(u32::MAX).to_be_bytes());
        bytes.extend_from_slice(field);
    }
    bytes
}

/// Fills JSON with spaces up to the next 256 bytes, so that its length tells nothing.
pub(super) fn pad(json: Vec<u8>) -> Zeroizing<Vec<u8>> {
    // The vector that grew while encoding is wiped as well as the padded one.
    let json = Zeroizing::new(json);
    let mut padded = Zeroizing::new(Vec::with_capacity(json.len().next_multiple_of(BLOCK)));
    padded.extend_from_slice(&json);
    padded.resize(json.len().next_multiple_of(BLOCK), b' ');
    padded
}

pub(super) fn seal(
    key: &OpenKey,
    place: &Place<'_>,
    plain: &[u8],
    random: &dyn Random,
) -> Result<Sealed, SealError> {
    encrypt(key.cipher(), key.id(), &place.associated_data(key.id()), plain, random)
}

pub(super) fn open(
    key: &OpenKey,
    place: &Place<'_>,
    sealed: &Sealed,
) -> Result<Zeroizing<Vec<u8>>, OpenError> {
    decrypt(key.cipher(), &place.associated_data(key.id()), sealed)
}

pub(super) fn encrypt(
    cipher: &Aes256Gcm,
    key: DataKeyId,
    aad: &[u8],
    plain: &[u8],
    random: &dyn Random,
) -> Result<Sealed, SealError> {
    let nonce = random.bytes::<12>();
    let ciphertext = encipher(cipher, nonce, aad, plain)?;
    let mut bytes = Vec::with_capacity(NONCE.end + ciphertext.len());
    bytes.extend_from_slice(&[VERSION, AES_256_GCM]);
    bytes.extend_from_slice(key.uuid().as_bytes());
    bytes.extend_from_slice(&nonce);
    bytes.extend_from_slice(&ciphertext);
    Ok(Sealed::new(bytes))
}

pub(super) fn decrypt(
    cipher: &Aes256Gcm,
    aad: &[u8],
    sealed: &Sealed,
) -> Result<Zeroizing<Vec<u8>>, OpenError> {
    let (nonce, ciphertext) = split(sealed)?;
    decipher(cipher, nonce, aad, ciphertext)
}

/// Ciphertext and tag. Nothing else here encrypts, and who calls it draws the nonce.
pub(super) fn encipher(
    cipher: &Aes256Gcm,
    nonce: [u8; 12],
    aad: &[u8],
    plain: &[u8],
) -> Result<Vec<u8>, SealError> {
    cipher.encrypt(&nonce.into(), Payload { msg: plain, aad }).map_err(|_| SealError::Cipher)
}

/// What lay in ciphertext and tag.
pub(super) fn decipher(
    cipher: &Aes256Gcm,
    nonce: [u8; 12],
    aad: &[u8],
    ciphertext: &[u8],
) -> Result<Zeroizing<Vec<u8>>, OpenError> {
    cipher
        .decrypt(&nonce.into(), Payload { msg: ciphertext, aad })
        .map(Zeroizing::new)
        .map_err(|_| OpenError::Tag)
}

/// The data key that a sealed value names.
pub(super) fn key_id(sealed: &Sealed) -> Result<DataKeyId, OpenError> {
    let bytes = sealed.as_bytes();
    if bytes.len() < NONCE.end + TAG {
        return Err(OpenError::Length);
    }
    if bytes[..2] != [VERSION, AES_256_GCM] {
        return Err(OpenError::Version);
    }
    uuid::Uuid::from_slice(&bytes[KEY_ID]).map(DataKeyId::new).map_err(|_| OpenError::Length)
}

/// Nonce and ciphertext.
pub(super) fn split(sealed: &Sealed) -> Result<([u8; 12], &[u8]), OpenError> {
    key_id(sealed)?;
    let bytes = sealed.as_bytes();
    let nonce = bytes[NONCE].try_into().map_err(|_| OpenError::Length)?;
    Ok((nonce, &bytes[NONCE.end..]))
}
