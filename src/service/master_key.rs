//! Another master key around the data keys, so that the one before it can be taken away. What the data keys sealed stays
//! as it is, and a hub at work has them open already.

use super::audit::Target;
use super::{Error, Hub};
use crate::domain::actor::Author;
use crate::domain::audit::AuditEvent;
use crate::failpoint::failpoint;
use crate::store;

/// What became of the data keys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rewrapped {
    /// The fingerprint of the master key that wraps all of them now.
    pub master_key: String,
    /// How many were wrapped anew.
    pub anew: usize,
    /// How many were wrapped by it before.
    pub already: usize,
}

impl Hub {
    /// Wraps every data key by the present master key: all of them, or none.
    ///
    /// # Errors
    /// [`Error::Store`], and [`super::Code::KeyUnavailable`] where none of the master keys opens one.
    pub async fn rewrap_keys(&self) -> Result<Rewrapped, Error> {
        let tx = self.store.begin().await?;
        let keys = store::data_key::lock_all(&tx).await?;
        let anew: Vec<_> =
            keys.iter().filter_map(|key| self.vault.rewrap(key).transpose()).collect::<Result<_, _>>()?;
        if !anew.is_empty() {
            store::data_key::rewrap(&tx, &anew).await?;
            self.insert_audit(&tx, &[self.rewrap_event()]).await?;
            failpoint!("rewrap::wrapped");
            tx.commit().await?;
            failpoint!("rewrap::committed");
        }
        Ok(Rewrapped {
            master_key: self.vault.master_key().to_owned(),
            anew: anew.len(),
            already: keys.len() - anew.len(),
        })
    }

    /// Every workspace reads it, so it does not say how many keys there are.
    fn rewrap_event(&self) -> AuditEvent {
        let target = Target::new("master_key", self.vault.master_key());
        AuditEvent {
            actor_type: Author::Operator.kind().into(),
            ..self.own_event("master_key.rewrap", target, None)
        }
    }
}
