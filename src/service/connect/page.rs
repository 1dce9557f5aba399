//! What the pages of the modal show: how things stand with each connector, and what a connector asks for.

use vouchsafe_entity::id::CredentialId;
use vouchsafe_entity::json::Need;
use vouchsafe_entity::kind::{Method, SessionStatus, Status};
use vouchsafe_entity::millis::Millis;

use super::Visit;
use crate::domain::credential::Credential;
use crate::domain::integration::Integration;
use crate::domain::session::{ConnectResult, Progress};
use crate::provider::{Definition, Field};
use crate::service::integrations::{missing_scopes, pick};
use crate::service::{Code, Error, Hub};
use crate::store;

/// How things stand with one connector of a session.
#[derive(Clone, Debug)]
pub struct Standing {
    /// The connector's key.
    pub connector: String,
    /// The provider's name.
    pub name: String,
    /// The slug by which its icon is asked for; none for an app without one.
    pub icon: Option<String>,
    /// Whether the feature works without it.
    pub optional: bool,
    /// What came of it in this session.
    pub result: Option<ConnectResult>,
    /// The credential that serves it, or would.
    pub credential: Option<(CredentialId, Status)>,
    /// What people see of its account.
    pub account: Option<String>,
    /// What it was not granted.
    pub missing: Vec<String>,
    /// What its user may know of it.
    pub given: Option<Given>,
    /// The code for the opener, where it may have it.
    pub confirmation_code: Option<secrecy::SecretString>,
}

/// What a user may know of what they have given.
#[derive(Clone, Debug)]
pub struct Given {
    /// The credential.
    pub credential: CredentialId,
    /// Since when.
    pub since: Millis,
    /// When it was last used.
    pub last_used_at: Option<Millis>,
    /// With which rights.
    pub access: Vec<String>,
}

impl Standing {
    /// Whether nothing is left to do.
    pub fn is_done(&self) -> bool {
        self.result.as_ref().is_some_and(|result| result.progress == Progress::Completed)
    }
}

/// What a connector asks the user for, by one method.
#[derive(Clone, Debug)]
pub struct Offer {
    /// The connector's key.
    pub connector: String,
    /// The provider's name.
    pub name: String,
    /// The slug by which its icon is asked for; none for an app without one.
    pub icon: Option<String>,
    /// The method.
    pub method: Method,
    /// What is typed first.
    pub fields: Vec<Field>,
    /// Other methods.
    pub others: Vec<Method>,
    /// What the host app will be able to do.
    pub access: Vec<String>,
    /// The account that is being reconnected.
    pub reconnect: Option<String>,
}

