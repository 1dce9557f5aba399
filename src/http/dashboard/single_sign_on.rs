//! Signing in at the identity provider: away by a link of ours, and back by the redirect URI.
//!
//! The session's cookie is sent by no navigation that begins at another site, so what comes back ends on a page of ours
//! that leads on by itself.

use axum::extract::{RawQuery, State};
use axum::http::header::SET_COOKIE;
use axum::http::{Extensions, HeaderMap, HeaderName, HeaderValue, StatusCode};
use axum::response::Response;
use secrecy::ExposeSecret as _;
use serde::Serialize;

use super::caller::{InWorkspace, browser, go_to, page_of};
use super::join::token_of;
use super::sign_in::next_of;
use super::url::{Url, going_on, own};
use super::{Answer, cookies};
use crate::http::render::Page;
use crate::http::{HttpState, Problem};
use crate::secret::PlainToken;
use crate::service::Hub;
use crate::service::members::single_sign_on::{Arrival, Away, Purpose, Refusal};

const REFRESH: HeaderName = HeaderName::from_static("refresh");
const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// The way to the identity provider.
#[derive(Serialize)]
pub(super) struct SignOnLink {
    name: String,
    url: String,
}

impl SignOnLink {
    /// From `page`, to go on to `next`; none where there is no identity provider.
    pub(super) fn of(hub: &Hub, page: Url<'_>, next: &str) -> Option<Self> {
        Some(Self { name: hub.single_sign_on()?.to_owned(), url: going_on(page, next) })
    }

    /// From `page`, with a parameter.
    pub(super) fn with(hub: &Hub, page: Url<'_>, (name, value): (&str, &str)) -> Option<Self> {
        let query = url::form_urlencoded::Serializer::new(String::new()).append_pair(name, value).finish();
        Some(Self { name: hub.single_sign_on()?.to_owned(), url: format!("{page}?{query}") })
    }

    pub(super) fn sample(name: &str, page: Url<'_>) -> Self {
        Self { name: name.to_owned(), url: page.to_string() }
    }
}

/// The page that leads on.
#[derive(Serialize)]
pub(super) struct ArrivedPage {
    next: String,
}

impl Page for ArrivedPage {
    const TEMPLATE: &'static str = "dashboard/arrived.html";

    fn samples() -> Vec<(&'static str, Self)> {
        vec![("on", Self { next: Url::Dashboard.to_string() })]
    }
}

/// The page for whom nobody lets in.
#[derive(Serialize)]
pub(super) struct NotInPage {
    /// The identity provider's name.
    name: String,
    why: &'static str,
    /// The address that it told.
    email: Option<String>,
    /// Where one tries again.
    again: String,
    /// Whether a password may be there instead.
    by_password: bool,
}

impl Page for NotInPage {
    const TEMPLATE: &'static str = "dashboard/not_in.html";

    fn samples() -> Vec<(&'static str, Self)> {
        let email = || "jo@acme.test".to_owned();
        let page = |why: &Refusal| Self::new("Acme ID", why, &Url::SignIn.to_string(), true);
        vec![
            ("stray", page(&Refusal::Stray)),
            ("declined", page(&Refusal::Declined)),
            ("outage", page(&Refusal::Outage)),
            ("fault", page(&Refusal::Fault)),
            ("no-address", page(&Refusal::NoAddress)),
            ("unverified", page(&Refusal::Unverified(email()))),
            ("not-invited", page(&Refusal::NotInvited(email()))),
            ("other-address", page(&Refusal::OtherAddress(email()))),
            ("somebody-else", page(&Refusal::SomebodyElse)),
            ("outage-at-step-up", Self::new("Acme ID", &Refusal::Outage, &Url::StepUp.to_string(), false)),
        ]
    }
}

impl NotInPage {
    fn new(name: &str, why: &Refusal, again: &str, by_password: bool) -> Self {
        let (why, email) = match why {
            Refusal::Stray => ("stray", None),
            Refusal::Declined => ("declined", None),
            Refusal::Outage => ("outage", None),
            Refusal::Fault => ("fault", None),
            Refusal::NoAddress => ("no_address", None),
            Refusal::Unverified(email) => ("unverified", Some(email.clone())),
            Refusal::NotInvited(email) => ("not_invited", Some(email.clone())),
            Refusal::OtherAddress(email) => ("other_address", Some(email.clone())),
            Refusal::SomebodyElse => ("somebody_else", None),
        };
        Self { name: name.to_owned(), why, email, again: again.to_owned(), by_password }
    }
}

const fn status_of(why: &Refusal) -> StatusCode {
    match why {
        Refusal::Stray | Refusal::Declined => StatusCode::BAD_REQUEST,
        Refusal::Outage | Refusal::Fault => StatusCode::BAD_GATEWAY,
        Refusal::NoAddress
        | Refusal::Unverified(_)
        | Refusal::NotInvited(_)
        | Refusal::OtherAddress(_)
        | Refusal::SomebodyElse => StatusCode::FORBIDDEN,
    }
}

/// Whether the request began on a page of ours, or was typed: no other site sends anybody away from here.
fn is_own(headers: &HeaderMap) -> bool {
    let site = headers.get(SEC_FETCH_SITE).and_then(|value| value.to_str().ok());
    site.is_none_or(|site| matches!(site, "same-origin" | "none"))
}

