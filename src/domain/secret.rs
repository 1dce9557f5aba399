//! Secrets: variables of the workspace that calls and settings refer to by key. Without anything secret in the open.

use vouchsafe_entity::id::{SecretId, WorkspaceId};
use vouchsafe_entity::kind::{SecretType, Visibility};
use vouchsafe_entity::millis::Millis;
use vouchsafe_entity::sealed::Sealed;

use super::host_pattern::HostPattern;

const DAY: i64 = 86_400_000;
/// `told_days` of the end itself.
const THE_END: u16 = 0;

/// A secret.
#[derive(Clone, Debug)]
pub struct Secret {
    /// Its id.
    pub id: SecretId,
    /// Whose it is.
    pub workspace: WorkspaceId,
    /// Its name in references; never changes.
    pub key: String,
    /// A label.
    pub name: String,
    /// What it is for, in words.
    pub description: Option<String>,
    /// What kind of value it is.
    pub kind: SecretType,
    /// The third party that issued it.
    pub issuer: Option<String>,
    /// The slugs of the providers that the issuer named, also where their definitions are gone; empty = it named none.
    pub issuer_providers: Vec<String>,
    /// Whether it may ever be shown; never changes.
    pub visibility: Visibility,
    /// What the third party granted, in words.
    pub scopes: Option<String>,
    /// What it is for.
    pub scope: SecretScope,
    /// Hosts that calls and settings of connectors may take it to.
    pub allowed_hosts: Vec<HostPattern>,
    /// Whether it is switched on.
    pub active: bool,
    /// When its value was wiped.
    pub revoked_at: Option<Millis>,
    /// When it ends; none = never.
    pub expires_at: Option<Millis>,
    /// When the third party issued it.
    pub issued_at: Millis,
    /// Last use, to the minute.
    pub last_used_at: Option<Millis>,
    /// The value; none once revoked.
    pub sealed: Option<Sealed>,
    /// +1 on each new value; bound into the seal.
    pub version: i64,
    /// When its end must be told of next.
    pub notice_at: Option<Millis>,
    /// The days before its end that were told of last; 0 = the end itself.
    pub told_days: Option<u16>,
    /// When it was made.
    pub created_at: Millis,
    /// When it last changed.
    pub updated_at: Millis,
}

/// What a secret is for; an empty list = anything.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SecretScope {
    /// Integrations, by slug.
    pub products: Vec<String>,
    /// Connectors, by key.
    pub apps: Vec<String>,
}

impl SecretScope {
    /// Whether it covers a use for `product` through the connector `app`.
    pub fn covers(&self, product: Option<&str>, app: Option<&str>) -> bool {
        let within = |allowed: &[String], named: Option<&str>| {
            allowed.is_empty() || named.is_some_and(|named| allowed.iter().any(|one| one == named))
        };
        within(&self.products, product) && within(&self.apps, app)
    }
}

/// How a secret has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SecretEnd {
    /// Its value is gone.
    Revoked,
    /// Its date has passed; a new value revives it.
    Expired,
}

/// Where a secret stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SecretState {
    /// It can be used.
    Active,
    /// It is switched off.
    Inactive,
    /// Its date has passed.
    Expired,
    /// Its value is gone.
    Revoked,
}

impl SecretState {
    /// All of them.
    pub const ALL: &'static [Self] = &[Self::Active, Self::Inactive, Self::Expired, Self::Revoked];

    /// The word in filters.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Inactive => "inactive",
            Self::Expired => "expired",
            Self::Revoked => "revoked",
        }
    }
}

/// What must be told of a secret's end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Notice {
    /// It comes within so many days.
    Expiring(u16),
    /// It has come.
    Expired,
}

impl Secret {
    /// How it has ended at `now`, whether or not a sweep has told of it.
    pub fn end(&self, now: Millis) -> Option<SecretEnd> {
        if self.revoked_at.is_some() {
            Some(SecretEnd::Revoked)
        } else if self.expires_at.is_some_and(|end| now >= end) {
            Some(SecretEnd::Expired)
        } else {
            None
        }
    }

    /// Where it stands at `now`.
    pub fn state(&self, now: Millis) -> SecretState {
        match (self.end(now), self.active) {
            (Some(SecretEnd::Revoked), _) => SecretState::Revoked,
            (Some(SecretEnd::Expired), _) => SecretState::Expired,
            (None, true) => SecretState::Active,
            (None, false) => SecretState::Inactive,
        }
    }

    /// Sets its end and forgets what was told of the one before. Warnings beyond half of the time that is left are
    /// as good as told.
    pub fn set_end(&mut self, end: Option<Millis>, now: Millis, warning_days: &[u16]) {
        self.expires_at = end;
        let half = end.map_or(0, |end| end.since(now) / 2);
        self.told_days = warning_days.iter().copied().filter(|days| i64::from(*days) * DAY > half).min();
        self.notice_at = self.next_notice(warning_days);
    }

    /// Takes its value away for good.
    pub fn revoke(&mut self, now: Millis) {
        self.revoked_at = self.revoked_at.or(Some(now));
        self.active = false;
        self.sealed = None;
        self.notice_at = None;
        self.updated_at = now;
    }

