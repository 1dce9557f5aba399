//! Closing audit events into batches, and removing what was kept long enough by whole batches.

use std::collections::BTreeMap;
use std::time::Duration;

use vouchsafe_entity::id::WorkspaceId;
use vouchsafe_entity::millis::Millis;

use super::Target;
use crate::domain::activity::{counted, day_of};
use crate::domain::audit::AuditEvent;
use crate::domain::audit::chain::{self, Batch, Head, MOST_EVENTS, Member};
use crate::service::{Error, Hub};
use crate::store::activity::Counts;
use crate::store::audit::chain::Waiting;
use crate::store::{self, Tx};

/// From so many events on, those that are written together are closed together. Fewer wait for those beside them:
/// heads stay for good.
pub(super) const ENOUGH: usize = MOST_EVENTS / 2;
/// Batches whose events go in one transaction.
const AT_ONCE: u64 = 5;
/// How long another replica is given that closes batches just now.
const OTHERS: Duration = Duration::from_millis(500);

impl Hub {
    /// Closes the events that are in no batch yet, a batch for each workspace. One replica does so at a time; what
    /// another one commits meanwhile, whenever it happened, is in the next batch.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn seal_audit(&self) -> Result<(), Error> {
        while store::audit::chain::any_waits(&self.store).await? {
            let tx = self.store.begin_record().await?;
            if !store::audit::chain::lock(&tx).await? {
                return Ok(());
            }
            let waiting = store::audit::chain::waiting(&tx, MOST_EVENTS).await?;
            let more = waiting.len() == MOST_EVENTS;
            if waiting.is_empty() {
                return Ok(());
            }
            let members: Vec<Member> = waiting.iter().map(|event| event.member).collect();
            self.close_batches(&tx, waiting).await?;
            store::audit::chain::queue::leave(&tx, &members).await?;
            tx.commit().await?;
            if !more {
                return Ok(());
            }
        }
        Ok(())
    }

    /// Stores many events and closes them at once: put into the queue, each would be written, read and removed once
    /// more. Where another replica closes batches just now, they wait as all others do.
    pub(super) async fn store_closed(&self, tx: &Tx, events: &[AuditEvent]) -> Result<(), Error> {
        let proven = self.with_proofs(events)?;
        store::audit::chain::queue::pass(tx, &proven).await?;
        if !store::audit::chain::lock(tx).await? {
            let members: Vec<Member> = events.iter().map(AuditEvent::member).collect();
            return Ok(store::audit::chain::queue::enter(tx, &members).await?);
        }
        self.close_batches(tx, proven.into_iter().map(Waiting::from).collect()).await
    }

    /// Closes events of this transaction into a batch for each workspace, and counts them.
    async fn close_batches(&self, tx: &Tx, events: Vec<Waiting>) -> Result<(), Error> {
        store::activity::add(tx, counts(&events)).await?;
        let mut by_workspace: BTreeMap<Option<WorkspaceId>, Vec<Waiting>> = BTreeMap::new();
        for event in events {
            by_workspace.entry(event.workspace).or_default().push(event);
        }
        let (ends, mut seq) = store::audit::chain::ends(tx, by_workspace.keys().copied()).await?;
        let mut batches = Vec::with_capacity(by_workspace.len());
        for (workspace, events) in by_workspace {
            let (last, previous) =
                ends.get(&workspace).copied().unwrap_or_else(|| (0, chain::origin(workspace)));
            seq += 1;
            let macs: Vec<&[u8]> = events.iter().map(|event| event.mac.as_slice()).collect();
            let (root, n) = (chain::merkle_root(&macs), last + 1);
            let count = i64::try_from(events.len()).unwrap_or(i64::MAX);
            let mut head = Head {
                seq,
                workspace,
                n,
                closed_at: self.now(),
                count,
                root,
                head: chain::next(&previous, n, &root, count),
                signature: Vec::new(),
            };
            head.signature = self.vault.sign(&head.statement())?;
            let members: Vec<Member> = events.iter().map(|event| event.member).collect();
            batches.push((head, members, events.iter().any(|event| event.has_address)));
        }
        Ok(store::audit::chain::close(tx, batches).await?)
    }

    /// Removes the events, and erases the addresses, that the operator wants kept no longer. Heads stay for good.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn retain_audit(&self) -> Result<(), Error> {
        if let Some(keep) = self.audit.keep {
            while self.remove_batches(self.now().plus(-keep)).await? && !self.closing.is_cancelled() {}
        }
        if let Some(keep) = self.audit.keep_addresses {
            while self.erase_addresses(self.now().plus(-keep)).await? && !self.closing.is_cancelled() {}
        }
        Ok(())
    }

    /// Removes the events of some batches; true where there may be more.
    async fn remove_batches(&self, before: Millis) -> Result<bool, Error> {
        let tx = self.store.begin_record().await?;
        if !store::audit::chain::lock(&tx).await? {
            return Ok(self.after_others(tx).await);
        }
        let old = store::audit::chain::removable(&tx, before, AT_ONCE).await?;
        let (Some(first), Some(last)) = (old.first(), old.last()) else {
            // Dropped, its lock could outlast the next transaction's begin.
            tx.commit().await?;
            return Ok(false);
        };
        let (now, what) = (self.now(), format!("batches {} to {}", first.head.seq, last.head.seq));
        for Batch { head, members, .. } in &old {
            let removal = self.vault.sign(&head.removal(now))?;
            let members = members.as_deref().unwrap_or_default();
            store::audit::chain::remove(&tx, head.seq, members, now, removal).await?;
        }
        let event = self.own_event("audit.remove", Target { kind: "audit_batch", id: None }, Some(what));
        self.insert_audit(&tx, &[event]).await?;
        tx.commit().await?;
        self.note_wiped();
        Ok(old.len() as u64 == AT_ONCE)
    }

    /// Lets another replica finish what it closes; there may be more to do here then.
    async fn after_others(&self, tx: Tx) -> bool {
        drop(tx);
        tokio::time::sleep(OTHERS).await;
        true
    }

    /// Erases the addresses of some batches; true where there may be more.
    async fn erase_addresses(&self, before: Millis) -> Result<bool, Error> {
        let tx = self.store.begin_record().await?;
        if !store::audit::chain::lock(&tx).await? {
            return Ok(self.after_others(tx).await);
        }
        let old = store::audit::chain::with_addresses(&tx, before, AT_ONCE).await?;
        for Batch { head, members, .. } in &old {
            let erasure = self.vault.sign(&head.erasure())?;
            let members = members.as_deref().unwrap_or_default();
            store::audit::chain::erase(&tx, head.seq, members, erasure).await?;
        }
        tx.commit().await?;
        if !old.is_empty() {
            self.note_wiped();
        }
        Ok(old.len() as u64 == AT_ONCE)
    }
}

/// What the overview tells of these events.
fn counts(events: &[Waiting]) -> Counts {
    let mut counts = Counts::new();
    for Waiting { member: (environment, _), at, action, result, .. } in events {
        if let Some(kind) = counted(action, result) {
            *counts.entry((*environment, day_of(*at), kind.as_str())).or_default() += 1;
        }
    }
    counts
}
