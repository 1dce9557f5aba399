//! The queue of audit rows that are written together: it is bounded, and whoever adds to a full one waits. It must not know
//! how rows are written.

#[cfg(test)]
mod tests;

use std::time::Duration;

use tokio::sync::{Mutex, Notify, mpsc};

use super::AuditLog;
use super::outside::Outside;
use crate::config::AuditMode;
use crate::domain::audit::AuditEvent;
use crate::domain::audit::chain::MOST_EVENTS;

/// The most rows that wait to be written; beyond, whoever adds one waits for room.
const MOST_WAITING: usize = 10_000;

/// From so many on they are written at once.
const MANY: usize = MOST_WAITING / 4;

/// What waits is written so often where it is not much.
const PERIOD: Duration = Duration::from_millis(250);

/// So long nothing is written after it failed, whatever comes meanwhile: the database is in trouble.
pub(super) const AFTER_FAILURE: Duration = Duration::from_secs(1);

/// Room is waited for so long: where none comes the database is in trouble, which a row that is written by itself tells.
const ROOM_WITHIN: Duration = Duration::from_secs(2);

/// The most rows written together.
pub(super) const MOST_AT_ONCE: usize = MOST_EVENTS;

/// Audit rows that wait to be written together. Those who add to them take no lock.
pub(in crate::service) struct Recorder {
    pub(super) mode: AuditMode,
    pub(super) outside: Outside,
    /// Milliseconds that events are kept.
    pub(super) keep: Option<i64>,
    /// Milliseconds that the addresses in them are kept.
    pub(super) keep_addresses: Option<i64>,
    send: mpsc::Sender<AuditEvent>,
    pub(super) waiting: Mutex<Waiting>,
    /// Many wait.
    many: Notify,
}

/// The other end of the queue.
pub(super) struct Waiting {
    receive: mpsc::Receiver<AuditEvent>,
    /// Taken to be written, and not written yet.
    pub(super) taken: Vec<AuditEvent>,
}

impl Recorder {
    pub(in crate::service) fn new(mode: AuditMode, log: AuditLog) -> Self {
        let (send, receive) = mpsc::channel(MOST_WAITING);
        Self {
            mode,
            outside: Outside::new(log.heads),
            keep: log.keep,
            keep_addresses: log.keep_addresses,
            send,
            waiting: Mutex::new(Waiting { receive, taken: Vec::new() }),
            many: Notify::new(),
        }
    }

    /// Gives the event back where too many wait.
    pub(super) fn push(&self, event: AuditEvent) -> Option<AuditEvent> {
        let refused = self.send.try_send(event).err();
        if MOST_WAITING - self.send.capacity() >= MANY {
            self.many.notify_one();
        }
        refused.map(mpsc::error::TrySendError::into_inner)
    }

    /// The same once there is room; gives the event back where none comes.
    pub(super) async fn push_in_time(&self, event: AuditEvent) -> Option<AuditEvent> {
        let event = self.push(event)?;
        match tokio::time::timeout(ROOM_WITHIN, self.send.reserve()).await {
            Ok(Ok(room)) => {
                room.send(event);
                None
            }
            _ => Some(event),
        }
    }

    /// Waits until there is room for a row, or none comes. It is for nobody yet: a call that takes hours keeps none.
    pub(super) async fn room(&self) {
        if self.send.capacity() == 0 {
            self.many.notify_one();
            let _ = tokio::time::timeout(ROOM_WITHIN, self.send.reserve()).await;
        }
    }

    /// How many rows wait.
    pub(super) async fn left(&self) -> usize {
        self.waiting.lock().await.len()
    }

    /// Waits until what waits is to be written.
    pub(super) async fn due(&self) {
        let _ = tokio::time::timeout(PERIOD, self.many.notified()).await;
    }
}

impl Waiting {
    /// How many rows wait.
    pub(super) fn len(&self) -> usize {
        self.taken.len() + self.receive.len()
    }

    /// Takes the next rows to be written; none where none wait.
    pub(super) fn next(&mut self) -> &[AuditEvent] {
        while self.taken.len() < MOST_AT_ONCE
            && let Ok(event) = self.receive.try_recv()
        {
            self.taken.push(event);
        }
        &self.taken
    }
}
