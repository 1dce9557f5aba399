//! Roles × actions: who may do what in a workspace, as one table (`security.md`, section 7). Whatever is not in it is
//! denied. What a role may do nothing about is invisible to it, and answered as what is not there.
//!
//! It decides; it must not know routes, sessions or keys.

use vouchsafe_entity::kind::Role;

/// What a role is told about an action.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rule {
    /// It may.
    Yes,
    /// It may not.
    No,
    /// It may where the workspace allows editors to reveal (`editorsMayReveal`, off by default).
    IfEditorsMayReveal,
}

/// What the workspace decides about its roles.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RoleSettings {
    /// Whether editors may reveal masked secrets.
    pub editors_may_reveal: bool,
}

use Rule::{IfEditorsMayReveal, No, Yes};

/// Declares the actions with the rule for owner, admin, editor and viewer.
macro_rules! actions {
    ($($(#[$meta:meta])* $action:ident: [$owner:ident $admin:ident $editor:ident $viewer:ident];)+) => {
        /// Something that a member wants to do. What a key may do is its scopes, which its routes ask for.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Action { $($(#[$meta])* $action),+ }

        impl Action {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$action),+];

            /// The rule for a role.
            pub const fn rule(self, role: Role) -> Rule {
                let [owner, admin, editor, viewer] = match self {
                    $(Self::$action => [$owner, $admin, $editor, $viewer]),+
                };
                match role {
                    Role::Owner => owner,
                    Role::Admin => admin,
                    Role::Editor => editor,
                    Role::Viewer => viewer,
                }
            }

            /// Its name, for the audit log.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$action => stringify!($action)),+ }
            }
        }
    };
}

actions! {
    /// Delete the workspace, change its subscription or owner, back up, export credentials.
    ManageWorkspace: [Yes No No No];
    /// Invite and remove members, set roles up to one's own.
    ManageMembers: [Yes Yes No No];
    /// Make an environment.
    CreateEnvironment: [Yes Yes No No];
    /// Delete an environment.
    DeleteEnvironment: [Yes No No No];
    /// Make, rotate and revoke API keys.
    ManageApiKeys: [Yes Yes No No];
    /// Make, rotate and delete webhook endpoints.
    ManageWebhooks: [Yes Yes No No];
    /// See connectors and integrations.
    ViewConnectors: [Yes Yes Yes Yes];
    /// Client id and secret of a connector, its hosts, on and off.
    ConfigureConnectors: [Yes Yes No No];
    /// Scopes and labels of a connector, integrations, theme.
    EditIntegrations: [Yes Yes Yes No];
    /// See users.
    ViewUsers: [Yes Yes Yes Yes];
    /// Make and edit users.
    EditUsers: [Yes Yes Yes No];
    /// Delete users with their credentials.
    DeleteUsers: [Yes Yes No No];
    /// List credentials.
    ListCredentials: [Yes Yes Yes Yes];
    /// See a credential's metadata and activity.
    ViewCredentials: [Yes Yes Yes No];
    /// Make, edit, deactivate, revoke and delete credentials.
    ManageCredentials: [Yes Yes No No];
    /// Verify a credential, refresh it now, send a reconnect link.
    MaintainCredentials: [Yes Yes Yes No];
    /// Read a credential's value: a key's right, and nobody's in the dashboard.
    RevealCredentials: [No No No No];
    /// See the names of secrets.
    ListSecrets: [Yes Yes Yes Yes];
    /// See a secret's metadata.
    ViewSecrets: [Yes Yes Yes No];
    /// Make, edit, deactivate, reactivate, revoke and delete secrets.
    ManageSecrets: [Yes Yes No No];
    /// Refer to a secret in a setting that one may edit.
    ReferToSecrets: [Yes Yes Yes No];
    /// Reveal a masked secret.
    RevealMaskedSecrets: [Yes Yes IfEditorsMayReveal No];
    /// Reveal a restricted secret.
    RevealRestrictedSecrets: [No No No No];
    /// Call an app through the hub.
    CallApps: [Yes Yes Yes No];
    /// List events.
    ListEvents: [Yes Yes Yes Yes];
    /// See deliveries of events.
    ViewDeliveries: [Yes Yes Yes No];
    /// Deliver an event again.
    RedeliverEvents: [Yes Yes Yes No];
    /// Read and export the audit log.
    ReadAudit: [Yes Yes No No];
}

/// Whether a member of `role` may do `action`.
pub const fn may(role: Role, action: Action, settings: RoleSettings) -> bool {
    match action.rule(role) {
        Rule::Yes => true,
        Rule::No => false,
        Rule::IfEditorsMayReveal => settings.editors_may_reveal,
    }
}

