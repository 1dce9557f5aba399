//! What a credential is expected to be: a few words for what people and the app did to it. Knows nothing of how the
//! hub goes about it.

use serde_json::Value;
use vouchsafe::demo::fake::GrantId;

/// What happens to a credential.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    Nothing,
    Read,
    RefreshNow,
    Deactivate,
    Reactivate,
    Revoke,
    Delete,
    Reconnect,
    /// The user withdraws the grant at the app.
    Withdraw,
    Trouble(Trouble),
}

/// What goes wrong with the next renewal. None of it reaches the grant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Trouble {
    Closed,
    BadGateway,
    Throttled,
    RefusedFalsely,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    Revoked,
    Deleted,
}

/// A credential as it should be.
#[derive(Clone, Debug)]
pub(super) struct Expected {
    pub(super) grant: GrantId,
    withdrawn: bool,
    /// The hub has seen that the grant was withdrawn.
    told: bool,
    off: bool,
    end: Option<End>,
    trouble: Option<Trouble>,
}

impl Expected {
    pub(super) fn new(grant: GrantId) -> Self {
        Self { grant, withdrawn: false, told: false, off: false, end: None, trouble: None }
    }

    /// Whether a step can be taken at all: a false refusal after a lost answer, or two, is more than `refresh.md`
    /// promises to survive (section 5, steps 8 and 11), and nobody connects again what was deleted or switched off.
    pub(super) fn admits(&self, step: Step) -> bool {
        let refused = Some(Trouble::RefusedFalsely);
        match step {
            Step::Trouble(Trouble::RefusedFalsely) => self.trouble.is_none(),
            Step::Trouble(_) => self.trouble != refused,
            Step::Reconnect => self.end != Some(End::Deleted) && !self.off,
            _ => true,
        }
    }

    /// What a step should have answered, and what it makes of the credential.
    pub(super) fn follow(&mut self, step: Step, status: u16) -> Result<(), String> {
        let expected: &[u16] = match (self.end, step) {
            (_, Step::Nothing | Step::Withdraw | Step::Trouble(_) | Step::Reconnect) => &[0],
            (Some(End::Deleted), _) => &[404],
            (Some(End::Revoked) | None, Step::Delete | Step::Revoke) | (None, Step::Deactivate) => &[200],
            (Some(End::Revoked), Step::Deactivate) => &[200, 409],
            (Some(End::Revoked), _) => &[409],
            (None, Step::Reactivate) if self.withdrawn => &[200, 409],
            (None, Step::Reactivate) => &[200],
            (None, Step::Read) if self.withdrawn => &[200, 409, 503],
            (None, Step::Read) if self.off => &[409],
            (None, Step::Read) => &[200, 503],
            // Once a minute, and not while nobody may send its token.
            (None, Step::RefreshNow) => &[200, 409, 429, 503],
        };
        if !expected.contains(&status) {
            return Err(format!("{step:?} was answered {status} instead of one of {expected:?}"));
        }
        match step {
            Step::Deactivate if status == 200 => self.off = true,
            Step::Reactivate if status == 200 => self.off = false,
            Step::Revoke if status == 200 => self.end = Some(End::Revoked),
            Step::Delete if status == 200 => self.end = Some(End::Deleted),
            Step::Withdraw => self.withdrawn = true,
            Step::Trouble(trouble) => self.trouble = Some(trouble),
            _ => {}
        }
        Ok(())
    }

    /// It was connected again.
    pub(super) fn reconnected(&mut self, grant: GrantId) {
        *self = Self { off: self.off, ..Self::new(grant) };
    }

    pub(super) fn is_deleted(&self) -> bool {
        self.end == Some(End::Deleted)
    }

    /// Whether its token is to be had in the end.
    pub(super) fn is_served(&self) -> bool {
        self.end.is_none() && !self.withdrawn && !self.off
    }

    /// Compares with what the API shows; `None` where it shows nothing. `settled` says that time enough has passed.
    pub(super) fn compare(&mut self, shown: Option<&Value>, settled: bool) -> Result<(), String> {
        let status = shown.map(|shown| shown["status"].as_str().unwrap_or_default());
        let live: &[&str] = match (self.off, settled) {
            (true, _) => &["inactive"],
            (false, true) => &["active"],
            (false, false) => &["active", "error"],
        };
        let fits = match (self.end, status) {
            (Some(End::Deleted), None) | (Some(End::Revoked), Some("revoked")) => true,
            (None, Some("expired")) => self.withdrawn,
            (None, Some(status)) => !(self.told || self.withdrawn && settled) && live.contains(&status),
            _ => false,
        };
        self.told |= self.end.is_none() && status == Some("expired");
        if fits { Ok(()) } else { Err(format!("shown as {shown:?}, but {self:?}")) }
    }
}

/// Follows the events of a credential: each must tell of a change, and in the end they must say what is shown.
pub(super) fn last_told(events: &[String]) -> Result<&str, String> {
    let mut status = "active";
    for event in events {
        let next = match event.as_str() {
            "credential.failing" => "error",
            "credential.expired" => "expired",
            "credential.revoked" => "revoked",
            "credential.deactivated" => "inactive",
            "credential.deleted" => "deleted",
            "credential.recovered" => "active",
            // A new grant is news whatever was before.
            "credential.reconnected" => {
                status = "active";
                continue;
            }
            other => return Err(format!("{other} is no event of these histories: {events:?}")),
        };
        if next == status {
            return Err(format!("{event} tells of no change: {events:?}"));
        }
        status = next;
    }
    Ok(status)
}
