//! Telling apps that tokens are to die (RFC 7009), so that it is not forgotten: what is to be revoked is written in the
//! transaction that ends it here, tried at once, and again for a day by whichever replica is free.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use futures_util::StreamExt as _;
use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Serialize};
use vouchsafe_entity::id::{ConnectorId, CredentialId, RevocationJobId};
use vouchsafe_entity::kind::Method;

use super::audit::Target;
use super::material::{Material, place};
use super::refresh::hub_actor;
use super::{Error, Hub};
use crate::domain::actor::Actor;
use crate::domain::connector::Connector;
use crate::domain::revocation::{Remains, RevocationJob};
use crate::domain::workspace::Tenant;
use crate::oauth::ClientAuth;
use crate::oauth::revoke::{Revocable, Revocation, revoke};
use crate::provider::{Definition, RevokeScope, Values};
use crate::store::{self, Tx};

const SEALED: (&str, &str) = ("revocation_job", "sealed");
/// Whoever waits for an answer does so for this long.
const WITHIN: Duration = Duration::from_secs(10);
/// Whoever tells the app has so long; then another one does.
const LEASE_SECONDS: i64 = 60;
const BATCH: u64 = 64;
const AT_ONCE: usize = 8;

/// What became of the tokens at the provider.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Upstream {
    /// Dead there.
    Revoked,
    /// The app has no way to be told, or another credential lives by the same grant.
    Unsupported,
    /// It was told and did not say yes.
    Failed,
}

impl Upstream {
    /// The word as shown.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Revoked => "revoked",
            Self::Unsupported => "unsupported",
            Self::Failed => "failed",
        }
    }
}

/// What is to be done at the provider about tokens that end.
pub(super) enum Farewell {
    /// This.
    Job(Box<RevocationJob>),
    /// Nothing: what becomes of them is known.
    Known(Upstream),
}

/// Who calls first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum First {
    /// Somebody waits for the answer.
    Caller,
    /// The worker.
    Worker,
}

/// What a connector gives to each of its revocations.
pub(super) struct Teller {
    definition: Arc<Definition>,
    client: ClientAuth,
    values: Values,
}

/// What a call needs, as it is written; made only while sealing.
#[derive(Serialize)]
struct WrittenOrder<'a> {
    client_id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    client_secret: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    refresh_token: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    access_token: Option<&'a str>,
    values: BTreeMap<&'a str, &'a str>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Order {
    client_id: String,
    #[serde(default)]
    client_secret: Option<SecretString>,
    #[serde(default)]
    refresh_token: Option<SecretString>,
    #[serde(default)]
    access_token: Option<SecretString>,
    values: BTreeMap<String, SecretString>,
}

impl Hub {
    /// What tells the app of a connector; none where it can't be told. It is read before the connector goes, as its
    /// jobs may outlive it.
    pub(super) async fn teller(
        &self,
        db: &impl store::Reads,
        tenant: Tenant,
        connector: ConnectorId,
    ) -> Result<Option<Teller>, Error> {
        match store::connector::find(db, tenant.environment, connector).await? {
            Some(connector) => self.teller_of(tenant, &connector).await,
            None => Ok(None),
        }
    }

    async fn teller_of(&self, tenant: Tenant, connector: &Connector) -> Result<Option<Teller>, Error> {
        let Some(definition) = self.providers().get(&connector.provider) else {
            return Ok(None);
        };
        if definition.oauth2().is_none_or(|oauth2| oauth2.revocation_endpoint.is_none()) {
            return Ok(None);
        }
        let Some(client) = self.client(tenant, connector).await? else {
            return Ok(None);
        };
        let values = self.connector_values(tenant, connector).await?;
        Ok(Some(Teller { definition, client, values }))
    }

