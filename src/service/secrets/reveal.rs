//! Showing the value of a masked secret: to a member who has just proven who they are, not too often, and with an audit
//! row that is there before the value is.

use std::sync::Arc;

use secrecy::SecretString;
use vouchsafe_entity::id::{AuditEventId, MemberId};
use vouchsafe_entity::kind::Visibility;

use super::ended;
use crate::domain::actor::{Actor, Author};
use crate::domain::mail::Alarm;
use crate::domain::reveal::{MOST, Pace, SPAN, pace};
use crate::domain::role::Action;
use crate::domain::secret::SecretEnd;
use crate::ids::Ids;
use crate::service::audit::Target;
use crate::service::{Code, Error, Hub};
use crate::store::{self, Reads};

const REVEAL: &str = "secret.reveal";
/// A member looked at so many values in a short time that the owners should know.
pub(in crate::service) const ALARM: &str = "secret.reveal_alarm";

impl Hub {
    /// Lets the actor go on who may be shown the value of this secret now. It is not shown yet.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Code::Forbidden`], [`Code::Restricted`], [`Code::SecretRevoked`],
    /// [`Code::StepUpRequired`], [`Code::RateLimited`].
    pub async fn may_reveal_secret(&self, actor: &Actor, key: &str) -> Result<(), Error> {
        self.permit(actor, Action::RevealMaskedSecrets).await?;
        let found = store::secret::by_key(&self.store, actor.environment(), key).await?;
        let secret = found.ok_or(Error::NotFound)?;
        if secret.visibility == Visibility::Restricted {
            return Err(restricted(key));
        }
        if secret.sealed.is_none() {
            return Err(ended(&secret, SecretEnd::Revoked));
        }
        self.proven(actor)?;
        let Author::Member(seat) = &actor.author else {
            return Ok(());
        };
        match self.pace_of(&self.store, actor, seat.member).await? {
            Pace::Usual | Pace::Alarming => Ok(()),
            Pace::Over(seconds) => Err(too_often(seconds)),
        }
    }

    /// The value of a masked secret. The audit row comes first: no row, no value. A member is shown [`MOST`] an hour.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Code::Restricted`], [`Code::SecretRevoked`], [`Code::RateLimited`].
    pub async fn reveal_secret(self: &Arc<Self>, actor: &Actor, key: &str) -> Result<SecretString, Error> {
        self.permit(actor, Action::RevealMaskedSecrets).await?;
        self.proven(actor)?;
        let found = store::secret::by_key(&self.store, actor.environment(), key).await?;
        let secret = found.ok_or(Error::NotFound)?;
        let target = Target::new("secret", secret.id);
        if secret.visibility == Visibility::Restricted {
            self.record_refusal(actor, REVEAL, target, "restricted").await?;
            return Err(restricted(key));
        }
        if secret.sealed.is_none() {
            self.record_refusal(actor, REVEAL, target, Code::SecretRevoked.as_str()).await?;
            return Err(ended(&secret, SecretEnd::Revoked));
        }
        let tx = self.store.begin().await?;
        let mut alarming = None;
        if let Author::Member(seat) = &actor.author {
            // Two reveals at once are counted one after the other.
            store::member::lock(&tx, actor.workspace(), seat.member).await?;
            match self.pace_of(&tx, actor, seat.member).await? {
                Pace::Usual => {}
                Pace::Alarming => {
                    let who = Target::new("member", seat.member);
                    let what = Some("more than ten values within ten minutes".to_owned());
                    self.record(&tx, actor, ALARM, who, what).await?;
                    alarming = Some(seat.member);
                }
                Pace::Over(seconds) => {
                    drop(tx);
                    self.record_refusal(actor, REVEAL, target, "rate_limited").await?;
                    return Err(too_often(seconds));
                }
            }
        }
        self.record(&tx, actor, REVEAL, target, None).await?;
        let value = self.open_secret(&secret)?;
        tx.commit().await?;
        if let Some(member) = alarming {
            self.tell_of_reveals(actor, member).await?;
        }
        Ok(value)
    }

    /// Tells the owners that a member was shown many values.
    async fn tell_of_reveals(self: &Arc<Self>, actor: &Actor, member: MemberId) -> Result<(), Error> {
        match store::member::find(&self.store, actor.workspace(), member).await? {
            Some(member) => self.tell_owners(actor.tenant, Alarm::SecretsShown { who: member.name }).await,
            None => Ok(()),
        }
    }

    /// How often a member was shown values of late, in whichever environment. The audit log is what counts them.
    async fn pace_of(&self, db: &impl Reads, actor: &Actor, member: MemberId) -> Result<Pace, Error> {
        let environments = store::environment::of_workspace(db, actor.workspace()).await?;
        let environments: Vec<_> = environments.into_iter().map(|(id, _)| id).collect();
        let now = self.now();
        let from = AuditEventId::new(Ids::earliest(now.0 - SPAN));
        let (author, most) = (member.to_string(), u64::try_from(MOST).unwrap_or(u64::MAX));
        let earlier = store::audit::latest(db, &environments, REVEAL, Some(&author), from, most).await?;
        let earlier: Vec<_> = earlier.into_iter().map(|event| event.at).collect();
        Ok(pace(&earlier, now))
    }
}

fn restricted(key: &str) -> Error {
    Error::refused(Code::Restricted, format!("`{key}` is restricted: nobody is ever shown its value."))
}

fn too_often(seconds: u64) -> Error {
    let detail = format!(
        "You were shown {MOST} values within an hour, which is the most. Try again in {} minutes.",
        seconds.div_ceil(60)
    );
    Error::later(Code::RateLimited, detail, seconds)
}
