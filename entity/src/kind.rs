//! Closed sets of words stored in columns. The words are those of the HTTP contract, so that one word names a
//! thing everywhere. Nothing here decides anything: transitions live in the hub's `domain`.

use sea_orm::{DeriveActiveEnum, EnumIter};
use serde::{Deserialize, Serialize};

/// Declares a closed set of words, each stored, shown and parsed as its `snake_case` name.
macro_rules! kind {
    ($(#[$meta:meta])* $name:ident { $($(#[$vmeta:meta])* $variant:ident = $word:literal,)+ }) => {
        $(#[$meta])*
        #[derive(
            Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, EnumIter, DeriveActiveEnum, Serialize, Deserialize,
        )]
        #[sea_orm(rs_type = "String", db_type = "Text")]
        pub enum $name {
            $($(#[$vmeta])* #[sea_orm(string_value = $word)] #[serde(rename = $word)] $variant,)+
        }

        impl $name {
            /// Every word of the set, in the order of its declaration.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The word as stored and shown.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word),+ }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl std::str::FromStr for $name {
            type Err = UnknownWord;

            fn from_str(word: &str) -> Result<Self, UnknownWord> {
                match word { $($word => Ok(Self::$variant),)+ _ => Err(UnknownWord) }
            }
        }
    };
}

/// A word that is not in its set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not one of the known words")]
pub struct UnknownWord;

kind! {
    /// How a credential was given and how it is used.
    Method {
        /// The user consents in a browser; code with PKCE.
        OAuth2 = "oauth2",
        /// The user's own client id and secret.
        ClientCredentials = "client_credentials",
        /// One or more values, placed in headers or the query.
        ApiKey = "api_key",
        /// An API key placed by HTTP Basic.
        Basic = "basic",
        /// Login values, exchanged for a session.
        Session = "session",
        /// A signing key.
        Jwt = "jwt",
        /// The user consents in a browser; each call is signed (OAuth 1.0a).
        OAuth1 = "oauth1",
        /// Keys that sign each call, by AWS Signature Version 4.
        AwsSigV4 = "aws_sigv4",
    }
}

kind! {
    /// The subscription state of a workspace.
    WorkspaceState {
        /// Trying it out.
        Sandbox = "sandbox",
        /// Paying, or self-hosted.
        Active = "active",
        /// Nothing may be created or changed; what is there goes on working.
        Suspended = "suspended",
    }
}

kind! {
    /// How far a member's session is.
    MemberStage {
        /// The password was right; the authenticator's code is awaited.
        SecondFactor = "second_factor",
        /// Signed in.
        Full = "full",
    }
}

kind! {
    /// What is counted by the day, for the plots of the overview.
    ActivityKind {
        /// A credential was connected or reconnected.
        Connection = "connection",
        /// A token was renewed.
        Refresh = "refresh",
        /// A renewal failed.
        RefreshFailure = "refresh_failure",
        /// An app was called, or a token read out.
        Call = "call",
        /// A call that the app answered with an error, or that did not reach it.
        CallFailure = "call_failure",
    }
}

kind! {
    /// The machine of a credential's tokens (`refresh.md`, section 1).
    TokenState {
        /// Granted, waiting for the host app's confirmation.
        Pending = "pending",
        /// Nothing under way.
        Active = "active",
        /// A node holds the claim.
        Refreshing = "refreshing",
        /// The last attempt failed in passing.
        Waiting = "waiting",
        /// An attempt was sent and its outcome is not known.
        Unknown = "unknown",
        /// One refusal, not confirmed.
        Suspect = "suspect",
        /// Unusable until somebody acts; has a cause.
        Broken = "broken",
        /// A tombstone without ciphertext.
        Deleted = "deleted",
    }
}

kind! {
    /// Why a credential is [`TokenState::Broken`].
    BrokenCause {
        /// The provider refused the refresh token, twice.
        GrantRefused = "grant_refused",
        /// A refresh token was spent and its successor never arrived.
        GrantLost = "grant_lost",
        /// The access token ended and there is no refresh token.
        NoRefreshToken = "no_refresh_token",
        /// The app answers 401 to a credential that cannot be refreshed.
        RejectedByProvider = "rejected_by_provider",
        /// The date set by hand has passed.
        ExpiryDate = "expiry_date",
        /// Revoked through the hub.
        RevokedByRequest = "revoked_by_request",
        /// The provider says that it was revoked there.
        RevokedUpstream = "revoked_upstream",
    }
}

kind! {
    /// What is known of the attempt that spent a token version.
    AttemptState {
        /// Claimed; nothing is known to have been sent.
        Reserved = "reserved",
        /// Sent, outcome unknown.
        Unresolved = "unresolved",
        /// An answer lies in a journal, unread.
        Held = "held",
    }
}

kind! {
    /// The class of a failed token request (`refresh.md`, section 6).
    FailClass {
        /// B: the request never left.
        NotSent = "not_sent",
        /// C: outcome unknown, or a passing fault.
        Ambiguous = "ambiguous",
        /// U: complete success without a token where the definition says.
        Unreadable = "unreadable",
        /// D: slow down.
        Throttled = "throttled",
        /// E: the grant is refused.
        Refused = "refused",
        /// E, told by a code that means revocation.
        Revoked = "revoked",
        /// F: the connector's client is at fault.
        Client = "client",
        /// G: what we have for the request is at fault.
        Local = "local",
        /// G: the vault can't open the row.
        Unopened = "unopened",
        /// H: another 4xx.
        Other = "other",
    }
}

kind! {
    /// What a user sees of a credential (`refresh.md`, section 1).
    Status {
        /// Usable.
        Active = "active",
        /// Waiting for the host app's confirmation.
        Pending = "pending",
        /// Cannot be used just now.
        Error = "error",
        /// Switched off.
        Inactive = "inactive",
        /// Must be connected again.
        Expired = "expired",
        /// Ended by the hub or the provider.
        Revoked = "revoked",
    }
}

kind! {
    /// The state of a connect session.
    SessionStatus {
        /// The modal may work with it.
        Open = "open",
        /// Everything it asked for is connected.
        Completed = "completed",
        /// Its time is over.
        Expired = "expired",
        /// Ended by the back end.
        Cancelled = "cancelled",
    }
}

kind! {
    /// How far a user's attempt to connect an app is.
    AttemptOutcome {
        /// Begun; the app has not answered.
        Started = "started",
        /// Stored, waiting for the back end's confirmation.
        Waiting = "waiting",
        /// Connected.
        Connected = "connected",
        /// It ended without a credential.
        Failed = "failed",
    }
}

kind! {
    /// What the back end of the host app must confirm.
    Confirm {
        /// Nothing: the browser was bound by handshake or interstitial.
        Browser = "browser",
        /// Each new credential, by a one-time code.
        Backend = "backend",
    }
}

kind! {
    /// The weakest binding between browser and user that an environment accepts; the words are in rising order.
    Binding {
        /// The user read who asks and went on.
        Interstitial = "interstitial",
        /// The opener proved that it holds the connect session.
        Opener = "opener",
        /// The back end confirmed.
        Backend = "backend",
    }
}

kind! {
    /// How far one attempt to tell an endpoint of an event is.
    DeliveryStatus {
        /// To be made, or under way.
        Pending = "pending",
        /// The endpoint took it.
        Succeeded = "succeeded",
        /// It did not.
        Failed = "failed",
        /// The endpoint was switched off before it was made.
        Cancelled = "cancelled",
    }
}

kind! {
    /// Why the hub switched a webhook endpoint off.
    DisabledReason {
        /// The endpoint answered that it is gone (410).
        Gone = "gone",
        /// It took nothing for five days.
        Failing = "failing",
    }
}

kind! {
    /// How far a mail is.
    MailStatus {
        /// To be sent, or being sent.
        Pending = "pending",
        /// The mail server took it.
        Sent = "sent",
        /// It was tried as often as it may be.
        Failed = "failed",
    }
}

kind! {
    /// What kind of value a secret is.
    SecretType {
        /// A login or another whole credential.
        Credential = "credential",
        /// An API key.
        ApiKey = "api_key",
        /// A bearer token.
        BearerToken = "bearer_token",
        /// A token of OAuth, of whichever kind.
        OAuthToken = "oauth_token",
        /// What buys the next access token.
        RefreshToken = "refresh_token",
        /// What is presented to an API.
        AccessToken = "access_token",
        /// A token of a request that is not finished.
        RequestToken = "request_token",
        /// A token of the client itself.
        ClientToken = "client_token",
    }
}

kind! {
    /// Whether a secret's value may ever be shown.
    Visibility {
        /// Only by a reveal that is audited.
        Masked = "masked",
        /// To nobody.
        Restricted = "restricted",
    }
}

kind! {
    /// What a person may do in a workspace; the words are in falling order of rights.
    Role {
        /// Everything.
        Owner = "owner",
        /// Everything but what concerns the workspace itself.
        Admin = "admin",
        /// Day-to-day settings and users; secrets are seen, not changed.
        Editor = "editor",
        /// Looks only.
        Viewer = "viewer",
    }
}
