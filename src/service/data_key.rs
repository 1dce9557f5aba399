//! Another data key in the place of one (`security.md`, section 4): it is made known to every hub, then it seals, then
//! what the one before sealed is sealed anew, and at last that one is destroyed. Each step can be repeated, so that any
//! hub does what a command left undone.
//!
//! It must not know what lies in the values.

mod reseal;
mod sealings;

pub use reseal::Resealed;

use std::collections::HashMap;
use std::sync::PoisonError;
use std::time::Duration;

use vouchsafe_entity::id::{DataKeyId, EnvironmentId, WorkspaceId};
use vouchsafe_entity::millis::Millis;

use super::audit::Target;
use super::steps::Steps;
use super::{Code, Error, Hub};
use crate::domain::actor::{Actor, Author};
use crate::domain::audit::AuditEvent;
use crate::domain::data_key::{KeyOwner, KeyPurpose, KeyUse, RecordKeys, SETTLED_AFTER, WrappedKey};
use crate::failpoint::failpoint;
use crate::store;

/// Hubs look each second which data keys there are; after so long all that are at work know a new one.
const KNOWN_AFTER: Duration = Duration::from_secs(3);
/// A hub that began less than this ago replaces no worn keys: during an upgrade others may not know yet how to learn them.
const SETTLES_IN: Duration = Duration::from_hours(1);
/// Worn keys that one hub replaces at once.
const MOST_AT_ONCE: usize = 50;
/// Values that don't open are tried again after so many milliseconds.
const SHUT_FOR: i64 = 3_600_000;

/// What is said where a new data key would be wrapped by another master key than the one before.
const OTHER_MASTER_KEY: &str = "The data key is wrapped by another master key than the present one: restart every \
    replica with the present one, run `vouchsafe master-key rewrap`, then replace the data key.";

/// Why a data key is replaced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Occasion {
    /// Somebody asked for it. What was begun and is not finished goes on instead.
    Asked,
    /// Somebody else may know it.
    Compromise,
    /// It has sealed much, or is old.
    Worn,
}

impl Occasion {
    const fn words(self) -> &'static str {
        match self {
            Self::Asked => "asked for",
            Self::Compromise => "after a compromise",
            Self::Worn => "by age or number of sealings",
        }
    }
}

/// A data key that takes the place of another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Replacement {
    /// The new one.
    pub key: DataKeyId,
    /// Whether this was begun before.
    pub goes_on: bool,
}

/// Whose rows data keys seal.
#[derive(Clone, Copy, Debug)]
struct Holder {
    owner: KeyOwner,
    workspace: WorkspaceId,
    environment: Option<EnvironmentId>,
}

impl Holder {
    fn of(actor: &Actor) -> Self {
        Self {
            owner: KeyOwner::Environment(actor.environment()),
            workspace: actor.workspace(),
            environment: Some(actor.environment()),
        }
    }
}

impl Hub {
    /// Takes over which data keys came, were replaced or went, and counts sealings before they happen.
    ///
    /// # Errors
    /// [`Error::Store`], and, once, [`Code::KeyUnavailable`] where none of the master keys opens one.
    pub async fn review_keys(&self) -> Result<(), Error> {
        let learnt = self.learn_keys().await;
        self.count_sealings().await.and(learnt)
    }

    async fn learn_keys(&self) -> Result<(), Error> {
        let stamp = store::data_key::stamp(&self.store).await?;
        let read = *self.keys_read.lock().unwrap_or_else(PoisonError::into_inner);
        if read == Some(stamp) {
            return Ok(());
        }
        let loaded = self.load_keys().await;
        // What does not open now does not in a second either, and the log has told of it.
        if !matches!(loaded, Err(Error::Store(_))) {
            *self.keys_read.lock().unwrap_or_else(PoisonError::into_inner) = Some(stamp);
        }
        loaded
    }

    /// Makes a data key that is to take the place of that of the actor's environment. It seals nothing yet.
    ///
    /// # Errors
    /// [`Error::Store`], and [`Code::KeyUnavailable`] where the master key is being replaced.
    pub async fn begin_key_rotation(&self, actor: &Actor, why: Occasion) -> Result<Replacement, Error> {
        let begun = self.make_next_key(&actor.author, Holder::of(actor), why).await?;
        begun.ok_or(Error::internal("a data key that was asked for was not made"))
    }

