//! What every page of the dashboard has: a frame with navigation, environment and messages, and its own view inside.
//!
//! It must not know what the pages show.

mod shell;
mod undo;

pub(super) use shell::{Shell, environment_of, kind_of, place_of};
pub use undo::{Said, SwitchedOff, Undo};

use serde::Serialize;

use crate::http::render::Page;

/// A view inside the frame of the dashboard.
pub trait DashboardPage: Serialize + Sized {
    /// The template's path below `templates/`; it extends `dashboard/layout.html`.
    const TEMPLATE: &'static str;

    /// Where the page stands in the navigation.
    const PLACE: Place;

    /// Where this one stands: a page of no place of its own stands in that of its address, from which it was opened.
    fn place(&self, of_address: Place) -> Place {
        if Self::PLACE == Place::Elsewhere { of_address } else { Self::PLACE }
    }

    /// Views that between them show everything the template can show, each with a name.
    fn samples() -> Vec<(&'static str, Self)>;
}

/// A place in the navigation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "each is named as its page")]
pub enum Place {
    Overview,
    Connectors,
    Integrations,
    Webhooks,
    Events,
    Secrets,
    Console,
    Users,
    Credentials,
    Attempts,
    ApiKeys,
    Audit,
    Settings,
    Members,
    Account,
    /// In none of them.
    Elsewhere,
}

/// A page in its frame.
#[derive(Serialize)]
pub(super) struct Framed<P> {
    pub(super) shell: Shell,
    pub(super) page: P,
}

impl<P: DashboardPage> Page for Framed<&P> {
    const TEMPLATE: &'static str = P::TEMPLATE;

    fn samples() -> Vec<(&'static str, Self)> {
        // The view of a sample is owned by whoever renders it: see `samples.rs`.
        Vec::new()
    }
}

macro_rules! flashes {
    ($($(#[$meta:meta])* $variant:ident = $word:literal,)+) => {
        /// What was done, said once on the next page. The words stand in `templates/dashboard/layout.html`.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[expect(missing_docs, reason = "each is its own word")]
        pub enum Flash { $($(#[$meta])* $variant),+ }

        impl Flash {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The word, as the template and the cookie have it.
            pub const fn word(self) -> &'static str {
                match self { $(Self::$variant => $word),+ }
            }

            /// The message of this word.
            pub fn of(word: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|flash| flash.word() == word)
            }
        }
    };
}

flashes! {
    Welcome = "welcome",
    NameChanged = "name_changed",
    PasswordChanged = "password_changed",
    AuthenticatorSet = "authenticator_set",
    AuthenticatorRemoved = "authenticator_removed",
    SessionEnded = "session_ended",
    SessionsEnded = "sessions_ended",
    RoleChanged = "role_changed",
    MemberRemoved = "member_removed",
    InvitationWithdrawn = "invitation_withdrawn",
    SettingsSaved = "settings_saved",
    EnvironmentCreated = "environment_created",
    EnvironmentDeleted = "environment_deleted",
    ConnectorAdded = "connector_added",
    ConnectorSaved = "connector_saved",
    ConnectorEnabled = "connector_enabled",
    ConnectorDisabled = "connector_disabled",
    ConnectorDeleted = "connector_deleted",
    KeptSecretRemoved = "kept_secret_removed",
    IntegrationSaved = "integration_saved",
    IntegrationDeleted = "integration_deleted",
    WebhookSaved = "webhook_saved",
    WebhookTested = "webhook_tested",
    WebhookReplayed = "webhook_replayed",
    WebhookEnabled = "webhook_enabled",
    WebhookDisabled = "webhook_disabled",
    WebhookDeleted = "webhook_deleted",
    EventRedelivered = "event_redelivered",
    EventUnwanted = "event_unwanted",
    ThemeSaved = "theme_saved",
    SecretCreated = "secret_created",
    SecretUpdated = "secret_updated",
    SecretDeactivated = "secret_deactivated",
    SecretReactivated = "secret_reactivated",
    SecretRevoked = "secret_revoked",
    SecretDeleted = "secret_deleted",
    SecretsChanged = "secrets_changed",
    ApiKeyDeactivated = "api_key_deactivated",
    ApiKeyReactivated = "api_key_reactivated",
    ApiKeyRevoked = "api_key_revoked",
    CredentialWorks = "credential_works",
    CredentialLacksPermission = "credential_lacks_permission",
    CredentialRefused = "credential_refused",
    CredentialUnreachable = "credential_unreachable",
    CredentialUnclear = "credential_unclear",
    CredentialRefreshed = "credential_refreshed",
    CredentialDeactivated = "credential_deactivated",
    CredentialReactivated = "credential_reactivated",
    CredentialEnded = "credential_ended",
    CredentialEndedHere = "credential_ended_here",
    CredentialEndedUntold = "credential_ended_untold",
    LinkMailed = "link_mailed",
    NothingChosen = "nothing_chosen",
    UserCreated = "user_created",
    UserDeleted = "user_deleted",
}
