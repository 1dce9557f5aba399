//! What lies sealed in a credential and in a connector, while it is open. It is made for one use and wiped after it.

use std::collections::BTreeMap;

use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use vouchsafe_entity::id::{CredentialId, SessionId};
use vouchsafe_entity::sealed::Sealed;

use super::references::{Beside, SecretUses};
use super::refresh::hub_actor;
use super::{Error, Hub};
use crate::domain::connector::Connector;
use crate::domain::credential::{Credential, ServedCredential};
use crate::domain::secret_reference::is_dynamic;
use crate::domain::workspace::Tenant;
use crate::oauth::{ClientAuth, TokenAnswer};
use crate::provider::Values;
use crate::vault::Place;

/// The open content of a credential.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Material {
    /// What is presented to the app; keys have none.
    #[serde(default)]
    pub(super) access_token: Option<SecretString>,
    /// As the app named it.
    #[serde(default)]
    pub(super) token_type: Option<String>,
    /// What buys the next access token.
    #[serde(default)]
    pub(super) refresh_token: Option<SecretString>,
    /// Every variable, secret or not.
    #[serde(default)]
    values: BTreeMap<String, SecretString>,
}

/// The same as it is written; made only while sealing.
#[derive(Serialize)]
pub(super) struct MaterialParts<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    access_token: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    token_type: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    refresh_token: Option<&'a str>,
    values: BTreeMap<&'a str, &'a str>,
}

impl Material {
    /// Values alone: an API key, or what a token will be asked for with.
    pub(super) fn of_values(values: &Values) -> Self {
        let values = values.iter().map(|(name, value)| (name.to_owned(), value.clone())).collect();
        Self { access_token: None, token_type: None, refresh_token: None, values }
    }

    /// The tokens of an answer alone.
    pub(super) fn of_answer(answer: &TokenAnswer) -> Self {
        let mut material = Self::of_values(&Values::new());
        material.take(answer);
        material
    }

    /// Takes the tokens of an answer; a missing refresh token leaves the old one.
    pub(super) fn take(&mut self, answer: &TokenAnswer) {
        self.access_token = Some(answer.access_token.clone());
        self.token_type = Some(answer.token_type.clone());
        if let Some(refresh_token) = &answer.refresh_token {
            self.refresh_token = Some(refresh_token.clone());
        }
    }

    /// Sets a variable.
    pub(super) fn set(&mut self, name: &str, value: SecretString) {
        self.values.insert(name.to_owned(), value);
    }

    /// The variables, and the access token under its built-in name.
    pub(super) fn values(&self) -> Values {
        let mut values = Values::new();
        for (name, value) in &self.values {
            values.set(name.as_str(), value.clone());
        }
        if let Some(token) = &self.access_token {
            values.set("access_token", token.clone());
        }
        values
    }

    /// Names and values of the variables, in the open.
    pub(super) fn exposed(&self) -> impl Iterator<Item = (&str, &str)> {
        self.values.iter().map(|(name, value)| (name.as_str(), value.expose_secret()))
    }

    /// The variables alone.
    pub(super) fn into_values(self) -> BTreeMap<String, SecretString> {
        self.values
    }

    /// The parts to be sealed.
    pub(super) fn parts(&self) -> MaterialParts<'_> {
        MaterialParts {
            access_token: self.access_token.as_ref().map(ExposeSecret::expose_secret),
            token_type: self.token_type.as_deref(),
            refresh_token: self.refresh_token.as_ref().map(ExposeSecret::expose_secret),
            values: self.values.iter().map(|(name, value)| (name.as_str(), value.expose_secret())).collect(),
        }
    }
}

/// The open content of a connector.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ConnectorSecrets {
    /// The OAuth client's secret.
    #[serde(default)]
    pub(super) client_secret: Option<SecretString>,
    /// Secret variables.
    #[serde(default)]
    pub(super) variables: BTreeMap<String, SecretString>,
}

#[derive(Serialize)]
struct WrittenConnector<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    client_secret: Option<&'a str>,
    variables: BTreeMap<&'a str, &'a str>,
}

impl ConnectorSecrets {
    pub(super) fn is_empty(&self) -> bool {
        self.client_secret.is_none() && self.variables.is_empty()
    }
}

