//! Mails to people who should connect again: to whom an environment has them sent, what they say, when to try again.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use vouchsafe_entity::id::{EnvironmentId, EventId, MailId};
use vouchsafe_entity::millis::Millis;
use vouchsafe_entity::sealed::Sealed;

use super::event::EventType;

/// Seconds from each failed try to the next.
const SCHEDULE: [i64; 5] = [60, 300, 1_800, 7_200, 21_600];
/// How long a replica may work on one mail before another takes it up.
pub const LEASE_SECONDS: i64 = 300;

/// Who is told by mail: the `mail` object of an environment's settings.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct MailSettings {
    /// Who.
    #[serde(default)]
    pub to: Recipient,
    /// The address for [`Recipient::Admin`].
    pub admin_address: Option<String>,
    /// The language, as a tag.
    pub locale: Option<String>,
}

/// Who is told by mail.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Recipient {
    /// Nobody.
    #[default]
    Nobody,
    /// The user of the credential.
    User,
    /// One address for all.
    Admin,
}

impl MailSettings {
    /// Reads the object; none where it is of another shape.
    pub fn parse(object: &Map<String, Value>) -> Option<Self> {
        serde_json::from_value(Value::Object(object.clone())).ok()
    }
}

/// What a mail is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Occasion {
    /// It must be connected again.
    Expired,
    /// The provider ended it.
    Revoked,
    /// Its end comes near.
    Expiring,
}

impl Occasion {
    /// Whether people are told of such an event, and as what. What the embedder or the user did they know.
    pub fn of(kind: EventType, reason: Option<&str>) -> Option<Self> {
        match kind {
            EventType::CredentialExpired => Some(Self::Expired),
            EventType::CredentialExpiring => Some(Self::Expiring),
            EventType::CredentialRevoked => (reason == Some("revoked_upstream")).then_some(Self::Revoked),
            _ => None,
        }
    }
}

/// What a mail says. It carries a link, so it is kept sealed and is not printed.
#[derive(Clone, Serialize, Deserialize)]
pub struct Letter {
    /// The address.
    pub to: String,
    /// The language, as a tag.
    pub locale: Option<String>,
    /// What it is about.
    pub occasion: Occasion,
    /// Whose credential, where somebody else is told.
    pub user: Option<String>,
    /// The host app's name.
    pub app: String,
    /// The provider's name.
    pub name: String,
    /// The credential's name.
    pub credential: String,
    /// Where it is mended.
    pub link: Option<String>,
    /// Whether the link works once and for a week.
    pub single_use: bool,
}

/// What an invitation to become a member says. It carries a link, so it is not printed.
#[derive(Clone)]
pub struct InvitationLetter {
    /// The address.
    pub to: String,
    /// Into which workspace.
    pub workspace: String,
    /// Who invites.
    pub inviter: String,
    /// As what.
    pub role: &'static str,
    /// Where it is accepted.
    pub link: String,
}

/// Something that owners should look at soon.
#[derive(Clone, Debug)]
pub enum Alarm {
    /// A member was shown many secrets in a short time.
    SecretsShown {
        /// Who.
        who: String,
    },
    /// A webhook endpoint is not told any more.
    EndpointDisabled {
        /// Its address.
        url: String,
        /// Whether it said that it is gone; otherwise it took nothing for days.
        gone: bool,
    },
}

/// What an owner is told of.
#[derive(Clone, Debug)]
pub struct AlarmLetter {
    /// The address.
    pub to: String,
    /// The workspace's name.
    pub workspace: String,
    /// The environment's name.
    pub environment: String,
    /// What happened.
    pub alarm: Alarm,
    /// Where more is found.
    pub link: String,
}

/// A mail that this process has claimed.
#[derive(Clone, Debug)]
pub struct ClaimedMail {
    /// Where it is.
    pub environment: EnvironmentId,
    /// Its id.
    pub id: MailId,
    /// What it tells of.
    pub event: EventId,
    /// Its letter.
    pub sealed: Sealed,
    /// Tries so far, this one included.
    pub attempts: i32,
    /// End of the claim, which also proves it.
    pub lease_until: Millis,
}

impl ClaimedMail {
    /// When to try again after this try failed at `now`; none after the last.
    pub fn next_try(&self, now: Millis) -> Option<Millis> {
        let at = usize::try_from(self.attempts).ok()?.checked_sub(1)?;
        Some(now.plus_seconds(*SCHEDULE.get(at)?))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn settings_are_read_and_nobody_is_told_by_default() {
        let read = |value: Value| MailSettings::parse(value.as_object().unwrap());
        assert_eq!(read(json!({})).unwrap().to, Recipient::Nobody);
        assert_eq!(read(json!({"to": "user"})).unwrap().to, Recipient::User);
        let admin = read(json!({"to": "admin", "adminAddress": "ops@acme.test", "locale": "de"})).unwrap();
        assert_eq!((admin.to, admin.admin_address.as_deref()), (Recipient::Admin, Some("ops@acme.test")));
        assert_eq!(read(json!({"to": "everybody"})), None);
        assert_eq!(read(json!({"from": "x"})), None);
    }

    #[test]
    fn people_are_told_of_what_they_did_not_do_themselves() {
        let of = |kind, reason| Occasion::of(kind, reason);
        assert_eq!(of(EventType::CredentialExpired, Some("grant_refused")), Some(Occasion::Expired));
        assert_eq!(of(EventType::CredentialRevoked, Some("revoked_upstream")), Some(Occasion::Revoked));
        assert_eq!(of(EventType::CredentialRevoked, Some("revoked_by_request")), None);
        assert_eq!(of(EventType::CredentialDeleted, None), None);
        assert_eq!(of(EventType::CredentialFailing, Some("throttled")), None);
    }
}
