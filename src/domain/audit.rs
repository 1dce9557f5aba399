//! Audit events: who did what to what, with which result.

use std::borrow::Cow;
use std::sync::Arc;

use vouchsafe_entity::id::{AuditEventId, EnvironmentId, WorkspaceId};
use vouchsafe_entity::millis::Millis;

/// An audit event.
#[derive(Clone, Debug)]
pub struct AuditEvent {
    /// Its id.
    pub id: AuditEventId,
    /// In which workspace; none = the hub itself.
    pub workspace: Option<WorkspaceId>,
    /// In which environment; none = the hub itself.
    pub environment: Option<EnvironmentId>,
    /// When.
    pub at: Millis,
    /// What was done, `<noun>.<verb>`.
    pub action: Cow<'static, str>,
    /// The kind of author.
    pub actor_type: Cow<'static, str>,
    /// Who.
    pub actor_id: Option<String>,
    /// The noun.
    pub target_type: Cow<'static, str>,
    /// Which one.
    pub target_id: Option<String>,
    /// `ok` or `refused`.
    pub result: Cow<'static, str>,
    /// Why refused, or what changed.
    pub reason: Option<String>,
    /// The request.
    pub request_id: Option<Arc<str>>,
    /// From where.
    pub address: Option<String>,
}