impl Hub {
    /// How things stand with every connector of a visit's session.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn standings(&self, visit: &Visit) -> Result<Vec<Standing>, Error> {
        let environment = visit.actor.environment();
        let results = store::session::results(&self.store, environment, visit.session.id).await?;
        let credentials = self.credentials_of(environment, visit.user.id, None).await?;
        let keys: Vec<String> = visit.session.needs.iter().map(|need| need.connector.clone()).collect();
        let connectors = self.connectors_named(&visit.actor, &keys).await?;
        let definition = |key: &str| {
            let connector = connectors.iter().find(|connector| connector.key == key);
            connector.and_then(|connector| self.providers().get(&connector.provider))
        };
        visit
            .session
            .needs
            .iter()
            .map(|need| {
                let definition = definition(&need.connector);
                self.standing(visit, need, definition.as_deref(), &results, &credentials)
            })
            .collect()
    }

    fn standing(
        &self,
        visit: &Visit,
        need: &Need,
        definition: Option<&Definition>,
        results: &[ConnectResult],
        credentials: &[Credential],
    ) -> Result<Standing, Error> {
        let now = self.now();
        let result = results.iter().find(|result| result.connector == need.connector).cloned();
        let connected = result.as_ref().and_then(|result| result.credential);
        let of_connector: Vec<_> = credentials.iter().filter(|c| c.connector == need.connector).collect();
        let wanted = connected.or(visit.session.credential);
        let named = wanted.and_then(|id| of_connector.iter().find(|c| c.id == id).copied());
        let serving = named.or_else(|| pick(&of_connector, now));
        let sealed = result.as_ref().and_then(|r| r.confirmation.as_ref()?.sealed_code.as_ref());
        let code = sealed
            .map(|sealed| self.open_code(visit.actor.tenant, visit.session.id, &need.connector, sealed));
        Ok(Standing {
            connector: need.connector.clone(),
            name: definition.map_or(need.connector.as_str(), Definition::name).to_owned(),
            icon: definition.and_then(Definition::icon_slug).map(str::to_owned),
            optional: need.optional,
            credential: serving.map(|c| (c.id, c.health(now).status)),
            account: serving.and_then(|c| c.account.as_ref()).map(|account| account.label.clone()),
            given: serving.map(|c| Given {
                credential: c.id,
                since: c.issued_at,
                last_used_at: c.last_used_at,
                access: c.scopes.clone(),
            }),
            missing: serving.map_or_else(Vec::new, |c| missing_scopes(need, c)),
            confirmation_code: code.transpose()?,
            result,
        })
    }

    /// Where the visit's session stands now.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn session_status(&self, visit: &Visit) -> Result<SessionStatus, Error> {
        let session = store::session::find(&self.store, visit.actor.environment(), visit.session.id).await?;
        Ok(session.map_or(SessionStatus::Expired, |session| session.status(self.now())))
    }

    /// The integration that the pages speak of: the `other` that the host page names, else the session's own, while
    /// it is there.
    ///
    /// # Errors
    /// [`Error::Invalid`] where there is no such `other`.
    pub async fn integration_shown(
        &self,
        visit: &Visit,
        other: Option<&str>,
    ) -> Result<Option<Integration>, Error> {
        let Some(slug) = other.or(visit.session.integration.as_deref()) else {
            return Ok(None);
        };
        let found = store::integration::by_slug(&self.store, visit.actor.environment(), slug).await?;
        if found.is_none() && other.is_some() {
            return Err(Error::unknown("/integration", "integration"));
        }
        Ok(found)
    }

    /// What a connector of the session asks the user for.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Code::ConnectorDisabled`].
    pub async fn offer(&self, visit: &Visit, key: &str, method: Option<Method>) -> Result<Offer, Error> {
        let need = visit.session.need(key).ok_or(Error::NotFound)?;
        let connector = self.connector_named(&visit.actor, key).await?.ok_or(Error::NotFound)?;
        if !connector.enabled {
            return Err(Error::refused(Code::ConnectorDisabled, "The host app has switched this app off."));
        }
        let definition = self.definition_of(&connector)?;
        let working = Self::working_methods(&connector, &definition);
        let reconnecting = match visit.session.credential {
            Some(id) => store::credential::find(&self.store, visit.actor.environment(), id).await?,
            None => None,
        };
        // A reconnect keeps the method that the credential was made by.
        let usual = reconnecting.as_ref().map(|credential| credential.method);
        let wanted = method.or(usual).filter(|method| working.contains(method));
        let chosen = wanted.or(working.first().copied()).ok_or_else(|| {
            Error::refused(Code::ConnectorIncomplete, "The host app has not finished setting this app up.")
        })?;
        let others = working.into_iter().filter(|other| *other != chosen && reconnecting.is_none()).collect();
        Ok(Offer {
            connector: connector.key.clone(),
            name: definition.name().to_owned(),
            icon: definition.icon_slug().map(str::to_owned),
            method: chosen,
            fields: definition.fields(chosen),
            others,
            access: need.scopes.clone(),
            reconnect: reconnecting.and_then(|credential| credential.account).map(|account| account.label),
        })
    }
}
