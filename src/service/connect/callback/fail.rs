//! Flows that end without a credential: said to the user, to the session and to the audit log.

use vouchsafe_entity::kind::FailClass;

use super::{CallbackAnswer, Returned};
use crate::domain::attempt::Ending;
use crate::domain::flow::Flow;
use crate::domain::session::Progress;
use crate::egress::{EgressError, NotSent};
use crate::oauth::{Cause, TokenError};
use crate::service::audit::Target;
use crate::service::connect::Visit;
use crate::service::{Code, Error, Hub};
use crate::store;

/// What the flow was for is gone.
const NOT_FOUND: &str = "not_found";
/// It is for the operator to find out why.
const INTERNAL_ERROR: &str = "internal_error";

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
        let code = match &error {
            Error::Refused { code, .. } => code.as_str(),
            Error::NotFound => NOT_FOUND,
            Error::Invalid(_) | Error::Store(_) | Error::Internal(_) => INTERNAL_ERROR,
        };
        let Ok(returned) = self.fail_flow(flow, visit, code, None).await else {
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

    /// Ends a flow without a credential, and says so to session and audit log.
    pub(in crate::service::connect) async fn fail_flow(
        &self,
        flow: &Flow,
        visit: Visit,
        code: &str,
        message: Option<String>,
    ) -> Result<Returned, Error> {
        let connector = self.connector_of_flow(flow, &visit).await?;
        let mut result = self.result(&connector.key, Progress::Failed);
        result.error = Some(code.to_owned());
        result.detail.clone_from(&message);
        let tx = self.store.begin().await?;
        store::flow::delete(&tx, flow.id).await?;
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
