//! Grants that came back from the app and that nobody decides about any more: whether another account may take the place
//! of the old one, or whether the back end confirms. They are given back.

use vouchsafe_entity::id::UserId;

use crate::domain::flow::Flow;
use crate::domain::workspace::Tenant;
use crate::service::steps::Steps;
use crate::service::{Error, Hub};
use crate::store::{self, Tx};

/// Flows that are read at once.
const BATCH: u64 = 100;

impl Hub {
    /// Gives back the grants of questions that nobody answered: all of them, as a sweep after this one takes what is left
    /// of their sessions.
    ///
    /// # Errors
    /// The first; the other grants had their turn unless the database is away.
    pub(in crate::service) async fn drop_undecided(&self) -> Result<(), Error> {
        let (mut steps, mut after) = (Steps::default(), None);
        loop {
            let page = store::flow::undecided(&self.store, self.now(), after, BATCH).await?;
            for flow in &page {
                steps.pass(self.drop_held(flow).await)?;
                after = Some(flow.id);
            }
            if (page.len() as u64) < BATCH || self.closing.is_cancelled() {
                return steps.end();
            }
        }
    }

    async fn drop_held(&self, flow: &Flow) -> Result<(), Error> {
        let (_, tenant) = *self.environment_of(flow.environment).await?;
        let tx = self.store.begin().await?;
        // Decided at the last moment, or dropped by another replica.
        if !store::flow::delete(&tx, flow.id).await? {
            return Ok(());
        }
        self.give_back_held(&tx, tenant, flow).await?;
        Ok(tx.commit().await?)
    }

    /// Gives back in `tx`, in which a user goes, the grants that wait for a decision of theirs or about them.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub(in crate::service) async fn drop_held_of(
        &self,
        tx: &Tx,
        tenant: Tenant,
        user: UserId,
    ) -> Result<(), Error> {
        for flow in store::flow::take_held_of(tx, tenant.environment, user).await? {
            self.give_back_held(tx, tenant, &flow).await?;
        }
        Ok(())
    }

    /// Gives back the grant of a flow that `tx` has removed. What does not open can't be given back, and goes all the
    /// same.
    pub(super) async fn give_back_held(&self, tx: &Tx, tenant: Tenant, flow: &Flow) -> Result<(), Error> {
        let Ok(held) = self.open_held(tenant, flow) else {
            return Ok(());
        };
        bear_with(self.discard(tx, tenant, flow, &held.into_grant()).await, flow)
    }
}

/// That something can't be given back, as where no key seals it, holds up no end; a transaction that failed does.
pub(super) fn bear_with(given: Result<(), Error>, flow: &Flow) -> Result<(), Error> {
    match given {
        Ok(()) => Ok(()),
        Err(Error::Store(error)) => Err(error.into()),
        Err(error) => {
            tracing::error!(
                flow.id = %flow.id,
                error = &error as &dyn std::error::Error,
                "a grant that nobody keeps can't be given back"
            );
            Ok(())
        }
    }
}
