//! Who uses the dashboard: a member by the session of their browser, in their workspace or in one of its environments.

use std::fmt::Display;
use std::sync::{Arc, Mutex, PoisonError};

use axum::extract::{FromRequestParts, Path};
use axum::http::header::{LOCATION, SET_COOKIE, USER_AGENT};
use axum::http::request::Parts;
use axum::http::{Extensions, HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;

use super::cookies;
use super::page::{
    DashboardPage, Flash, Framed, Place, Said, Shell, SwitchedOff, Undo, environment_of, kind_of, place_of,
};
use crate::domain::actor::Actor;
use crate::http::connect::answer::{ALONE, html};
use crate::http::connect::visitor::origin;
use crate::http::render::Page;
use crate::http::strings::Locale;
use crate::http::{HttpState, Problem};
use crate::service::members::{Browser, SignedIn};
use crate::service::{Code, Error, Hub};

/// A member, wherever they are in the dashboard.
pub(in crate::http) struct InWorkspace {
    /// The use cases.
    pub(in crate::http) hub: Arc<Hub>,
    /// Who.
    pub(in crate::http) who: SignedIn,
    /// Their browser.
    pub(in crate::http) browser: Browser,
    pub(super) state: HttpState,
    said: Option<Said>,
    environments: Vec<String>,
    /// The environment that the path names, or the one last looked at.
    environment: Option<String>,
    /// The kind of page of an environment, where it is one.
    kind: Option<String>,
    /// Where the path lies.
    place: Place,
}

/// A member in an environment, which the path names.
pub(in crate::http) struct InEnvironment {
    /// The use cases.
    pub(in crate::http) hub: Arc<Hub>,
    /// Who acts, and where.
    pub(in crate::http) actor: Actor,
    /// The environment's name.
    pub(in crate::http) environment: String,
    /// The member in their workspace.
    pub(in crate::http) desk: InWorkspace,
}

/// The frame of whoever asks, once that is known: a page that says why nothing came of it stands in the same.
#[derive(Clone, Default)]
pub(super) struct Known(Arc<Mutex<Option<Shell>>>);

impl Known {
    fn is(extensions: &Extensions, desk: &InWorkspace) {
        if let Some(known) = extensions.get::<Self>() {
            *known.0.lock().unwrap_or_else(PoisonError::into_inner) =
                Some(desk.shell(Place::Elsewhere, None));
        }
    }

    /// The frame; none where it was not found out who asks.
    pub(super) fn shell(&self) -> Option<Shell> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

#[derive(Deserialize)]
struct Named {
    environment: String,
}

/// What a browser says of itself.
pub(super) fn browser(headers: &HeaderMap, extensions: &Extensions, state: &HttpState) -> Browser {
    Browser {
        origin: origin(headers, extensions, state),
        agent: headers.get(USER_AGENT).and_then(|value| value.to_str().ok()).map(str::to_owned),
        mark: cookies::mark(headers, state),
    }
}

impl FromRequestParts<HttpState> for InWorkspace {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &HttpState) -> Result<Self, Problem> {
        let desk = Self::of(parts, state).await?;
        Known::is(&parts.extensions, &desk);
        Ok(desk)
    }
}

impl FromRequestParts<HttpState> for InEnvironment {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &HttpState) -> Result<Self, Problem> {
        let mut desk = InWorkspace::from_request_parts(parts, state).await?;
        let named = Path::<Named>::from_request_parts(parts, state).await;
        let Path(Named { environment }) = named.map_err(|_| Problem::not_found())?;
        let actor = desk.hub.actor_in(&desk.who, &environment).await?;
        desk.environment = Some(environment.clone());
        Known::is(&parts.extensions, &desk);
        Ok(Self { hub: Arc::clone(&state.hub), actor, environment, desk })
    }
}

impl InWorkspace {
    /// Whoever sent a request.
    ///
    /// # Errors
    /// [`Code::SessionExpired`].
    async fn of(parts: &Parts, state: &HttpState) -> Result<Self, Error> {
        let nobody = || Error::refused(Code::SessionExpired, "Sign in to go on.");
        let token = cookies::session(&parts.headers, state).ok_or_else(nobody)?;
        let browser = browser(&parts.headers, &parts.extensions, state);
        let who = state.hub.resume(&token, browser.origin.clone()).await?;
        let environments = state.hub.environments_for_member(&who).await?;
        let named = environment_of(parts.uri.path(), &environments).map(str::to_owned);
        let last = || cookies::environment(&parts.headers, state).filter(|name| environments.contains(name));
        let environment = named.or_else(last).or_else(|| environments.first().cloned());
        Ok(Self {
            hub: Arc::clone(&state.hub),
            said: cookies::flash(&parts.headers, state).map(|said| said.shown_at(&parts.uri)),
            state: state.clone(),
            kind: kind_of(parts.uri.path(), &environments).map(str::to_owned),
            place: place_of(parts.uri.path()),
            who,
            browser,
            environments,
            environment,
        })
    }

