//! Data keys as the database keeps them: wrapped by a master key; and when another takes the place of one.

use std::fmt;
use std::str::FromStr;

use vouchsafe_entity::id::{DataKeyId, EnvironmentId, WorkspaceId};
use vouchsafe_entity::kind::UnknownWord;
use vouchsafe_entity::millis::Millis;
use vouchsafe_entity::sealed::Sealed;

/// Whose rows a data key seals.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum KeyOwner {
    /// The hub itself.
    Hub,
    /// A workspace.
    Workspace(WorkspaceId),
    /// An environment.
    Environment(EnvironmentId),
}

impl fmt::Display for KeyOwner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Hub => f.write_str("hub"),
            Self::Workspace(id) => id.fmt(f),
            Self::Environment(id) => id.fmt(f),
        }
    }
}

impl FromStr for KeyOwner {
    type Err = UnknownWord;

    fn from_str(text: &str) -> Result<Self, UnknownWord> {
        if text == "hub" {
            return Ok(Self::Hub);
        }
        let workspace = text.parse().map(Self::Workspace);
        workspace.or_else(|_| text.parse().map(Self::Environment)).map_err(|_| UnknownWord)
    }
}

/// What a data key is used for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum KeyPurpose {
    /// Sealing rows.
    Records,
    /// Hashing hub API keys.
    ApiKeys,
    /// Hashing request bodies that a repeated `Idempotency-Key` is compared with.
    Requests,
    /// Proving that the hub wrote an audit event.
    AuditEvents,
    /// Signing the heads of the audit chains.
    AuditHeads,
}

impl KeyPurpose {
    /// Those of the hub itself.
    pub const OF_HUB: [Self; 4] = [Self::ApiKeys, Self::Requests, Self::AuditEvents, Self::AuditHeads];

    /// The word as stored.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Records => "records",
            Self::ApiKeys => "api_keys",
            Self::Requests => "requests",
            Self::AuditEvents => "audit_events",
            Self::AuditHeads => "audit_heads",
        }
    }
}

impl FromStr for KeyPurpose {
    type Err = UnknownWord;

    fn from_str(text: &str) -> Result<Self, UnknownWord> {
        match text {
            "records" => Ok(Self::Records),
            "api_keys" => Ok(Self::ApiKeys),
            "requests" => Ok(Self::Requests),
            "audit_events" => Ok(Self::AuditEvents),
            "audit_heads" => Ok(Self::AuditHeads),
            _ => Err(UnknownWord),
        }
    }
}

/// A data key, wrapped.
#[derive(Clone, Debug)]
pub struct WrappedKey {
    /// Named in every record that it sealed.
    pub id: DataKeyId,
    /// Whose rows it seals.
    pub owner: KeyOwner,
    /// What it is used for.
    pub purpose: KeyPurpose,
    /// Fingerprint of the master key around it.
    pub master_key: String,
    /// The key, sealed.
    pub wrapped: Sealed,
    /// When it was made.
    pub created_at: Millis,
    /// Since when it only opens.
    pub retired_at: Option<Millis>,
}

impl WrappedKey {
    /// What orders the keys of one owner, oldest first.
    pub const fn age(&self) -> (Millis, DataKeyId) {
        (self.created_at, self.id)
    }
}

/// Sealings that are counted at once, before they happen (`security.md`, section 4).
pub const BLOCK: i64 = 65_536;
/// Sealings after which another key takes the place of one.
const MANY_SEALINGS: i64 = 1 << 30;
/// Sealings after which a key seals no more: 10 % under 2³², where random nonces are no longer safe.
pub const MOST_SEALINGS: i64 = 3_865_470_566;
/// Milliseconds after which another key takes the place of one.
const MOST_AGE: i64 = 90 * 86_400_000;
/// Milliseconds after which every hub knows that a key was replaced, and whatever it sealed before is written.
pub const SETTLED_AFTER: i64 = 60_000;
/// Milliseconds for which a key is kept after nothing is sealed under it any more: as long as backups of its rows.
pub const KEPT_AFTER: i64 = 30 * 86_400_000;

/// What a data key has done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct KeyUse {
    /// How often it may have sealed.
    pub sealings: i64,
    /// Since when nothing is sealed under it; none where something may be.
    pub emptied_at: Option<Millis>,
}

impl KeyUse {
    /// Whether a key made at `created_at` that has done this is to be replaced.
    pub const fn is_worn(self, created_at: Millis, now: Millis) -> bool {
        self.sealings >= MANY_SEALINGS || now.since(created_at) >= MOST_AGE
    }

