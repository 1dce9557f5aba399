//! A credential from typed values: checked against the definition, tested against the app, sealed and stored.

use std::sync::Arc;
use std::time::Duration;

use secrecy::SecretString;
use serde_json::{Map, Value};
use vouchsafe_entity::id::CredentialId;
use vouchsafe_entity::kind::{FailClass, Method};
use vouchsafe_entity::millis::Millis;

use crate::domain::actor::Actor;
use crate::domain::connector::Connector;
use crate::domain::credential::{Account, Credential, Machine, Token};
use crate::domain::refresh::{due_at, is_minted};
use crate::domain::user::User;
use crate::oauth::TokenError;
use crate::provider::{
    CaptureError, Captured, CheckOutcome, CheckRequest, Definition, FieldSource, Refresh, Values,
};
use crate::service::audit::Target;
use crate::service::check::{Checked, refusal};
use crate::service::material::{CURRENT, Material};
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
        Self {
            credential,
            warnings: Vec::new(),
        }
    }
}

/// Values that were accepted: what will be sealed and shown.
pub(in crate::service) struct Accepted {
    pub(in crate::service) method: Method,
    pub(in crate::service) material: Material,
    /// Whether the material has an access token, with its lifetime in seconds where the app told it.
    pub(in crate::service) minted: bool,
    pub(in crate::service) expires_in: Option<u64>,
    pub(in crate::service) sent_at: Millis,
    pub(in crate::service) account: Option<Account>,
    pub(in crate::service) variables: std::collections::BTreeMap<String, String>,
    pub(in crate::service) warnings: Vec<&'static str>,
}

impl Hub {
    /// Makes a credential of typed values. Nothing is stored unless the app takes them, or `verify` is off.
    ///
    /// # Errors
    /// [`Code::OAuthConnector`], [`Code::CredentialRejected`], [`Code::ProviderUnreachable`], [`Error::Invalid`].
    pub async fn create_credential(&self, actor: &Actor, new: NewCredential) -> Result<Stored, Error> {
        Self::gate(actor)?;
        let user = self
            .user_named(actor, &new.user)
            .await?
            .ok_or_else(|| Error::unknown("/userId", "user"))?;
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
        Self::ensure_complete(connector, &definition, "/connector")?;
        let method = typed_method(connector, &definition, new.method)?;
        let mut checker = Checker::default();
        checker.optional_text("/name", new.name.as_deref(), 200);
        checker.metadata("/metadata", &new.metadata);
        let end = checker.end(new.expires_at.as_deref(), new.period.as_deref(), self.now());
        let by_hand = matches!(method, Method::ApiKey | Method::Basic);
        let message = "Only keys can be given an end; this credential is renewed by itself.";
        checker.ensure(end.is_none() || by_hand, "/expiresAt", "not_settable", message);
        let values = match definition.validate_fields(method, &new.data, FieldSource::User) {
            Ok(values) => values,
            Err(errors) => {
                for error in errors {
                    checker.add(format!("/data/{}", error.name), error.code, error.message);
                }
                Values::new()
            }
        };
        checker.finish()?;

        let accepted = self
            .accept(actor, connector, &definition, method, &values, new.verify)
            .await?;
        let mut credential = self.new_credential(user, connector, &definition, &accepted);
        if let Some(name) = new.name {
            name.trim().clone_into(&mut credential.name);
        }
        credential.metadata = new.metadata;
        credential.expires_at = end;
        self.store_new(actor, connector, credential, accepted).await
    }

    /// Tests typed values against the app, and learns what the definition captures.
    pub(in crate::service) async fn accept(
        &self,
        actor: &Actor,
        connector: &Connector,
        definition: &Arc<Definition>,
        method: Method,
        typed: &Values,
        verify: bool,
    ) -> Result<Accepted, Error> {
        let mut material = Material::of_values(typed);
        let sent_at = self.now();
        let answer = if is_minted(method) && verify {
            let values = self.all_values(actor.tenant, connector, &material)?;
            let minted = crate::oauth::mint::mint(
                &self.egress,
                definition,
                method,
                &values,
                &connector.scopes,
                self.clock.now(),
            );
            let answer = minted.await.map_err(|error| rejected(definition, &error))?;
            capture(
                definition,
                method,
                Captured::Token(answer.raw.expose()),
                &mut material,
            )?;
            material.take(&answer);
            Some(answer)
        } else {
            None
        };
        let warnings = if verify {
            self.check_and_learn(actor, connector, definition, method, &mut material)
                .await?
        } else {
            Vec::new()
        };
        let values = self.all_values(actor.tenant, connector, &material)?;
        let account = definition.account(&values).map(|account| Account {
            id: account.id,
            label: account.label,
        });
        Ok(Accepted {
            method,
            account,
            variables: definition
                .public_variables(&material.values())
                .into_iter()
                .collect(),
            material,
            minted: answer.is_some(),
            expires_in: answer.and_then(|answer| answer.expires_in),
            sent_at,
            warnings,
        })
    }

