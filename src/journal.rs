//! The journal of token answers (`refresh.md`, section 5): an answer that may hold the only live refresh token is on
//! disk before anybody reads it, and is replayed after a crash.
//!
//! What nobody could read is set aside, a file each, so that it takes no room of what comes.
//!
//! It keeps sealed bytes and never opens them; it knows neither credentials nor the database. The node's id lives
//! beside the segments, so the directory must survive a restart.

mod aside;
mod segment;
mod writer;

use std::collections::BTreeMap;
use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, mpsc};

use tokio::sync::oneshot;

use aside::Aside;
use segment::Segment;
use writer::Writer;

/// The largest entry taken, in bytes: a token answer of 256 KiB, encoded and sealed.
pub const MAX_ENTRY: usize = 512 * 1024;

/// Why an answer could not be written down.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// The directory or a file in it can't be used.
    #[error("the journal can't be used")]
    Io(#[from] io::Error),
    /// Both segments are full of answers that wait.
    #[error("the journal is full")]
    Full,
    /// A write failed before; nothing more is written until the next start.
    #[error("the journal failed earlier")]
    Failed,
}

/// An answer that was written down and not marked done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Names it until it is done.
    pub number: u64,
    /// The bytes, as they were given.
    pub bytes: Vec<u8>,
}

enum Order {
    Append(Vec<u8>, Reply),
    Done(u64),
    SetAside(u64),
}

/// An entry that is not done.
enum Waiting {
    Here(Vec<u8>),
    Aside { path: PathBuf, length: usize },
}

type Reply = oneshot::Sender<Result<u64, JournalError>>;

/// The journal of this node. One thread writes; dropped, it writes what waits and ends.
pub struct Journal {
    node: String,
    orders: Mutex<mpsc::Sender<Order>>,
    state: Arc<State>,
}

#[derive(Default)]
struct State {
    failed: AtomicBool,
    full: AtomicBool,
    /// Entries that are not done, for a replay while the hub runs.
    waiting: Mutex<BTreeMap<u64, Waiting>>,
}

impl State {
    fn waiting(&self) -> MutexGuard<'_, BTreeMap<u64, Waiting>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Journal {
    /// Opens the journal in `directory`, making it and a node id where there is none, and reads what is not done.
    ///
    /// # Errors
    /// [`JournalError::Io`].
    pub fn open(directory: &Path, new_node: impl FnOnce() -> String) -> Result<Self, JournalError> {
        make_directory(directory)?;
        let node = node_id(&directory.join("node"), new_node)?;
        let (first, old) = Segment::open(&directory.join("segment-0"))?;
        let (second, new) = Segment::open(&directory.join("segment-1"))?;
        let (aside, unread) = Aside::open(&directory.join("unread"))?;
        let writer = Writer::new([first, second], &[old, new], aside, unread)?;
        let state = Arc::new(State::default());
        *state.waiting() = writer.waiting()?;
        writer.note_room(&state);
        let (orders, received) = mpsc::channel();
        let shared = Arc::clone(&state);
        std::thread::Builder::new()
            .name("journal".to_owned())
            .spawn(move || writer.run(&received, &shared))?;
        Ok(Self { node, orders: Mutex::new(orders), state })
    }

    /// The id of this node, the same after a restart.
    pub fn node(&self) -> &str {
        &self.node
    }

    /// Whether the next answer can be written. Where it can't, no token may be spent.
    pub fn takes(&self) -> bool {
        !self.state.failed.load(Ordering::Acquire) && !self.state.full.load(Ordering::Acquire)
    }

    /// What was written and is not done.
    pub fn waiting(&self) -> Vec<u64> {
        self.state.waiting().keys().copied().collect()
    }

    /// An entry that waits; none where it is done, or can't be read any more.
    pub async fn entry(&self, number: u64) -> Option<Entry> {
        let path = match self.state.waiting().get(&number)? {
            Waiting::Here(bytes) => return Some(Entry { number, bytes: bytes.clone() }),
            Waiting::Aside { path, .. } => path.clone(),
        };
        match tokio::fs::read(path).await {
            Ok(bytes) => Some(Entry { number, bytes }),
            // Done meanwhile.
            Err(_) if self.length(number).is_none() => None,
            Err(error) => {
                tracing::error!(
                    entry = number,
                    error = &error as &dyn std::error::Error,
                    "an answer that was set aside can't be read"
                );
                if error.kind() == io::ErrorKind::NotFound {
                    self.done(number);
                }
                None
            }
        }
    }

    /// Whether an entry was set aside.
    pub fn is_aside(&self, number: u64) -> bool {
        matches!(self.state.waiting().get(&number), Some(Waiting::Aside { .. }))
    }

    /// How many bytes an entry has that waits.
    pub fn length(&self, number: u64) -> Option<usize> {
        Some(match self.state.waiting().get(&number)? {
            Waiting::Here(bytes) => bytes.len(),
            Waiting::Aside { length, .. } => *length,
        })
    }

    /// Writes `bytes` and waits until they are on disk.
    ///
    /// # Errors
    /// [`JournalError`].
    pub async fn append(&self, bytes: Vec<u8>) -> Result<u64, JournalError> {
        let (reply, written) = oneshot::channel();
        self.order(Order::Append(bytes, reply));
        written.await.unwrap_or(Err(JournalError::Failed))
    }

    /// Marks an entry done. A mark that is lost costs a replay that changes nothing.
    pub fn done(&self, number: u64) {
        self.order(Order::Done(number));
    }

    /// Puts an entry that nobody can read now out of the way. Where that fails it stays where it is.
    pub fn set_aside(&self, number: u64) {
        self.order(Order::SetAside(number));
    }

    fn order(&self, order: Order) {
        // With the thread gone, the reply drops with the order.
        let _ = self.orders.lock().unwrap_or_else(PoisonError::into_inner).send(order);
    }
}

impl std::fmt::Debug for Journal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Journal").field("node", &self.node).finish_non_exhaustive()
    }
}

fn make_directory(directory: &Path) -> io::Result<()> {
    if directory.is_dir() {
        return Ok(());
    }
    let mut builder = fs::DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.recursive(true).create(directory)
}

/// Reads the node's id, or makes one.
fn node_id(path: &Path, new_node: impl FnOnce() -> String) -> io::Result<String> {
    match fs::read_to_string(path) {
        Ok(node) if !node.trim().is_empty() => return Ok(node.trim().to_owned()),
        Ok(_) => {}
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(error),
    }
    let node = new_node();
    let mut options = OpenOptions::new();
    options.create(true).write(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(path)?;
    file.write_all(node.as_bytes())?;
    file.sync_all()?;
    Ok(node)
}

#[cfg(test)]
mod tests;
