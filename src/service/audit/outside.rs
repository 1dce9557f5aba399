//! Sending the heads of the audit chains to a file outside the database. A chain in the database alone shows neither
//! that its end was cut off nor that all of it was written anew.

use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use tokio::sync::Mutex;
use vouchsafe_entity::id::WorkspaceId;
use vouchsafe_entity::millis::Millis;

use crate::config::AuditMode;
use crate::domain::audit::chain::Head;
use crate::heads::HeadFile;
use crate::service::{Code, Error, Hub};
use crate::store;

/// Heads that are written together.
const AT_ONCE: u64 = 500;
/// Milliseconds that a head may wait before nothing is changed or revealed any more, where the operator is strict.
const DEAD_AFTER: i64 = 30_000;

/// The file, and how far it is.
pub(super) struct Outside {
    file: Option<HeadFile>,
    /// The last head that is there; none before the file was looked at.
    sent: Mutex<Option<i64>>,
    /// Since when a head waits, in milliseconds; 0 where none does.
    waits_since: AtomicI64,
    failing: AtomicBool,
}

impl Outside {
    pub(super) fn new(file: Option<HeadFile>) -> Self {
        Self { file, sent: Mutex::default(), waits_since: AtomicI64::new(0), failing: AtomicBool::new(false) }
    }

    fn is_dead(&self, now: Millis) -> bool {
        let since = self.waits_since.load(Ordering::Relaxed);
        since != 0 && now.since(Millis(since)) > DEAD_AFTER
    }

    fn begin_to_wait(&self, now: Millis) {
        let _ = self.waits_since.compare_exchange(0, now.0, Ordering::Relaxed, Ordering::Relaxed);
    }
}

/// A head as a line of the file.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct HeadLine {
    pub(super) seq: i64,
    /// None = the hub itself.
    pub(super) workspace: Option<WorkspaceId>,
    pub(super) n: i64,
    pub(super) closed_at: String,
    pub(super) count: i64,
    pub(super) root: String,
    pub(super) head: String,
    pub(super) signature: String,
    /// Checks the signature, for those who have no access to the hub.
    pub(super) public_key: String,
}

impl Hub {
    pub(super) fn line(&self, head: &Head) -> Result<HeadLine, Error> {
        Ok(HeadLine {
            seq: head.seq,
            workspace: head.workspace,
            n: head.n,
            closed_at: head.closed_at.to_string(),
            count: head.count,
            root: hex::encode(head.root),
            head: hex::encode(head.head),
            signature: STANDARD.encode(&head.signature),
            public_key: STANDARD.encode(self.vault.public_key(&head.signature)?),
        })
    }

    /// Refuses what must be on record outside soon, while nothing gets there. The hub's own doings go on: tokens that
    /// were spent must be kept.
    pub(super) fn may_record(&self, actor_type: &str) -> Result<(), Error> {
        let strict = self.audit.mode == AuditMode::Strict && actor_type != "hub";
        if !strict || !self.audit.outside.is_dead(self.now()) {
            return Ok(());
        }
        let detail = "The audit log can't be written outside the database, so nothing is changed or revealed; \
                      the operator must mend that.";
        Err(Error::later(Code::AuditUnavailable, detail, 30))
    }

    /// Sends the heads that the file does not have yet.
    ///
    /// # Errors
    /// [`Error::Store`]. A file that can't be written is told in the log, and tried again the next time.
    pub async fn send_heads(&self) -> Result<(), Error> {
        let outside = &self.audit.outside;
        let Some(file) = &outside.file else { return Ok(()) };
        let mut sent = outside.sent.lock().await;
        let mut last = match *sent {
            Some(seq) => seq,
            None => self.go_on_after(file).await?,
        };
        loop {
            *sent = Some(last);
            let heads = store::audit::chain::heads_after(&self.store, last, AT_ONCE).await?;
            let Some(newest) = heads.last() else {
                outside.waits_since.store(0, Ordering::Relaxed);
                return Ok(());
            };
            outside.begin_to_wait(self.now());
            let lines: Result<Vec<HeadLine>, Error> = heads.iter().map(|head| self.line(head)).collect();
            let lines = lines?;
            let texts = lines.iter().map(serde_json::to_string).collect::<Result<Vec<_>, _>>();
            let texts = texts.map_err(|_| Error::internal("an audit head could not be encoded"))?;
            if let Err(error) = file.append(texts).await {
                metrics::counter!("vouchsafe_audit_heads_failed_total").increment(1);
                if !outside.failing.swap(true, Ordering::Relaxed) {
                    let path = file.path().display();
                    tracing::error!(%path, error = &error as &dyn std::error::Error, "audit heads can't be written");
                }
                return Ok(());
            }
            if outside.failing.swap(false, Ordering::Relaxed) {
                tracing::warn!("audit heads can be written again");
            }
            for HeadLine { seq, workspace, n, head, signature, .. } in &lines {
                let workspace = workspace.map_or_else(|| "hub".to_owned(), |id| id.to_string());
                tracing::info!(seq, %workspace, n, head, signature, "an audit batch is closed");
            }
            last = newest.seq;
        }
    }

    /// The last head of the file. Where the database has another one there, all of its heads are sent again: the file
    /// then tells of both for good.
    async fn go_on_after(&self, file: &HeadFile) -> Result<i64, Error> {
        let last = file.last().unwrap_or_else(|error| {
            tracing::error!(error = &error as &dyn std::error::Error, "audit heads can't be read");
            None
        });
        let Some(line) = last.and_then(|line| serde_json::from_str::<HeadLine>(&line).ok()) else {
            return Ok(0);
        };
        let there = store::audit::chain::find(&self.store, line.seq).await?;
        let same = there.is_some_and(|batch| hex::encode(batch.head.head) == line.head);
        if !same {
            tracing::error!(
                seq = line.seq,
                "the audit log in the database is not the one whose heads are in the file: it was changed, or an \
                 older one was restored"
            );
        }
        // Lines that are there already come once more, which takes nothing from what they say.
        Ok(if same { line.seq } else { 0 })
    }
}