    /// Looks up what the definition wants to know, runs its check, and captures from both.
    pub(in crate::service) async fn check_and_learn(
        &self,
        actor: &Actor,
        connector: &Connector,
        definition: &Arc<Definition>,
        method: Method,
        material: &mut Material,
    ) -> Result<Vec<&'static str>, Error> {
        self.look_up(actor, connector, definition, method, material)
            .await?;
        let values = self.all_values(actor.tenant, connector, material)?;
        let Some(checked) = self.run_check(definition, method, &values).await? else {
            return Ok(Vec::new());
        };
        if let Some(refusal) = refusal(definition, &checked) {
            return Err(refusal);
        }
        let missing = checked.outcome == CheckOutcome::MissingPermission;
        if let Some(body) = &checked.body
            && !missing
        {
            capture(definition, method, Captured::Check(body), material)?;
        }
        Ok(if missing {
            vec!["permission_missing"]
        } else {
            Vec::new()
        })
    }

    async fn look_up(
        &self,
        actor: &Actor,
        connector: &Connector,
        definition: &Arc<Definition>,
        method: Method,
        material: &mut Material,
    ) -> Result<(), Error> {
        for (variable, lookup) in definition.lookups(method) {
            let values = self.all_values(actor.tenant, connector, material)?;
            let request: CheckRequest = definition
                .lookup_request(lookup, method, &values)
                .map_err(|_| unexpected(definition, None))?;
            let answer = self
                .call_app(&request)
                .await
                .map_err(|_| unexpected(definition, None))?;
            let status = answer.status.as_u16();
            if !answer.status.is_success() {
                return Err(unexpected(definition, Some(status)));
            }
            let body: Value =
                serde_json::from_slice(&answer.body).map_err(|_| unexpected(definition, Some(status)))?;
            let found = definition
                .lookup_value(variable, &body)
                .map_err(|error| not_captured(definition, &error))?;
            if let Some(value) = found {
                material.set(&variable.name, value);
            }
        }
        Ok(())
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
                has_refresh_token: false,
                due_at: None,
                lease_seq: 0,
                attempt: None,
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
        Ok(Stored {
            credential,
            warnings: accepted.warnings,
        })
    }

    /// Seals accepted values into a credential at its present epoch and version, and dates its tokens.
    pub(in crate::service) fn set_value(
        &self,
        actor: &Actor,
        credential: &mut Credential,
        accepted: &Accepted,
    ) -> Result<(), Error> {
        let at = (credential.token.epoch, credential.token.version);
        let sealed = self.seal_material(actor.tenant, CURRENT, credential.id, at, &accepted.material)?;
        credential.token.sealed = Some(sealed);
        credential.token.has_refresh_token = accepted.material.refresh_token.is_some();
        if accepted.minted {
            self.date_tokens(credential, accepted.expires_in, accepted.sent_at);
        } else if is_minted(credential.method) {
            // Stored unchecked: the first read asks for its token.
            credential.token.access_expires_at = Some(self.now());
            credential.token.access_lifetime = Some(0);
            credential.token.due_at = Some(self.now());
        }
        Ok(())
    }

    /// Sets when the tokens of `answer` end and when to renew them.
    pub(in crate::service) fn date_tokens(
        &self,
        credential: &mut Credential,
        expires_in: Option<u64>,
        sent_at: Millis,
    ) {
        let lifetime = expires_in
            .and_then(|seconds| i64::try_from(seconds).ok())
            .map(|seconds| seconds.saturating_mul(1_000));
        let ends_in = self
            .refresh_policy(credential, |policy| policy.lifetime.or(policy.idle_expiry))
            .flatten();
        let token = &mut credential.token;
        token.access_lifetime = lifetime;
        token.access_expires_at = lifetime.map(|lifetime| sent_at.plus(lifetime));
        token.refresh_expires_at = ends_in
            .filter(|_| token.has_refresh_token)
            .map(|time| sent_at.plus(in_millis(time)));
        credential.token.due_at = self.due_of(credential, sent_at);
    }

    /// When somebody must look at the tokens that came at `sent_at`: to renew them, or to write down their end.
    pub(in crate::service) fn due_of(&self, credential: &Credential, sent_at: Millis) -> Option<Millis> {
        if !credential.is_renewable() {
            return credential.token.access_expires_at;
        }
        let early = self
            .refresh_policy(credential, |policy| policy.early)
            .flatten()
            .map(in_millis);
        Some(due_at(
            sent_at,
            credential.token.access_lifetime,
            early,
            self.jitter(),
        ))
    }

    fn refresh_policy<T>(&self, credential: &Credential, read: impl Fn(&Refresh) -> T) -> Option<T> {
        self.providers().get(&credential.provider)?.refresh().map(read)
    }

    /// A random number from 0 to 1.
    pub(in crate::service) fn jitter(&self) -> f64 {
        f64::from(u32::from_be_bytes(self.random.bytes())) / f64::from(u32::MAX)
    }
}

