//! Who acts: what the audit log says of the author of a change, and in which environment.

use std::net::IpAddr;
use std::sync::Arc;

use vouchsafe_entity::id::{ApiKeyId, EnvironmentId, MemberId, SessionId, UserId, WorkspaceId};
use vouchsafe_entity::kind::Role;
use vouchsafe_entity::millis::Millis;

use super::role::RoleSettings;
use super::workspace::Tenant;

/// A member as they act: what they may do, and how they have proven who they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seat {
    /// Who.
    pub member: MemberId,
    /// What they may do.
    pub role: Role,
    /// What their workspace decides about roles.
    pub settings: RoleSettings,
    /// When they last proved who they are.
    pub proven_at: Option<Millis>,
    /// Whether they have an authenticator.
    pub has_authenticator: bool,
    /// Whether they must set one up before anything else.
    pub must_enrol: bool,
}

/// The author of an action.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Author {
    /// An embedder's back end.
    ApiKey(ApiKeyId),
    /// An end user in a connect session.
    User(UserId, SessionId),
    /// A member of the workspace, in the dashboard.
    Member(Seat),
    /// Whoever runs the hub, at its command line.
    Operator,
    /// The hub itself.
    Hub,
}

impl Author {
    /// The word for the kind of author, as the audit log has it.
    pub const fn kind(self) -> &'static str {
        match self {
            Self::ApiKey(_) => "api_key",
            Self::User(..) => "user",
            Self::Member(_) => "member",
            Self::Operator => "operator",
            Self::Hub => "hub",
        }
    }

    /// Their id, where they have one.
    pub fn id(self) -> Option<String> {
        match self {
            Self::ApiKey(id) => Some(id.to_string()),
            Self::User(id, _) => Some(id.to_string()),
            Self::Member(seat) => Some(seat.member.to_string()),
            Self::Operator | Self::Hub => None,
        }
    }
}

/// Where a request came from.
#[derive(Clone, Debug, Default)]
pub struct Origin {
    /// Its id, as answered in `X-Request-Id`.
    pub request_id: Option<Arc<str>>,
    /// The caller's address.
    pub address: Option<IpAddr>,
}

/// Somebody acting in an environment. Every service call in an environment takes one.
#[derive(Clone, Debug)]
pub struct Actor {
    /// Who.
    pub author: Author,
    /// Where.
    pub tenant: Tenant,
    /// From where.
    pub origin: Origin,
}

impl Actor {
    /// The environment that the actor is in.
    pub const fn environment(&self) -> EnvironmentId {
        self.tenant.environment
    }

    /// The workspace that the actor is in.
    pub const fn workspace(&self) -> WorkspaceId {
        self.tenant.workspace
    }
}
