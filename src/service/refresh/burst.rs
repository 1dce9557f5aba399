//! The burst guard: many grants of a provider that are refused at once are an incident there, not as many users
//! (`refresh.md`, section 6).

use vouchsafe_entity::kind::FailClass;
use vouchsafe_entity::millis::Millis;

use crate::domain::credential::{Credential, Machine, Resting};
use crate::domain::workspace::Tenant;
use crate::service::{Error, Hub};
use crate::store::refresh::{Burst, Pause, Refusal};
use crate::store::{self, Reads, Tx};

const MINUTE: i64 = 60_000;
const WINDOW: i64 = 10 * MINUTE;
const MANY: i64 = 5;
/// So many of a hundred of a provider's credentials are a burst within one workspace too.
const PERCENT: i64 = 5;
const PAUSE: i64 = 30 * MINUTE;
const LONGEST: i64 = 24 * 60 * MINUTE;

impl Hub {
    /// Until when no refusal of `provider` counts; none where each does.
    pub(super) async fn paused_until(
        &self,
        db: &impl Reads,
        provider: &str,
        now: Millis,
    ) -> Result<Option<Millis>, Error> {
        let pause = store::refresh::pause(db, provider).await?;
        Ok(pause.map(|pause| pause.until).filter(|until| now < *until))
    }

    /// Counts a refusal, and says until when none counts, this one included.
    pub(super) async fn note_refusal(
        &self,
        tx: &Tx,
        tenant: Tenant,
        credential: &Credential,
        class: FailClass,
    ) -> Result<Option<Millis>, Error> {
        let now = self.now();
        let provider = &credential.provider;
        let refusal = Refusal {
            id: self.ids.next().to_string(),
            provider: provider.clone(),
            workspace: tenant.workspace,
            environment: tenant.environment,
            credential: credential.id,
            class,
            at: now,
        };
        store::refresh::note_refusal(tx, refusal).await?;
        let suspected = suspected_since(credential);
        if suspected.is_some_and(|since| now.since(since) >= LONGEST) {
            return Ok(None);
        }
        if let Some(until) = self.paused_until(tx, provider, now).await? {
            return Ok(Some(until));
        }
        let of_late = store::refresh::refusals(tx, provider, now.plus(-WINDOW)).await?;
        if !self.is_burst(tx, provider, of_late).await? {
            // After a pause its suspects are asked again, one after the other: the first refusals are no proof while
            // most of the incident's grants are still suspect.
            if suspected.is_none() {
                return Ok(None);
            }
            let suspects = store::refresh::suspects(tx, provider).await?;
            return Ok(self.is_burst(tx, provider, suspects).await?.then(|| now.plus(PAUSE)));
        }
        let before = store::refresh::lock_pause(tx, provider).await?;
        if let Some(pause) = before.filter(|pause| now < pause.until) {
            // Another refusal of the same burst was first.
            return Ok(Some(pause.until));
        }
        // One that follows closely on another goes on; after a day of them, refusals count again.
        let since = before.filter(|pause| now.since(pause.until) < WINDOW).map_or(now, |pause| pause.since);
        if now.since(since) >= LONGEST {
            return Ok(None);
        }
        let until = now.plus(PAUSE);
        store::refresh::set_pause(tx, provider, Pause { since, until }).await?;
        if since == now {
            tracing::error!(
                provider.slug = provider,
                "many grants are refused at once: no refusal of this provider ends a credential for now"
            );
            metrics::counter!("vouchsafe_alerts_total", "kind" => "refusal_burst").increment(1);
        }
        Ok(Some(until))
    }

    async fn is_burst(&self, tx: &Tx, provider: &str, found: Burst) -> Result<bool, Error> {
        if found.credentials < MANY {
            return Ok(false);
        }
        if found.workspaces >= 2 {
            return Ok(true);
        }
        let active = store::refresh::live_credentials(tx, provider).await?;
        Ok(found.credentials * 100 > active * PERCENT)
    }
}

/// Since when the grant of a claimed credential is suspect.
const fn suspected_since(credential: &Credential) -> Option<Millis> {
    if let Machine::Refreshing { from: Resting::Suspect { since }, .. } = credential.token.machine {
        return Some(since);
    }
    None
}
