//! Making and replacing a connector: what is sent is checked against its provider.

use super::ConnectorView;
use super::changed::Sent;
use super::refer::{are_unchanged, sent_keys};
use crate::domain::actor::Actor;
use crate::domain::connector::{Connector, connector_id, is_key};
use crate::domain::role::Action;
use crate::domain::secret_reference::is_dynamic;
use crate::provider::{Definition, FieldSource};
use crate::service::audit::Target;
use crate::service::material::ConnectorSecrets;
use crate::service::references::placed_references;
use crate::service::validate::Checker;
use crate::service::{Error, Hub, Seen};
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

impl NewConnector {
    /// A connector as it is, its secrets kept.
    pub fn unchanged(connector: &Connector) -> Self {
        let text = |(name, value): (&String, &String)| (name.clone(), Value::String(value.clone()));
        Self {
            provider: connector.provider.clone(),
            methods: connector.methods.clone(),
            client_id: connector.client_id.clone(),
            client_secret: None,
            scopes: connector.scopes.clone(),
            authorization_params: connector.authorization_params.clone(),
            variables: connector.variables.iter().map(text).collect(),
            enabled: connector.enabled,
        }
    }

    /// Whether it is the connector that is there, but for the scopes.
    fn changes_scopes_alone(&self, before: &Connector) -> bool {
        let same = |(name, value): (&String, &Value)| {
            before.variables.get(name).is_some_and(|text| value.as_str() == Some(text))
        };
        before.explicit
            && self.provider == before.provider
            && self.methods == before.methods
            && self.client_id == before.client_id
            && self.client_secret.is_none()
            && self.authorization_params == before.authorization_params
            && self.variables.len() == before.variables.len()
            && self.variables.iter().all(same)
            && self.enabled == before.enabled
    }
}

impl Hub {
    /// Makes or replaces a connector, where it is as it was `seen`; true where it is new.
    ///
    /// # Errors
    /// [`Error::Invalid`], [`crate::service::Code::SubscriptionRequired`], [`crate::service::Code::ChangedMeanwhile`],
    /// and those of a reference that can't be used.
    pub async fn put_connector(
        &self,
        actor: &Actor,
        key: &str,
        new: NewConnector,
        seen: Option<Seen>,
    ) -> Result<(ConnectorView, bool), Error> {
        let fresh = loop {
            if let Some(fresh) = self.try_to_put(actor, key, new.clone(), seen).await? {
                break fresh;
            }
        };
        Ok((self.get_connector(actor, key, None).await?, fresh))
    }

    /// True where it is new; none where somebody else put it meanwhile, since the secrets that stay are theirs, or changed
    /// a secret that it refers to, since that was looked at before.
    async fn try_to_put(
        &self,
        actor: &Actor,
        key: &str,
        new: NewConnector,
        seen: Option<Seen>,
    ) -> Result<Option<bool>, Error> {
        let before = store::connector::by_key(&self.store, actor.environment(), key).await?;
        // What is asked of users is everyday work; where their credentials go is not.
        let everyday = before.as_ref().is_some_and(|before| new.changes_scopes_alone(before));
        let action = if everyday { Action::EditIntegrations } else { Action::ConfigureConnectors };
        self.permit(actor, action).await?;
        self.gate(actor).await?;
        let settled = self.is_settled(actor, before.as_ref(), &new).await?;
        let definition = self.checked_definition(key, &new, settled)?;
        let keys = sent_keys(&new);
        let keys: Vec<&str> = keys.iter().map(String::as_str).collect();
        let looked_at = store::secret::by_keys(&self.store, actor.environment(), &keys).await?;
        self.check_references(actor, key, &new, &definition).await?;
        let sent = Sent::in_new(&new);
        let (connector, references) = self.built_connector(actor, key, new, before.as_ref(), &definition)?;

        let tx = self.store.begin().await?;
        let there = store::connector::lock(&tx, actor.environment(), connector.id).await?;
        Seen::ensure(seen, there.as_ref().and_then(Connector::set_at))?;
        if there.map(|there| there.version) != before.as_ref().map(|before| before.version) {
            return Ok(None);
        }
        let held = store::secret::hold(&tx, actor.environment(), &keys).await?;
        if !are_unchanged(&looked_at, &held) {
            return Ok(None);
        }
        if before.is_some() {
            store::connector::save(&tx, actor.environment(), &connector, self.now()).await?;
        } else if !store::connector::ensure(&tx, actor.environment(), &connector, self.now()).await? {
            // What is not there yet can't be locked: somebody made it at the same time.
            return Ok(None);
        }
        // Its client may have been mended: one credential tries it at once.
        store::connector::probe_soon(&tx, actor.environment(), connector.id, self.now()).await?;
        store::secret_reference::replace(&tx, actor.environment(), connector.id, &references).await?;
        let by_default = Connector::by_default(actor.environment(), key);
        let changed = sent.told(before.as_ref().unwrap_or(&by_default), &connector);
        self.record(&tx, actor, "connector.put", Target::new("connector", key), Some(changed)).await?;
        tx.commit().await?;
        self.connectors.forget(&(actor.environment(), connector.id));
        Ok(Some(before.is_none_or(|before| !before.explicit)))
    }

