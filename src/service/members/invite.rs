//! Invitations: a link that makes whoever holds it a member, once, within a week, never with a role above that of whoever
//! invites. The operator's link for an owner is one without an address.

use std::sync::Arc;

use url::Url;
use vouchsafe_entity::id::{InvitationId, MemberId};
use vouchsafe_entity::kind::{MemberStage, Role};

use super::passwords::check_password;
use super::session::{Browser, SignedIn};
use super::sign_in::Entry;
use crate::domain::mail::InvitationLetter;
use crate::domain::member::{INVITATION_SECONDS, Invitation, Member, normal_email};
use crate::domain::role::{Action, may_grant};
use crate::domain::workspace::Workspace;
use crate::secret::{PlainPassword, PlainToken};
use crate::service::audit::Target;
use crate::service::validate::Checker;
use crate::service::{Code, Error, Hub};
use crate::store::{self, StoreError, Tx};

/// Invitations of a workspace at once.
const MOST_INVITATIONS: u64 = 200;

/// An invitation as whoever holds its link sees it.
#[derive(Clone, Debug)]
pub struct InvitationView {
    /// The invitation.
    pub invitation: Invitation,
    /// Into which workspace.
    pub workspace: Workspace,
    /// Who invites; none = the operator.
    pub inviter: Option<String>,
}

/// An invitation with its link, which is shown this once.
#[derive(Debug)]
pub struct Invited {
    /// The invitation.
    pub invitation: Invitation,
    /// Where it is accepted.
    pub link: Url,
}

/// What somebody says of themselves when they join.
#[derive(Clone, Debug)]
pub struct NewMember {
    /// What others call them.
    pub name: String,
    /// How they sign in; counts only where the invitation names no address.
    pub email: String,
    /// Their password.
    pub password: PlainPassword,
}

impl Hub {
    /// Invites somebody into the workspace; by mail too, where the operator names a mail server.
    ///
    /// # Errors
    /// [`Error::Invalid`], [`Code::Forbidden`], [`Code::StepUpRequired`], [`Code::MemberTaken`].
    pub async fn invite(self: &Arc<Self>, who: &SignedIn, email: &str, role: Role) -> Result<Invited, Error> {
        self.permit_member(who, Action::ManageMembers).await?;
        self.just_proven(&who.seat())?;
        let email = normal_email(email);
        let mut checker = Checker::default();
        checker.email("/email", Some(&email));
        checker.finish()?;
        if !may_grant(who.member.role, role) {
            return Err(Error::refused_at(Code::Forbidden, "/role", "You can't give a role above your own."));
        }
        let open = self.list_invitations(who).await?;
        if open.len() as u64 >= MOST_INVITATIONS {
            return Err(Error::invalid(
                "/email",
                "too_many",
                "Take some of the open invitations back first.",
            ));
        }
        let known = store::member::by_email(&self.store, &email).await?;
        if known.is_some_and(|member| member.workspace == who.workspace.id) {
            let detail = "There is a member with this address already.";
            return Err(Error::refused_at(Code::MemberTaken, "/email", detail));
        }
        let (invitation, link) =
            self.new_invitation(&who.workspace, Some(email), role, Some(who.member.id))?;
        let tx = self.store.begin().await?;
        // Nobody deletes the workspace meanwhile: an invitation into it would stay behind.
        store::workspace::lock(&tx, who.workspace.id).await?.ok_or(Error::NotFound)?;
        self.stay_as_they_were(&tx, who).await?;
        store::invitation::replace(&tx, who.workspace.id, invitation.email.as_deref()).await?;
        store::invitation::insert(&tx, &invitation).await?;
        let target = Target::new("invitation", invitation.id);
        let what = invitation.email.as_ref().map(|email| format!("{email} as {role}"));
        self.record_member(&tx, who, "member.invite", target, what).await?;
        tx.commit().await?;
        self.mail_invitation(InvitationLetter {
            to: invitation.email.clone().unwrap_or_default(),
            workspace: who.workspace.name.clone(),
            inviter: who.member.name.clone(),
            role: role.as_str(),
            link: link.to_string(),
        });
        Ok(Invited { invitation, link })
    }

    fn new_invitation(
        &self,
        workspace: &Workspace,
        email: Option<String>,
        role: Role,
        invited_by: Option<MemberId>,
    ) -> Result<(Invitation, Url), Error> {
        let token = PlainToken::random(self.random.as_ref());
        let now = self.now();
        let invitation = Invitation {
            id: InvitationId::new(self.ids.next()),
            workspace: workspace.id,
            email,
            role,
            hash: token.hash().into_string(),
            invited_by,
            created_at: now,
            expires_at: now.plus_seconds(INVITATION_SECONDS),
        };
        let mut link = self
            .public_url
            .join("dashboard/join")
            .map_err(|_| Error::internal("the public URL takes no path"))?;
        link.query_pairs_mut().append_pair("invitation", token.expose());
        Ok((invitation, link))
    }

    /// The open invitations of the workspace, the latest first.
    ///
    /// # Errors
    /// [`Code::Forbidden`], [`Error::NotFound`].
    pub async fn list_invitations(&self, who: &SignedIn) -> Result<Vec<Invitation>, Error> {
        self.permit_member(who, Action::ManageMembers).await?;
        Ok(store::invitation::list(&self.store, who.workspace.id, self.now(), MOST_INVITATIONS).await?)
    }

