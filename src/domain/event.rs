//! Events: something that happened to a credential, a connector or a secret.

use serde::{Deserialize, Serialize};
use vouchsafe_entity::id::{CredentialId, EventId};
use vouchsafe_entity::kind::UnknownWord;
use vouchsafe_entity::millis::Millis;
use vouchsafe_entity::sealed::Sealed;

macro_rules! event_types {
    ($($(#[$meta:meta])* $variant:ident = $word:literal,)+) => {
        /// What happened.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum EventType { $($(#[$meta])* $variant),+ }

        impl EventType {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The word in events and filters.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word),+ }
            }
        }

        impl std::str::FromStr for EventType {
            type Err = UnknownWord;

            fn from_str(word: &str) -> Result<Self, UnknownWord> {
                match word { $($word => Ok(Self::$variant),)+ _ => Err(UnknownWord) }
            }
        }
    };
}

event_types! {
    /// A credential first becomes active.
    CredentialCreated = "credential.created",
    /// The same id got a new grant or value.
    CredentialReconnected = "credential.reconnected",
    /// Its end comes near.
    CredentialExpiring = "credential.expiring",
    /// It can't be used just now.
    CredentialFailing = "credential.failing",
    /// It must be connected again.
    CredentialExpired = "credential.expired",
    /// It works again without a reconnect.
    CredentialRecovered = "credential.recovered",
    /// It was revoked.
    CredentialRevoked = "credential.revoked",
    /// It was switched off.
    CredentialDeactivated = "credential.deactivated",
    /// It is gone.
    CredentialDeleted = "credential.deleted",
    /// The app refuses the connector's client.
    ConnectorFailing = "connector.failing",
    /// The app takes it again.
    ConnectorRecovered = "connector.recovered",
    /// A secret's end comes near.
    SecretExpiring = "secret.expiring",
    /// A secret's end has come.
    SecretExpired = "secret.expired",
    /// Nothing: somebody tries out a webhook endpoint, which alone is told.
    WebhookTest = "webhook.test",
}

impl EventType {
    /// Whether a webhook endpoint can ask for it.
    pub const fn is_subscribable(self) -> bool {
        !matches!(self, Self::WebhookTest)
    }

    /// The types that a webhook endpoint can ask for.
    pub fn subscribable() -> impl Iterator<Item = Self> {
        Self::ALL.iter().copied().filter(|kind| kind.is_subscribable())
    }
}

/// The body of an event, as `GET /events` shows it and webhooks carry it. Members that don't apply are null.
#[derive(Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct EventBody {
    /// `evt_…`, the same on every delivery.
    pub id: String,
    /// What happened.
    #[serde(rename = "type")]
    pub kind: String,
    /// When, RFC 3339.
    pub timestamp: String,
    /// The environment's name.
    pub environment: String,
    /// Whose credential.
    pub user_id: Option<String>,
    /// Their address, where known.
    pub user_email: Option<String>,
    /// Which credential.
    pub credential_id: Option<String>,
    /// Its name.
    pub credential_name: Option<String>,
    /// Its connector's key.
    pub connector: Option<String>,
    /// Its provider's slug.
    pub provider: Option<String>,
    /// Why; where somebody wished it, the kind of author: `member`, `api_key`, `user`, `operator` or `hub`.
    pub reason: Option<String>,
    /// Where the user can mend it.
    pub reconnect_url: Option<String>,
    /// Which secret; events of others leave it out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret_key: Option<String>,
}

impl std::fmt::Debug for EventBody {
    /// Addresses and links stay out of logs.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("EventBody").field("id", &self.id).field("kind", &self.kind).finish_non_exhaustive()
    }
}

impl EventBody {
    /// A body that says what, when and where, and nothing more.
    pub fn new(id: EventId, kind: EventType, at: Millis, environment: &str) -> Self {
        Self {
            id: id.to_string(),
            kind: kind.as_str().to_owned(),
            timestamp: at.to_string(),
            environment: environment.to_owned(),
            user_id: None,
            user_email: None,
            credential_id: None,
            credential_name: None,
            connector: None,
            provider: None,
            reason: None,
            reconnect_url: None,
            secret_key: None,
        }
    }
}

/// An event as stored: its body is sealed, since it carries an address and perhaps a link.
#[derive(Clone, Debug)]
pub struct StoredEvent {
    /// Its id.
    pub id: EventId,
    /// What happened.
    pub kind: EventType,
    /// To which credential.
    pub credential: Option<CredentialId>,
    /// So that a change is told once.
    pub unique_key: String,
    /// The body.
    pub sealed: Sealed,
    /// When.
    pub created_at: Millis,
}