/// What stands in `column` of a row.
pub(super) fn place<'a>(
    tenant: Tenant,
    (table, column): (&'static str, &'static str),
    row: &'a str,
    (epoch, version): (i64, i64),
) -> Place<'a> {
    Place {
        workspace: tenant.workspace,
        environment: Some(tenant.environment),
        table,
        column,
        row,
        epoch,
        version,
    }
}

/// The current and the previous sealed object of a credential.
pub(super) const CURRENT: (&str, &str) = ("credential_token", "sealed");
pub(super) const PREVIOUS: (&str, &str) = ("credential_token", "prev_sealed");

impl Hub {
    pub(super) fn seal_material(
        &self,
        tenant: Tenant,
        column: (&'static str, &'static str),
        id: CredentialId,
        at: (i64, i64),
        material: &Material,
    ) -> Result<Sealed, Error> {
        Ok(self.vault.seal(&place(tenant, column, &id.to_string(), at), &material.parts())?)
    }

    /// Notes of a credential whether the key that sealed it is at hand, so that what is shown says so. Opens nothing.
    pub(super) fn seen(&self, mut credential: Credential) -> Credential {
        let sealed = credential.token.sealed.as_ref();
        credential.key_missing = sealed.is_some_and(|sealed| !self.vault.knows(sealed));
        credential
    }

    /// Opens what a credential holds.
    pub(super) fn open_material(&self, tenant: Tenant, credential: &Credential) -> Result<Material, Error> {
        let token = &credential.token;
        self.open_current(tenant, credential.id, (token.epoch, token.version), token.sealed.as_ref())
    }

    /// Opens what a credential holds that is only served.
    pub(super) fn open_served(
        &self,
        tenant: Tenant,
        credential: &ServedCredential,
    ) -> Result<Material, Error> {
        let at = (credential.epoch, credential.version);
        self.open_current(tenant, credential.id, at, credential.sealed.as_ref())
    }

    fn open_current(
        &self,
        tenant: Tenant,
        id: CredentialId,
        at: (i64, i64),
        sealed: Option<&Sealed>,
    ) -> Result<Material, Error> {
        let sealed = sealed.ok_or(Error::internal("a live credential without a sealed object"))?;
        Ok(self.vault.open(&place(tenant, CURRENT, &id.to_string(), at), sealed)?)
    }

    pub(super) fn seal_connector(
        &self,
        tenant: Tenant,
        connector: &Connector,
        secrets: &ConnectorSecrets,
    ) -> Result<Option<Sealed>, Error> {
        if secrets.is_empty() {
            return Ok(None);
        }
        let written = WrittenConnector {
            client_secret: secrets.client_secret.as_ref().map(ExposeSecret::expose_secret),
            variables: secrets.variables.iter().map(|(n, v)| (n.as_str(), v.expose_secret())).collect(),
        };
        let row = connector.id.to_string();
        let place = place(tenant, ("connector", "sealed"), &row, (0, connector.version));
        Ok(Some(self.vault.seal(&place, &written)?))
    }

    pub(super) fn open_connector(
        &self,
        tenant: Tenant,
        connector: &Connector,
    ) -> Result<ConnectorSecrets, Error> {
        let Some(sealed) = &connector.sealed else {
            return Ok(ConnectorSecrets::default());
        };
        let row = connector.id.to_string();
        Ok(self.vault.open(&place(tenant, ("connector", "sealed"), &row, (0, connector.version)), sealed)?)
    }

    /// The values that a connector gives to a request, and over them `own`: its variables, with references to secrets
    /// replaced, and its client. A secret that may not go wherever a request takes it with these values is refused. The
    /// uses of secrets are noted once the values are sent.
    pub(super) async fn open_values(
        &self,
        tenant: Tenant,
        connector: &Connector,
        own: &Values,
    ) -> Result<(Values, SecretUses), Error> {
        let settings = self.open_connector(tenant, connector)?;
        self.fill_values(tenant, connector, &settings, own).await
    }

