//! Flows that end without a credential: said to the user, to the session and to the audit log.

use vouchsafe_entity::id::CredentialId;
use vouchsafe_entity::kind::{FailClass, Method};

use super::{CallbackAnswer, Returned, refused};
use crate::domain::attempt::Ending;
use crate::domain::credential::{Account, Machine};
use crate::domain::flow::Flow;
use crate::domain::revocation::Remains;
use crate::domain::session::Progress;
use crate::domain::workspace::Tenant;
use crate::egress::{EgressError, NotSent};
use crate::oauth::{Cause, TokenError};
use crate::service::audit::Target;
use crate::service::connect::Visit;
use crate::service::connect::grant::Grant;
use crate::service::connect::undecided::bear_with;
use crate::service::material::Material;
use crate::service::{Code, Error, Hub};
use crate::store::{self, Tx};

/// What the flow was for is gone.
const NOT_FOUND: &str = "not_found";
/// It is for the operator to find out why.
const INTERNAL_ERROR: &str = "internal_error";

/// Tokens that came for a flow that ends without a credential.
pub(super) struct Unkept<'a> {
    pub(super) method: Method,
    /// Whose they are, where that is known.
    pub(super) account: Option<&'a Account>,
    pub(super) material: &'a Material,
}

impl<'a> Unkept<'a> {
    pub(super) fn of(grant: &'a Grant) -> Self {
        let accepted = &grant.accepted;
        Self { method: accepted.method, account: accepted.account.as_ref(), material: &accepted.material }
    }
}

impl Hub {
    pub(super) async fn fail_exchange(
        &self,
        flow: &Flow,
        visit: Visit,
        error: &TokenError,
    ) -> Result<Returned, Error> {
        tracing::warn!(
            flow.id = %flow.id,
            error = error as &dyn std::error::Error,
            "a code could not be exchanged"
        );
        let message = error.description.clone().or_else(|| error.code.clone());
        self.fail_flow(flow, visit, code_of(error), message).await
    }

    /// Ends a flow that failed by something of ours, of which the app knows nothing: our database, our keys, the
    /// settings of the connector. Where it can't be ended either, the first failure is what is told.
    pub(super) async fn fail_ours(&self, flow: &Flow, visit: Visit, error: Error) -> Result<Returned, Error> {
        self.fail_by(flow, visit, error, None).await
    }

    async fn fail_by(
        &self,
        flow: &Flow,
        visit: Visit,
        error: Error,
        unkept: Option<&Unkept<'_>>,
    ) -> Result<Returned, Error> {
        let code = match &error {
            Error::Refused { code, .. } => code.as_str(),
            Error::NotFound => NOT_FOUND,
            Error::Invalid(_) | Error::Store(_) | Error::Internal(_) => INTERNAL_ERROR,
        };
        let Ok(returned) = self.end_flow(flow, visit, code, None, unkept).await else {
            return Err(error);
        };
        if code == INTERNAL_ERROR {
            tracing::error!(
                flow.id = %flow.id,
                error = &error as &dyn std::error::Error,
                "a sign-in failed inside the hub"
            );
        }
        Ok(returned)
    }

    /// Ends a flow whose tokens nobody keeps, by what the app said of them or by something of ours: they are given back.
    pub(super) async fn fail_unkept(
        &self,
        flow: &Flow,
        visit: Visit,
        error: Error,
        unkept: &Unkept<'_>,
    ) -> Result<Returned, Error> {
        let tenant = visit.actor.tenant;
        let ended = match error {
            Error::Refused {
                code: code @ (Code::CredentialRejected | Code::ProviderUnreachable),
                detail,
                ..
            } => self.end_flow(flow, visit, code.as_str(), Some(detail), Some(unkept)).await,
            error => self.fail_by(flow, visit, error, Some(unkept)).await,
        };
        if ended.is_err() {
            // A session that is gone with its user can't be told, but the app can.
            self.give_back_alone(flow, tenant, unkept).await;
        }
        ended
    }

    /// Ends a flow without a credential, and says so to session and audit log. The grant that it holds is given back.
    pub(in crate::service::connect) async fn fail_flow(
        &self,
        flow: &Flow,
        visit: Visit,
        code: &str,
        message: Option<String>,
    ) -> Result<Returned, Error> {
        self.end_flow(flow, visit, code, message, None).await
    }

