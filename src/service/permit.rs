//! Whether an actor may: for members by the table of [`crate::domain::role`], the only one there is. Keys were asked
//! for their scope where they came in; the operator and the hub itself lack nothing.

use super::audit::Target;
use super::{Code, Error, Hub};
use crate::domain::actor::{Actor, Author, Seat};
use crate::domain::member::is_proven;
use crate::domain::role::{Action, may};

/// What became of a question whether a member may.
pub(super) enum Verdict {
    /// They may.
    Granted,
    /// They see it, and may not.
    Denied(Error),
    /// They are not to know that it is there.
    Hidden,
}

/// Whether the member on `seat` may.
pub(super) fn judge(seat: &Seat, action: Action) -> Verdict {
    if !may(seat.role, action.least(), seat.settings) {
        return Verdict::Hidden;
    }
    if !may(seat.role, action, seat.settings) {
        let detail =
            format!("Your role ({}) may not do this. Ask an owner or admin of the workspace.", seat.role);
        return Verdict::Denied(Error::refused(Code::Forbidden, detail));
    }
    if seat.must_enrol {
        return Verdict::Denied(enrol_first());
    }
    Verdict::Granted
}

pub(super) fn enrol_first() -> Error {
    Error::refused(Code::AuthenticatorRequired, "Set up an authenticator first; your account page shows how.")
}

/// Whether the actor may, where nothing is refused to them if not.
pub(super) fn is_let(actor: &Actor, action: Action) -> bool {
    match &actor.author {
        Author::Member(seat) => matches!(judge(seat, action), Verdict::Granted),
        Author::ApiKey(_) | Author::User(..) | Author::Operator | Author::Hub => true,
    }
}

impl Hub {
    /// Lets the actor go on where they may.
    ///
    /// # Errors
    /// [`Code::Forbidden`], [`Code::AuthenticatorRequired`]; [`Error::NotFound`] where they are not to know of it.
    pub(super) async fn permit(&self, actor: &Actor, action: Action) -> Result<(), Error> {
        let Author::Member(seat) = &actor.author else {
            return Ok(());
        };
        let (error, code) = match judge(seat, action) {
            Verdict::Granted => return Ok(()),
            // They may, once they have set one up: nobody was denied anything.
            Verdict::Denied(error @ Error::Refused { code: Code::AuthenticatorRequired, .. }) => {
                return Err(error);
            }
            Verdict::Denied(error) => (error, Code::Forbidden),
            Verdict::Hidden => (Error::NotFound, Code::Forbidden),
        };
        self.record_denial(actor, code, Target::new("action", action.as_str())).await?;
        Err(error)
    }

    /// Lets a member go on who has an authenticator and has just proven who they are. A key has its scope instead.
    ///
    /// # Errors
    /// [`Code::AuthenticatorRequired`], [`Code::StepUpRequired`].
    pub(super) fn proven(&self, actor: &Actor) -> Result<(), Error> {
        match &actor.author {
            Author::Member(seat) => self.seat_proven(seat),
            Author::ApiKey(_) | Author::User(..) | Author::Operator | Author::Hub => Ok(()),
        }
    }

    pub(super) fn seat_proven(&self, seat: &Seat) -> Result<(), Error> {
        if !seat.has_authenticator {
            return Err(enrol_first());
        }
        self.just_proven(seat)
    }

    /// Lets a member go on who has just proven who they are, with an authenticator or still without.
    ///
    /// # Errors
    /// [`Code::StepUpRequired`].
    pub(super) fn just_proven(&self, seat: &Seat) -> Result<(), Error> {
        if !is_proven(seat.proven_at, self.now()) {
            return Err(Error::refused(Code::StepUpRequired, "Confirm that it is you, then do this again."));
        }
        Ok(())
    }
}
