//! The members of the workspace and those who are invited.

use vouchsafe_entity::id::{InvitationId, MemberId};
use vouchsafe_entity::json::WorkspaceSettings;
use vouchsafe_entity::kind::Role;

use super::Answer;
use super::caller::InWorkspace;
use super::confirm::ConfirmPage;
use super::filter::Filter;
use super::form::{Form, FormView};
use super::moment::Moment;
use super::page::Flash;
use super::url::Url;
use crate::domain::member::{Invitation, Member};
use crate::domain::role::may_grant;
use crate::http::extract::{InPath, Listing, NoFilter};
use crate::service::{Error, Seen};

mod view;

use view::{InvitationRow, MemberRow, RoleChoice};
pub(super) use view::{InvitePage, MemberPage, MembersPage, RulesPage};

fn row(desk: &InWorkspace, member: Member) -> MemberRow {
    let now = desk.hub.now();
    MemberRow {
        url: Url::Member(member.id).to_string(),
        you: member.id == desk.who.member.id,
        role: member.role.as_str(),
        authenticator: member.totp.is_some(),
        single_sign_on: member.has_single_sign_on_alone(),
        signed_in: member.signed_in_at.map(|at| Moment::new(at, now)),
        name: member.name,
        email: member.email,
    }
}

fn invitation_row(desk: &InWorkspace, invitation: Invitation) -> InvitationRow {
    InvitationRow {
        email: invitation.email,
        role: invitation.role.as_str(),
        expires: Moment::new(invitation.expires_at, desk.hub.now()),
        withdraw: Url::WithdrawInvitation(invitation.id).to_string(),
    }
}

/// The roles that `who` may give.
fn roles(desk: &InWorkspace) -> Vec<RoleChoice> {
    let given = Role::ALL.iter().filter(|role| may_grant(desk.who.member.role, **role));
    given.map(|role| RoleChoice::of(*role)).collect()
}

/// `GET /dashboard/members`.
pub(super) async fn list_members(desk: InWorkspace, Listing { page, .. }: Listing<NoFilter>) -> Answer {
    let members = desk.hub.list_members(&desk.who, &page).await?;
    let invitations = desk.hub.list_invitations(&desk.who).await?;
    let settings = desk.who.workspace.settings;
    let pages = Filter::none(&Url::Members, page.own_limit());
    Ok(desk.show(&MembersPage {
        workspace: desk.who.workspace.name.clone(),
        first: page.after.is_none(),
        here: pages.first_page(),
        next: pages.next(members.next_cursor.as_deref()),
        members: members.items.into_iter().map(|member| row(&desk, member)).collect(),
        invitations: invitations.into_iter().map(|open| invitation_row(&desk, open)).collect(),
        invite: Url::Invite.to_string(),
        totp_required: settings.totp_required,
        editors_may_reveal: settings.editors_may_reveal,
        rules: Url::WorkspaceSettings.to_string(),
        delete: desk.hub.may_delete_workspace(&desk.who).await?.then(|| Url::DeleteWorkspace.to_string()),
    }))
}

fn invite_page(desk: &InWorkspace, form: FormView, link: Option<String>) -> InvitePage {
    InvitePage { form, roles: roles(desk), link, mails: desk.hub.mails(), back: Url::Members.to_string() }
}

/// `GET /dashboard/members/invite`.
pub(super) async fn show_invite(desk: InWorkspace) -> Answer {
    desk.hub.may_manage_members(&desk.who).await?;
    desk.ensure_just_proven()?;
    Ok(desk.show(&invite_page(&desk, FormView::new().with("role", "editor"), None)))
}

/// `POST /dashboard/members/invite`.
pub(super) async fn invite_member(desk: InWorkspace, form: Form) -> Answer {
    // Who may not is told that, whatever is wrong with the form.
    desk.hub.may_manage_members(&desk.who).await?;
    let invited = match form.raw("role").parse::<Role>() {
        Ok(role) => desk.hub.invite(&desk.who, form.raw("email"), role).await,
        Err(_) => Err(Error::invalid("/role", "unknown", "Choose one of the roles.")),
    };
    match invited {
        Ok(invited) => Ok(desk.show(&invite_page(&desk, form.view(), Some(invited.link.to_string())))),
        Err(error) => Ok(desk.refuse(&invite_page(&desk, form.refused(error)?, None))),
    }
}

/// `GET /dashboard/invitations/{invitation}/withdraw`.
pub(super) async fn ask_withdrawal(desk: InWorkspace, InPath(id): InPath<InvitationId>) -> Answer {
    let open = desk.hub.list_invitations(&desk.who).await?;
    let open = open.into_iter().find(|invitation| invitation.id == id).ok_or(Error::NotFound)?;
    let title = format!("Take back the invitation of {}?", open.email.as_deref().unwrap_or("the operator"));
    let effects = ["Its link does nothing any more.", "Whoever is to join needs another."];
    let action = ("Take back invitation", &Url::WithdrawInvitation(id));
    Ok(desk.show(&ConfirmPage::danger(title, &effects, action, &Url::Members)))
}

/// `POST /dashboard/invitations/{invitation}/withdraw`.
pub(super) async fn withdraw_invitation(desk: InWorkspace, InPath(id): InPath<InvitationId>) -> Answer {
    desk.hub.withdraw_invitation(&desk.who, id).await?;
    Ok(desk.done(Flash::InvitationWithdrawn, &Url::Members))
}

