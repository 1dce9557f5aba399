//! What only time changes: ends that pass, confirmations that nobody gave, rows that are not needed any more.

use super::{Error, Hub};
use crate::store;

/// Sessions are kept so long after their end, for whoever asks what became of them.
const SESSION_SECONDS: i64 = 7 * 86_400;

impl Hub {
    /// Forgets tickets, flows, sessions and kept answers whose time is over, and ends what was never confirmed.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn sweep(&self) -> Result<(), Error> {
        let now = self.now();
        self.drop_unconfirmed().await?;
        self.write_down_ends().await?;
        self.warn_of_ends().await?;
        self.purge_events().await?;
        self.sweep_secrets().await?;
        let tx = self.store.begin().await?;
        store::flow::sweep(&tx, now).await?;
        store::session::sweep(&tx, now.plus_seconds(-SESSION_SECONDS)).await?;
        store::idempotency::sweep(&tx, now).await?;
        tx.commit().await?;
        self.trim_limits();
        self.sweep_refreshes().await?;
        self.replay_held().await
    }

    /// Writes down credentials whose end has passed, with their event.
    async fn write_down_ends(&self) -> Result<(), Error> {
        for (environment, id) in store::credential::ended(&self.store, self.now(), 100).await? {
            self.write_down_end(environment, id).await?;
        }
        Ok(())
    }
}
