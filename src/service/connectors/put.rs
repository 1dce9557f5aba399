//! Making and replacing a connector: what is sent is checked against its provider.

use super::ConnectorView;
use crate::domain::actor::Actor;
use crate::domain::connector::{Connector, connector_id, is_key};
use crate::provider::{Definition, FieldSource};
use crate::service::audit::Target;
use crate::service::material::ConnectorSecrets;
use crate::service::references::first_reference;
use crate::service::validate::Checker;
use crate::service::{Code, Error, Hub};
use crate::store;
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::sync::Arc;
use vouchsafe_entity::kind::Method;

/// A connector as it is PUT. The outer none of a secret keeps what is there, the inner none removes it.
#[derive(Clone, Debug)]
pub struct NewConnector {
    /// The provider's slug.
    pub provider: String,
    /// The methods that the modal offers; none = all that work.
    pub methods: Option<Vec<Method>>,
    /// The embedder's OAuth client.
    pub client_id: Option<String>,
    /// Its secret.
    pub client_secret: Option<Option<SecretString>>,
    /// Always asked for.
    pub scopes: Vec<String>,
    /// Added to the authorization request.
    pub authorization_params: BTreeMap<String, String>,
    /// What the definition wants from the embedder; a null removes a secret one.
    pub variables: Map<String, Value>,
    /// Whether it may be used.
    pub enabled: bool,
}

impl Hub {
    /// Makes or replaces a connector; true where it is new.
    ///
    /// # Errors
    /// [`Error::Invalid`], [`Code::SubscriptionRequired`], [`Code::SecretMissing`].
    pub async fn put_connector(
        &self,
        actor: &Actor,
        key: &str,
        new: NewConnector,
    ) -> Result<(ConnectorView, bool), Error> {
        Self::gate(actor)?;
        let before = store::connector::by_key(&self.store, actor.environment(), key).await?;
        let definition = self.checked_definition(key, &new, before.as_ref())?;
        refuse_references(&new)?;
        let secrets = match &before {
            Some(before) => self.open_connector(actor.tenant, before)?,
            None => ConnectorSecrets::default(),
        };
        let (plain, secrets) = split_variables(&definition, &new, secrets)?;

        let mut connector = Connector {
            id: connector_id(actor.environment(), key),
            key: key.to_owned(),
            provider: new.provider,
            enabled: new.enabled,
            explicit: true,
            methods: new.methods,
            client_id: new.client_id,
            has_client_secret: secrets.client_secret.is_some(),
            scopes: new.scopes,
            authorization_params: new.authorization_params,
            variables: plain,
            secret_variables: secrets.variables.keys().cloned().collect(),
            sealed: None,
            version: before.as_ref().map_or(1, |before| before.version + 1),
            failing: before.as_ref().and_then(|before| before.failing),
            created_at: before.as_ref().and_then(|before| before.created_at),
            updated_at: None,
        };
        connector.sealed = self.seal_connector(actor.tenant, &connector, &secrets)?;
        let fresh = before.is_none_or(|before| !before.explicit);

        let tx = self.store.begin().await?;
        store::connector::save(&tx, actor.environment(), &connector, self.now()).await?;
        // Its client may have been mended: one credential tries it at once.
        store::connector::probe_soon(&tx, actor.environment(), connector.id, self.now()).await?;
        let changed = Some(format!("provider {}", connector.provider));
        self.record(&tx, actor, "connector.put", Target::new("connector", key), changed).await?;
        tx.commit().await?;
        Ok((self.get_connector(actor, key).await?, fresh))
    }

