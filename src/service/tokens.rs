//! Reading a token that works. A fresh one costs one indexed read, no lock and no write; a due one is served and
//! renewed in the background; a spent one is renewed first.

use std::collections::HashMap;
use std::sync::Arc;

use secrecy::SecretString;
use vouchsafe_entity::id::{CredentialId, EnvironmentId};
use vouchsafe_entity::kind::{Method, Status};
use vouchsafe_entity::millis::Millis;

use super::audit::Target;
use super::error::NOT_OPENED;
use super::material::Material;
use super::refresh::PROBE_EVERY;
use super::{Code, Error, Hub};
use crate::domain::actor::Actor;
use crate::domain::connector::Connector;
use crate::domain::credential::{Credential, Health, KEY_UNAVAILABLE, ServedCredential, is_typed_key};
use crate::domain::refresh::Readiness;
use crate::domain::role::Action;
use crate::domain::workspace::Tenant;
use crate::provider::{Definition, TOKEN_SECRET, ValueSource};
use crate::store;

/// What a read is in the audit log.
const READ: &str = "credential.token";

/// What a caller gets of a credential.
pub enum Token {
    /// An access token.
    Access {
        /// The token.
        access_token: SecretString,
        /// As the app named it.
        token_type: String,
        /// Its own end, where known.
        expires_at: Option<Millis>,
        /// What was granted.
        scopes: Vec<String>,
    },
    /// The values of a key.
    Fields(Vec<(String, SecretString)>),
}

/// A credential that may be used, open.
pub(super) struct Served {
    /// The credential.
    pub(super) credential: Arc<ServedCredential>,
    /// What it is for.
    pub(super) connector: Arc<Connector>,
    /// What that is made of.
    pub(super) definition: Arc<Definition>,
    /// What it holds.
    pub(super) material: Material,
}

/// The refusal that a status means for whoever wants to use the credential; none where it may be used.
pub(super) fn refusal(credential: &Credential, health: Health) -> Option<Error> {
    let name = &credential.name;
    let reason = health.reason.unwrap_or("unknown");
    match health.status {
        Status::Active | Status::Error => None,
        Status::Pending => Some(Error::refused(
            Code::CredentialPending,
            format!(
                "`{name}` waits for confirmation by the back end (POST /connect/sessions/{{id}}/confirm)."
            ),
        )),
        Status::Inactive => {
            Some(Error::refused(Code::CredentialInactive, format!("`{name}` is switched off ({reason}).")))
        }
        Status::Expired => Some(Error::refused(
            Code::CredentialExpired,
            format!("`{name}` has expired ({reason}); the user must connect it again."),
        )),
        Status::Revoked => Some(Error::refused(
            Code::CredentialRevoked,
            format!("`{name}` was revoked ({reason}); the user must connect it again."),
        )),
    }
}

impl Hub {
    /// A token of the credential `id` that works for at least 30 s more, or to its end where nothing renews it.
    ///
    /// # Errors
    /// [`Code::CredentialExpired`], [`Code::CredentialInactive`], [`Code::CredentialPending`],
    /// [`Code::CredentialRevoked`], [`Code::RefreshPending`], [`Code::ConnectorFailing`], [`Code::KeyUnavailable`],
    /// [`Code::ProviderMissing`].
    pub async fn read_token(&self, actor: &Actor, id: CredentialId) -> Result<Token, Error> {
        self.permit(actor, Action::RevealCredentials).await?;
        let served = self.serve(actor, id).await;
        let refused = served.as_ref().err().and_then(Error::code);
        self.note_read_refused(actor, id, refused).await?;
        self.token_of(actor, served?).await
    }

    /// The same, by user and connector.
    ///
    /// # Errors
    /// Those of [`Hub::read_token`].
    pub async fn read_user_token(&self, actor: &Actor, user: &str, connector: &str) -> Result<Token, Error> {
        self.permit(actor, Action::RevealCredentials).await?;
        let credential = self.credential_of(actor, user, connector).await?;
        let id = credential.id;
        let served = self.serve_whole(actor, credential).await;
        let refused = served.as_ref().err().and_then(Error::code);
        self.note_read_refused(actor, id, refused).await?;
        self.token_of(actor, served?).await
    }

