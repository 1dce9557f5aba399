//! Renewing tokens: one request for each version, however many callers ask (`refresh.md`, section 5).
//!
//! A claim proves that database and key work before a token is spent; the answer is committed by comparing the
//! version that was spent, never the lease.

mod anew;
mod attempt;
mod burst;
mod claim;
mod commit;
mod failed;
mod kept;
mod put_off;
mod replay;
mod single_flight;
mod unheard;
mod unread;

pub(super) use anew::{Anew, endpoint_anew};
pub(super) use claim::PROBE_EVERY;
pub(super) use single_flight::SingleFlight;
pub(super) use unheard::Unheard;
pub(super) use unread::Unread;

use std::sync::Arc;
use std::time::Duration;

use vouchsafe_entity::id::CredentialId;
use vouchsafe_entity::kind::{Method, Status, TokenState};
use vouchsafe_entity::millis::Millis;

use super::audit::Target;
use super::steps::Steps;
use super::tokens::{pending, refusal};
use super::{Code, Error, Hub};
use crate::domain::actor::{Actor, Author, Origin};
use crate::domain::credential::{Credential, Machine};
use crate::domain::refresh::is_minted;
use crate::domain::role::Action;
use crate::domain::workspace::Tenant;
use crate::store;
use crate::store::refresh::DueCredential;

/// A caller waits so long for a new token.
const WAIT: Duration = Duration::from_secs(25);
/// `POST …/refresh` is taken so often.
const MANUAL_SECONDS: i64 = 60;
/// How many due credentials are looked at at once: of one environment, and of all.
const EACH: u64 = 100;
const BATCH: u64 = 2_000;
/// With so many attempts of a connector under way, no more of it are looked for.
const LINE: usize = 200;
/// What was spent for an answer that lies here is looked at so often, in milliseconds.
const SPENT: i64 = 60_000;
/// An attempt is under way for no longer, the line before its call among it.
pub(super) const LONGEST: Duration = Duration::from_mins(2);
/// Refusals are counted for so many milliseconds.
const REFUSALS_KEPT: i64 = 86_400_000;