    /// Takes an invitation back.
    ///
    /// # Errors
    /// [`Code::Forbidden`], [`Error::NotFound`].
    pub async fn withdraw_invitation(&self, who: &SignedIn, id: InvitationId) -> Result<(), Error> {
        self.permit_member(who, Action::ManageMembers).await?;
        let tx = self.store.begin().await?;
        if !store::invitation::take(&tx, who.workspace.id, id).await? {
            return Err(Error::NotFound);
        }
        let target = Target::new("invitation", id);
        self.record_member(&tx, who, "member.withdraw_invitation", target, None).await?;
        Ok(tx.commit().await?)
    }

    /// A new link by which somebody becomes an owner of the workspace of that name; an older one stops working.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub async fn invite_owner(&self, workspace: &str) -> Result<Url, Error> {
        let workspace = store::workspace::by_name(&self.store, workspace).await?.ok_or(Error::NotFound)?;
        let tx = self.store.begin().await?;
        let workspace = store::workspace::lock(&tx, workspace.id).await?.ok_or(Error::NotFound)?;
        let link = self.insert_owner_invitation(&tx, &workspace).await?;
        tx.commit().await?;
        Ok(link)
    }

    /// The same where the workspace has no owner yet and nobody holds an open link; else none. Of replicas that start
    /// together one makes it.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn invite_first_owner(&self, workspace: &str) -> Result<Option<Url>, Error> {
        let Some(workspace) = store::workspace::by_name(&self.store, workspace).await? else {
            return Ok(None);
        };
        let tx = self.store.begin().await?;
        let Some(workspace) = store::workspace::lock(&tx, workspace.id).await? else {
            return Ok(None);
        };
        let owned = !store::member::owners(&tx, workspace.id, 1).await?.is_empty();
        if owned || store::invitation::any_owner(&tx, workspace.id, self.now()).await? {
            return Ok(None);
        }
        let link = self.insert_owner_invitation(&tx, &workspace).await?;
        tx.commit().await?;
        Ok(Some(link))
    }

    async fn insert_owner_invitation(&self, tx: &Tx, workspace: &Workspace) -> Result<Url, Error> {
        let (invitation, link) = self.new_invitation(workspace, None, Role::Owner, None)?;
        let target = Target::new("invitation", invitation.id);
        let event = self.operator_event(workspace.id, "member.invite", target, Some("owner".to_owned()));
        store::invitation::replace(tx, workspace.id, None).await?;
        store::invitation::insert(tx, &invitation).await?;
        self.insert_audit(tx, &[event]).await?;
        Ok(link)
    }

    /// The invitation whose link has this token.
    ///
    /// # Errors
    /// [`Code::InvitationOver`].
    pub async fn invitation(&self, token: &str) -> Result<InvitationView, Error> {
        let hash = PlainToken::presented(token).hash();
        let found = store::invitation::by_hash(&self.store, hash.as_str()).await?;
        let invitation = found.filter(|open| self.now() < open.expires_at).ok_or_else(over)?;
        let workspace = store::workspace::find(&self.store, invitation.workspace).await?.ok_or_else(over)?;
        let inviter = match invitation.invited_by {
            None => None,
            Some(id) => store::member::find(&self.store, workspace.id, id).await?.map(|member| member.name),
        };
        Ok(InvitationView { invitation, workspace, inviter })
    }

    /// Accepts an invitation: makes a member and signs them in.
    ///
    /// # Errors
    /// [`Code::InvitationOver`], [`Error::Invalid`], [`Code::MemberTaken`].
    pub async fn accept_invitation(
        &self,
        token: &str,
        new: NewMember,
        browser: &Browser,
    ) -> Result<Entry, Error> {
        let view = self.invitation(token).await?;
        let email = view.invitation.email.clone().unwrap_or_else(|| normal_email(&new.email));
        let mut checker = Checker::default();
        checker.text("/name", &new.name, 100);
        checker.email("/email", Some(&email));
        check_password(&mut checker, "/password", &new.password, &[&email, &new.name]);
        checker.finish()?;
        let now = self.now();
        let mut member = Member {
            id: MemberId::new(self.ids.next()),
            workspace: view.workspace.id,
            email,
            name: new.name.trim().to_owned(),
            role: view.invitation.role,
            password: Some(self.hash_password(new.password).await?),
            totp: None,
            totp_next: None,
            totp_step: None,
            subject: None,
            signed_in_at: Some(now),
            created_at: now,
            updated_at: now,
        };
        member.totp_next = Some(self.new_seed(&member)?);
        let mark = self.browser_mark(&member)?;
        let tx = self.store.begin().await?;
        if !store::invitation::take(&tx, view.workspace.id, view.invitation.id).await? {
            return Err(over());
        }
        match store::member::insert(&tx, &member).await {
            Err(StoreError::Taken) => return Err(taken(&view.invitation)),
            other => other?,
        }
        let session = self.begin_session(&tx, &member, MemberStage::Full, browser).await?;
        self.insert_audit(&tx, &[self.sign_in_event(&member, browser, "member.join")]).await?;
        tx.commit().await?;
        Ok(Entry { token: session, mark })
    }
}

/// The address of the invitation is fixed, so what is wrong with it is wrong with no field.
fn taken(invitation: &Invitation) -> Error {
    if invitation.email.is_some() {
        let detail = "There is an account with this address already. Sign in with it, or ask for an invitation of another \
                      address.";
        return Error::refused(Code::MemberTaken, detail);
    }
    let detail = "This address can't be used for a new account. Use another one.";
    Error::refused_at(Code::MemberTaken, "/email", detail)
}

fn over() -> Error {
    Error::refused(
        Code::InvitationOver,
        "This invitation was used, taken back or is more than a week old. Ask for a new one.",
    )
}
