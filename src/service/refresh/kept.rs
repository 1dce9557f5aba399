//! Answers in the journal: written down before they are read, and landed after a crash or once a definition that
//! could not read them was mended (`refresh.md`, section 5).

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Instant;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Serialize};
use vouchsafe_entity::id::{CredentialId, EnvironmentId};
use vouchsafe_entity::kind::{AttemptState, FailClass};
use vouchsafe_entity::millis::Millis;
use vouchsafe_entity::sealed::Sealed;
use zeroize::Zeroizing;

use super::failed::alert;
use crate::domain::connector::Connector;
use crate::domain::credential::{Attempt, Credential, Machine};
use crate::domain::refresh::{Landing, Reuse, is_minted};
use crate::domain::revocation::Remains;
use crate::domain::workspace::Tenant;
use crate::journal::Entry;
use crate::oauth::{Received, TokenAnswer, TokenError};
use crate::service::material::place;
use crate::service::{Code, Error, Hub};
use crate::store;
use crate::store::credential::Guard;

const PLACE: (&str, &str) = ("journal", "body");
/// An answer that no definition could read is kept so long.
const HELD: i64 = 86_400_000;

/// What was spent for an answer.
#[derive(Clone, Debug)]
pub(super) struct Spent {
    pub(super) id: CredentialId,
    pub(super) epoch: i64,
    pub(super) version: i64,
    /// When the request went out, on the database's clock.
    pub(super) sent_at: Millis,
    /// The entry of the journal, where there is one.
    pub(super) number: Option<u64>,
    /// Whom to tell, and of what, where the credential is gone with its row; not known after a restart.
    pub(super) remains: Option<(Arc<Connector>, Remains)>,
}

/// An answer, not yet read.
pub(super) struct Kept {
    pub(super) spent: Spent,
    pub(super) answer: Received,
}

/// An entry as it lies in the journal. Its ids are in the open; the answer is sealed under the environment's own key,
/// so that deleting that key ends what lies here too.
#[derive(Serialize, Deserialize)]
struct Written {
    environment: EnvironmentId,
    credential: CredentialId,
    epoch: i64,
    version: i64,
    sent_at: i64,
    sealed: String,
}

#[derive(Serialize)]
struct BodyIn<'a> {
    body: &'a str,
}

#[derive(Deserialize)]
struct BodyOut {
    body: SecretString,
}

impl Hub {
    /// Whether an answer could be written down now; without that, nothing is spent.
    pub(super) fn journal_takes(&self) -> bool {
        self.journal.as_ref().is_some_and(crate::journal::Journal::takes)
    }

    /// Writes an answer down whose last byte has just come. It is landed even where that fails: a crash would lose it,
    /// doing nothing surely would. The time until it is on disk is the window in which a crash loses it.
    pub(super) async fn keep(
        &self,
        tenant: Tenant,
        credential: &Credential,
        sent_at: Millis,
        answer: &Received,
    ) -> Option<u64> {
        let began = Instant::now();
        let written = self.written(tenant, credential, sent_at, answer);
        let kept = match (written, &self.journal) {
            (Ok(bytes), Some(journal)) => journal.append(bytes).await.map_err(|error| error.to_string()),
            (Err(error), _) => Err(error.to_string()),
            (_, None) => Err("no journal is open".to_owned()),
        };
        match kept {
            Ok(number) => {
                metrics::histogram!("vouchsafe_journal_seconds").record(began.elapsed().as_secs_f64());
                Some(number)
            }
            Err(error) => {
                tracing::error!(credential.id = %credential.id, error, "an answer could not be written down");
                None
            }
        }
    }

    fn written(
        &self,
        tenant: Tenant,
        credential: &Credential,
        sent_at: Millis,
        answer: &Received,
    ) -> Result<Vec<u8>, Error> {
        let (epoch, version) = (credential.token.epoch, credential.token.version);
        let body = Zeroizing::new(STANDARD.encode(answer.body()));
        let row = credential.id.to_string();
        let sealed =
            self.vault.seal(&place(tenant, PLACE, &row, (epoch, version)), &BodyIn { body: &body })?;
        let written = Written {
            environment: tenant.environment,
            credential: credential.id,
            epoch,
            version,
            sent_at: sent_at.0,
            sealed: STANDARD.encode(sealed.as_bytes()),
        };
        serde_json::to_vec(&written).map_err(|_| Error::internal("a journal entry could not be encoded"))
    }

    pub(super) fn journal_done(&self, number: Option<u64>) {
        if let (Some(journal), Some(number)) = (&self.journal, number) {
            journal.done(number);
        }
    }

