//! Sessions of members: begun with a new id at each sign-in, found by the hash of their cookie, ended by the member, by
//! idleness or by age.

use std::sync::Arc;

use vouchsafe_entity::id::{EnvironmentId, MemberSessionId};
use vouchsafe_entity::kind::{MemberStage, Role};

use crate::domain::actor::{Actor, Author, Origin, Seat};
use crate::domain::member::{Member, MemberSession};
use crate::domain::role::{Action, RoleSettings, may};
use crate::domain::workspace::{Tenant, Workspace};
use crate::secret::PlainToken;
use crate::service::audit::Target;
use crate::service::{Code, Error, Hub};
use crate::store::{self, Tx};

/// A session is noted as seen at most once in so long, in milliseconds.
const SEEN_EVERY: i64 = 60_000;
/// Letters kept of what a browser calls itself.
const AGENT_LETTERS: usize = 200;

/// A browser at work, as it says of itself.
#[derive(Clone, Debug, Default)]
pub struct Browser {
    /// Where it is.
    pub origin: Origin,
    /// What it calls itself.
    pub agent: Option<String>,
    /// The mark that an earlier sign-in left in it.
    pub mark: Option<String>,
}

/// Somebody who is signed in.
#[derive(Clone, Debug)]
pub struct SignedIn {
    /// Who.
    pub member: Member,
    /// By which session.
    pub session: MemberSession,
    /// In which workspace.
    pub workspace: Workspace,
    /// From where.
    pub origin: Origin,
}

impl SignedIn {
    /// What the workspace decides about roles.
    pub const fn role_settings(&self) -> RoleSettings {
        RoleSettings { editors_may_reveal: self.workspace.settings.editors_may_reveal }
    }

    /// Whether they may do `action`, for what a page offers. Each use case asks again.
    pub const fn may(&self, action: Action) -> bool {
        may(self.member.role, action, self.role_settings())
    }

    /// Whether they must set up an authenticator before anything else.
    pub fn must_enrol(&self) -> bool {
        let strong = matches!(self.member.role, Role::Owner | Role::Admin);
        strong
            && self.workspace.settings.totp_required
            && self.member.totp.is_none()
            && !self.member.has_single_sign_on_alone()
    }

    /// As what they act.
    pub fn seat(&self) -> Seat {
        Seat {
            member: self.member.id,
            role: self.member.role,
            settings: self.role_settings(),
            proven_at: self.session.proven_at,
            // An identity provider asks for what it asks for.
            has_authenticator: self.member.totp.is_some() || self.member.has_single_sign_on_alone(),
            must_enrol: self.must_enrol(),
        }
    }

    /// As an actor in one of the workspace's environments.
    fn actor(&self, environment: EnvironmentId) -> Actor {
        Actor {
            author: Author::Member(self.seat()),
            tenant: Tenant { workspace: self.workspace.id, environment, state: self.workspace.state },
            origin: self.origin.clone(),
        }
    }
}

impl Hub {
    /// Whoever holds this cookie.
    ///
    /// # Errors
    /// [`Code::SessionExpired`].
    pub async fn resume(&self, token: &str, origin: Origin) -> Result<SignedIn, Error> {
        let (member, session) = self.find_session(token, MemberStage::Full).await?;
        let workspace = store::workspace::find(&self.store, member.workspace).await?.ok_or_else(expired)?;
        let now = self.now();
        if now.since(session.seen_at) >= SEEN_EVERY {
            let tx = self.store.begin().await?;
            store::member_session::touch(&tx, session.workspace, session.id, now).await?;
            tx.commit().await?;
        }
        Ok(SignedIn { member, session, workspace, origin })
    }

    pub(super) async fn find_session(
        &self,
        token: &str,
        stage: MemberStage,
    ) -> Result<(Member, MemberSession), Error> {
        let hash = PlainToken::presented(token).hash();
        let found = store::member_session::by_hash(&self.store, hash.as_str()).await?;
        let session = found.filter(|session| session.stage == stage && !session.is_over(self.now()));
        let session = session.ok_or_else(expired)?;
        let member = store::member::find(&self.store, session.workspace, session.member).await?;
        Ok((member.ok_or_else(expired)?, session))
    }

