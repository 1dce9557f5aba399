//! The way back from the identity provider: the answer must belong to this browser, the ID token must be right, and only
//! then it is asked who comes in. What is refused is written down, without a word of what was sent.

use secrecy::ExposeSecret as _;
use subtle::ConstantTimeEq as _;
use vouchsafe_entity::id::{MemberId, MemberSessionId, WorkspaceId};
use vouchsafe_entity::kind::MemberStage;

use super::errand::{Errand, Purpose};
use super::provider::Fault;
use super::{Arrival, Refusal, SingleSignOn};
use crate::domain::audit::{AuditEvent, NOWHERE};
use crate::domain::id_token::{Expected, Identity, check};
use crate::oauth::callback::{Callback, Outcome};
use crate::oauth::oidc::{Granted, Metadata, SignInCode};
use crate::provider::AuthorizationResponse;
use crate::service::audit::Target;
use crate::service::members::session::{Browser, SignedIn, expired, traced};
use crate::service::{Error, Hub};
use crate::store::{self, StoreError};

/// Why nobody comes in.
pub(super) enum Denied {
    /// Refused.
    Refused {
        why: Refusal,
        /// For the audit log.
        reason: String,
        /// Whom it is about, where that was proven.
        about: Option<(WorkspaceId, MemberId)>,
    },
    /// Something that is no refusal.
    Failed(Error),
}

impl Denied {
    pub(super) fn new(why: Refusal, reason: &str) -> Self {
        Self::Refused { why, reason: reason.to_owned(), about: None }
    }
}

impl From<Error> for Denied {
    fn from(error: Error) -> Self {
        Self::Failed(error)
    }
}

impl From<StoreError> for Denied {
    fn from(error: StoreError) -> Self {
        Self::Failed(error.into())
    }
}

/// A fault of the identity provider.
fn faulty(fault: Fault) -> Denied {
    Denied::Refused { why: fault.refusal(), reason: fault.reason, about: None }
}

/// An identity, and what else may be asked about it.
pub(super) struct Vouched<'a> {
    pub(super) identity: Identity,
    sign_on: &'a SingleSignOn,
    metadata: &'a Metadata,
    granted: Granted,
}

impl Vouched<'_> {
    /// The identity with its address. Many identity providers keep that out of the ID token.
    pub(super) async fn with_address(self, hub: &Hub) -> Result<Identity, Denied> {
        if self.identity.email.is_some() {
            return Ok(self.identity);
        }
        let info = self.granted.user_info(&hub.egress, self.metadata).await;
        match info.map_err(|error| faulty(error.into()))? {
            Some(info) => self.identity.with_user_info(&info).map_err(|error| faulty(error.into())),
            None => Ok(self.identity),
        }
    }

    pub(super) fn issuer(&self) -> &str {
        &self.sign_on.registration.issuer
    }
}

impl Hub {
    /// Takes a browser in that comes back from the identity provider with the parameters `pairs` and the cookie that it
    /// was sent away with.
    ///
    /// # Errors
    /// [`Error::NotFound`] without single sign-on, [`crate::service::Code::RateLimited`],
    /// [`crate::service::Code::InvitationOver`], [`crate::service::Code::SessionExpired`].
    pub async fn finish_single_sign_on(
        &self,
        cookie: Option<&str>,
        pairs: &[(String, String)],
        browser: &Browser,
    ) -> Result<Arrival, Error> {
        let sign_on = self.sign_on()?;
        let names = AuthorizationResponse::default();
        let (Some(errand), Ok(callback)) = (cookie.and_then(Errand::parse), Callback::read(pairs, &names))
        else {
            return Ok(Arrival::Refused { why: Refusal::Stray, errand: None });
        };
        let counting = self.count_address(browser).await?;
        let state = self.state_of(&errand)?;
        let known: bool = state.as_bytes().ct_eq(callback.state.expose_secret().as_bytes()).into();
        if !known || errand.is_over(self.now()) {
            let denied =
                Denied::new(Refusal::Stray, if known { "too late" } else { "state of another sign-in" });
            // What a cookie says that does not fit is nobody's word.
            return self.deny(&Purpose::SignIn, browser, denied, None).await;
        }
        let found = self.arrive(sign_on, &errand, callback, browser).await;
        match found {
            Ok(arrival) => {
                let tx = self.store.begin().await?;
                self.take_back(&tx, &counting).await?;
                tx.commit().await?;
                Ok(arrival)
            }
            Err(denied) => {
                let again = (errand.purpose.clone(), errand.next);
                self.deny(&errand.purpose, browser, denied, Some(again)).await
            }
        }
    }

