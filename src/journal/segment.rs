//! One file of the journal: allocated whole when it is made, so that a full disk can't refuse a write later.
//!
//! `magic | generation | crc32`, then records `length | crc32 | number | kind | bytes`. The checksum covers the
//! generation too: what a former generation left behind reads as the end.

use std::collections::HashSet;
use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt as _, OpenOptionsExt as _};
use std::path::Path;

use super::MAX_ENTRY;

const LENGTH: usize = 4 * 1024 * 1024;
/// What is written or read at once when a segment is opened; a part of [`LENGTH`].
const CHUNK: usize = 16 * 1024;
static ZEROS: [u8; CHUNK] = [0; CHUNK];
const MAGIC: &[u8; 4] = b"VSJ1";
const HEADER: usize = 16;
const FRAME: usize = 17;
const ENTRY: u8 = 0;
const DONE: u8 = 1;

/// Bytes for records.
#[cfg(test)]
pub(super) const ROOM: usize = LENGTH - HEADER;

/// Bytes that a record of `length` takes.
pub(super) const fn size(length: usize) -> usize {
    FRAME + length
}

/// A record as found: an entry with offset and length of its bytes, or the mark that it is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Record {
    pub(super) number: u64,
    pub(super) entry: Option<(u64, usize)>,
}

/// An open segment.
#[derive(Debug)]
pub(super) struct Segment {
    file: File,
    generation: u64,
    used: usize,
}

impl Segment {
    /// Opens or makes the file and reads its records. Behind one that is not whole the next whole one is looked for: where
    /// there is none, it is what a crash tore at the end.
    pub(super) fn open(path: &Path) -> io::Result<(Self, Vec<Record>)> {
        let file =
            OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).open(path)?;
        if file.metadata()?.len() < LENGTH as u64 {
            // Written out rather than set by length, so that the blocks are there.
            (0..LENGTH / CHUNK).try_for_each(|n| file.write_all_at(&[0; CHUNK], (n * CHUNK) as u64))?;
            file.sync_all()?;
        }
        let mut bytes = Vec::new();
        read_up_to(&file, &mut bytes, HEADER)?;
        let mut segment = Self { file, generation: generation(&bytes), used: HEADER };
        let mut records = Vec::new();
        let mut behind: Option<Behind> = None;
        while segment.generation > 0 {
            read_up_to(&segment.file, &mut bytes, segment.used + FRAME)?;
            let stated = word_at(&bytes, segment.used).map_or(0, |length| length as usize);
            read_up_to(&segment.file, &mut bytes, segment.used.saturating_add(size(stated)))?;
            if let Some((record, length)) = record_at(&bytes, segment.used, segment.generation) {
                if behind.as_mut().is_none_or(|behind| behind.takes(&record)) {
                    records.push(record);
                }
                segment.used += size(length);
                continue;
            }
            read_up_to(&segment.file, &mut bytes, LENGTH)?;
            let Some(next) = next_record(&bytes, segment.used + 1, segment.generation) else { break };
            tracing::warn!(
                file = %path.display(),
                offset = segment.used,
                next,
                "the token journal is damaged: an answer in it may be lost, those behind it are read"
            );
            behind.get_or_insert_with(|| Behind::those(&records));
            segment.used = next;
        }
        Ok((segment, records))
    }

    /// 0 for a segment that was never begun.
    pub(super) const fn generation(&self) -> u64 {
        self.generation
    }

    /// Whether more than half of it is used.
    pub(super) const fn is_half_full(&self) -> bool {
        self.used > LENGTH / 2
    }

    /// Whether a record of `length` fits.
    pub(super) const fn fits(&self, length: usize) -> bool {
        self.used + size(length) <= LENGTH
    }

    /// Begins anew; what stands in it is forgotten.
    pub(super) fn reset(&mut self, generation: u64) -> io::Result<()> {
        let mut header = Vec::with_capacity(HEADER);
        header.extend_from_slice(MAGIC);
        header.extend_from_slice(&generation.to_le_bytes());
        header.extend_from_slice(&crc32fast::hash(&generation.to_le_bytes()).to_le_bytes());
        self.file.write_all_at(&header, 0)?;
        self.file.sync_data()?;
        self.generation = generation;
        self.used = HEADER;
        Ok(())
    }

    /// Writes an entry, or the mark that it is done, and gives the offset of the bytes. It is not on disk before
    /// [`Segment::sync`].
    pub(super) fn append(&mut self, number: u64, bytes: Option<&[u8]>) -> io::Result<u64> {
        let (kind, bytes) = (if bytes.is_some() { ENTRY } else { DONE }, bytes.unwrap_or_default());
        let length = u32::try_from(bytes.len()).map_err(io::Error::other)?;
        let mut record = Vec::with_capacity(size(bytes.len()));
        record.extend_from_slice(&length.to_le_bytes());
        record.extend_from_slice(&checksum(self.generation, number, kind, bytes).to_le_bytes());
        record.extend_from_slice(&number.to_le_bytes());
        record.push(kind);
        record.extend_from_slice(bytes);
        self.file.write_all_at(&record, self.used as u64)?;
        let offset = (self.used + FRAME) as u64;
        self.used += record.len();
        Ok(offset)
    }

    /// Waits until everything written is on disk.
    pub(super) fn sync(&self) -> io::Result<()> {
        self.file.sync_data()
    }

    /// The bytes of an entry.
    pub(super) fn read(&self, offset: u64, length: usize) -> io::Result<Vec<u8>> {
        let mut bytes = vec![0; length];
        self.file.read_exact_at(&mut bytes, offset)?;
        Ok(bytes)
    }
}

