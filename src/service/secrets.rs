//! Secrets of the workspace: made, listed, changed, switched off and on, revealed, revoked, deleted. A restricted
//! value is never shown; a masked one only by a reveal whose audit row is in the same transaction.

mod act;
mod change;
mod create;
mod due;
mod issuer;
mod reveal;
mod uses;

pub use act::{Acted, SecretAct};
pub use change::SecretChange;
pub use create::NewSecret;
pub(super) use reveal::ALARM;
pub use uses::{SecretUse, UsedSecret};

use std::collections::HashMap;

use secrecy::{ExposeSecret, SecretString};
use vouchsafe_entity::id::{EnvironmentId, SecretId};
use vouchsafe_entity::sealed::Sealed;

use super::audit::Target;
use super::{Code, Error, Hub};
use crate::domain::actor::{Actor, Author};
use crate::domain::page::{Page, PageRequest};
use crate::domain::role::Action;
use crate::domain::secret::{Secret, SecretEnd};
pub use crate::store::secret::{SecretFilter, SecretName};
use crate::store::{self, Reads};
use crate::vault::Place;

/// A secret with the names of its environments.
#[derive(Clone, Debug)]
pub struct SecretView {
    /// The secret.
    pub secret: Secret,
    /// The environments that it covers, by name.
    pub environments: Vec<String>,
}

/// So many of the settings that refer to a secret are named.
const NAMED: i64 = 10;