impl Action {
    /// The least that one may do with what this is done to. A role that may not even that does not know that it is
    /// there.
    #[must_use]
    pub const fn least(self) -> Self {
        match self {
            // Whoever looks into an environment sees that it is there.
            Self::ConfigureConnectors | Self::EditIntegrations | Self::DeleteEnvironment => {
                Self::ViewConnectors
            }
            Self::EditUsers | Self::DeleteUsers => Self::ViewUsers,
            Self::ViewCredentials
            | Self::ManageCredentials
            | Self::MaintainCredentials
            | Self::RevealCredentials => Self::ListCredentials,
            Self::ViewSecrets
            | Self::ManageSecrets
            | Self::ReferToSecrets
            | Self::RevealMaskedSecrets
            | Self::RevealRestrictedSecrets => Self::ListSecrets,
            Self::ViewDeliveries | Self::RedeliverEvents | Self::ManageWebhooks => Self::ListEvents,
            Self::ManageWorkspace
            | Self::ManageMembers
            | Self::CreateEnvironment
            | Self::ManageApiKeys
            | Self::ViewConnectors
            | Self::ViewUsers
            | Self::ListCredentials
            | Self::ListSecrets
            | Self::CallApps
            | Self::ListEvents
            | Self::ReadAudit => self,
        }
    }
}

/// Whether a member of `role` may give `other` to somebody: never above their own.
pub fn may_grant(role: Role, other: Role) -> bool {
    may(role, Action::ManageMembers, RoleSettings::default()) && other >= role
}

#[cfg(test)]
mod tests {
    use super::*;

    const CLOSED: RoleSettings = RoleSettings { editors_may_reveal: false };
    const OPEN: RoleSettings = RoleSettings { editors_may_reveal: true };

    fn allowed(role: Role, settings: RoleSettings) -> Vec<Action> {
        Action::ALL.iter().copied().filter(|action| may(role, *action, settings)).collect()
    }

    #[test]
    fn each_role_may_do_what_the_one_below_may() {
        for pair in Role::ALL.windows(2) {
            let above = allowed(pair[0], CLOSED);
            for action in allowed(pair[1], CLOSED) {
                assert!(above.contains(&action), "{} may {action:?} and {} may not", pair[1], pair[0]);
            }
        }
    }

    #[test]
    fn the_table_is_that_of_the_design() {
        use Action as A;
        let viewer = allowed(Role::Viewer, OPEN);
        assert_eq!(
            viewer,
            [A::ViewConnectors, A::ViewUsers, A::ListCredentials, A::ListSecrets, A::ListEvents]
        );
        let refused = |role: Role| -> Vec<Action> {
            Action::ALL.iter().copied().filter(|action| !may(role, *action, CLOSED)).collect()
        };
        assert_eq!(refused(Role::Owner), [A::RevealCredentials, A::RevealRestrictedSecrets]);
        assert_eq!(
            refused(Role::Admin),
            [A::ManageWorkspace, A::DeleteEnvironment, A::RevealCredentials, A::RevealRestrictedSecrets]
        );
        assert_eq!(
            refused(Role::Editor),
            [
                A::ManageWorkspace,
                A::ManageMembers,
                A::CreateEnvironment,
                A::DeleteEnvironment,
                A::ManageApiKeys,
                A::ManageWebhooks,
                A::ConfigureConnectors,
                A::DeleteUsers,
                A::ManageCredentials,
                A::RevealCredentials,
                A::ManageSecrets,
                A::RevealMaskedSecrets,
                A::RevealRestrictedSecrets,
                A::ReadAudit,
            ]
        );
    }

    #[test]
    fn what_a_role_may_do_something_about_is_visible_to_it() {
        for action in Action::ALL {
            assert_eq!(action.least().least(), action.least());
            for role in Role::ALL {
                let (this, least) = (may(*role, *action, OPEN), may(*role, action.least(), OPEN));
                assert!(least || !this, "{role} may {action:?} with what it does not see");
            }
        }
        assert!(!may(Role::Editor, Action::ManageApiKeys.least(), OPEN));
        assert!(may(Role::Viewer, Action::ManageSecrets.least(), OPEN));
    }

    #[test]
    fn only_editors_are_let_to_reveal_by_the_workspace() {
        for role in Role::ALL {
            let (closed, open) = (allowed(*role, CLOSED), allowed(*role, OPEN));
            let more: Vec<_> = open.iter().filter(|action| !closed.contains(action)).collect();
            let wanted: &[&Action] =
                if *role == Role::Editor { &[&Action::RevealMaskedSecrets] } else { &[] };
            assert_eq!(more, wanted, "{role}");
            assert!(!may(*role, Action::RevealRestrictedSecrets, OPEN));
        }
    }

    #[test]
    fn nobody_gives_a_role_above_their_own() {
        for role in Role::ALL {
            for other in Role::ALL {
                let wanted = matches!(role, Role::Owner | Role::Admin) && other >= role;
                assert_eq!(may_grant(*role, *other), wanted, "{role} {other}");
            }
        }
    }
}
