//! Renewing tokens: one request for each version, however many callers ask (`refresh.md`, section 5).
//!
//! A claim proves that database and key work before a token is spent; the answer is committed by comparing the
//! version that was spent, never the lease.

mod commit;
mod single_flight;

pub(super) use single_flight::SingleFlight;

use std::sync::Arc;
use std::time::Duration;

use vouchsafe_entity::id::CredentialId;
use vouchsafe_entity::kind::{FailClass, TokenState};
use vouchsafe_entity::millis::Millis;

use super::audit::Target;
use super::material::{CURRENT, Material};
use super::tokens::pending;
use super::{Code, Error, Hub};
use crate::domain::actor::{Actor, Author, Origin};
use crate::domain::credential::Credential;
use crate::domain::refresh::{NotClaimed, is_minted};
use crate::domain::workspace::Tenant;
use crate::oauth::{TokenAnswer, TokenError};
use crate::provider;
use crate::store;
use crate::store::credential::Guard;

/// A caller waits so long for a new token.
const WAIT: Duration = Duration::from_secs(25);
/// `POST …/refresh` is taken so often.
const MANUAL_SECONDS: i64 = 60;
/// How many due credentials a sweep takes at once.
const BATCH: u64 = 100;

impl Hub {
    /// Renews at once, whoever else does, and says how the credential stands.
    ///
    /// # Errors
    /// [`Code::RefreshTooSoon`], [`Code::NotRefreshable`], and those of a token read.
    pub async fn refresh_credential(&self, actor: &Actor, id: CredentialId) -> Result<Credential, Error> {
        let credential = self.get_credential(actor, id).await?;
        if !credential.is_renewable() {
            let detail =
                "This credential has nothing to refresh: it is a key, or the app gave no refresh token.";
            return Err(Error::refused(Code::NotRefreshable, detail));
        }
        if let Some(last) = last_attempt(&credential) {
            let since = self.now().since(last) / 1_000;
            if since < MANUAL_SECONDS {
                let wait = u64::try_from(MANUAL_SECONDS - since).unwrap_or(1);
                let detail = "This credential was refreshed within the last minute.";
                return Err(Error::later(Code::RefreshTooSoon, detail, wait));
            }
        }
        self.refresh_now(actor.tenant, &credential).await?;
        self.record_read(actor, "credential.refresh", Target::new("credential", id)).await?;
        let renewed = self.get_credential(actor, id).await?;
        if renewed.token.version == credential.token.version {
            return Err(self.not_renewed(&renewed));
        }
        Ok(renewed)
    }

    /// Renews whatever the state says of the next try, and waits.
    pub(super) async fn refresh_now(&self, tenant: Tenant, credential: &Credential) -> Result<(), Error> {
        self.join(tenant, credential, true).await
    }

    /// Renews a spent token and waits.
    pub(super) async fn refresh_and_wait(
        &self,
        tenant: Tenant,
        credential: &Credential,
    ) -> Result<(), Error> {
        self.join(tenant, credential, false).await
    }

    /// Renews a token that still works, without anybody waiting.
    pub(super) fn refresh_in_background(&self, tenant: Tenant, credential: &Credential) {
        self.refreshes.nudge(tenant, credential.id, credential.token.version);
    }

    /// Joins the one attempt for this version, beginning it where there is none.
    async fn join(&self, tenant: Tenant, credential: &Credential, forced: bool) -> Result<(), Error> {
        if let Some(refusal) = self.not_adopted() {
            return Err(refusal);
        }
        let mut done = self.refreshes.join(tenant, credential.id, credential.token.version, forced);
        match tokio::time::timeout(WAIT, done.changed()).await {
            Ok(_) => Ok(()),
            Err(_) => Err(pending(5)),
        }
    }

    /// Carries out the attempts that are asked for, until the channel closes. Each runs on its own: a caller that
    /// goes away does not end it.
    pub async fn run_refreshes(self: Arc<Self>) {
        while let Some(request) = self.refreshes.next().await {
            let hub = Arc::clone(&self);
            self.tasks.spawn(async move {
                let attempt =
                    hub.attempt(request.tenant, request.credential, request.version, request.forced);
                if let Err(error) = attempt.await {
                    tracing::error!(
                        credential.id = %request.credential,
                        error = &error as &dyn std::error::Error,
                        "a refresh could not be carried out"
                    );
                }
                drop(request);
            });
        }
    }