fn in_millis(time: Duration) -> i64 {
    i64::try_from(time.as_millis()).unwrap_or(i64::MAX)
}

/// Which method typed values are for.
fn typed_method(
    connector: &Connector,
    definition: &Definition,
    named: Option<Method>,
) -> Result<Method, Error> {
    let working = Hub::working_methods(connector, definition);
    let typed: Vec<Method> = working
        .iter()
        .copied()
        .filter(|method| *method != Method::OAuth2)
        .collect();
    let oauth_only = || {
        let detail = format!(
            "{} is connected by signing in: make a connect session and let the user open it.",
            definition.name()
        );
        Error::refused_at(Code::OAuthConnector, "/connector", detail)
    };
    match (named, typed.as_slice()) {
        (_, []) | (Some(Method::OAuth2), _) => Err(oauth_only()),
        (Some(method), typed) if typed.contains(&method) => Ok(method),
        (None, [only]) => Ok(*only),
        (given, typed) => {
            let words: Vec<_> = typed.iter().map(|method| method.as_str()).collect();
            let code = if given.is_some() { "unknown" } else { "required" };
            Err(Error::invalid(
                "/method",
                code,
                format!("Name one of: {}.", words.join(", ")),
            ))
        }
    }
}

pub(in crate::service) fn capture(
    definition: &Definition,
    method: Method,
    answer: Captured<'_>,
    material: &mut Material,
) -> Result<(), Error> {
    let captured: Vec<(String, SecretString)> = definition
        .captures(method, answer)
        .map_err(|error| not_captured(definition, &error))?;
    for (name, value) in captured {
        material.set(&name, value);
    }
    Ok(())
}

fn not_captured(definition: &Definition, error: &CaptureError) -> Error {
    let detail = format!(
        "{}'s answer lacks what the hub needs: {error}.",
        definition.name()
    );
    Error::refused(Code::ProviderUnreachable, detail)
}

fn unexpected(definition: &Definition, status: Option<u16>) -> Error {
    let outcome = if status.is_some() {
        CheckOutcome::Unexpected
    } else {
        CheckOutcome::Unreachable
    };
    let checked = Checked {
        outcome,
        status,
        body: None,
    };
    refusal(definition, &checked).unwrap_or(Error::internal("an unexpected answer that is no refusal"))
}

/// What a refused token request says to whoever typed the values.
pub(in crate::service) fn rejected(definition: &Definition, error: &TokenError) -> Error {
    let outcome = match error.class {
        FailClass::Refused | FailClass::Revoked | FailClass::Client => CheckOutcome::WrongKey,
        FailClass::Other if matches!(error.status, Some(400 | 401 | 403)) => CheckOutcome::WrongKey,
        FailClass::NotSent | FailClass::Ambiguous | FailClass::Throttled => CheckOutcome::Unreachable,
        FailClass::Unreadable | FailClass::Local | FailClass::Other => CheckOutcome::Unexpected,
    };
    let checked = Checked {
        outcome,
        status: error.status,
        body: None,
    };
    refusal(definition, &checked).unwrap_or(Error::internal("a failed token request that is no refusal"))
}

impl Hub {
    /// Tests a new value for a key that is there.
    pub(super) async fn tested_replacement(
        &self,
        actor: &Actor,
        current: &Credential,
        data: &Map<String, Value>,
        verify: bool,
    ) -> Result<Accepted, Error> {
        let connector = self.connector_of(actor.environment(), current).await?;
        let definition = self.definition_of(&connector)?;
        let values = definition
            .validate_fields(current.method, data, FieldSource::User)
            .map_err(|errors| {
                let violation = |error: crate::provider::FieldError| {
                    crate::service::Violation::new(format!("/data/{}", error.name), error.code, error.message)
                };
                Error::Invalid(errors.into_iter().map(violation).collect())
            })?;
        self.accept(actor, &connector, &definition, current.method, &values, verify)
            .await
    }

    /// Puts an accepted value in the place of the old one: a new grant of the same credential.
    pub(super) fn replace_value(
        &self,
        actor: &Actor,
        credential: &mut Credential,
        accepted: &Accepted,
    ) -> Result<(), Error> {
        self.renew_grant(credential);
        credential.account.clone_from(&accepted.account);
        credential.variables.clone_from(&accepted.variables);
        if credential.expires_at.is_some_and(|end| end <= self.now()) {
            credential.expires_at = None;
        }
        self.set_value(actor, credential, accepted)
    }

    /// Begins a new grant: late answers to the old one can't land any more.
    pub(in crate::service) fn renew_grant(&self, credential: &mut Credential) {
        let now = self.now();
        credential.issued_at = now;
        credential.updated_at = now;
        let token = &mut credential.token;
        token.machine = Machine::Active;
        token.state_since = now;
        token.epoch += 1;
        token.version += 1;
        token.attempt = None;
        token.fail_class = None;
        token.fail_count = 0;
    }
}
