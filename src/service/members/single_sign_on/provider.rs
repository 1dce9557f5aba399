//! What is known of the identity provider: its metadata and keys, asked for when they are needed and kept for an hour. Who
//! comes while somebody asks waits for that answer.

use std::sync::Arc;

use secrecy::SecretString;
use vouchsafe_entity::millis::Millis;

use super::{Refusal, SingleSignOn};
use crate::domain::id_token::{IdTokenError, SignedClaims};
use crate::egress::Egress;
use crate::oauth::oidc::{Keys, Metadata, OidcError};

/// Metadata and keys are kept so long, in milliseconds.
const LIFE: i64 = 3_600_000;
/// After a failure nobody asks again for so long.
const REST: i64 = 5_000;
/// An unknown key makes the hub ask for all of them at most once in so long.
const BETWEEN_ROTATIONS: i64 = 30_000;

/// Metadata and keys, each with the moment at which they were asked for.
#[derive(Default)]
pub(super) struct Known {
    metadata: Option<(Arc<Metadata>, Millis)>,
    keys: Option<(Arc<Keys>, Millis)>,
    failed: Option<(Fault, Millis)>,
    rotated_at: Option<Millis>,
}

/// Why the identity provider vouches for nobody, fit for the audit log.
#[derive(Clone, Debug)]
pub(super) struct Fault {
    pub(super) outage: bool,
    pub(super) reason: String,
}

impl Fault {
    pub(super) const fn refusal(&self) -> Refusal {
        if self.outage { Refusal::Outage } else { Refusal::Fault }
    }
}

impl From<OidcError> for Fault {
    /// The whole chain is in the log, the audit log has its head.
    fn from(error: OidcError) -> Self {
        tracing::warn!(error = &error as &dyn std::error::Error, "the identity provider vouches for nobody");
        Self { outage: error.is_outage(), reason: error.to_string() }
    }
}

impl From<IdTokenError> for Fault {
    fn from(error: IdTokenError) -> Self {
        tracing::warn!(error = &error as &dyn std::error::Error, "the identity provider vouches for nobody");
        Self { outage: false, reason: error.to_string() }
    }
}

fn fresh<T>(kept: Option<&(Arc<T>, Millis)>, now: Millis) -> Option<Arc<T>> {
    let (kept, at) = kept?;
    let age = now.since(*at);
    (0..LIFE).contains(&age).then(|| Arc::clone(kept))
}

impl Known {
    /// The fault of a moment ago, so that an outage is not made worse.
    fn recent_fault(&self, now: Millis) -> Result<(), Fault> {
        match &self.failed {
            Some((fault, at)) if (0..REST).contains(&now.since(*at)) => Err(fault.clone()),
            Some(_) | None => Ok(()),
        }
    }

    fn note(&mut self, error: OidcError, now: Millis) -> Fault {
        let fault = Fault::from(error);
        self.failed = Some((fault.clone(), now));
        fault
    }

    async fn fetch_keys(
        &mut self,
        egress: &Egress,
        metadata: &Metadata,
        now: Millis,
    ) -> Result<Arc<Keys>, Fault> {
        self.recent_fault(now)?;
        let keys = Keys::fetch(egress, metadata).await.map_err(|error| self.note(error, now))?;
        let keys = Arc::new(keys);
        self.keys = Some((Arc::clone(&keys), now));
        Ok(keys)
    }
}

impl SingleSignOn {
    /// What the identity provider says of itself.
    pub(super) async fn metadata(&self, egress: &Egress, now: Millis) -> Result<Arc<Metadata>, Fault> {
        let mut known = self.known.lock().await;
        if let Some(kept) = fresh(known.metadata.as_ref(), now) {
            return Ok(kept);
        }
        known.recent_fault(now)?;
        let found = Metadata::discover(egress, &self.registration).await;
        let metadata = Arc::new(found.map_err(|error| known.note(error, now))?);
        known.metadata = Some((Arc::clone(&metadata), now));
        Ok(metadata)
    }

    /// What an ID token says, once its signature is verified. Where its key is not known, the keys are asked for again.
    pub(super) async fn verify(
        &self,
        egress: &Egress,
        metadata: &Metadata,
        token: &SecretString,
        now: Millis,
    ) -> Result<SignedClaims, Fault> {
        let keys = self.keys(egress, metadata, now).await?;
        match keys.verify(metadata, token) {
            Err(OidcError::UnknownKey) => {}
            other => return Ok(other?),
        }
        Ok(self.newer_keys(egress, metadata, now, &keys).await?.verify(metadata, token)?)
    }

    async fn keys(&self, egress: &Egress, metadata: &Metadata, now: Millis) -> Result<Arc<Keys>, Fault> {
        let mut known = self.known.lock().await;
        match fresh(known.keys.as_ref(), now) {
            Some(kept) => Ok(kept),
            None => known.fetch_keys(egress, metadata, now).await,
        }
    }

    /// Keys newer than `older`, or the same where they were asked for again a moment ago.
    async fn newer_keys(
        &self,
        egress: &Egress,
        metadata: &Metadata,
        now: Millis,
        older: &Arc<Keys>,
    ) -> Result<Arc<Keys>, Fault> {
        let mut known = self.known.lock().await;
        if let Some(kept) = fresh(known.keys.as_ref(), now).filter(|kept| !Arc::ptr_eq(kept, older)) {
            return Ok(kept);
        }
        if known.rotated_at.is_some_and(|at| (0..BETWEEN_ROTATIONS).contains(&now.since(at))) {
            return Ok(Arc::clone(older));
        }
        known.rotated_at = Some(now);
        known.fetch_keys(egress, metadata, now).await
    }
}
