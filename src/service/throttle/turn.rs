//! A turn for a call of the hub's own that renews nothing: a token request of a sign-in, a look-up, a check, a
//! revocation. It is kept for that one call. Such calls neither ask the circuit breaker nor tell it anything.

use std::sync::Arc;

use tokio::sync::OwnedSemaphorePermit;
use url::Url;
use vouchsafe_entity::id::WorkspaceId;
use vouchsafe_entity::millis::Millis;

use super::{Host, Throttle};
use crate::provider::{Definition, Limits, RenderError};
use crate::service::{Code, Error, Hub};

/// When whoever was refused may try again.
const RETRY_SECONDS: u64 = 5;

/// What becomes of a call for which no turn comes in time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::service) enum Patience {
    /// Nothing was spent for it yet, so it is refused.
    Refusable,
    /// It follows something that was spent, and would be lost without it: a code, a grant, a turn before. It is made
    /// all the same.
    Spent,
}

/// A call that may be made, for as long as this is kept.
pub(in crate::service) struct Turn {
    _host: Arc<Host>,
    /// None where no place came in time.
    _call: Option<OwnedSemaphorePermit>,
}

impl Hub {
    /// Waits for a turn to call the host of `url` for `workspace`.
    ///
    /// # Errors
    /// [`Code::ProviderBusy`], where the call may be refused.
    pub(in crate::service) async fn turn_at(
        &self,
        workspace: WorkspaceId,
        definition: &Definition,
        url: &Url,
        patience: Patience,
    ) -> Result<Turn, Error> {
        let host = (definition.slug(), url.host_str().unwrap_or_default());
        let turn = self.throttle.turn(workspace, host, definition.limits(), patience, || self.now()).await;
        turn.ok_or_else(|| busy(definition))
    }

    /// The same for an address that may not be known; without one there is no call, nor a turn.
    ///
    /// # Errors
    /// As [`Hub::turn_at`].
    pub(in crate::service) async fn turn_to(
        &self,
        workspace: WorkspaceId,
        definition: &Definition,
        url: Result<Url, RenderError>,
        patience: Patience,
    ) -> Result<Option<Turn>, Error> {
        match url {
            Ok(url) => self.turn_at(workspace, definition, &url, patience).await.map(Some),
            Err(_) => Ok(None),
        }
    }
}

fn busy(definition: &Definition) -> Error {
    let detail =
        format!("{} is being called as often as it allows. Try again in a moment.", definition.name());
    Error::later(Code::ProviderBusy, detail, RETRY_SECONDS)
}

impl Throttle {
    /// Waits for a turn among the calls to a host of a provider; none where it did not come in time and the call may be
    /// refused.
    pub(super) async fn turn(
        &self,
        workspace: WorkspaceId,
        (provider, host): (&str, &str),
        limits: Limits,
        patience: Patience,
        now: impl Fn() -> Millis,
    ) -> Option<Turn> {
        let host = self.host(provider, host, limits);
        let coming = host.lanes.own_call(workspace, host.begin(&now));
        let call = match (tokio::time::timeout(self.turn_wait, coming).await, patience) {
            (Ok(call), _) => call,
            (Err(_), Patience::Spent) => None,
            (Err(_), Patience::Refusable) => return None,
        };
        host.health().called_at = Some(now());
        Some(Turn { _host: host, _call: call })
    }
}
