//! Requests that may be sent twice: the first answer is kept for a day, sealed.

use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use vouchsafe_entity::millis::Millis;

use super::material::place;
use super::{Code, Error, Hub};
use crate::domain::actor::Actor;
use crate::domain::data_key::KeyPurpose;
use crate::store;
use crate::store::idempotency::Known;

const KEPT_SECONDS: i64 = 86_400;
/// A request without an answer is taken over after so long: its process is gone. A caller waits 30 s for a handler; what
/// it began goes on behind it, bounded by the times of its calls to apps, and is over long before.
const UNDER_WAY_SECONDS: i64 = 300;
const PLACE: (&str, &str) = ("idempotent_answer", "sealed");

/// A request with an `Idempotency-Key`, noted as under way.
#[derive(Debug)]
pub struct Begun {
    key_hash: String,
    at: Millis,
}

/// A kept answer.
#[derive(Deserialize)]
pub struct KeptAnswer {
    /// HTTP status.
    pub status: u16,
    /// `Content-Type`.
    pub content_type: Option<String>,
    /// The body.
    pub body: SecretString,
}

#[derive(Serialize)]
struct WrittenAnswer<'a> {
    status: u16,
    content_type: Option<&'a str>,
    body: &'a str,
}

/// What to do with a request.
pub enum Repetition {
    /// Carry it out.
    First(Begun),
    /// Answer as before.
    Replay(KeptAnswer),
}

impl Hub {
    /// Notes a request as under way, or finds its first answer.
    ///
    /// # Errors
    /// [`Code::IdempotencyMismatch`], [`Code::IdempotencyInProgress`].
    pub async fn begin_request(
        &self,
        actor: &Actor,
        key: &str,
        path: &str,
        body: &[u8],
    ) -> Result<Repetition, Error> {
        let author = actor.author.id().unwrap_or_default();
        let mut hash = Sha256::new();
        for part in [author.as_str(), path, key] {
            hash.update((part.len() as u64).to_be_bytes());
            hash.update(part);
        }
        let key_hash = hex::encode(hash.finalize());
        let request_hash = self.vault.mac(KeyPurpose::Requests, &[body])?;
        let now = self.now();
        let until = now.plus_seconds(UNDER_WAY_SECONDS);
        let tx = self.store.begin().await?;
        let known =
            store::idempotency::begin(&tx, actor.environment(), &key_hash, &request_hash, now, until).await?;
        tx.commit().await?;
        match known {
            Known::First => Ok(Repetition::First(Begun { key_hash, at: now })),
            Known::UnderWay => Err(Error::later(
                Code::IdempotencyInProgress,
                "The first request with this Idempotency-Key is still under way.",
                1,
            )),
            Known::OtherBody => Err(Error::refused(
                Code::IdempotencyMismatch,
                "This Idempotency-Key was used with another body; use a new one.",
            )),
            Known::Answered { sealed, .. } => {
                let place = place(actor.tenant, PLACE, &key_hash, (0, 0));
                Ok(Repetition::Replay(self.vault.open(&place, &sealed)?))
            }
        }
    }

    /// Keeps the answer; one that says nothing final is forgotten, so that the request can be sent again.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn finish_request(
        &self,
        actor: &Actor,
        begun: Begun,
        answer: Option<(u16, Option<&str>, &str)>,
    ) -> Result<(), Error> {
        let environment = actor.environment();
        let tx = self.store.begin().await?;
        match answer {
            None => store::idempotency::forget(&tx, environment, &begun.key_hash, begun.at).await?,
            Some((status, content_type, body)) => {
                let written = WrittenAnswer { status, content_type, body };
                let place = place(actor.tenant, PLACE, &begun.key_hash, (0, 0));
                let sealed = self.vault.seal(&place, &written)?;
                let status = i16::try_from(status).unwrap_or(i16::MAX);
                let kept = (status, sealed);
                let until = self.now().plus_seconds(KEPT_SECONDS);
                store::idempotency::finish(&tx, environment, &begun.key_hash, begun.at, kept, until).await?;
            }
        }
        Ok(tx.commit().await?)
    }
}
