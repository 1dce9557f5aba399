//! Tenants: workspaces and the environments inside them.

use vouchsafe_entity::id::{EnvironmentId, WorkspaceId};
use vouchsafe_entity::json::{Settings, WorkspaceSettings};
use vouchsafe_entity::kind::WorkspaceState;
use vouchsafe_entity::millis::Millis;

/// A workspace.
#[derive(Clone, Debug)]
pub struct Workspace {
    /// Its id.
    pub id: WorkspaceId,
    /// Its unique name.
    pub name: String,
    /// Its subscription.
    pub state: WorkspaceState,
    /// What may be set.
    pub settings: WorkspaceSettings,
    /// When it was made.
    pub created_at: Millis,
    /// When its settings or its subscription last changed.
    pub updated_at: Millis,
}

/// An environment.
#[derive(Clone, Debug)]
pub struct Environment {
    /// Its id.
    pub id: EnvironmentId,
    /// Whose it is.
    pub workspace: WorkspaceId,
    /// Its workspace's name.
    pub workspace_name: String,
    /// Its name, unique in the workspace.
    pub name: String,
    /// What may be set.
    pub settings: Settings,
    /// When it was made.
    pub created_at: Millis,
    /// When its settings last changed.
    pub updated_at: Millis,
}

impl Environment {
    /// What the host app is called in mails: the theme's `appName`, else the workspace's name.
    pub fn app_name(&self) -> String {
        let themed = self.settings.theme.get("appName").and_then(serde_json::Value::as_str);
        let themed = themed.map(str::trim).filter(|name| !name.is_empty());
        themed.unwrap_or(&self.workspace_name).to_owned()
    }
}

/// What lies in an environment, or in all of a workspace, and goes with it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Contents {
    /// Users.
    pub users: u64,
    /// Credentials that were not deleted.
    pub credentials: u64,
    /// Secrets; of an environment, those that no other has.
    pub secrets: u64,
    /// Connectors that somebody has added.
    pub connectors: u64,
    /// Grants that have ended here, of which their apps are still to be told.
    pub untold: u64,
}

impl Contents {
    /// Whether grants would be left at the apps that nobody here could end any more.
    pub const fn holds_grants(&self) -> bool {
        self.credentials > 0 || self.untold > 0
    }

    /// How much of each kind there is, in words.
    pub fn in_words(&self) -> [String; 4] {
        let kinds = [
            (self.users, "user"),
            (self.credentials, "credential"),
            (self.secrets, "secret"),
            (self.connectors, "connector"),
        ];
        kinds.map(|(count, one)| if count == 1 { format!("1 {one}") } else { format!("{count} {one}s") })
    }
}

/// The environment that something happens in, and its workspace.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Tenant {
    /// The workspace.
    pub workspace: WorkspaceId,
    /// The environment.
    pub environment: EnvironmentId,
    /// The workspace's subscription, which decides whether anything may be created or changed.
    pub state: WorkspaceState,
}

impl Tenant {
    /// Whether things may be created and changed.
    pub const fn may_write(&self) -> bool {
        matches!(self.state, WorkspaceState::Sandbox | WorkspaceState::Active)
    }
}

/// What no environment can be called: pages of the dashboard that belong to no environment stand where the name of one
/// does in the addresses of the others.
const RESERVED: [&str; 14] = [
    "account",
    "assets",
    "environments",
    "invitations",
    "join",
    "members",
    "new",
    "sessions",
    "sign-in",
    "sign-out",
    "single-sign-on",
    "sso",
    "step-up",
    "workspace",
];

/// Whether the dashboard has a page of its own where an environment called `name` would have its pages.
pub fn is_reserved(name: &str) -> bool {
    RESERVED.contains(&name)
}

/// Whether `name` can name an environment or a workspace: 1 to 32 of `a-z`, `0-9` and `-`, as it stands in API keys.
pub fn is_name(name: &str) -> bool {
    (1..=32).contains(&name.len())
        && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
        && !name.starts_with('-')
}
