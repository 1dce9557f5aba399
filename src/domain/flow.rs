//! Flows: one OAuth authorization in a browser, and the ticket that starts it.

use vouchsafe_entity::id::{ConnectorId, CredentialId, EnvironmentId, FlowId, SessionId, UserId};
use vouchsafe_entity::kind::Binding;
use vouchsafe_entity::millis::Millis;
use vouchsafe_entity::sealed::Sealed;

/// Seconds that a ticket lives.
pub const TICKET_SECONDS: i64 = 60;
/// Seconds that a flow, its cookie and its `state` live.
pub const FLOW_SECONDS: i64 = 600;
/// Seconds that the back end has to confirm.
pub const CONFIRMATION_SECONDS: i64 = 600;

/// A single-use permission to start one flow.
#[derive(Clone, Debug)]
pub struct Ticket {
    /// SHA-256 of the ticket.
    pub hash: String,
    /// In which environment.
    pub environment: EnvironmentId,
    /// In which session.
    pub session: SessionId,
    /// The connector's key.
    pub connector: String,
    /// SHA-256 of what only our frame knows.
    pub nonce_hash: String,
    /// The values typed before signing in.
    pub sealed: Sealed,
    /// Whether the page that asked for it is not framed.
    pub hosted: bool,
    /// When it ends.
    pub expires_at: Millis,
}

/// Seconds that a used ticket or `state` is known after its time.
pub const SPENT_SECONDS: i64 = 3_600;

/// A ticket or `state` that was used.
#[derive(Clone, Copy, Debug)]
pub struct Spent {
    /// In which session.
    pub session: SessionId,
    /// The flow of a `state`; a ticket has none.
    pub flow: Option<FlowId>,
}

/// A flow.
#[derive(Clone, Debug)]
pub struct Flow {
    /// Its id.
    pub id: FlowId,
    /// In which environment.
    pub environment: EnvironmentId,
    /// In which session.
    pub session: SessionId,
    /// For which connector.
    pub connector: ConnectorId,
    /// For whom.
    pub user: UserId,
    /// The credential to reconnect or to extend.
    pub credential: Option<CredentialId>,
    /// SHA-256 of the flow cookie.
    pub cookie_hash: String,
    /// SHA-256 of the nonce that the opener holds.
    pub nonce_hash: Option<String>,
    /// SHA-256 of `state`; none until the browser is sent on.
    pub state_hash: Option<String>,
    /// PKCE verifier and values.
    pub sealed: Sealed,
    /// What is asked for.
    pub scopes: Vec<String>,
    /// As sent.
    pub redirect_uri: String,
    /// How browser and user were bound; none until they are.
    pub binding: Option<Binding>,
    /// Begun from a hosted link.
    pub hosted: bool,
    /// Comes back to `returnUrl` instead of closing.
    pub redirect: bool,
    /// When it began.
    pub created_at: Millis,
    /// When it ends.
    pub expires_at: Millis,
}

impl Flow {
    /// Whether it came back and holds a grant until somebody decides.
    pub const fn holds_a_grant(&self) -> bool {
        self.state_hash.is_none() && self.binding.is_some()
    }
}
