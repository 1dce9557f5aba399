//! The views of the members' pages.

use serde::Serialize;
use vouchsafe_entity::kind::Role;
use vouchsafe_entity::millis::Millis;

use crate::http::dashboard::form::FormView;
use crate::http::dashboard::moment::Moment;
use crate::http::dashboard::page::{DashboardPage, Place};
use crate::http::dashboard::url::Url;

/// A member in the list.
#[derive(Serialize)]
pub(in crate::http::dashboard) struct MemberRow {
    pub(super) url: String,
    pub(super) name: String,
    pub(super) email: String,
    pub(super) role: &'static str,
    pub(super) you: bool,
    pub(super) authenticator: bool,
    pub(super) single_sign_on: bool,
    pub(super) signed_in: Option<Moment>,
}

/// An invitation in the list.
#[derive(Serialize)]
pub(in crate::http::dashboard) struct InvitationRow {
    /// None = the operator's link.
    pub(super) email: Option<String>,
    pub(super) role: &'static str,
    pub(super) expires: Moment,
    pub(super) withdraw: String,
}

/// A role to choose.
#[derive(Serialize)]
pub(in crate::http::dashboard) struct RoleChoice {
    value: &'static str,
    label: &'static str,
    help: &'static str,
}

impl RoleChoice {
    pub(super) const fn of(role: Role) -> Self {
        let (label, help) = match role {
            Role::Owner => ("Owner", "Everything, members and the workspace itself included."),
            Role::Admin => ("Admin", "Everything but deleting environments and the workspace."),
            Role::Editor => (
                "Editor",
                "Everyday work: users, integrations, looking into credentials. No keys, no secrets' values.",
            ),
            Role::Viewer => ("Viewer", "Sees what there is; of secrets the names alone."),
        };
        Self { value: role.as_str(), label, help }
    }
}

/// The members and those who are invited.
#[derive(Serialize)]
pub(in crate::http::dashboard) struct MembersPage {
    pub(super) workspace: String,
    pub(super) members: Vec<MemberRow>,
    pub(super) first: bool,
    pub(super) here: String,
    pub(super) next: Option<String>,
    pub(super) invitations: Vec<InvitationRow>,
    pub(super) invite: String,
    pub(super) totp_required: bool,
    pub(super) editors_may_reveal: bool,
    /// Where these rules are changed.
    pub(super) rules: String,
    /// Where the workspace is deleted, for whoever may.
    pub(super) delete: Option<String>,
}

/// What the workspace decides about its members.
#[derive(Serialize)]
pub(in crate::http::dashboard) struct RulesPage {
    form: FormView,
    action: String,
    back: String,
}

impl RulesPage {
    pub(super) fn of(form: FormView) -> Self {
        Self { form, action: Url::WorkspaceSettings.to_string(), back: Url::Members.to_string() }
    }
}

/// The form that invites, then the link.
#[derive(Serialize)]
pub(in crate::http::dashboard) struct InvitePage {
    pub(super) form: FormView,
    pub(super) roles: Vec<RoleChoice>,
    pub(super) link: Option<String>,
    /// Whether the hub sends the link by mail.
    pub(super) mails: bool,
    pub(super) back: String,
}

/// One member.
#[derive(Serialize)]
pub(in crate::http::dashboard) struct MemberPage {
    pub(super) form: FormView,
    pub(super) member: MemberRow,
    pub(super) joined: Moment,
    pub(super) roles: Vec<RoleChoice>,
    pub(super) may_change: bool,
    pub(super) remove: String,
    pub(super) back: String,
}

const NOW: Millis = Millis(1_893_456_000_000);

fn sample(name: &str, email: &str, role: Role, you: bool) -> MemberRow {
    MemberRow {
        url: "/dashboard/members/x".to_owned(),
        name: name.to_owned(),
        email: email.to_owned(),
        role: role.as_str(),
        you,
        authenticator: role <= Role::Admin,
        single_sign_on: false,
        signed_in: you.then(|| Moment::new(NOW, NOW)),
    }
}

