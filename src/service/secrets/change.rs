//! Changing a secret. Key and visibility never change; an end that has come is undone by a new value alone.

use secrecy::SecretString;
use vouchsafe_entity::id::EnvironmentId;
use vouchsafe_entity::millis::Millis;

use super::create::key_taken;
use super::{SecretView, ended};
use crate::domain::actor::Actor;
use crate::domain::host_pattern::HostPattern;
use crate::domain::role::Action;
use crate::domain::secret::{Secret, SecretEnd, SecretScope};
use crate::service::audit::Target;
use crate::service::validate::Checker;
use crate::service::{Error, Hub, Seen};
use crate::store::{self, StoreError};

/// Changes of a secret; what is none stays. The inner none clears.
#[derive(Clone, Debug, Default)]
pub struct SecretChange {
    /// A new value.
    pub value: Option<SecretString>,
    /// A label.
    pub name: Option<String>,
    /// What it is for, in words.
    pub description: Option<Option<String>>,
    /// What the third party granted, in words.
    pub scopes: Option<Option<String>>,
    /// What it is for.
    pub scope: Option<SecretScope>,
    /// The environments that it covers.
    pub environments: Option<Vec<String>>,
    /// Hosts that calls and settings of connectors may take it to.
    pub allowed_hosts: Option<Vec<String>>,
    /// The end, as a date; the inner none = never.
    pub expires_at: Option<Option<String>>,
    /// The end, as a period.
    pub period: Option<String>,
}

/// What was checked of a change.
struct Checked {
    hosts: Option<Vec<HostPattern>>,
    /// The end, where it changes; the inner none = never.
    end: Option<Option<Millis>>,
    environments: Option<Vec<EnvironmentId>>,
}

impl Hub {
    /// Changes what was sent of a secret and differs, where it is as it was `seen`.
    ///
    /// # Errors
    /// [`Error::Invalid`], [`Error::NotFound`], [`crate::service::Code::SecretExpired`],
    /// [`crate::service::Code::SecretRevoked`], [`crate::service::Code::KeyTaken`],
    /// [`crate::service::Code::WrongEnvironment`], [`crate::service::Code::SubscriptionRequired`],
    /// [`crate::service::Code::ChangedMeanwhile`].
    pub async fn update_secret(
        &self,
        actor: &Actor,
        key: &str,
        change: SecretChange,
        seen: Option<Seen>,
    ) -> Result<SecretView, Error> {
        self.permit(actor, Action::ManageSecrets).await?;
        self.gate(actor).await?;
        let checked = self.checked_change(actor, &change).await?;
        let tx = self.store.begin().await?;
        let mut secret = store::secret::lock(&tx, actor.environment(), key).await?.ok_or(Error::NotFound)?;
        Seen::ensure(seen, Some(secret.updated_at))?;
        let now = self.now();
        let end = new_end(&secret, &change, &checked, now)?;
        let mut fields = apply(&mut secret, &change, checked.hosts);
        if let Some(value) = &change.value {
            secret.version += 1;
            secret.sealed = Some(self.seal_secret(&secret, value)?);
            fields.push("value");
        }
        let covered = store::secret::environments_of(&tx, secret.workspace, &[secret.id]).await?;
        let mut covered: Vec<_> = covered.into_iter().map(|covered| covered.environment_id).collect();
        if let Some(environments) = checked.environments.filter(|wanted| !are_same(wanted, &covered)) {
            if !store::environment::stay(&tx, &environments).await? {
                return Err(Error::NotFound);
            }
            match store::secret::set_environments(&tx, &secret, &environments).await {
                Err(StoreError::Taken) => return Err(key_taken(key)),
                other => other?,
            }
            covered = environments;
            fields.push("environments");
        }
        if let Some(end) = end.filter(|end| *end != secret.expires_at) {
            let days = self.warning_days(&tx, &covered).await?;
            secret.set_end(end, now, &days);
            fields.push("expiresAt");
        }
        secret.updated_at = now;
        store::secret::update(&tx, &secret).await?;
        let target = Target::new("secret", secret.id);
        let what = Some(fields.join(", ")).filter(|fields| !fields.is_empty());
        self.record(&tx, actor, "secret.update", target, what).await?;
        let view = self.secret_view(&tx, secret).await?;
        tx.commit().await?;
        if change.value.is_some() {
            self.note_wiped();
        }
        Ok(view)
    }

    async fn checked_change(&self, actor: &Actor, change: &SecretChange) -> Result<Checked, Error> {
        let mut checker = Checker::default();
        if let Some(value) = &change.value {
            checker.secret_value(value);
        }
        checker.optional_text("/name", change.name.as_deref(), 200);
        checker.optional_text(
            "/description",
            change.description.iter().flatten().next().map(String::as_str),
            2_000,
        );
        checker.optional_text("/scopes", change.scopes.iter().flatten().next().map(String::as_str), 4_000);
        if let Some(scope) = &change.scope {
            checker.secret_scope(scope);
        }
        let hosts = change.allowed_hosts.as_deref().map(|hosts| checker.hosts(hosts));
        let date = change.expires_at.iter().flatten().next().map(String::as_str);
        let end = checker.end(date, change.period.as_deref(), self.now());
        checker.finish()?;
        let changes_end = change.expires_at.is_some() || change.period.is_some();
        let environments = match &change.environments {
            Some(names) => Some(self.environments_for(actor, Some(names)).await?),
            None => None,
        };
        Ok(Checked { hosts, end: changes_end.then_some(end), environments })
    }
}

/// The end that the secret gets; none where it stays.
fn new_end(
    secret: &Secret,
    change: &SecretChange,
    checked: &Checked,
    now: Millis,
) -> Result<Option<Option<Millis>>, Error> {
    let has_value = change.value.is_some();
    match secret.end(now) {
        None => Ok(checked.end),
        Some(SecretEnd::Revoked) if has_value || checked.end.is_some() => {
            Err(ended(secret, SecretEnd::Revoked))
        }
        Some(SecretEnd::Expired) if checked.end.is_some() && !has_value => {
            Err(ended(secret, SecretEnd::Expired))
        }
        // A new value revives it; the old end does not end it again.
        Some(SecretEnd::Expired) if has_value => Ok(Some(checked.end.flatten())),
        Some(SecretEnd::Revoked | SecretEnd::Expired) => Ok(None),
    }
}

/// Whether both are the same environments; neither has one twice.
fn are_same(one: &[EnvironmentId], other: &[EnvironmentId]) -> bool {
    one.len() == other.len() && one.iter().all(|id| other.contains(id))
}

/// Applies what needs nothing else, and names what differs by it.
fn apply(secret: &mut Secret, change: &SecretChange, hosts: Option<Vec<HostPattern>>) -> Vec<&'static str> {
    let old = secret.clone();
    if let Some(name) = &change.name {
        name.trim().clone_into(&mut secret.name);
    }
    if let Some(description) = &change.description {
        secret.description.clone_from(description);
    }
    if let Some(scopes) = &change.scopes {
        secret.scopes.clone_from(scopes);
    }
    if let Some(scope) = &change.scope {
        secret.scope.clone_from(scope);
    }
    if let Some(hosts) = hosts {
        secret.allowed_hosts = hosts;
    }
    let differs = [
        ("name", secret.name != old.name),
        ("description", secret.description != old.description),
        ("scopes", secret.scopes != old.scopes),
        ("scope", secret.scope != old.scope),
        ("allowedHosts", secret.allowed_hosts != old.allowed_hosts),
    ];
    differs.into_iter().filter(|(_, differs)| *differs).map(|(name, _)| name).collect()
}