impl Hub {
    /// Renews at once, whoever else does, and says how the credential stands.
    ///
    /// # Errors
    /// [`Code::RefreshTooSoon`], [`Code::NotRefreshable`], [`Code::CredentialRevoked`], and those of a token read.
    pub async fn refresh_credential(&self, actor: &Actor, id: CredentialId) -> Result<Credential, Error> {
        self.permit(actor, Action::MaintainCredentials).await?;
        let credential = self.get_credential(actor, id).await?;
        if !credential.is_renewable() {
            let health = credential.health(self.now());
            if health.status == Status::Revoked {
                return Err(refusal(&credential, health).unwrap_or(Error::NotFound));
            }
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
        self.refreshes.nudge(tenant, credential.connector_id, credential.id, credential.token.version);
    }

    /// How many attempts are under way, or asked for, in this process.
    pub fn refreshes_under_way(&self) -> usize {
        self.refreshes.len()
    }

    /// Joins the one attempt for this version, beginning it where there is none.
    async fn join(&self, tenant: Tenant, credential: &Credential, forced: bool) -> Result<(), Error> {
        if let Some(refusal) = self.not_adopted() {
            return Err(refusal);
        }
        let (connector, version) = (credential.connector_id, credential.token.version);
        let mut done = self.refreshes.join(tenant, connector, credential.id, version, forced);
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
                let (tenant, id, version, forced) =
                    (request.tenant, request.credential, request.version, request.forced);
                // Whoever asks meanwhile joins it in the line: a second place would only be wasted.
                let until = request.entered_until();
                let done = match Box::pin(hub.approach(tenant, id, version, forced, until)).await {
                    Ok(Some(course)) => {
                        let work = Box::pin(hub.attempt(course, tenant, id, version, forced));
                        request.while_entered(work).await
                    }
                    Ok(None) => Ok(()),
                    Err(error) => Err(error),
                };
                let done = hub.or_left_alone(tenant, id, done).await;
                if let Err(error) = done {
                    tracing::error!(
                        credential.id = %id,
                        error = &error as &dyn std::error::Error,
                        "a refresh could not be carried out"
                    );
                }
            });
        }
    }

    /// Does what is due: asks for renewals, ends what nothing renews, gives back what nobody confirmed. It waits for no
    /// row: one that somebody holds is looked at again the next time.
    ///
    /// # Errors
    /// The first; the other credentials had their turn unless the database is away.
    pub async fn work_off_due(&self) -> Result<(), Error> {
        self.return_unheard().await;
        let under_way = self.refreshes.under_way(LINE);
        let mut page = store::refresh::due(&self.store, self.now(), EACH, BATCH, &under_way).await?;
        // Replicas read the same page; begun at different ends, they seldom meet.
        if !page.is_empty() {
            let turn = usize::from(self.random.bytes::<1>()[0]) % page.len();
            page.rotate_left(turn);
        }
        let mut steps = Steps::default();
        for due in page {
            steps.pass(self.work_off(due).await)?;
        }
        steps.end()
    }

    async fn work_off(&self, due: DueCredential) -> Result<(), Error> {
        let (_, tenant) = *self.environment_of(due.environment_id).await?;
        if due.state == TokenState::Pending.as_str() {
            let dropped = self.drop_pending_free(&hub_actor(tenant), due.credential_id).await;
            return self.or_left_alone(tenant, due.credential_id, dropped).await;
        }
        if !due.has_refresh_token && !due.method.parse::<Method>().is_ok_and(is_minted) {
            let ended = self.write_down_end(tenant, due.credential_id).await;
            return self.or_left_alone(tenant, due.credential_id, ended).await;
        }
        if self.may_refresh() {
            if self.is_spent(due.credential_id, due.token_version).await? {
                // It keeps nobody's place until it is looked at again.
                return self.leave_alone_for(SPENT, tenant, due.credential_id).await;
            }
            self.refreshes.nudge(tenant, due.connector_id, due.credential_id, due.token_version);
        }
        Ok(())
    }

    /// What was done for a credential; where its row, or one behind it, fits no state, it is left alone for a while.
    async fn or_left_alone(
        &self,
        tenant: Tenant,
        id: CredentialId,
        done: Result<(), Error>,
    ) -> Result<(), Error> {
        match done {
            Err(Error::Store(error)) if error.tells_of_row() => {
                put_off::tell_whose(id, &error);
                self.leave_alone(tenant, id).await
            }
            done => done,
        }
    }

    /// Forgets refusals that no burst counts any more, and hosts that nobody calls.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn sweep_refreshes(&self) -> Result<(), Error> {
        let tx = self.store.begin().await?;
        store::refresh::sweep(&tx, self.now().plus(-REFUSALS_KEPT)).await?;
        tx.commit().await?;
        self.throttle.trim(self.now());
        Ok(())
    }

    /// This run of this node, as claims name it.
    pub(super) fn owner(&self) -> String {
        format!("{}/{}", self.node(), self.boot)
    }

    /// This node, in all of its runs.
    fn node(&self) -> &str {
        self.journal.as_ref().map_or("", crate::journal::Journal::node)
    }

    /// A random part of `millis`.
    pub(super) fn spread(&self, millis: i64) -> i64 {
        i64::from(u32::from_be_bytes(self.random.bytes())) * millis / i64::from(u32::MAX)
    }
}

/// The hub acting by itself.
pub(super) fn hub_actor(tenant: Tenant) -> Actor {
    Actor { author: Author::Hub, tenant, origin: Origin::default() }
}

/// When a refresh last succeeded or failed.
pub(super) fn last_attempt(credential: &Credential) -> Option<Millis> {
    let token = &credential.token;
    let failed = match token.machine {
        // It has been so for long, and may have been asked once more since.
        Machine::Broken(_) => Some(token.tried_at.unwrap_or(token.state_since)),
        _ => token.next_try_at().map(|_| token.state_since),
    };
    credential.last_refreshed_at.max(failed)
}
