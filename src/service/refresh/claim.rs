//! Who may spend a version: the claim, in one short transaction that proves key, disk and database
//! (`refresh.md`, section 5). It sends nothing.

use std::time::Duration;

use vouchsafe_entity::id::CredentialId;
use vouchsafe_entity::millis::Millis;

use crate::domain::credential::{Credential, Machine, Resting};
use crate::domain::refresh::{Claim, NotClaimed};
use crate::domain::workspace::Tenant;
use crate::service::material::{CURRENT, Material};
use crate::service::{Error, Hub};
use crate::store::credential::Guard;
use crate::store::{self, Tx};

/// A connector whose client is refused is tried so often.
pub(in crate::service) const PROBE_EVERY: i64 = 300_000;

/// What a claim gives to its holder.
pub(super) struct Claimed {
    pub(super) credential: Credential,
    pub(super) material: Material,
    pub(super) begun: Begun,
}

/// When something was claimed.
#[derive(Clone, Copy)]
pub(super) struct Begun {
    /// The database's present moment.
    pub(super) at: Millis,
    /// The same on a clock that never jumps.
    pub(super) uptime: Duration,
}

/// What comes of asking for a claim.
pub(super) enum Asked {
    Claimed(Box<Claimed>),
    /// Another node is at it.
    Elsewhere,
    /// Somebody holds the row, for whatever it is, and nobody waited here.
    PassedOver,
    /// Nothing is to be done now.
    Nothing,
}

impl Hub {
    /// Asks for a claim. Where it is another's to have and nobody waits for it here, the attempt ends: whoever comes begins
    /// anew.
    pub(super) async fn claim_or_leave(
        &self,
        tenant: Tenant,
        id: CredentialId,
        version: i64,
        forced: bool,
    ) -> Result<Asked, Error> {
        let asked = self.claim(tenant, id, version, forced).await?;
        let elsewhere = matches!(asked, Asked::Elsewhere | Asked::PassedOver);
        if elsewhere && self.refreshes.leave_unless_awaited(id, version) {
            return Ok(Asked::Nothing);
        }
        if matches!(asked, Asked::PassedOver) {
            // Somebody has begun to wait since, so now the row is waited for.
            return Box::pin(self.claim(tenant, id, version, forced)).await;
        }
        Ok(asked)
    }

    /// Claims a version, in one short transaction that opens its sealed object and writes it back: key, disk and
    /// database are proven before anything is spent.
    pub(super) async fn claim(
        &self,
        tenant: Tenant,
        id: CredentialId,
        version: i64,
        forced: bool,
    ) -> Result<Asked, Error> {
        let tx = self.store.begin().await?;
        // Where nobody waits for it here, whoever holds the row is left to it: replicas look at the same page.
        let (found, otherwise) = if self.refreshes.is_awaited(id, version) {
            (store::credential::lock(&tx, tenant.environment, id).await?, Asked::Nothing)
        } else {
            (store::credential::lock_free(&tx, tenant.environment, id).await?, Asked::PassedOver)
        };
        let Some(mut credential) = found else {
            return Ok(otherwise);
        };
        let now = self.database_now(&tx).await?;
        let ended =
            credential.broken_cause(now).is_some() && !matches!(credential.token.machine, Machine::Broken(_));
        if !credential.is_renewable() || ended {
            return Ok(Asked::Nothing);
        }
        let begun = Begun { at: now, uptime: self.clock.uptime() };
        let owner = self.owner();
        let claim = Claim {
            version,
            owner: &owner,
            now,
            times: self.times,
            reuse: self.reuse_of(&credential),
            forced,
        };
        let guard = Guard { epoch: credential.token.epoch, version };
        credential.token = match credential.token.clone().claim(&claim) {
            Ok(token) => token,
            Err(NotClaimed::Held(_)) => return Ok(Asked::Elsewhere),
            Err(NotClaimed::Quarantined(until)) => {
                credential.token = credential.token.quarantined(until, now);
                self.announce(&tx, tenant, &mut credential).await?;
                self.put_off(tx, tenant, &credential, guard).await?;
                return Ok(Asked::Nothing);
            }
            Err(NotClaimed::Moved | NotClaimed::NotBefore(_) | NotClaimed::Ended) => {
                return Ok(Asked::Nothing);
            }
        };
        Box::pin(self.prove_claim(tx, tenant, credential, guard, begun)).await
    }

    /// Writes a claim that the machine allows, unless its provider or its connector is to be left alone now, or its
    /// sealed object doesn't open.
    async fn prove_claim(
        &self,
        tx: Tx,
        tenant: Tenant,
        mut credential: Credential,
        guard: Guard,
        begun: Begun,
    ) -> Result<Asked, Error> {
        let (id, now) = (credential.id, begun.at);
        if let Machine::Refreshing { from: Resting::Suspect { since }, .. } = credential.token.machine
            && let Some(until) = self.paused_until(&tx, &credential.provider, now).await?
        {
            let next_try_at = until.plus(self.spread(60_000));
            credential.token.machine = Machine::Suspect { since, next_try_at };
            credential.token.attempt = None;
            self.put_off(tx, tenant, &credential, guard).await?;
            return Ok(Asked::Nothing);
        }
        let Ok(material) = self.open_material(tenant, &credential) else {
            self.put_aside(tx, tenant, credential, guard).await?;
            return Ok(Asked::Nothing);
        };
        let probes = credential.connector_failing && !self.brings_own_client(&credential);
        if probes && !Self::takes_probe(&tx, tenant, &credential, now).await? {
            return Ok(Asked::Nothing);
        }
        let at = (guard.epoch, guard.version);
        credential.token.sealed = Some(self.seal_material(tenant, CURRENT, id, at, &material)?);
        if !store::credential::save_token(&tx, tenant.environment, id, &credential.token, guard, None).await?
        {
            return Ok(Asked::Nothing);
        }
        if let Err(error) = tx.commit().await {
            // The database may have taken it all the same.
            self.note_unheard(tenant, credential);
            return Err(error.into());
        }
        Ok(Asked::Claimed(Box::new(Claimed { credential, material, begun })))
    }

    /// Whether it is this credential's turn to ask for all of its connector.
    async fn takes_probe(
        tx: &Tx,
        tenant: Tenant,
        credential: &Credential,
        now: Millis,
    ) -> Result<bool, Error> {
        let next = now.plus(PROBE_EVERY);
        let (environment, connector) = (tenant.environment, credential.connector_id);
        Ok(store::connector::take_probe(tx, environment, connector, now, next).await?)
    }

    /// The present moment on the database's clock, as far as a claim has asked it.
    pub(super) fn present(&self, begun: Option<Begun>) -> Millis {
        let since = |begun: Begun| {
            let passed = self.clock.uptime().saturating_sub(begun.uptime).as_millis();
            begun.at.plus(i64::try_from(passed).unwrap_or(0))
        };
        begun.map_or_else(|| self.now(), since)
    }

    /// The present moment on the database's clock, asked inside a claim.
    async fn database_now(&self, tx: &Tx) -> Result<Millis, Error> {
        let there = store::refresh::database_now(tx).await?;
        let ahead = there.map_or(0, |there| self.clock.behind(there.into()).num_milliseconds());
        Ok(self.now().plus(ahead))
    }
}
