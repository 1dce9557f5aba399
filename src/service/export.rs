//! An environment, written out for another hub: its secrets, connectors, integrations, users and credentials with what
//! they hold, a line each. The lines have secrets in the open, restricted ones too, so that whoever takes them here
//! seals them at once (`crate::app::transfer`); no command writes them otherwise, and only an import opens them.
//!
//! API keys, members, webhook endpoints, sessions and logs stay: they belong to this hub. What has ended stays too, as
//! nothing could be done with it. It must not know files.

mod line;

use std::io;

use secrecy::ExposeSecret as _;
use serde::Serialize;
use vouchsafe_entity::json::Need;
use vouchsafe_entity::millis::Millis;
use zeroize::Zeroizing;

use super::audit::Target;
use super::{Code, Error, Hub};
use crate::domain::actor::Actor;
use crate::domain::credential::{Credential, Machine};
use crate::domain::page::PageRequest;
use crate::domain::role::Action;
use crate::failpoint::failpoint;
use crate::store;
use crate::store::secret::SecretFilter;
use line::{Header, Written, WrittenConnector, WrittenCredential, WrittenSecret};

/// Rows that are read together.
const PAGE: u64 = 200;
/// Room for the longest line in bytes: a buffer that grows leaves copies of secrets behind.
const LONGEST_LINE: usize = 1024 * 1024;

/// Why an export ended early.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// The hub refused.
    #[error(transparent)]
    Hub(#[from] Error),
    /// A line could not be written.
    #[error("the export can't be written")]
    Write(#[from] io::Error),
}

impl From<store::StoreError> for ExportError {
    fn from(error: store::StoreError) -> Self {
        Self::Hub(error.into())
    }
}

/// What was written, and what was not.
#[derive(Clone, Copy, Debug, Default)]
pub struct Exported {
    /// Secrets.
    pub secrets: usize,
    /// Connectors.
    pub connectors: usize,
    /// Integrations.
    pub integrations: usize,
    /// Users.
    pub users: usize,
    /// Credentials.
    pub credentials: usize,
    /// Secrets and credentials that have ended or were never confirmed, and integrations whose connectors are all
    /// gone: left out.
    pub ended: usize,
    /// Credentials made after the export began, perhaps for users that it lacks: left out.
    pub later: usize,
    /// What could not be opened: left out.
    pub shut: usize,
    /// Credentials whose newest token may lie in a journal instead.
    pub unsettled: usize,
}

impl Exported {
    fn summary(&self) -> String {
        format!(
            "{} secrets, {} connectors, {} integrations, {} users, {} credentials",
            self.secrets, self.connectors, self.integrations, self.users, self.credentials
        )
    }
}

impl Hub {
    /// Gives an environment to `write`, piece by piece: lines in the clear, each with its end.
    ///
    /// # Errors
    /// [`ExportError`].
    pub async fn export_environment(
        &self,
        actor: &Actor,
        write: impl FnMut(&[u8]) -> io::Result<()>,
    ) -> Result<Exported, ExportError> {
        self.permit(actor, Action::ManageWorkspace).await?;
        let environment = self.get_environment(actor).await?;
        let content = Zeroizing::new(Vec::with_capacity(LONGEST_LINE));
        let mut export = Exporting { hub: self, actor, write, content, done: Exported::default() };
        // A later credential might be of a user or connector that was not there yet when those were written.
        let began = self.now();
        export.line(&Header::new(&environment.workspace_name, &environment.name, self.now()))?;
        export.secrets().await?;
        export.connectors().await?;
        export.integrations().await?;
        export.users().await?;
        export.credentials(began).await?;
        Ok(export.done)
    }

    /// Writes down that an environment was exported. Nobody may be given the key of the file before.
    ///
    /// # Errors
    /// [`Error::Store`], [`Code::AuditUnavailable`].
    pub async fn note_export(&self, actor: &Actor, done: &Exported) -> Result<(), Error> {
        failpoint!("export::written");
        let tx = self.store.begin_record().await?;
        let target = Target::new("environment", actor.environment());
        self.record(&tx, actor, "environment.export", target, Some(done.summary())).await?;
        Ok(tx.commit().await?)
    }
}

struct Exporting<'a, W> {
    hub: &'a Hub,
    actor: &'a Actor,
    write: W,
    /// The line that is being written.
    content: Zeroizing<Vec<u8>>,
    done: Exported,
}