fn member_page(desk: &InWorkspace, form: FormView, member: Member) -> MemberPage {
    let may_change = may_grant(desk.who.member.role, member.role);
    MemberPage {
        form,
        joined: Moment::new(member.created_at, desk.hub.now()),
        roles: roles(desk),
        may_change,
        remove: Url::RemoveMember(member.id).to_string(),
        back: Url::Members.to_string(),
        member: row(desk, member),
    }
}

/// `GET /dashboard/members/{member}`.
pub(super) async fn show_member(desk: InWorkspace, InPath(id): InPath<MemberId>) -> Answer {
    let member = desk.hub.get_member(&desk.who, id).await?;
    desk.ensure_just_proven()?;
    let form = FormView::new().with("role", member.role.as_str());
    Ok(desk.show(&member_page(&desk, form, member)))
}

/// What a member loses by `role`; none where nothing, or where who asks may not give it.
fn lowers(desk: &InWorkspace, member: &Member, role: Role) -> Option<String> {
    let own = desk.who.member.role;
    // The first role is the highest.
    if role <= member.role || !may_grant(own, member.role) || !may_grant(own, role) {
        return None;
    }
    let (before, after) = (member.role, role);
    if member.id == desk.who.member.id {
        return Some(format!("You go from {before} to {after}. Only somebody else can change that back."));
    }
    Some(format!("{} goes from {before} to {after}, and can do less from the next click on.", member.name))
}

/// `POST /dashboard/members/{member}`.
pub(super) async fn set_member_role(desk: InWorkspace, InPath(id): InPath<MemberId>, form: Form) -> Answer {
    let role = form.raw("role").parse::<Role>();
    if let Ok(role) = role {
        let member = desk.hub.get_member(&desk.who, id).await?;
        if let Some(question) = lowers(&desk, &member, role).filter(|question| !form.is_sure_of(question)) {
            return Ok(desk.show(&member_page(&desk, form.view().asking(question), member)));
        }
    }
    let changed = match role {
        Ok(role) => desk.hub.set_member_role(&desk.who, id, role).await,
        Err(_) => Err(Error::invalid("/role", "unknown", "Choose one of the roles.")),
    };
    match changed {
        // Who lowers their own role may not see the members any more.
        Ok(member) if member.id == desk.who.member.id => Ok(desk.done(Flash::RoleChanged, &Url::Account)),
        Ok(_) => Ok(desk.done(Flash::RoleChanged, &Url::Members)),
        Err(error) => {
            let form = form.refused(error)?;
            let member = desk.hub.get_member(&desk.who, id).await?;
            Ok(desk.refuse(&member_page(&desk, form, member)))
        }
    }
}

/// `GET /dashboard/members/{member}/remove`.
pub(super) async fn ask_removal(desk: InWorkspace, InPath(id): InPath<MemberId>) -> Answer {
    let member = desk.hub.get_member(&desk.who, id).await?;
    desk.ensure_just_proven()?;
    let title = format!("Remove {} from {}?", member.name, desk.who.workspace.name);
    let effects = [
        "They are signed out everywhere at once and can't sign in again.",
        "Invitations that they sent and nobody has accepted end.",
        "API keys, secrets and credentials that they made go on working.",
    ];
    let action = ("Remove member", &Url::RemoveMember(id));
    Ok(desk.show(&ConfirmPage::danger(title, &effects, action, &Url::Member(id))))
}

/// `POST /dashboard/members/{member}/remove`.
pub(super) async fn remove_member(desk: InWorkspace, InPath(id): InPath<MemberId>) -> Answer {
    desk.hub.remove_member(&desk.who, id).await?;
    Ok(desk.done(Flash::MemberRemoved, &Url::Members))
}

/// The rules of the workspace as they are.
fn rules_seen(desk: &InWorkspace) -> Seen {
    Seen(Some(desk.who.workspace.updated_at))
}

/// `GET /dashboard/members/settings`.
pub(super) async fn show_workspace_settings(desk: InWorkspace) -> Answer {
    desk.hub.may_manage_members(&desk.who).await?;
    desk.ensure_proven()?;
    let settings = desk.who.workspace.settings;
    let ticks = [("totpRequired", settings.totp_required), ("editorsMayReveal", settings.editors_may_reveal)];
    let chosen: Vec<_> = ticks.into_iter().filter(|(_, ticked)| *ticked).map(|(name, _)| name).collect();
    let form = FormView::new().with_chosen("settings", &chosen).seeing(rules_seen(&desk));
    Ok(desk.show(&RulesPage::of(form)))
}

/// `POST /dashboard/members/settings`.
pub(super) async fn set_workspace_settings(desk: InWorkspace, form: Form) -> Answer {
    let chosen = form.all("settings");
    let has = |name: &str| chosen.iter().any(|one| one == name);
    let settings =
        WorkspaceSettings { editors_may_reveal: has("editorsMayReveal"), totp_required: has("totpRequired") };
    match desk.hub.set_workspace_settings(&desk.who, settings, form.seen()).await {
        Ok(()) => Ok(desk.done(Flash::SettingsSaved, &Url::Members)),
        Err(error) => {
            let form = form.refused_or_denied(error)?;
            let form = form.renewed(rules_seen(&desk), desk.hub.now(), &Url::WorkspaceSettings);
            Ok(desk.refuse_as(form.status(), &RulesPage::of(form)))
        }
    }
}