    /// Writes down that a credential did not give its token, as reads are written down.
    async fn note_read_refused(
        &self,
        actor: &Actor,
        id: CredentialId,
        refused: Option<Code>,
    ) -> Result<(), Error> {
        let Some(code) = refused else {
            return Ok(());
        };
        let (target, reason) = (Target::new("credential", id), Some(code.as_str().to_owned()));
        self.record_later(self.audit_event(actor, READ, target, "refused", reason)).await
    }

    /// The credential `id` in a state that may be used, open. What nothing stands in the way of costs one read; for
    /// anything else the whole of it is looked at.
    pub(super) async fn serve(&self, actor: &Actor, id: CredentialId) -> Result<Served, Error> {
        if let Some(served) = self.serve_at_once(actor, id).await? {
            return Ok(served);
        }
        let credential = self.get_credential(actor, id).await?;
        self.serve_whole(actor, credential).await
    }

    async fn serve_at_once(&self, actor: &Actor, id: CredentialId) -> Result<Option<Served>, Error> {
        let environment = actor.environment();
        let Some(credential) = store::credential::served(&self.store, environment, id).await? else {
            return Ok(None);
        };
        let connector = self.connector_of_use(environment, credential.connector).await?;
        let now = self.now();
        if credential.condition.health(connector.availability(), now).status != Status::Active {
            return Ok(None);
        }
        let definition = self.definition_of(&connector)?;
        match credential.condition.readiness(now) {
            Readiness::Ready => {}
            Readiness::Due => {
                self.refreshes.nudge(actor.tenant, credential.connector, id, credential.version);
            }
            Readiness::Spent | Readiness::NotBefore(_) => return Ok(None),
        }
        let material = self.open_served(actor.tenant, &credential)?;
        Ok(Some(Served { credential, connector, definition, material }))
    }

    pub(super) async fn serve_whole(&self, actor: &Actor, credential: Credential) -> Result<Served, Error> {
        // What its state forbids is told first, whether or not its provider is still there.
        if let Some(refusal) = refusal(&credential, credential.health(self.now())) {
            return Err(refusal);
        }
        let connector = self.connector_of_use(actor.environment(), credential.connector_id).await?;
        let definition = self.definition_of(&connector)?;
        let (credential, material) = match self.usable_material(actor, credential).await {
            Err(error) if error.code() == Some(Code::RefreshPending) => {
                return Err(self.with_barred_secret(actor.tenant, &connector, error).await);
            }
            usable => usable?,
        };
        Ok(Served { credential: Arc::new(credential.into()), connector, definition, material })
    }

    async fn token_of(&self, actor: &Actor, served: Served) -> Result<Token, Error> {
        let Served { credential, definition, mut material, .. } = served;
        self.record_read(actor, READ, Target::new("credential", credential.id)).await?;
        self.uses.note((actor.environment(), credential.id), credential.last_used_at, self.now());
        let method = credential.condition.method;
        if is_typed_key(method) {
            return Ok(Token::Fields(typed_values(&definition, method, material)));
        }
        if method == Method::OAuth1 {
            let mut values = material.values();
            let taken = [("oauth_token", "access_token"), (TOKEN_SECRET, TOKEN_SECRET)]
                .into_iter()
                .filter_map(|(name, kept)| Some((name.to_owned(), values.remove(kept)?)));
            return Ok(Token::Fields(taken.collect()));
        }
        let missing = Error::internal("a token credential without an access token");
        Ok(Token::Access {
            access_token: material.access_token.take().ok_or(missing)?,
            token_type: material.token_type.take().unwrap_or_else(|| "Bearer".to_owned()),
            expires_at: credential.condition.access_expires_at,
            scopes: credential.scopes.clone(),
        })
    }

