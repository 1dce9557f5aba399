//! Accepting an invitation, or setting up the first owner's account: the same link, the same page.

use axum::extract::{RawQuery, State};
use axum::http::{Extensions, HeaderMap, StatusCode};
use axum::response::Response;
use serde::Serialize;

use super::Answer;
use super::caller::{browser, page_of};
use super::form::{Form, FormView};
use super::sign_in::entered;
use super::single_sign_on::SignOnLink;
use super::url::Url;
use crate::http::HttpState;
use crate::http::render::Page;
use crate::secret::PlainPassword;
use crate::service::members::{InvitationView, NewMember};

/// Name, address and password of a new member.
#[derive(Serialize)]
pub(super) struct JoinPage {
    form: FormView,
    /// The link's token, sent along by the form.
    invitation: String,
    workspace: String,
    role: &'static str,
    inviter: Option<String>,
    /// The address that the invitation is for; the operator's link has none.
    email: Option<String>,
    sign_on: Option<SignOnLink>,
}

impl Page for JoinPage {
    const TEMPLATE: &'static str = "dashboard/join.html";

    fn samples() -> Vec<(&'static str, Self)> {
        let page = |form: FormView, inviter: Option<&str>, email: Option<&str>| Self {
            form,
            invitation: "x".to_owned(),
            workspace: "acme".to_owned(),
            role: if inviter.is_some() { "editor" } else { "owner" },
            inviter: inviter.map(str::to_owned),
            email: email.map(str::to_owned),
            sign_on: None,
        };
        let sign_on = Some(SignOnLink::sample("Acme ID", Url::JoinElsewhere));
        let refused =
            FormView::new().with("name", "Jo").with_error("password", "Write 12 to 200 characters.");
        vec![
            ("first-owner", page(FormView::new(), None, None)),
            ("invited", page(FormView::new(), Some("Jo Miller"), Some("kim@acme.test"))),
            ("with-single-sign-on", Self { sign_on, ..page(FormView::new(), None, None) }),
            ("refused", page(refused, Some("Jo Miller"), Some("kim@acme.test"))),
        ]
    }
}

fn join_page(state: &HttpState, form: FormView, token: &str, view: InvitationView) -> JoinPage {
    JoinPage {
        sign_on: SignOnLink::with(&state.hub, Url::JoinElsewhere, ("invitation", token)),
        form,
        invitation: token.to_owned(),
        workspace: view.workspace.name,
        role: view.invitation.role.as_str(),
        inviter: view.inviter,
        email: view.invitation.email,
    }
}

/// The token of an invitation's link.
pub(super) fn token_of(query: Option<&str>) -> String {
    let query = query.unwrap_or_default().as_bytes();
    let token = url::form_urlencoded::parse(query).find(|(name, _)| name == "invitation");
    token.map(|(_, value)| value.into_owned()).unwrap_or_default()
}

/// `GET /dashboard/join`.
pub(super) async fn show_invitation(State(state): State<HttpState>, RawQuery(query): RawQuery) -> Answer {
    let token = token_of(query.as_deref());
    let view = state.hub.invitation(&token).await?;
    Ok(page_of(&state, StatusCode::OK, &join_page(&state, FormView::new(), &token, view)))
}

/// `POST /dashboard/join`.
pub(super) async fn accept_invitation(
    State(state): State<HttpState>,
    headers: HeaderMap,
    extensions: Extensions,
    form: Form,
) -> Answer {
    let browser = browser(&headers, &extensions, &state);
    let token = form.raw("invitation");
    let new = NewMember {
        name: form.text("name"),
        email: form.text("email"),
        password: PlainPassword::typed(form.raw("password")),
    };
    match state.hub.accept_invitation(token, new, &browser).await {
        Ok(entry) => Ok(entered(&state, &entry, &Url::Dashboard.to_string())),
        Err(error) => refused(&state, &form, error).await,
    }
}

async fn refused(state: &HttpState, form: &Form, error: crate::service::Error) -> Answer {
    let token = form.raw("invitation");
    let view = state.hub.invitation(token).await?;
    let page: Response =
        page_of(state, StatusCode::BAD_REQUEST, &join_page(state, form.refused(error)?, token, view));
    Ok(page)
}