    /// Lets the new data key of the actor's environment seal, once every hub has had the time to know it.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn switch_data_key(&self, actor: &Actor) -> Result<(), Error> {
        let owner = KeyOwner::Environment(actor.environment());
        if RecordKeys::of(store::data_key::of_owner(&self.store, owner).await?).next().is_none() {
            return Ok(());
        }
        tokio::time::sleep(KNOWN_AFTER).await;
        self.switch_key(owner).await
    }

    /// Seals anew what the data keys before sealed in the actor's environment. After each batch `told` hears how many
    /// values that were.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn reseal_environment(
        &self,
        actor: &Actor,
        told: impl FnMut(u64) + Send,
    ) -> Result<Resealed, Error> {
        self.reseal(Holder::of(actor), told).await
    }

    /// Replaces data keys that are worn, does what is left of replacing others, and destroys those that nothing needs any
    /// more.
    ///
    /// # Errors
    /// The first; the keys of others had their turn unless the database is away.
    pub async fn replace_keys(&self) -> Result<(), Error> {
        let mut owned: HashMap<KeyOwner, Vec<WrappedKey>> = HashMap::new();
        for key in store::data_key::all(&self.store).await? {
            if key.purpose == KeyPurpose::Records {
                owned.entry(key.owner).or_default().push(key);
            }
        }
        let uses = store::data_key::uses(&self.store).await?;
        let mut steps = Steps::default();
        let settled_in = self.clock.uptime().saturating_sub(self.begun) >= SETTLES_IN;
        let mut replaceable = if settled_in { MOST_AT_ONCE } else { 0 };
        for (owner, keys) in owned {
            if !self.closing.is_cancelled() {
                let keys = RecordKeys::of(keys);
                steps.pass(self.go_on_replacing(owner, &keys, &uses, &mut replaceable).await)?;
            }
        }
        steps.end()
    }

    /// Of `replaceable` worn keys it takes one where it replaces one.
    async fn go_on_replacing(
        &self,
        owner: KeyOwner,
        keys: &RecordKeys,
        uses: &HashMap<DataKeyId, KeyUse>,
        replaceable: &mut usize,
    ) -> Result<(), Error> {
        let now = self.now();
        let use_of = |key: &WrappedKey| uses.get(&key.id).copied().unwrap_or_default();
        let settled = |at: Millis| now.since(at) >= SETTLED_AFTER;
        let Some(current) = keys.current() else { return Ok(()) };
        if let Some(next) = keys.next() {
            return if settled(next.created_at) { self.switch_key(owner).await } else { Ok(()) };
        }
        let worn =
            *replaceable > 0 && use_of(current).is_worn(current.created_at, now) && self.wraps_alike(current);
        // Before, a hub that stood still may yet write what it sealed.
        let left_alone = self.is_left_alone(owner, now);
        let unfinished = keys
            .retired()
            .filter(|key| use_of(key).emptied_at.is_none() && key.retired_at.is_some_and(settled))
            .filter(|_| !left_alone)
            .map(|key| key.id);
        let unfinished: Vec<_> = unfinished.collect();
        let over: Vec<_> = keys.retired().filter(|key| use_of(key).is_over(now)).map(|key| key.id).collect();
        if !worn && unfinished.is_empty() && over.is_empty() {
            return Ok(());
        }
        let Some(holder) = self.holder(owner).await? else { return Ok(()) };
        if worn {
            *replaceable -= 1;
            self.make_next_key(&Author::Hub, holder, Occasion::Worn).await?;
        }
        if !unfinished.is_empty() {
            self.finish_replacing(holder, &unfinished).await?;
        }
        if !over.is_empty() {
            self.destroy_keys(holder, current.id, &over).await?;
        }
        Ok(())
    }

    /// Seals anew what is left of `unfinished`. Where nothing of it opens, that is tried again later.
    async fn finish_replacing(&self, holder: Holder, unfinished: &[DataKeyId]) -> Result<(), Error> {
        let done = self.reseal(holder, |_| ()).await?;
        if !done.left {
            let tx = self.store.begin_record().await?;
            store::data_key::note_emptied(&tx, unfinished, Some(self.now())).await?;
            tx.commit().await?;
        } else if done.shut > 0 && done.values == 0 {
            let until = self.now().plus(SHUT_FOR);
            self.shut_until.lock().unwrap_or_else(PoisonError::into_inner).insert(holder.owner, until);
        }
        Ok(())
    }

    fn is_left_alone(&self, owner: KeyOwner, now: Millis) -> bool {
        let mut shut_until = self.shut_until.lock().unwrap_or_else(PoisonError::into_inner);
        shut_until.retain(|_, until| *until > now);
        shut_until.contains_key(&owner)
    }

    /// Whether a key in the place of `current` would be wrapped by the same master key. While that is being replaced, a
    /// hub that was not restarted lacks the new one.
    fn wraps_alike(&self, current: &WrappedKey) -> bool {
        current.master_key == self.vault.master_key()
    }

    /// None where the owner is gone.
    async fn holder(&self, owner: KeyOwner) -> Result<Option<Holder>, Error> {
        match owner {
            KeyOwner::Hub => Ok(None),
            KeyOwner::Workspace(workspace) => Ok(Some(Holder { owner, workspace, environment: None })),
            KeyOwner::Environment(id) => match self.environment_of(id).await {
                Ok(found) => Ok(Some(Holder { owner, workspace: found.1.workspace, environment: Some(id) })),
                Err(Error::NotFound) => Ok(None),
                Err(error) => Err(error),
            },
        }
    }

    /// A data key that is to take the place of another; none where that is worn no more.
    async fn make_next_key(
        &self,
        author: &Author,
        holder: Holder,
        why: Occasion,
    ) -> Result<Option<Replacement>, Error> {
        let now = self.now();
        let tx = self.store.begin().await?;
        let keys = RecordKeys::of(store::data_key::lock(&tx, holder.owner).await?);
        let current = keys.current().ok_or(Error::internal("no data key to replace"))?;
        // One that was made before a compromise may be known as well.
        if let Some(next) = keys.next().filter(|_| why != Occasion::Compromise) {
            return Ok(Some(Replacement { key: next.id, goes_on: true }));
        }
        let uses = store::data_key::uses(&tx).await?;
        let use_of = |key: &WrappedKey| uses.get(&key.id).copied().unwrap_or_default();
        if why == Occasion::Asked && keys.retired().any(|key| use_of(key).emptied_at.is_none()) {
            return Ok(Some(Replacement { key: current.id, goes_on: true }));
        }
        // Another hub may have been quicker.
        if why == Occasion::Worn && !use_of(current).is_worn(current.created_at, now) {
            return Ok(None);
        }
        if !self.wraps_alike(current) {
            return Err(Error::refused(Code::KeyUnavailable, OTHER_MASTER_KEY));
        }
        let id = DataKeyId::new(self.ids.next());
        let next = self.vault.make_key(id, holder.owner, KeyPurpose::Records, keys.moment(now))?;
        store::data_key::insert(&tx, &next).await?;
        let reason = format!("in the place of {}, {}", current.id, why.words());
        self.insert_audit(&tx, &[self.key_event(author, holder, "data_key.rotate", id, Some(reason))])
            .await?;
        tx.commit().await?;
        self.open_key(&next)?;
        failpoint!("rekey::made");
        Ok(Some(Replacement { key: id, goes_on: false }))
    }

    /// From now on the youngest data key of `owner` seals, and the others only open.
    async fn switch_key(&self, owner: KeyOwner) -> Result<(), Error> {
        let values = store::sealed::count(&self.store, owner).await?;
        let tx = self.store.begin().await?;
        let keys = RecordKeys::of(store::data_key::lock(&tx, owner).await?);
        if let Some(next) = keys.next() {
            store::data_key::retire(&tx, &keys.before(next.id), self.now()).await?;
            store::data_key::note_to_take_over(&tx, next.id, values).await?;
            tx.commit().await?;
            failpoint!("rekey::switched");
        }
        self.load_keys_for(owner).await
    }

    /// Destroys data keys that were replaced, if really nothing is sealed under them any more.
    async fn destroy_keys(
        &self,
        holder: Holder,
        current: DataKeyId,
        over: &[DataKeyId],
    ) -> Result<(), Error> {
        if self.has_old(holder, current).await? {
            let tx = self.store.begin_record().await?;
            store::data_key::note_emptied(&tx, over, None).await?;
            return Ok(tx.commit().await?);
        }
        let mut events = Vec::new();
        let tx = self.store.begin().await?;
        for key in over {
            // Another hub may have been quicker.
            if store::data_key::delete(&tx, *key).await? {
                events.push(self.key_event(&Author::Hub, holder, "data_key.destroy", *key, None));
            }
        }
        if !events.is_empty() {
            self.insert_audit(&tx, &events).await?;
        }
        tx.commit().await?;
        self.note_wiped();
        self.load_keys_for(holder.owner).await
    }

    fn key_event(
        &self,
        author: &Author,
        holder: Holder,
        action: &'static str,
        key: DataKeyId,
        reason: Option<String>,
    ) -> AuditEvent {
        AuditEvent {
            workspace: Some(holder.workspace),
            environment: holder.environment,
            actor_type: author.kind().into(),
            ..self.own_event(action, Target::new("data_key", key), reason)
        }
    }
}
