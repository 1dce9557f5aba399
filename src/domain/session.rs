//! Connect sessions: what the modal may do, for whom, and what came of it.

use vouchsafe_entity::id::{CredentialId, SessionId, UserId};
use vouchsafe_entity::json::Need;
use vouchsafe_entity::kind::{Confirm, SessionStatus};
use vouchsafe_entity::millis::Millis;
use vouchsafe_entity::sealed::Sealed;

/// A connect session.
#[derive(Clone, Debug)]
pub struct Session {
    /// Its id, public.
    pub id: SessionId,
    /// For whom.
    pub user: UserId,
    /// SHA-256 of the secret half of its link's token, which is made of the modal's.
    pub secret_hash: String,
    /// The feature it is for.
    pub integration: Option<String>,
    /// The connectors, with what is asked of each.
    pub needs: Vec<Need>,
    /// Exact origins that may frame the modal.
    pub allowed_origins: Vec<String>,
    /// Where a redirect comes back to.
    pub return_url: Option<String>,
    /// The credential to reconnect.
    pub credential: Option<CredentialId>,
    /// What the back end asked for; none = by binding.
    pub confirm: Option<Confirm>,
    /// Language of the pages.
    pub locale: Option<String>,
    /// Overrides of the environment's theme.
    pub theme: serde_json::Map<String, serde_json::Value>,
    /// Where it stood when last written.
    pub stored_status: SessionStatus,
    /// When it was made.
    pub created_at: Millis,
    /// When it ends.
    pub expires_at: Millis,
}

impl Session {
    /// Where it stands at `now`: time ends an open session without anybody writing it.
    pub fn status(&self, now: Millis) -> SessionStatus {
        match self.stored_status {
            SessionStatus::Open if now >= self.expires_at => SessionStatus::Expired,
            status => status,
        }
    }

    /// Whether nothing more can be connected with it at `now`: it has ended, or it was made to reconnect one credential
    /// and has done so.
    pub fn is_over(&self, now: Millis) -> bool {
        match self.status(now) {
            SessionStatus::Open => false,
            SessionStatus::Completed => self.credential.is_some(),
            SessionStatus::Expired | SessionStatus::Cancelled => true,
        }
    }

    /// What is asked of `connector`, where it belongs to the session.
    pub fn need(&self, connector: &str) -> Option<&Need> {
        self.needs.iter().find(|need| need.connector == connector)
    }
}

/// How far one connector of a session is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// The start page was reached.
    Started,
    /// Stored, waiting for the back end's confirmation.
    Waiting,
    /// Connected.
    Completed,
    /// It ended without a credential.
    Failed,
}

impl Progress {
    /// The word as stored and shown.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Started => "started",
            Self::Waiting => "waiting",
            Self::Completed => "completed",
            Self::Failed => "failed",
        }
    }

    /// Reads a stored word.
    pub fn parse(word: &str) -> Option<Self> {
        [Self::Started, Self::Waiting, Self::Completed, Self::Failed].into_iter().find(|p| p.as_str() == word)
    }
}

/// What came of one connector.
#[derive(Clone, Debug)]
pub struct ConnectResult {
    /// The connector's key.
    pub connector: String,
    /// How far it is.
    pub progress: Progress,
    /// What was connected.
    pub credential: Option<CredentialId>,
    /// A code, where it failed.
    pub error: Option<String>,
    /// The same in words.
    pub detail: Option<String>,
    /// What the back end must show to confirm.
    pub confirmation: Option<Confirmation>,
    /// When it last changed.
    pub updated_at: Millis,
}

/// A one-time code that the back end must show.
#[derive(Clone, Debug)]
pub struct Confirmation {
    /// SHA-256 of the code.
    pub hash: String,
    /// Until when it is taken.
    pub until: Millis,
    /// The code for the opener, where the modal may hand it over.
    pub sealed_code: Option<Sealed>,
}
