//! Making a secret: what is sent is checked, sealed under the workspace's key, and put into its environments.

use secrecy::{ExposeSecret, SecretString};
use vouchsafe_entity::id::SecretId;
use vouchsafe_entity::kind::{SecretType, Visibility};
use vouchsafe_entity::millis::Millis;

use super::SecretView;
use crate::domain::actor::Actor;
use crate::domain::connector;
use crate::domain::host_pattern::HostPattern;
use crate::domain::role::Action;
use crate::domain::secret::{Secret, SecretScope, is_key};
use crate::service::audit::Target;
use crate::service::validate::Checker;
use crate::service::{Code, Error, Hub};
use crate::store::{self, StoreError};

/// The longest value in bytes.
const LONGEST_VALUE: usize = 64 * 1024;

/// A secret to be made.
#[derive(Clone, Debug)]
pub struct NewSecret {
    /// Its name in references.
    pub key: String,
    /// What is sealed.
    pub value: SecretString,
    /// What kind of value it is.
    pub kind: SecretType,
    /// Whether it may ever be shown.
    pub visibility: Visibility,
    /// A label.
    pub name: Option<String>,
    /// What it is for, in words.
    pub description: Option<String>,
    /// The third party that issued it.
    pub issuer: Option<String>,
    /// What the third party granted, in words.
    pub scopes: Option<String>,
    /// What it is for.
    pub scope: SecretScope,
    /// The environments that it covers; none = the actor's own.
    pub environments: Option<Vec<String>>,
    /// When the third party issued it; none = now.
    pub issued_at: Option<String>,
    /// Hosts that calls and settings of connectors may take it to.
    pub allowed_hosts: Vec<String>,
    /// The end, as a date.
    pub expires_at: Option<String>,
    /// The end, as a period.
    pub period: Option<String>,
}

impl Hub {
    /// Makes a secret.
    ///
    /// # Errors
    /// [`Error::Invalid`], [`Code::WrongEnvironment`], [`Code::KeyTaken`], [`Code::SubscriptionRequired`].
    pub async fn create_secret(&self, actor: &Actor, new: NewSecret) -> Result<SecretView, Error> {
        self.permit(actor, Action::ManageSecrets).await?;
        self.gate(actor).await?;
        let now = self.now();
        let (mut secret, end) = self.checked_secret(actor, &new, now)?;
        let environments = self.environments_for(actor, new.environments.as_deref()).await?;
        let days = self.warning_days(&self.store, &environments).await?;
        secret.set_end(end, now, &days);
        secret.sealed = Some(self.seal_secret(&secret, &new.value)?);

        let tx = self.store.begin().await?;
        if !store::environment::stay(&tx, &environments).await? {
            return Err(Error::NotFound);
        }
        match store::secret::insert(&tx, &secret, &environments).await {
            Err(StoreError::Taken) => return Err(key_taken(&secret.key)),
            other => other?,
        }
        let what = Some(format!("{}, {}, {}", secret.key, secret.kind, secret.visibility));
        self.record(&tx, actor, "secret.create", Target::new("secret", secret.id), what).await?;
        let view = self.secret_view(&tx, secret).await?;
        tx.commit().await?;
        Ok(view)
    }

    /// The secret that `new` describes, not yet sealed, and its end; or what is wrong with it.
    pub(in crate::service) fn checked_secret(
        &self,
        actor: &Actor,
        new: &NewSecret,
        now: Millis,
    ) -> Result<(Secret, Option<Millis>), Error> {
        let mut checker = Checker::default();
        let message =
            "A key has 1 to 128 of A-Z, a-z, 0-9, _, - and ., and begins with none of the last two.";
        checker.ensure(is_key(&new.key), "/key", "invalid_format", message);
        checker.secret_value(&new.value);
        checker.optional_text("/name", new.name.as_deref(), 200);
        checker.optional_text("/description", new.description.as_deref(), 2_000);
        checker.optional_text("/issuer", new.issuer.as_deref(), 200);
        checker.optional_text("/scopes", new.scopes.as_deref(), 4_000);
        checker.secret_scope(&new.scope);
        let allowed_hosts = checker.hosts(&new.allowed_hosts);
        let issued_at = checker.past("/issuedAt", new.issued_at.as_deref(), now);
        let end = checker.end(new.expires_at.as_deref(), new.period.as_deref(), now);
        checker.finish()?;
        let name = new.name.as_deref().map_or(new.key.as_str(), str::trim).to_owned();
        let secret = Secret {
            id: SecretId::new(self.ids.next()),
            workspace: actor.workspace(),
            key: new.key.clone(),
            name,
            description: new.description.clone(),
            kind: new.kind,
            issuer: new.issuer.as_deref().map(|issuer| issuer.trim().to_owned()),
            issuer_providers: self.slugs_of_issuer(new.issuer.as_deref()),
            visibility: new.visibility,
            scopes: new.scopes.clone(),
            scope: new.scope.clone(),
            allowed_hosts,
            active: true,
            revoked_at: None,
            expires_at: None,
            issued_at: issued_at.unwrap_or(now),
            last_used_at: None,
            sealed: None,
            version: 1,
            notice_at: None,
            told_days: None,
            created_at: now,
            updated_at: now,
        };
        Ok((secret, end))
    }
}

/// The refusal of a key that stands for another secret in one of the environments.
pub(super) fn key_taken(key: &str) -> Error {
    let detail = format!("One of the environments has a secret of the key `{key}` already.");
    Error::refused_at(Code::KeyTaken, "/key", detail)
}

impl Checker {
    /// A value that can be sealed.
    pub(super) fn secret_value(&mut self, value: &SecretString) {
        let fits = (1..=LONGEST_VALUE).contains(&value.expose_secret().len());
        self.ensure(fits, "/value", "invalid_length", "Write 1 to 65,536 bytes.");
    }

    /// Slugs of integrations and keys of connectors.
    pub(super) fn secret_scope(&mut self, scope: &SecretScope) {
        for (pointer, words) in [("/scope/products", &scope.products), ("/scope/apps", &scope.apps)] {
            self.ensure(words.len() <= 200, pointer, "too_many", "At most 200 are allowed.");
            for (at, word) in words.iter().enumerate().take(200) {
                let message = "Write a name of a-z, 0-9 and single dashes.";
                self.ensure(connector::is_key(word), &format!("{pointer}/{at}"), "invalid_format", message);
            }
        }
    }

    /// Hosts, as patterns.
    pub(super) fn hosts(&mut self, hosts: &[String]) -> Vec<HostPattern> {
        self.ensure(hosts.len() <= 100, "/allowedHosts", "too_many", "At most 100 are allowed.");
        let mut patterns = Vec::new();
        for (at, host) in hosts.iter().enumerate().take(100) {
            match host.parse::<HostPattern>() {
                Ok(pattern) if patterns.contains(&pattern) => {}
                Ok(pattern) => patterns.push(pattern),
                Err(error) => {
                    let message = format!(
                        "Write a host such as api.acme.test, *.acme.test or api.acme.test:8443: {error}."
                    );
                    self.add(format!("/allowedHosts/{at}"), "invalid_host", message);
                }
            }
        }
        patterns
    }
}
