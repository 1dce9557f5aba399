//! The lines of an export in a file: sealed in frames, or plain as another hub's export is handed over. What the lines
//! mean is not known here.

use std::fs::File;
use std::io::{self, BufRead as _, BufReader, BufWriter, Read as _, Write as _};
use std::sync::Arc;

use zeroize::Zeroizing;

use crate::random::Random;
use crate::vault::{
    EXPORT_HEADER, ExportFault, ExportKey, ExportOpener, ExportSealer, FRAME_CONTENT, FRAME_HEAD, FrameHead,
};

/// The longest line in bytes, with room to spare for the longest value that a hub keeps.
const LONGEST_LINE: usize = 1024 * 1024;

/// A line as it is handed on, without its end.
pub(super) type Line = io::Result<Zeroizing<Vec<u8>>>;

/// A file that is being sealed.
pub(super) struct SealedFile {
    file: BufWriter<File>,
    sealer: ExportSealer,
    content: Zeroizing<Vec<u8>>,
}

impl SealedFile {
    /// Begins an empty file.
    pub(super) fn begin(file: File, key: &ExportKey, random: Arc<dyn Random>) -> io::Result<Self> {
        let sealer = ExportSealer::new(key, random);
        let mut file = BufWriter::new(file);
        file.write_all(sealer.header())?;
        Ok(Self { file, sealer, content: Zeroizing::new(Vec::with_capacity(FRAME_CONTENT)) })
    }

    /// Takes what comes next, in pieces of any length.
    pub(super) fn push(&mut self, mut bytes: &[u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            if self.content.len() == FRAME_CONTENT {
                self.seal(false)?;
            }
            let fits = bytes.len().min(FRAME_CONTENT - self.content.len());
            let (now, rest) = bytes.split_at(fits);
            self.content.extend_from_slice(now);
            bytes = rest;
        }
        Ok(())
    }

    /// Writes the last frame.
    pub(super) fn finish(mut self) -> io::Result<()> {
        self.seal(true)?;
        self.file.flush()
    }

    fn seal(&mut self, last: bool) -> io::Result<()> {
        let frame = self.sealer.seal(&self.content, last).map_err(io::Error::other)?;
        self.content.clear();
        self.file.write_all(&frame)
    }
}

/// The lines of a sealed file. One that was cut off or changed ends with an error, whatever came before.
pub(super) struct SealedLines {
    file: BufReader<File>,
    opener: ExportOpener,
    content: Zeroizing<Vec<u8>>,
    /// Where the next line begins.
    at: usize,
    /// The last frame was read, or nothing more can be.
    ended: bool,
}

impl SealedLines {
    /// Begins to read.
    pub(super) fn open(file: File, key: &ExportKey) -> io::Result<Self> {
        let mut file = BufReader::new(file);
        let mut header = [0; EXPORT_HEADER];
        file.read_exact(&mut header).map_err(|error| cut(error, ExportFault::NoExport))?;
        let opener = ExportOpener::new(key, header).map_err(io::Error::other)?;
        Ok(Self { file, opener, content: Zeroizing::default(), at: 0, ended: false })
    }

    fn frame(&mut self) -> io::Result<()> {
        let mut head = [0; FRAME_HEAD];
        self.file.read_exact(&mut head).map_err(|error| cut(error, ExportFault::Cut))?;
        let head = FrameHead::read(head).map_err(io::Error::other)?;
        let mut ciphertext = vec![0; head.length];
        self.file.read_exact(&mut ciphertext).map_err(|error| cut(error, ExportFault::Cut))?;
        let opened = self.opener.open(head, &ciphertext).map_err(io::Error::other)?;
        if head.last && !self.file.fill_buf()?.is_empty() {
            return Err(io::Error::other(ExportFault::Changed));
        }
        self.ended = head.last;
        let rest = &self.content[self.at..];
        if rest.len() > LONGEST_LINE {
            return Err(too_long());
        }
        // Made large enough at once, since growing would leave copies behind.
        let mut content = Zeroizing::new(Vec::with_capacity(rest.len() + opened.len()));
        content.extend_from_slice(rest);
        content.extend_from_slice(&opened);
        (self.content, self.at) = (content, 0);
        Ok(())
    }
}