    fn checked_definition(
        &self,
        key: &str,
        new: &NewConnector,
        before: Option<&Connector>,
    ) -> Result<Arc<Definition>, Error> {
        let mut checker = Checker::default();
        checker.ensure(
            is_key(key),
            "/key",
            "invalid_format",
            "A key has a-z, 0-9 and single dashes, at most 64.",
        );
        let Some(definition) = self.providers().get(&new.provider) else {
            checker.add("/provider", "unknown", "There is no such provider; see GET /providers.");
            return checker.finish().and(Err(Error::NotFound));
        };
        if before.is_some_and(|before| before.provider != new.provider && before.explicit) {
            let message = "The provider of a connector cannot change; make another connector.";
            checker.add("/provider", "immutable_field", message);
        }
        for (at, method) in new.methods.iter().flatten().enumerate() {
            let known = definition.methods().contains(method);
            let message = format!("{} has no such method.", definition.name());
            checker.ensure(known, &format!("/methods/{at}"), "unknown", &message);
        }
        checker.ensure(
            new.methods.as_ref().is_none_or(|methods| !methods.is_empty()),
            "/methods",
            "invalid_length",
            "Name at least one method, or leave it out for all.",
        );
        checker.optional_text("/clientId", new.client_id.as_deref(), 1_000);
        if let Some(Some(secret)) = &new.client_secret {
            let length = secret.expose_secret().len();
            let fits = (1..=8_192).contains(&length);
            checker.ensure(fits, "/clientSecret", "invalid_length", "Write 1 to 8,192 characters.");
        }
        checker.words("/scopes", &new.scopes, 200);
        checker.ensure(
            new.authorization_params.len() <= 50,
            "/authorizationParams",
            "too_many",
            "At most 50.",
        );
        for name in
            ["state", "redirect_uri", "client_id", "response_type", "code_challenge", "code_challenge_method"]
        {
            let free = !new.authorization_params.contains_key(name);
            checker.ensure(
                free,
                &format!("/authorizationParams/{name}"),
                "reserved",
                "The hub sets this parameter.",
            );
        }
        checker.finish()?;
        Ok(definition)
    }
}

/// A reference to a secret that isn't there is refused on save, so that it cannot fail first in a user's hands.
fn refuse_references(new: &NewConnector) -> Result<(), Error> {
    let refuse = |pointer: &str, text: &str| match first_reference(text) {
        Some(key) => {
            let detail = format!("There is no secret `{key}` in this environment.");
            Err(Error::refused_at(Code::SecretMissing, pointer, detail))
        }
        None => Ok(()),
    };
    if let Some(Some(secret)) = &new.client_secret {
        refuse("/clientSecret", secret.expose_secret())?;
    }
    for (name, value) in &new.variables {
        refuse(&format!("/variables/{name}"), value.as_str().unwrap_or_default())?;
    }
    Ok(())
}

/// Checks the variables of a connector and splits them into plain ones and secrets. Secret ones that were left out
/// stay as they were.
fn split_variables(
    definition: &Definition,
    new: &NewConnector,
    mut secrets: ConnectorSecrets,
) -> Result<(BTreeMap<String, String>, ConnectorSecrets), Error> {
    match &new.client_secret {
        None => {}
        Some(secret) => secrets.client_secret.clone_from(secret),
    }
    let fields = definition.connector_fields();
    let mut given = new.variables.clone();
    secrets.variables.retain(|name, _| fields.iter().any(|field| field.secret && field.name == *name));
    for (name, value) in &new.variables {
        if value.is_null() {
            secrets.variables.remove(name);
        }
    }
    for (name, value) in &secrets.variables {
        given.entry(name.clone()).or_insert_with(|| Value::String(value.expose_secret().to_owned()));
    }
    // `{provider}` alone is enough to learn the redirect URI, so what is missing is told when somebody connects.
    let method = definition.methods().first().copied().unwrap_or(Method::OAuth2);
    let values = match definition.validate_fields(method, &given, FieldSource::Connector) {
        Ok(values) => values,
        Err(errors) => {
            let mut checker = Checker::default();
            for error in errors.into_iter().filter(|error| error.code != "required") {
                checker.add(format!("/variables/{}", error.name), error.code, error.message);
            }
            checker.finish()?;
            let mut values = crate::provider::Values::new();
            for (name, value) in given.iter().filter_map(|(name, value)| Some((name, value.as_str()?))) {
                values.set(name.as_str(), value.trim());
            }
            values
        }
    };
    let mut plain = BTreeMap::new();
    for field in fields {
        let Some(value) = values.get(&field.name) else {
            continue;
        };
        if field.secret {
            secrets.variables.insert(field.name, value.clone());
        } else {
            plain.insert(field.name, value.expose_secret().to_owned());
        }
    }
    Ok((plain, secrets))
}
