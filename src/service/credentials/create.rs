//! A credential from typed values: checked against the definition, tested against the app, sealed and stored.

use serde_json::{Map, Value};
use vouchsafe_entity::id::CredentialId;
use vouchsafe_entity::kind::Method;

use super::accept::Accepted;
use crate::domain::actor::Actor;
use crate::domain::connector::Connector;
use crate::domain::credential::{Credential, Machine, Token, is_sign_in, is_typed_key};
use crate::domain::role::Action;
use crate::domain::user::User;
use crate::provider::{Definition, FieldSource, Values};
use crate::service::audit::Target;
use crate::service::validate::Checker;
use crate::service::{Code, Error, Hub};
use crate::store;

/// A credential to be made of typed values.
#[derive(Clone, Debug)]
pub struct NewCredential {
    /// Whose, by either name.
    pub user: String,
    /// For which connector.
    pub connector: String,
    /// The method; none where only one is possible.
    pub method: Option<Method>,
    /// What was typed.
    pub data: Map<String, Value>,
    /// For display; none = the provider's name.
    pub name: Option<String>,
    /// The end, as a date.
    pub expires_at: Option<String>,
    /// The end, as a period.
    pub period: Option<String>,
    /// The embedder's object.
    pub metadata: Map<String, Value>,
    /// Whether the app is asked first.
    pub verify: bool,
}

/// A stored credential, with what its owner should know.
#[derive(Clone, Debug)]
pub struct Stored {
    /// The credential.
    pub credential: Credential,
    /// Codes, such as `permission_missing`.
    pub warnings: Vec<&'static str>,
}

impl From<Credential> for Stored {
    fn from(credential: Credential) -> Self {
        Self { credential, warnings: Vec::new() }
    }
}

impl Hub {
    /// Makes a credential of typed values. Nothing is stored unless the app takes them, or `verify` is off.
    ///
    /// # Errors
    /// [`Code::OAuthConnector`], [`Code::CredentialRejected`], [`Code::ProviderUnreachable`], [`Error::Invalid`].
    pub async fn create_credential(&self, actor: &Actor, new: NewCredential) -> Result<Stored, Error> {
        self.permit(actor, Action::ManageCredentials).await?;
        self.gate(actor).await?;
        let user =
            self.user_named(actor, &new.user).await?.ok_or_else(|| Error::unknown("/userId", "user"))?;
        let connector = self
            .connector_named(actor, &new.connector)
            .await?
            .ok_or_else(|| Error::unknown("/connector", "connector"))?;
        self.create_for(actor, &user, &connector, new).await
    }

    pub(in crate::service) async fn create_for(
        &self,
        actor: &Actor,
        user: &User,
        connector: &Connector,
        new: NewCredential,
    ) -> Result<Stored, Error> {
        let definition = self.definition_of(connector)?;
        if !connector.enabled {
            let detail = format!("The connector `{}` is switched off.", connector.key);
            return Err(Error::refused_at(Code::ConnectorDisabled, "/connector", detail));
        }
        let method = typed_method(connector, &definition, new.method)?;
        Self::ensure_complete(connector, &definition, "/connector")?;
        let mut checker = Checker::default();
        checker.optional_text("/name", new.name.as_deref(), 200);
        checker.metadata("/metadata", &new.metadata);
        let end = checker.end(new.expires_at.as_deref(), new.period.as_deref(), self.now());
        let by_hand = is_typed_key(method);
        let message = "Only keys can be given an end; this credential is renewed by itself.";
        let given = if new.period.is_some() { "/period" } else { "/expiresAt" };
        checker.ensure(end.is_none() || by_hand, given, "not_settable", message);
        let values = match definition.validate_fields(method, &new.data, FieldSource::User) {
            Ok(values) => values,
            Err(errors) => {
                checker.fields("/data", errors);
                Values::new()
            }
        };
        checker.finish()?;

        let accepted = self.accept(actor, connector, &definition, method, &values, new.verify).await?;
        let mut credential = self.new_credential(user, connector, &definition, &accepted);
        if let Some(name) = new.name {
            name.trim().clone_into(&mut credential.name);
        }
        credential.metadata = new.metadata;
        credential.expires_at = end;
        self.store_new(actor, connector, credential, accepted).await
    }

