//! The end of a credential by somebody's wish: revoked (the row stays) or deleted (a tombstone). What the hub says of
//! the provider is what the provider said.

use vouchsafe_entity::id::CredentialId;
use vouchsafe_entity::kind::{BrokenCause, Method};

use crate::domain::actor::Actor;
use crate::domain::credential::{Credential, Machine};
use crate::domain::event::EventType;
use crate::oauth::revoke::{Revocable, Revocation, revoke};
use crate::service::audit::Target;
use crate::service::material::Material;
use crate::service::{Error, Hub};
use crate::store;
use crate::store::credential::Guard;

/// What became of the tokens at the provider.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Upstream {
    /// Dead there.
    Revoked,
    /// The app has no way to be told, or another credential lives by the same grant.
    Unsupported,
    /// It was told and did not say yes.
    Failed,
}

impl Upstream {
    /// The word as shown.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Revoked => "revoked",
            Self::Unsupported => "unsupported",
            Self::Failed => "failed",
        }
    }
}

/// How a credential ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// The row and its history stay.
    Revoked,
    /// A tombstone stays.
    Deleted,
}

impl Hub {
    /// Ends use for good, keeps the row, and tells the app.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub async fn revoke_credential(&self, actor: &Actor, id: CredentialId) -> Result<Upstream, Error> {
        self.end_credential(actor, id, Ended::Revoked).await
    }

    /// Removes a credential and tells the app.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub async fn delete_credential(&self, actor: &Actor, id: CredentialId) -> Result<Upstream, Error> {
        self.end_credential(actor, id, Ended::Deleted).await
    }

    /// The hub's own end comes first and never waits for the app.
    async fn end_credential(&self, actor: &Actor, id: CredentialId, how: Ended) -> Result<Upstream, Error> {
        let environment = actor.environment();
        let tx = self.store.begin().await?;
        let mut credential = store::credential::lock(&tx, environment, id).await?.ok_or(Error::NotFound)?;
        // A row that no key opens can still be ended; its tokens then can't be revoked.
        let material = match &credential.token.sealed {
            Some(_) => self.open_material(actor.tenant, &credential).ok(),
            None => None,
        };
        let before = credential.clone();
        let guard = Guard { epoch: credential.token.epoch, version: credential.token.version };
        self.wipe(&mut credential, how);
        let action = match how {
            Ended::Revoked => {
                self.announce(&tx, actor.tenant, &mut credential).await?;
                "credential.revoke"
            }
            Ended::Deleted => {
                self.tell(&tx, actor.tenant, &mut credential, EventType::CredentialDeleted, None).await?;
                "credential.delete"
            }
        };
        self.write(&tx, environment, &credential, guard).await?;
        self.record(&tx, actor, action, Target::new("credential", id), None).await?;
        tx.commit().await?;

        let upstream = match material {
            Some(material) => self.revoke_upstream(actor, &before, material).await?,
            None => Upstream::Unsupported,
        };
        let outcome = Some(upstream.as_str().to_owned());
        let tx = self.store.begin().await?;
        self.record(&tx, actor, "credential.revoke_upstream", Target::new("credential", id), outcome).await?;
        tx.commit().await?;
        Ok(upstream)
    }

    fn wipe(&self, credential: &mut Credential, how: Ended) {
        self.renew_grant(credential);
        credential.token.machine = match how {
            Ended::Revoked => Machine::Broken(BrokenCause::RevokedByRequest),
            Ended::Deleted => Machine::Deleted,
        };
        credential.token.sealed = None;
        credential.token.has_refresh_token = false;
        credential.token.access_expires_at = None;
        credential.token.access_lifetime = None;
        credential.token.refresh_expires_at = None;
        credential.token.due_at = None;
    }

    pub(in crate::service) async fn revoke_upstream(
        &self,
        actor: &Actor,
        credential: &Credential,
        material: Material,
    ) -> Result<Upstream, Error> {
        use crate::provider::RevokeScope;
        if credential.method != Method::OAuth2 {
            return Ok(Upstream::Unsupported);
        }
        let connector = self.connector_of(actor.environment(), credential).await?;
        let (Ok(definition), Some(client)) =
            (self.definition_of(&connector), self.client(actor.tenant, &connector).await?)
        else {
            return Ok(Upstream::Unsupported);
        };
        let ends_grant = definition.refresh().is_some_and(|policy| policy.revoke_scope == RevokeScope::Grant);
        if ends_grant && self.shares_account(actor, credential).await? {
            return Ok(Upstream::Unsupported);
        }
        let values = self.all_values(actor.tenant, &connector, &material).await?;
        let token = match (material.refresh_token, material.access_token) {
            (Some(token), _) => Revocable::RefreshToken(token),
            (None, Some(token)) => Revocable::AccessToken(token),
            (None, None) => return Ok(Upstream::Unsupported),
        };
        let revoked = revoke(&self.egress, &definition, &values, &client, &token, self.clock.now()).await;
        Ok(match revoked {
            Revocation::Revoked => Upstream::Revoked,
            Revocation::Unsupported => Upstream::Unsupported,
            Revocation::Failed(error) => {
                tracing::warn!(
                    credential.id = %credential.id,
                    error = &error as &dyn std::error::Error,
                    "the app did not confirm a revocation"
                );
                Upstream::Failed
            }
        })
    }

    /// Whether another live credential of the same user and connector stands for the same account: revoking the
    /// grant would end that one too.
    async fn shares_account(&self, actor: &Actor, credential: &Credential) -> Result<bool, Error> {
        let Some(account) = &credential.account else {
            return Ok(false);
        };
        let others =
            store::credential::of_connector(&self.store, actor.environment(), credential.connector_id)
                .await?;
        Ok(others.iter().any(|other| {
            let live = !matches!(other.token.machine, Machine::Broken(_) | Machine::Deleted);
            other.id != credential.id && live && other.account.as_ref().is_some_and(|a| a.id == account.id)
        }))
    }
}
