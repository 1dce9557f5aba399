//! What a fake provider is told: its clients, its kind of refresh and its other habits. Plain data.

use std::str::FromStr;
use std::sync::Arc;

use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use tokio::net::TcpListener;

use crate::clock::{Clock, SystemClock};
use crate::random::{Random, SystemRandom};

/// The client id of the demo's OAuth client.
pub const DEMO_CLIENT_ID: &str = "vouchsafe-demo";
/// The client secret of the demo's OAuth client.
pub const DEMO_CLIENT_SECRET: &str = "fernhill-client-secret";
/// Who is signed in at the fake app unless they type another name.
pub const DEMO_USERNAME: &str = "jo@acme.test";
/// The password that session login and Basic take, for any username.
pub const DEMO_PASSWORD: &str = "fernhill-password";
/// A key Quillpost takes. So is any key of this prefix with 8 or more letters or digits after it.
pub const VALID_KEY: &str = "fake_live_4f2a9c1b7d3e8065";
/// A genuine key without permission: every call answers 403. So does any key of its prefix.
pub const RESTRICTED_KEY: &str = "fake_restricted_91d0c7e25ab84f36";
/// A key of the right shape that Quillpost refuses with 401. So is any key of its prefix.
pub const REVOKED_KEY: &str = "fake_revoked_b86d13f47a20e95c";
/// The scopes Fernhill knows, each with what its consent page says about it.
pub const SCOPES: [(&str, &str); 3] = [
    ("profile", "See your name and e-mail address"),
    ("items:read", "Read your orders"),
    ("items:write", "Create orders for you"),
];

/// What the provider does with a spent refresh token (`providers.md`, section 5).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum RefreshKind {
    /// The refresh token never changes.
    Static,
    /// Rotates; the spent token still works for this many seconds and answers with the same successor.
    Grace(u32),
    /// Rotates; the spent token is refused, the grant lives.
    Reject,
    /// Rotates; a spent token ends the grant.
    Strict,
}

impl std::fmt::Display for RefreshKind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Static => f.write_str("static"),
            Self::Grace(seconds) => write!(f, "grace:{seconds}"),
            Self::Reject => f.write_str("reject"),
            Self::Strict => f.write_str("strict"),
        }
    }
}

/// The text names no refresh kind.
#[derive(Debug, thiserror::Error)]
#[error("the refresh kind is none of `static`, `grace:<seconds>`, `reject`, `strict`")]
pub struct RefreshKindError;

impl FromStr for RefreshKind {
    type Err = RefreshKindError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "static" => Ok(Self::Static),
            "reject" => Ok(Self::Reject),
            "strict" => Ok(Self::Strict),
            _ => text
                .strip_prefix("grace:")
                .and_then(|seconds| seconds.parse().ok())
                .map(Self::Grace)
                .ok_or(RefreshKindError),
        }
    }
}

impl TryFrom<String> for RefreshKind {
    type Error = RefreshKindError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<RefreshKind> for String {
    fn from(kind: RefreshKind) -> Self {
        kind.to_string()
    }
}

/// What an RFC 7009 revocation ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum RevokeScope {
    /// An access token alone; a grant only by its current refresh token.
    Token,
    /// The whole grant, by any of its tokens.
    Grant,
    /// Every grant of the same user and client.
    Account,
}