    /// The same where its sealed settings are open.
    pub(super) async fn fill_values(
        &self,
        tenant: Tenant,
        connector: &Connector,
        settings: &ConnectorSecrets,
        own: &Values,
    ) -> Result<(Values, SecretUses), Error> {
        let plain =
            connector.variables.iter().map(|(name, text)| (name.as_str(), SecretString::from(text.as_str())));
        let sealed = settings.variables.iter().map(|(name, text)| (name.as_str(), text.clone()));
        let places_secret = || self.definition_of(connector).is_ok_and(|one| one.places_client_secret());
        let client_secret = settings.client_secret.clone().filter(|_| places_secret());
        let texts = plain.chain(sealed).chain(client_secret.map(|text| ("client_secret", text)));
        let (dynamic, literal): (Vec<(&str, SecretString)>, Vec<_>) =
            texts.partition(|(_, text)| is_dynamic(text.expose_secret().as_bytes()));
        let mut values = Values::new();
        for (name, text) in literal {
            values.set(name, text);
        }
        if let Some(client_id) = &connector.client_id {
            values.set("client_id", client_id.as_str());
        }
        values.extend(own.iter().map(|(name, value)| (name.to_owned(), value.clone())));
        let hub = hub_actor(tenant);
        let (mut looked_up, mut uses) = (Vec::with_capacity(dynamic.len()), SecretUses::default());
        for (name, text) in dynamic {
            // What is typed stands before what the connector says.
            if own.get(name).is_some() {
                continue;
            }
            let setting = (name, &text);
            let (value, of_value) =
                self.resolve_setting(&hub, connector, setting, Beside::All(&values)).await?;
            looked_up.push((name.to_owned(), value));
            uses.extend(of_value);
        }
        values.extend(looked_up);
        Ok((values, uses))
    }

    /// The OAuth client of a connector, where it has one, for a request with `values`. The uses of secrets are noted once
    /// it is sent.
    pub(super) async fn open_client(
        &self,
        tenant: Tenant,
        connector: &Connector,
        values: &Values,
    ) -> Result<Option<(ClientAuth, SecretUses)>, Error> {
        let settings = self.open_connector(tenant, connector)?;
        self.fill_client(tenant, connector, &settings, values).await
    }

    /// The same where its sealed settings are open.
    pub(super) async fn fill_client(
        &self,
        tenant: Tenant,
        connector: &Connector,
        settings: &ConnectorSecrets,
        values: &Values,
    ) -> Result<Option<(ClientAuth, SecretUses)>, Error> {
        let Some(client_id) = connector.client_id.clone() else {
            return Ok(None);
        };
        let Some(text) = &settings.client_secret else {
            return Ok(Some((ClientAuth { client_id, client_secret: None }, SecretUses::default())));
        };
        let setting = ("client_secret", text);
        let beside = Beside::All(values);
        let (secret, uses) = self.resolve_setting(&hub_actor(tenant), connector, setting, beside).await?;
        Ok(Some((ClientAuth { client_id, client_secret: Some(secret) }, uses)))
    }

    /// The OAuth client of a connector, where it has one, for a request with `values` that goes out now.
    pub(super) async fn client(
        &self,
        tenant: Tenant,
        connector: &Connector,
        values: &Values,
    ) -> Result<Option<ClientAuth>, Error> {
        let opened = self.open_client(tenant, connector, values).await?;
        Ok(opened.map(|(client, uses)| {
            self.note_secret_uses(&uses);
            client
        }))
    }

    /// Everything that a request with this credential may use, which goes out now: connector first, then what the user
    /// gave.
    pub(super) async fn all_values(
        &self,
        tenant: Tenant,
        connector: &Connector,
        material: &Material,
    ) -> Result<Values, Error> {
        let (values, uses) = self.open_values(tenant, connector, &material.values()).await?;
        self.note_secret_uses(&uses);
        Ok(values)
    }

    /// A one-time code for the opener of a session.
    pub(super) fn seal_code(
        &self,
        tenant: Tenant,
        session: SessionId,
        connector: &str,
        code: &str,
    ) -> Result<Sealed, Error> {
        let row = format!("{session}/{connector}");
        Ok(self.vault.seal(&place(tenant, ("connect_result", "sealed_code"), &row, (0, 0)), &code)?)
    }

    pub(super) fn open_code(
        &self,
        tenant: Tenant,
        session: SessionId,
        connector: &str,
        sealed: &Sealed,
    ) -> Result<SecretString, Error> {
        let row = format!("{session}/{connector}");
        Ok(self.vault.open(&place(tenant, ("connect_result", "sealed_code"), &row, (0, 0)), sealed)?)
    }
}