    fn shell(&self, place: Place, said: Option<&Said>) -> Shell {
        let (environment, kind) = (self.environment.as_deref(), self.kind.as_deref());
        Shell::of(&self.who, &self.environments, environment, kind, place, said)
    }

    /// A page for this member.
    pub(in crate::http) fn show<P: DashboardPage>(&self, page: &P) -> Response {
        self.answer(StatusCode::OK, page)
    }

    /// A page with a form that was refused.
    pub(in crate::http) fn refuse<P: DashboardPage>(&self, page: &P) -> Response {
        self.refuse_as(StatusCode::BAD_REQUEST, page)
    }

    /// The same with the status that the form has.
    pub(in crate::http) fn refuse_as<P: DashboardPage>(&self, status: StatusCode, page: &P) -> Response {
        self.answer(status, page)
    }

    fn answer<P: DashboardPage>(&self, status: StatusCode, page: &P) -> Response {
        let shell = self.shell(page.place(self.place), self.said.as_ref());
        let mut response = page_of(&self.state, status, &Framed { shell, page });
        if self.said.is_some() {
            response.headers_mut().extend(cookies::set_flash(&self.state, None).map(|c| (SET_COOKIE, c)));
        }
        response
    }

    /// On to `next`, where it is said what was done.
    pub(in crate::http) fn done(&self, flash: Flash, next: &impl Display) -> Response {
        self.saying(&flash.into(), next)
    }

    fn saying(&self, said: &Said, next: &impl Display) -> Response {
        let mut response = go_to(&next.to_string());
        response.headers_mut().extend(cookies::set_flash(&self.state, Some(said)).map(|c| (SET_COOKIE, c)));
        response
    }

    /// Leads to the step-up where the member has not just proven who they are.
    pub(in crate::http) fn ensure_proven(&self) -> Result<(), Problem> {
        Ok(self.hub.ensure_proven(&self.who)?)
    }

    /// The same, where no authenticator is asked for that a member may be without.
    pub(in crate::http) fn ensure_just_proven(&self) -> Result<(), Problem> {
        Ok(self.hub.ensure_just_proven(&self.who)?)
    }

    /// The environment to begin with.
    pub(super) fn first_environment(&self) -> Option<&str> {
        self.environment.as_deref()
    }
}

impl InEnvironment {
    /// A page for this member.
    pub(in crate::http) fn show<P: DashboardPage>(&self, page: &P) -> Response {
        self.remembered(self.desk.show(page))
    }

    /// A page with a form that was refused.
    pub(in crate::http) fn refuse<P: DashboardPage>(&self, page: &P) -> Response {
        self.refuse_as(StatusCode::BAD_REQUEST, page)
    }

    /// The same with the status that the form has.
    pub(in crate::http) fn refuse_as<P: DashboardPage>(&self, status: StatusCode, page: &P) -> Response {
        self.remembered(self.desk.refuse_as(status, page))
    }

    /// On to `next`, where it is said what was done.
    pub(in crate::http) fn done(&self, flash: Flash, next: &impl Display) -> Response {
        self.desk.done(flash, next)
    }

    /// The same of what was switched off here: there it can be switched on again at once.
    pub(in crate::http) fn switched_off(&self, what: SwitchedOff, next: &impl Display) -> Response {
        let flash = what.flash();
        let undo = Undo { environment: self.environment.clone(), what, part: None };
        self.desk.saying(&Said { flash, undo: Some(undo) }, next)
    }

    /// Leads to the step-up where the member has not just proven who they are.
    pub(in crate::http) fn ensure_proven(&self) -> Result<(), Problem> {
        self.desk.ensure_proven()
    }

    /// What the dashboard is served with.
    pub(super) const fn state(&self) -> &HttpState {
        &self.desk.state
    }

    /// The names of the workspace's environments.
    pub(super) fn environments(&self) -> &[String] {
        &self.desk.environments
    }

    fn remembered(&self, mut response: Response) -> Response {
        let cookie = cookies::set_environment(&self.desk.state, &self.environment);
        response.headers_mut().extend(cookie.map(|cookie| (SET_COOKIE, cookie)));
        response
    }
}

/// The frame of whoever sent a request that no page of theirs was made for; none where nobody is signed in.
pub(super) async fn frame_of(parts: &Parts, state: &HttpState) -> Option<Shell> {
    let desk = InWorkspace::of(parts, state).await.ok()?;
    Some(desk.shell(Place::Elsewhere, None))
}

/// A page of the dashboard, in or out of its frame.
pub(super) fn page_of<P: Page>(state: &HttpState, status: StatusCode, page: &P) -> Response {
    html(state, Locale::En, status, page, &ALONE)
}

/// Leads a browser on by GET.
pub(super) fn go_to(address: &str) -> Response {
    match HeaderValue::from_str(address) {
        Ok(address) => (StatusCode::SEE_OTHER, [(LOCATION, address)]).into_response(),
        Err(_) => Problem::internal().into_response(),
    }
}
