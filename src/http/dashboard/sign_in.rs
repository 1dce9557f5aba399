//! Signing in and out, and proving again who one is.

use axum::extract::{RawQuery, State};
use axum::http::header::SET_COOKIE;
use axum::http::{Extensions, HeaderMap, StatusCode};
use axum::response::Response;
use serde::Serialize;

use super::caller::{InWorkspace, browser, go_to, page_of};
use super::form::{Form, FormView};
use super::page::{DashboardPage, Place, place_of};
use super::single_sign_on::SignOnLink;
use super::url::{Url, going_on, own};
use super::{Answer, cookies};
use crate::http::HttpState;
use crate::http::render::Page;
use crate::secret::PlainPassword;
use crate::service::members::{Entry, SignIn};

/// Address and password.
#[derive(Serialize)]
pub(super) struct SignInPage {
    form: FormView,
    next: String,
    sign_on: Option<SignOnLink>,
}

impl Page for SignInPage {
    const TEMPLATE: &'static str = "dashboard/sign_in.html";

    fn samples() -> Vec<(&'static str, Self)> {
        let next = Url::Dashboard.to_string();
        let refused =
            FormView::new().with("email", "jo@acme.test").saying("Address or password is not right.");
        let sign_on = |name| Some(SignOnLink::sample(name, Url::SignInElsewhere));
        vec![
            ("empty", Self { form: FormView::new(), next: next.clone(), sign_on: None }),
            (
                "with-single-sign-on",
                Self { form: FormView::new(), next: next.clone(), sign_on: sign_on("Acme ID") },
            ),
            (
                "long-name",
                Self {
                    form: FormView::new(),
                    next: next.clone(),
                    sign_on: sign_on("identity.consolidated-freight.acme.te"),
                },
            ),
            ("refused", Self { form: refused, next, sign_on: None }),
        ]
    }
}

/// The code of the authenticator.
#[derive(Serialize)]
pub(super) struct CodePage {
    form: FormView,
    next: String,
}

impl Page for CodePage {
    const TEMPLATE: &'static str = "dashboard/sign_in_code.html";

    fn samples() -> Vec<(&'static str, Self)> {
        let next = Url::Dashboard.to_string();
        let refused = FormView::new().saying("That code isn't right, or it was used before.");
        vec![
            ("empty", Self { form: FormView::new(), next: next.clone() }),
            ("refused", Self { form: refused, next }),
        ]
    }
}

/// The question whether it is really them.
#[derive(Serialize)]
pub(super) struct StepUpPage {
    form: FormView,
    next: String,
    /// What it is asked for.
    purpose: &'static str,
    /// The way back, to the page before.
    back: String,
    email: String,
    has_password: bool,
    wants_code: bool,
    sign_on: Option<SignOnLink>,
}

impl DashboardPage for StepUpPage {
    const TEMPLATE: &'static str = "dashboard/step_up.html";
    const PLACE: Place = Place::Elsewhere;

    /// That of the page which wants the proof.
    fn place(&self, _: Place) -> Place {
        place_of(&self.next)
    }

    fn samples() -> Vec<(&'static str, Self)> {
        let next = Url::Dashboard.to_string();
        let email = "jo@acme.test".to_owned();
        let page = |has_password, sign_on| Self {
            form: FormView::new(),
            next: next.clone(),
            purpose: purpose_of(&next),
            back: before(&next),
            email: email.clone(),
            has_password,
            wants_code: has_password,
            sign_on,
        };
        let sign_on = || Some(SignOnLink::sample("Acme ID", Url::StepUpElsewhere));
        vec![
            ("with-a-code", page(true, None)),
            ("by-single-sign-on", page(false, sign_on())),
            ("by-either", page(true, sign_on())),
            ("by-nothing", page(false, None)),
        ]
    }
}

/// What a proof is asked for, by where it leads on to.
fn purpose_of(next: &str) -> &'static str {
    let path = next.split('?').next().unwrap_or_default();
    if path.ends_with("/reveal") {
        "To see the value"
    } else if path.ends_with("/api-keys/new") {
        "To make an API key"
    } else if path.ends_with("/authenticator") {
        "To set up an authenticator"
    } else if path.ends_with("/members/invite") {
        "To invite somebody"
    } else if path.ends_with("/members/settings") {
        "To change the rules of the workspace"
    } else if path.starts_with("/dashboard/members/") {
        "To change a member"
    } else if path == "/dashboard/workspace/delete" {
        "To delete the workspace"
    } else if path.ends_with("/settings/delete") {
        "To delete the environment"
    } else {
        "To go on"
    }
}

/// The page before that one, which asks for no proof.
fn before(next: &str) -> String {
    let (path, query) = next.split_once('?').map_or((next, None), |(path, query)| (path, Some(query)));
    // A secret has the part of the list that one was in, an export the filters of the log.
    if let Some(shown) = path.strip_suffix("/reveal").or_else(|| path.strip_suffix("/export")) {
        query.map_or_else(|| shown.to_owned(), |query| format!("{shown}?{query}"))
    } else if let Some((environment, _)) = path.split_once("/api-keys/") {
        format!("{environment}/api-keys")
    } else if path.starts_with("/dashboard/members/") || path.starts_with("/dashboard/workspace/") {
        Url::Members.to_string()
    } else if let Some(settings) = path.strip_suffix("/delete") {
        settings.to_owned()
    } else if path.starts_with("/dashboard/account/") {
        Url::Account.to_string()
    } else {
        Url::Dashboard.to_string()
    }
}

