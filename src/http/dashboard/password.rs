//! Changing one's password; all sessions but the new one end.

use serde::Serialize;

use super::Answer;
use super::caller::InWorkspace;
use super::form::{Form, FormView};
use super::page::{DashboardPage, Flash, Place};
use super::sign_in::entered;
use super::url::Url;
use crate::http::dashboard::cookies;
use crate::secret::PlainPassword;
use axum::http::header::SET_COOKIE;
use axum::response::Response;

/// The present password and the new one.
#[derive(Serialize)]
pub(super) struct PasswordPage {
    form: FormView,
    wants_code: bool,
    back: String,
}

impl DashboardPage for PasswordPage {
    const TEMPLATE: &'static str = "dashboard/password.html";
    const PLACE: Place = Place::Account;

    fn samples() -> Vec<(&'static str, Self)> {
        let page = |form| Self { form, wants_code: true, back: Url::Account.to_string() };
        let refused = FormView::new().with_error("newPassword", "Write 12 to 200 characters.");
        vec![("empty", page(FormView::new())), ("refused", page(refused))]
    }
}

fn page(desk: &InWorkspace, form: FormView) -> PasswordPage {
    PasswordPage { form, wants_code: desk.who.member.totp.is_some(), back: Url::Account.to_string() }
}

/// `GET /dashboard/account/password`.
pub(super) async fn show_password(desk: InWorkspace) -> Response {
    desk.show(&page(&desk, FormView::new()))
}

/// `POST /dashboard/account/password`.
pub(super) async fn change_password(desk: InWorkspace, form: Form) -> Answer {
    let present = PlainPassword::typed(form.raw("password"));
    let new = PlainPassword::typed(form.raw("newPassword"));
    let code = form.raw("code");
    match desk.hub.change_password(&desk.who, present, code, new, &desk.browser).await {
        Ok(entry) => {
            let mut response = entered(&desk.state, &entry, &Url::Account.to_string());
            let said = cookies::set_flash(&desk.state, Some(&Flash::PasswordChanged.into()));
            if let Some(cookie) = said {
                response.headers_mut().append(SET_COOKIE, cookie);
            }
            Ok(response)
        }
        Err(error) => Ok(desk.refuse(&page(&desk, form.refused(error)?))),
    }
}
