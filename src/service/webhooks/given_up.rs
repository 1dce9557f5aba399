//! The end of an endpoint that is gone or has taken nothing for days: it is switched off, and its owners are told.

use std::sync::Arc;

use vouchsafe_entity::id::{EnvironmentId, WebhookEndpointId};
use vouchsafe_entity::kind::DisabledReason;

use super::target;
use crate::domain::mail::Alarm;
use crate::domain::webhook::{PATIENCE, WebhookEndpoint};
use crate::domain::workspace::Tenant;
use crate::service::refresh::hub_actor;
use crate::service::steps::EnvironmentSteps;
use crate::service::{Error, Hub};
use crate::store::{self, Tx};

/// Endpoints that one sweep switches off.
const BATCH: u64 = 100;

impl Hub {
    /// Switches off endpoints whose days are over, also where nothing more is to be sent to them.
    ///
    /// # Errors
    /// The first; the other endpoints had their turn unless the database is away.
    pub async fn give_up_endpoints(self: &Arc<Self>) -> Result<(), Error> {
        let mut steps = EnvironmentSteps::default();
        let since = self.now().plus(-PATIENCE);
        for (environment, id) in store::webhook::failing_since(&self.store, since, BATCH).await? {
            steps.pass_row(environment, self.give_up(environment, id).await)?;
        }
        steps.end()
    }

    async fn give_up(
        self: &Arc<Self>,
        environment: EnvironmentId,
        id: WebhookEndpointId,
    ) -> Result<(), Error> {
        let (_, tenant) = *self.environment_of(environment).await?;
        let tx = self.store.begin().await?;
        let Some(mut endpoint) = store::webhook::lock(&tx, environment, id).await? else {
            return Ok(());
        };
        // It has taken something since, or another replica was faster.
        if !endpoint.give_up(self.now()) {
            return Ok(());
        }
        store::webhook::update(&tx, environment, &endpoint).await?;
        let alarm = self.note_switched_off(&tx, tenant, &endpoint).await?;
        tx.commit().await?;
        self.tell_owners(tenant, alarm).await
    }

    /// Calls off what an endpoint waits for that the hub has switched off in `tx`, and writes that down; what its owners
    /// are told.
    pub(super) async fn note_switched_off(
        &self,
        tx: &Tx,
        tenant: Tenant,
        endpoint: &WebhookEndpoint,
    ) -> Result<Alarm, Error> {
        self.call_off(tx, tenant.environment, endpoint.id).await?;
        let reason = endpoint.disabled_reason.map(|reason| reason.as_str().to_owned());
        let actor = hub_actor(tenant);
        self.record(tx, &actor, "webhook_endpoint.disable", target(endpoint.id), reason).await?;
        tracing::warn!(webhook_endpoint.id = %endpoint.id, "a webhook endpoint was switched off");
        let gone = endpoint.disabled_reason == Some(DisabledReason::Gone);
        Ok(Alarm::EndpointDisabled { url: endpoint.url.clone(), gone })
    }
}
