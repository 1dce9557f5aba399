//! The provider: what it does with a refresh token, and which of them it would still take.

use super::world::World;
use super::*;

/// What the provider does with a refresh token that is sent a second time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Kind {
    Static,
    Grace(i64),
    Reject,
    Strict,
}

impl Kind {
    pub(super) const ALL: [Self; 4] = [Self::Static, Self::Grace(200 * SECOND), Self::Reject, Self::Strict];

    pub(super) const fn reuse(self) -> Reuse {
        match self {
            Self::Static => Reuse::Static,
            Self::Grace(window) => Reuse::Grace(window),
            Self::Reject | Self::Strict => Reuse::Strict,
        }
    }
}

/// A refresh token: which grant, and which of its tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct Secret {
    pub(super) grant: usize,
    pub(super) generation: usize,
}

/// A grant at the provider. The last generation is the live one.
#[derive(Clone, Debug, Default)]
pub(super) struct Grant {
    /// When each generation before was spent.
    pub(super) spent: Vec<Millis>,
    pub(super) revoked: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) enum Answer {
    Tokens(Secret),
    Refused,
}

impl World {
    /// What the provider says to a refresh token.
    pub(super) fn decide(&mut self, secret: Secret) -> Answer {
        let (kind, now) = (self.kind, self.now);
        let grant = &mut self.grants[secret.grant];
        if grant.revoked {
            return Answer::Refused;
        }
        let successor = Secret { generation: secret.generation + 1, ..secret };
        match (kind, grant.spent.get(secret.generation)) {
            (Kind::Static, _) => Answer::Tokens(secret),
            (_, None) => {
                grant.spent.push(now);
                Answer::Tokens(successor)
            }
            (Kind::Grace(window), Some(at)) if now.0 <= at.0 + window => Answer::Tokens(successor),
            (Kind::Grace(_) | Kind::Reject, Some(_)) => Answer::Refused,
            (Kind::Strict, Some(_)) => {
                grant.revoked = true;
                Answer::Refused
            }
        }
    }

    /// Whether the provider would still take `secret`, or give its successors for it.
    pub(super) fn lives(&self, secret: Secret) -> bool {
        let grant = &self.grants[secret.grant];
        let window = if let Kind::Grace(window) = self.kind { window } else { -1 };
        !grant.revoked
            && (secret.generation..grant.spent.len()).all(|at| self.now.0 <= grant.spent[at].0 + window)
    }
}
