//! Claims that the database may hold, and under which nothing was sent: nobody heard of their commit, or they could not be
//! given back. They are given back once it answers again, so that nobody waits for their quarantine. What was claimed by
//! anybody else stays as it is.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use vouchsafe_entity::id::CredentialId;
use vouchsafe_entity::millis::Millis;

use crate::domain::credential::{Credential, Token};
use crate::domain::workspace::Tenant;
use crate::service::{Error, Hub};
use crate::store::credential::Guard;
use crate::store::{self, Tx};

/// After so many milliseconds the quarantine of such a claim is over.
const FORGOTTEN_AFTER: i64 = 900_000;

/// Such claims, the newest of each credential: one before it that was taken would have left no room for it.
#[derive(Default)]
pub(in crate::service) struct Unheard(Mutex<HashMap<CredentialId, Claim>>);

#[derive(Clone)]
struct Claim {
    tenant: Tenant,
    token: Token,
    /// When it was noted, on the hub's clock.
    at: Millis,
}

impl Unheard {
    fn claims(&self) -> MutexGuard<'_, HashMap<CredentialId, Claim>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn all(&self) -> Vec<(CredentialId, Claim)> {
        self.claims().iter().map(|(id, claim)| (*id, claim.clone())).collect()
    }

    /// Forgets a claim, unless another one of its credential has come since.
    fn forget(&self, id: CredentialId, claim: &Claim) {
        let mut claims = self.claims();
        if claims.get(&id).is_some_and(|there| claim.token.is_claim_in(&there.token)) {
            claims.remove(&id);
        }
    }
}

impl Hub {
    /// Remembers a claim that may be in the database. Nothing was sent under it, and nothing will be.
    pub(super) fn note_unheard(&self, tenant: Tenant, claimed: Credential) {
        tracing::warn!(credential.id = %claimed.id, "a claim that nothing was sent under may stand in the database");
        let claim = Claim { tenant, token: claimed.token, at: self.now() };
        self.unheard.claims().insert(claimed.id, claim);
    }

    /// Gives back a claim that nothing was sent under: at once, or once the database answers again.
    pub(super) async fn return_claim(&self, tenant: Tenant, claimed: Credential) -> Result<(), Error> {
        let returned = self.try_returning(tenant, &claimed).await;
        if returned.is_err() {
            self.note_unheard(tenant, claimed);
        }
        returned
    }

    async fn try_returning(&self, tenant: Tenant, claimed: &Credential) -> Result<(), Error> {
        let tx = self.store.begin().await?;
        match store::credential::lock(&tx, tenant.environment, claimed.id).await? {
            Some(row) => self.give_claim_back(tx, tenant, row, &claimed.token).await,
            None => Ok(()),
        }
    }

    /// Gives back the claims that were noted, and that the database holds. Those that fail are tried again, and keep nobody
    /// else from being renewed.
    pub(super) async fn return_unheard(&self) {
        for (id, claim) in self.unheard.all() {
            // Without a database none of them is to be had.
            let Ok(tx) = self.store.begin().await else { return };
            let settled = match self.settle_unheard(tx, id, &claim).await {
                Ok(settled) => settled,
                Err(Error::Store(error)) if error.tells_of_row() => true,
                Err(error) => {
                    tracing::warn!(
                        credential.id = %id,
                        error = &error as &dyn std::error::Error,
                        "a claim could not be given back yet"
                    );
                    false
                }
            };
            if settled || self.now().since(claim.at) > FORGOTTEN_AFTER {
                self.unheard.forget(id, &claim);
            }
        }
    }

    /// False where the row is not to be had: its commit may still be under way, and holds it.
    async fn settle_unheard(&self, tx: Tx, id: CredentialId, claim: &Claim) -> Result<bool, Error> {
        let found = store::credential::lock_free(&tx, claim.tenant.environment, id).await?;
        let Some(row) = found else { return Ok(false) };
        self.give_claim_back(tx, claim.tenant, row, &claim.token).await?;
        Ok(true)
    }

    /// The same for a row that `tx` holds, if the claim is in it.
    async fn give_claim_back(
        &self,
        tx: Tx,
        tenant: Tenant,
        mut row: Credential,
        claim: &Token,
    ) -> Result<(), Error> {
        if !claim.is_claim_in(&row.token) {
            return Ok(());
        }
        let guard = Guard { epoch: row.token.epoch, version: row.token.version };
        row.token = row.token.without_claim(claim, self.now());
        // Its quarantine may have been told.
        self.announce_if_sealed(&tx, tenant, &mut row).await?;
        self.put_off(tx, tenant, &row, guard).await
    }
}