    /// Lands what the last run left in the journal, then gives back what it had claimed. Nothing is claimed before.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn replay(&self) -> Result<(), Error> {
        let Some(journal) = &self.journal else { return Ok(()) };
        for entry in journal.waiting() {
            self.replay_entry(&entry).await?;
        }
        let mut seen = HashSet::new();
        loop {
            let mut left = store::refresh::left_behind(&self.store, journal.node(), &self.boot).await?;
            // What stays as it is can't be read or is another's by now, and is no reason not to start.
            left.retain(|claim| seen.insert(*claim));
            if left.is_empty() {
                return Ok(());
            }
            tracing::info!(claims = left.len(), "claims of an earlier run are given back");
            for (environment, id) in left {
                match self.abandon(environment, id).await {
                    Err(Error::Store(error)) if error.tells_of_row() => {}
                    given_back => given_back?,
                }
            }
        }
    }

    /// Tries once more to read answers that no definition could read.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn replay_held(&self) -> Result<(), Error> {
        let Some(journal) = &self.journal else { return Ok(()) };
        for entry in journal.waiting() {
            let held =
                self.held.lock().unwrap_or_else(std::sync::PoisonError::into_inner).contains(&entry.number);
            if held {
                self.replay_entry(&entry).await?;
            }
        }
        Ok(())
    }

    async fn replay_entry(&self, entry: &Entry) -> Result<(), Error> {
        let landed = match serde_json::from_slice::<Written>(&entry.bytes) {
            Ok(written) => self.replay_written(entry.number, &written).await,
            Err(_) => Err(Error::internal("an unreadable journal entry")),
        };
        match landed {
            Ok(()) => Ok(()),
            Err(Error::Store(error)) if error.tells_of_row() => {
                // The only live token, perhaps: it is tried again until somebody has mended the row.
                self.keep_unread(Some(entry.number));
                Ok(())
            }
            Err(Error::Store(error)) => Err(Error::Store(error)),
            Err(error) => {
                // Left where it is: it may be the only live token, and a later version may read it. A key that is
                // missing may come back before that.
                if error.code().is_some() {
                    self.keep_unread(Some(entry.number));
                }
                tracing::error!(
                    entry = entry.number,
                    error = &error as &dyn std::error::Error,
                    "a journal entry could not be landed"
                );
                Ok(())
            }
        }
    }

    async fn replay_written(&self, number: u64, written: &Written) -> Result<(), Error> {
        let spent = Spent {
            id: written.credential,
            epoch: written.epoch,
            version: written.version,
            sent_at: Millis(written.sent_at),
            number: Some(number),
            remains: None,
        };
        let tenant = match self.environment_of(written.environment).await {
            Ok(found) => found.1,
            Err(Error::NotFound) => {
                self.journal_done(spent.number);
                return Ok(());
            }
            Err(error) => return Err(error),
        };
        let found = store::credential::find_any(&self.store, tenant.environment, spent.id).await?;
        let Some(credential) = found else {
            self.journal_done(spent.number);
            return Ok(());
        };
        let answer = match self.opened(tenant, &spent, written) {
            // Its key may come back; what it was got with is spent until then too.
            Err(error) if error.code() == Some(Code::KeyUnavailable) => {
                self.hold_unread(tenant, &spent).await?;
                return Err(error);
            }
            opened => opened?,
        };
        let connector = self.connector_of(tenant.environment, &credential).await?;
        let Ok(definition) = self.definition_of(&connector) else {
            return self.hold_unread(tenant, &spent).await;
        };
        match answer.read_for(&definition, credential.method) {
            Ok(read) if self.has_landed(tenant, &credential, &spent, &read) => {
                self.journal_done(spent.number);
                Ok(())
            }
            Ok(read) => self.land(tenant, &spent, &definition, &read).await,
            Err(error) if self.is_held(&credential, &error) => {
                if self.now().since(spent.sent_at) <= HELD {
                    return self.hold_unread(tenant, &spent).await;
                }
                self.journal_done(spent.number);
                Ok(())
            }
            // It says why there is no token, and is heard as it would have been then.
            Err(error) => {
                if self.awaits(&credential, &spent) {
                    self.commit_failure(tenant, &credential, &error).await?;
                }
                self.journal_done(spent.number);
                Ok(())
            }
        }
    }

    /// Whether an answer that can't be read is kept: what was sent for it is spent.
    pub(super) fn is_held(&self, credential: &Credential, error: &TokenError) -> bool {
        error.class == FailClass::Unreadable && self.reuse_of(credential) != Reuse::Static
    }

    /// Whether a credential still waits for this answer: an earlier run of this node claimed it to get one, or it was
    /// held because nobody could read it. A later attempt with the same version waits for its own.
    fn awaits(&self, credential: &Credential, spent: &Spent) -> bool {
        let token = &credential.token;
        let current = token.landing(spent.epoch, spent.version) == Landing::Current;
        let Some(attempt) = token.attempt.filter(|attempt| current && attempt.started_at <= spent.sent_at)
        else {
            return false;
        };
        let held = matches!(token.machine, Machine::Unknown { .. }) && attempt.state == AttemptState::Held;
        held || token.is_held_by(self.node())
    }

    fn opened(&self, tenant: Tenant, spent: &Spent, written: &Written) -> Result<Received, Error> {
        let unreadable = |_| Error::internal("an unreadable journal entry");
        let sealed = Sealed::new(STANDARD.decode(&written.sealed).map_err(unreadable)?);
        let row = spent.id.to_string();
        let at = place(tenant, PLACE, &row, (spent.epoch, spent.version));
        let opened: BodyOut = self.vault.open(&at, &sealed)?;
        let body = STANDARD.decode(opened.body.expose_secret()).map_err(unreadable)?;
        Ok(Received::from_kept(Zeroizing::new(body), spent.sent_at.into()))
    }

    /// Whether an answer is what the credential holds already, or held before it moved on.
    fn has_landed(&self, tenant: Tenant, credential: &Credential, spent: &Spent, read: &TokenAnswer) -> bool {
        if credential.token.landing(spent.epoch, spent.version) != Landing::Superseded {
            return false;
        }
        credential.token.version > spent.version + 1 || self.holds(tenant, credential, read)
    }

    /// Whether the tokens of an answer are those that a credential holds.
    pub(super) fn holds(&self, tenant: Tenant, credential: &Credential, answer: &TokenAnswer) -> bool {
        let same = |one: &Option<SecretString>, other: &SecretString| {
            one.as_ref().is_some_and(|one| one.expose_secret() == other.expose_secret())
        };
        self.open_material(tenant, credential).is_ok_and(|material| {
            same(&material.access_token, &answer.access_token)
                && answer.refresh_token.as_ref().is_none_or(|token| same(&material.refresh_token, token))
        })
    }

    /// Remembers an entry that no definition could read, for [`Hub::replay_held`].
    pub(super) fn keep_unread(&self, number: Option<u64>) {
        if let Some(number) = number {
            self.held.lock().unwrap_or_else(std::sync::PoisonError::into_inner).insert(number);
        }
    }

    /// Notes that an answer lies unread, or can't be landed: it is not asked for again for a day.
    pub(super) async fn hold_unread(&self, tenant: Tenant, spent: &Spent) -> Result<(), Error> {
        self.keep_unread(spent.number);
        let tx = self.store.begin().await?;
        let Some(mut row) = store::credential::lock(&tx, tenant.environment, spent.id).await? else {
            return Ok(());
        };
        // Where another attempt has been answered since, that stands; the entry is still read again.
        let open = matches!(row.token.machine, Machine::Refreshing { .. } | Machine::Unknown { .. });
        let current = row.token.landing(spent.epoch, spent.version) == Landing::Current;
        if !open || !current || is_minted(row.method) {
            return Ok(());
        }
        // It is held already, or another attempt waits for an answer of its own.
        let settled =
            |attempt: &Attempt| attempt.state == AttemptState::Held || attempt.started_at > spent.sent_at;
        if row.token.attempt.as_ref().is_some_and(settled) {
            return Ok(());
        }
        alert(&row, FailClass::Unreadable);
        row.token = row.token.held(self.now());
        self.announce_if_sealed(&tx, tenant, &mut row).await?;
        let guard = Guard { epoch: spent.epoch, version: spent.version };
        store::credential::save_token(&tx, tenant.environment, row.id, &row.token, guard, None).await?;
        Ok(tx.commit().await?)
    }

    /// A claim of an earlier run of this node: whatever was sent, nobody hears the answer any more.
    async fn abandon(&self, environment: EnvironmentId, id: CredentialId) -> Result<(), Error> {
        let (_, tenant) = *self.environment_of(environment).await?;
        let tx = self.store.begin().await?;
        let Some(mut row) = store::credential::lock(&tx, environment, id).await? else {
            return Ok(());
        };
        // Somebody else may have claimed it since, and waits for an answer.
        if !row.token.is_left_by(self.node(), &self.boot) {
            return Ok(());
        }
        let guard = Guard { epoch: row.token.epoch, version: row.token.version };
        let (reuse, minted) = (self.reuse_of(&row), is_minted(row.method));
        row.token = row.token.abandoned(reuse, minted, self.now(), self.times);
        self.announce_if_sealed(&tx, tenant, &mut row).await?;
        store::credential::save_token(&tx, environment, id, &row.token, guard, None).await?;
        Ok(tx.commit().await?)
    }
}
