//! The port of an address of the caller's: another than the usual one is called where every secret in the call lists it
//! together with the host, as that of an app is called where its definition writes it. An entry without a port, and a list
//! that is empty, open none; inside the networks that the operator allows, the guard lets every port pass. It must not
//! decide about hosts.

use crate::domain::actor::Actor;
use crate::domain::secret::Secret;
use crate::domain::secret_reference as reference;
use crate::provider::Authority;
use crate::service::{Error, Hub};
use crate::store;

/// The port that needs nobody to name it.
pub(super) const USUAL: u16 = 443;

impl Hub {
    /// The port of `to`, where the secrets that `texts` refer to name it. That they may go there is known already.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub(super) async fn listed_port(
        &self,
        actor: &Actor,
        to: &Authority,
        texts: &[String],
    ) -> Result<Option<u16>, Error> {
        if to.port == USUAL {
            return Ok(None);
        }
        let mut keys: Vec<&str> = texts.iter().map(String::as_str).flat_map(reference::keys).collect();
        keys.sort_unstable();
        keys.dedup();
        let found = store::secret::by_keys(&self.store, actor.environment(), &keys).await?;
        let lists = |secret: &Secret| secret.allowed_hosts.iter().any(|host| host.names(&to.host, to.port));
        Ok((found.len() == keys.len() && found.iter().all(lists)).then_some(to.port))
    }
}
