//! The journal of token answers (`refresh.md`, section 5): an answer that may hold the only live refresh token is on
//! disk before anybody reads it, and is replayed after a crash.
//!
//! It keeps sealed bytes and never opens them; it knows neither credentials nor the database. The node's id lives
//! beside the segments, so the directory must survive a restart.

mod segment;

use std::collections::{BTreeMap, VecDeque};
use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError, mpsc};

use tokio::sync::oneshot;

use crate::failpoint::failpoint;
use segment::{Record, Segment};

/// The largest entry taken, in bytes: a token answer of 256 KiB, encoded and sealed.
pub const MAX_ENTRY: usize = 512 * 1024;
/// Answers that are written with one sync at most.
const BATCH: usize = 64;

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
}

type Reply = oneshot::Sender<Result<u64, JournalError>>;
/// What became of an append before its sync, its bytes, and who waits for it.
type Written = (Result<u64, JournalError>, Vec<u8>, Reply);

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
    waiting: Mutex<BTreeMap<u64, Vec<u8>>>,
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
        let writer = Writer::new([first, second], &[old, new])?;
        let state = Arc::new(State::default());
        *state.waiting.lock().unwrap_or_else(PoisonError::into_inner) = writer.live_bytes()?;
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
    pub fn waiting(&self) -> Vec<Entry> {
        let waiting = self.state.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.iter().map(|(number, bytes)| Entry { number: *number, bytes: bytes.clone() }).collect()
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

/// The thread's side: two segments, of which one is written.
struct Writer {
    segments: [Segment; 2],
    active: usize,
    next: u64,
    /// Where each entry that is not done stands: segment, offset of its bytes, length.
    live: BTreeMap<u64, (usize, u64, usize)>,
}

impl Writer {
    fn new(mut segments: [Segment; 2], records: &[Vec<Record>; 2]) -> io::Result<Self> {
        let active = usize::from(segments[1].generation() > segments[0].generation());
        if segments[active].generation() == 0 {
            segments[active].reset(1)?;
        }
        let mut next = 1;
        let mut live = BTreeMap::new();
        let mut done = Vec::new();
        // The active one last: an entry that was carried over stands twice, and lives longer there.
        for segment in [1 - active, active] {
            for record in &records[segment] {
                // A record without a number behind it reads as damage.
                next = next.max(record.number.saturating_add(1));
                match record.entry {
                    Some((offset, length)) => drop(live.insert(record.number, (segment, offset, length))),
                    None => done.push(record.number),
                }
            }
        }
        for number in done {
            live.remove(&number);
        }
        Ok(Self { segments, active, next, live })
    }

    fn live_bytes(&self) -> io::Result<BTreeMap<u64, Vec<u8>>> {
        let read = |(number, (segment, offset, length)): (&u64, &(usize, u64, usize))| {
            Ok((*number, self.segments[*segment].read(*offset, *length)?))
        };
        self.live.iter().map(read).collect()
    }

    fn run(mut self, orders: &mpsc::Receiver<Order>, state: &State) {
        while let Ok(order) = orders.recv() {
            let mut batch = VecDeque::from([order]);
            batch.extend(orders.try_iter().take(BATCH));
            self.work_off(batch, state);
        }
    }

    fn work_off(&mut self, batch: VecDeque<Order>, state: &State) {
        let mut written = Vec::new();
        for order in batch {
            match order {
                Order::Done(number) => {
                    state.waiting.lock().unwrap_or_else(PoisonError::into_inner).remove(&number);
                    if self.live.remove(&number).is_some()
                        && let Err(error) = self.mark(number)
                    {
                        tracing::warn!(
                            entry = number,
                            error = &error as &dyn std::error::Error,
                            "a journal entry could not be marked done; it is replayed at the next start"
                        );
                    }
                }
                Order::Append(bytes, reply) => {
                    let wrote = if state.failed.load(Ordering::Acquire) {
                        Err(JournalError::Failed)
                    } else {
                        self.append(&bytes)
                    };
                    written.push((wrote, bytes, reply));
                }
            }
        }
        if !written.is_empty() {
            self.answer(written, state);
        }
        self.note_room(state);
    }

    /// Syncs what was written, and tells those who wait for it.
    fn answer(&mut self, written: Vec<Written>, state: &State) {
        let synced = self.carry_over().and_then(|()| self.sync());
        for (wrote, bytes, reply) in written {
            let result = match (wrote, &synced) {
                (Ok(number), Ok(())) => {
                    let mut waiting = state.waiting.lock().unwrap_or_else(PoisonError::into_inner);
                    waiting.insert(number, bytes);
                    Ok(number)
                }
                (Ok(_), Err(_)) => Err(JournalError::Failed),
                (Err(error), _) => Err(error),
            };
            if let Err(error @ (JournalError::Io(_) | JournalError::Failed)) = &result
                && !state.failed.swap(true, Ordering::AcqRel)
            {
                tracing::error!(
                    error = error as &dyn std::error::Error,
                    "the token journal failed: no token is spent until the hub is started again"
                );
                alert("journal_failed");
            }
            let _ = reply.send(result);
        }
    }

    /// Notes whether the next answer can be written, and how many wait. Marks alone make room too: nobody appends while
    /// there is none.
    fn note_room(&self, state: &State) {
        let full = !self.has_room();
        if full && !state.full.swap(full, Ordering::AcqRel) {
            tracing::error!("the token journal is full: no token is spent until entries are done");
            alert("journal_full");
        }
        state.full.store(full, Ordering::Release);
        metrics::gauge!("vouchsafe_journal_waiting")
            .set(f64::from(u32::try_from(self.live.len()).unwrap_or(u32::MAX)));
    }

    fn sync(&self) -> io::Result<()> {
        failpoint!("refresh::journal_written");
        self.segments[self.active].sync()?;
        failpoint!("refresh::journal_synced");
        Ok(())
    }

    fn append(&mut self, bytes: &[u8]) -> Result<u64, JournalError> {
        if bytes.len() > MAX_ENTRY {
            return Err(JournalError::Full);
        }
        if !self.segments[self.active].fits(bytes.len()) {
            self.switch()?;
        }
        let number = self.next;
        self.next = number.checked_add(1).ok_or(JournalError::Full)?;
        let offset = self.segments[self.active].append(number, Some(bytes))?;
        self.live.insert(number, (self.active, offset, bytes.len()));
        Ok(number)
    }

    fn mark(&mut self, number: u64) -> Result<(), JournalError> {
        if !self.segments[self.active].fits(0) {
            self.switch()?;
        }
        self.segments[self.active].append(number, None)?;
        Ok(())
    }

    /// Whether a largest entry fits, now or after a switch.
    fn has_room(&self) -> bool {
        self.segments[self.active].fits(MAX_ENTRY) || self.waits_in(1 - self.active).next().is_none()
    }

    fn waits_in(&self, segment: usize) -> impl Iterator<Item = (u64, u64, usize)> {
        let here = self.live.iter().filter(move |(_, (place, ..))| *place == segment);
        here.map(|(number, (_, offset, length))| (*number, *offset, *length))
    }

    /// Writes what still waits in the other segment behind what stands in this one, once this one is half full: the
    /// other is then free when it is needed.
    fn carry_over(&mut self) -> io::Result<()> {
        let other = 1 - self.active;
        let waiting: Vec<_> = self.waits_in(other).collect();
        if waiting.is_empty() || !self.segments[self.active].is_half_full() {
            return Ok(());
        }
        for (number, offset, length) in waiting {
            if self.segments[self.active].fits(length + MAX_ENTRY) {
                let bytes = self.segments[other].read(offset, length)?;
                let offset = self.segments[self.active].append(number, Some(&bytes))?;
                self.live.insert(number, (self.active, offset, length));
            }
        }
        Ok(())
    }

    /// Begins the other segment anew. Nothing waits in it: a crash in between loses nothing.
    fn switch(&mut self) -> Result<(), JournalError> {
        let other = 1 - self.active;
        if self.waits_in(other).next().is_some() {
            return Err(JournalError::Full);
        }
        // The carried entries of this segment must be on disk before the other forgets them.
        self.segments[self.active].sync()?;
        let generation = self.segments[self.active].generation() + 1;
        self.segments[other].reset(generation)?;
        self.active = other;
        Ok(())
    }
}

/// What an operator must see at once, among the other alerts.
fn alert(kind: &'static str) {
    metrics::counter!("vouchsafe_alerts_total", "kind" => kind).increment(1);
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
