//! What refers to secrets, so that whoever ends one knows what stops working.

use std::collections::HashMap;

use vouchsafe_entity::id::SecretId;

use super::{NAMED, SecretView};
use crate::domain::actor::Actor;
use crate::domain::role::Action;
use crate::service::{Error, Hub};
use crate::store;

/// So many secrets are looked at together.
const MOST: usize = 200;

/// A setting that refers to a secret.
#[derive(Clone, Debug)]
pub struct SecretUse {
    /// The environment's name.
    pub environment: String,
    /// The connector's key.
    pub connector: String,
    /// Which of its settings, `clientSecret` or `variables/<name>`.
    pub place: String,
}

/// A secret with the settings that refer to it.
#[derive(Clone, Debug)]
pub struct UsedSecret {
    /// The secret.
    pub view: SecretView,
    /// The first settings that refer to it.
    pub uses: Vec<SecretUse>,
    /// Whether there are more.
    pub more: bool,
}

impl Hub {
    /// The secret of that key with what refers to it.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub async fn get_used_secret(&self, actor: &Actor, key: &str) -> Result<UsedSecret, Error> {
        let found = self.list_used_secrets(actor, &[key.to_owned()]).await?;
        found.into_iter().next().ok_or(Error::NotFound)
    }

    /// Those of `keys` that there are, each with what refers to it.
    ///
    /// # Errors
    /// [`crate::service::Code::Forbidden`], [`Error::Store`].
    pub async fn list_used_secrets(&self, actor: &Actor, keys: &[String]) -> Result<Vec<UsedSecret>, Error> {
        self.permit(actor, Action::ViewSecrets).await?;
        let keys: Vec<&str> = keys.iter().map(String::as_str).take(MOST).collect();
        let mut secrets = store::secret::by_keys(&self.store, actor.environment(), &keys).await?;
        secrets.sort_by(|a, b| a.key.cmp(&b.key));
        let ids: Vec<SecretId> = secrets.iter().map(|secret| secret.id).collect();
        let mut names = self.names_of_environments(actor, &ids).await?;
        let most = i64::try_from(ids.len()).unwrap_or(1) * (NAMED + 1);
        let mut uses: HashMap<SecretId, Vec<SecretUse>> = HashMap::new();
        for one in store::secret_reference::of_secrets(&self.store, actor.workspace(), &ids, most).await? {
            let setting =
                SecretUse { environment: one.environment, connector: one.connector, place: one.place };
            uses.entry(one.secret_id).or_default().push(setting);
        }
        let shown = usize::try_from(NAMED).unwrap_or(usize::MAX);
        let whole = |secret: crate::domain::secret::Secret| {
            let mut uses = uses.remove(&secret.id).unwrap_or_default();
            let more = uses.len() > shown;
            uses.truncate(shown);
            let environments = names.remove(&secret.id).unwrap_or_default();
            UsedSecret { view: SecretView { secret, environments }, uses, more }
        };
        Ok(secrets.into_iter().map(whole).collect())
    }
}
