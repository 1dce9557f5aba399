//! What a browser went to the identity provider for, as its cookie says it: a random token, when it began, where it goes
//! on to, and the purpose. `state`, nonce and verifier are MACs of the whole text, so nothing in it can be changed.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use secrecy::{ExposeSecret as _, SecretString};
use vouchsafe_entity::id::{MemberSessionId, WorkspaceId};
use vouchsafe_entity::millis::Millis;

use crate::domain::data_key::KeyPurpose;
use crate::random::Random;
use crate::secret::PlainToken;
use crate::service::{Error, Hub};

/// A sign-in may take so long, in milliseconds.
const LONGEST: i64 = 600_000;
/// What the hub's MACs of errands are told apart by.
const ERRAND: &[u8] = b"single sign-on";

/// What a sign-in is for.
#[derive(Clone, Debug)]
pub enum Purpose {
    /// Signing in.
    SignIn,
    /// Accepting an invitation.
    Join {
        /// The token of its link.
        invitation: PlainToken,
    },
    /// Proving again who one is.
    StepUp {
        /// In whose workspace.
        workspace: WorkspaceId,
        /// The session of the member.
        session: MemberSessionId,
    },
}

impl Purpose {
    fn word(&self) -> String {
        match self {
            Self::SignIn => "in".to_owned(),
            Self::Join { invitation } => format!("join.{}", invitation.expose()),
            Self::StepUp { workspace, session } => format!("prove.{workspace}.{session}"),
        }
    }

    fn parse(word: &str) -> Option<Self> {
        if word == "in" {
            return Some(Self::SignIn);
        }
        if let Some(token) = word.strip_prefix("join.") {
            return Some(Self::Join { invitation: PlainToken::presented(token) });
        }
        let (workspace, session) = word.strip_prefix("prove.")?.split_once('.')?;
        Some(Self::StepUp { workspace: workspace.parse().ok()?, session: session.parse().ok()? })
    }
}

/// An errand under way.
#[derive(Clone, Debug)]
pub(super) struct Errand {
    /// The cookie.
    pub(super) text: SecretString,
    pub(super) purpose: Purpose,
    /// Where it goes on to.
    pub(super) next: String,
    pub(super) began_at: Millis,
}

impl Errand {
    /// A new one, which no other is like.
    pub(super) fn new(random: &dyn Random, purpose: Purpose, next: &str, now: Millis) -> Self {
        let token = PlainToken::random(random);
        let goes_on = URL_SAFE_NO_PAD.encode(next);
        let text = format!("{}.{}.{goes_on}.{}", token.expose(), now.0, purpose.word());
        Self { text: text.into(), purpose, next: next.to_owned(), began_at: now }
    }

    /// The errand that a cookie says; none where it says none.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let mut parts = text.splitn(4, '.');
        let (token, began, goes_on, purpose) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
        let next = String::from_utf8(URL_SAFE_NO_PAD.decode(goes_on).ok()?).ok()?;
        if token.is_empty() {
            return None;
        }
        Some(Self {
            text: text.into(),
            purpose: Purpose::parse(purpose)?,
            next,
            began_at: Millis(began.parse().ok()?),
        })
    }

    pub(super) const fn is_over(&self, now: Millis) -> bool {
        let age = now.since(self.began_at);
        age < 0 || age >= LONGEST
    }
}

impl Hub {
    pub(super) fn state_of(&self, errand: &Errand) -> Result<String, Error> {
        self.made_of(errand, b"state")
    }

    pub(super) fn nonce_of(&self, errand: &Errand) -> Result<String, Error> {
        self.made_of(errand, b"nonce")
    }

    /// 64 hexadecimal digits, which RFC 7636, section 4.1, takes.
    pub(super) fn verifier_of(&self, errand: &Errand) -> Result<SecretString, Error> {
        self.made_of(errand, b"verifier").map(Into::into)
    }

    fn made_of(&self, errand: &Errand, label: &[u8]) -> Result<String, Error> {
        let parts = [ERRAND, label, errand.text.expose_secret().as_bytes()];
        Ok(self.vault.mac(KeyPurpose::Requests, &parts)?)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use uuid::Uuid;

    use super::*;
    use crate::fuzz::{CASES, mutation};
    use crate::random::SystemRandom;

    fn purposes() -> [Purpose; 3] {
        [
            Purpose::SignIn,
            Purpose::Join { invitation: PlainToken::random(&SystemRandom) },
            Purpose::StepUp {
                workspace: WorkspaceId::new(Uuid::nil()),
                session: MemberSessionId::new(Uuid::max()),
            },
        ]
    }

    #[test]
    fn an_errand_reads_as_it_was_written_and_shows_no_secret() {
        for purpose in purposes() {
            let made = Errand::new(&SystemRandom, purpose, "/dashboard/a?b=c.d", Millis(7));
            let read = Errand::parse(made.text.expose_secret()).unwrap();
            assert_eq!((read.next.as_str(), read.began_at), ("/dashboard/a?b=c.d", Millis(7)));
            assert_eq!(read.purpose.word(), made.purpose.word());
            let shown = format!("{read:?}");
            assert!(!shown.contains(made.text.expose_secret()));
            if let Purpose::Join { invitation } = &made.purpose {
                assert!(!shown.contains(invitation.expose()));
            }
        }
    }

    #[test]
    fn an_errand_ends_and_none_is_of_the_future() {
        let errand = Errand::new(&SystemRandom, Purpose::SignIn, "/dashboard", Millis(0));
        assert!(!errand.is_over(Millis(LONGEST - 1)) && errand.is_over(Millis(LONGEST)));
        assert!(errand.is_over(Millis(-1)));
    }

    #[test]
    fn s15_cookie_of_a_sign_in() {
        let written = purposes().map(|purpose| {
            let errand = Errand::new(&SystemRandom, purpose, "/dashboard/a?b=c.d", Millis(-7));
            errand.text.expose_secret().to_owned()
        });
        proptest!(ProptestConfig::with_cases(CASES), |(change in mutation())| {
            let text = change.text_of(&written);
            let Some(errand) = Errand::parse(&text) else {
                prop_assert!(!written.contains(&text), "{}", text);
                return Ok(());
            };
            // What the MACs are made of is all of it.
            prop_assert_eq!(errand.text.expose_secret(), text.as_str());
            let fresh = (1 - LONGEST..=0).contains(&errand.began_at.0);
            prop_assert_eq!(errand.is_over(Millis(0)), !fresh);
        });
    }

    proptest! {
        #[test]
        fn what_is_read_says_all_of_the_cookie(
            token in "[a-zA-Z0-9_-]{1,43}",
            began in any::<i64>(),
            next in "/dashboard[a-z/?=&.]{0,30}",
            which in 0..3_usize,
        ) {
            let purpose = purposes()[which].word();
            let text = format!("{token}.{began}.{}.{purpose}", URL_SAFE_NO_PAD.encode(&next));
            let read = Errand::parse(&text).unwrap();
            prop_assert_eq!((read.next, read.began_at, read.purpose.word()), (next, Millis(began), purpose));
        }
    }
}
