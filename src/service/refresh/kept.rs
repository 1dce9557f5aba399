//! Answers on their way into the journal and how they lie there: written down before they are read (`refresh.md`,
//! section 5).

use std::sync::Arc;
use std::time::Instant;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Serialize};
use vouchsafe_entity::id::{ConnectorId, CredentialId, EnvironmentId};
use vouchsafe_entity::kind::FailClass;
use vouchsafe_entity::millis::Millis;
use vouchsafe_entity::sealed::Sealed;
use zeroize::Zeroizing;

use crate::domain::connector::Connector;
use crate::domain::credential::Credential;
use crate::domain::refresh::Reuse;
use crate::domain::revocation::Remains;
use crate::domain::workspace::Tenant;
use crate::oauth::{Received, TokenAnswer, TokenError};
use crate::service::material::place;
use crate::service::{Error, Hub};

/// Bytes that nobody wrote so.
pub(super) const DAMAGED: &str = "an unreadable journal entry";
const PLACE: (&str, &str) = ("journal", "body");

/// What was spent for an answer.
#[derive(Clone, Debug)]
pub(super) struct Spent {
    pub(super) id: CredentialId,
    pub(super) epoch: i64,
    pub(super) version: i64,
    /// When the request went out, on the database's clock.
    pub(super) sent_at: Millis,
    /// By which connector; not known of an answer that an earlier version wrote down.
    pub(super) connector: Option<ConnectorId>,
    /// The entry of the journal, where there is one.
    pub(super) number: Option<u64>,
    /// Whether it was read out of the journal: what the database does not take of it waits for the next sweep.
    pub(super) replayed: bool,
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
pub(super) struct Written {
    pub(super) environment: EnvironmentId,
    credential: CredentialId,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    connector: Option<ConnectorId>,
    epoch: i64,
    version: i64,
    sent_at: i64,
    sealed: String,
}

impl Written {
    /// What was spent for it.
    pub(super) fn spent(&self, number: u64) -> Spent {
        Spent {
            id: self.credential,
            epoch: self.epoch,
            version: self.version,
            sent_at: Millis(self.sent_at),
            connector: self.connector,
            number: Some(number),
            replayed: true,
            remains: None,
        }
    }
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
                self.unread.guard(number, (credential.id, credential.token.version));
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
            connector: Some(credential.connector_id),
            epoch,
            version,
            sent_at: sent_at.0,
            sealed: STANDARD.encode(sealed.as_bytes()),
        };
        serde_json::to_vec(&written).map_err(|_| Error::internal("a journal entry could not be encoded"))
    }

    pub(super) fn journal_done(&self, number: Option<u64>) {
        if let (Some(journal), Some(number)) = (&self.journal, number) {
            self.unread.forget(number);
            journal.done(number);
        }
    }

    pub(super) fn opened(&self, tenant: Tenant, spent: &Spent, written: &Written) -> Result<Received, Error> {
        let unreadable = |_| Error::internal(DAMAGED);
        let sealed = Sealed::new(STANDARD.decode(&written.sealed).map_err(unreadable)?);
        let row = spent.id.to_string();
        let at = place(tenant, PLACE, &row, (spent.epoch, spent.version));
        let opened: BodyOut = self.vault.open(&at, &sealed)?;
        let body = STANDARD.decode(opened.body.expose_secret()).map_err(unreadable)?;
        Ok(Received::from_kept(Zeroizing::new(body), spent.sent_at.into()))
    }

    /// Whether an answer that can't be read is kept: what was sent for it is spent.
    pub(super) fn is_held(&self, credential: &Credential, error: &TokenError) -> bool {
        error.class == FailClass::Unreadable && self.reuse_of(credential) != Reuse::Static
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
}
