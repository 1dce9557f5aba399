//! The thread that writes the journal: two segments, of which one is written, and what is set aside.
//!
//! It must not know what an entry says.

use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{self, TryRecvError};

use super::aside::Aside;
use super::segment::{Record, Segment};
use super::{JournalError, MAX_ENTRY, Order, Reply, State, Waiting};
use crate::failpoint::failpoint;

/// Answers that are written with one sync at most.
const BATCH: usize = 64;

/// What became of an append before its sync, its bytes, and who waits for it.
type Written = (Result<u64, JournalError>, Vec<u8>, Reply);

pub(super) struct Writer {
    segments: [Segment; 2],
    active: usize,
    next: u64,
    /// Where each entry that is not done stands: segment, offset of its bytes, length.
    pub(super) live: BTreeMap<u64, (usize, u64, usize)>,
    aside: Aside,
    /// How long each entry is that was set aside and is not done.
    unread: BTreeMap<u64, usize>,
    /// What is to be set aside.
    to_move: VecDeque<u64>,
}

impl Writer {
    pub(super) fn new(
        mut segments: [Segment; 2],
        records: &[Vec<Record>; 2],
        aside: Aside,
        unread: BTreeMap<u64, usize>,
    ) -> io::Result<Self> {
        let active = usize::from(segments[1].generation() > segments[0].generation());
        if segments[active].generation() == 0 {
            segments[active].reset(1)?;
        }
        let mut next = unread.last_key_value().map_or(1, |(last, _)| last + 1);
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
        let mut writer = Self { segments, active, next, live, aside, unread, to_move: VecDeque::new() };
        // It was set aside, and not marked before the crash.
        let twice: Vec<u64> =
            writer.unread.keys().filter(|number| writer.live.contains_key(number)).copied().collect();
        for number in twice {
            writer.live.remove(&number);
            // Where there is no room for it, it comes back once more.
            drop(writer.mark(number));
        }
        Ok(writer)
    }

    /// All that waits.
    pub(super) fn waiting(&self) -> io::Result<BTreeMap<u64, Waiting>> {
        let here = self.live.iter().map(|(number, (segment, offset, length))| {
            Ok((*number, Waiting::Here(self.segments[*segment].read(*offset, *length)?)))
        });
        let aside =
            self.unread.iter().map(|(number, length)| Ok((*number, self.put_aside(*number, *length))));
        here.chain(aside).collect()
    }

    fn put_aside(&self, number: u64, length: usize) -> Waiting {
        Waiting::Aside { path: self.aside.path(number), length }
    }

    pub(super) fn run(mut self, orders: &mpsc::Receiver<Order>, state: &State) {
        loop {
            // What is to be set aside can wait, and takes long: whoever waits comes first.
            let next = if self.to_move.is_empty() {
                orders.recv().map_err(|_| TryRecvError::Disconnected)
            } else {
                orders.try_recv()
            };
            match next {
                Ok(order) => {
                    let mut batch = VecDeque::from([order]);
                    batch.extend(orders.try_iter().take(BATCH));
                    self.work_off(batch, state);
                }
                Err(TryRecvError::Empty) => {
                    self.set_next_aside(state);
                    self.note_room(state);
                }
                Err(TryRecvError::Disconnected) => return,
            }
        }
    }

    pub(super) fn work_off(&mut self, batch: VecDeque<Order>, state: &State) {
        let mut written = Vec::new();
        for order in batch {
            match order {
                Order::Done(number) => {
                    state.waiting().remove(&number);
                    self.end(number);
                }
                Order::SetAside(number) => self.to_move.push_back(number),
                Order::Append(bytes, reply) => {
                    let wrote = if state.failed.load(Ordering::Acquire) {
                        Err(JournalError::Failed)
                    } else {
                        self.append(&bytes, state)
                    };
                    written.push((wrote, bytes, reply));
                }
            }
        }
        if !written.is_empty() {
            self.answer(written, state);
        }
        while !self.has_room() && !self.to_move.is_empty() {
            self.set_next_aside(state);
        }
        self.note_room(state);
    }

    /// Forgets an entry.
    fn end(&mut self, number: u64) {
        let mut ended = Ok(());
        if self.live.remove(&number).is_some() {
            ended = self.mark(number);
        }
        if self.unread.remove(&number).is_some() {
            ended = ended.and(self.aside.remove(number).map_err(Into::into));
        }
        if let Err(error) = ended {
            tracing::warn!(
                entry = number,
                error = &error as &dyn std::error::Error,
                "a journal entry could not be marked done; it is replayed at the next start"
            );
        }
    }

    /// Gives an entry a file of its own. Where that fails, for a full disk say, it and those behind it stay where they are.
    pub(super) fn set_next_aside(&mut self, state: &State) {
        let Some(number) = self.to_move.pop_front() else { return };
        let Some((segment, offset, length)) = self.live.get(&number).copied() else { return };
        let read = self.segments[segment].read(offset, length);
        let is_read = read.is_ok();
        if let Err(error) = read.and_then(|bytes| self.aside.write(number, &bytes)) {
            tracing::warn!(
                entry = number,
                error = &error as &dyn std::error::Error,
                "an answer that nobody can read could not be set aside"
            );
            if is_read {
                self.to_move.clear();
            }
            return;
        }
        self.end(number);
        self.unread.insert(number, length);
        state.waiting().insert(number, self.put_aside(number, length));
    }

    /// Syncs what was written, and tells those who wait for it.
    fn answer(&mut self, written: Vec<Written>, state: &State) {
        let synced = self.carry_over().and_then(|()| self.sync());
        for (wrote, bytes, reply) in written {
            let result = match (wrote, &synced) {
                (Ok(number), Ok(())) => {
                    state.waiting().insert(number, Waiting::Here(bytes));
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
    pub(super) fn note_room(&self, state: &State) {
        let full = !self.has_room();
        if full && !state.full.swap(full, Ordering::AcqRel) {
            tracing::error!("the token journal is full: no token is spent until entries are done");
            alert("journal_full");
        }
        state.full.store(full, Ordering::Release);
        for (name, entries) in
            [("vouchsafe_journal_waiting", self.live.len()), ("vouchsafe_journal_unread", self.unread.len())]
        {
            metrics::gauge!(name).set(f64::from(u32::try_from(entries).unwrap_or(u32::MAX)));
        }
    }

    fn sync(&self) -> io::Result<()> {
        failpoint!("refresh::journal_written");
        self.segments[self.active].sync()?;
        failpoint!("refresh::journal_synced");
        Ok(())
    }

    fn append(&mut self, bytes: &[u8], state: &State) -> Result<u64, JournalError> {
        if bytes.len() > MAX_ENTRY {
            return Err(JournalError::Full);
        }
        while !self.segments[self.active].fits(bytes.len()) {
            match self.switch() {
                Err(JournalError::Full) if !self.to_move.is_empty() => self.set_next_aside(state),
                switched => switched?,
            }
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
