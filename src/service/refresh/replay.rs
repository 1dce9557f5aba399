//! Answers that come out of the journal: after a crash, and once what kept them from being read or landed is mended
//! (`refresh.md`, section 5).

use std::collections::HashSet;

use vouchsafe_entity::id::{CredentialId, EnvironmentId};
use vouchsafe_entity::kind::{AttemptState, FailClass};

use super::failed::alert;
use super::kept::{DAMAGED, Spent, Written};
use super::put_off::tell_whose;
use super::unread::{Answer, Owner, Until};
use crate::domain::credential::{Attempt, Credential, Machine};
use crate::domain::refresh::{Landing, is_minted};
use crate::domain::workspace::Tenant;
use crate::journal::{Entry, Journal};
use crate::oauth::TokenAnswer;
use crate::service::{Code, Error, Hub};
use crate::store::credential::Guard;
use crate::store::{self, StoreError};

/// An answer that no definition could read is kept so long, in milliseconds.
const HELD: i64 = 86_400_000;

impl Hub {
    /// Lands what the last run left in the journal, then gives back what it had claimed. Nothing is claimed before. What
    /// that run had set aside is left to the first sweep, and not claimed before that either.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn replay(&self) -> Result<(), Error> {
        let Some(journal) = &self.journal else { return Ok(()) };
        for number in journal.waiting() {
            let Some(entry) = journal.entry(number).await else { continue };
            if journal.is_aside(number) {
                self.find_aside(&entry);
            } else {
                self.replay_entry(&entry).await?;
            }
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
                    Err(Error::Store(error)) => self.pass_row_by(id, error).await?,
                    given_back => given_back?,
                }
            }
        }
    }

    /// Tries once more to read and land answers that lie here, where something has changed since.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn replay_held(&self) -> Result<(), Error> {
        let Some(journal) = &self.journal else { return Ok(()) };
        // What could not be set aside, for a full disk say.
        for number in self.unread.settled() {
            if !journal.is_aside(number) {
                journal.set_aside(number);
            }
        }
        for number in self.unread.due(self.now()) {
            self.look_again(journal, number).await?;
        }
        Ok(())
    }

    /// Whether an answer lies here that was got with a version, after a last look at it where its time has come: then that
    /// must not be sent again.
    pub(super) async fn is_spent(&self, id: CredentialId, version: i64) -> Result<bool, Error> {
        let spending = (id, version);
        let (Some(journal), Some(number)) = (&self.journal, self.unread.lies_for(spending)) else {
            return Ok(false);
        };
        if self.unread.is_due(number, self.now()) {
            Box::pin(self.look_again(journal, number)).await?;
        }
        Ok(self.unread.lies_for(spending).is_some())
    }

    async fn look_again(&self, journal: &Journal, number: u64) -> Result<(), Error> {
        self.unread.begin(number, self.now());
        match journal.entry(number).await {
            Some(entry) => {
                let replayed = self.replay_entry(&entry).await;
                if replayed.is_err() {
                    self.unread.begin_again(number);
                }
                return replayed;
            }
            None if journal.length(number).is_none() => self.unread.forget(number),
            None => self.unread.begin_again(number),
        }
        Ok(())
    }

    /// Notes what an earlier run set aside.
    fn find_aside(&self, entry: &Entry) {
        match serde_json::from_slice::<Written>(&entry.bytes) {
            Ok(written) => {
                let spent = written.spent(entry.number);
                self.keep_unread(written.environment, &spent, Until::Defined);
            }
            Err(error) => tracing::error!(
                entry = entry.number,
                error = &error as &dyn std::error::Error,
                "an answer that was set aside is none"
            ),
        }
    }

    /// Goes on without a row that the database refuses, or that fits no state; where it refuses everything, that ends what
    /// is under way.
    async fn pass_row_by(&self, id: CredentialId, error: StoreError) -> Result<(), Error> {
        if error.tells_of_row() {
            tell_whose(id, &error);
            return Ok(());
        }
        if self.store.ping().await.is_err() {
            return Err(error.into());
        }
        let error = &error as &dyn std::error::Error;
        tracing::error!(credential.id = %id, error, "the database refuses this row alone: it is tried again later");
        Ok(())
    }

    async fn replay_entry(&self, entry: &Entry) -> Result<(), Error> {
        let Ok(written) = serde_json::from_slice::<Written>(&entry.bytes) else {
            tracing::error!(entry = entry.number, "an unreadable journal entry is left where it is");
            return Ok(());
        };
        let spent = written.spent(entry.number);
        let Err(error) = self.replay_written(&spent, &written).await else { return Ok(()) };
        // Left where it is: it may be the only live token. A row may be mended, a key come back, a later version read it.
        if error.code().is_some() || matches!(error, Error::Store(_)) {
            self.keep_unread(written.environment, &spent, Until::Mended);
        }
        let is_old = self.now().since(spent.sent_at) > HELD;
        match error {
            Error::Store(error) => return self.pass_row_by(spent.id, error).await,
            // Nobody will ever read it.
            Error::Internal(DAMAGED) if is_old => self.journal_done(spent.number),
            _ if is_old && error.code() == Some(Code::KeyUnavailable) => self.unread.let_go(entry.number),
            Error::Internal(DAMAGED) => {}
            // What kept its row from being noted may be over by the next time.
            Error::Internal(_) => self.unread.begin_again(entry.number),
            _ => {}
        }
        tracing::error!(
            entry = entry.number,
            error = &error as &dyn std::error::Error,
            "a journal entry could not be landed"
        );
        Ok(())
    }

    async fn replay_written(&self, spent: &Spent, written: &Written) -> Result<(), Error> {
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
        let answer = match self.opened(tenant, spent, written) {
            // Its key may come back; what it was got with is spent until then too.
            Err(error) if error.code() == Some(Code::KeyUnavailable) => {
                self.hold_unread(tenant, spent, Until::Mended).await?;
                return Err(error);
            }
            opened => opened?,
        };
        let connector = self.connector_of(tenant.environment, &credential).await?;
        let Ok(definition) = self.definition_of(&connector) else {
            return self.hold_unread(tenant, spent, Until::Defined).await;
        };
        match answer.read_for(&definition, credential.method) {
            Ok(read) if self.has_landed(tenant, &credential, spent, &read) => {
                self.journal_done(spent.number);
                Ok(())
            }
            Ok(read) => self.land(tenant, spent, &definition, &read).await,
            Err(error) if self.is_held(&credential, &error) => {
                if self.now().since(spent.sent_at) <= HELD {
                    return self.hold_unread(tenant, spent, Until::Defined).await;
                }
                self.journal_done(spent.number);
                Ok(())
            }
            // It says why there is no token, and is heard as it would have been then.
            Err(error) => {
                if self.awaits(&credential, spent) {
                    self.commit_failure(tenant, &credential, &error, None).await?;
                }
                self.journal_done(spent.number);
                Ok(())
            }
        }
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

    /// Whether an answer is what the credential holds already, or held before it moved on.
    fn has_landed(&self, tenant: Tenant, credential: &Credential, spent: &Spent, read: &TokenAnswer) -> bool {
        if credential.token.landing(spent.epoch, spent.version) != Landing::Superseded {
            return false;
        }
        credential.token.version > spent.version + 1 || self.holds(tenant, credential, read)
    }

    /// Remembers an answer that can't be read or landed now, for [`Hub::replay_held`].
    pub(super) fn keep_unread(&self, environment: EnvironmentId, spent: &Spent, until: Until) {
        let (Some(journal), Some(number)) = (&self.journal, spent.number) else { return };
        let Some(bytes) = journal.length(number) else { return };
        let answer = Answer {
            owner: Owner { environment, connector: spent.connector },
            spending: (spent.id, spent.version),
            bytes,
            ends_at: spent.sent_at.plus(HELD),
        };
        if self.unread.keep(number, answer, until) {
            tracing::error!(
                environment.id = %environment,
                connector.id = spent.connector.map(tracing::field::display),
                "answers that nobody can read take all the room that this connector, its environment or the hub has: \
                 none of its tokens is spent until some are read or a day old"
            );
            metrics::counter!("vouchsafe_alerts_total", "kind" => "unread_full").increment(1);
        }
    }

    /// Puts an answer out of the way of what comes, once its row is known to wait for it.
    pub(super) fn set_aside(&self, spent: &Spent) {
        if let (Some(journal), Some(number)) = (&self.journal, spent.number) {
            self.unread.settle(number);
            journal.set_aside(number);
        }
    }

    /// Notes that an answer lies unread, or can't be landed: it is not asked for again for a day.
    pub(super) async fn hold_unread(&self, tenant: Tenant, spent: &Spent, until: Until) -> Result<(), Error> {
        self.keep_unread(tenant.environment, spent, until);
        self.note_held(tenant, spent).await?;
        self.set_aside(spent);
        Ok(())
    }

    async fn note_held(&self, tenant: Tenant, spent: &Spent) -> Result<(), Error> {
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
