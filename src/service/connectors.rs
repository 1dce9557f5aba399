//! Providers as callers see them, and connectors: providers switched on with the embedder's own settings.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use secrecy::{ExposeSecret, SecretString};
use serde_json::{Map, Value};
use vouchsafe_entity::id::ConnectorId;
use vouchsafe_entity::kind::Method;

use super::audit::Target;
use super::material::ConnectorSecrets;
use super::references::first_reference;
use super::validate::Checker;
use super::{Code, Error, Hub};
use crate::domain::actor::Actor;
use crate::domain::connector::{Connector, connector_id, is_key};
use crate::domain::page::{Page, PageRequest};
use crate::provider::{Definition, FieldSource};
use crate::store;

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

/// A connector with what a caller may want to know beside it.
#[derive(Clone, Debug)]
pub struct ConnectorView {
    /// The connector.
    pub connector: Connector,
    /// The methods that it offers; all of the provider's where none were chosen and they work.
    pub methods: Vec<Method>,
    /// What to register at the app, where it has OAuth.
    pub redirect_uri: Option<String>,
    /// How many credentials it has.
    pub credentials: i64,
}

impl Hub {
    /// The definition of a provider.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub fn get_provider(&self, slug: &str) -> Result<Arc<Definition>, Error> {
        self.providers().get(slug).ok_or(Error::NotFound)
    }

    /// The providers by name, those with `search` in name or slug and of `category` alone.
    pub fn list_providers(
        &self,
        search: Option<&str>,
        category: Option<&str>,
        page: &PageRequest,
    ) -> Page<Arc<Definition>> {
        let search = search.map(str::to_lowercase);
        let wanted = |definition: &&Arc<Definition>| {
            let named = search.as_ref().is_none_or(|search| {
                definition.slug().contains(search.as_str())
                    || definition.name().to_lowercase().contains(search)
            });
            named && category.is_none_or(|category| definition.categories().iter().any(|c| c == category))
        };
        let providers = self.providers();
        let mut found: Vec<_> = providers.all().filter(wanted).cloned().collect();
        found.sort_by(|a, b| a.slug().cmp(b.slug()));
        let after = page.after.as_deref().unwrap_or_default();
        let limit = usize::try_from(page.limit).unwrap_or(usize::MAX);
        let rows = found
            .into_iter()
            .filter(|d| d.slug() > after)
            .take(limit.saturating_add(1))
            .collect();
        Page::of(rows, page.limit, |definition| definition.slug().to_owned())
    }

    /// The definition behind a connector.
    pub(super) fn definition_of(&self, connector: &Connector) -> Result<Arc<Definition>, Error> {
        self.providers().get(&connector.provider).ok_or_else(|| {
            Error::refused(
                Code::ProviderMissing,
                format!(
                    "The definition of the provider `{}` is not loaded in this hub.",
                    connector.provider
                ),
            )
        })
    }

    /// The connector of that key: its row, or the one that exists by default for a provider without a client.
    pub(super) async fn connector_named(&self, actor: &Actor, key: &str) -> Result<Option<Connector>, Error> {
        if let Some(connector) = store::connector::by_key(&self.store, actor.environment(), key).await? {
            return Ok(Some(connector));
        }
        Ok(self.default_connector(actor, key))
    }

    /// Those of `keys` that exist, with one query.
    pub(super) async fn connectors_named(
        &self,
        actor: &Actor,
        keys: &[String],
    ) -> Result<Vec<Connector>, Error> {
        let mut found = store::connector::by_keys(&self.store, actor.environment(), keys).await?;
        for key in keys {
            if !found.iter().any(|connector| connector.key == *key) {
                found.extend(self.default_connector(actor, key));
            }
        }
        Ok(found)
    }

    fn default_connector(&self, actor: &Actor, key: &str) -> Option<Connector> {
        let definition = self.providers().get(key)?;
        (!definition.needs_client()).then(|| Connector::by_default(actor.environment(), key))
    }

    /// The methods of a connector that can work with what it has.
    pub(super) fn working_methods(connector: &Connector, definition: &Definition) -> Vec<Method> {
        let chosen = |method: &Method| {
            connector
                .methods
                .as_ref()
                .is_none_or(|chosen| chosen.contains(method))
        };
        let works = |method: &Method| *method != Method::OAuth2 || connector.client_id.is_some();
        definition
            .methods()
            .iter()
            .copied()
            .filter(|method| chosen(method) && works(method))
            .collect()
    }

    /// Where the app sends the browser back to.
    pub(super) fn redirect_uri(&self, id: ConnectorId) -> String {
        format!("{}oauth/callback/{id}", self.public_url)
    }

    fn view(&self, connector: Connector, credentials: i64) -> ConnectorView {
        let definition = self.providers().get(&connector.provider);
        let oauth = definition
            .as_ref()
            .is_some_and(|definition| definition.oauth2().is_some());
        let all = definition
            .map(|definition| definition.methods().to_vec())
            .unwrap_or_default();
        ConnectorView {
            redirect_uri: oauth.then(|| self.redirect_uri(connector.id)),
            methods: connector.methods.clone().unwrap_or(all),
            credentials,
            connector,
        }
    }

    /// One connector.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub async fn get_connector(&self, actor: &Actor, key: &str) -> Result<ConnectorView, Error> {
        let connector = self.connector_named(actor, key).await?.ok_or(Error::NotFound)?;
        let ids = vec![connector.id];
        let counts = store::connector::count_credentials(&self.store, actor.environment(), ids).await?;
        Ok(self.view(connector, counts.first().map_or(0, |(_, n)| *n)))
    }

    /// The connectors that were PUT or have credentials, by key.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn list_connectors(
        &self,
        actor: &Actor,
        page: &PageRequest,
    ) -> Result<Page<ConnectorView>, Error> {
        let environment = actor.environment();
        let connectors = store::connector::list(&self.store, environment, page).await?;
        let ids = connectors.items.iter().map(|connector| connector.id).collect();
        let counts: HashMap<_, _> = store::connector::count_credentials(&self.store, environment, ids)
            .await?
            .into_iter()
            .collect();
        Ok(connectors.map(|connector| {
            let credentials = counts.get(&connector.id).copied().unwrap_or(0);
            self.view(connector, credentials)
        }))
    }

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
            created_at: before.as_ref().and_then(|before| before.created_at),
            updated_at: None,
        };
        connector.sealed = self.seal_connector(actor.tenant, &connector, &secrets)?;
        let fresh = before.is_none_or(|before| !before.explicit);

        let tx = self.store.begin().await?;
        store::connector::save(&tx, actor.environment(), &connector, self.now()).await?;
        let changed = Some(format!("provider {}", connector.provider));
        self.record(
            &tx,
            actor,
            "connector.put",
            Target::new("connector", key),
            changed,
        )
        .await?;
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
            checker.add(
                "/provider",
                "unknown",
                "There is no such provider; see GET /providers.",
            );
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
            checker.ensure(
                fits,
                "/clientSecret",
                "invalid_length",
                "Write 1 to 8,192 characters.",
            );
        }
        checker.words("/scopes", &new.scopes, 200);
        checker.ensure(
            new.authorization_params.len() <= 50,
            "/authorizationParams",
            "too_many",
            "At most 50.",
        );
        for name in [
            "state",
            "redirect_uri",
            "client_id",
            "response_type",
            "code_challenge",
            "code_challenge_method",
        ] {
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

    /// Removes a connector. With credentials it is refused, unless `force` deletes those too.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Code::InUse`].
    pub async fn delete_connector(&self, actor: &Actor, key: &str, force: bool) -> Result<(), Error> {
        let environment = actor.environment();
        let connector = store::connector::by_key(&self.store, environment, key)
            .await?
            .ok_or(Error::NotFound)?;
        let credentials = store::credential::of_connector(&self.store, environment, connector.id).await?;
        if !credentials.is_empty() && !force {
            let count = credentials.len();
            let detail = format!("{count} credentials use this connector; ?force=true deletes them too.");
            return Err(Error::refused(Code::InUse, detail));
        }
        for credential in credentials {
            match self.delete_credential(actor, credential.id).await {
                Ok(_) | Err(Error::NotFound) => {}
                Err(error) => return Err(error),
            }
        }
        let tx = self.store.begin().await?;
        store::connector::delete(&tx, environment, connector.id).await?;
        self.record(
            &tx,
            actor,
            "connector.delete",
            Target::new("connector", key),
            None,
        )
        .await?;
        tx.commit().await?;
        Ok(())
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
    secrets
        .variables
        .retain(|name, _| fields.iter().any(|field| field.secret && field.name == *name));
    for (name, value) in &new.variables {
        if value.is_null() {
            secrets.variables.remove(name);
        }
    }
    for (name, value) in &secrets.variables {
        given
            .entry(name.clone())
            .or_insert_with(|| Value::String(value.expose_secret().to_owned()));
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
            for (name, value) in given
                .iter()
                .filter_map(|(name, value)| Some((name, value.as_str()?)))
            {
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

impl Hub {
    /// Whether a connector has everything that `method` needs of the embedder.
    pub(super) fn ensure_complete(
        connector: &Connector,
        definition: &Definition,
        pointer: &str,
    ) -> Result<(), Error> {
        let missing: Vec<String> = definition
            .connector_fields()
            .into_iter()
            .filter(|field| field.required)
            .filter(|field| {
                !connector.variables.contains_key(&field.name)
                    && !connector.secret_variables.contains(&field.name)
            })
            .map(|field| field.name)
            .collect();
        let unusable = Self::working_methods(connector, definition).is_empty();
        if missing.is_empty() && !unusable {
            return Ok(());
        }
        let what = if unusable {
            "client id".to_owned()
        } else {
            missing.join(", ")
        };
        let detail = format!(
            "The connector `{}` lacks its {what}; give it with PUT /connectors/{}.",
            connector.key, connector.key
        );
        Err(Error::refused_at(Code::ConnectorIncomplete, pointer, detail))
    }
}
