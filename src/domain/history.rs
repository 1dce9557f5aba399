//! The history of a credential, or of all of one user, told from what was written down of it: what happened, and how often in a row.
//!
//! It must not know where events are kept, nor how they are shown.

use vouchsafe_entity::millis::Millis;

use super::attempt::Attempt;
use super::audit::AuditEvent;
use super::event::EventType;

/// What happened to a credential, or to a connect session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Happening {
    /// It was given.
    Connected,
    /// It got a new grant or value.
    Reconnected,
    /// An attempt to reconnect it failed.
    ConnectFailed,
    /// Somebody signed in to another account.
    OtherAccount,
    /// The back end confirmed it.
    Confirmed,
    /// Its tokens were renewed.
    Refreshed,
    /// They were not.
    RefreshFailed,
    /// The app was asked whether it works.
    Checked,
    /// The app refused it.
    Rejected,
    /// An app was called with it.
    Used,
    /// A call with it did not get through.
    CallFailed,
    /// Its token or value was read out.
    Read,
    /// Its name, data or end was changed.
    Changed,
    /// It was switched off.
    SwitchedOff,
    /// It was switched on.
    SwitchedOn,
    /// A link to reconnect it was made.
    LinkMade,
    /// Its end came near.
    Expiring,
    /// It had to be connected again.
    Ended,
    /// It could not be used for a while.
    Failing,
    /// It worked again.
    Recovered,
    /// It was revoked.
    Revoked,
    /// The app was told of its end.
    AppTold,
    /// Its tokens were removed.
    Wiped,
    /// It was deleted.
    Deleted,
    /// A session was made.
    SessionMade,
    /// It was ended before its time.
    SessionEnded,
    /// A wrong confirmation was sent for it.
    SessionNotConfirmed,
}

/// Something that happened, once or several times in a row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// What.
    pub what: Happening,
    /// When, the last time.
    pub at: Millis,
    /// When, the first time.
    pub since: Millis,
    /// How often in a row.
    pub count: u32,
    /// More about the last time, such as the app's own error. Untrusted.
    pub detail: Option<String>,
    /// Who did it, the last time.
    pub by: Option<By>,
}

/// Who did something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct By {
    /// The kind of author: `member`, `api_key`, `user`, `operator` or `hub`.
    pub kind: String,
    /// Their id, where they have one.
    pub id: Option<String>,
}

impl Happening {
    /// What an audit event of a credential or a session tells; none where another one tells the same.
    pub fn of(event: &AuditEvent) -> Option<Self> {
        let switched = |word: &str| event.reason.as_deref().is_some_and(|reason| reason.contains(word));
        Some(match event.action.as_ref() {
            "credential.create" | "credential.connect" => Self::Connected,
            "credential.reconnect" => Self::Reconnected,
            "credential.confirm" => Self::Confirmed,
            "connect.account" => Self::OtherAccount,
            "credential.refreshed" => Self::Refreshed,
            "credential.refresh_failed" => Self::RefreshFailed,
            "credential.verify" => Self::Checked,
            "credential.rejected" => Self::Rejected,
            "proxy.call" if event.result == "ok" => Self::Used,
            "proxy.call" => Self::CallFailed,
            "credential.token" if event.result == "ok" => Self::Read,
            "credential.update" if switched("deactivated") => Self::SwitchedOff,
            "credential.update" if switched("reactivated") => Self::SwitchedOn,
            "credential.update" => Self::Changed,
            "credential.link" => Self::LinkMade,
            "credential.revoke" => Self::Revoked,
            "credential.revoke_upstream" => Self::AppTold,
            "credential.purge" => Self::Wiped,
            "credential.delete" => Self::Deleted,
            "connect_session.create" => Self::SessionMade,
            "connect_session.cancel" => Self::SessionEnded,
            "connect_session.confirm" if event.result != "ok" => Self::SessionNotConfirmed,
            _ => return None,
        })
    }

