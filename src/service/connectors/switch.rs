//! Switching a connector off and on, whatever else its settings say.

use crate::domain::actor::Actor;
use crate::domain::integration::Integration;
use crate::domain::role::Action;
use crate::service::audit::Target;
use crate::service::{Error, Hub};
use crate::store;

/// So many of the integrations that need a connector are named.
const NAMED: usize = 10;

/// The integrations that need a connector, as far as they are named.
#[derive(Debug)]
pub struct Needing {
    /// The first ten by slug.
    pub integrations: Vec<Integration>,
    /// Whether there are others.
    pub more: bool,
}

impl Hub {
    /// Switches a connector on or off. Off, its credentials stay and can't be used; that works with an ended
    /// subscription too.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`crate::service::Code::SubscriptionRequired`].
    pub async fn switch_connector(&self, actor: &Actor, key: &str, on: bool) -> Result<(), Error> {
        self.permit(actor, Action::ConfigureConnectors).await?;
        if on {
            self.gate(actor).await?;
        }
        let environment = actor.environment();
        let found = self.connector_named(actor, key).await?.ok_or(Error::NotFound)?;
        let action = if on { "connector.enable" } else { "connector.disable" };
        let tx = self.store.begin().await?;
        // One that exists by default has no row that could be locked.
        store::connector::ensure(&tx, environment, &found, self.now()).await?;
        let mut connector = store::connector::lock(&tx, environment, found.id).await?.unwrap_or(found);
        connector.enabled = on;
        connector.explicit = true;
        store::connector::save(&tx, environment, &connector, self.now()).await?;
        self.record(&tx, actor, action, Target::new("connector", key), None).await?;
        tx.commit().await?;
        self.connectors.forget(&(environment, connector.id));
        Ok(())
    }

    /// The integrations that need one of these connectors.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn integrations_with(&self, actor: &Actor, keys: &[&str]) -> Result<Needing, Error> {
        self.permit(actor, Action::ViewConnectors).await?;
        let (environment, most) = (actor.environment(), NAMED as u64 + 1);
        let mut integrations =
            store::integration::with_connectors(&self.store, environment, keys, most).await?;
        let more = integrations.len() > NAMED;
        integrations.truncate(NAMED);
        Ok(Needing { integrations, more })
    }
}

impl Hub {
    /// Whether somebody may configure connectors, for a page that offers it.
    ///
    /// # Errors
    /// [`crate::service::Code::Forbidden`].
    pub async fn may_configure_connectors(&self, actor: &Actor) -> Result<(), Error> {
        self.permit(actor, Action::ConfigureConnectors).await
    }
}
