//! Entries that nobody could read: a file each, out of the way of those that wait for the database.
//!
//! A file is whole or not there at all: it gets its name once its bytes are on disk.

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

/// What a file is called while it is written.
const UNFINISHED: &str = "unfinished";

pub(super) struct Aside {
    directory: PathBuf,
}

impl Aside {
    /// Opens the directory, making it where it is missing, and says which entries it holds and how long they are.
    pub(super) fn open(directory: &Path) -> io::Result<(Self, BTreeMap<u64, usize>)> {
        super::make_directory(directory)?;
        let mut found = BTreeMap::new();
        for file in fs::read_dir(directory)? {
            let file = file?;
            let number = file.file_name().to_str().and_then(|name| name.parse().ok());
            // The last number has none behind it.
            match number.filter(|number| *number < u64::MAX) {
                Some(number) => {
                    let length = usize::try_from(file.metadata()?.len()).unwrap_or(usize::MAX);
                    found.insert(number, length);
                }
                None if file.file_name() == UNFINISHED => fs::remove_file(file.path())?,
                None => {}
            }
        }
        // Names that a crash may have left unwritten, and that of the directory itself.
        for directory in [Some(directory), directory.parent()].into_iter().flatten() {
            File::open(directory)?.sync_all()?;
        }
        Ok((Self { directory: directory.to_owned() }, found))
    }

    /// Writes an entry down and waits until it is on disk.
    pub(super) fn write(&self, number: u64, bytes: &[u8]) -> io::Result<()> {
        let unfinished = self.directory.join(UNFINISHED);
        let mut options = OpenOptions::new();
        options.create(true).write(true).truncate(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let mut file = options.open(&unfinished)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        fs::rename(&unfinished, self.path(number))?;
        File::open(&self.directory)?.sync_all()
    }

    /// Forgets an entry.
    pub(super) fn remove(&self, number: u64) -> io::Result<()> {
        fs::remove_file(self.path(number))
    }

    /// Where an entry lies.
    pub(super) fn path(&self, number: u64) -> PathBuf {
        self.directory.join(number.to_string())
    }
}