    /// The credential in a state that may be used, and its open content; renewed first where that is needed.
    pub(super) async fn usable_material(
        &self,
        actor: &Actor,
        credential: Credential,
    ) -> Result<(Credential, Material), Error> {
        let now = self.now();
        if let Some(refusal) = refusal(&credential, credential.health(now)) {
            return Err(refusal);
        }
        let credential = match credential.readiness(now) {
            Readiness::Ready => credential,
            Readiness::Due => {
                self.refresh_in_background(actor.tenant, &credential);
                credential
            }
            Readiness::Spent => self.renewed(actor.tenant, credential).await?,
            Readiness::NotBefore(at) => return Err(not_before(&credential, at, now)),
        };
        let material = self.open_material(actor.tenant, &credential)?;
        Ok((credential, material))
    }

    /// The credential after its spent token was renewed.
    async fn renewed(&self, tenant: Tenant, credential: Credential) -> Result<Credential, Error> {
        self.refresh_and_wait(tenant, &credential).await?;
        let found = store::credential::find(&self.store, tenant.environment, credential.id).await?;
        let renewed = found.ok_or(Error::NotFound)?;
        let now = self.now();
        if let Some(refusal) = refusal(&renewed, renewed.health(now)) {
            return Err(refusal);
        }
        match renewed.readiness(now) {
            Readiness::Ready | Readiness::Due => Ok(renewed),
            Readiness::NotBefore(at) => Err(not_before(&renewed, at, now)),
            // Not renewed yet, or over again at once: a provider that gives tokens of no length.
            Readiness::Spent => Err(self.not_renewed(&renewed)),
        }
    }

    /// Why an attempt gave no new token.
    pub(super) fn not_renewed(&self, credential: &Credential) -> Error {
        let now = self.now();
        if let Some(refusal) = refusal(credential, credential.health(now)) {
            return refusal;
        }
        match credential.token.next_try_at() {
            Some(at) => not_before(credential, at, now),
            None if credential.connector_failing && !credential.token.own_client => {
                not_before(credential, now.plus(PROBE_EVERY), now)
            }
            None => pending(5),
        }
    }

    /// Writes when credentials were last used.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn flush_uses(&self) -> Result<(), Error> {
        let uses = self.uses.take();
        let written = self.write_uses(&uses).await;
        if written.is_err() {
            self.uses.put_back(uses);
        }
        written
    }

    async fn write_uses(&self, uses: &HashMap<(EnvironmentId, CredentialId), Millis>) -> Result<(), Error> {
        let Some(latest) = uses.values().max().copied() else {
            return Ok(());
        };
        let mut by_environment: HashMap<EnvironmentId, Vec<CredentialId>> = HashMap::new();
        for (environment, credential) in uses.keys().copied() {
            by_environment.entry(environment).or_default().push(credential);
        }
        let tx = self.store.begin().await?;
        for (environment, ids) in by_environment {
            for chunk in ids.chunks(1_000) {
                store::credential::touch(&tx, environment, chunk.to_vec(), latest).await?;
            }
        }
        Ok(tx.commit().await?)
    }
}

/// The values that the user gave, without those that the hub learned.
fn typed_values(definition: &Definition, method: Method, material: Material) -> Vec<(String, SecretString)> {
    let typed = |name: &str| {
        let variable = definition.of(method).variable(name);
        variable.is_none_or(|variable| variable.source == ValueSource::User)
    };
    material.into_values().into_iter().filter(|(name, _)| typed(name)).collect()
}

pub(super) fn pending(seconds: u64) -> Error {
    Error::later(Code::RefreshPending, "A new token is being fetched; try again in a moment.", seconds)
}

fn not_before(credential: &Credential, at: Millis, now: Millis) -> Error {
    let seconds = u64::try_from(at.since(now).max(0) / 1_000 + 1).unwrap_or(1);
    let reason = credential.health(now).reason.unwrap_or("unknown");
    let provider = &credential.provider;
    if reason == KEY_UNAVAILABLE {
        return Error::refused(Code::KeyUnavailable, NOT_OPENED);
    }
    if reason == "connector_rejected" {
        let detail = format!(
            "{provider} refuses the client of the connector `{}`; check its client id and secret.",
            credential.connector
        );
        return Error::later(Code::ConnectorFailing, detail, seconds);
    }
    let detail = format!("No new token from {provider} yet ({reason}); the hub tries again by itself.");
    Error::later(Code::RefreshPending, detail, seconds)
}