/// Sends a browser away, or to `otherwise` where there is no identity provider or another site has begun this.
async fn away(
    state: &HttpState,
    headers: &HeaderMap,
    purpose: Purpose,
    next: &str,
    otherwise: String,
) -> Answer {
    if state.hub.single_sign_on().is_none() || !is_own(headers) {
        return Ok(go_to(&otherwise));
    }
    let step_up = matches!(purpose, Purpose::StepUp { .. });
    match state.hub.begin_single_sign_on(purpose, next).await? {
        Away::To { address, cookie } => {
            let cookie = cookies::set_sign_on(state, Some(cookie.expose_secret()));
            let cookie = cookie.ok_or_else(Problem::internal)?;
            let mut response = go_to(address.as_str());
            response.headers_mut().insert(SET_COOKIE, cookie);
            Ok(response)
        }
        Away::Refused(why) => Ok(not_in(state, &why, &otherwise, !step_up)),
    }
}

fn not_in(state: &HttpState, why: &Refusal, again: &str, by_password: bool) -> Response {
    let name = state.hub.single_sign_on().unwrap_or_default();
    page_of(state, status_of(why), &NotInPage::new(name, why, again, by_password))
}

/// `GET /dashboard/sign-in/single-sign-on`.
pub(super) async fn begin_sign_in(
    State(state): State<HttpState>,
    headers: HeaderMap,
    RawQuery(query): RawQuery,
) -> Answer {
    let next = next_of(query.as_deref());
    away(&state, &headers, Purpose::SignIn, &next, going_on(Url::SignIn, &next)).await
}

/// `GET /dashboard/join/single-sign-on`.
pub(super) async fn begin_join(
    State(state): State<HttpState>,
    headers: HeaderMap,
    RawQuery(query): RawQuery,
) -> Answer {
    let token = token_of(query.as_deref());
    let otherwise = join_url(&token);
    let purpose = Purpose::Join { invitation: PlainToken::presented(&token) };
    away(&state, &headers, purpose, &Url::Dashboard.to_string(), otherwise).await
}

fn join_url(token: &str) -> String {
    let query =
        url::form_urlencoded::Serializer::new(String::new()).append_pair("invitation", token).finish();
    format!("{}?{query}", Url::Join)
}

/// `GET /dashboard/step-up/single-sign-on`.
pub(super) async fn begin_step_up(
    desk: InWorkspace,
    headers: HeaderMap,
    RawQuery(query): RawQuery,
) -> Answer {
    let next = next_of(query.as_deref());
    let otherwise = going_on(Url::StepUp, &next);
    if desk.who.member.subject.is_none() {
        return Ok(go_to(&otherwise));
    }
    let purpose = Purpose::StepUp { workspace: desk.who.workspace.id, session: desk.who.session.id };
    away(&desk.state, &headers, purpose, &next, otherwise).await
}

/// `GET /dashboard/sign-in/callback`.
pub(super) async fn finish_sign_in(
    State(state): State<HttpState>,
    headers: HeaderMap,
    extensions: Extensions,
    RawQuery(query): RawQuery,
) -> Answer {
    if state.hub.single_sign_on().is_none() {
        return Ok(go_to(&Url::SignIn.to_string()));
    }
    let browser = browser(&headers, &extensions, &state);
    let query = query.unwrap_or_default();
    let pairs: Vec<_> = url::form_urlencoded::parse(query.as_bytes()).into_owned().collect();
    let cookie = cookies::sign_on(&headers, &state);
    let arrival = state.hub.finish_single_sign_on(cookie.as_deref(), &pairs, &browser).await?;
    let mut response = match &arrival {
        Arrival::Entered { next, .. } | Arrival::Proven { next } => arrived(&state, next)?,
        Arrival::Refused { why, errand } => {
            let (again, by_password) = way_back(errand.as_ref());
            not_in(&state, why, &again, by_password)
        }
    };
    let entry = match &arrival {
        Arrival::Entered { entry, .. } => cookies::set_entry(&state, entry),
        Arrival::Proven { .. } | Arrival::Refused { .. } => [None, None],
    };
    for cookie in entry.into_iter().chain([cookies::set_sign_on(&state, None)]).flatten() {
        response.headers_mut().append(SET_COOKIE, cookie);
    }
    Ok(response)
}

/// Leads on from a page of ours.
fn arrived(state: &HttpState, next: &str) -> Result<Response, Problem> {
    let next = own(Some(next)).map_or_else(|| Url::Dashboard.to_string(), str::to_owned);
    let leads_on = HeaderValue::from_str(&format!("0; url={next}")).map_err(|_| Problem::internal())?;
    let mut response = page_of(state, StatusCode::OK, &ArrivedPage { next });
    response.headers_mut().insert(REFRESH, leads_on);
    Ok(response)
}

/// Where one tries again, and whether a password may help there.
fn way_back(errand: Option<&(Purpose, String)>) -> (String, bool) {
    match errand {
        None => (Url::SignIn.to_string(), true),
        Some((Purpose::SignIn, next)) => (going_on(Url::SignIn, next), true),
        Some((Purpose::Join { invitation }, _)) => (join_url(invitation.expose()), true),
        Some((Purpose::StepUp { .. }, next)) => (going_on(Url::StepUp, next), false),
    }
}