/// Where a form or an address leads on to.
pub(super) fn next_of(query: Option<&str>) -> String {
    let query = query.unwrap_or_default().as_bytes();
    let next = url::form_urlencoded::parse(query).find(|(name, _)| name == "next");
    let next = next.map(|(_, value)| value.into_owned());
    own(next.as_deref()).map_or_else(|| Url::Dashboard.to_string(), str::to_owned)
}

fn next_in(form: &Form) -> String {
    own(Some(form.raw("next"))).map_or_else(|| Url::Dashboard.to_string(), str::to_owned)
}

/// On to `next`, signed in.
pub(super) fn entered(state: &HttpState, entry: &Entry, next: &str) -> Response {
    let mut response = go_to(next);
    for cookie in cookies::set_entry(state, entry).into_iter().flatten() {
        response.headers_mut().append(SET_COOKIE, cookie);
    }
    response
}

/// `GET /dashboard/sign-in`.
pub(super) async fn show_sign_in(State(state): State<HttpState>, RawQuery(query): RawQuery) -> Response {
    let page = sign_in_page(&state, FormView::new(), next_of(query.as_deref()));
    page_of(&state, StatusCode::OK, &page)
}

fn sign_in_page(state: &HttpState, form: FormView, next: String) -> SignInPage {
    SignInPage { sign_on: SignOnLink::of(&state.hub, Url::SignInElsewhere, &next), form, next }
}

/// `POST /dashboard/sign-in`.
pub(super) async fn sign_in(
    State(state): State<HttpState>,
    headers: HeaderMap,
    extensions: Extensions,
    form: Form,
) -> Answer {
    let browser = browser(&headers, &extensions, &state);
    let next = next_in(&form);
    let password = PlainPassword::typed(form.raw("password"));
    match state.hub.sign_in(form.raw("email"), password, &browser).await {
        Ok(SignIn::Done(entry)) => Ok(entered(&state, &entry, &next)),
        Ok(SignIn::CodeWanted(token)) => {
            let mut response = go_to(&going_on(Url::SignInCode, &next));
            response
                .headers_mut()
                .extend(cookies::set_session(&state, token.expose()).map(|cookie| (SET_COOKIE, cookie)));
            Ok(response)
        }
        Err(error) => {
            let page = sign_in_page(&state, form.refused(error)?, next);
            Ok(page_of(&state, StatusCode::BAD_REQUEST, &page))
        }
    }
}

/// `GET /dashboard/sign-in/code`.
pub(super) async fn show_code(State(state): State<HttpState>, RawQuery(query): RawQuery) -> Response {
    let page = CodePage { form: FormView::new(), next: next_of(query.as_deref()) };
    page_of(&state, StatusCode::OK, &page)
}

/// `POST /dashboard/sign-in/code`.
pub(super) async fn enter_code(
    State(state): State<HttpState>,
    headers: HeaderMap,
    extensions: Extensions,
    form: Form,
) -> Answer {
    let browser = browser(&headers, &extensions, &state);
    let next = next_in(&form);
    let token = cookies::session(&headers, &state).unwrap_or_default();
    match state.hub.enter_code(&token, form.raw("code"), &browser).await {
        Ok(entry) => Ok(entered(&state, &entry, &next)),
        Err(error) => {
            let page = CodePage { form: form.refused(error)?, next };
            Ok(page_of(&state, StatusCode::BAD_REQUEST, &page))
        }
    }
}

/// `POST /dashboard/sign-out`.
pub(super) async fn sign_out(State(state): State<HttpState>, headers: HeaderMap) -> Answer {
    if let Some(token) = cookies::session(&headers, &state) {
        state.hub.sign_out(&token).await?;
    }
    let mut response = go_to(&Url::SignIn.to_string());
    response.headers_mut().extend(cookies::end_session(&state).map(|cookie| (SET_COOKIE, cookie)));
    Ok(response)
}

/// `GET /dashboard/step-up`.
pub(super) async fn show_step_up(desk: InWorkspace, RawQuery(query): RawQuery) -> Response {
    desk.show(&step_up_page(&desk, FormView::new(), next_of(query.as_deref())))
}

fn step_up_page(desk: &InWorkspace, form: FormView, next: String) -> StepUpPage {
    let member = &desk.who.member;
    let sign_on = SignOnLink::of(&desk.hub, Url::StepUpElsewhere, &next);
    StepUpPage {
        form,
        purpose: purpose_of(&next),
        back: before(&next),
        next,
        email: member.email.clone(),
        has_password: member.password.is_some(),
        wants_code: member.totp.is_some(),
        sign_on: sign_on.filter(|_| member.subject.is_some()),
    }
}

/// `POST /dashboard/step-up`.
pub(super) async fn step_up(desk: InWorkspace, form: Form) -> Answer {
    let next = next_in(&form);
    let password = PlainPassword::typed(form.raw("password"));
    match desk.hub.step_up(&desk.who, password, form.raw("code"), &desk.browser).await {
        Ok(()) => Ok(go_to(&next)),
        Err(error) => Ok(desk.refuse(&step_up_page(&desk, form.refused(error)?, next))),
    }
}
