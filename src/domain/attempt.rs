//! Attempts to connect an app: what a user began, and what came of it in the app's own words.

use vouchsafe_entity::id::{AttemptId, CredentialId, SessionId, UserId};
use vouchsafe_entity::kind::{AttemptOutcome, Method};
use vouchsafe_entity::millis::Millis;

use super::flow::FLOW_SECONDS;

/// A user's attempt to connect an app.
#[derive(Clone, Debug)]
pub struct Attempt {
    /// Its id; of a flow the same UUID.
    pub id: AttemptId,
    /// In which session.
    pub session: SessionId,
    /// Whose.
    pub user: UserId,
    /// The embedder's name for that user.
    pub username: String,
    /// The connector's key.
    pub connector: String,
    /// The provider's slug.
    pub provider: String,
    /// How.
    pub method: Method,
    /// What was to be reconnected, or came of it; of one that was read, only while that is there.
    pub credential: Option<CredentialId>,
    /// Whether it began at a hosted link.
    pub hosted: bool,
    /// What came of it so far.
    pub ending: Ending,
    /// When it began.
    pub started_at: Millis,
    /// When it ended.
    pub ended_at: Option<Millis>,
}

/// What came of an attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ending {
    /// How far it is.
    pub outcome: AttemptOutcome,
    /// A code, where it failed.
    pub error: Option<String>,
    /// The app's own words, where it said some. Untrusted.
    pub detail: Option<String>,
}

impl Ending {
    /// An ending without an error.
    pub const fn of(outcome: AttemptOutcome) -> Self {
        Self { outcome, error: None, detail: None }
    }

    /// An ending without a credential.
    pub fn failed(code: &str, detail: Option<String>) -> Self {
        Self { outcome: AttemptOutcome::Failed, error: Some(code.to_owned()), detail }
    }
}

impl Attempt {
    /// Whether the user went away: the app never answered, and its answer would not be taken any more.
    pub fn is_left(&self, now: Millis) -> bool {
        self.ending.outcome == AttemptOutcome::Started && now >= self.started_at.plus_seconds(FLOW_SECONDS)
    }
}
