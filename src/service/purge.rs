//! What is kept for a while after its end, and then no more: keys that expired, tokens that nothing renews, tombstones
//! (`refresh.md`, section 9). Each step is small, so that nobody waits for it.

use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::Ordering;

use super::audit::Target;
use super::refresh::hub_actor;
use super::steps::{EnvironmentSteps, Steps};
use super::{Error, Hub};
use crate::store;
use vouchsafe_entity::id::{CredentialId, EnvironmentId};

/// Rows of one step.
const BATCH: u64 = 200;
/// Late answers find the tombstone of their credential for so long.
const TOMBSTONE_SECONDS: i64 = 30 * 86_400;
/// An answer that lost a race is kept so long after the next success.
const ORPHAN_SECONDS: i64 = 86_400;
/// Days are counted for so long.
const ACTIVITY_SECONDS: i64 = 400 * 86_400;
/// What an event of a purge says.
const PURGED: &str = "purged";

impl Hub {
    /// Removes what has been kept long enough.
    ///
    /// # Errors
    /// The first; the other steps had their turn unless the database is away.
    pub async fn purge(&self) -> Result<(), Error> {
        let mut steps = Steps::default();
        steps.pass(self.purge_keys().await)?;
        steps.pass(self.wipe_ended().await)?;
        steps.pass(self.drop_tombstones().await)?;
        steps.pass(self.drop_orphans().await)?;
        steps.pass(self.drop_activity().await)?;
        steps.pass(self.retain_audit().await)?;
        steps.pass(self.shred().await)?;
        steps.end()
    }

    /// Deletes keys that expired long ago.
    async fn purge_keys(&self) -> Result<(), Error> {
        let mut steps = EnvironmentSteps::default();
        loop {
            let shut = steps.shut();
            let found = store::credential::expired_keys(&self.store, self.now(), &shut, BATCH).await?;
            let more = found.len() as u64 == BATCH;
            let mut gone = 0;
            for (environment, ids) in by_environment(found) {
                gone += steps.pass(environment, self.purge_keys_of(environment, &ids).await)?;
            }
            // What can't be read stays, and would be found again and again.
            let stuck = gone == 0 && steps.shut().len() == shut.len();
            if !more || stuck {
                return steps.end();
            }
        }
    }

    /// The same for those of an environment; gives how many went.
    async fn purge_keys_of(&self, environment: EnvironmentId, ids: &[CredentialId]) -> Result<usize, Error> {
        let (_, tenant) = *self.environment_of(environment).await?;
        let tx = self.store.begin().await?;
        // Somebody may have given one a new value since.
        let mut credentials = store::credential::lock_many(&tx, environment, ids).await?;
        credentials.retain(|credential| credential.broken_cause(self.now()).is_some());
        let gone = credentials.len();
        let how = ("credential.purge", Some(PURGED));
        self.bury(&tx, &hub_actor(tenant), credentials, &mut HashMap::new(), how).await?;
        tx.commit().await?;
        Ok(gone)
    }

    /// Takes the tokens of credentials that ended long ago.
    async fn wipe_ended(&self) -> Result<(), Error> {
        while self.wipe_some_ended().await? == BATCH {}
        Ok(())
    }

    /// The same for some of them, whose number it tells.
    async fn wipe_some_ended(&self) -> Result<u64, Error> {
        let tx = self.store.begin().await?;
        let wiped = store::credential::wipe_ended(&tx, self.now(), BATCH).await?;
        let mut rows = Vec::new();
        for (environment, ids) in by_environment(wiped.clone()) {
            store::credential::forget_orphans(&tx, environment, &ids).await?;
        }
        for (environment, id) in &wiped {
            let (_, tenant) = *self.environment_in(&tx, *environment).await?;
            let target = Target::new("credential", *id);
            let reason = Some("its tokens are gone, the row stays".to_owned());
            rows.push(self.audit_event(&hub_actor(tenant), "credential.purge", target, "ok", reason));
        }
        if !rows.is_empty() {
            self.insert_audit(&tx, &rows).await?;
            self.note_wiped();
        }
        tx.commit().await?;
        Ok(wiped.len() as u64)
    }

    /// Forgets what was counted more than a year ago.
    async fn drop_activity(&self) -> Result<(), Error> {
        let tx = self.store.begin().await?;
        store::activity::drop_before(&tx, self.now().plus_seconds(-ACTIVITY_SECONDS)).await?;
        Ok(tx.commit().await?)
    }

    /// Removes answers that lost a race, a day after the credential was renewed: whoever was to need one has had it.
    async fn drop_orphans(&self) -> Result<(), Error> {
        let now = self.now();
        let tx = self.store.begin().await?;
        if store::credential::drop_orphans(&tx, now, now.plus_seconds(-ORPHAN_SECONDS)).await? > 0 {
            self.note_wiped();
        }
        Ok(tx.commit().await?)
    }

    /// Removes old tombstones.
    async fn drop_tombstones(&self) -> Result<(), Error> {
        loop {
            let before = self.now().plus_seconds(-TOMBSTONE_SECONDS);
            let tx = self.store.begin().await?;
            let gone = store::credential::drop_tombstones(&tx, before, BATCH).await?;
            tx.commit().await?;
            if gone < BATCH {
                return Ok(());
            }
        }
    }

    /// Notes that something secret was wiped, which the journal of an embedded database may still hold.
    pub(super) fn note_wiped(&self) {
        self.wiped.store(true, Ordering::Relaxed);
    }

    /// Makes what was wiped since the last time vanish from the files of an embedded database too: its journal keeps
    /// the old pages until then.
    pub(super) async fn shred(&self) -> Result<(), Error> {
        if self.wiped.swap(false, Ordering::Relaxed) && !self.store.checkpoint().await? {
            // A reader holds the journal; the next sweep tries again.
            self.note_wiped();
        }
        Ok(())
    }
}

/// Keys by their environment, each of which has its own data key.
pub(super) fn by_environment(
    keys: Vec<(EnvironmentId, CredentialId)>,
) -> BTreeMap<EnvironmentId, Vec<CredentialId>> {
    let mut grouped: BTreeMap<EnvironmentId, Vec<CredentialId>> = BTreeMap::new();
    for (environment, id) in keys {
        grouped.entry(environment).or_default().push(id);
    }
    grouped
}
