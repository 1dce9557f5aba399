//! Files that leave the hub: frames under a key of their own, each bound to its file, its number and whether it is the
//! last, so that nothing is cut off, put in, moved or joined unnoticed.
//!
//! `VSEXPORT | 0x01 | 0x01 | fingerprint of the key (16) | file id (16)`, then frames of `last (1) | length (4) |
//! nonce (12) | ciphertext and tag`. It knows no file: bytes go in, bytes come out.

use std::sync::Arc;

use aes_gcm::Aes256Gcm;
use secrecy::{ExposeSecret, SecretString};
use zeroize::Zeroizing;

use super::SealError;
use super::envelope::{decipher, encipher, fields};
use super::master::{MasterKey, cipher};
use crate::random::Random;

const MAGIC: &[u8; 8] = b"VSEXPORT";
const VERSION: u8 = 1;
const AES_256_GCM: u8 = 1;
const FINGERPRINT: std::ops::Range<usize> = 10..26;
const TAG: usize = 16;
/// What stands before the colon of an export key.
const LABEL: &str = "export";

/// Bytes at the beginning of a file.
pub const EXPORT_HEADER: usize = 42;
/// Bytes before the ciphertext of a frame.
pub const FRAME_HEAD: usize = 17;
/// The most bytes of content in one frame.
pub const FRAME_CONTENT: usize = 64 * 1024;

/// The key of one export, which stands in no database.
pub struct ExportKey(MasterKey);

/// A text that is no export key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("an export key is `export:` and 32 random bytes in base64, as `vouchsafe export` prints one")]
pub struct NoExportKey;

impl ExportKey {
    /// A new key.
    pub fn random(random: &dyn Random) -> Self {
        Self(MasterKey::random(LABEL, random))
    }

    /// Reads `export:base64`.
    ///
    /// # Errors
    /// [`NoExportKey`].
    pub fn parse(text: &SecretString) -> Result<Self, NoExportKey> {
        let key = MasterKey::parse(text.expose_secret().trim()).map_err(|_| NoExportKey)?;
        if key.label() == LABEL { Ok(Self(key)) } else { Err(NoExportKey) }
    }

    /// `export:base64`, as [`ExportKey::parse`] reads it.
    pub fn to_text(&self) -> Zeroizing<String> {
        self.0.to_text()
    }

    /// Names the key without telling it.
    pub fn fingerprint(&self) -> &str {
        self.0.fingerprint()
    }
}

/// Seals a file, frame by frame.
pub struct ExportSealer {
    cipher: Aes256Gcm,
    header: Vec<u8>,
    frames: u64,
    random: Arc<dyn Random>,
}

impl ExportSealer {
    /// Begins a file.
    pub fn new(key: &ExportKey, random: Arc<dyn Random>) -> Self {
        let mut header = Vec::with_capacity(EXPORT_HEADER);
        header.extend_from_slice(MAGIC);
        header.extend_from_slice(&[VERSION, AES_256_GCM]);
        header.extend_from_slice(key.fingerprint().as_bytes());
        header.extend_from_slice(&random.bytes::<16>());
        Self { cipher: cipher(&key.0), header, frames: 0, random }
    }

    /// The first bytes of the file.
    pub fn header(&self) -> &[u8] {
        &self.header
    }

    /// The next frame around `content`, of which there are at most [`FRAME_CONTENT`] bytes.
    ///
    /// # Errors
    /// [`SealError::Cipher`].
    pub fn seal(&mut self, content: &[u8], last: bool) -> Result<Vec<u8>, SealError> {
        let nonce = self.random.bytes::<12>();
        let ciphertext = encipher(&self.cipher, nonce, &bound(&self.header, self.frames, last), content)?;
        let length = u32::try_from(ciphertext.len()).map_err(|_| SealError::Cipher)?;
        let mut frame = Vec::with_capacity(FRAME_HEAD + ciphertext.len());
        frame.push(u8::from(last));
        frame.extend_from_slice(&length.to_be_bytes());
        frame.extend_from_slice(&nonce);
        frame.extend_from_slice(&ciphertext);
        self.frames += 1;
        Ok(frame)
    }
}

/// Why a file does not open.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ExportFault {
    /// Something else.
    #[error("it is no sealed export of a hub")]
    NoExport,
    /// A format that is not known here.
    #[error("it has a format that this version of the program does not know")]
    Version,
    /// The key is another one.
    #[error("it was sealed under the export key {expected}, and the one given is {found}")]
    OtherKey {
        /// The fingerprint that the file names.
        expected: String,
        /// The fingerprint of the key that was given.
        found: String,
    },
    /// The last frame is missing.
    #[error("it is cut off")]
    Cut,
    /// It is not what was sealed.
    #[error("it was changed, or is not whole")]
    Changed,
}

/// What stands before the ciphertext of a frame.
#[derive(Clone, Copy, Debug)]
pub struct FrameHead {
    /// Whether nothing follows.
    pub last: bool,
    /// Bytes of ciphertext and tag.
    pub length: usize,
    nonce: [u8; 12],
}

impl FrameHead {
    /// Reads it.
    ///
    /// # Errors
    /// [`ExportFault::Changed`], where no frame begins so.
    pub fn read(bytes: [u8; FRAME_HEAD]) -> Result<Self, ExportFault> {
        let [last, a, b, c, d, nonce @ ..] = bytes;
        let length = usize::try_from(u32::from_be_bytes([a, b, c, d])).unwrap_or(usize::MAX);
        if last > 1 || !(TAG..=FRAME_CONTENT + TAG).contains(&length) {
            return Err(ExportFault::Changed);
        }
        Ok(Self { last: last == 1, length, nonce })
    }
}

