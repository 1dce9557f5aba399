//! The calls: at once for whoever waits, later by the worker, each written down with what the app said.

use std::collections::BTreeMap;
use std::time::Duration;

use secrecy::SecretString;
use serde::Deserialize;
use vouchsafe_entity::millis::Millis;

use super::{SEALED, Upstream, ends_grant};
use crate::domain::actor::Actor;
use crate::domain::connector::Connector;
use crate::domain::revocation::RevocationJob;
use crate::domain::workspace::Tenant;
use crate::oauth::ClientAuth;
use crate::oauth::revoke::{Revocable, Revocation, revoke};
use crate::provider::Values;
use crate::service::material::{ConnectorSecrets, place};
use crate::service::references::SecretUses;
use crate::service::refresh::hub_actor;
use crate::service::throttle::{Patience, TURN_WAIT};
use crate::service::{Code, Error, Hub};
use crate::store;

/// Whoever waits for an answer does so for this long, for the turn and the call together (`refresh.md`, section 9).
const WITHIN: Duration = Duration::from_secs(10);
/// The worker waits for the call alone as long as that.
const WITHIN_FOR_WORKER: Duration = TURN_WAIT.saturating_add(WITHIN);

/// What a call needs, open.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Order {
    #[serde(default)]
    connector: Option<String>,
    client_id: String,
    #[serde(default)]
    client_secret: Option<SecretString>,
    #[serde(default)]
    refresh_token: Option<SecretString>,
    #[serde(default)]
    access_token: Option<SecretString>,
    settings: BTreeMap<String, SecretString>,
    values: BTreeMap<String, SecretString>,
}

impl Order {
    /// The connector as it was when the tokens ended, as far as a request needs it, and its settings.
    fn connector_then(&mut self, job: &RevocationJob) -> (Connector, ConnectorSecrets) {
        // Its key decides about secrets alone.
        let key = self.connector.take().unwrap_or_default();
        let mut connector = Connector::by_default(job.environment, &key);
        connector.provider.clone_from(&job.provider);
        connector.client_id = Some(std::mem::take(&mut self.client_id));
        let variables = std::mem::take(&mut self.settings);
        (connector, ConnectorSecrets { client_secret: self.client_secret.take(), variables })
    }
}

impl Hub {
    /// Tells the app now, for whoever waits for the answer. A failure is tried again for a day.
    pub(in crate::service) async fn tell_now(
        &self,
        actor: &Actor,
        job: &RevocationJob,
    ) -> Result<Upstream, Error> {
        if !self.may_refresh() {
            // The credentials may be another deployment's; the job waits until somebody has decided.
            return Ok(Upstream::Failed);
        }
        // What gets no turn in time is told by the worker, like what fails.
        let outcome = self.tell_app(actor.tenant, job, WITHIN).await.unwrap_or(Upstream::Failed);
        if let Err(error) = self.conclude(actor, job, outcome).await {
            // The end itself is written down; the worker tells the app once more.
            tracing::error!(
                credential.id = %job.remains.credential,
                error = &error as &dyn std::error::Error,
                "what an app said of a revocation could not be written down"
            );
        }
        Ok(outcome)
    }

    /// One try by the worker.
    pub(super) async fn tell_again(&self, job: &RevocationJob) -> Result<(), Error> {
        let (_, tenant) = *self.environment_of(job.environment).await?;
        let outcome = match self.tell_app(tenant, job, WITHIN_FOR_WORKER).await {
            Some(outcome) => outcome,
            None => match job.next_turn(self.now(), self.jitter()) {
                Some(at) => return self.put_back(job, at).await,
                None => Upstream::Failed,
            },
        };
        self.conclude(&hub_actor(tenant), job, outcome).await
    }

    /// One call, unless the grant has found another use meanwhile; none where no turn came for it.
    async fn tell_app(&self, tenant: Tenant, job: &RevocationJob, within: Duration) -> Option<Upstream> {
        Some(match tokio::time::timeout(within, self.call_revocation(tenant, job)).await {
            Ok(Ok(Revocation::Revoked)) => Upstream::Revoked,
            Ok(Ok(Revocation::Unsupported)) => Upstream::Unsupported,
            Ok(Ok(Revocation::Failed(error))) => failed(job, &error),
            Ok(Err(Error::Refused { code: Code::ProviderBusy, .. })) => return None,
            Ok(Err(error)) => failed(job, &error),
            Err(late) => failed(job, &late),
        })
    }

