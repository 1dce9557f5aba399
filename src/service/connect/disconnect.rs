//! What users do with their own credentials on a hosted page: they see them, and take them back.

use vouchsafe_entity::id::CredentialId;

use super::Visit;
use crate::domain::credential::Credential;
use crate::service::{Error, Hub};
use crate::store;

impl Hub {
    /// The user's own credential `id`, where it belongs to a connector of the visit's session.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`super::Code::SessionExpired`].
    pub async fn own_credential(&self, visit: &Visit, id: CredentialId) -> Result<Credential, Error> {
        self.ensure_not_over(visit)?;
        let found = store::credential::find(&self.store, visit.actor.environment(), id).await?;
        let own = |credential: &Credential| {
            credential.user == visit.user.id && visit.session.need(&credential.connector).is_some()
        };
        found.filter(own).ok_or(Error::NotFound)
    }

    /// Deletes the user's own credential, tells the app, and forgets that this session has connected it.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`super::Code::SessionExpired`].
    pub async fn disconnect(&self, visit: &Visit, id: CredentialId) -> Result<(), Error> {
        let credential = self.own_credential(visit, id).await?;
        self.delete_credential(&visit.actor, credential.id).await?;
        let tx = self.store.begin().await?;
        let environment = visit.actor.environment();
        store::session::forget_result(&tx, environment, visit.session.id, credential.id).await?;
        tx.commit().await?;
        self.signal(visit.session.id);
        Ok(())
    }
}
