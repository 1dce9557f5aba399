//! Members of a workspace, their sessions in browsers, and invitations.

use secrecy::SecretString;
use vouchsafe_entity::id::{InvitationId, MemberId, MemberSessionId, WorkspaceId};
use vouchsafe_entity::kind::{MemberStage, Role};
use vouchsafe_entity::millis::Millis;
use vouchsafe_entity::sealed::Sealed;

/// A session ends when it was not used for so long, in milliseconds.
pub const IDLE: i64 = 30 * 60_000;
/// A session ends so long after it was begun, used or not.
pub const LONGEST: i64 = 12 * 3_600_000;
/// The code of the authenticator is awaited so long.
pub const CODE_WAIT: i64 = 5 * 60_000;
/// Who proved who they are counts as having just done so for so long.
pub const PROOF: i64 = 5 * 60_000;
/// An invitation works so long, in seconds.
pub const INVITATION_SECONDS: i64 = 7 * 86_400;

/// A person in a workspace.
#[derive(Clone, Debug)]
pub struct Member {
    /// Their id.
    pub id: MemberId,
    /// Whose member.
    pub workspace: WorkspaceId,
    /// How they sign in, in lower case.
    pub email: String,
    /// What others call them.
    pub name: String,
    /// What they may do.
    pub role: Role,
    /// Argon2id of the password; none where an identity provider signs them in.
    pub password: Option<SecretString>,
    /// The seed of the authenticator.
    pub totp: Option<Sealed>,
    /// The seed of one that is being set up.
    pub totp_next: Option<Sealed>,
    /// The step of the last code; only later ones are taken.
    pub totp_step: Option<i64>,
    /// Issuer and subject at the identity provider.
    pub subject: Option<String>,
    /// When they last signed in.
    pub signed_in_at: Option<Millis>,
    /// When they joined.
    pub created_at: Millis,
    /// When something about them last changed.
    pub updated_at: Millis,
}

impl Member {
    /// Whether only the identity provider signs them in. A password beside it would be a way around what is asked there.
    pub const fn has_single_sign_on_alone(&self) -> bool {
        self.subject.is_some() && self.password.is_none()
    }
}

/// An address as it is compared and stored: without space around it, in lower case.
pub fn normal_email(email: &str) -> String {
    email.trim().to_lowercase()
}

/// A member's session in a browser.
#[derive(Clone, Debug)]
pub struct MemberSession {
    /// Its id.
    pub id: MemberSessionId,
    /// In which workspace.
    pub workspace: WorkspaceId,
    /// Whose.
    pub member: MemberId,
    /// SHA-256 of the cookie's value, in hex.
    pub hash: String,
    /// How far it is.
    pub stage: MemberStage,
    /// Where it was begun.
    pub address: Option<String>,
    /// What the browser calls itself.
    pub agent: Option<String>,
    /// When it was begun.
    pub created_at: Millis,
    /// Last seen, to the minute.
    pub seen_at: Millis,
    /// When the member last proved who they are.
    pub proven_at: Option<Millis>,
}

impl MemberSession {
    /// Whether it has ended at `now`.
    pub const fn is_over(&self, now: Millis) -> bool {
        let age = now.since(self.created_at);
        match self.stage {
            MemberStage::SecondFactor => age >= CODE_WAIT,
            MemberStage::Full => age >= LONGEST || now.since(self.seen_at) >= IDLE,
        }
    }
}

/// Whether somebody who proved who they are at `proven_at` still counts as having just done so.
pub fn is_proven(proven_at: Option<Millis>, now: Millis) -> bool {
    proven_at.is_some_and(|at| now.since(at) < PROOF)
}

/// An invitation to become a member, or the operator's link for an owner.
#[derive(Clone, Debug)]
pub struct Invitation {
    /// Its id.
    pub id: InvitationId,
    /// Into which workspace.
    pub workspace: WorkspaceId,
    /// For whom; none = whoever holds the operator's link.
    pub email: Option<String>,
    /// As what.
    pub role: Role,
    /// SHA-256 of the link's token, in hex.
    pub hash: String,
    /// By whom; none = the operator.
    pub invited_by: Option<MemberId>,
    /// When it was made.
    pub created_at: Millis,
    /// When it ends.
    pub expires_at: Millis,
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    #[test]
    fn a_session_ends_by_idleness_and_by_age() {
        let mut session = MemberSession {
            id: MemberSessionId::new(Uuid::nil()),
            workspace: WorkspaceId::new(Uuid::nil()),
            member: MemberId::new(Uuid::nil()),
            hash: String::new(),
            stage: MemberStage::Full,
            address: None,
            agent: None,
            created_at: Millis(0),
            seen_at: Millis(0),
            proven_at: None,
        };
        assert!(!session.is_over(Millis(IDLE - 1)) && session.is_over(Millis(IDLE)));
        session.seen_at = Millis(LONGEST - 1);
        assert!(!session.is_over(Millis(LONGEST - 1)) && session.is_over(Millis(LONGEST)));
        session.stage = MemberStage::SecondFactor;
        assert!(!session.is_over(Millis(CODE_WAIT - 1)) && session.is_over(Millis(CODE_WAIT)));
        assert!(is_proven(Some(Millis(0)), Millis(PROOF - 1)) && !is_proven(Some(Millis(0)), Millis(PROOF)));
        assert!(!is_proven(None, Millis(0)));
    }
}