    async fn end_flow(
        &self,
        flow: &Flow,
        visit: Visit,
        code: &str,
        message: Option<String>,
        unkept: Option<&Unkept<'_>>,
    ) -> Result<Returned, Error> {
        let connector = self.connector_of_flow(flow, &visit).await?;
        let mut result = self.result(&connector.key, Progress::Failed);
        result.error = Some(code.to_owned());
        result.detail.clone_from(&message);
        let tx = self.store.begin().await?;
        let there = store::flow::delete(&tx, flow.id).await?;
        if flow.holds_a_grant() {
            if !there {
                return Err(refused("This was decided already."));
            }
            self.give_back_held(&tx, visit.actor.tenant, flow).await?;
        }
        if let Some(unkept) = unkept {
            self.give_back_unkept(&tx, flow, visit.actor.tenant, unkept).await?;
        }
        self.end_attempt(&tx, flow, &Ending::failed(code, message.clone()), None).await?;
        self.save_result(&tx, &visit, &result).await?;
        let event = self.audit_event(
            &visit.actor,
            "connect.failed",
            Target::new("flow", flow.id),
            "refused",
            Some(format!("{}: {code}", connector.key)),
        );
        self.insert_audit(&tx, &[event]).await?;
        tx.commit().await?;
        self.signal(visit.session.id);
        let definition = self.definition_of(&connector)?;
        let answer = CallbackAnswer::Failed { code: code.to_owned(), message };
        Ok(Returned::new(flow, visit, connector.key, &definition, answer, None))
    }

    async fn give_back_alone(&self, flow: &Flow, tenant: Tenant, unkept: &Unkept<'_>) {
        let given = async {
            let tx = self.store.begin().await?;
            self.give_back_unkept(&tx, flow, tenant, unkept).await?;
            Ok::<_, Error>(tx.commit().await?)
        };
        if let Err(error) = given.await {
            tracing::error!(
                flow.id = %flow.id,
                error = &error as &dyn std::error::Error,
                "tokens that nobody keeps could not be given back"
            );
        }
    }

    /// Writes in `tx` that the app is to be told of tokens that nobody keeps.
    async fn give_back_unkept(
        &self,
        tx: &Tx,
        flow: &Flow,
        tenant: Tenant,
        unkept: &Unkept<'_>,
    ) -> Result<(), Error> {
        let remains = Remains {
            credential: beside(tx, flow, unkept).await?,
            connector: flow.connector,
            method: unkept.method,
            account: unkept.account.map(|account| account.id.clone()),
            epoch: 0,
        };
        let given = self.give_back(tx, tenant, remains, unkept.material).await;
        bear_with(given, flow)
    }
}

/// The credential that tokens would have been for. Where neither it nor their account is known, they may be of the
/// account of one that the user has: that one's grant must not end with them.
async fn beside(tx: &Tx, flow: &Flow, unkept: &Unkept<'_>) -> Result<CredentialId, Error> {
    if let Some(id) = flow.credential {
        return Ok(id);
    }
    let never_made = CredentialId::new(flow.id.uuid());
    if unkept.account.is_some() {
        return Ok(never_made);
    }
    let (user, connector) = (flow.user, Some(flow.connector));
    let there = store::credential::of_user(tx, flow.environment, user, connector).await?;
    let live = there.iter().find(|one| !matches!(one.token.machine, Machine::Broken(_)));
    Ok(live.map_or(never_made, |one| one.id))
}

/// Why a code was not exchanged. The app answers for what it said, and for its silence; not for a request that we
/// could not make, or would not.
fn code_of(error: &TokenError) -> &'static str {
    match (error.class, &error.cause) {
        (_, Some(Cause::Egress(EgressError::NotSent(NotSent::Guard(_))))) => Code::HostNotAllowed.as_str(),
        (_, Some(Cause::Render(_))) => Code::ConnectorIncomplete.as_str(),
        (_, Some(Cause::Egress(EgressError::NotSent(NotSent::Request))))
        | (FailClass::Local | FailClass::Unopened, _) => INTERNAL_ERROR,
        (FailClass::NotSent | FailClass::Ambiguous | FailClass::Throttled, _) => {
            Code::ProviderUnreachable.as_str()
        }
        (FailClass::Client, _) => Code::ConnectorFailing.as_str(),
        (FailClass::Refused | FailClass::Revoked | FailClass::Unreadable | FailClass::Other, _) => {
            "unexpected_answer"
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::egress::guard::Refusal;
    use crate::provider::RenderError;

    #[test]
    fn an_app_is_not_blamed_for_a_request_that_never_left_by_our_doing() {
        let of = |cause| code_of(&TokenError { cause: Some(cause), ..TokenError::local() });
        let unsent = |cause| code_of(&TokenError::from(EgressError::NotSent(cause)));
        assert_eq!(unsent(NotSent::Guard(Refusal::Address)), "host_not_allowed");
        assert_eq!(unsent(NotSent::Request), "internal_error");
        for cause in [NotSent::Dns, NotSent::Refused, NotSent::Tls, NotSent::ConnectTimeout, NotSent::Connect]
        {
            assert_eq!(unsent(cause), "provider_unreachable", "{cause}");
        }
        assert_eq!(of(Cause::Render(RenderError::Missing("subdomain".to_owned()))), "connector_incomplete");
        assert_eq!(code_of(&TokenError::local()), "internal_error");
    }
}