    /// Whether a key that was replaced and has done this may be destroyed.
    pub fn is_over(self, now: Millis) -> bool {
        self.emptied_at.is_some_and(|since| now.since(since) >= KEPT_AFTER)
    }
}

/// How far sealing anew is, after a data key was replaced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Resealing {
    /// When the key was replaced.
    pub since: Millis,
    /// Values that are sealed under the new one.
    pub done: u64,
    /// Of so many that there were when it was replaced, where they were counted. Some of those go meanwhile.
    pub total: Option<u64>,
}

/// The data keys of one owner that seal its rows, oldest first. Of those that were not replaced the oldest seals; a younger
/// one beside it is made known to all hubs, so that they open what it is going to seal.
#[derive(Clone, Debug, Default)]
pub struct RecordKeys(Vec<WrappedKey>);

impl RecordKeys {
    /// Those of `keys`, which are of one owner.
    pub fn of(keys: impl IntoIterator<Item = WrappedKey>) -> Self {
        let mut keys: Vec<_> = keys.into_iter().filter(|key| key.purpose == KeyPurpose::Records).collect();
        keys.sort_by_key(WrappedKey::age);
        Self(keys)
    }

    /// The one that seals.
    pub fn current(&self) -> Option<&WrappedKey> {
        self.0.iter().find(|key| key.retired_at.is_none())
    }

    /// The one that is going to take its place.
    pub fn next(&self) -> Option<&WrappedKey> {
        let current = self.current()?;
        self.0.iter().rfind(|key| key.retired_at.is_none() && key.id != current.id)
    }

    /// Those that were replaced.
    pub fn retired(&self) -> impl Iterator<Item = &WrappedKey> {
        self.0.iter().filter(|key| key.retired_at.is_some())
    }

    /// Those that `next` takes the place of.
    pub fn before(&self, next: DataKeyId) -> Vec<DataKeyId> {
        self.0.iter().filter(|key| key.retired_at.is_none() && key.id != next).map(|key| key.id).collect()
    }

    /// A moment for a new key, after that of every other: clocks of replicas differ.
    pub fn moment(&self, now: Millis) -> Millis {
        self.0.last().map_or(now, |last| now.max(last.created_at.plus(1)))
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    fn key(id: u128, created_at: i64, retired_at: Option<i64>) -> WrappedKey {
        WrappedKey {
            id: DataKeyId::new(Uuid::from_u128(id)),
            owner: KeyOwner::Environment(EnvironmentId::new(Uuid::from_u128(1))),
            purpose: KeyPurpose::Records,
            master_key: String::new(),
            wrapped: Sealed::new(Vec::new()),
            created_at: Millis(created_at),
            retired_at: retired_at.map(Millis),
        }
    }

    fn id(of: Option<&WrappedKey>) -> Option<u128> {
        of.map(|key| key.id.uuid().as_u128())
    }

    #[test]
    fn the_oldest_that_was_not_replaced_seals_and_the_youngest_is_next() {
        let keys = RecordKeys::of([key(7, 30, None), key(8, 20, None), key(9, 10, Some(20))]);
        assert_eq!((id(keys.current()), id(keys.next())), (Some(8), Some(7)));
        assert_eq!(keys.retired().count(), 1);
        assert_eq!(keys.before(DataKeyId::new(Uuid::from_u128(7))), [DataKeyId::new(Uuid::from_u128(8))]);
        let alone = RecordKeys::of([key(7, 30, None)]);
        assert_eq!((id(alone.current()), id(alone.next())), (Some(7), None));
        // The clock of whoever made it was ahead.
        assert_eq!((alone.moment(Millis(5)), alone.moment(Millis(50))), (Millis(31), Millis(50)));
    }

    #[test]
    fn a_key_is_worn_by_sealings_or_age() {
        let used = |sealings| KeyUse { sealings, emptied_at: None };
        for (sealings, age, worn) in [
            (0, 0, false),
            (MANY_SEALINGS - 1, MOST_AGE - 1, false),
            (MANY_SEALINGS, 0, true),
            (0, MOST_AGE, true),
        ] {
            assert_eq!(used(sealings).is_worn(Millis(1_000), Millis(1_000 + age)), worn, "{sealings} {age}");
        }
    }

    #[test]
    fn a_key_is_kept_while_something_is_sealed_under_it_and_a_month_longer() {
        let emptied = |at| KeyUse { sealings: 1, emptied_at: at };
        assert!(!emptied(None).is_over(Millis(i64::MAX)));
        assert!(!emptied(Some(Millis(0))).is_over(Millis(KEPT_AFTER - 1)));
        assert!(emptied(Some(Millis(0))).is_over(Millis(KEPT_AFTER)));
    }
}