    /// What an event tells that no audit event does: what time alone has changed.
    pub const fn of_event(kind: EventType) -> Option<Self> {
        match kind {
            EventType::CredentialExpiring => Some(Self::Expiring),
            EventType::CredentialExpired => Some(Self::Ended),
            EventType::CredentialFailing => Some(Self::Failing),
            EventType::CredentialRecovered => Some(Self::Recovered),
            EventType::CredentialCreated
            | EventType::CredentialReconnected
            | EventType::CredentialRevoked
            | EventType::CredentialDeactivated
            | EventType::CredentialDeleted
            | EventType::ConnectorFailing
            | EventType::ConnectorRecovered
            | EventType::SecretExpiring
            | EventType::SecretExpired
            | EventType::WebhookTest => None,
        }
    }

    /// Whether it belongs to everyday life, in which nothing changes.
    const fn is_routine(self) -> bool {
        matches!(self, Self::Refreshed | Self::Checked | Self::Used | Self::Read)
    }

    /// Whether several in a row are told as one.
    const fn folds(self) -> bool {
        self.is_routine() || matches!(self, Self::RefreshFailed | Self::CallFailed)
    }

    /// Whether the reason of its audit event says something to people.
    const fn tells_why(self) -> bool {
        !matches!(self, Self::Refreshed | Self::SwitchedOff | Self::SwitchedOn)
    }
}

impl Entry {
    /// Something that happened once.
    pub const fn once(what: Happening, at: Millis) -> Self {
        Self { what, at, since: at, count: 1, detail: None, by: None }
    }

    /// What an audit event tells.
    pub fn of(event: &AuditEvent) -> Option<Self> {
        let what = Happening::of(event)?;
        let detail = event.reason.clone().filter(|_| what.tells_why());
        let by = By { kind: event.actor_type.to_string(), id: event.actor_id.clone() };
        Some(Self { detail, by: Some(by), ..Self::once(what, event.at) })
    }

    /// What a failed attempt tells.
    pub fn of_attempt(attempt: &Attempt) -> Self {
        let at = attempt.ended_at.unwrap_or(attempt.started_at);
        let ending = &attempt.ending;
        let detail = match (&ending.error, &ending.detail) {
            (Some(code), Some(words)) => Some(format!("{words} ({code})")),
            (code, words) => words.clone().or_else(|| code.clone()),
        };
        let by = By { kind: "user".to_owned(), id: Some(attempt.user.to_string()) };
        Self { detail, by: Some(by), ..Self::once(Happening::ConnectFailed, at) }
    }
}

/// Tells what happened several times in a row as one; `entries` are newest first. Uses and refreshes take turns for
/// months, so everyday life between two other entries is told once of each kind.
pub fn fold(entries: impl IntoIterator<Item = Entry>) -> Vec<Entry> {
    let mut folded: Vec<Entry> = Vec::new();
    for entry in entries {
        let same = folded
            .iter_mut()
            .rev()
            .take_while(|before| {
                before.what == entry.what || (before.what.is_routine() && entry.what.is_routine())
            })
            .find(|before| before.what == entry.what && entry.what.folds());
        match same {
            Some(before) => {
                before.count += entry.count;
                before.since = entry.since;
            }
            None => folded.push(entry),
        }
    }
    folded
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_happens_in_a_row_is_told_once_with_its_span() {
        use Happening as H;
        let entry = |what, at| Entry::once(what, Millis(at));
        let told = fold([
            entry(H::Refreshed, 9),
            entry(H::Used, 8),
            entry(H::Refreshed, 7),
            entry(H::Used, 6),
            entry(H::RefreshFailed, 5),
            entry(H::RefreshFailed, 4),
            entry(H::Refreshed, 3),
            entry(H::Changed, 2),
            entry(H::Changed, 1),
        ]);
        let told: Vec<_> = told.iter().map(|entry| (entry.what, entry.count, entry.since.0)).collect();
        assert_eq!(
            told,
            [
                (H::Refreshed, 2, 7),
                (H::Used, 2, 6),
                (H::RefreshFailed, 2, 4),
                (H::Refreshed, 1, 3),
                (H::Changed, 1, 2),
                (H::Changed, 1, 1)
            ]
        );
    }
}
