//! What is stored beside an audit event, so that nobody but the hub can have written it.

use crate::domain::audit::chain::address_hash;
use crate::domain::audit::{AuditEvent, Proof, StoredEvent};
use crate::service::{Error, Hub};
use crate::store::{self, Tx};

/// Events from before the chain that are proven together.
const BATCH: u64 = 1_000;

impl Hub {
    /// Stores audit events of a change in its transaction, unless nothing may be changed now.
    pub(in crate::service) async fn insert_audit(&self, tx: &Tx, events: &[AuditEvent]) -> Result<(), Error> {
        for event in events {
            self.may_record(&event.actor_type)?;
        }
        self.store_audit(tx, events).await
    }

    /// Stores audit events of what has happened already.
    pub(super) async fn store_audit(&self, tx: &Tx, events: &[AuditEvent]) -> Result<(), Error> {
        Ok(store::audit::insert(tx, &self.with_proofs(events)?).await?)
    }

    /// Each event with its proof.
    pub(super) fn with_proofs<'a>(
        &self,
        events: &'a [AuditEvent],
    ) -> Result<Vec<(&'a AuditEvent, Proof)>, Error> {
        events.iter().map(|event| Ok((event, self.proof_of(event)?))).collect()
    }

    fn proof_of(&self, event: &AuditEvent) -> Result<Proof, Error> {
        let salt = event.address.is_some().then(|| self.random.bytes::<16>().to_vec());
        let hash = salt.as_deref().zip(event.address.as_deref());
        let address_hash = hash.map(|(salt, address)| address_hash(salt, address).to_vec());
        let mac = self.vault.prove(&event.content(address_hash.as_deref()))?;
        Ok(Proof { address_salt: salt, address_hash, mac })
    }

    /// Whether the hub wrote this event as it stands. Its address may have been erased where `erased` says so.
    pub(super) fn is_genuine(&self, stored: &StoredEvent, erased: bool) -> bool {
        let StoredEvent { event, proof } = stored;
        let address = match (&event.address, &proof.address_salt, &proof.address_hash) {
            (None, None, None) => true,
            (None, None, Some(_)) => erased,
            (Some(address), Some(salt), Some(hash)) => {
                address_hash(salt, address).as_slice() == hash.as_slice()
            }
            _ => false,
        };
        address && self.vault.is_proven(&event.content(proof.address_hash.as_deref()), &proof.mac)
    }

    /// Proves the events from before there was a key to prove them with, once in the life of a database. Their
    /// addresses, of which nothing was hashed, go.
    pub(in crate::service) async fn prove_past(&self, tx: &Tx) -> Result<(), Error> {
        loop {
            let past = store::audit::chain::without_mac(tx, BATCH).await?;
            if past.is_empty() {
                return Ok(());
            }
            let macs: Result<Vec<_>, Error> = past
                .iter()
                .map(|StoredEvent { event, .. }| {
                    Ok((event.member(), self.vault.prove(&event.content(None))?))
                })
                .collect();
            store::audit::chain::put_macs(tx, macs?).await?;
        }
    }
}