    /// Begins a session; the value of its cookie.
    pub(super) async fn begin_session(
        &self,
        tx: &Tx,
        member: &Member,
        stage: MemberStage,
        browser: &Browser,
    ) -> Result<PlainToken, Error> {
        let token = PlainToken::random(self.random.as_ref());
        let now = self.now();
        let agent = browser
            .agent
            .as_ref()
            .map(|agent| agent.chars().filter(|c| !c.is_control()).take(AGENT_LETTERS).collect());
        let session = MemberSession {
            id: MemberSessionId::new(self.ids.next()),
            workspace: member.workspace,
            member: member.id,
            hash: token.hash().into_string(),
            stage,
            address: browser.origin.address.map(|address| address.to_string()),
            agent,
            created_at: now,
            seen_at: now,
            proven_at: (stage == MemberStage::Full).then_some(now),
        };
        store::member_session::insert(tx, &session).await?;
        if stage == MemberStage::Full {
            store::member::note_sign_in(tx, member.workspace, member.id, now).await?;
        }
        Ok(token)
    }

    /// Ends the session of this cookie, where it has one.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn sign_out(&self, token: &str) -> Result<(), Error> {
        let hash = PlainToken::presented(token).hash();
        let Some(session) = store::member_session::by_hash(&self.store, hash.as_str()).await? else {
            return Ok(());
        };
        let tx = self.store.begin().await?;
        store::member_session::end(&tx, session.workspace, session.member, session.id).await?;
        Ok(tx.commit().await?)
    }

    /// The sessions of a member themselves, the latest first.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn list_sessions(&self, who: &SignedIn) -> Result<Vec<MemberSession>, Error> {
        let mut found = store::member_session::list(&self.store, who.workspace.id, who.member.id).await?;
        found.retain(|session| session.stage == MemberStage::Full && !session.is_over(self.now()));
        Ok(found)
    }

    /// Ends a session of a member themselves.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub async fn end_session(&self, who: &SignedIn, id: MemberSessionId) -> Result<(), Error> {
        let tx = self.store.begin().await?;
        if !store::member_session::end(&tx, who.workspace.id, who.member.id, id).await? {
            return Err(Error::NotFound);
        }
        let target = Target::new("member_session", id);
        self.record_member(&tx, who, "member.end_session", target, None).await?;
        Ok(tx.commit().await?)
    }

    /// Ends all sessions of a member themselves but the present one; how many.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn end_other_sessions(&self, who: &SignedIn) -> Result<u64, Error> {
        let tx = self.store.begin().await?;
        let (workspace, member) = (who.workspace.id, who.member.id);
        let ended = store::member_session::end_all(&tx, workspace, member, Some(who.session.id)).await?;
        let target = Target::new("member", member);
        let count = Some(ended.to_string());
        self.record_member(&tx, who, "member.end_sessions", target, count).await?;
        tx.commit().await?;
        Ok(ended)
    }

    /// The environments of a member's workspace, by name.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn environments_for_member(&self, who: &SignedIn) -> Result<Vec<String>, Error> {
        let found = store::environment::of_workspace(&self.store, who.workspace.id).await?;
        Ok(found.into_iter().map(|(_, name)| name).collect())
    }

    /// A member as an actor in the environment of that name of their workspace.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub async fn actor_in(&self, who: &SignedIn, environment: &str) -> Result<Actor, Error> {
        let found = store::environment::by_name(&self.store, who.workspace.id, environment).await?;
        Ok(who.actor(found.ok_or(Error::NotFound)?))
    }

    /// Whether somebody has just proven who they are, with an authenticator.
    ///
    /// # Errors
    /// [`Code::AuthenticatorRequired`], [`Code::StepUpRequired`].
    pub fn ensure_proven(&self, who: &SignedIn) -> Result<(), Error> {
        self.seat_proven(&who.seat())
    }

    /// Whether somebody has just proven who they are, with an authenticator or still without.
    ///
    /// # Errors
    /// [`Code::StepUpRequired`].
    pub fn ensure_just_proven(&self, who: &SignedIn) -> Result<(), Error> {
        self.just_proven(&who.seat())
    }
}

pub(super) fn expired() -> Error {
    Error::refused(Code::SessionExpired, "Your session is over. Sign in again.")
}

/// The origin of a browser, for the audit log.
pub(super) fn traced(browser: &Browser) -> (Option<Arc<str>>, Option<String>) {
    (browser.origin.request_id.clone(), browser.origin.address.map(|address| address.to_string()))
}
