//! Signing in: address and password, then the authenticator's code where there is one. An account that is not there costs
//! the same time and gets the same answer.

use vouchsafe_entity::kind::MemberStage;

use super::session::{Browser, SignedIn, traced};
use super::tries::Counting;
use crate::domain::audit::{AuditEvent, NOWHERE};
use crate::domain::member::{Member, MemberSession, normal_email};
use crate::secret::{PlainPassword, PlainToken};
use crate::service::audit::Target;
use crate::service::{Code, Error, Hub};
use crate::store;

/// What a browser is given when somebody has signed in with it.
#[derive(Debug)]
pub struct Entry {
    /// The value of the session's cookie.
    pub token: PlainToken,
    /// The mark by which the browser is known next time.
    pub mark: String,
}

/// What became of a password.
#[derive(Debug)]
pub enum SignIn {
    /// Signed in.
    Done(Entry),
    /// The code of the authenticator is awaited by the session of this cookie.
    CodeWanted(PlainToken),
}

impl Hub {
    /// Signs somebody in by address and password.
    ///
    /// # Errors
    /// [`Code::SignInRefused`], [`Code::RateLimited`].
    pub async fn sign_in(
        &self,
        email: &str,
        password: PlainPassword,
        browser: &Browser,
    ) -> Result<SignIn, Error> {
        let email = normal_email(email);
        let counting = self.count_try(&email, browser).await?;
        let found = store::member::by_email(&self.store, &email).await?;
        let stored = found.as_ref().and_then(|member| member.password.clone());
        let right = self.is_password(password, stored).await?;
        let Some(member) = found.filter(|_| right) else {
            return Err(self.refuse_sign_in(&email, browser, "password").await?);
        };
        if member.totp.is_some() {
            let tx = self.store.begin().await?;
            let token = self.begin_session(&tx, &member, MemberStage::SecondFactor, browser).await?;
            // The password is right; what is guessed at now is the code, which is counted by itself.
            self.take_back(&tx, &counting).await?;
            tx.commit().await?;
            return Ok(SignIn::CodeWanted(token));
        }
        self.enter(&member, None, Some(&counting), browser, "member.sign_in").await.map(SignIn::Done)
    }

    /// Finishes signing in by the code of the authenticator. `token` is the cookie that the password gave.
    ///
    /// # Errors
    /// [`Code::SignInRefused`], [`Code::RateLimited`], [`Code::SessionExpired`].
    pub async fn enter_code(&self, token: &str, code: &str, browser: &Browser) -> Result<Entry, Error> {
        let (member, session) = self.find_session(token, MemberStage::SecondFactor).await?;
        let counting = self.count_code(&member.email, browser).await?;
        if !self.spend_code(&member, code).await? {
            let error = self.refuse_sign_in(&member.email, browser, "code").await?;
            return Err(error);
        }
        self.enter(&member, Some(&session), Some(&counting), browser, "member.sign_in").await
    }

    /// Begins a full session with an id of its own, and ends the one that waited. The tries that led here are forgotten,
    /// where they were counted for the account.
    pub(super) async fn enter(
        &self,
        member: &Member,
        waiting: Option<&MemberSession>,
        counting: Option<&Counting>,
        browser: &Browser,
        action: &'static str,
    ) -> Result<Entry, Error> {
        let mark = self.browser_mark(member)?;
        let tx = self.store.begin().await?;
        if let Some(session) = waiting {
            store::member_session::end(&tx, member.workspace, member.id, session.id).await?;
        }
        let token = self.begin_session(&tx, member, MemberStage::Full, browser).await?;
        if let Some(counting) = counting {
            self.forget_tries(&tx, counting).await?;
        }
        self.insert_audit(&tx, &[self.sign_in_event(member, browser, action)]).await?;
        tx.commit().await?;
        Ok(Entry { token, mark })
    }

    pub(super) fn sign_in_event(
        &self,
        member: &Member,
        browser: &Browser,
        action: &'static str,
    ) -> AuditEvent {
        let (request_id, address) = traced(browser);
        AuditEvent {
            workspace: Some(member.workspace),
            actor_type: "member".into(),
            actor_id: Some(member.id.to_string()),
            request_id,
            address,
            ..self.own_event(action, Target::new("member", member.id), None)
        }
    }

    /// Writes down a sign-in that failed, in the same way whether or not there is such an account; the refusal.
    async fn refuse_sign_in(&self, email: &str, browser: &Browser, what: &str) -> Result<Error, Error> {
        let member = store::member::by_email(&self.store, email).await?;
        let (request_id, address) = traced(browser);
        let target = Target { kind: "member", id: member.as_ref().map(|member| member.id.to_string()) };
        let event = AuditEvent {
            // What nobody's account was meant is the operator's to see, and no workspace's.
            workspace: Some(member.map_or(NOWHERE, |member| member.workspace)),
            actor_type: "browser".into(),
            result: "refused".into(),
            request_id,
            address,
            ..self.own_event("member.sign_in", target, Some(format!("wrong {what}")))
        };
        self.record_later(event).await?;
        Ok(Error::refused(
            Code::SignInRefused,
            match what {
                "code" => "That code isn't right, or it was used before. Wait for the next one and type it.",
                _ => "Address or password is not right.",
            },
        ))
    }

    /// Proves again who somebody is, by their password and, where they have one, their authenticator.
    ///
    /// # Errors
    /// [`Code::SignInRefused`], [`Code::RateLimited`].
    pub async fn step_up(
        &self,
        who: &SignedIn,
        password: PlainPassword,
        code: &str,
        browser: &Browser,
    ) -> Result<(), Error> {
        let counting = self.prove(who, password, code, browser).await?;
        let tx = self.store.begin().await?;
        store::member_session::prove(&tx, who.workspace.id, who.session.id, self.now()).await?;
        self.forget_tries(&tx, &counting).await?;
        let target = Target::new("member_session", who.session.id);
        self.record_member(&tx, who, "member.step_up", target, None).await?;
        Ok(tx.commit().await?)
    }

    /// Checks password and code of somebody signed in.
    pub(super) async fn prove(
        &self,
        who: &SignedIn,
        password: PlainPassword,
        code: &str,
        browser: &Browser,
    ) -> Result<Counting, Error> {
        let counting = self.count_try(&who.member.email, browser).await?;
        let right = self.is_password(password, who.member.password.clone()).await?;
        let right = right && (who.member.totp.is_none() || self.spend_code(&who.member, code).await?);
        if right {
            return Ok(counting);
        }
        let target = Target::new("member_session", who.session.id);
        let reason = Some("wrong password or code".to_owned());
        self.record_later(self.member_event(who, "member.step_up", target, "refused", reason)).await?;
        let detail = "Password or code is not right. A code works once: wait for the next one.";
        Err(Error::refused(Code::SignInRefused, detail))
    }
}