impl Hub {
    /// The secret that `key` stands for in the actor's environment.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub async fn get_secret(&self, actor: &Actor, key: &str) -> Result<SecretView, Error> {
        self.permit(actor, Action::ViewSecrets).await?;
        let found = store::secret::by_key(&self.store, actor.environment(), key).await?;
        self.secret_view(&self.store, found.ok_or(Error::NotFound)?).await
    }

    /// Lets the actor go on who may make and change secrets.
    ///
    /// # Errors
    /// [`Code::Forbidden`].
    pub async fn may_manage_secrets(&self, actor: &Actor) -> Result<(), Error> {
        self.permit(actor, Action::ManageSecrets).await
    }

    /// The names of the secrets that cover the actor's environment, by key, those with `search` in the key alone. It is
    /// all that a viewer is shown of them.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn list_secret_names(
        &self,
        actor: &Actor,
        search: Option<&str>,
        page: &PageRequest,
    ) -> Result<Page<SecretName>, Error> {
        self.permit(actor, Action::ListSecrets).await?;
        Ok(store::secret::names(&self.store, actor.environment(), search, page).await?)
    }

    /// The secrets that cover the actor's environment, by key.
    ///
    /// # Errors
    /// [`Code::Forbidden`], [`Error::Store`].
    pub async fn list_secrets(
        &self,
        actor: &Actor,
        filter: &SecretFilter,
        page: &PageRequest,
    ) -> Result<Page<SecretView>, Error> {
        self.permit(actor, Action::ViewSecrets).await?;
        let now = self.now();
        let found = store::secret::list(&self.store, actor.environment(), filter, now, page).await?;
        let ids: Vec<SecretId> = found.items.iter().map(|secret| secret.id).collect();
        let mut names = self.names_of_environments(actor, &ids).await?;
        Ok(found
            .map(|secret| SecretView { environments: names.remove(&secret.id).unwrap_or_default(), secret }))
    }

    /// The names of the environments that secrets cover.
    async fn names_of_environments(
        &self,
        actor: &Actor,
        ids: &[SecretId],
    ) -> Result<HashMap<SecretId, Vec<String>>, Error> {
        let mut names: HashMap<SecretId, Vec<String>> = HashMap::new();
        for covered in store::secret::environments_of(&self.store, actor.workspace(), ids).await? {
            names.entry(covered.secret_id).or_default().push(covered.name);
        }
        Ok(names)
    }

    pub(super) async fn secret_view(&self, db: &impl Reads, secret: Secret) -> Result<SecretView, Error> {
        let covered = store::secret::environments_of(db, secret.workspace, &[secret.id]).await?;
        Ok(SecretView { secret, environments: covered.into_iter().map(|covered| covered.name).collect() })
    }

    /// Switches a secret off: references to it are refused from now on.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub async fn deactivate_secret(&self, actor: &Actor, key: &str) -> Result<SecretView, Error> {
        self.permit(actor, Action::ManageSecrets).await?;
        let change = |secret: &mut Secret| {
            secret.active = false;
            Ok(())
        };
        self.change_secret(actor, key, "secret.deactivate", change).await
    }

    /// Switches a secret on again, as often as one likes while it has not ended.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Code::SecretExpired`], [`Code::SecretRevoked`], [`Code::SubscriptionRequired`].
    pub async fn reactivate_secret(&self, actor: &Actor, key: &str) -> Result<SecretView, Error> {
        self.permit(actor, Action::ManageSecrets).await?;
        self.gate(actor).await?;
        let now = self.now();
        let change = |secret: &mut Secret| {
            if let Some(end) = secret.end(now) {
                return Err(ended(secret, end));
            }
            secret.active = true;
            Ok(())
        };
        self.change_secret(actor, key, "secret.reactivate", change).await
    }

    /// Ends a secret for good: its value is wiped, its row and history stay. Its issuer is to be told by its owner.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub async fn revoke_secret(&self, actor: &Actor, key: &str) -> Result<SecretView, Error> {
        self.permit(actor, Action::ManageSecrets).await?;
        let now = self.now();
        let change = |secret: &mut Secret| {
            secret.revoke(now);
            Ok(())
        };
        self.note_wiped();
        self.change_secret(actor, key, "secret.revoke", change).await
    }

    /// Changes a held secret and writes down that it was.
    async fn change_secret(
        &self,
        actor: &Actor,
        key: &str,
        action: &'static str,
        change: impl FnOnce(&mut Secret) -> Result<(), Error>,
    ) -> Result<SecretView, Error> {
        let tx = self.store.begin().await?;
        let mut secret = store::secret::lock(&tx, actor.environment(), key).await?.ok_or(Error::NotFound)?;
        change(&mut secret)?;
        secret.updated_at = self.now();
        store::secret::update(&tx, &secret).await?;
        self.record(&tx, actor, action, Target::new("secret", secret.id), None).await?;
        let view = self.secret_view(&tx, secret).await?;
        tx.commit().await?;
        Ok(view)
    }

    /// Removes a secret. While settings refer to it that is refused, unless by `force`.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Code::InUse`].
    pub async fn delete_secret(&self, actor: &Actor, key: &str, force: bool) -> Result<(), Error> {
        self.permit(actor, Action::ManageSecrets).await?;
        let tx = self.store.begin().await?;
        let secret = store::secret::lock(&tx, actor.environment(), key).await?.ok_or(Error::NotFound)?;
        let used = store::secret_reference::of_secrets(&tx, secret.workspace, &[secret.id], NAMED).await?;
        if !used.is_empty() && !force {
            let named: Vec<_> = used
                .iter()
                .map(|one| format!("connector `{}` ({}, {})", one.connector, one.place, one.environment))
                .collect();
            let detail = format!(
                "`{key}` is used by {}; ?force=true deletes it, and what refers to it stops working.",
                named.join(", ")
            );
            return Err(Error::refused(Code::InUse, detail));
        }
        store::secret::delete(&tx, secret.workspace, secret.id).await?;
        let what = (!used.is_empty()).then(|| "by force, while in use".to_owned());
        self.record(&tx, actor, "secret.delete", Target::new("secret", secret.id), what).await?;
        self.note_wiped();
        Ok(tx.commit().await?)
    }

    pub(super) fn seal_secret(&self, secret: &Secret, value: &SecretString) -> Result<Sealed, Error> {
        let row = secret.id.to_string();
        Ok(self.vault.seal(&place(secret, &row), &value.expose_secret())?)
    }

    /// Opens the value of a secret.
    pub(super) fn open_secret(&self, secret: &Secret) -> Result<SecretString, Error> {
        let Some(sealed) = &secret.sealed else {
            return Err(ended(secret, SecretEnd::Revoked));
        };
        let row = secret.id.to_string();
        Ok(self.vault.open(&place(secret, &row), sealed)?)
    }

    /// The environments that `names` are for this actor; none = the actor's own. A key can name no other.
    async fn environments_for(
        &self,
        actor: &Actor,
        names: Option<&[String]>,
    ) -> Result<Vec<EnvironmentId>, Error> {
        let Some(names) = names else {
            return Ok(vec![actor.environment()]);
        };
        if names.is_empty() {
            return Err(Error::invalid("/environments", "required", "Name at least one environment."));
        }
        let (own, _) = &*self.environment_of(actor.environment()).await?;
        let known = match actor.author {
            Author::ApiKey(_) => vec![(own.id, own.name.clone())],
            Author::User(..) | Author::Member(_) | Author::Operator | Author::Hub => {
                store::environment::of_workspace(&self.store, actor.workspace()).await?
            }
        };
        let mut environments = Vec::new();
        for (at, name) in names.iter().enumerate() {
            let Some((id, _)) = known.iter().find(|(_, known)| known == name) else {
                let pointer = format!("/environments/{at}");
                let detail = format!("This key works in `{}` and can name no other environment.", own.name);
                return Err(Error::refused_at(Code::WrongEnvironment, &pointer, detail));
            };
            if !environments.contains(id) {
                environments.push(*id);
            }
        }
        Ok(environments)
    }

    /// The days before an end at which one of `environments` wants to be told.
    pub(super) async fn warning_days(
        &self,
        db: &impl Reads,
        environments: &[EnvironmentId],
    ) -> Result<Vec<u16>, Error> {
        let mut days = Vec::new();
        for id in environments {
            let (environment, _) = &*self.environment_in(db, *id).await?;
            days.extend(&environment.settings.expiry_warning_days);
        }
        Ok(days)
    }
}

/// Values stand under the workspace's key, bound to their row and version.
fn place<'a>(secret: &Secret, row: &'a str) -> Place<'a> {
    Place {
        workspace: secret.workspace,
        environment: None,
        table: "secret",
        column: "sealed",
        row,
        epoch: 0,
        version: secret.version,
    }
}

/// The refusal to bring back a secret that has ended.
fn ended(secret: &Secret, end: SecretEnd) -> Error {
    let key = &secret.key;
    match end {
        SecretEnd::Revoked => Error::refused(
            Code::SecretRevoked,
            format!("`{key}` was revoked: its value is gone. Delete it and make another."),
        ),
        SecretEnd::Expired => Error::refused(
            Code::SecretExpired,
            format!("`{key}` has expired; only a new value brings it back (PATCH /secrets/{key})."),
        ),
    }
}