/// Opens a file, frame by frame.
pub struct ExportOpener {
    cipher: Aes256Gcm,
    header: [u8; EXPORT_HEADER],
    frames: u64,
}

impl ExportOpener {
    /// Begins with the first bytes of a file.
    ///
    /// # Errors
    /// [`ExportFault`].
    pub fn new(key: &ExportKey, header: [u8; EXPORT_HEADER]) -> Result<Self, ExportFault> {
        if !header.starts_with(MAGIC) {
            return Err(ExportFault::NoExport);
        }
        if header[MAGIC.len()..FINGERPRINT.start] != [VERSION, AES_256_GCM] {
            return Err(ExportFault::Version);
        }
        if header[FINGERPRINT] != *key.fingerprint().as_bytes() {
            let expected = header[FINGERPRINT].escape_ascii().to_string();
            return Err(ExportFault::OtherKey { expected, found: key.fingerprint().to_owned() });
        }
        Ok(Self { cipher: cipher(&key.0), header, frames: 0 })
    }

    /// What lay in the next frame.
    ///
    /// # Errors
    /// [`ExportFault::Changed`].
    pub fn open(&mut self, head: FrameHead, ciphertext: &[u8]) -> Result<Zeroizing<Vec<u8>>, ExportFault> {
        if ciphertext.len() != head.length {
            return Err(ExportFault::Changed);
        }
        let aad = bound(&self.header, self.frames, head.last);
        self.frames += 1;
        decipher(&self.cipher, head.nonce, &aad, ciphertext).map_err(|_| ExportFault::Changed)
    }
}

/// What a frame is bound to. The header names key and file.
fn bound(header: &[u8], frame: u64, last: bool) -> Vec<u8> {
    fields(&[b"vs-exp-v1", header, &frame.to_be_bytes(), &[u8::from(last)]])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::SystemRandom;

    fn random() -> Arc<dyn Random> {
        Arc::new(SystemRandom)
    }

    fn header_of(sealer: &ExportSealer) -> [u8; EXPORT_HEADER] {
        sealer.header().try_into().unwrap()
    }

    /// Opens frames in the order given; the contents, and whether the last one was the last.
    fn open(
        key: &ExportKey,
        header: [u8; EXPORT_HEADER],
        frames: &[&Vec<u8>],
    ) -> Result<(Vec<Vec<u8>>, bool), ExportFault> {
        let mut opener = ExportOpener::new(key, header)?;
        let (mut contents, mut ended) = (Vec::new(), false);
        for frame in frames {
            let head = FrameHead::read(frame[..FRAME_HEAD].try_into().unwrap())?;
            contents.push(opener.open(head, &frame[FRAME_HEAD..])?.to_vec());
            ended = head.last;
        }
        Ok((contents, ended))
    }

    #[test]
    fn frames_open_in_their_file_at_their_place_and_unchanged() {
        let key = ExportKey::random(&SystemRandom);
        let mut sealer = ExportSealer::new(&key, random());
        let header = header_of(&sealer);
        let first = sealer.seal(b"one", false).unwrap();
        let second = sealer.seal(b"two", true).unwrap();
        let opened = open(&key, header, &[&first, &second]).unwrap();
        assert_eq!(opened, (vec![b"one".to_vec(), b"two".to_vec()], true));
        assert!(!open(&key, header, &[&first]).unwrap().1, "a cut is seen by the missing last frame");

        let mut other = ExportSealer::new(&key, random());
        let foreign = other.seal(b"one", false).unwrap();
        for frames in [vec![&second], vec![&first, &first], vec![&second, &first], vec![&foreign, &second]] {
            assert_eq!(open(&key, header, &frames), Err(ExportFault::Changed));
        }
        for bit in 0..second.len() * 8 {
            let mut changed = second.clone();
            changed[bit / 8] ^= 1 << (bit % 8);
            assert!(open(&key, header, &[&first, &changed]).is_err(), "bit {bit}");
        }
        for bit in 0..header.len() * 8 {
            let mut changed = header;
            changed[bit / 8] ^= 1 << (bit % 8);
            assert!(open(&key, changed, &[&first, &second]).is_err(), "bit {bit} of the header");
        }
    }

    #[test]
    fn another_key_is_named_and_a_text_that_is_none_refused() {
        let key = ExportKey::random(&SystemRandom);
        let again = ExportKey::parse(&SecretString::from(format!("{}\n", key.to_text().as_str()))).unwrap();
        assert_eq!(again.fingerprint(), key.fingerprint());
        let sealer = ExportSealer::new(&key, random());
        let other = ExportKey::random(&SystemRandom);
        let fault = ExportOpener::new(&other, header_of(&sealer)).err().unwrap();
        let said = fault.to_string();
        assert!(said.contains(key.fingerprint()) && said.contains(other.fingerprint()), "{said}");
        let master = MasterKey::random("main", &SystemRandom).to_text();
        for text in ["", "export:", "export:AAAA", master.as_str()] {
            assert!(ExportKey::parse(&SecretString::from(text)).is_err(), "{text}");
        }
    }
}
