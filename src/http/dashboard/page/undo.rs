//! What was switched off, on its way to the next page: in a cookie beside the message, which offers to switch it on again.
//!
//! What comes back from a browser may be anybody's words, so it is read as such. It must not know how it is switched.

use std::fmt;

use axum::http::Uri;
use vouchsafe_entity::id::{ApiKeyId, CredentialId};

use super::Flash;
use crate::domain::{connector, secret, workspace};
use crate::http::dashboard::url::Url;

/// What works as before when it is switched on again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SwitchedOff {
    /// An API key.
    ApiKey(ApiKeyId),
    /// A connector, by its key.
    Connector(String),
    /// A credential.
    Credential(CredentialId),
    /// A secret, by its key.
    Secret(String),
}

impl SwitchedOff {
    /// The message that says so.
    pub const fn flash(&self) -> Flash {
        match self {
            Self::ApiKey(_) => Flash::ApiKeyDeactivated,
            Self::Connector(_) => Flash::ConnectorDisabled,
            Self::Credential(_) => Flash::CredentialDeactivated,
            Self::Secret(_) => Flash::SecretDeactivated,
        }
    }

    /// What `flash` says was switched off, by the name that stands beside it; none where it can't have that name.
    fn named(flash: Flash, name: &str) -> Option<Self> {
        match flash {
            Flash::ApiKeyDeactivated => name.parse().ok().map(Self::ApiKey),
            Flash::ConnectorDisabled => connector::is_key(name).then(|| Self::Connector(name.to_owned())),
            Flash::CredentialDeactivated => name.parse().ok().map(Self::Credential),
            Flash::SecretDeactivated => secret::is_key(name).then(|| Self::Secret(name.to_owned())),
            _ => None,
        }
    }
}

/// What was switched off, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Undo {
    /// The name of the environment.
    pub environment: String,
    /// What.
    pub what: SwitchedOff,
    /// The part of the list of its kind that is shown, to come back to: a query. A cookie does not have it.
    pub part: Option<String>,
}

impl Undo {
    /// Where it is switched on again, by POST.
    pub fn action(&self) -> String {
        let environment = self.environment.as_str();
        let url = match &self.what {
            SwitchedOff::ApiKey(id) => Url::ReactivateApiKey(environment, *id),
            SwitchedOff::Connector(key) => Url::EnableConnector(environment, key),
            SwitchedOff::Credential(id) => Url::ReactivateCredential(environment, *id),
            SwitchedOff::Secret(key) => Url::ReactivateSecret(environment, key),
        };
        self.part.as_ref().map_or_else(|| url.to_string(), |part| format!("{url}?{part}"))
    }
}

/// What is said on the next page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Said {
    /// The message.
    pub flash: Flash,
    /// What one press undoes.
    pub undo: Option<Undo>,
}

impl From<Flash> for Said {
    fn from(flash: Flash) -> Self {
        Self { flash, undo: None }
    }
}

impl Said {
    /// What a cookie says: a message, and behind it an environment and a name where something was switched off.
    pub fn read(cookie: &str) -> Option<Self> {
        let mut parts = cookie.splitn(3, ':');
        let flash = Flash::of(parts.next()?)?;
        let undo = match (parts.next(), parts.next()) {
            (Some(environment), Some(name)) if workspace::is_name(environment) => {
                let what = SwitchedOff::named(flash, name);
                what.map(|what| Undo { environment: environment.to_owned(), what, part: None })
            }
            _ => None,
        };
        Some(Self { flash, undo })
    }

    /// The same on the page at `here`.
    #[must_use]
    pub fn shown_at(mut self, here: &Uri) -> Self {
        if let Some(undo) = &mut self.undo {
            // The others lead to a page of their own, or to a list without filters.
            let list = matches!(undo.what, SwitchedOff::Secret(_))
                && here.path() == Url::Secrets(&undo.environment).to_string();
            undo.part = here.query().filter(|_| list).map(str::to_owned);
        }
        self
    }
}

/// As a cookie has it.
impl fmt::Display for Said {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.flash.word())?;
        let Some(Undo { environment, what, .. }) = &self.undo else { return Ok(()) };
        match what {
            SwitchedOff::ApiKey(id) => write!(f, ":{environment}:{id}"),
            SwitchedOff::Credential(id) => write!(f, ":{environment}:{id}"),
            SwitchedOff::Connector(key) | SwitchedOff::Secret(key) => write!(f, ":{environment}:{key}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    #[test]
    fn what_was_switched_off_comes_back_as_it_was_left() {
        for what in [
            SwitchedOff::ApiKey(ApiKeyId::new(Uuid::nil())),
            SwitchedOff::Connector("fernhill-2".to_owned()),
            SwitchedOff::Credential(CredentialId::new(Uuid::nil())),
            SwitchedOff::Secret("STRIPE_KEY.eu".to_owned()),
        ] {
            let undo = Some(Undo { environment: "sandbox".to_owned(), what: what.clone(), part: None });
            let said = Said { flash: what.flash(), undo };
            assert_eq!(Said::read(&said.to_string()), Some(said));
        }
        assert_eq!(Said::read("secret_created"), Some(Flash::SecretCreated.into()));
    }

    #[test]
    fn what_nobody_left_there_offers_nothing() {
        for forged in [
            "secret_deactivated",
            "secret_deactivated:",
            "secret_deactivated:production",
            "secret_deactivated:production:",
            "secret_deactivated:production:../../x",
            "secret_deactivated:production:K/../delete",
            "secret_deactivated:production:K:L",
            "secret_deactivated:production/x:K",
            "secret_deactivated::K",
            "connector_disabled:production:<b>",
            "connector_disabled:production:UPPER",
            "credential_deactivated:production:fernhill",
            "credential_deactivated:production:user_00000000000000000000000000",
            "secret_deleted:production:K",
        ] {
            let said = Said::read(forged).unwrap();
            assert_eq!(said.undo, None, "{forged}");
        }
        assert_eq!(Said::read("<b>:production:K"), None);
    }
}
