//! Members of a workspace: who they are, what they may do, and how they come and go. Signing in and what belongs to a
//! member alone are beside it.
//!
//! What concerns a workspace and no environment is done by somebody [`SignedIn`]; in an environment they become an
//! `Actor` like any other.

mod account;
mod authenticator;
mod invite;
mod passwords;
mod session;
mod sign_in;
pub mod single_sign_on;
mod tries;

pub use authenticator::Offer;
pub use invite::{InvitationView, Invited, NewMember};
pub use passwords::HASHED_AT_ONCE;
pub use session::{Browser, SignedIn};
pub use sign_in::{Entry, SignIn};

use vouchsafe_entity::id::MemberId;
use vouchsafe_entity::json::WorkspaceSettings;
use vouchsafe_entity::kind::Role;

use super::audit::Target;
use super::permit::{Verdict, judge};
use super::{Code, Error, Hub, Seen};
use crate::domain::audit::AuditEvent;
use crate::domain::member::Member;
use crate::domain::page::{Page, PageRequest};
use crate::domain::role::{Action, may_grant};
use crate::store::{self, Tx};

impl Hub {
    /// Lets somebody go on where their role may do `action` with their workspace.
    pub(super) async fn permit_member(&self, who: &SignedIn, action: Action) -> Result<(), Error> {
        let error = match judge(&who.seat(), action) {
            Verdict::Granted => return Ok(()),
            // They may, once they have set one up: nobody was denied anything.
            Verdict::Denied(error @ Error::Refused { code: Code::AuthenticatorRequired, .. }) => {
                return Err(error);
            }
            Verdict::Denied(error) => error,
            Verdict::Hidden => Error::NotFound,
        };
        let target = Target::new("action", action.as_str());
        let reason = Some(Code::Forbidden.as_str().to_owned());
        self.record_later(self.member_event(who, "request.denied", target, "refused", reason)).await?;
        Err(error)
    }

    /// What a member did with their workspace, for the audit log.
    fn member_event(
        &self,
        who: &SignedIn,
        action: &'static str,
        target: Target,
        result: &'static str,
        reason: Option<String>,
    ) -> AuditEvent {
        AuditEvent {
            workspace: Some(who.workspace.id),
            actor_type: "member".into(),
            actor_id: Some(who.member.id.to_string()),
            result: result.into(),
            request_id: who.origin.request_id.clone(),
            address: who.origin.address.map(|address| address.to_string()),
            ..self.own_event(action, target, reason)
        }
    }

    pub(super) async fn record_member(
        &self,
        tx: &Tx,
        who: &SignedIn,
        action: &'static str,
        target: Target,
        reason: Option<String>,
    ) -> Result<(), Error> {
        self.insert_audit(tx, &[self.member_event(who, action, target, "ok", reason)]).await
    }

    /// The members of the workspace, those who joined first first.
    ///
    /// # Errors
    /// [`Code::Forbidden`], [`Error::NotFound`].
    pub async fn list_members(&self, who: &SignedIn, page: &PageRequest) -> Result<Page<Member>, Error> {
        self.permit_member(who, Action::ManageMembers).await?;
        Ok(store::member::list(&self.store, who.workspace.id, page).await?)
    }

    /// Whether somebody may invite and change members, for a page that offers it.
    ///
    /// # Errors
    /// [`Code::Forbidden`], [`Error::NotFound`].
    pub async fn may_manage_members(&self, who: &SignedIn) -> Result<(), Error> {
        self.permit_member(who, Action::ManageMembers).await
    }

    /// One member of the workspace.
    ///
    /// # Errors
    /// [`Code::Forbidden`], [`Error::NotFound`].
    pub async fn get_member(&self, who: &SignedIn, id: MemberId) -> Result<Member, Error> {
        self.permit_member(who, Action::ManageMembers).await?;
        store::member::find(&self.store, who.workspace.id, id).await?.ok_or(Error::NotFound)
    }

    /// Holds whoever acts until the transaction ends, and stops where somebody has removed them or changed their role
    /// since their request began: a request may be long under way.
    pub(super) async fn stay_as_they_were(&self, tx: &Tx, who: &SignedIn) -> Result<(), Error> {
        let now = store::member::lock(tx, who.workspace.id, who.member.id).await?;
        if now.is_some_and(|now| now.role == who.member.role) {
            return Ok(());
        }
        Err(Error::refused(Code::Forbidden, "Your own role has changed meanwhile."))
    }