    /// The job that tells the app of the end of `material`, to be stored in the transaction of that end.
    pub(super) fn order(
        &self,
        tenant: Tenant,
        teller: &Teller,
        remains: Remains,
        material: &Material,
        first: First,
    ) -> Result<Option<RevocationJob>, Error> {
        let refresh_token = material.refresh_token.as_ref().map(SecretString::expose_secret);
        let access_token = material.access_token.as_ref().map(SecretString::expose_secret);
        if refresh_token.or(access_token).is_none() {
            return Ok(None);
        }
        let own = material.values();
        let mut values = BTreeMap::new();
        for (name, value) in
            teller.values.iter().chain(own.iter()).filter(|(name, _)| *name != "access_token")
        {
            values.insert(name, value.expose_secret());
        }
        let written = WrittenOrder {
            client_id: &teller.client.client_id,
            client_secret: teller.client.client_secret.as_ref().map(SecretString::expose_secret),
            refresh_token,
            access_token: access_token.filter(|_| refresh_token.is_none()),
            values,
        };
        let id = RevocationJobId::new(self.ids.next());
        let now = self.now();
        let sealed = self.vault.seal(&place(tenant, SEALED, &id.to_string(), (0, 0)), &written)?;
        let (tries, next_try_at) = match first {
            First::Caller => (1, now.plus_seconds(LEASE_SECONDS)),
            First::Worker => (0, now),
        };
        Ok(Some(RevocationJob {
            id,
            environment: tenant.environment,
            remains,
            provider: teller.definition.slug().to_owned(),
            sealed,
            tries,
            next_try_at,
            created_at: now,
        }))
    }

    /// Writes in `tx`, which ends a grant, that its app is to be told. What is known without asking is said at once.
    pub(super) async fn part(
        &self,
        tx: &Tx,
        tenant: Tenant,
        remains: Remains,
        material: &Material,
        first: First,
    ) -> Result<Farewell, Error> {
        if remains.method != Method::OAuth2 {
            return Ok(Farewell::Known(Upstream::Unsupported));
        }
        let teller = match self.teller(tx, tenant, remains.connector).await {
            Ok(teller) => teller,
            Err(Error::Store(error)) => return Err(error.into()),
            // A connector that does not open holds up no end.
            Err(_) => return Ok(Farewell::Known(Upstream::Failed)),
        };
        match teller {
            Some(teller) => self.part_by(tx, tenant, &teller, remains, material, first).await,
            None => Ok(Farewell::Known(Upstream::Unsupported)),
        }
    }

    async fn part_by(
        &self,
        tx: &Tx,
        tenant: Tenant,
        teller: &Teller,
        remains: Remains,
        material: &Material,
        first: First,
    ) -> Result<Farewell, Error> {
        if ends_grant(&teller.definition)
            && store::revocation::is_shared(tx, tenant.environment, &remains).await?
        {
            return Ok(Farewell::Known(Upstream::Unsupported));
        }
        let Some(job) = self.order(tenant, teller, remains, material, first)? else {
            return Ok(Farewell::Known(Upstream::Unsupported));
        };
        store::revocation::insert(tx, vec![job.clone()]).await?;
        Ok(Farewell::Job(Box::new(job)))
    }

    /// Writes in `tx` that the app is to be told of tokens that nobody wants: they came too late, or were not
    /// confirmed. The worker tells it.
    pub(super) async fn give_back(
        &self,
        tx: &Tx,
        tenant: Tenant,
        remains: Remains,
        material: &Material,
    ) -> Result<(), Error> {
        let credential = remains.credential;
        match self.part(tx, tenant, remains, material, First::Worker).await? {
            Farewell::Job(_) => Ok(()),
            Farewell::Known(outcome) => {
                self.record_outcome(tx, &hub_actor(tenant), credential, outcome.as_str()).await
            }
        }
    }

    /// The same for tokens whose credential is gone with its row, and perhaps with `connector`.
    pub(super) async fn give_back_by(
        &self,
        tx: &Tx,
        tenant: Tenant,
        connector: &Connector,
        remains: Remains,
        material: &Material,
    ) -> Result<(), Error> {
        if let Some(teller) =
            self.teller_of(tenant, connector).await?.filter(|_| remains.method == Method::OAuth2)
        {
            self.part_by(tx, tenant, &teller, remains, material, First::Worker).await?;
        }
        Ok(())
    }