impl Iterator for SealedLines {
    type Item = Line;

    fn next(&mut self) -> Option<Line> {
        loop {
            let rest = &self.content[self.at..];
            let end = rest.iter().position(|byte| *byte == b'\n');
            if let Some(end) = end.or_else(|| (self.ended && !rest.is_empty()).then_some(rest.len())) {
                let line = Zeroizing::new(rest[..end].to_vec());
                self.at = (self.at + end + 1).min(self.content.len());
                return Some(Ok(line));
            }
            if self.ended {
                return None;
            }
            if let Err(error) = self.frame() {
                self.content = Zeroizing::default();
                (self.at, self.ended) = (0, true);
                return Some(Err(error));
            }
        }
    }
}

/// The lines of a plain file.
pub(super) struct PlainLines(BufReader<File>);

impl PlainLines {
    pub(super) fn open(file: File) -> Self {
        Self(BufReader::new(file))
    }
}

impl Iterator for PlainLines {
    type Item = Line;

    fn next(&mut self) -> Option<Line> {
        let mut line = Zeroizing::new(Vec::new());
        let most = u64::try_from(LONGEST_LINE).unwrap_or(u64::MAX).saturating_add(1);
        match self.0.by_ref().take(most).read_until(b'\n', &mut line) {
            Ok(0) => None,
            Ok(_) if line.last() == Some(&b'\n') => {
                line.pop();
                Some(Ok(line))
            }
            Ok(read) if read > LONGEST_LINE => Some(Err(too_long())),
            Ok(_) => Some(Ok(line)),
            Err(error) => Some(Err(error)),
        }
    }
}

fn too_long() -> io::Error {
    io::Error::other("a line is longer than 1 MiB")
}

/// The end of a file where more must come, as what it means.
fn cut(error: io::Error, meaning: ExportFault) -> io::Error {
    if error.kind() == io::ErrorKind::UnexpectedEof { io::Error::other(meaning) } else { error }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::random::SystemRandom;

    fn sealed(key: &ExportKey, lines: &[Vec<u8>]) -> Vec<u8> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("hub.export");
        let mut file = SealedFile::begin(File::create(&path).unwrap(), key, Arc::new(SystemRandom)).unwrap();
        for line in lines {
            file.push(line).unwrap();
            file.push(b"\n").unwrap();
        }
        file.finish().unwrap();
        std::fs::read(path).unwrap()
    }

    fn read(key: &ExportKey, bytes: &[u8]) -> io::Result<Vec<Vec<u8>>> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("hub.export");
        std::fs::write(&path, bytes).unwrap();
        let lines = SealedLines::open(File::open(&path).unwrap(), key)?;
        lines.map(|line| line.map(|line| line.to_vec())).collect()
    }

    fn some_lines() -> impl Strategy<Value = Vec<Vec<u8>>> {
        let line = prop_oneof![
            prop::collection::vec(0x20..0x7f_u8, 1..80),
            // Over one frame and more.
            (0x20..0x7f_u8, 60_000..140_000_usize).prop_map(|(byte, length)| vec![byte; length]),
        ];
        prop::collection::vec(line, 0..4)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(12))]

        #[test]
        fn lines_come_back_and_a_file_that_was_cut_or_changed_never_ends_well(
            lines in some_lines(),
            place in any::<prop::sample::Index>(),
            bit in 0..8_u8,
        ) {
            let key = ExportKey::random(&SystemRandom);
            let bytes = sealed(&key, &lines);
            prop_assert_eq!(read(&key, &bytes).unwrap(), lines);
            let at = place.index(bytes.len());
            prop_assert!(read(&key, &bytes[..at]).is_err());
            let mut changed = bytes.clone();
            changed[at] ^= 1 << bit;
            prop_assert!(read(&key, &changed).is_err());
            let longer = [bytes.as_slice(), b"x"].concat();
            prop_assert!(read(&key, &longer).is_err());
        }
    }
}