    /// Gives a member another role; their invitations to what is above it end. Who it is must just have been proven: a
    /// session that was left open or taken makes nobody an owner.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Code::Forbidden`], [`Code::StepUpRequired`], [`Code::LastOwner`].
    pub async fn set_member_role(&self, who: &SignedIn, id: MemberId, role: Role) -> Result<Member, Error> {
        self.permit_member(who, Action::ManageMembers).await?;
        self.just_proven(&who.seat())?;
        let tx = self.store.begin().await?;
        let owners = store::member::lock_owners(&tx, who.workspace.id).await?;
        self.stay_as_they_were(&tx, who).await?;
        let found = store::member::lock(&tx, who.workspace.id, id).await?;
        let mut member = found.ok_or(Error::NotFound)?;
        may_change(who, &member)?;
        if !may_grant(who.member.role, role) {
            return Err(Error::refused_at(Code::Forbidden, "/role", "You can't give a role above your own."));
        }
        if role != Role::Owner && owners == [id] {
            return Err(last_owner());
        }
        let change = format!("{} to {role}", member.role);
        member.role = role;
        member.updated_at = self.now();
        store::member::update(&tx, &member).await?;
        let above = Role::ALL.iter().copied().filter(|other| !may_grant(role, *other));
        let ended = store::invitation::withdraw_of(&tx, who.workspace.id, id, above.collect()).await?;
        let what = Some(with_ended(change, ended));
        self.record_member(&tx, who, "member.set_role", Target::new("member", id), what).await?;
        tx.commit().await?;
        Ok(member)
    }

    /// Removes a member, or oneself; their sessions end at once, and their invitations. Who it is must just have been
    /// proven.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Code::Forbidden`], [`Code::StepUpRequired`], [`Code::LastOwner`].
    pub async fn remove_member(&self, who: &SignedIn, id: MemberId) -> Result<Member, Error> {
        if who.member.id != id {
            self.permit_member(who, Action::ManageMembers).await?;
        }
        self.just_proven(&who.seat())?;
        let tx = self.store.begin().await?;
        let owners = store::member::lock_owners(&tx, who.workspace.id).await?;
        if who.member.id != id {
            self.stay_as_they_were(&tx, who).await?;
        }
        let member = store::member::lock(&tx, who.workspace.id, id).await?.ok_or(Error::NotFound)?;
        if who.member.id != id {
            may_change(who, &member)?;
        }
        if owners == [id] {
            return Err(last_owner());
        }
        let ended = store::invitation::withdraw_of(&tx, who.workspace.id, id, Role::ALL.to_vec()).await?;
        store::member::delete(&tx, who.workspace.id, id).await?;
        let (target, what) = (Target::new("member", id), with_ended(member.email.clone(), ended));
        self.record_member(&tx, who, "member.remove", target, Some(what)).await?;
        tx.commit().await?;
        Ok(member)
    }

    /// Sets what the workspace decides about its members, where that is as it was `seen`.
    ///
    /// # Errors
    /// [`Code::Forbidden`], [`Error::NotFound`], [`Code::AuthenticatorRequired`], [`Code::StepUpRequired`],
    /// [`Code::ChangedMeanwhile`].
    pub async fn set_workspace_settings(
        &self,
        who: &SignedIn,
        settings: WorkspaceSettings,
        seen: Option<Seen>,
    ) -> Result<(), Error> {
        self.permit_member(who, Action::ManageMembers).await?;
        self.seat_proven(&who.seat())?;
        let tx = self.store.begin().await?;
        let before = store::workspace::lock(&tx, who.workspace.id).await?.ok_or(Error::NotFound)?;
        Seen::ensure(seen, Some(before.updated_at))?;
        store::workspace::save_settings(&tx, who.workspace.id, settings, self.now()).await?;
        let change = format!(
            "editorsMayReveal {}, totpRequired {}",
            settings.editors_may_reveal, settings.totp_required
        );
        let target = Target::new("workspace", who.workspace.id);
        self.record_member(&tx, who, "workspace.update", target, Some(change)).await?;
        Ok(tx.commit().await?)
    }
}

/// Nobody changes somebody above them.
fn may_change(who: &SignedIn, member: &Member) -> Result<(), Error> {
    if may_grant(who.member.role, member.role) {
        return Ok(());
    }
    Err(Error::refused(Code::Forbidden, "You can't change a member whose role is above your own."))
}

fn last_owner() -> Error {
    Error::refused(
        Code::LastOwner,
        "A workspace keeps at least one owner. Make somebody else an owner first.",
    )
}

/// What was done, with how many invitations ended by it.
fn with_ended(what: String, invitations: u64) -> String {
    match invitations {
        0 => what,
        1 => format!("{what}; 1 invitation ended"),
        count => format!("{what}; {count} invitations ended"),
    }
}
