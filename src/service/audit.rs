//! Writing down who did what. Changes write their row in their own transaction: no row, no change. Reads of values
//! are written within a second, many at once, unless the operator asks for `strict`.

use std::sync::Mutex;

use crate::config::AuditMode;
use crate::domain::actor::Actor;
use crate::domain::audit::AuditEvent;
use crate::domain::page::{Page, PageRequest};
use crate::store::{self, Tx};
use vouchsafe_entity::id::AuditEventId;

use super::{Error, Hub};

/// The most rows that wait to be written; beyond, a read writes its own.
const MOST_WAITING: usize = 10_000;

/// Audit rows that wait to be written together.
pub(super) struct Recorder {
    mode: AuditMode,
    waiting: Mutex<Vec<AuditEvent>>,
}

impl Recorder {
    pub(super) fn new(mode: AuditMode) -> Self {
        Self { mode, waiting: Mutex::default() }
    }

    /// Gives the event back where too many wait.
    fn push(&self, event: AuditEvent) -> Option<AuditEvent> {
        let mut waiting = self.waiting.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if waiting.len() >= MOST_WAITING {
            return Some(event);
        }
        waiting.push(event);
        None
    }

    fn take(&self) -> Vec<AuditEvent> {
        std::mem::take(&mut *self.waiting.lock().unwrap_or_else(std::sync::PoisonError::into_inner))
    }
}

/// What was acted on.
#[derive(Clone, Debug)]
pub struct Target {
    /// The noun.
    pub kind: &'static str,
    /// Which one.
    pub id: Option<String>,
}

impl Target {
    /// The `kind` with this id.
    pub fn new(kind: &'static str, id: impl std::fmt::Display) -> Self {
        Self { kind, id: Some(id.to_string()) }
    }
}

impl Hub {
    pub(super) fn audit_event(
        &self,
        actor: &Actor,
        action: &str,
        target: Target,
        result: &str,
        reason: Option<String>,
    ) -> AuditEvent {
        AuditEvent {
            id: AuditEventId::new(self.ids.next()),
            workspace: Some(actor.workspace()),
            environment: Some(actor.environment()),
            at: self.now(),
            action: action.to_owned(),
            actor_type: actor.author.kind().to_owned(),
            actor_id: actor.author.id(),
            target_type: target.kind.to_owned(),
            target_id: target.id,
            result: result.to_owned(),
            reason,
            request_id: actor.origin.request_id.clone(),
            address: actor.origin.address.clone(),
        }
    }

    /// Writes down a change, in its transaction.
    pub(super) async fn record(
        &self,
        tx: &Tx,
        actor: &Actor,
        action: &str,
        target: Target,
        reason: Option<String>,
    ) -> Result<(), Error> {
        Ok(store::audit::insert(tx, vec![self.audit_event(actor, action, target, "ok", reason)]).await?)
    }

    /// Writes down a refusal by itself.
    pub(super) async fn record_refusal(
        &self,
        actor: &Actor,
        action: &str,
        target: Target,
        reason: &str,
    ) -> Result<(), Error> {
        let event = self.audit_event(actor, action, target, "refused", Some(reason.to_owned()));
        let tx = self.store.begin().await?;
        store::audit::insert(&tx, vec![event]).await?;
        Ok(tx.commit().await?)
    }

    /// Writes down a read of a value: within a second, or before the answer where the operator asks for it.
    pub(super) async fn record_read(&self, actor: &Actor, action: &str, target: Target) -> Result<(), Error> {
        self.record_later(self.audit_event(actor, action, target, "ok", None)).await
    }

    /// Writes down what is not a change: within a second, or at once where the operator asks for it.
    pub(super) async fn record_later(&self, event: AuditEvent) -> Result<(), Error> {
        let event = match self.audit.mode {
            AuditMode::Strict => event,
            AuditMode::Batched => match self.audit.push(event) {
                None => return Ok(()),
                Some(event) => event,
            },
        };
        let tx = self.store.begin().await?;
        store::audit::insert(&tx, vec![event]).await?;
        Ok(tx.commit().await?)
    }

    /// Writes the audit rows that wait.
    ///
    /// # Errors
    /// [`Error::Store`]; the rows then wait on.
    pub async fn flush_audit(&self) -> Result<(), Error> {
        let waiting = self.audit.take();
        for chunk in waiting.chunks(1_000) {
            if let Err(error) = self.write_audit(chunk.to_vec()).await {
                for event in chunk {
                    // Rows beyond the cap are reported rather than dropped in silence.
                    if self.audit.push(event.clone()).is_some() {
                        tracing::error!(action = event.action, "an audit event could not be kept");
                    }
                }
                return Err(error);
            }
        }
        Ok(())
    }

    async fn write_audit(&self, events: Vec<AuditEvent>) -> Result<(), Error> {
        let tx = self.store.begin().await?;
        store::audit::insert(&tx, events).await?;
        Ok(tx.commit().await?)
    }

    /// The audit events of the actor's environment, newest first.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn list_audit_events(
        &self,
        actor: &Actor,
        action: Option<&str>,
        target: Option<&str>,
        page: &PageRequest,
    ) -> Result<Page<AuditEvent>, Error> {
        Ok(store::audit::list(&self.store, actor.environment(), action, target, page).await?)
    }
}
