//! What only time does to secrets: their end is told of ahead and when it comes, and some days later they are gone.

use vouchsafe_entity::id::{SecretId, WorkspaceId};

use crate::domain::event::EventType;
use crate::domain::secret::{Notice, Secret};
use crate::domain::workspace::Tenant;
use crate::service::audit::Target;
use crate::service::refresh::hub_actor;
use crate::service::steps::Steps;
use crate::service::{Code, Error, Hub};
use crate::store::{self, Tx};

/// How many a sweep takes at once.
const BATCH: i64 = 100;

impl Hub {
    /// Tells of ends and removes what ended long ago.
    ///
    /// # Errors
    /// The first; the other secrets had their turn unless the database is away.
    pub(in crate::service) async fn sweep_secrets(&self) -> Result<(), Error> {
        let mut steps = Steps::default();
        for (workspace, id) in store::secret::noticeable(&self.store, self.now(), BATCH).await? {
            steps.pass(self.notice_end(workspace, id).await)?;
        }
        for (workspace, id) in store::secret::purgeable(&self.store, self.now(), BATCH).await? {
            steps.pass(self.purge_secret(workspace, id).await)?;
        }
        steps.end()
    }

    async fn notice_end(&self, workspace: WorkspaceId, id: SecretId) -> Result<(), Error> {
        let tx = self.store.begin().await?;
        let Some(mut secret) = store::secret::lock_by_id(&tx, workspace, id).await? else {
            return Ok(());
        };
        let covered = store::secret::environments_of(&tx, workspace, &[id]).await?;
        let covered: Vec<_> = covered.into_iter().map(|covered| covered.environment_id).collect();
        let days = self.warning_days(&tx, &covered).await?;
        let notice = secret.take_notice(self.now(), &days);
        store::secret::update(&tx, &secret).await?;
        for environment in covered {
            let (found, tenant) = &*self.environment_in(&tx, environment).await?;
            match notice {
                Some(Notice::Expired) => {
                    self.tell_of_secret(&tx, *tenant, &secret, EventType::SecretExpired, 0).await?;
                }
                Some(Notice::Expiring(days)) if found.settings.expiry_warning_days.contains(&days) => {
                    self.tell_of_secret(&tx, *tenant, &secret, EventType::SecretExpiring, days).await?;
                }
                Some(Notice::Expiring(_)) | None => {}
            }
        }
        Ok(tx.commit().await?)
    }

    async fn tell_of_secret(
        &self,
        tx: &Tx,
        tenant: Tenant,
        secret: &Secret,
        kind: EventType,
        days: u16,
    ) -> Result<(), Error> {
        let mut news = self.news(tx, tenant, kind).await?;
        let end = secret.expires_at.map_or(0, |end| end.0);
        news.unique_key = format!("{}/{end}/{}/{days}", secret.id, kind.as_str());
        news.body.secret_key = Some(secret.key.clone());
        match self.emit(tx, tenant, news).await {
            // Without a key for its events this environment is not told; the others of the secret are all the same.
            Err(error) if error.code() == Some(Code::KeyUnavailable) => Ok(()),
            told => told.map(drop),
        }
    }

    async fn purge_secret(&self, workspace: WorkspaceId, id: SecretId) -> Result<(), Error> {
        let tx = self.store.begin().await?;
        let Some(secret) = store::secret::lock_by_id(&tx, workspace, id).await? else {
            return Ok(());
        };
        // Revived since it was found.
        if secret.expires_at.is_none_or(|end| end > self.now()) {
            return Ok(());
        }
        let covered = store::secret::environments_of(&tx, workspace, &[id]).await?;
        store::secret::delete(&tx, workspace, id).await?;
        for covered in covered {
            let (_, tenant) = *self.environment_in(&tx, covered.environment_id).await?;
            let what = Some(format!("{}: expired long ago", secret.key));
            self.record(&tx, &hub_actor(tenant), "secret.purge", Target::new("secret", id), what).await?;
        }
        self.note_wiped();
        Ok(tx.commit().await?)
    }
}
