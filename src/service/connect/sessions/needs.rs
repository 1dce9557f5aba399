//! What a session is about: the connectors of an integration, those that are named, that of a credential to reconnect, or
//! all that are switched on.

use vouchsafe_entity::json::Need;

use super::NewSession;
use crate::domain::actor::Actor;
use crate::domain::connector::Connector;
use crate::domain::credential::Credential;
use crate::domain::session::Session;
use crate::service::{Code, Error, Hub};
use crate::store;

impl Hub {
    /// What a session is about: an integration's connectors, those named, or all that are switched on.
    pub(super) async fn needs_of(&self, actor: &Actor, new: &NewSession) -> Result<Vec<Need>, Error> {
        if let Some(slug) = &new.integration {
            let found = store::integration::by_slug(&self.store, actor.environment(), slug).await?;
            let needs = found.ok_or_else(|| Error::unknown("/integration", "integration"))?.connectors;
            return self.ready_needs(actor, needs, |_| "/integration".to_owned()).await;
        }
        let plain = |connector: String| Need { connector, scopes: Vec::new(), optional: false };
        if let Some(keys) = &new.connectors {
            if keys.is_empty() || keys.len() > 50 {
                return Err(Error::invalid("/connectors", "invalid_length", "Name 1 to 50 connectors."));
            }
            let mut needs: Vec<Need> = Vec::new();
            for key in keys {
                if !needs.iter().any(|need| need.connector == *key) {
                    needs.push(plain(key.clone()));
                }
            }
            let place = |key: &str| keys.iter().position(|other| other == key).unwrap_or(0);
            return self.ready_needs(actor, needs, |key| format!("/connectors/{}", place(key))).await;
        }
        if let Some(id) = new.credential {
            let credential = store::credential::find(&self.store, actor.environment(), id).await?;
            let credential = credential.ok_or_else(|| Error::unknown("/credentialId", "credential"))?;
            let needs = vec![plain(credential.connector)];
            return self.ready_needs(actor, needs, |_| "/credentialId".to_owned()).await;
        }
        let all = store::connector::all(&self.store, actor.environment(), 200).await?;
        let ready = |connector: &Connector| {
            connector.enabled
                && self
                    .definition_of(connector)
                    .is_ok_and(|definition| Self::ensure_complete(connector, &definition, "").is_ok())
        };
        Ok(all
            .into_iter()
            .filter(ready)
            .map(|connector| Need { optional: true, ..plain(connector.key) })
            .collect())
    }

    /// Every connector must be there, switched on and complete, so that no user meets one that is not. An optional one
    /// that is not stays out, so that it does not keep the others from being connected.
    async fn ready_needs(
        &self,
        actor: &Actor,
        needs: Vec<Need>,
        pointer: impl Fn(&str) -> String,
    ) -> Result<Vec<Need>, Error> {
        let keys: Vec<String> = needs.iter().map(|need| need.connector.clone()).collect();
        let found = self.connectors_named(actor, &keys).await?;
        let (mut ready, mut lacking) = (Vec::new(), None);
        for need in needs {
            match self.ensure_ready(&found, &need.connector, &pointer(&need.connector)) {
                Ok(()) => ready.push(need),
                Err(error) if need.optional => lacking = Some(error),
                Err(error) => return Err(error),
            }
        }
        match lacking {
            Some(error) if ready.is_empty() => Err(error),
            _ => Ok(ready),
        }
    }

    fn ensure_ready(&self, found: &[Connector], key: &str, pointer: &str) -> Result<(), Error> {
        let connector = found.iter().find(|connector| connector.key == key).ok_or_else(|| {
            let message = format!("There is no connector `{key}` in this environment.");
            Error::invalid(pointer, "unknown", message)
        })?;
        if !connector.enabled {
            let detail = format!("The connector `{key}` is switched off.");
            return Err(Error::refused_at(Code::ConnectorDisabled, pointer, detail));
        }
        Self::ensure_complete(connector, &*self.definition_of(connector)?, pointer)
    }
}

/// A credential to reconnect must be this user's and of a connector of the session, which is then about that alone.
pub(super) fn keep_to_reconnect(session: &mut Session, credentials: &[Credential]) -> Result<(), Error> {
    let Some(id) = session.credential else {
        return Ok(());
    };
    let credential = credentials.iter().find(|credential| credential.id == id);
    let credential = credential.ok_or_else(|| Error::unknown("/credentialId", "credential of this user"))?;
    if session.need(&credential.connector).is_none() {
        let message = "This credential belongs to a connector that the session is not about.";
        return Err(Error::invalid("/credentialId", "other_connector", message));
    }
    session.needs.retain(|need| need.connector == credential.connector);
    for need in &mut session.needs {
        need.optional = false;
    }
    Ok(())
}
