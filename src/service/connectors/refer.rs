//! References to secrets in a connector that is made or replaced: where they may stand, and whether they can be used. What
//! a secret may be used for is decided in `references`.

use std::collections::BTreeSet;

use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;

use super::NewConnector;
use crate::domain::actor::Actor;
use crate::domain::connector::Connector;
use crate::domain::secret::Secret;
use crate::domain::secret_reference::{self as reference, is_dynamic};
use crate::provider::Definition;
use crate::service::references::{Beside, plain_variables};
use crate::service::validate::Checker;
use crate::service::{Error, Hub};

impl Hub {
    /// Refuses references that can't be used, so that they cannot fail first in a user's hands.
    pub(super) async fn check_references(
        &self,
        actor: &Actor,
        key: &str,
        new: &NewConnector,
        definition: &Definition,
    ) -> Result<(), Error> {
        let sent = new.variables.iter().filter_map(|(name, value)| Some((name, value.as_str()?)));
        let (dynamic, plain): (Vec<_>, Vec<_>) = sent.partition(|(_, text)| is_dynamic(text.as_bytes()));
        let mut connector = Connector::by_default(actor.environment(), key);
        connector.provider.clone_from(&new.provider);
        connector.variables =
            plain.into_iter().map(|(name, text)| (name.clone(), text.trim().to_owned())).collect();
        if let Some(Some(secret)) = &new.client_secret {
            let setting = ("client_secret", secret);
            self.checked_reference(actor, &connector, "/clientSecret", setting).await?;
        }
        let mut checker = Checker::default();
        for (name, text) in dynamic {
            if note_misplaced(definition, name, &mut checker) {
                continue;
            }
            let pointer = format!("/variables/{name}");
            let text = SecretString::from(text);
            let setting = (name.as_str(), &text);
            let value = self.checked_reference(actor, &connector, &pointer, setting).await?;
            if let Err(error) = definition.check_value(name, value.expose_secret()) {
                checker.add(pointer, error.code, error.message);
            }
        }
        checker.finish()
    }

    /// What a setting stands for; a refusal points at it.
    async fn checked_reference(
        &self,
        actor: &Actor,
        connector: &Connector,
        pointer: &str,
        setting: (&str, &SecretString),
    ) -> Result<SecretString, Error> {
        let plain = plain_variables(connector);
        match self.resolve_setting(actor, connector, setting, Beside::Connector(&plain)).await {
            Err(Error::Refused { code, detail, .. }) => Err(Error::refused_at(code, pointer, detail)),
            // Nothing is sent, so it is no use of the secrets.
            other => other.map(|(value, _)| value),
        }
    }
}

/// The keys of the secrets that are referred to anew.
pub(super) fn sent_keys(new: &NewConnector) -> BTreeSet<String> {
    let client_secret = new.client_secret.iter().flatten().map(ExposeSecret::expose_secret);
    let texts = client_secret.chain(new.variables.values().filter_map(Value::as_str));
    texts.flat_map(reference::keys).map(str::to_owned).collect()
}

/// Whether secrets are there as they were when they were looked at.
pub(super) fn are_unchanged(seen: &[Secret], held: &[Secret]) -> bool {
    let same = |one: &Secret, other: &Secret| {
        (one.id, one.version, one.updated_at, one.active)
            == (other.id, other.version, other.updated_at, other.active)
            && (&one.scope, &one.allowed_hosts) == (&other.scope, &other.allowed_hosts)
    };
    seen.len() == held.len() && seen.iter().all(|one| held.iter().any(|other| same(one, other)))
}

/// Notes where the variable `name` can't have a reference to a secret; true where it was.
fn note_misplaced(definition: &Definition, name: &str, checker: &mut Checker) -> bool {
    let pointer = format!("/variables/{name}");
    if !definition.connector_fields().iter().any(|field| field.name == *name) {
        checker.add(pointer, "unknown_field", "This field is not asked for.");
        return true;
    }
    if definition.shows_variable(name) {
        let message = "This value is seen by others than the app, so it can be no secret.";
        checker.add(pointer, "reference_not_allowed", message);
        return true;
    }
    false
}

/// Refuses references where none can stand. Whether the secrets can be used now is not asked.
pub(in crate::service) fn ensure_placed(new: &NewConnector, definition: &Definition) -> Result<(), Error> {
    let mut checker = Checker::default();
    for (name, value) in &new.variables {
        if value.as_str().is_some_and(|text| is_dynamic(text.as_bytes())) {
            note_misplaced(definition, name, &mut checker);
        }
    }
    checker.finish()
}