    /// What must be told at `now`, if it was not told yet; sets when to look again.
    pub fn take_notice(&mut self, now: Millis, warning_days: &[u16]) -> Option<Notice> {
        let due = self.untold(warning_days).filter(|(_, at)| now >= *at).map(|(days, _)| days).min();
        self.told_days = due.or(self.told_days);
        self.notice_at = self.next_notice(warning_days);
        due.map(|days| if days == THE_END { Notice::Expired } else { Notice::Expiring(days) })
    }

    /// The moments to tell of its end that are left, each with its days before.
    fn untold(&self, warning_days: &[u16]) -> impl Iterator<Item = (u16, Millis)> {
        let end = self.expires_at.filter(|_| self.revoked_at.is_none());
        let told = self.told_days;
        let left = warning_days.iter().copied().chain([THE_END]);
        left.filter(move |days| told.is_none_or(|told| *days < told))
            .filter_map(move |days| end.map(|end| (days, end.plus(-i64::from(days) * DAY))))
    }

    fn next_notice(&self, warning_days: &[u16]) -> Option<Millis> {
        self.untold(warning_days).map(|(_, at)| at).min()
    }
}

/// Whether `key` can name a secret: 1 to 128 of letters, digits, `_`, `-` and `.`, the first one a letter, digit
/// or `_`.
pub fn is_key(key: &str) -> bool {
    let word = |b: u8| b.is_ascii_alphanumeric() || b == b'_';
    key.len() <= 128
        && key.bytes().next().is_some_and(word)
        && key.bytes().all(|b| word(b) || b == b'-' || b == b'.')
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: Millis = Millis(1_893_456_000_000);

    fn secret(lives_days: i64) -> Secret {
        let mut secret = Secret {
            id: SecretId::new(uuid::Uuid::nil()),
            workspace: WorkspaceId::new(uuid::Uuid::nil()),
            key: "K".to_owned(),
            name: "K".to_owned(),
            description: None,
            kind: SecretType::ApiKey,
            issuer: None,
            issuer_providers: Vec::new(),
            visibility: Visibility::Masked,
            scopes: None,
            scope: SecretScope::default(),
            allowed_hosts: Vec::new(),
            active: true,
            revoked_at: None,
            expires_at: None,
            issued_at: START,
            last_used_at: None,
            sealed: None,
            version: 1,
            notice_at: None,
            told_days: None,
            created_at: START,
            updated_at: START,
        };
        secret.set_end(Some(START.plus(lives_days * DAY)), START, &[7, 1]);
        secret
    }

    #[test]
    fn an_end_is_told_ahead_and_when_it_comes_each_once() {
        let mut secret = secret(30);
        let day = |day: i64| START.plus(day * DAY);
        assert_eq!(secret.notice_at, Some(day(23)));
        for (at, told, next) in [
            (day(23).plus(-1), None, Some(day(23))),
            (day(23), Some(Notice::Expiring(7)), Some(day(29))),
            (day(24), None, Some(day(29))),
            (day(29), Some(Notice::Expiring(1)), Some(day(30))),
            (day(30).plus(-1), None, Some(day(30))),
            (day(30), Some(Notice::Expired), None),
            (day(40), None, None),
        ] {
            assert_eq!((secret.take_notice(at, &[7, 1]), secret.notice_at), (told, next), "{at}");
        }
        assert_eq!(secret.end(day(30)), Some(SecretEnd::Expired));
    }

    #[test]
    fn what_was_missed_is_told_once_and_short_lives_are_not_warned_of() {
        let mut late = secret(30);
        assert_eq!(late.take_notice(START.plus(31 * DAY), &[7, 1]), Some(Notice::Expired));
        assert_eq!(late.notice_at, None);
        let short = secret(3);
        assert_eq!(short.notice_at, Some(START.plus(2 * DAY)), "seven days are more than half of three");
        let mut gone = secret(30);
        gone.revoke(START);
        assert_eq!((gone.take_notice(START.plus(30 * DAY), &[7, 1]), gone.notice_at), (None, None));
        assert_eq!(gone.end(START), Some(SecretEnd::Revoked));
    }

    #[test]
    fn an_empty_scope_covers_all_and_a_named_one_what_it_names() {
        let scope = |products: &[&str], apps: &[&str]| SecretScope {
            products: products.iter().map(ToString::to_string).collect(),
            apps: apps.iter().map(ToString::to_string).collect(),
        };
        assert!(scope(&[], &[]).covers(None, None));
        assert!(scope(&["sync"], &[]).covers(Some("sync"), Some("acme")));
        assert!(scope(&["sync"], &["acme"]).covers(Some("sync"), Some("acme")));
        for (scope, product, app) in [
            (scope(&["sync"], &[]), None, Some("acme")),
            (scope(&["sync"], &[]), Some("other"), Some("acme")),
            (scope(&[], &["acme"]), Some("sync"), None),
            (scope(&["sync"], &["acme"]), Some("sync"), Some("other")),
        ] {
            assert!(!scope.covers(product, app), "{scope:?} {product:?} {app:?}");
        }
    }

    #[test]
    fn a_key_is_a_word_that_needs_no_encoding() {
        for good in ["STRIPE_KEY", "a", "_x", "9", "a.b-c", &"k".repeat(128)] {
            assert!(is_key(good), "{good}");
        }
        for bad in ["", ".", "..", "-a", "a b", "a}", "ä", "a/b", "a%20", &"k".repeat(129)] {
            assert!(!is_key(bad), "{bad}");
        }
    }
}
