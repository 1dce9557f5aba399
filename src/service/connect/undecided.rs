//! Grants that came back from the app and that nobody decided about in time: whether another account may take the place
//! of the old one. They are given back.

use crate::domain::flow::Flow;
use crate::service::{Error, Hub};
use crate::store;

impl Hub {
    /// Gives back the grants of questions that nobody answered.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub(in crate::service) async fn drop_undecided(&self) -> Result<(), Error> {
        for flow in store::flow::undecided(&self.store, self.now()).await? {
            self.drop_held(&flow).await?;
        }
        Ok(())
    }

    async fn drop_held(&self, flow: &Flow) -> Result<(), Error> {
        let (_, tenant) = *self.environment_of(flow.environment).await?;
        let tx = self.store.begin().await?;
        // Decided at the last moment, or dropped by another replica.
        if !store::flow::delete(&tx, flow.id).await? {
            return Ok(());
        }
        // What does not open can't be given back, and goes all the same.
        if let Ok(held) = self.open_held(tenant, flow) {
            self.discard(&tx, tenant, flow, &held.into_grant()).await?;
        }
        Ok(tx.commit().await?)
    }
}