impl<W: FnMut(&[u8]) -> io::Result<()>> Exporting<'_, W> {
    fn line(&mut self, line: &impl Serialize) -> Result<(), ExportError> {
        self.content.clear();
        serde_json::to_writer(&mut *self.content, line)
            .map_err(|_| Error::internal("a line could not be encoded"))?;
        (self.write)(&self.content)?;
        Ok((self.write)(b"\n")?)
    }

    /// What was opened; none where it can't be, which the log has told and the count tells.
    fn opened<T>(&mut self, opened: Result<T, Error>) -> Result<Option<T>, Error> {
        match opened {
            Err(error) if error.code() == Some(Code::KeyUnavailable) => {
                self.done.shut += 1;
                Ok(None)
            }
            other => other.map(Some),
        }
    }

    async fn secrets(&mut self) -> Result<(), ExportError> {
        let (store, environment, now) = (&self.hub.store, self.actor.environment(), self.hub.now());
        let mut page = PageRequest { limit: PAGE, after: None };
        loop {
            let found = store::secret::list(store, environment, &SecretFilter::default(), now, &page).await?;
            page.after = found.next_after();
            for secret in found.items {
                if secret.end(now).is_some() {
                    self.done.ended += 1;
                } else if let Some(value) = self.opened(self.hub.open_secret(&secret))? {
                    self.line(&Written::Secret(WrittenSecret::new(&secret, value.expose_secret())))?;
                    self.done.secrets += 1;
                }
            }
            if page.after.is_none() {
                return Ok(());
            }
        }
    }

    async fn connectors(&mut self) -> Result<(), ExportError> {
        let mut page = PageRequest { limit: PAGE, after: None };
        loop {
            let found = store::connector::list(&self.hub.store, self.actor.environment(), &page).await?;
            page.after = found.next_after();
            // The others are there by default, in another hub too.
            for connector in found.items.into_iter().filter(|connector| connector.explicit) {
                let secrets = self.hub.open_connector(self.actor.tenant, &connector);
                if let Some(secrets) = self.opened(secrets)? {
                    self.line(&Written::Connector(WrittenConnector::new(&connector, &secrets)))?;
                    self.done.connectors += 1;
                }
            }
            if page.after.is_none() {
                return Ok(());
            }
        }
    }

    async fn integrations(&mut self) -> Result<(), ExportError> {
        let mut page = PageRequest { limit: PAGE, after: None };
        loop {
            let found = store::integration::list(&self.hub.store, self.actor.environment(), &page).await?;
            page.after = found.next_after();
            let needs = found.items.iter().flat_map(|integration| &integration.connectors);
            let keys: Vec<String> = needs.map(|need| need.connector.clone()).collect();
            let known = self.hub.connectors_named(self.actor, &keys).await?;
            let is_known = |need: &Need| known.iter().any(|connector| connector.key == need.connector);
            for mut integration in found.items {
                // A connector may be deleted while something needs it; an import takes none that is not there.
                integration.connectors.retain(is_known);
                if integration.connectors.is_empty() {
                    self.done.ended += 1;
                    continue;
                }
                self.line(&Written::Integration((&integration).into()))?;
                self.done.integrations += 1;
            }
            if page.after.is_none() {
                return Ok(());
            }
        }
    }

    async fn users(&mut self) -> Result<(), ExportError> {
        let mut page = PageRequest { limit: PAGE, after: None };
        loop {
            let found = store::user::list(&self.hub.store, self.actor.environment(), None, &page).await?;
            page.after = found.next_after();
            for user in &found.items {
                self.line(&Written::User(user.into()))?;
                self.done.users += 1;
            }
            if page.after.is_none() {
                return Ok(());
            }
        }
    }

    /// Those made until `began`, by the highest id first. An id says nothing of that: those of another hub were taken over.
    async fn credentials(&mut self, began: Millis) -> Result<(), ExportError> {
        let (store, environment) = (&self.hub.store, self.actor.environment());
        let now = self.hub.now();
        let mut page = PageRequest { limit: PAGE, after: None };
        loop {
            let found = store::credential::list_whole(store, environment, now, &page).await?;
            page.after = found.next_after();
            for credential in &found.items {
                if credential.created_at > began {
                    self.done.later += 1;
                } else {
                    self.credential(credential)?;
                }
            }
            if page.after.is_none() {
                return Ok(());
            }
        }
    }

    fn credential(&mut self, credential: &Credential) -> Result<(), ExportError> {
        let token = &credential.token;
        let unconfirmed = token.machine == Machine::Pending;
        if unconfirmed || token.sealed.is_none() || credential.broken_cause(self.hub.now()).is_some() {
            self.done.ended += 1;
            return Ok(());
        }
        let Some(material) = self.opened(self.hub.open_material(self.actor.tenant, credential))? else {
            return Ok(());
        };
        self.line(&Written::Credential(Box::new(WrittenCredential::new(credential, &material))))?;
        self.done.credentials += 1;
        self.done.unsettled += usize::from(token.attempt.is_some());
        Ok(())
    }
}