/// Habits of the provider; all may change while it runs.
#[expect(clippy::struct_excessive_bools, reason = "each is a habit of its own")]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct Settings {
    /// The refresh kind of clients that name none.
    pub kind: RefreshKind,
    /// How long access tokens live, in seconds.
    pub access_token_lifetime: u32,
    /// Whether token answers say so (`expires_in`).
    pub announce_lifetime: bool,
    /// Whether a grant gets a refresh token at all.
    pub refresh_tokens: bool,
    /// Whether a refresh that leaves the refresh token as it is names it in its answer.
    pub repeat_refresh_token: bool,
    /// Whether any redirect URI is taken, not only the registered ones.
    pub any_redirect: bool,
    /// What revocation ends.
    pub revoke_scope: RevokeScope,
    /// `Cross-Origin-Opener-Policy` of the sign-on page.
    pub coop: Option<String>,
    /// `iss` of the authorization answer; the provider's own address if unset, left out if empty.
    pub issuer: Option<String>,
    /// The name that stands in the sign-on form.
    pub username: String,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            kind: RefreshKind::Strict,
            access_token_lifetime: 3600,
            announce_lifetime: true,
            refresh_tokens: true,
            repeat_refresh_token: false,
            any_redirect: false,
            revoke_scope: RevokeScope::Grant,
            coop: None,
            issuer: None,
            username: DEMO_USERNAME.to_owned(),
        }
    }
}

/// How a client proves itself at the token endpoint.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ClientAuth {
    /// By either way.
    #[default]
    Any,
    /// In the body.
    ClientSecretPost,
    /// In the `Authorization` header.
    ClientSecretBasic,
}

/// An OAuth client the provider knows.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Client {
    /// Its id.
    pub id: String,
    /// What the consent page calls it; its id if unset.
    #[serde(default)]
    pub name: Option<String>,
    /// Its secret; none makes it a public client.
    #[serde(default)]
    pub secret: Option<SecretString>,
    /// Its redirect URIs, compared character by character.
    #[serde(default)]
    pub redirect_uris: Vec<String>,
    /// Its refresh kind, if not that of the provider.
    #[serde(default)]
    pub kind: Option<RefreshKind>,
    /// How it must prove itself.
    #[serde(default)]
    pub auth: ClientAuth,
}

impl Client {
    /// A confidential client without redirect URIs.
    pub fn new(id: impl Into<String>, secret: impl Into<SecretString>) -> Self {
        Self {
            id: id.into(),
            name: None,
            secret: Some(secret.into()),
            redirect_uris: Vec::new(),
            kind: None,
            auth: ClientAuth::Any,
        }
    }

    /// The client of the demo, which its users know as Acme, with its redirect URI.
    pub fn demo(redirect_uri: impl Into<String>) -> Self {
        let client = Self::new(DEMO_CLIENT_ID, DEMO_CLIENT_SECRET).redirect(redirect_uri);
        Self { name: Some("Acme".to_owned()), ..client }
    }

    /// Registers one more redirect URI.
    #[must_use]
    pub fn redirect(mut self, uri: impl Into<String>) -> Self {
        self.redirect_uris.push(uri.into());
        self
    }

    /// Gives this client a refresh kind of its own.
    #[must_use]
    pub fn kind(mut self, kind: RefreshKind) -> Self {
        self.kind = Some(kind);
        self
    }
}

/// What Quillpost makes of a key, set for single keys against the rule of prefixes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum KeyState {
    /// Taken.
    Valid,
    /// Genuine, without permission: 403.
    Restricted,
    /// Refused: 401.
    Revoked,
}

/// How to start a fake provider.
pub struct FakeConfig {
    /// Where it listens.
    pub listener: TcpListener,
    /// Its address as others see it, if not `http://<listener>` (behind a TLS front).
    pub base_url: Option<String>,
    /// Its habits.
    pub settings: Settings,
    /// Its first clients; more can be registered later.
    pub clients: Vec<Client>,
    /// Its clock.
    pub clock: Arc<dyn Clock>,
    /// What its tokens are made of.
    pub random: Arc<dyn Random>,
}

impl FakeConfig {
    /// A strict provider with the machine's clock and no client.
    pub fn new(listener: TcpListener) -> Self {
        Self {
            listener,
            base_url: None,
            settings: Settings::default(),
            clients: Vec::new(),
            clock: Arc::new(SystemClock),
            random: Arc::new(SystemRandom),
        }
    }

    /// As [`FakeConfig::new`], on a free port of 127.0.0.1.
    pub async fn on_loopback() -> std::io::Result<Self> {
        Ok(Self::new(TcpListener::bind(("127.0.0.1", 0)).await?))
    }
}
