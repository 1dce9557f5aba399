//! Renewing tokens: one request for each version, however many callers ask (`refresh.md`, section 5).
//!
//! A claim proves that database and key work before a token is spent; the answer is committed by comparing the
//! version that was spent, never the lease.

mod single_flight;

pub(super) use single_flight::SingleFlight;

use std::sync::Arc;
use std::time::Duration;

use vouchsafe_entity::id::CredentialId;
use vouchsafe_entity::kind::{FailClass, Method, TokenState};
use vouchsafe_entity::millis::Millis;

use super::audit::Target;
use super::material::{CURRENT, Material, PREVIOUS};
use super::tokens::pending;
use super::{Code, Error, Hub};
use crate::domain::actor::{Actor, Author, Origin};
use crate::domain::credential::{Credential, Machine};
use crate::domain::refresh::{Failure, NotClaimed, Reuse, is_minted};
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
        self.record_read(actor, "credential.refresh", Target::new("credential", id))
            .await?;
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
        self.refreshes
            .nudge(tenant, credential.id, credential.token.version);
    }

    /// Joins the one attempt for this version, beginning it where there is none.
    async fn join(&self, tenant: Tenant, credential: &Credential, forced: bool) -> Result<(), Error> {
        let mut done = self
            .refreshes
            .join(tenant, credential.id, credential.token.version, forced);
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
                let attempt = hub.attempt(
                    request.tenant,
                    request.credential,
                    request.version,
                    request.forced,
                );
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
                match self
                    .delete_credential(&hub_actor(tenant), due.credential_id)
                    .await
                {
                    Ok(_) | Err(Error::NotFound) => {}
                    Err(error) => return Err(error),
                }
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
        let tx = self.store.begin().await?;
        let Some(mut credential) = store::credential::lock(&tx, tenant.environment, id).await? else {
            return Ok(None);
        };
        if !credential.is_renewable() || credential.broken_cause(self.now()).is_some() {
            return Ok(None);
        }
        let claimed = credential
            .token
            .clone()
            .claim(version, &self.node, self.now(), self.times, forced);
        credential.token = match claimed {
            Ok(token) => token,
            Err(NotClaimed::Moved | NotClaimed::Held(_) | NotClaimed::NotBefore(_) | NotClaimed::Ended) => {
                return Ok(None);
            }
        };
        let material = self.open_material(tenant, &credential)?;
        let at = (credential.token.epoch, version);
        credential.token.sealed = Some(self.seal_material(tenant, CURRENT, id, at, &material)?);
        let guard = Guard {
            epoch: credential.token.epoch,
            version,
        };
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
    ) -> Result<
        (
            crate::domain::connector::Connector,
            Arc<provider::Definition>,
            provider::Values,
        ),
        Error,
    > {
        let connector = self.connector_of(tenant.environment, credential).await?;
        let definition = self.definition_of(&connector)?;
        let mut values = self.all_values(tenant, &connector, material)?;
        values.set("redirect_uri", self.redirect_uri(connector.id));
        Ok((connector, definition, values))
    }

    /// Writes new tokens, if the version that was spent is still the one there. It is retried until the database
    /// takes it: the answer may be the only live grant.
    async fn commit(
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
            match self
                .write_tokens(tenant, &credential, &material, &previous, answer, sent_at)
                .await
            {
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
        let guard = Guard {
            epoch: spent.token.epoch,
            version: spent.token.version,
        };
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

    async fn commit_failure(
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
            retry_after: error
                .retry_after
                .and_then(|wait| i64::try_from(wait.as_millis()).ok()),
        };
        let guard = Guard {
            epoch: claimed.token.epoch,
            version: claimed.token.version,
        };
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
        let stated = definition
            .as_ref()
            .and_then(|definition| definition.refresh())
            .map(|policy| policy.reuse);
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

/// When a refresh last succeeded or failed.
fn last_attempt(credential: &Credential) -> Option<Millis> {
    let failed = credential
        .token
        .next_try_at()
        .map(|_| credential.token.state_since);
    credential.last_refreshed_at.max(failed)
}

/// The hub acting by itself.
pub(super) fn hub_actor(tenant: Tenant) -> Actor {
    Actor {
        author: Author::Hub,
        tenant,
        origin: Origin::default(),
    }
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
