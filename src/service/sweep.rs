//! What only time changes: ends that pass, confirmations that nobody gave, rows that are not needed any more.

use super::purge::by_environment;
use super::steps::{EnvironmentSteps, Steps};
use super::{Error, Hub};
use crate::domain::sign_in::FORGOTTEN_AFTER;
use crate::store;

/// Credentials that one transaction looks at.
const BATCH: u64 = 100;
/// A connector that was switched is gone through again for so long: what began before may yet write what it saw then.
const TURNED_SECONDS: i64 = 900;
/// Sessions are kept so long after their end, for whoever asks what became of them.
const SESSION_SECONDS: i64 = 7 * 86_400;

impl Hub {
    /// Forgets tickets, flows, sessions and kept answers whose time is over, ends what was never confirmed, and removes
    /// what is left of environments that were deleted.
    ///
    /// # Errors
    /// The first; the other steps had their turn unless the database is away.
    pub async fn sweep(&self) -> Result<(), Error> {
        let mut steps = Steps::default();
        steps.pass(self.drop_unconfirmed().await)?;
        steps.pass(self.drop_undecided().await)?;
        steps.pass(self.write_down_changes().await)?;
        steps.pass(self.write_down_turned().await)?;
        steps.pass(self.warn_of_ends().await)?;
        steps.pass(self.purge_events().await)?;
        steps.pass(self.sweep_secrets().await)?;
        steps.pass(self.sweep_rows().await)?;
        self.trim_limits();
        steps.pass(self.sweep_refreshes().await)?;
        steps.pass(self.replay_held().await)?;
        steps.pass(self.empty_environments().await)?;
        steps.pass(self.shred().await)?;
        steps.end()
    }

    /// Forgets rows that are not needed any more.
    async fn sweep_rows(&self) -> Result<(), Error> {
        let now = self.now();
        let tx = self.store.begin().await?;
        store::flow::sweep(&tx, now).await?;
        store::session::sweep(&tx, now.plus_seconds(-SESSION_SECONDS)).await?;
        self.sweep_attempts(&tx).await?;
        store::idempotency::sweep(&tx, now).await?;
        store::member_session::sweep(&tx, now).await?;
        store::invitation::sweep(&tx, now).await?;
        store::sign_in::sweep(&tx, now.plus(-FORGOTTEN_AFTER)).await?;
        Ok(tx.commit().await?)
    }

    /// Writes down, and tells once, what has changed without anybody touching it: ends that passed, and tokens that ran
    /// out while nothing could renew them.
    async fn write_down_changes(&self) -> Result<(), Error> {
        let mut steps = EnvironmentSteps::default();
        loop {
            let now = self.now();
            let shut = steps.shut();
            let mut found = store::credential::ended(&self.store, now, &shut, BATCH).await?;
            found.extend(store::credential::run_out(&self.store, now, &shut, BATCH).await?);
            found.extend(store::credential::run_out_behind(&self.store, now, &shut, BATCH).await?);
            let more = found.len() as u64 >= BATCH;
            let mut changed = 0;
            for (environment, ids) in by_environment(found) {
                changed += steps.pass(environment, self.write_down(environment, &ids).await)?;
            }
            // What another replica has written down meanwhile is not ours to wait for.
            let stuck = changed == 0 && steps.shut().len() == shut.len();
            if !more || stuck {
                return steps.end();
            }
        }
    }

    /// The same for what stands behind connectors that were switched off or on, page by page. A hub that is stopped in
    /// between, or does not come to it for days, finds them marked.
    async fn write_down_turned(&self) -> Result<(), Error> {
        let now = self.now();
        let mut steps = EnvironmentSteps::default();
        let mut after = None;
        loop {
            let page = store::credential::turned(&self.store, now, after, BATCH).await?;
            after = page.last().copied();
            let keys = page.iter().map(|turned| (turned.environment_id, turned.credential_id)).collect();
            for (environment, ids) in by_environment(keys) {
                if !steps.is_shut(environment) {
                    steps.pass(environment, self.write_down(environment, &ids).await)?;
                }
            }
            if (page.len() as u64) < BATCH {
                break;
            }
        }
        let tx = self.store.begin().await?;
        store::connector::forget_turned(&tx, now.plus_seconds(-TURNED_SECONDS), &steps.shut()).await?;
        tx.commit().await?;
        steps.end()
    }
}
