//! Audit events: who did what to what, with which result; and what proves that nobody changed them since.

pub mod chain;

use std::borrow::Cow;
use std::sync::Arc;

use vouchsafe_entity::id::{AuditEventId, EnvironmentId, WorkspaceId};
use vouchsafe_entity::millis::Millis;

/// The workspace of what is the operator's alone to see: nobody is a member of it. What is of none, everybody sees.
pub const NOWHERE: WorkspaceId = WorkspaceId::new(uuid::Uuid::nil());

/// An audit event.
#[derive(Clone, Debug)]
pub struct AuditEvent {
    /// Its id.
    pub id: AuditEventId,
    /// In which workspace; none = the hub itself. See [`NOWHERE`].
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

impl AuditEvent {
    /// The event as a member of a batch; the nil environment stands for the hub itself.
    pub fn member(&self) -> chain::Member {
        (self.environment.unwrap_or(EnvironmentId::new(uuid::Uuid::nil())), self.id)
    }

    /// The workspace in whose chain it is; none = in the hub's.
    pub fn chain(&self) -> Option<WorkspaceId> {
        chain::of(self.workspace)
    }

    /// What is proven of the event, as bytes that no other event has. Of the address it holds a hash alone, so that an
    /// address can be erased and the rest stays provable.
    pub fn content(&self, address_hash: Option<&[u8]>) -> Vec<u8> {
        let workspace = self.workspace.map(WorkspaceId::uuid);
        let environment = self.environment.map(EnvironmentId::uuid);
        let at = self.at.0.to_be_bytes();
        let id = self.id.uuid();
        let fields: [Option<&[u8]>; 13] = [
            Some(id.as_bytes()),
            workspace.as_ref().map(|id| id.as_bytes().as_slice()),
            environment.as_ref().map(|id| id.as_bytes().as_slice()),
            Some(&at),
            Some(self.action.as_bytes()),
            Some(self.actor_type.as_bytes()),
            self.actor_id.as_deref().map(str::as_bytes),
            Some(self.target_type.as_bytes()),
            self.target_id.as_deref().map(str::as_bytes),
            Some(self.result.as_bytes()),
            self.reason.as_deref().map(str::as_bytes),
            self.request_id.as_deref().map(str::as_bytes),
            address_hash,
        ];
        let mut bytes = b"vs-audit-v1".to_vec();
        for field in fields {
            bytes.push(u8::from(field.is_some()));
            let field = field.unwrap_or_default();
            bytes.extend_from_slice(&(field.len() as u64).to_be_bytes());
            bytes.extend_from_slice(field);
        }
        bytes
    }
}

/// What is stored beside an event: what proves that the hub wrote it, and as it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proof {
    /// Makes the hash of the address unguessable; erased with it.
    pub address_salt: Option<Vec<u8>>,
    /// SHA-256 of salt and address.
    pub address_hash: Option<Vec<u8>>,
    /// HMAC-SHA-256 of [`AuditEvent::content`].
    pub mac: Vec<u8>,
}

/// An event as it lies in the database.
#[derive(Clone, Debug)]
pub struct StoredEvent {
    /// The event; its address may have been erased.
    pub event: AuditEvent,
    /// What is stored beside it.
    pub proof: Proof,
}
