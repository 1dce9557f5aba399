//! Warnings ahead of an end that is known: each once for each number of days that the environment names.

use vouchsafe_entity::kind::Status;
use vouchsafe_entity::millis::Millis;

use super::steps::EnvironmentSteps;
use super::{Error, Hub};
use crate::domain::event::EventType;
use crate::store;
use crate::store::expiry::Ending;

/// Warnings given in one sweep for each number of days.
const BATCH: i64 = 500;
/// Warnings are remembered so long beyond the end that they told of.
const KEPT_SECONDS: i64 = 86_400;

impl Hub {
    /// Tells of credentials whose end comes near.
    pub(super) async fn warn_of_ends(&self) -> Result<(), Error> {
        let now = self.now();
        let mut steps = EnvironmentSteps::default();
        // The latest warning first: whoever was told late is not told early too.
        for days in store::expiry::days_ahead(&self.store).await? {
            self.warn_within(days, now, &mut steps).await?;
        }
        let tx = self.store.begin().await?;
        store::expiry::forget(&tx, now.plus_seconds(-KEPT_SECONDS)).await?;
        tx.commit().await?;
        steps.end()
    }

    async fn warn_within(&self, days: i32, now: Millis, steps: &mut EnvironmentSteps) -> Result<(), Error> {
        loop {
            let shut = steps.shut();
            for ending in store::expiry::ending(&self.store, days, now, &shut, BATCH).await? {
                let environment = ending.environment_id;
                if !steps.is_shut(environment) {
                    steps.pass_row(environment, self.warn(ending, days).await)?;
                }
            }
            // The places of those that turned out to be shut are for others.
            if steps.shut().len() == shut.len() {
                return Ok(());
            }
        }
    }

    async fn warn(&self, ending: Ending, days: i32) -> Result<(), Error> {
        let Ending { environment_id, id, end_at } = ending;
        let (_, tenant) = *self.environment_of(environment_id).await?;
        let tx = self.store.begin().await?;
        let Some(credential) = store::credential::lock(&tx, environment_id, id).await? else {
            return Ok(());
        };
        let lives = matches!(credential.health(self.now()).status, Status::Active | Status::Error);
        if !lives || credential.acts_by() != Some(end_at) {
            return Ok(());
        }
        store::expiry::note(&tx, environment_id, &id.to_string(), end_at, days).await?;
        let reason = format!("within_{days}_day{}", if days == 1 { "" } else { "s" });
        let ordinal = format!("{days}@{}", end_at.0);
        let kind = EventType::CredentialExpiring;
        self.tell_once(&tx, tenant, &credential, kind, Some(&reason), &ordinal).await?;
        Ok(tx.commit().await?)
    }
}
