//! Writing down that an attempt failed, unless somebody else has moved on, and who is told of it.

use vouchsafe_entity::kind::FailClass;
use vouchsafe_entity::millis::Millis;

use super::claim::Begun;
use super::commit::{FIRST_WAIT, LONGEST_WAIT};
use super::hub_actor;
use crate::domain::credential::{Credential, Machine};
use crate::domain::event::EventType;
use crate::domain::refresh::{Failure, Landing, is_minted};
use crate::domain::workspace::Tenant;
use crate::oauth::TokenError;
use crate::service::audit::Target;
use crate::service::{Error, Hub};
use crate::store::credential::Guard;
use crate::store::{self, StoreError, Tx};

impl Hub {
    /// Writes down a failed attempt, unless somebody else has moved on. Where the answer lies unread, it is retried
    /// until the database takes it, as new tokens are: what was sent is spent, and must not be sent again. Its times are
    /// those of the clock that the next claim is compared with.
    pub(super) async fn commit_failure(
        &self,
        tenant: Tenant,
        claimed: &Credential,
        error: &TokenError,
        begun: Option<Begun>,
    ) -> Result<(), Error> {
        tracing::warn!(
            credential.id = %claimed.id,
            provider.slug = claimed.provider,
            error = error as &dyn std::error::Error,
            "a refresh failed"
        );
        let class = self.class_for(claimed, error);
        metrics::counter!("vouchsafe_refreshes_total", "outcome" => class.as_str()).increment(1);
        let mut wait = FIRST_WAIT;
        loop {
            match self.try_failing(tenant, claimed, error, (class, self.present(begun))).await {
                Err(Error::Store(refused @ StoreError::Database(_))) if self.is_held(claimed, error) => {
                    tracing::error!(
                        credential.id = %claimed.id,
                        error = &refused as &dyn std::error::Error,
                        "an answer that lies unread could not be noted yet"
                    );
                }
                written => return written,
            }
            tokio::time::sleep(wait).await;
            wait = (wait * 2).min(LONGEST_WAIT);
        }
    }

    async fn try_failing(
        &self,
        tenant: Tenant,
        claimed: &Credential,
        error: &TokenError,
        (class, now): (FailClass, Millis),
    ) -> Result<(), Error> {
        let guard = Guard { epoch: claimed.token.epoch, version: claimed.token.version };
        let tx = self.store.begin().await?;
        let Some(mut row) = store::credential::lock(&tx, tenant.environment, claimed.id).await? else {
            return Ok(());
        };
        let ours = row.token.landing(guard.epoch, guard.version) == Landing::Current
            && row.token.lease_seq == claimed.token.lease_seq;
        if !ours {
            return Ok(());
        }
        let refused = matches!(class, FailClass::Refused | FailClass::Revoked);
        let paused_until = if refused { self.note_refusal(&tx, tenant, &row, class).await? } else { None };
        let failure = Failure {
            retry_after: error.retry_after.and_then(|wait| i64::try_from(wait.as_millis()).ok()),
            paused_until,
            ..Failure::new(class, self.reuse_of(&row), is_minted(row.method))
        };
        let failed = row.token.clone().after_failure(&failure, now, self.times, self.jitter());
        // One refusal proves nothing: what is refused may live, and an answer that lost a race may not.
        let ends = matches!(failed.machine, Machine::Broken(_));
        if refused && ends && self.promote_orphan(&tx, tenant, &mut row).await? {
            tx.commit().await?;
            self.refreshes.nudge(tenant, row.connector_id, row.id, row.token.version);
            return Ok(());
        }
        row.token = failed;
        if class == FailClass::Client {
            self.connector_failed(&tx, tenant, &mut row, error.code.as_deref()).await?;
        }
        self.announce(&tx, tenant, &mut row).await?;
        store::credential::save_token(&tx, tenant.environment, row.id, &row.token, guard, None).await?;
        let code = error.code.as_deref().unwrap_or("no code");
        let reason = self.here(format!("{} ({code}), version {}", class, guard.version));
        let target = Target::new("credential", row.id);
        self.record(&tx, &hub_actor(tenant), "credential.refresh_failed", target, Some(reason)).await?;
        tx.commit().await?;
        alert(&row, class);
        Ok(())
    }

    /// The app refuses the client: a fault of the connector, told once, not on each of its credentials.
    async fn connector_failed(
        &self,
        tx: &Tx,
        tenant: Tenant,
        row: &mut Credential,
        code: Option<&str>,
    ) -> Result<(), Error> {
        use crate::domain::connector::Failing;
        let now = self.now();
        let failing = Failing { since: now, probe_at: now.plus(super::claim::PROBE_EVERY) };
        row.connector_failing = true;
        if store::connector::begin_failing(tx, tenant.environment, row.connector_id, failing).await? {
            let reason = code.unwrap_or("invalid_client");
            tracing::error!(
                environment.id = %tenant.environment,
                connector.key = row.connector,
                reason,
                "the app refuses the client of a connector"
            );
            self.tell_of_connector(tx, tenant, row, EventType::ConnectorFailing, Some(reason)).await?;
        }
        Ok(())
    }

    /// The class of a failure, seen from this credential: a client of the user's own that is refused is a refused
    /// grant. The scopes that are asked for are the connector's, so of those nothing is concluded.
    fn class_for(&self, credential: &Credential, error: &TokenError) -> FailClass {
        match error.class {
            FailClass::Client if !self.brings_own_client(credential) => FailClass::Client,
            FailClass::Client if error.code.as_deref() == Some("invalid_scope") => FailClass::Other,
            FailClass::Client => FailClass::Refused,
            class => class,
        }
    }
}

/// Failures that an operator must see at once.
pub(super) fn alert(row: &Credential, class: FailClass) {
    let told = match class {
        FailClass::Unreadable => {
            "an answer can't be read, or holds no token where its definition looks; it is kept"
        }
        FailClass::Local => "a token request could not be built",
        FailClass::Unopened => "the vault can't open a credential: it is left alone for a while",
        FailClass::Other if row.token.fail_count == 5 => "an app goes on refusing without saying why",
        FailClass::NotSent
        | FailClass::Ambiguous
        | FailClass::Throttled
        | FailClass::Refused
        | FailClass::Revoked
        | FailClass::Client
        | FailClass::Other => return,
    };
    tracing::error!(credential.id = %row.id, provider.slug = row.provider, "{told}");
    metrics::counter!("vouchsafe_alerts_total", "kind" => class.as_str()).increment(1);
}
