//! Connecting: a session that the back end makes, the modal that works with it, the flow in a browser, and what comes
//! back (`connect.md`, `security.md` section 3).

mod attempts;
mod callback;
mod confirm;
mod disconnect;
mod flows;
mod grant;
mod limits;
mod link;
mod page;
mod reconnect;
mod sessions;
mod typed;
mod undecided;

pub use attempts::AttemptQuery;
pub use callback::{CallbackAnswer, Returned};
pub use flows::{Asked, Begun, NewTicket, Started};
pub(super) use limits::VisitLimits;
pub use page::{Given, Offer, Standing};
pub use reconnect::ReconnectLink;
pub use sessions::{CreatedSession, NewSession, ResultView, SessionUser, SessionView};
pub use typed::{Typed, TypedOutcome};

use std::net::IpAddr;

use tokio::sync::broadcast;
use vouchsafe_entity::id::SessionId;
use vouchsafe_entity::kind::{Binding, SessionStatus};
use vouchsafe_entity::millis::Millis;

use super::{Code, Error, Hub};
use crate::domain::actor::{Actor, Author, Origin};
use crate::domain::session::{ConnectResult, Session};
use crate::domain::theme::Theme;
use crate::domain::user::User;
use crate::domain::workspace::Environment;
use crate::secret::PlainToken;
use crate::store::{self, Tx};

/// Tells listeners in this process that a session has changed. Other replicas find out by asking.
pub(super) struct Signals(broadcast::Sender<SessionId>);

impl Default for Signals {
    fn default() -> Self {
        Self(broadcast::Sender::new(1_024))
    }
}

/// A modal at work: its session, its user, and both as an author of actions.
#[derive(Clone, Debug)]
pub struct Visit {
    /// The session.
    pub session: Session,
    /// For whom.
    pub user: User,
    /// The user, acting in the session.
    pub actor: Actor,
    /// The environment and its settings.
    pub environment: Environment,
    /// Whether it came with the token of a hosted link, which may have been sent to anybody.
    pub by_link: bool,
}

impl Visit {
    /// What the host app is called on pages: the theme's `appName`, else the workspace's name, else its own host.
    pub fn host_app(&self) -> String {
        let of = |theme: &serde_json::Map<String, serde_json::Value>| {
            theme.get("appName").and_then(serde_json::Value::as_str).map(str::to_owned)
        };
        of(&self.session.theme)
            .or_else(|| of(&self.environment.settings.theme))
            .filter(|name| !name.trim().is_empty())
            .or_else(|| {
                let name = &self.environment.workspace_name;
                (name != super::bootstrap::DEFAULT_WORKSPACE).then(|| name.clone())
            })
            .or_else(|| {
                let origin = self.origins().into_iter().next()?;
                url::Url::parse(&origin).ok()?.host_str().map(str::to_owned)
            })
            .unwrap_or_else(|| "This app".to_owned())
    }

    /// How the pages look: as the environment says, but for what the session says otherwise.
    pub fn theme(&self) -> Theme {
        let mut given = self.environment.settings.theme.clone();
        given.extend(self.session.theme.clone());
        Theme::read(&given).0
    }

    /// Whether only the window that opened a sign-in may vouch for its user.
    pub fn needs_opener(&self) -> bool {
        self.environment.settings.minimum_binding == Binding::Opener
    }

    /// Whether its user can still change at `now` what they have connected.
    pub fn goes_on(&self, now: Millis) -> bool {
        !self.session.is_over(now) && now < self.session.expires_at
    }

    /// The origins that may frame the modal.
    pub fn origins(&self) -> Vec<String> {
        if self.session.allowed_origins.is_empty() {
            self.environment.settings.allowed_origins.clone()
        } else {
            self.session.allowed_origins.clone()
        }
    }

    /// Where a redirect comes back to.
    pub fn return_url(&self) -> Option<&str> {
        self.session.return_url.as_deref().or(self.environment.settings.default_return_url.as_deref())
    }
}

impl Hub {
    /// Opens a visit with a session's token, the modal's or that of its link. Which of them it is says the token
    /// itself: nobody who was given a link can pass for the modal.
    ///
    /// # Errors
    /// [`Code::SessionExpired`]: one answer for a wrong token and for a session that is over. [`Code::RateLimited`] for
    /// too many wrong tokens from one address, and for a session that asks too often.
    pub async fn visit(&self, token: &str, origin: Origin) -> Result<Visit, Error> {
        let address = origin.address;
        let wrong = || self.refuse_token(address);
        let (id, secret) = token.split_once('.').ok_or_else(wrong)?;
        let id: SessionId = id.parse().map_err(|_| wrong())?;
        let visit = self.visit_of(id, origin).await?.ok_or_else(wrong)?;
        let presented = PlainToken::presented(secret);
        let by_link = presented.hash().matches(&visit.session.secret_hash);
        if !by_link && !presented.for_link().hash().matches(&visit.session.secret_hash) {
            return Err(wrong());
        }
        self.visit_limits.call(id)?;
        let visit = Visit { by_link, ..visit };
        match visit.session.status(self.now()) {
            SessionStatus::Expired | SessionStatus::Cancelled => Err(over()),
            SessionStatus::Completed if self.now() >= visit.session.expires_at => Err(over()),
            SessionStatus::Open | SessionStatus::Completed => Ok(visit),
        }
    }

    /// The refusal of a token that no session has; too many from one address are told to wait.
    fn refuse_token(&self, address: Option<IpAddr>) -> Error {
        if self.is_refused_too_often(address) {
            return Error::later(Code::RateLimited, "Too many wrong tokens came from this address.", 1);
        }
        over()
    }

    /// The session of a public id, for pages that show nothing of it but names.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn visit_of(&self, id: SessionId, origin: Origin) -> Result<Option<Visit>, Error> {
        let Some((environment, session)) = store::session::find_anywhere(&self.store, id).await? else {
            return Ok(None);
        };
        let found = self.environment_of(environment).await?;
        let Some(user) = store::user::find(&self.store, environment, session.user).await? else {
            return Ok(None);
        };
        let author = Author::User(user.id, session.id);
        let actor = Actor { author, tenant: found.1, origin };
        Ok(Some(Visit { session, user, actor, environment: found.0.clone(), by_link: false }))
    }

    /// A session that is over connects nothing more.
    fn ensure_not_over(&self, visit: &Visit) -> Result<(), Error> {
        if visit.session.is_over(self.now()) {
            return Err(Error::refused(Code::SessionExpired, "This connect session is over."));
        }
        Ok(())
    }

    /// Tells of changes of sessions in this process.
    pub fn session_changes(&self) -> broadcast::Receiver<SessionId> {
        self.progress.0.subscribe()
    }

    /// Says that a session has changed. Nobody need be listening.
    fn signal(&self, session: SessionId) {
        drop(self.progress.0.send(session));
    }

    /// Writes what came of a connector, in `tx`.
    async fn save_result(&self, tx: &Tx, visit: &Visit, result: &ConnectResult) -> Result<(), Error> {
        let environment = visit.actor.environment();
        Ok(store::session::save_result(tx, environment, visit.session.id, result).await?)
    }
}

fn over() -> Error {
    Error::refused(Code::SessionExpired, "This connect session is over; ask for a new one.")
}