    /// Leaves a job for `at` whose app was not called: that is no try.
    async fn put_back(&self, job: &RevocationJob, at: Millis) -> Result<(), Error> {
        let tx = self.store.begin().await?;
        store::revocation::postpone(&tx, job, job.tries.saturating_sub(1), at).await?;
        Ok(tx.commit().await?)
    }

    async fn call_revocation(&self, tenant: Tenant, job: &RevocationJob) -> Result<Revocation, Error> {
        let definition = self.providers().get(&job.provider);
        let definition = definition.ok_or(Error::internal("the definition of a revocation is not loaded"))?;
        if ends_grant(&definition)
            && store::revocation::is_shared(&self.store, job.environment, &job.remains).await?
        {
            return Ok(Revocation::Unsupported);
        }
        let row = job.id.to_string();
        let mut order: Order = self.vault.open(&place(tenant, SEALED, &row, (0, 0)), &job.sealed)?;
        let token = match (order.refresh_token.take(), order.access_token.take()) {
            (Some(token), _) => Revocable::RefreshToken(token),
            (None, Some(token)) => Revocable::AccessToken(token),
            (None, None) => return Ok(Revocation::Unsupported),
        };
        let (client, values, uses) = self.settings_now(tenant, job, &mut order).await?;
        let url = definition.revocation_endpoint(&values);
        let _turn = match url {
            Some(url) => self.turn_to(tenant.workspace, &definition, url, Patience::Refusable).await?,
            None => None,
        };
        self.note_secret_uses(&uses);
        Ok(revoke(&self.egress, &definition, &values, &client, &token, self.clock.now()).await)
    }

    /// The client that the tokens were given to and the connector's values, of the settings that it has now or had when it
    /// went, and over them those of the credential. A secret that may not be used any more is refused.
    async fn settings_now(
        &self,
        tenant: Tenant,
        job: &RevocationJob,
        order: &mut Order,
    ) -> Result<(ClientAuth, Values, SecretUses), Error> {
        let found = store::connector::find(&self.store, job.environment, job.remains.connector).await?;
        let mut own = Values::new();
        own.extend(std::mem::take(&mut order.values));
        let now = found
            .filter(|now| now.provider == job.provider && now.client_id.as_ref() == Some(&order.client_id));
        let (connector, settings) = match now {
            Some(connector) => {
                let settings = self.open_connector(tenant, &connector)?;
                (connector, settings)
            }
            None => order.connector_then(job),
        };
        let (values, mut uses) = self.fill_values(tenant, &connector, &settings, &own).await?;
        let client = self.fill_client(tenant, &connector, &settings, &values).await?;
        let (client, more) = client.ok_or(Error::internal("a revocation without a client"))?;
        uses.extend(more);
        Ok((client, values, uses))
    }

    /// Writes down what the app said: the end of a job wipes its tokens.
    async fn conclude(&self, actor: &Actor, job: &RevocationJob, outcome: Upstream) -> Result<(), Error> {
        let again = match outcome {
            Upstream::Failed => job.next_try(self.now(), self.jitter()),
            Upstream::Revoked | Upstream::Unsupported => None,
        };
        metrics::counter!("vouchsafe_revocations_total", "outcome" => outcome.as_str()).increment(1);
        let tx = self.store.begin().await?;
        match again {
            Some(at) => {
                store::revocation::postpone(&tx, job, job.tries, at).await?;
                if job.tries <= 1 {
                    let words = "failed; tried again for a day";
                    self.record_outcome(&tx, actor, job.remains.credential, words).await?;
                }
            }
            None => {
                if store::revocation::delete(&tx, job.environment, job.id).await? {
                    self.note_wiped();
                    self.record_outcome(&tx, actor, job.remains.credential, outcome.as_str()).await?;
                }
            }
        }
        Ok(tx.commit().await?)
    }
}

fn failed(job: &RevocationJob, error: &(dyn std::error::Error + 'static)) -> Upstream {
    tracing::warn!(
        credential.id = %job.remains.credential,
        provider.slug = job.provider,
        tries = job.tries,
        error,
        "the app did not confirm a revocation"
    );
    Upstream::Failed
}