    /// Tells the app now, for whoever waits for the answer. A failure is tried again for a day.
    pub(super) async fn tell_now(&self, actor: &Actor, job: &RevocationJob) -> Result<Upstream, Error> {
        if !self.may_refresh() {
            // The credentials may be another deployment's; the job waits until somebody has decided.
            return Ok(Upstream::Failed);
        }
        let outcome = self.tell_app(actor.tenant, job).await;
        self.conclude(actor, job, outcome).await?;
        Ok(outcome)
    }

    /// Tells the apps that are to be told and have not listened yet.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn work_off_revocations(&self) -> Result<(), Error> {
        while self.may_refresh()
            && !self.closing.is_cancelled()
            && store::revocation::is_due(&self.store, self.now()).await?
        {
            let now = self.now();
            let tx = self.store.begin().await?;
            let jobs = store::revocation::claim(&tx, now, now.plus_seconds(LEASE_SECONDS), BATCH).await?;
            tx.commit().await?;
            futures_util::stream::iter(&jobs)
                .for_each_concurrent(AT_ONCE, |job| async move {
                    if let Err(error) = self.tell_again(job).await {
                        tracing::error!(
                            credential.id = %job.remains.credential,
                            error = &error as &dyn std::error::Error,
                            "a revocation could not be worked off"
                        );
                    }
                })
                .await;
        }
        Ok(())
    }

    async fn tell_again(&self, job: &RevocationJob) -> Result<(), Error> {
        let (_, tenant) = *self.environment_of(job.environment).await?;
        let outcome = self.tell_app(tenant, job).await;
        self.conclude(&hub_actor(tenant), job, outcome).await
    }

    /// One call, unless the grant has found another use meanwhile.
    async fn tell_app(&self, tenant: Tenant, job: &RevocationJob) -> Upstream {
        match tokio::time::timeout(WITHIN, self.call_revocation(tenant, job)).await {
            Ok(Ok(Revocation::Revoked)) => Upstream::Revoked,
            Ok(Ok(Revocation::Unsupported)) => Upstream::Unsupported,
            Ok(Ok(Revocation::Failed(error))) => failed(job, &error),
            Ok(Err(error)) => failed(job, &error),
            Err(late) => failed(job, &late),
        }
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
        let mut values = Values::new();
        values.extend(order.values);
        let client = ClientAuth { client_id: order.client_id, client_secret: order.client_secret };
        let client = self.client_now(tenant, job, client).await?;
        Ok(revoke(&self.egress, &definition, &values, &client, &token, self.clock.now()).await)
    }

    /// The client that the tokens were given to, with the secret that it has now.
    async fn client_now(
        &self,
        tenant: Tenant,
        job: &RevocationJob,
        then: ClientAuth,
    ) -> Result<ClientAuth, Error> {
        let found = store::connector::find(&self.store, job.environment, job.remains.connector).await?;
        let Some(connector) = found.filter(|now| now.client_id.as_ref() == Some(&then.client_id)) else {
            return Ok(then);
        };
        Ok(self.client(tenant, &connector).await?.unwrap_or(then))
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
                store::revocation::postpone(&tx, job.environment, job.id, at).await?;
                if job.tries <= 1 {
                    let words = "failed; tried again for a day";
                    self.record_outcome(&tx, actor, job.remains.credential, words).await?;
                }
            }
            None => {
                if store::revocation::delete(&tx, job.environment, job.id).await? {
                    self.wiped.store(true, Ordering::Relaxed);
                    self.record_outcome(&tx, actor, job.remains.credential, outcome.as_str()).await?;
                }
            }
        }
        Ok(tx.commit().await?)
    }

    /// Writes down what became of a grant at the provider.
    pub(super) async fn record_outcome(
        &self,
        tx: &Tx,
        actor: &Actor,
        credential: CredentialId,
        outcome: &str,
    ) -> Result<(), Error> {
        let target = Target::new("credential", credential);
        self.record(tx, actor, "credential.revoke_upstream", target, Some(outcome.to_owned())).await
    }
}

/// Whether a revocation ends all that the account gave. That is taken for granted where nothing else is stated, since
/// the other mistake would end a live credential.
fn ends_grant(definition: &Definition) -> bool {
    definition.refresh().is_none_or(|policy| policy.revoke_scope == RevokeScope::Grant)
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
