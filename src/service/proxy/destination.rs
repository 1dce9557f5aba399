//! Where a call would go, as far as it shows before anything is opened: what is offered to whoever makes a secret for the
//! call. It must not decide whether the call may go there; that is decided when it is made.

use vouchsafe_entity::id::CredentialId;

use super::Via;
use super::port::USUAL;
use super::target::given;
use crate::domain::actor::Actor;
use crate::domain::role::Action;
use crate::provider::{Authority, Values};
use crate::service::{Error, Hub};

impl Hub {
    /// The host of a call, as a secret lists it; none where what is named is not there or does not say it yet.
    ///
    /// # Errors
    /// [`crate::service::Code::Forbidden`], [`Error::Store`].
    pub async fn host_of_call(&self, actor: &Actor, via: &Via) -> Result<Option<String>, Error> {
        self.permit(actor, Action::CallApps).await?;
        let (connector, credential) = match via {
            Via::Address(address) => return Ok(given(address).ok().map(|(_, to, _)| listed(&to))),
            Via::Credential(id) => {
                let Ok(id) = id.parse::<CredentialId>() else {
                    return Ok(None);
                };
                let Some(credential) = there(self.get_credential(actor, id).await)? else {
                    return Ok(None);
                };
                (self.connector_of(actor.environment(), &credential).await?, Some(credential))
            }
            Via::User { user, connector } => {
                let Some(named) = self.connector_named(actor, connector).await? else {
                    return Ok(None);
                };
                (named, there(self.credential_of(actor, user, connector).await)?)
            }
        };
        // Its definition may be loaded no more; the call says so.
        let Some(definition) = self.providers().get(&connector.provider) else {
            return Ok(None);
        };
        let mut values = Values::new();
        let own = credential.iter().flat_map(|credential| &credential.variables);
        for (name, text) in connector.variables.iter().chain(own) {
            values.set(name.as_str(), text.as_str());
        }
        let usual = definition.methods().first().copied();
        let method = credential.as_ref().map(|credential| credential.method).or(usual);
        let host = method.and_then(|method| definition.base_host(method, &values).ok());
        Ok(host.as_ref().map(listed))
    }
}

/// What was found; none where there is nothing of that name.
fn there<T>(found: Result<T, Error>) -> Result<Option<T>, Error> {
    match found {
        Ok(found) => Ok(Some(found)),
        Err(Error::NotFound | Error::Invalid(_)) => Ok(None),
        Err(error @ (Error::Refused { .. } | Error::Store(_) | Error::Internal(_))) => Err(error),
    }
}

fn listed(to: &Authority) -> String {
    if to.port == USUAL { to.host.clone() } else { format!("{}:{}", to.host, to.port) }
}
