//! Signing in and out, and proving again who one is.

use axum::extract::{RawQuery, State};
use axum::http::header::SET_COOKIE;
use axum::http::{Extensions, HeaderMap, StatusCode};
use axum::response::Response;
use serde::Serialize;

use super::caller::{InWorkspace, browser, go_to, page_of};
use super::form::{Form, FormView};
use super::page::{DashboardPage, Place};
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
}

impl Page for SignInPage {
    const TEMPLATE: &'static str = "dashboard/sign_in.html";

    fn samples() -> Vec<(&'static str, Self)> {
        let next = Url::Dashboard.to_string();
        let refused =
            FormView::new().with("email", "jo@acme.test").saying("Address or password are not right.");
        vec![
            ("empty", Self { form: FormView::new(), next: next.clone() }),
            ("refused", Self { form: refused, next }),
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
    email: String,
    wants_code: bool,
}

impl DashboardPage for StepUpPage {
    const TEMPLATE: &'static str = "dashboard/step_up.html";
    const PLACE: Place = Place::Elsewhere;

    fn samples() -> Vec<(&'static str, Self)> {
        let next = Url::Dashboard.to_string();
        let email = "jo@acme.test".to_owned();
        vec![("with-a-code", Self { form: FormView::new(), next, email, wants_code: true })]
    }
}

/// Where a form or an address leads on to.
fn next_of(query: Option<&str>) -> String {
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
    let page = SignInPage { form: FormView::new(), next: next_of(query.as_deref()) };
    page_of(&state, StatusCode::OK, &page)
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
            let page = SignInPage { form: form.refused(error)?, next };
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
    let wants_code = desk.who.member.totp.is_some();
    StepUpPage { form, next, email: desk.who.member.email.clone(), wants_code }
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