fn all_roles() -> Vec<RoleChoice> {
    Role::ALL.iter().map(|role| RoleChoice::of(*role)).collect()
}

impl DashboardPage for MembersPage {
    const TEMPLATE: &'static str = "dashboard/members.html";
    const PLACE: Place = Place::Members;

    fn samples() -> Vec<(&'static str, Self)> {
        let page = |members, invitations| Self {
            workspace: "acme".to_owned(),
            members,
            first: true,
            here: Url::Members.to_string(),
            next: None,
            invitations,
            invite: Url::Invite.to_string(),
            totp_required: true,
            editors_may_reveal: false,
            rules: Url::WorkspaceSettings.to_string(),
            delete: Some(Url::DeleteWorkspace.to_string()),
        };
        let jo = || sample("Jo Miller", "jo@acme.test", Role::Owner, true);
        let long = "Maximiliane Alexandra Freifrau von und zu Hohenlohe-Waldenburg";
        let invited = InvitationRow {
            email: Some("kim@acme.test".to_owned()),
            role: "editor",
            expires: Moment::new(NOW.plus_seconds(6 * 86_400), NOW),
            withdraw: "/dashboard/invitations/x/withdraw".to_owned(),
        };
        vec![
            ("alone", page(vec![jo()], Vec::new())),
            (
                "team",
                page(
                    vec![
                        jo(),
                        sample("Sam Okoro", "sam@acme.test", Role::Admin, false),
                        sample(long, "maximiliane.alexandra@consolidated-freight.test", Role::Viewer, false),
                    ],
                    vec![invited],
                ),
            ),
        ]
    }
}

impl DashboardPage for InvitePage {
    const TEMPLATE: &'static str = "dashboard/invite.html";
    const PLACE: Place = Place::Members;

    fn samples() -> Vec<(&'static str, Self)> {
        let page = |form: FormView, link: Option<&str>| Self {
            form: form.with("role", "editor"),
            roles: all_roles(),
            link: link.map(str::to_owned),
            mails: false,
            back: Url::Members.to_string(),
        };
        let refused = FormView::new().with("email", "kim").with_error("email", "Write an e-mail address.");
        let link =
            "https://hub.acme.test/dashboard/join?invitation=3q2-7wAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
        vec![
            ("empty", page(FormView::new(), None)),
            ("refused", page(refused, None)),
            ("invited", page(FormView::new().with("email", "kim@acme.test"), Some(link))),
        ]
    }
}

impl DashboardPage for MemberPage {
    const TEMPLATE: &'static str = "dashboard/member.html";
    const PLACE: Place = Place::Members;

    fn samples() -> Vec<(&'static str, Self)> {
        let page = |may_change| Self {
            form: FormView::new().with("role", "admin"),
            member: sample("Sam Okoro", "sam@acme.test", Role::Admin, false),
            joined: Moment::new(NOW.plus_seconds(-90 * 86_400), NOW),
            roles: all_roles(),
            may_change,
            remove: "/dashboard/members/x/remove".to_owned(),
            back: Url::Members.to_string(),
        };
        let question =
            "Sam Okoro goes from admin to viewer, and can do less from the next click on.".to_owned();
        let asked = Self { form: FormView::new().with("role", "viewer").asking(question), ..page(true) };
        vec![("may-change", page(true)), ("asked", asked), ("may-not", page(false))]
    }
}

impl DashboardPage for RulesPage {
    const TEMPLATE: &'static str = "dashboard/rules.html";
    const PLACE: Place = Place::Members;

    fn samples() -> Vec<(&'static str, Self)> {
        let form = || FormView::new().with_chosen("settings", &["totpRequired"]);
        vec![("as-they-are", Self::of(form())), ("overtaken", Self::of(form().overtaken()))]
    }
}
