//! What time has made of credentials, written down: an end that has come, and the change of state that it is.

use vouchsafe_entity::id::{CredentialId, EnvironmentId};

use crate::domain::credential::Credential;
use crate::domain::workspace::Tenant;
use crate::service::{Error, Hub};
use crate::store::credential::Guard;
use crate::store::{self, Tx};

impl Hub {
    /// Writes down what time has made of a credential whose row nobody else holds.
    pub(in crate::service) async fn write_down_end(
        &self,
        tenant: Tenant,
        id: CredentialId,
    ) -> Result<(), Error> {
        let tx = self.store.begin().await?;
        if let Some(credential) = store::credential::lock_free(&tx, tenant.environment, id).await? {
            self.write_down_one(&tx, tenant, credential).await?;
        }
        Ok(tx.commit().await?)
    }

    /// Writes down what time has made of credentials: that a date set by hand has passed, or the end of an access token
    /// that nothing renews; and tells of each change once. Gives how many had changed.
    pub(in crate::service) async fn write_down(
        &self,
        environment: EnvironmentId,
        ids: &[CredentialId],
    ) -> Result<usize, Error> {
        let (_, tenant) = *self.environment_of(environment).await?;
        let mut changed = 0;
        let tx = self.store.begin().await?;
        for credential in store::credential::lock_many(&tx, environment, ids).await? {
            changed += usize::from(self.write_down_one(&tx, tenant, credential).await?);
        }
        tx.commit().await?;
        Ok(changed)
    }

    /// The same for one that `tx` holds; false where nothing has changed.
    async fn write_down_one(
        &self,
        tx: &Tx,
        tenant: Tenant,
        mut credential: Credential,
    ) -> Result<bool, Error> {
        let guard = Guard { epoch: credential.token.epoch, version: credential.token.version };
        let told = credential.token.event_ordinal;
        let ends = credential.end(self.now());
        self.announce(tx, tenant, &mut credential).await?;
        if !ends && credential.token.event_ordinal == told {
            return Ok(false);
        }
        let (id, token) = (credential.id, &credential.token);
        Ok(store::credential::save_token(tx, tenant.environment, id, token, guard, None).await?)
    }
}
