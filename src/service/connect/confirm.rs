//! Confirmation: the back end, inside its own user's session, shows the code that the finished browser was given.

use secrecy::{ExposeSecret, SecretString};
use vouchsafe_entity::id::{EnvironmentId, SessionId};
use vouchsafe_entity::kind::AttemptOutcome;

use super::{SessionView, Visit};
use crate::domain::actor::{Actor, Origin};
use crate::domain::attempt::Ending;
use crate::domain::credential::Machine;
use crate::domain::role::Action;
use crate::domain::session::{ConnectResult, Progress};
use crate::secret::PlainToken;
use crate::service::audit::Target;
use crate::service::refresh::hub_actor;
use crate::service::steps::EnvironmentSteps;
use crate::service::{Code, Error, Hub};
use crate::store::{self, credential::Guard};

impl Hub {
    /// Confirms what the code stands for.
    ///
    /// # Errors
    /// [`Code::ConfirmationRefused`] for a wrong code or user, [`Code::ConfirmationExpired`],
    /// [`Code::SubscriptionRequired`].
    pub async fn confirm_session(
        &self,
        actor: &Actor,
        id: SessionId,
        user: &str,
        code: &SecretString,
    ) -> Result<SessionView, Error> {
        self.permit(actor, Action::MaintainCredentials).await?;
        self.gate(actor).await?;
        let environment = actor.environment();
        let session = store::session::find(&self.store, environment, id).await?.ok_or(Error::NotFound)?;
        let refuse = || {
            let detail = "The code or the user is not the one that this session waits for.";
            Error::refused(Code::ConfirmationRefused, detail)
        };
        let named = self.user_named(actor, user).await?.filter(|user| user.id == session.user);
        let hash = PlainToken::presented(code.expose_secret()).hash();
        let results = store::session::results(&self.store, environment, id).await?;
        let matching = results.into_iter().find(|result| {
            result.confirmation.as_ref().is_some_and(|confirmation| hash.matches(&confirmation.hash))
        });
        let (Some(_), Some(result)) = (named, matching) else {
            let target = Target::new("connect_session", id);
            self.record_refusal(actor, "connect_session.confirm", target, "wrong code or user").await?;
            return Err(refuse());
        };
        let overdue =
            result.confirmation.as_ref().is_some_and(|confirmation| self.now() >= confirmation.until);
        if overdue || result.progress != Progress::Waiting {
            return Err(too_late());
        }
        let visit = self.visit_of(id, actor.origin.clone()).await?.ok_or(Error::NotFound)?;
        self.confirm_result(&Visit { actor: actor.clone(), ..visit }, result).await?;
        self.signal(id);
        self.get_session(actor, id).await
    }

    async fn confirm_result(&self, visit: &Visit, mut result: ConnectResult) -> Result<(), Error> {
        let environment = visit.actor.environment();
        let id = result.credential.ok_or(Error::internal("a confirmation without a credential"))?;
        let tx = self.store.begin().await?;
        let held = store::flow::awaiting_confirmation(&tx, visit.session.id, id).await?;
        if let Some(flow) = held {
            let grant = self.open_held(visit.actor.tenant, &flow)?.into_grant();
            if !store::flow::delete(&tx, flow.id).await? {
                // Given back at the same moment, as it was too late.
                return Err(too_late());
            }
            self.regrant(&tx, visit, id, &grant).await?;
        } else {
            let found = store::credential::lock(&tx, environment, id).await?;
            // Given back meanwhile, or it had another grant before, and what was held for it is given back.
            let mut credential =
                found.filter(|found| found.token.machine == Machine::Pending).ok_or_else(too_late)?;
            let guard = Guard { epoch: credential.token.epoch, version: credential.token.version };
            credential.token.machine = Machine::Active;
            let issued_at = credential.issued_at;
            let told = credential.token.refresh_expires_at.map(|end| end.since(issued_at));
            credential.token.due_at = self.due_of(&credential, issued_at, told);
            credential.token.state_since = self.now();
            self.announce(&tx, visit.actor.tenant, &mut credential).await?;
            self.write(&tx, environment, &credential, guard).await?;
        }
        result.progress = Progress::Completed;
        result.confirmation = None;
        result.updated_at = self.now();
        self.save_result(&tx, visit, &result).await?;
        let connected = Ending::of(AttemptOutcome::Connected);
        self.end_waiting(&tx, visit, &result.connector, &connected).await?;
        self.complete_if_satisfied(&tx, visit, result).await?;
        self.record(&tx, &visit.actor, "credential.confirm", Target::new("credential", id), None).await?;
        Ok(tx.commit().await?)
    }

    /// Gives back what nobody confirmed in time.
    pub(in crate::service) async fn drop_unconfirmed(&self) -> Result<(), Error> {
        let mut steps = EnvironmentSteps::default();
        loop {
            let shut = steps.shut();
            for (environment, session, result) in
                store::session::unconfirmed(&self.store, self.now(), &shut).await?
            {
                if !steps.is_shut(environment) {
                    steps.pass_row(environment, self.drop_result(environment, session, result).await)?;
                }
            }
            // The places of those that turned out to be shut are for others.
            if steps.shut().len() == shut.len() {
                return steps.end();
            }
        }
    }

    async fn drop_result(
        &self,
        environment: EnvironmentId,
        session: SessionId,
        mut result: ConnectResult,
    ) -> Result<(), Error> {
        let (_, tenant) = *self.environment_of(environment).await?;
        let actor = hub_actor(tenant);
        let Some(visit) = self.visit_of(session, Origin::default()).await? else {
            return Ok(());
        };
        let visit = Visit { actor, ..visit };
        if let Some(id) = result.credential.take() {
            let tx = self.store.begin().await?;
            let held = store::flow::awaiting_confirmation(&tx, session, id).await?;
            if let Some(flow) = &held {
                // Confirmed at the last moment, or dropped by another replica.
                if !store::flow::delete(&tx, flow.id).await? {
                    return Ok(());
                }
                let grant = self.open_held(tenant, flow)?.into_grant();
                self.discard(&tx, tenant, flow, &grant).await?;
            }
            tx.commit().await?;
            if held.is_none() {
                self.drop_pending(&visit.actor, id).await?;
            }
        }
        result.progress = Progress::Failed;
        result.error = Some(Code::ConfirmationExpired.as_str().to_owned());
        // Its hash stays, so that whoever comes too late is told so.
        if let Some(confirmation) = &mut result.confirmation {
            confirmation.sealed_code = None;
        }
        result.updated_at = self.now();
        let tx = self.store.begin().await?;
        let now = store::session::lock_result(&tx, environment, session, &result.connector).await?;
        if now.is_none_or(|now| now.progress != Progress::Waiting) {
            // Confirmed at the last moment.
            return Ok(());
        }
        self.save_result(&tx, &visit, &result).await?;
        let ending = Ending::failed(Code::ConfirmationExpired.as_str(), None);
        self.end_waiting(&tx, &visit, &result.connector, &ending).await?;
        tx.commit().await?;
        self.signal(session);
        Ok(())
    }
}

fn too_late() -> Error {
    let detail = "The ten minutes to confirm are over; let the user connect again.";
    Error::refused(Code::ConfirmationExpired, detail)
}
