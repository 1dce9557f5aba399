//! Switching off and on, revoking and deleting many secrets: each by itself, so that one that can't be leaves the others
//! alone.

use crate::domain::actor::Actor;
use crate::domain::role::Action;
use crate::service::{Error, Hub};

/// So many are acted on together.
const MOST: usize = 200;

/// What can be done to secrets without knowing more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SecretAct {
    /// Switch off.
    Deactivate,
    /// Switch on.
    Reactivate,
    /// End for good, and keep the row.
    Revoke,
    /// Remove.
    Delete,
}

impl SecretAct {
    /// All of them.
    pub const ALL: &'static [Self] = &[Self::Deactivate, Self::Reactivate, Self::Revoke, Self::Delete];

    /// Its word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Deactivate => "deactivate",
            Self::Reactivate => "reactivate",
            Self::Revoke => "revoke",
            Self::Delete => "delete",
        }
    }

    /// The act of this word.
    pub fn of(word: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|act| act.as_str() == word)
    }
}

/// What became of one secret.
#[derive(Debug)]
pub struct Acted {
    /// Which.
    pub key: String,
    /// Why it stays as it was; none where it was done.
    pub refused: Option<Error>,
}

impl Hub {
    /// Does `act` to a secret. What refers to a deleted one stops working, so ask before.
    ///
    /// # Errors
    /// Those of the single use cases.
    pub async fn act_on_secret(&self, actor: &Actor, key: &str, act: SecretAct) -> Result<(), Error> {
        match act {
            SecretAct::Deactivate => self.deactivate_secret(actor, key).await.map(drop),
            SecretAct::Reactivate => self.reactivate_secret(actor, key).await.map(drop),
            SecretAct::Revoke => self.revoke_secret(actor, key).await.map(drop),
            SecretAct::Delete => self.delete_secret(actor, key, true).await,
        }
    }

    /// Does `act` to each of `keys`, and says what became of each.
    ///
    /// # Errors
    /// [`Error::Invalid`] for more than 200, [`crate::service::Code::Forbidden`], [`Error::Store`].
    pub async fn act_on_secrets(
        &self,
        actor: &Actor,
        keys: &[String],
        act: SecretAct,
    ) -> Result<Vec<Acted>, Error> {
        self.permit(actor, Action::ManageSecrets).await?;
        if keys.is_empty() || keys.len() > MOST {
            return Err(Error::invalid("/secrets", "out_of_range", "Choose 1 to 200 secrets."));
        }
        let mut acted = Vec::with_capacity(keys.len());
        for key in keys {
            let refused = match self.act_on_secret(actor, key, act).await {
                Ok(()) => None,
                Err(error @ (Error::Store(_) | Error::Internal(_))) => return Err(error),
                Err(error @ (Error::Invalid(_) | Error::NotFound | Error::Refused { .. })) => Some(error),
            };
            acted.push(Acted { key: key.clone(), refused });
        }
        Ok(acted)
    }
}
