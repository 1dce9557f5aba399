//! What a 401 of the app means for a credential: a token that was ended early is renewed once and the call repeated;
//! a key is asked about, and ends when it was refused twice (`refresh.md`, section 4).

use vouchsafe_entity::id::CredentialId;
use vouchsafe_entity::kind::{BrokenCause, Status};
use vouchsafe_entity::millis::Millis;

use super::audit::Target;
use super::material::Material;
use super::refresh::{hub_actor, last_attempt};
use super::throttle::Patience;
use super::{Error, Hub};
use crate::domain::credential::{Credential, Machine};
use crate::domain::workspace::Tenant;
use crate::provider::CheckOutcome;
use crate::store::{self, credential::Guard};

/// So often is a credential renewed or asked about because of a 401.
const ONCE_IN: i64 = 60_000;

impl Hub {
    /// Told of a 401 to a call with version `version_used` of a credential: gives it back renewed where the call may be
    /// sent once more. A credential that nothing renews is checked instead, and the 401 stands.
    ///
    /// # Errors
    /// [`Error::Store`], those of opening the renewed credential, and [`super::Code::ProviderBusy`] where a check had no
    /// turn.
    pub(super) async fn after_unauthorized(
        &self,
        tenant: Tenant,
        id: CredentialId,
        version_used: i64,
    ) -> Result<Option<(Credential, Material)>, Error> {
        let Some(credential) = store::credential::find(&self.store, tenant.environment, id).await? else {
            return Ok(None);
        };
        if credential.is_renewable() {
            return self.renew_unauthorized(tenant, credential, version_used).await;
        }
        if credential.token.version == version_used && self.may_ask(tenant, &credential).await? {
            self.check_unauthorized(tenant, &credential).await?;
        }
        Ok(None)
    }

    /// The same for a call that can't be sent once more: the next one finds a new token.
    pub(super) async fn renew_behind(&self, tenant: Tenant, id: CredentialId, version_used: i64) {
        let found = store::credential::find(&self.store, tenant.environment, id).await;
        let Ok(Some(credential)) = found else { return };
        let lately = last_attempt(&credential).is_some_and(|last| self.now().since(last) < ONCE_IN);
        if credential.is_renewable() && credential.token.version == version_used && !lately {
            self.refresh_in_background(tenant, &credential);
        }
    }

    async fn renew_unauthorized(
        &self,
        tenant: Tenant,
        credential: Credential,
        version_used: i64,
    ) -> Result<Option<(Credential, Material)>, Error> {
        let now = self.now();
        if credential.token.version == version_used {
            if last_attempt(&credential).is_some_and(|last| now.since(last) < ONCE_IN) {
                return Ok(None);
            }
            if let Err(error) = self.refresh_now(tenant, &credential).await {
                tracing::info!(
                    credential.id = %credential.id,
                    error = &error as &dyn std::error::Error,
                    "no new token after a 401"
                );
                return Ok(None);
            }
        }
        let found = store::credential::find(&self.store, tenant.environment, credential.id).await?;
        let works = |credential: &Credential| {
            credential.token.version != version_used
                && credential.health(self.now()).status == Status::Active
                && credential.token.is_usable(self.now())
        };
        let Some(renewed) = found.filter(works) else {
            return Ok(None);
        };
        let material = self.open_material(tenant, &renewed)?;
        Ok(Some((renewed, material)))
    }

    /// Whether a key may be asked about again; noted where every replica finds it.
    async fn may_ask(&self, tenant: Tenant, credential: &Credential) -> Result<bool, Error> {
        let (id, now) = (credential.id, self.now());
        let recent = |last: Millis| (0..ONCE_IN).contains(&now.since(last));
        // A key that is refused all the time costs the database one row a minute.
        if self.asked.get(&id).is_some_and(recent) {
            return Ok(false);
        }
        self.asked.insert(id, now);
        let tx = self.store.begin().await?;
        let guard = Guard { epoch: credential.token.epoch, version: credential.token.version };
        let turn = store::credential::take_turn(&tx, tenant.environment, id, guard, now, ONCE_IN).await?;
        tx.commit().await?;
        Ok(turn)
    }

    async fn check_unauthorized(&self, tenant: Tenant, credential: &Credential) -> Result<(), Error> {
        let connector = self.connector_of(tenant.environment, credential).await?;
        let definition = self.definition_of(&connector)?;
        let material = self.open_material(tenant, credential)?;
        let values = self.all_values(tenant, &connector, &material).await?;
        let checked =
            self.run_check(tenant.workspace, &definition, credential.method, &values, Patience::Refusable);
        match checked.await? {
            Some(checked) => self.note_check(tenant, credential, checked.outcome).await.map(drop),
            None => Ok(()),
        }
    }

    /// Remembers what the app said of a credential that nothing renews: one refusal makes it suspect, a second a minute
    /// later ends it, and an acceptance clears it. Gives the credential as it is now.
    pub(super) async fn note_check(
        &self,
        tenant: Tenant,
        checked: &Credential,
        outcome: CheckOutcome,
    ) -> Result<Credential, Error> {
        let environment = tenant.environment;
        let refused = match outcome {
            CheckOutcome::WrongKey => true,
            CheckOutcome::Ok | CheckOutcome::MissingPermission => false,
            CheckOutcome::Unreachable | CheckOutcome::Unexpected => return Ok(checked.clone()),
        };
        if checked.is_renewable() || (!refused && checked.token.machine == Machine::Active) {
            return Ok(checked.clone());
        }
        let tx = self.store.begin().await?;
        let found = store::credential::lock(&tx, environment, checked.id).await?;
        let mut credential = found.ok_or(Error::NotFound)?;
        let guard = Guard { epoch: checked.token.epoch, version: checked.token.version };
        // The answer is about the value that was sent.
        if credential.token.epoch != guard.epoch || credential.token.version != guard.version {
            return Ok(credential);
        }
        let before = credential.token.machine.clone();
        credential.token = credential.token.after_check(refused, self.now());
        if credential.token.machine == before {
            return Ok(credential);
        }
        self.announce(&tx, tenant, &mut credential).await?;
        store::credential::save_token(&tx, environment, credential.id, &credential.token, guard, None)
            .await?;
        if credential.token.machine == Machine::Broken(BrokenCause::RejectedByProvider) {
            let target = Target::new("credential", credential.id);
            let reason = Some("the app refused it twice".to_owned());
            self.record(&tx, &hub_actor(tenant), "credential.rejected", target, reason).await?;
        }
        tx.commit().await?;
        Ok(credential)
    }
}
