//! The one registry of prefixed ids (TypeIDs: a prefix, `_`, and a UUID in base 32), alphabetical and
//! append-only. A value with another prefix does not parse, so a wrong id fails at the edge.

use sea_orm::{DbErr, DeriveValueType, TryFromU64};
use type_safe_id::{StaticType, TypeSafeId};
use uuid::Uuid;

/// A text that is no id of the wanted kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not an id of this kind")]
pub struct InvalidId;

/// Declares ids: type, tag type, prefix, meaning.
macro_rules! ids {
    ($($(#[$meta:meta])* $name:ident, $tag:ident, $prefix:literal;)+) => {
        $(
            #[derive(Default)]
            struct $tag;

            impl StaticType for $tag {
                const TYPE: &'static str = $prefix;
            }

            $(#[$meta])*
            #[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, DeriveValueType)]
            #[sea_orm(value_type = "String", column_type = "Text")]
            pub struct $name(Uuid);

            impl $name {
                /// What comes before the underscore.
                pub const PREFIX: &'static str = $prefix;

                /// The id around `uuid`.
                pub const fn new(uuid: Uuid) -> Self {
                    Self(uuid)
                }

                /// The UUID inside.
                pub const fn uuid(self) -> Uuid {
                    self.0
                }
            }

            impl std::fmt::Display for $name {
                fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                    std::fmt::Display::fmt(&TypeSafeId::<$tag>::from_uuid(self.0), f)
                }
            }

            impl std::fmt::Debug for $name {
                fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                    std::fmt::Display::fmt(self, f)
                }
            }

            impl std::str::FromStr for $name {
                type Err = InvalidId;

                fn from_str(text: &str) -> Result<Self, InvalidId> {
                    text.parse::<TypeSafeId<$tag>>().map(|id| Self(id.uuid())).map_err(|_| InvalidId)
                }
            }

            impl serde::Serialize for $name {
                fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                    serializer.collect_str(self)
                }
            }

            impl<'de> serde::Deserialize<'de> for $name {
                fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                    let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
                    text.parse().map_err(serde::de::Error::custom)
                }
            }

            impl TryFromU64 for $name {
                fn try_from_u64(_: u64) -> Result<Self, DbErr> {
                    Err(DbErr::ConvertFromU64(stringify!($name)))
                }
            }
        )+

        #[cfg(test)]
        const PREFIXES: &[&str] = &[$($prefix),+];
    };
}

ids! {
    /// A hub API key.
    ApiKeyId, ApiKeyTag, "apikey";
    /// A user's attempt to connect an app.
    AttemptId, AttemptTag, "attempt";
    /// An audit event.
    AuditEventId, AuditEventTag, "audit";
    /// A connector. Made from environment and key, so that its redirect URI never changes.
    ConnectorId, ConnectorTag, "conn";
    /// A credential.
    CredentialId, CredentialTag, "cred";
    /// A connect session.
    SessionId, SessionTag, "cs";
    /// A data key.
    DataKeyId, DataKeyTag, "dek";
    /// One attempt to tell a webhook endpoint of an event.
    DeliveryId, DeliveryTag, "dlv";
    /// An environment.
    EnvironmentId, EnvironmentTag, "env";
    /// An event.
    EventId, EventTag, "evt";
    /// One OAuth authorization in a browser.
    FlowId, FlowTag, "flow";
    /// An integration.
    IntegrationId, IntegrationTag, "int";
    /// An invitation to become a member.
    InvitationId, InvitationTag, "invite";
    /// A mail on its way.
    MailId, MailTag, "mail";
    /// A person in a workspace.
    MemberId, MemberTag, "member";
    /// A member's session in a browser.
    MemberSessionId, MemberSessionTag, "msess";
    /// Something that an app is still to be told: that a token is to die.
    RevocationJobId, RevocationJobTag, "rev";
    /// A secret.
    SecretId, SecretTag, "sec";
    /// An end user.
    UserId, UserTag, "user";
    /// A webhook endpoint.
    WebhookEndpointId, WebhookEndpointTag, "webhook";
    /// A workspace.
    WorkspaceId, WorkspaceTag, "ws";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_registry_is_alphabetical_and_without_repeats() {
        assert!(PREFIXES.windows(2).all(|pair| pair[0] < pair[1]), "{PREFIXES:?}");
    }

    #[test]
    fn an_id_survives_its_text_and_refuses_another_prefix() {
        let id = UserId::new(Uuid::from_u128(0x0190_1234_5678_7abc_8def_0123_4567_89ab));
        assert_eq!(id.to_string().parse(), Ok(id));
        assert_eq!(id.to_string().parse::<CredentialId>(), Err(InvalidId));
        assert_eq!("user_".parse::<UserId>(), Err(InvalidId));
        assert_eq!("jo".parse::<UserId>(), Err(InvalidId));
    }
}