    async fn arrive(
        &self,
        sign_on: &SingleSignOn,
        errand: &Errand,
        callback: Callback,
        browser: &Browser,
    ) -> Result<Arrival, Denied> {
        let metadata = sign_on.metadata(&self.egress, self.now()).await.map_err(faulty)?;
        if !metadata.accepts(callback.iss.as_deref()) {
            return Err(Denied::new(Refusal::Fault, "the answer is of another issuer"));
        }
        let code = match callback.outcome {
            Outcome::Code(code) => code,
            Outcome::Error { code, .. } => {
                let why = match code.as_str() {
                    "temporarily_unavailable" | "server_error" => Refusal::Outage,
                    _ => Refusal::Declined,
                };
                return Err(Denied::new(why, &format!("the identity provider says {code}")));
            }
        };
        let code =
            SignInCode { code, verifier: self.verifier_of(errand)?, redirect_uri: self.sign_on_redirect()? };
        let now = self.clock.now();
        let granted = code.exchange(&self.egress, &metadata, &sign_on.registration, now).await;
        let granted = granted.map_err(|error| faulty(error.into()))?;
        let vouched = self.vouched(sign_on, &metadata, errand, granted).await?;
        let next = errand.next.clone();
        match &errand.purpose {
            Purpose::SignIn => {
                let entry = Box::pin(self.admit(vouched, browser)).await?;
                Ok(Arrival::Entered { entry, next })
            }
            Purpose::Join { invitation } => {
                let entry = Box::pin(self.admit_invited(invitation, vouched, browser)).await?;
                Ok(Arrival::Entered { entry, next })
            }
            Purpose::StepUp { workspace, session } => {
                self.prove_again(*workspace, *session, &vouched.identity, browser).await?;
                Ok(Arrival::Proven { next })
            }
        }
    }

    /// Verifies the ID token and checks what it says.
    async fn vouched<'a>(
        &self,
        sign_on: &'a SingleSignOn,
        metadata: &'a Metadata,
        errand: &Errand,
        granted: Granted,
    ) -> Result<Vouched<'a>, Denied> {
        let signed = sign_on.verify(&self.egress, metadata, &granted.id_token, self.now()).await;
        let signed = signed.map_err(faulty)?;
        let proves = matches!(errand.purpose, Purpose::StepUp { .. });
        let expected = Expected {
            issuer: &sign_on.registration.issuer,
            client_id: &sign_on.registration.client.client_id,
            nonce: &self.nonce_of(errand)?,
            access_token: granted.access_token.as_ref().map(secrecy::ExposeSecret::expose_secret),
            now: self.now().0.div_euclid(1_000),
            signed_in_since: proves.then_some(errand.began_at.0.div_euclid(1_000)),
        };
        let identity = check(&signed, &expected).map_err(|error| faulty(error.into()))?;
        Ok(Vouched { identity, sign_on, metadata, granted })
    }

    /// Notes that the member of a session has proven again who they are.
    async fn prove_again(
        &self,
        workspace: WorkspaceId,
        id: MemberSessionId,
        identity: &Identity,
        browser: &Browser,
    ) -> Result<(), Denied> {
        let session = store::member_session::find(&self.store, workspace, id).await?;
        let live = session.filter(|one| one.stage == MemberStage::Full && !one.is_over(self.now()));
        let session = live.ok_or_else(expired)?;
        let member = store::member::find(&self.store, workspace, session.member).await?;
        let member = member.ok_or_else(expired)?;
        if member.subject.as_deref() != Some(identity.key().as_str()) {
            return Err(Denied::Refused {
                why: Refusal::SomebodyElse,
                reason: "single sign-on as somebody else".to_owned(),
                about: Some((workspace, member.id)),
            });
        }
        let found = store::workspace::find(&self.store, workspace).await?;
        let workspace = found.ok_or_else(expired)?;
        let tx = self.store.begin().await?;
        store::member_session::prove(&tx, workspace.id, id, self.now()).await?;
        let who = SignedIn { member, session, workspace, origin: browser.origin.clone() };
        let target = Target::new("member_session", id);
        self.record_member(&tx, &who, "member.step_up", target, Some("single sign-on".to_owned())).await?;
        Ok(tx.commit().await?)
    }

    /// Writes a refusal down; the answer to it.
    async fn deny(
        &self,
        purpose: &Purpose,
        browser: &Browser,
        denied: Denied,
        errand: Option<(Purpose, String)>,
    ) -> Result<Arrival, Error> {
        let (why, reason, about) = match denied {
            Denied::Refused { why, reason, about } => (why, reason, about),
            Denied::Failed(error) => return Err(error),
        };
        let (action, workspace) = match purpose {
            Purpose::SignIn | Purpose::Join { .. } => ("member.sign_in", None),
            Purpose::StepUp { workspace, .. } => ("member.step_up", Some(*workspace)),
        };
        let (request_id, address) = traced(browser);
        let target = Target { kind: "member", id: about.map(|(_, member)| member.to_string()) };
        let event = AuditEvent {
            workspace: Some(about.map(|(workspace, _)| workspace).or(workspace).unwrap_or(NOWHERE)),
            actor_type: "browser".into(),
            result: "refused".into(),
            request_id,
            address,
            ..self.own_event(action, target, Some(format!("single sign-on: {reason}")))
        };
        self.record_later(event).await?;
        Ok(Arrival::Refused { why, errand })
    }
}