    /// Does what is due: asks for renewals, ends what nothing renews, gives back what nobody confirmed.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn work_off_due(&self) -> Result<(), Error> {
        for due in store::credential::due(&self.store, self.now(), BATCH).await? {
            let (_, tenant) = *self.environment_of(due.environment_id).await?;
            if due.state == TokenState::Pending {
                self.drop_credential(&hub_actor(tenant), due.credential_id).await?;
            } else if due.has_refresh_token || is_minted(due.method) {
                self.refreshes.nudge(tenant, due.credential_id, due.token_version);
            } else {
                self.write_down_end(due.environment_id, due.credential_id).await?;
            }
        }
        Ok(())
    }

    /// One attempt: claim, call, commit.
    async fn attempt(
        &self,
        tenant: Tenant,
        id: CredentialId,
        version: i64,
        forced: bool,
    ) -> Result<(), Error> {
        let Some((credential, material)) = self.claim(tenant, id, version, forced).await? else {
            return Ok(());
        };
        let sent_at = self.now();
        let outcome = self.call(tenant, &credential, &material).await;
        match outcome {
            Ok(answer) => self.commit(tenant, credential, material, &answer, sent_at).await,
            Err(error) => self.commit_failure(tenant, &credential, &error).await,
        }
    }

    /// Claims a version, in one short transaction that opens and writes back its sealed object. None where somebody
    /// else has it, or nothing may be done now.
    async fn claim(
        &self,
        tenant: Tenant,
        id: CredentialId,
        version: i64,
        forced: bool,
    ) -> Result<Option<(Credential, Material)>, Error> {
        if !self.may_refresh() {
            return Ok(None);
        }
        let tx = self.store.begin().await?;
        let Some(mut credential) = store::credential::lock(&tx, tenant.environment, id).await? else {
            return Ok(None);
        };
        if !credential.is_renewable() || credential.broken_cause(self.now()).is_some() {
            return Ok(None);
        }
        let claimed = credential.token.clone().claim(version, &self.node, self.now(), self.times, forced);
        credential.token = match claimed {
            Ok(token) => token,
            Err(NotClaimed::Moved | NotClaimed::Held(_) | NotClaimed::NotBefore(_) | NotClaimed::Ended) => {
                return Ok(None);
            }
        };
        let material = self.open_material(tenant, &credential)?;
        let at = (credential.token.epoch, version);
        credential.token.sealed = Some(self.seal_material(tenant, CURRENT, id, at, &material)?);
        let guard = Guard { epoch: credential.token.epoch, version };
        if !store::credential::save_token(&tx, tenant.environment, id, &credential.token, guard, None).await?
        {
            return Ok(None);
        }
        tx.commit().await?;
        Ok(Some((credential, material)))
    }

    /// Asks the app for new tokens. No database connection is held meanwhile.
    async fn call(
        &self,
        tenant: Tenant,
        credential: &Credential,
        material: &Material,
    ) -> Result<TokenAnswer, TokenError> {
        let prepared = self.prepare(tenant, credential, material).await;
        let Ok((connector, definition, values)) = prepared else {
            return Err(local_fault());
        };
        let now = self.clock.now();
        if is_minted(credential.method) {
            let scopes = &connector.scopes;
            return crate::oauth::mint::mint(
                &self.egress,
                &definition,
                credential.method,
                &values,
                scopes,
                now,
            )
            .await;
        }
        let (Ok(Some(client)), Some(refresh_token)) =
            (self.client(tenant, &connector), &material.refresh_token)
        else {
            return Err(local_fault());
        };
        crate::oauth::refresh::refresh(&self.egress, &definition, &values, &client, refresh_token, now).await
    }

    async fn prepare(
        &self,
        tenant: Tenant,
        credential: &Credential,
        material: &Material,
    ) -> Result<(crate::domain::connector::Connector, Arc<provider::Definition>, provider::Values), Error>
    {
        let connector = self.connector_of(tenant.environment, credential).await?;
        let definition = self.definition_of(&connector)?;
        let mut values = self.all_values(tenant, &connector, material)?;
        values.set("redirect_uri", self.redirect_uri(connector.id));
        Ok((connector, definition, values))
    }
}

/// The hub acting by itself.
pub(super) fn hub_actor(tenant: Tenant) -> Actor {
    Actor { author: Author::Hub, tenant, origin: Origin::default() }
}

/// A request that could not be built from what is here.
fn local_fault() -> TokenError {
    TokenError {
        class: FailClass::Local,
        code: None,
        description: None,
        status: None,
        retry_after: None,
        cause: None,
    }
}

/// When a refresh last succeeded or failed.
pub(super) fn last_attempt(credential: &Credential) -> Option<Millis> {
    let failed = credential.token.next_try_at().map(|_| credential.token.state_since);
    credential.last_refreshed_at.max(failed)
}