    /// A credential around accepted values, not yet stored.
    pub(in crate::service) fn new_credential(
        &self,
        user: &User,
        connector: &Connector,
        definition: &Definition,
        accepted: &Accepted,
    ) -> Credential {
        let now = self.now();
        let label = accepted.account.as_ref().map(|account| &account.label);
        Credential {
            id: CredentialId::new(self.ids.next()),
            user: user.id,
            username: user.username.clone(),
            user_email: user.email.clone(),
            connector_id: connector.id,
            connector: connector.key.clone(),
            connector_enabled: connector.enabled,
            connector_failing: connector.failing.is_some(),
            key_missing: false,
            provider: connector.provider.clone(),
            method: accepted.method,
            name: label.map_or_else(
                || definition.name().to_owned(),
                |label| format!("{} ({label})", definition.name()),
            ),
            account: accepted.account.clone(),
            variables: accepted.variables.clone(),
            scopes: Vec::new(),
            metadata: Map::new(),
            deactivated_at: None,
            expires_at: None,
            issued_at: now,
            last_used_at: None,
            last_refreshed_at: None,
            created_at: now,
            updated_at: now,
            token: Token {
                machine: Machine::Active,
                state_since: now,
                epoch: 1,
                version: 1,
                sealed: None,
                access_expires_at: None,
                access_lifetime: None,
                refresh_expires_at: None,
                end_known_since: None,
                has_refresh_token: false,
                own_client: false,
                due_at: None,
                lease_seq: 0,
                attempt: None,
                tried_at: None,
                fail_class: None,
                fail_count: 0,
                announced: None,
                event_ordinal: 0,
            },
        }
    }

    async fn store_new(
        &self,
        actor: &Actor,
        connector: &Connector,
        mut credential: Credential,
        accepted: Accepted,
    ) -> Result<Stored, Error> {
        self.set_value(actor, &mut credential, &accepted)?;
        let environment = actor.environment();
        let tx = self.store.begin().await?;
        store::connector::ensure(&tx, environment, connector, self.now()).await?;
        self.announce(&tx, actor.tenant, &mut credential).await?;
        store::credential::insert(&tx, environment, &credential).await?;
        let target = Target::new("credential", credential.id);
        let what = Some(format!("{} for {}", credential.method, credential.user));
        self.record(&tx, actor, "credential.create", target, what).await?;
        tx.commit().await?;
        Ok(Stored { credential, warnings: accepted.warnings })
    }
}

/// Which method typed values are for.
fn typed_method(
    connector: &Connector,
    definition: &Definition,
    named: Option<Method>,
) -> Result<Method, Error> {
    let working = Hub::working_methods(connector, definition);
    let typed: Vec<Method> = working.iter().copied().filter(|method| !is_sign_in(*method)).collect();
    let oauth_only = || {
        let detail = format!(
            "{} is connected by signing in: make a connect session and let the user open it.",
            definition.name()
        );
        Error::refused_at(Code::OAuthConnector, "/connector", detail)
    };
    match (named, typed.as_slice()) {
        (_, []) => Err(oauth_only()),
        (Some(method), _) if is_sign_in(method) => Err(oauth_only()),
        (Some(method), typed) if typed.contains(&method) => Ok(method),
        (None, [only]) => Ok(*only),
        (given, typed) => {
            let words: Vec<_> = typed.iter().map(|method| method.as_str()).collect();
            let code = if given.is_some() { "unknown" } else { "required" };
            Err(Error::invalid("/method", code, format!("Name one of: {}.", words.join(", "))))
        }
    }
}
