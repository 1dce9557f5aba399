//! References to secrets at run time: looked up with one query, each checked for where it is used, and put in.
//!
//! What a value is worth is decided here alone: environment, state, end, scope, issuer, host. A refusal names the key
//! and never the value.

mod rules;
mod settings;

pub(super) use rules::{Destination, Usage};
pub(super) use settings::{Beside, placed_references, plain_variables};

use std::collections::HashMap;

use secrecy::{ExposeSecret, SecretString};
use vouchsafe_entity::id::{SecretId, WorkspaceId};
use vouchsafe_entity::millis::Millis;
use zeroize::Zeroizing;

use super::audit::Target;
use super::{Code, Error, Hub};
use crate::domain::actor::Actor;
use crate::domain::secret::is_key;
use crate::domain::secret_reference as reference;
use crate::domain::workspace::Tenant;
use crate::store;

/// So many different secrets one call may use.
const MOST_SECRETS: usize = 50;

/// The values of the secrets that one use refers to, while they are open.
#[derive(Default)]
pub(super) struct OpenSecrets {
    values: HashMap<String, SecretString>,
    uses: SecretUses,
}

/// Secrets that were opened. They are used once what has their values goes out, and not before.
#[derive(Clone, Default)]
pub(super) struct SecretUses(Vec<((WorkspaceId, SecretId), Option<Millis>)>);

impl SecretUses {
    /// Takes others in.
    pub(super) fn extend(&mut self, others: Self) {
        self.0.extend(others.0);
    }
}

impl OpenSecrets {
    /// `text` with its references replaced and its escapes taken away.
    pub(super) fn fill(&self, text: &str) -> Result<Zeroizing<String>, Error> {
        reference::fill(text, |key| {
            let value = self.values.get(key).map(SecretString::expose_secret);
            value.ok_or(Error::internal("a reference that was not looked up"))
        })
    }

    /// The values.
    pub(super) fn values(&self) -> impl Iterator<Item = &SecretString> {
        self.values.values()
    }

    /// Whether no secret is used.
    pub(super) fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    /// What is to be noted once they are sent.
    pub(super) fn uses(&self) -> &SecretUses {
        &self.uses
    }
}

impl Hub {
    /// Opens the secrets that `texts` refer to, if each may be used so. A refusal is written down.
    ///
    /// # Errors
    /// [`Code::SecretMissing`], [`Code::ReferenceInactive`], [`Code::ReferenceExpired`], [`Code::ReferenceRevoked`],
    /// [`Code::ReferenceOutOfScope`], [`Code::ReferenceWrongEnvironment`], [`Code::ReferenceWrongIssuer`],
    /// [`Code::ReferenceHostNotAllowed`].
    pub(super) async fn open_references<'t>(
        &self,
        actor: &Actor,
        texts: impl IntoIterator<Item = &'t str>,
        usage: &Usage<'_>,
    ) -> Result<OpenSecrets, Error> {
        let mut keys: Vec<&str> = texts.into_iter().flat_map(reference::keys).collect();
        keys.sort_unstable();
        keys.dedup();
        if keys.is_empty() {
            return Ok(OpenSecrets::default());
        }
        if keys.len() > MOST_SECRETS {
            let detail = format!("At most {MOST_SECRETS} secrets can be used at once.");
            return Err(Error::invalid("", "too_many", detail));
        }
        let found = store::secret::by_keys(&self.store, actor.environment(), &keys).await?;
        if let Some(missing) = keys.iter().find(|key| !found.iter().any(|secret| secret.key == **key)) {
            let error = self.missing(actor.tenant, missing).await?;
            let target = Target { kind: "secret", id: None };
            return Err(self.refused_use(actor, target, missing, usage, error).await?);
        }
        let now = self.now();
        let mut open = OpenSecrets::default();
        for secret in found {
            let value = self.check_use(&secret, usage, now).and_then(|()| self.open_secret(&secret));
            let value = match value {
                Ok(value) => value,
                Err(error) => {
                    let target = Target::new("secret", secret.id);
                    return Err(self.refused_use(actor, target, &secret.key, usage, error).await?);
                }
            };
            open.uses.0.push(((secret.workspace, secret.id), secret.last_used_at));
            open.values.insert(secret.key, value);
        }
        Ok(open)
    }

    /// Writes down that a secret was refused, which one and where it was to go; the refusal.
    async fn refused_use(
        &self,
        actor: &Actor,
        target: Target,
        key: &str,
        usage: &Usage<'_>,
        error: Error,
    ) -> Result<Error, Error> {
        let Some(code) = error.code().map(Code::as_str) else {
            return Ok(error);
        };
        // What no secret can be called may be anything, and is not repeated.
        let key = if is_key(key) { key } else { "?" };
        let reason = format!("{code}: {key} in {}", usage.place());
        let event = self.audit_event(actor, "secret.use", target, "refused", Some(reason));
        self.record_later(event).await?;
        Ok(error)
    }

    /// The refusal of a key that stands for nothing here.
    async fn missing(&self, tenant: Tenant, key: &str) -> Result<Error, Error> {
        let shown: String = key.chars().filter(|c| !c.is_control()).take(128).collect();
        if store::secret::is_anywhere(&self.store, tenant.workspace, key).await? {
            let detail = format!("The secret `{shown}` does not cover this environment.");
            return Ok(Error::refused(Code::ReferenceWrongEnvironment, detail));
        }
        let detail = format!("There is no secret `{shown}` in this environment.");
        Ok(Error::refused(Code::SecretMissing, detail))
    }

    /// Notes that secrets were used: what has them goes out now.
    pub(super) fn note_secret_uses(&self, uses: &SecretUses) {
        let now = self.now();
        for (secret, last) in &uses.0 {
            self.secret_uses.note(*secret, *last, now);
        }
    }

    /// Writes when secrets were last used.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn flush_secret_uses(&self) -> Result<(), Error> {
        let uses = self.secret_uses.take();
        let written = self.write_secret_uses(&uses).await;
        if written.is_err() {
            self.secret_uses.put_back(uses);
        }
        written
    }

    async fn write_secret_uses(&self, uses: &HashMap<(WorkspaceId, SecretId), Millis>) -> Result<(), Error> {
        let Some(latest) = uses.values().max().copied() else {
            return Ok(());
        };
        let mut by_workspace: HashMap<WorkspaceId, Vec<SecretId>> = HashMap::new();
        for (workspace, secret) in uses.keys().copied() {
            by_workspace.entry(workspace).or_default().push(secret);
        }
        let tx = self.store.begin().await?;
        for (workspace, ids) in by_workspace {
            for chunk in ids.chunks(1_000) {
                store::secret::touch(&tx, workspace, chunk.to_vec(), latest).await?;
            }
        }
        Ok(tx.commit().await?)
    }
}