    /// The connector that `new` makes, in the place of `before`, with the references to secrets in it.
    pub(in crate::service) fn built_connector(
        &self,
        actor: &Actor,
        key: &str,
        new: NewConnector,
        before: Option<&Connector>,
        definition: &Definition,
    ) -> Result<(Connector, Vec<(String, String)>), Error> {
        let secrets = match before {
            Some(before) => self.open_connector(actor.tenant, before)?,
            None => ConnectorSecrets::default(),
        };
        let (plain, secrets) = split_variables(definition, &new, secrets)?;
        let mut connector = Connector {
            id: connector_id(actor.environment(), key),
            key: key.to_owned(),
            provider: new.provider,
            enabled: new.enabled,
            explicit: true,
            methods: new.methods,
            client_id: new.client_id.or_else(|| registered(before, definition)),
            has_client_secret: secrets.client_secret.is_some(),
            scopes: new.scopes,
            authorization_params: new.authorization_params,
            variables: plain,
            secret_variables: secrets.variables.keys().cloned().collect(),
            sealed: None,
            version: before.map_or(1, |before| before.version + 1),
            failing: before.and_then(|before| before.failing),
            created_at: before.and_then(|before| before.created_at),
            updated_at: None,
        };
        connector.sealed = self.seal_connector(actor.tenant, &connector, &secrets)?;
        let references = placed_references(&connector, &secrets);
        Ok((connector, references))
    }

    /// Whether the connector has another provider, and somebody relies on it.
    async fn is_settled(
        &self,
        actor: &Actor,
        before: Option<&Connector>,
        new: &NewConnector,
    ) -> Result<bool, Error> {
        let Some(before) = before.filter(|before| before.provider != new.provider) else {
            return Ok(false);
        };
        if before.explicit {
            return Ok(true);
        }
        let (store, here) = (&self.store, actor.environment());
        let counts = store::connector::count_credentials_up_to(store, here, vec![before.id], 0).await?;
        Ok(!counts.is_empty())
    }

    /// The definition of the provider of `new`, which fits it; or what is wrong.
    pub(in crate::service) fn checked_definition(
        &self,
        key: &str,
        new: &NewConnector,
        settled: bool,
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
        let message = "The provider of a connector cannot change; make another connector.";
        checker.ensure(!settled, "/provider", "immutable_field", message);
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
        checker.scopes("/scopes", &new.scopes, Some(&definition));
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

/// A client that registered itself stays where none is given.
fn registered(before: Option<&Connector>, definition: &Definition) -> Option<String> {
    before.filter(|_| definition.mcp().is_some())?.client_id.clone()
}

/// Checks the variables of a connector and splits them into plain ones and secrets. Secret ones that were left out
/// stay as they were. References stay as they are written; what they stand for was checked before.
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
    let is_reference = |text: &Value| text.as_str().is_some_and(|text| is_dynamic(text.as_bytes()));
    let mut references = Map::new();
    given.retain(|name, text| {
        let kept = !is_reference(text);
        if !kept {
            references.insert(name.clone(), text.clone());
        }
        kept
    });
    // `{provider}` alone is enough to learn the redirect URI, so what is missing is told when somebody connects.
    let method = definition.methods().first().copied().unwrap_or(Method::OAuth2);
    let values = match definition.validate_fields(method, &given, FieldSource::Connector) {
        Ok(values) => values,
        Err(errors) => {
            let mut checker = Checker::default();
            checker.fields("/variables", errors.into_iter().filter(|error| error.code != "required"));
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
        let reference = references.get(&field.name).and_then(Value::as_str);
        let Some(value) = reference.or_else(|| values.get(&field.name).map(SecretString::expose_secret))
        else {
            continue;
        };
        if field.secret {
            secrets.variables.insert(field.name, value.into());
        } else {
            plain.insert(field.name, value.to_owned());
        }
    }
    Ok((plain, secrets))
}
