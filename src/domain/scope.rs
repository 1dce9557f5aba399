//! The scopes of hub API keys.

use std::fmt;
use std::str::FromStr;

use vouchsafe_entity::kind::UnknownWord;

macro_rules! scopes {
    ($($variant:ident = $word:literal,)+) => {
        /// One right of a hub API key.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[expect(missing_docs, reason = "each is its own word")]
        pub enum Scope { $($variant),+ }

        impl Scope {
            /// All of them, in the order of the contract.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The word in keys and problems.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word),+ }
            }
        }

        impl FromStr for Scope {
            type Err = UnknownWord;

            fn from_str(word: &str) -> Result<Self, UnknownWord> {
                match word { $($word => Ok(Self::$variant),)+ _ => Err(UnknownWord) }
            }
        }
    };
}

scopes! {
    ProvidersRead = "providers:read",
    ConnectorsRead = "connectors:read",
    ConnectorsWrite = "connectors:write",
    UsersRead = "users:read",
    UsersWrite = "users:write",
    SessionsWrite = "sessions:write",
    CredentialsRead = "credentials:read",
    CredentialsWrite = "credentials:write",
    CredentialsReveal = "credentials:reveal",
    Proxy = "proxy",
    SecretsRead = "secrets:read",
    SecretsWrite = "secrets:write",
    SecretsReveal = "secrets:reveal",
    EventsRead = "events:read",
    WebhooksWrite = "webhooks:write",
    AuditRead = "audit:read",
    KeysWrite = "keys:write",
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Scope {
    /// Whether `*` leaves it out: values in the open, and keys.
    pub const fn is_named_only(self) -> bool {
        matches!(self, Self::CredentialsReveal | Self::SecretsReveal | Self::KeysWrite)
    }

    const fn bit(self) -> u32 {
        1 << self as u32
    }
}

/// The word for every scope that need not be named.
const ALL: &str = "*";

/// The scopes of one key: words as stored, and a set to ask.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scopes {
    words: Vec<String>,
    set: u32,
}

impl Scopes {
    /// Reads scopes; `*` is every scope that need not be named.
    ///
    /// # Errors
    /// The position of the first word that is no scope.
    pub fn parse(words: &[String]) -> Result<Self, usize> {
        let mut set = 0;
        for (at, word) in words.iter().enumerate() {
            if word == ALL {
                set |= Scope::ALL.iter().filter(|s| !s.is_named_only()).fold(0, |all, s| all | s.bit());
            } else {
                set |= word.parse::<Scope>().map_err(|_| at)?.bit();
            }
        }
        let first = |(at, word): &(usize, &String)| !words[..*at].contains(word);
        let words = words.iter().enumerate().filter(first).map(|(_, word)| word.clone()).collect();
        Ok(Self { words, set })
    }

    /// The words as given.
    pub fn words(&self) -> &[String] {
        &self.words
    }

    /// Whether `scope` is among them.
    pub const fn has(&self, scope: Scope) -> bool {
        self.set & scope.bit() != 0
    }

    /// Whether `*` was given. It is a right of its own: what is about the whole hub asks for it, so that all scopes one
    /// by one are less.
    pub fn has_all(&self) -> bool {
        self.words.iter().any(|word| word == ALL)
    }

    /// The scopes of `other` that are missing here, and `*` where it is.
    pub fn lacks<'a>(&self, other: &'a Self) -> impl Iterator<Item = &'static str> + use<'a> {
        let set = self.set;
        let all = (other.has_all() && !self.has_all()).then_some(ALL);
        let missing = Scope::ALL.iter().filter(move |scope| other.has(**scope) && set & scope.bit() == 0);
        missing.map(|scope| scope.as_str()).chain(all)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scopes(words: &[&str]) -> Scopes {
        Scopes::parse(&words.iter().map(ToString::to_string).collect::<Vec<_>>()).unwrap()
    }

    #[test]
    fn a_star_leaves_out_what_must_be_named() {
        let all = scopes(&["*"]);
        let missing: Vec<_> =
            Scope::ALL.iter().filter(|scope| !all.has(**scope)).map(|s| s.as_str()).collect();
        assert_eq!(missing, ["credentials:reveal", "secrets:reveal", "keys:write"]);
    }

    #[test]
    fn a_key_lacks_what_it_was_not_given() {
        let lacking: Vec<_> = scopes(&["users:read"]).lacks(&scopes(&["users:read", "keys:write"])).collect();
        assert_eq!(lacking, ["keys:write"]);
        assert_eq!(Scopes::parse(&["users:read".into(), "everything".into()]), Err(1));
    }

    #[test]
    fn all_scopes_one_by_one_are_no_star() {
        let each: Vec<_> = Scope::ALL.iter().map(|scope| scope.as_str()).collect();
        let (each, star) = (scopes(&each), scopes(&["*", "keys:write"]));
        assert_eq!(each.lacks(&star).collect::<Vec<_>>(), ["*"]);
        assert_eq!(star.lacks(&star).count(), 0);
    }

    #[test]
    fn a_scope_is_kept_once() {
        assert_eq!(scopes(&["users:read", "keys:write", "users:read"]).words(), ["users:read", "keys:write"]);
    }
}
