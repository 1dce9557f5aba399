//! Writing down what came of an attempt, by comparing the version that was spent.

use super::hub_actor;
use crate::domain::credential::{Credential, Machine};
use crate::domain::refresh::{Failure, Reuse, is_minted};
use crate::domain::workspace::Tenant;
use crate::oauth::{TokenAnswer, TokenError};
use crate::provider;
use crate::service::audit::Target;
use crate::service::material::{CURRENT, Material, PREVIOUS};
use crate::service::{Error, Hub};
use crate::store;
use crate::store::credential::Guard;
use std::time::Duration;
use vouchsafe_entity::kind::Method;
use vouchsafe_entity::millis::Millis;

impl Hub {
    /// Writes new tokens, if the version that was spent is still the one there. It is retried until the database
    /// takes it: the answer may be the only live grant.
    pub(super) async fn commit(
        &self,
        tenant: Tenant,
        credential: Credential,
        mut material: Material,
        answer: &TokenAnswer,
        sent_at: Millis,
    ) -> Result<(), Error> {
        let at = (credential.token.epoch, credential.token.version);
        let previous = self.seal_material(tenant, PREVIOUS, credential.id, at, &material)?;
        if let Some(definition) = self.providers().get(&credential.provider) {
            let captured = provider::Captured::Token(answer.raw.expose());
            // What a refresh does not repeat stays as it was captured on connecting.
            if let Ok(captured) = definition.captures(credential.method, captured) {
                for (name, value) in captured {
                    material.set(&name, value);
                }
            }
        }
        material.take(answer);
        let mut wait = Duration::from_millis(50);
        loop {
            match self.write_tokens(tenant, &credential, &material, &previous, answer, sent_at).await {
                Err(Error::Store(error)) => {
                    tracing::error!(
                        credential.id = %credential.id,
                        error = &error as &dyn std::error::Error,
                        "new tokens could not be written yet"
                    );
                    tokio::time::sleep(wait).await;
                    wait = (wait * 2).min(Duration::from_secs(5));
                }
                other => return other,
            }
        }
    }

    async fn write_tokens(
        &self,
        tenant: Tenant,
        spent: &Credential,
        material: &Material,
        previous: &vouchsafe_entity::sealed::Sealed,
        answer: &TokenAnswer,
        sent_at: Millis,
    ) -> Result<(), Error> {
        let environment = tenant.environment;
        let guard = Guard { epoch: spent.token.epoch, version: spent.token.version };
        let tx = self.store.begin().await?;
        let Some(mut row) = store::credential::lock(&tx, environment, spent.id).await? else {
            return Ok(());
        };
        if row.token.epoch != guard.epoch || row.token.version != guard.version {
            tracing::warn!(credential.id = %spent.id, "new tokens came for a grant that has moved on");
            return Ok(());
        }
        row.token.version += 1;
        let at = (row.token.epoch, row.token.version);
        row.token.sealed = Some(self.seal_material(tenant, CURRENT, row.id, at, material)?);
        row.token.machine = Machine::Active;
        row.token.state_since = self.now();
        row.token.attempt = None;
        row.token.fail_class = None;
        row.token.fail_count = 0;
        row.token.has_refresh_token = material.refresh_token.is_some();
        if let Some(scopes) = &answer.scopes {
            row.scopes.clone_from(scopes);
        }
        row.last_refreshed_at = Some(self.now());
        row.updated_at = self.now();
        self.date_tokens(&mut row, answer.expires_in, sent_at);
        self.announce(&tx, tenant, &mut row).await?;
        store::credential::update(&tx, environment, &row).await?;
        let previous = Some(previous.clone());
        if !store::credential::save_token(&tx, environment, row.id, &row.token, guard, previous).await? {
            return Ok(());
        }
        let outcome = format!("version {} to {}", guard.version, row.token.version);
        self.record(
            &tx,
            &hub_actor(tenant),
            "credential.refreshed",
            Target::new("credential", row.id),
            Some(outcome),
        )
        .await?;
        tx.commit().await?;
        metrics::counter!("vouchsafe_refreshes_total", "outcome" => "ok").increment(1);
        Ok(())
    }

    pub(super) async fn commit_failure(
        &self,
        tenant: Tenant,
        claimed: &Credential,
        error: &TokenError,
    ) -> Result<(), Error> {
        tracing::warn!(
            credential.id = %claimed.id,
            provider.slug = claimed.provider,
            error = error as &dyn std::error::Error,
            "a refresh failed"
        );
        metrics::counter!("vouchsafe_refreshes_total", "outcome" => error.class.as_str()).increment(1);
        let failure = Failure {
            class: error.class,
            reuse: self.reuse_of(claimed),
            minted: is_minted(claimed.method),
            retry_after: error.retry_after.and_then(|wait| i64::try_from(wait.as_millis()).ok()),
        };
        let guard = Guard { epoch: claimed.token.epoch, version: claimed.token.version };
        let tx = self.store.begin().await?;
        let Some(mut row) = store::credential::lock(&tx, tenant.environment, claimed.id).await? else {
            return Ok(());
        };
        if row.token.epoch != guard.epoch || row.token.version != guard.version {
            return Ok(());
        }
        let jitter = self.jitter();
        row.token = row.token.after_failure(&failure, self.now(), self.times, jitter);
        self.announce(&tx, tenant, &mut row).await?;
        store::credential::save_token(&tx, tenant.environment, row.id, &row.token, guard, None).await?;
        let code = error.code.as_deref().unwrap_or("no code");
        let reason = Some(format!("{} ({code})", error.class));
        self.record(
            &tx,
            &hub_actor(tenant),
            "credential.refresh_failed",
            Target::new("credential", row.id),
            reason,
        )
        .await?;
        Ok(tx.commit().await?)
    }

    fn reuse_of(&self, credential: &Credential) -> Reuse {
        let definition = self.providers().get(&credential.provider);
        let stated =
            definition.as_ref().and_then(|definition| definition.refresh()).map(|policy| policy.reuse);
        match stated {
            Some(provider::Reuse::Static) => Reuse::Static,
            Some(provider::Reuse::Grace(window)) => {
                Reuse::Grace(i64::try_from(window.as_millis()).unwrap_or(i64::MAX))
            }
            None if credential.method != Method::OAuth2 => Reuse::Static,
            Some(provider::Reuse::Reject | provider::Reuse::Strict | provider::Reuse::Unknown) | None => {
                Reuse::Strict
            }
        }
    }
}