/// What counts of the records behind damage. An entry whose number stands before it does not: a crash may have left there
/// what was never said to be written, and whose number was given again. A mark that does not count costs a replay that
/// changes nothing.
struct Behind {
    before: HashSet<u64>,
    entries: HashSet<u64>,
}

impl Behind {
    fn those(before: &[Record]) -> Self {
        let entries = before.iter().filter(|record| record.entry.is_some());
        Self { before: entries.map(|record| record.number).collect(), entries: HashSet::new() }
    }

    fn takes(&mut self, record: &Record) -> bool {
        match record.entry {
            Some(_) => !self.before.contains(&record.number) && self.entries.insert(record.number),
            None => self.entries.contains(&record.number),
        }
    }
}

/// Makes `bytes` the first `end` bytes of the file at least, where it has so many.
fn read_up_to(file: &File, bytes: &mut Vec<u8>, end: usize) -> io::Result<()> {
    let (read, end) = (bytes.len(), end.min(LENGTH).next_multiple_of(CHUNK));
    if end > read {
        bytes.resize(end, 0);
        file.read_exact_at(&mut bytes[read..], read as u64)?;
    }
    Ok(())
}

fn checksum(generation: u64, number: u64, kind: u8, bytes: &[u8]) -> u32 {
    let mut hash = crc32fast::Hasher::new();
    hash.update(&generation.to_le_bytes());
    hash.update(&number.to_le_bytes());
    hash.update(&[kind]);
    hash.update(bytes);
    hash.finalize()
}

fn generation(bytes: &[u8]) -> u64 {
    let Some((stated, sum)) = number_at(bytes, 4).zip(word_at(bytes, 12)) else { return 0 };
    if bytes.starts_with(MAGIC) && crc32fast::hash(&stated.to_le_bytes()) == sum { stated } else { 0 }
}

/// Where the first whole record at `from` or behind it stands. What an entry holds is text, in which nothing looks like
/// one, and what a former generation left has another checksum.
fn next_record(bytes: &[u8], from: usize, generation: u64) -> Option<usize> {
    let mut at = from;
    while at + FRAME <= bytes.len() {
        let near = &bytes[at..bytes.len().min(at + CHUNK)];
        // Most of a segment was never written, and no record is without a number.
        if near[0] == 0 && near.len() > FRAME && *near == ZEROS[..near.len()] {
            at += near.len() - FRAME;
            continue;
        }
        if bytes[at + 16] <= DONE && record_at(bytes, at, generation).is_some() {
            return Some(at);
        }
        at += 1;
    }
    None
}

/// The record at `at`, with the length of its bytes.
fn record_at(bytes: &[u8], at: usize, generation: u64) -> Option<(Record, usize)> {
    let length = usize::try_from(word_at(bytes, at)?).ok()?;
    let sum = word_at(bytes, at + 4)?;
    let number = number_at(bytes, at + 8)?;
    let kind = *bytes.get(at + 16)?;
    let most = match kind {
        ENTRY => MAX_ENTRY,
        DONE => 0,
        _ => return None,
    };
    // The first number is 1, and each has one behind it.
    if length > most || !(1..u64::MAX).contains(&number) {
        return None;
    }
    let content = bytes.get(at + FRAME..at.checked_add(size(length))?)?;
    if checksum(generation, number, kind, content) != sum {
        return None;
    }
    let entry = (kind == ENTRY).then_some(((at + FRAME) as u64, length));
    Some((Record { number, entry }, length))
}

fn word_at(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(bytes.get(at..at.checked_add(4)?)?.try_into().ok()?))
}

fn number_at(bytes: &[u8], at: usize) -> Option<u64> {
    Some(u64::from_le_bytes(bytes.get(at..at.checked_add(8)?)?.try_into().ok()?))
}
