//! Flows that end without a credential: said to the user, to the session and to the audit log.

use vouchsafe_entity::kind::FailClass;

use super::{CallbackAnswer, Returned};
use crate::domain::attempt::Ending;
use crate::domain::flow::Flow;
use crate::domain::session::Progress;
use crate::oauth::TokenError;
use crate::service::audit::Target;
use crate::service::connect::Visit;
use crate::service::{Error, Hub};
use crate::store;

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
        let code = match error.class {
            FailClass::NotSent | FailClass::Ambiguous | FailClass::Throttled => "provider_unreachable",
            FailClass::Client => "connector_failing",
            FailClass::Refused
            | FailClass::Revoked
            | FailClass::Unreadable
            | FailClass::Local
            | FailClass::Unopened
            | FailClass::Other => "unexpected_answer",
        };
        let message = error.description.clone().or_else(|| error.code.clone());
        self.fail_flow(flow, visit, code, message).await
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
