//! Writing down who did what. Changes write their row in their own transaction: no row, no change. Reads of values
//! are written within a second, many at once, unless the operator asks for `strict`.

mod check;
mod export;
mod outside;
mod proof;
mod recorder;
mod seal;
mod verify;

pub use crate::store::audit::AuditFilter;
pub use check::{ChainCheck, ChainPlace};
pub(super) use recorder::Recorder;
pub use verify::{Fault, Verified};

use std::borrow::Cow;
use std::sync::Arc;

use crate::config::AuditMode;
use crate::domain::actor::{Actor, Author};
use crate::domain::audit::AuditEvent;
use crate::domain::audit::chain::Member;
use crate::domain::page::{Page, PageRequest};
use crate::domain::role::Action;
use crate::failpoint::failpoint;
use crate::heads::HeadFile;
use crate::store::{self, StoreError, Tx};
use vouchsafe_entity::id::{AuditEventId, WorkspaceId};

use recorder::{AFTER_FAILURE, MOST_AT_ONCE};

use super::{Code, Error, Hub};

/// Where the heads of the audit chains go, and how long what is kept. By default nowhere, and for good.
#[derive(Clone, Debug, Default)]
pub struct AuditLog {
    /// The file outside the database.
    pub heads: Option<HeadFile>,
    /// Milliseconds that events are kept.
    pub keep: Option<i64>,
    /// Milliseconds that the addresses in them are kept.
    pub keep_addresses: Option<i64>,
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
        action: &'static str,
        target: Target,
        result: &'static str,
        reason: Option<String>,
    ) -> AuditEvent {
        AuditEvent {
            id: AuditEventId::new(self.ids.next()),
            workspace: Some(actor.workspace()),
            environment: Some(actor.environment()),
            at: self.now(),
            action: Cow::Borrowed(action),
            actor_type: Cow::Borrowed(actor.author.kind()),
            actor_id: actor.author.id(),
            target_type: Cow::Borrowed(target.kind),
            target_id: target.id,
            result: Cow::Borrowed(result),
            reason,
            request_id: actor.origin.request_id.clone(),
            address: actor.origin.address.map(|address| address.to_string()),
        }
    }

    /// Writes down a change, in its transaction.
    pub(super) async fn record(
        &self,
        tx: &Tx,
        actor: &Actor,
        action: &'static str,
        target: Target,
        reason: Option<String>,
    ) -> Result<(), Error> {
        self.insert_audit(tx, &[self.audit_event(actor, action, target, "ok", reason)]).await
    }

    /// Writes down a refusal by itself.
    pub(super) async fn record_refusal(
        &self,
        actor: &Actor,
        action: &'static str,
        target: Target,
        reason: &str,
    ) -> Result<(), Error> {
        let event = self.audit_event(actor, action, target, "refused", Some(reason.to_owned()));
        self.write_audit(&[event]).await
    }

    /// Writes down that somebody asked for what they may not have, as reads are written down.
    pub(super) async fn record_denial(&self, actor: &Actor, code: Code, target: Target) -> Result<(), Error> {
        let reason = Some(code.as_str().to_owned());
        self.record_later(self.audit_event(actor, "request.denied", target, "refused", reason)).await
    }

    /// Writes down that a key lacks the scope that a call needs.
    ///
    /// # Errors
    /// [`Error::Store`], where reads are written before their answer.
    pub async fn deny_scope(&self, actor: &Actor, scope: &str) -> Result<(), Error> {
        self.record_denial(actor, Code::ScopeMissing, Target::new("scope", scope)).await
    }

    /// What the hub did by itself, for no environment.
    pub(super) fn own_event(
        &self,
        action: &'static str,
        target: Target,
        reason: Option<String>,
    ) -> AuditEvent {
        AuditEvent {
            id: AuditEventId::new(self.ids.next()),
            workspace: None,
            environment: None,
            at: self.now(),
            action: Cow::Borrowed(action),
            actor_type: Cow::Borrowed(Author::Hub.kind()),
            actor_id: None,
            target_type: Cow::Borrowed(target.kind),
            target_id: target.id,
            result: Cow::Borrowed("ok"),
            reason,
            request_id: None,
            address: None,
        }
    }

    /// What whoever runs the hub did with a workspace.
    pub(super) fn operator_event(
        &self,
        workspace: WorkspaceId,
        action: &'static str,
        target: Target,
        reason: Option<String>,
    ) -> AuditEvent {
        AuditEvent {
            workspace: Some(workspace),
            actor_type: Cow::Borrowed(Author::Operator.kind()),
            ..self.own_event(action, target, reason)
        }
    }

    /// Writes down that this hub starts, and the names of the settings that it was given. Every workspace reads it, so it
    /// says none of their values.
    pub fn note_start(self: &Arc<Self>, settings: &[&str]) {
        let target = Target::new("hub", env!("CARGO_PKG_VERSION"));
        let given = (!settings.is_empty()).then(|| format!("set: {}", settings.join(", ")));
        self.record_soon(self.own_event("hub.start", target, given));
    }

    /// Writes down a read of a value: within a second, or before the answer where the operator asks for it.
    pub(super) async fn record_read(
        &self,
        actor: &Actor,
        action: &'static str,
        target: Target,
    ) -> Result<(), Error> {
        self.record_later(self.audit_event(actor, action, target, "ok", None)).await
    }

    /// When reads are written down.
    pub(super) fn audit_mode(&self) -> AuditMode {
        self.audit.mode
    }

    /// Waits, before something begins that is written down when it is over, until there is room for that: nothing is done
    /// faster than it can be recorded.
    pub(super) async fn await_room_to_record(&self) {
        self.audit.room().await;
    }

    /// Writes down what is over, within a second.
    pub(super) fn record_soon(self: &Arc<Self>, event: AuditEvent) {
        let Some(event) = self.audit.push(event) else {
            return;
        };
        let lost = |action: &str| tracing::error!(action, "an audit event could not be kept");
        if tokio::runtime::Handle::try_current().is_err() {
            lost(&event.action);
            return;
        }
        let hub = Arc::clone(self);
        self.spawn(async move {
            let Some(event) = hub.audit.push_in_time(event).await else { return };
            if Box::pin(hub.write_audit(std::slice::from_ref(&event))).await.is_err() {
                lost(&event.action);
            }
        });
    }

    /// Writes down what is not a change: within a second, or at once where the operator asks for it.
    pub(super) async fn record_later(&self, event: AuditEvent) -> Result<(), Error> {
        let event = match self.audit.mode {
            AuditMode::Strict => {
                self.may_record(&event.actor_type)?;
                event
            }
            AuditMode::Batched => match self.audit.push_in_time(event).await {
                None => return Ok(()),
                Some(event) => event,
            },
        };
        self.write_audit(&[event]).await
    }

    /// Writes the audit rows that wait, once they are many or have waited long enough.
    ///
    /// # Errors
    /// As [`Hub::flush_audit`].
    pub async fn flush_audit_when_due(&self) -> Result<(), Error> {
        let over = self.calls_over();
        tokio::select! {
            () = over.cancelled() => {}
            () = self.audit.due() => {}
        }
        let written = self.flush_audit().await;
        if written.is_err() {
            tokio::select! {
                () = over.cancelled() => {}
                () = tokio::time::sleep(AFTER_FAILURE) => {}
            }
        }
        written
    }

    /// Writes all audit rows that wait when nothing is to come any more.
    ///
    /// # Errors
    /// [`Error::Store`], and that those that are left are lost.
    pub async fn flush_last_audit(&self) -> Result<(), Error> {
        loop {
            let written = self.flush_audit().await;
            let left = self.audit.left().await;
            if let Err(error) = written {
                tracing::error!(left, "audit events could not be kept");
                return Err(error);
            }
            if left == 0 {
                return Ok(());
            }
        }
    }

    /// Writes the audit rows that wait.
    ///
    /// # Errors
    /// [`Error::Store`]; the rows then wait on.
    pub async fn flush_audit(&self) -> Result<(), Error> {
        let mut waiting = self.audit.waiting.lock().await;
        // Those that come meanwhile wait for the next time, so that there are many to write at once again.
        let mut rounds = waiting.len() / MOST_AT_ONCE + 1;
        while rounds > 0 && !waiting.next().is_empty() {
            match self.write_audit(&waiting.taken).await {
                Err(Error::Store(StoreError::Taken)) => self.pass_over_written(&mut waiting.taken).await?,
                written => {
                    written?;
                    waiting.taken.clear();
                }
            }
            rounds -= 1;
        }
        Ok(())
    }

    /// Leaves out the rows that are there already: their commit came through and its answer did not.
    async fn pass_over_written(&self, taken: &mut Vec<AuditEvent>) -> Result<(), Error> {
        let members: Vec<Member> = taken.iter().map(AuditEvent::member).collect();
        let there = store::audit::chain::events_of(&self.store, &members).await?;
        if there.is_empty() {
            return Err(StoreError::Taken.into());
        }
        tracing::warn!(
            events = there.len(),
            "audit events were written although the database did not say so"
        );
        taken.retain(|event| !there.contains_key(&event.member()));
        Ok(())
    }

    async fn write_audit(&self, events: &[AuditEvent]) -> Result<(), Error> {
        let tx = self.store.begin_record().await?;
        if events.len() < seal::ENOUGH {
            self.store_audit(&tx, events).await?;
        } else {
            self.store_closed(&tx, events).await?;
        }
        tx.commit().await?;
        failpoint!("audit::committed");
        Ok(())
    }

    /// The audit events of the actor's environment and of the hub itself, newest first; a member sees those of their
    /// workspace too.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn list_audit_events(
        &self,
        actor: &Actor,
        filter: &AuditFilter,
        page: &PageRequest,
    ) -> Result<Page<AuditEvent>, Error> {
        self.permit(actor, Action::ReadAudit).await?;
        let workspace = matches!(actor.author, Author::Member(_)).then(|| actor.workspace());
        Ok(store::audit::list(&self.store, actor.environment(), workspace, filter, page).await?)
    }
}
