//! The file of audit heads outside the database, best on another volume: lines are added and never changed, so a
//! database that was changed in its past disagrees with it.
//!
//! It keeps lines and does not know what they say.

use std::fs::{File, OpenOptions};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

/// Its name in the directory of the operator's choice.
pub const FILE: &str = "audit-heads.jsonl";
/// The last line lies in so many bytes of the end.
const TAIL: u64 = 64 * 1024;

/// The file.
#[derive(Clone, Debug)]
pub struct HeadFile {
    path: PathBuf,
}

impl HeadFile {
    /// The file in `directory`, which is made where it is missing.
    ///
    /// # Errors
    /// Where the directory can't be made or the file not written.
    pub fn open(directory: &Path) -> io::Result<Self> {
        std::fs::create_dir_all(directory)?;
        let file = Self { path: directory.join(FILE) };
        file.for_writing()?;
        Ok(file)
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The last whole line; none in an empty file.
    ///
    /// # Errors
    /// Where it can't be read.
    pub fn last(&self) -> io::Result<Option<String>> {
        if !std::fs::metadata(&self.path)?.is_file() {
            return Ok(None);
        }
        let mut file = File::open(&self.path)?;
        let length = file.metadata()?.len();
        file.seek(SeekFrom::Start(length.saturating_sub(TAIL)))?;
        let mut tail = Vec::new();
        file.read_to_end(&mut tail)?;
        let tail = String::from_utf8_lossy(&tail);
        // What follows the last line feed was cut while it was written.
        let whole = tail.rsplit_once('\n').map_or("", |(whole, _)| whole);
        Ok(whole.lines().rfind(|line| !line.is_empty()).map(str::to_owned))
    }

    /// Adds lines and waits until they are on disk. A file that was moved away begins anew.
    ///
    /// # Errors
    /// Where they can't be written.
    pub async fn append(&self, lines: Vec<String>) -> io::Result<()> {
        let this = self.clone();
        tokio::task::spawn_blocking(move || this.write(&lines)).await?
    }

    fn write(&self, lines: &[String]) -> io::Result<()> {
        let mut file = self.for_writing()?;
        let mut text = String::new();
        if self.is_cut()? {
            text.push('\n');
        }
        for line in lines {
            text.push_str(line);
            text.push('\n');
        }
        file.write_all(text.as_bytes())?;
        if file.metadata()?.is_file() {
            file.sync_data()?;
        }
        Ok(())
    }

    fn for_writing(&self) -> io::Result<File> {
        OpenOptions::new().append(true).create(true).mode(0o600).open(&self.path)
    }

    /// Whether the last line was cut while it was written.
    fn is_cut(&self) -> io::Result<bool> {
        let metadata = std::fs::metadata(&self.path)?;
        if !metadata.is_file() || metadata.len() == 0 {
            return Ok(false);
        }
        let mut file = File::open(&self.path)?;
        file.seek(SeekFrom::End(-1))?;
        let mut last = [0];
        file.read_exact(&mut last)?;
        Ok(last != *b"\n")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn lines_are_added_and_a_cut_one_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let file = HeadFile::open(&folder.path().join("other/volume")).unwrap();
        assert_eq!(file.last().unwrap(), None);
        file.append(vec!["one".to_owned(), "two".to_owned()]).await.unwrap();
        assert_eq!(file.last().unwrap().as_deref(), Some("two"));
        let mut cut = OpenOptions::new().append(true).open(file.path()).unwrap();
        cut.write_all(b"thr").unwrap();
        assert_eq!(file.last().unwrap().as_deref(), Some("two"), "a cut line says nothing");
        file.append(vec!["three".to_owned()]).await.unwrap();
        assert_eq!(std::fs::read_to_string(file.path()).unwrap(), "one\ntwo\nthr\nthree\n");
    }
}
