//! Who comes in: the member who is tied to this identity; else the member or the invitation of its address, where the
//! identity provider has verified that; else nobody. No member is made without an invitation.

use vouchsafe_entity::id::MemberId;
use vouchsafe_entity::kind::MemberStage;

use super::Refusal;
use super::arrive::{Denied, Vouched};
use crate::domain::id_token::Identity;
use crate::domain::member::{Invitation, Member, normal_email};
use crate::secret::PlainToken;
use crate::service::Hub;
use crate::service::audit::Target;
use crate::service::members::session::{Browser, traced};
use crate::service::members::sign_in::Entry;
use crate::service::validate::Checker;
use crate::store::{self, StoreError};

/// Letters of a name.
const LONGEST_NAME: usize = 100;

impl Hub {
    /// Lets somebody in.
    pub(super) async fn admit(&self, vouched: Vouched<'_>, browser: &Browser) -> Result<Entry, Denied> {
        let key = vouched.identity.key();
        if let Some(member) = store::member::by_subject(&self.store, &key).await? {
            return Ok(self.enter(&member, None, None, browser, "member.sign_in").await?);
        }
        let issuer = vouched.issuer().to_owned();
        let identity = vouched.with_address(self).await?;
        let email = verified_email(&identity)?;
        if let Some(member) = store::member::by_email(&self.store, &email).await? {
            let member = self.tie(member, &identity, &issuer, browser).await?;
            return Ok(self.enter(&member, None, None, browser, "member.sign_in").await?);
        }
        match store::invitation::by_email(&self.store, &email, self.now()).await? {
            Some(invitation) => self.accept_for(&invitation, email, &identity, browser).await,
            None => Err(not_invited(email)),
        }
    }

    /// Lets somebody in who holds the link of an invitation.
    pub(super) async fn admit_invited(
        &self,
        token: &PlainToken,
        vouched: Vouched<'_>,
        browser: &Browser,
    ) -> Result<Entry, Denied> {
        let invitation = self.invitation(token.expose()).await?.invitation;
        let key = vouched.identity.key();
        // Whoever is a member already stays who they are, and the invitation stays open.
        if let Some(member) = store::member::by_subject(&self.store, &key).await? {
            return Ok(self.enter(&member, None, None, browser, "member.sign_in").await?);
        }
        let identity = vouched.with_address(self).await?;
        let email = verified_email(&identity)?;
        if invitation.email.as_ref().is_some_and(|invited| *invited != email) {
            return Err(Denied::new(Refusal::OtherAddress(email), "the invitation is for another address"));
        }
        self.accept_for(&invitation, email, &identity, browser).await
    }

    /// Ties a member to the identity whose address they have.
    async fn tie(
        &self,
        member: Member,
        identity: &Identity,
        issuer: &str,
        browser: &Browser,
    ) -> Result<Member, Denied> {
        let refused = |member: &Member| Denied::Refused {
            why: Refusal::NotInvited(member.email.clone()),
            reason: "the member of this address is tied to another identity".to_owned(),
            about: Some((member.workspace, member.id)),
        };
        let tx = self.store.begin().await?;
        let held = store::member::lock(&tx, member.workspace, member.id).await?;
        let Some(mut held) = held.filter(|held| held.subject.is_none() && held.email == member.email) else {
            return Err(refused(&member));
        };
        held.subject = Some(identity.key());
        held.updated_at = self.now();
        match store::member::update(&tx, &held).await {
            Err(StoreError::Taken) => return Err(refused(&held)),
            other => other?,
        }
        let (request_id, address) = traced(browser);
        let target = Target::new("member", held.id);
        let event = crate::domain::audit::AuditEvent {
            workspace: Some(held.workspace),
            actor_type: "member".into(),
            actor_id: Some(held.id.to_string()),
            request_id,
            address,
            ..self.own_event("member.tie_identity", target, Some(format!("at {issuer}")))
        };
        self.insert_audit(&tx, &[event]).await?;
        tx.commit().await?;
        Ok(held)
    }

    /// Accepts an invitation: makes a member without a password and signs them in.
    async fn accept_for(
        &self,
        invitation: &Invitation,
        email: String,
        identity: &Identity,
        browser: &Browser,
    ) -> Result<Entry, Denied> {
        let now = self.now();
        let member = Member {
            id: MemberId::new(self.ids.next()),
            workspace: invitation.workspace,
            name: name_of(identity, &email),
            email,
            role: invitation.role,
            password: None,
            totp: None,
            totp_next: None,
            totp_step: None,
            subject: Some(identity.key()),
            signed_in_at: Some(now),
            created_at: now,
            updated_at: now,
        };
        let mark = self.browser_mark(&member)?;
        let tx = self.store.begin().await?;
        let there = store::workspace::lock(&tx, invitation.workspace).await?.is_some();
        if !there || !store::invitation::take(&tx, invitation.workspace, invitation.id).await? {
            return Err(not_invited(member.email));
        }
        match store::member::insert(&tx, &member).await {
            Err(StoreError::Taken) => return Err(not_invited(member.email)),
            other => other?,
        }
        let token = self.begin_session(&tx, &member, MemberStage::Full, browser).await?;
        self.insert_audit(&tx, &[self.sign_in_event(&member, browser, "member.join")]).await?;
        tx.commit().await?;
        Ok(Entry { token, mark })
    }
}

fn not_invited(email: String) -> Denied {
    Denied::new(Refusal::NotInvited(email), "nobody with this address was invited")
}

/// The address that the identity provider has verified.
fn verified_email(identity: &Identity) -> Result<String, Denied> {
    let denied = || Denied::new(Refusal::NoAddress, "no address");
    if let Some(email) = identity.verified_email().map(normal_email) {
        let mut checker = Checker::default();
        checker.email("/email", Some(&email));
        return checker.finish().map(|()| email).map_err(|_| denied());
    }
    Err(match &identity.email {
        Some((email, _)) => Denied::new(Refusal::Unverified(email.clone()), "the address is not verified"),
        None => denied(),
    })
}

/// What others call a new member: their name there, else what stands before the `@`.
fn name_of(identity: &Identity, email: &str) -> String {
    let before = email.split('@').next().unwrap_or(email);
    let clean = |text: &str| -> String {
        text.chars().filter(|c| !c.is_control()).take(LONGEST_NAME).collect::<String>().trim().to_owned()
    };
    let name = identity.name.as_deref().map(clean).filter(|name| !name.is_empty());
    name.unwrap_or_else(|| clean(before))
}
