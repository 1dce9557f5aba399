//! Claims of whose commit nobody heard: the database may hold them, and nothing was sent under them. They are given back
//! once it answers again, so that nobody waits for their quarantine. What was claimed by anybody else stays as it is.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use vouchsafe_entity::id::CredentialId;
use vouchsafe_entity::millis::Millis;

use crate::domain::credential::{Credential, Token};
use crate::domain::workspace::Tenant;
use crate::service::steps::Steps;
use crate::service::{Error, Hub};
use crate::store;
use crate::store::credential::Guard;

/// After so many milliseconds the quarantine of such a claim is over.
const FORGOTTEN_AFTER: i64 = 900_000;

/// Such claims, the newest of each credential: one before it that was taken would have left no room for it.
#[derive(Default)]
pub(in crate::service) struct Unheard(Mutex<HashMap<CredentialId, Claim>>);

#[derive(Clone)]
struct Claim {
    tenant: Tenant,
    token: Token,
    /// When it was made, on the hub's clock.
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
    /// Remembers a claim of whose commit nobody heard.
    pub(super) fn note_unheard(&self, tenant: Tenant, claimed: Credential) {
        tracing::warn!(credential.id = %claimed.id, "a claim may have been taken: nobody heard of its commit");
        let claim = Claim { tenant, token: claimed.token, at: self.now() };
        self.unheard.claims().insert(claimed.id, claim);
    }

    /// Gives back the claims of whose commit nobody heard, and that the database holds.
    pub(super) async fn return_unheard(&self, steps: &mut Steps) -> Result<(), Error> {
        for (id, claim) in self.unheard.all() {
            let settled = match self.settle_unheard(id, &claim).await {
                Ok(settled) => settled,
                Err(Error::Store(error)) if error.tells_of_row() => true,
                Err(error) => {
                    steps.pass(Err(error))?;
                    false
                }
            };
            if settled || self.now().since(claim.at) > FORGOTTEN_AFTER {
                self.unheard.forget(id, &claim);
            }
        }
        Ok(())
    }

    /// False where the row is not to be had: its commit may still be under way, and holds it.
    async fn settle_unheard(&self, id: CredentialId, claim: &Claim) -> Result<bool, Error> {
        let tx = self.store.begin().await?;
        let found = store::credential::lock_free(&tx, claim.tenant.environment, id).await?;
        let Some(mut row) = found else { return Ok(false) };
        if claim.token.is_claim_in(&row.token) {
            let guard = Guard { epoch: row.token.epoch, version: row.token.version };
            row.token = row.token.given_back(self.now());
            self.put_off(tx, claim.tenant, &row, guard).await?;
        }
        Ok(true)
    }
}
