//! The log of attempts to connect an app: begun by a flow or a form, ended with what the app said. Kept for 30 days.

use vouchsafe_entity::id::{AttemptId, CredentialId, FlowId};
use vouchsafe_entity::kind::{AttemptOutcome, Method};

use super::Visit;
use crate::domain::actor::Actor;
use crate::domain::attempt::{Attempt, Ending};
use crate::domain::connector::Connector;
use crate::domain::flow::Flow;
use crate::domain::page::{Page, PageRequest};
use crate::domain::role::Action;
use crate::service::{Error, Hub};
use crate::store::attempt::AttemptFilter;
use crate::store::{self, Tx};

/// Attempts are kept for so long.
const KEPT_SECONDS: i64 = 30 * 86_400;

/// Which attempts a caller wants, by the names it uses.
#[derive(Clone, Debug, Default)]
pub struct AttemptQuery {
    /// Of this user, by either name.
    pub user: Option<String>,
    /// Of this connector.
    pub connector: Option<String>,
    /// With this outcome.
    pub outcome: Option<AttemptOutcome>,
}

/// The attempt of a flow.
pub(super) const fn attempt_of(flow: FlowId) -> AttemptId {
    AttemptId::new(flow.uuid())
}

impl Hub {
    /// The attempts in the actor's environment, newest first. A name that isn't there gives an empty list.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn list_attempts(
        &self,
        actor: &Actor,
        query: AttemptQuery,
        page: &PageRequest,
    ) -> Result<Page<Attempt>, Error> {
        self.permit(actor, Action::ViewCredentials).await?;
        let mut filter =
            AttemptFilter { connector: query.connector, outcome: query.outcome, ..AttemptFilter::default() };
        if let Some(name) = query.user {
            let Some(user) = self.user_named(actor, &name).await? else {
                return Ok(Page { items: Vec::new(), next_cursor: None });
            };
            filter.user = Some(user.id);
        }
        Ok(store::attempt::list(&self.store, actor.environment(), &filter, page).await?)
    }

    fn new_attempt(&self, visit: &Visit, connector: &Connector, method: Method) -> Attempt {
        Attempt {
            id: AttemptId::new(self.ids.next()),
            session: visit.session.id,
            user: visit.user.id,
            username: visit.user.username.clone(),
            connector: connector.key.clone(),
            provider: connector.provider.clone(),
            method,
            credential: visit.session.credential,
            hosted: false,
            ending: Ending::of(AttemptOutcome::Started),
            started_at: self.now(),
            ended_at: None,
        }
    }

    /// Writes in `tx` that a flow has begun.
    pub(super) async fn begin_attempt(
        &self,
        tx: &Tx,
        visit: &Visit,
        (connector, method): (&Connector, Method),
        flow: &Flow,
    ) -> Result<(), Error> {
        let attempt = self.new_attempt(visit, connector, method);
        let attempt = Attempt { id: attempt_of(flow.id), hosted: flow.hosted, ..attempt };
        Ok(store::attempt::insert(tx, visit.actor.environment(), &attempt).await?)
    }

    /// Writes in `tx` what came of a flow.
    pub(super) async fn end_attempt(
        &self,
        tx: &Tx,
        flow: &Flow,
        ending: &Ending,
        credential: Option<CredentialId>,
    ) -> Result<(), Error> {
        let id = attempt_of(flow.id);
        Ok(store::attempt::end(tx, flow.environment, id, ending, credential, self.now()).await?)
    }

    /// Writes in `tx` what came of a form.
    pub(super) async fn log_typed(
        &self,
        tx: &Tx,
        visit: &Visit,
        (connector, method, hosted): (&Connector, Method, bool),
        ending: Ending,
        credential: Option<CredentialId>,
    ) -> Result<(), Error> {
        let attempt = self.new_attempt(visit, connector, method);
        let attempt = Attempt {
            hosted,
            ending,
            credential: credential.or(attempt.credential),
            ended_at: Some(self.now()),
            ..attempt
        };
        Ok(store::attempt::insert(tx, visit.actor.environment(), &attempt).await?)
    }

    /// Writes down that the app took no typed value, where `error` is about that.
    pub(super) async fn log_refusal(
        &self,
        visit: &Visit,
        form: (&Connector, Method, bool),
        error: &Error,
    ) -> Result<(), Error> {
        let Error::Refused { code, detail, .. } = error else {
            return Ok(());
        };
        let ending = Ending::failed(code.as_str(), Some(detail.clone()));
        let tx = self.store.begin().await?;
        self.log_typed(&tx, visit, form, ending, None).await?;
        Ok(tx.commit().await?)
    }

    /// Writes in `tx` what the back end made of an attempt that waited for it.
    pub(super) async fn end_waiting(
        &self,
        tx: &Tx,
        visit: &Visit,
        connector: &str,
        ending: &Ending,
    ) -> Result<(), Error> {
        let (environment, now) = (visit.actor.environment(), self.now());
        let which = (visit.session.id, connector);
        Ok(store::attempt::end_waiting(tx, environment, which, ending, now).await?)
    }

    /// Forgets old attempts, in `tx`.
    pub(in crate::service) async fn sweep_attempts(&self, tx: &Tx) -> Result<(), Error> {
        Ok(store::attempt::sweep(tx, self.now().plus_seconds(-KEPT_SECONDS)).await?)
    }
}

/// How a stored grant ends its attempt.
pub(super) const fn stored(waits: bool) -> Ending {
    Ending::of(if waits { AttemptOutcome::Waiting } else { AttemptOutcome::Connected })
}
