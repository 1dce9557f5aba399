//! Telling apps that tokens are to die (RFC 7009), so that it is not forgotten: what is to be revoked is written in the
//! transaction that ends it here, tried at once, and again for a day by whichever replica is free.

mod lines;
mod tell;

use std::collections::BTreeMap;
use std::sync::Arc;

use secrecy::{ExposeSecret as _, SecretString};
use serde::Serialize;
use vouchsafe_entity::id::{ConnectorId, CredentialId, RevocationJobId};
use vouchsafe_entity::kind::Method;

use super::audit::Target;
use super::material::{Material, place};
use super::refresh::hub_actor;
use super::{Error, Hub};
use crate::domain::actor::Actor;
use crate::domain::audit::AuditEvent;
use crate::domain::connector::Connector;
use crate::domain::revocation::{Remains, RevocationJob};
use crate::domain::secret_reference::is_dynamic;
use crate::domain::workspace::Tenant;
use crate::oauth::ClientAuth;
use crate::provider::{Definition, RevokeScope, Values};
use crate::store::{self, Tx};

const SEALED: (&str, &str) = ("revocation_job", "sealed");
/// Whoever tells the app has so long; then another one does.
const LEASE_SECONDS: i64 = 60;

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

/// What a connector gives to each of its revocations, should it be gone by then: its settings as they are written. What
/// they refer to is looked up when the app is told, for a secret may have ended by then.
pub(super) struct Teller {
    definition: Arc<Definition>,
    /// The connector's key.
    connector: String,
    client: ClientAuth,
    values: Values,
}

/// What a call needs, as it is written; made only while sealing.
#[derive(Serialize)]
struct WrittenOrder<'a> {
    /// The connector's key, where its settings refer to secrets.
    #[serde(skip_serializing_if = "Option::is_none")]
    connector: Option<&'a str>,
    client_id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    client_secret: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    refresh_token: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    access_token: Option<&'a str>,
    /// The connector's.
    settings: BTreeMap<&'a str, &'a str>,
    /// The credential's.
    values: BTreeMap<&'a str, &'a str>,
}

impl Hub {
    /// What tells the app of a connector; none where it can't be told.
    pub(super) async fn teller(
        &self,
        db: &impl store::Reads,
        tenant: Tenant,
        connector: ConnectorId,
    ) -> Result<Option<Teller>, Error> {
        match store::connector::find(db, tenant.environment, connector).await? {
            Some(connector) => self.teller_of(tenant, &connector),
            None => Ok(None),
        }
    }

    fn teller_of(&self, tenant: Tenant, connector: &Connector) -> Result<Option<Teller>, Error> {
        let Some(definition) = self.providers().get(&connector.provider) else {
            return Ok(None);
        };
        if definition.oauth2().is_none_or(|oauth2| oauth2.revocation_endpoint.is_none()) {
            return Ok(None);
        }
        let Some(client_id) = connector.client_id.clone() else {
            return Ok(None);
        };
        let settings = self.open_connector(tenant, connector)?;
        let mut values = Values::new();
        for (name, text) in &connector.variables {
            values.set(name.as_str(), text.as_str());
        }
        values.extend(settings.variables);
        let client = ClientAuth { client_id, client_secret: settings.client_secret };
        Ok(Some(Teller { definition, connector: connector.key.clone(), client, values }))
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
        let mut texts = teller.values.iter().map(|(_, text)| text).chain(&teller.client.client_secret);
        let refers = texts.any(|text| is_dynamic(text.expose_secret().as_bytes()));
        let written = WrittenOrder {
            connector: refers.then_some(teller.connector.as_str()),
            client_id: &teller.client.client_id,
            client_secret: teller.client.client_secret.as_ref().map(SecretString::expose_secret),
            refresh_token,
            access_token: access_token.filter(|_| refresh_token.is_none()),
            settings: exposed(&teller.values),
            values: exposed(&own),
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
        if let Some(teller) = self.teller_of(tenant, connector)?.filter(|_| remains.method == Method::OAuth2)
        {
            self.part_by(tx, tenant, &teller, remains, material, First::Worker).await?;
        }
        Ok(())
    }

    /// Writes down what became of a grant at the provider.
    pub(super) async fn record_outcome(
        &self,
        tx: &Tx,
        actor: &Actor,
        credential: CredentialId,
        outcome: &str,
    ) -> Result<(), Error> {
        let row = self.outcome_event(actor, Target::new("credential", credential), outcome);
        self.insert_audit(tx, &[row]).await
    }

    /// The audit row of what became of a grant at the provider.
    pub(super) fn outcome_event(&self, actor: &Actor, target: Target, outcome: &str) -> AuditEvent {
        self.audit_event(actor, "credential.revoke_upstream", target, "ok", Some(outcome.to_owned()))
    }
}

/// Values as they are written; the access token stands on its own.
fn exposed(values: &Values) -> BTreeMap<&str, &str> {
    let kept = values.iter().filter(|(name, _)| *name != "access_token");
    kept.map(|(name, value)| (name, value.expose_secret())).collect()
}

/// Whether a revocation ends all that the account gave. That is taken for granted where nothing else is stated, since
/// the other mistake would end a live credential.
fn ends_grant(definition: &Definition) -> bool {
    definition.refresh().is_none_or(|policy| policy.revoke_scope == RevokeScope::Grant)
}
