//! What stands before every page of the dashboard: forms come from its own pages alone, and a problem is a page, or the
//! way to what is missing.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::{Method, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use tower_http::csrf::CsrfLayer;

use super::caller::{go_to, page_of};
use super::url::{Url, going_on, own};
use crate::http::layers::RequestId;
use crate::http::render::Page;
use crate::http::{HttpState, Problem};
use crate::service::{Code, Error};

/// Refuses what another site has a browser send (`Sec-Fetch-Site`, else `Origin` = host).
pub(super) fn own_site() -> CsrfLayer<impl Fn(tower_http::csrf::ProtectionError) -> Response + Clone> {
    CsrfLayer::new().with_rejection_response(|_| {
        Problem::from(Error::refused(
            Code::FlowRefused,
            "This was sent from another site, and nothing was done.",
        ))
        .into_response()
    })
}

/// A problem as a page.
#[derive(Serialize)]
pub(super) struct ProblemPage {
    status: u16,
    code: &'static str,
    detail: String,
    request_id: String,
}

impl Page for ProblemPage {
    const TEMPLATE: &'static str = "dashboard/problem.html";

    fn samples() -> Vec<(&'static str, Self)> {
        let page = |status, code, detail: &str| Self {
            status,
            code,
            detail: detail.to_owned(),
            request_id: "req_01jz0000000000000000000000".to_owned(),
        };
        vec![
            ("not-found", page(404, "not_found", "There is nothing here, or nothing that you can see.")),
            ("forbidden", page(403, "forbidden", "Your role (editor) may not do this.")),
            ("internal", page(500, "internal_error", "Something went wrong in the hub.")),
        ]
    }
}

/// The answer where there is no route: a page in the dashboard, else a problem as everywhere.
pub(in crate::http) async fn nothing_here(State(state): State<HttpState>, request: Request) -> Response {
    if !request.uri().path().starts_with("/dashboard/") {
        return Problem::not_found().into_response();
    }
    let id = request.extensions().get::<RequestId>().map(|id| Arc::clone(&id.0));
    problem_page(&state, &Problem::not_found(), id.as_deref())
}

fn problem_page(state: &HttpState, problem: &Problem, request_id: Option<&str>) -> Response {
    let code = problem.code();
    let detail = match code {
        "not_found" => "There is nothing here, or nothing that you can see.",
        _ => problem.detail(),
    };
    let page = ProblemPage {
        status: problem.status().as_u16(),
        code,
        detail: detail.to_owned(),
        request_id: request_id.unwrap_or_default().to_owned(),
    };
    page_of(state, problem.status(), &page)
}

/// Makes a page of a problem. Where a session, an authenticator or a fresh proof is missing, it leads there.
pub(super) async fn problems_as_pages(
    State(state): State<HttpState>,
    request: Request,
    next: Next,
) -> Response {
    let id = request.extensions().get::<RequestId>().map(|id| Arc::clone(&id.0));
    let here = request.uri().path_and_query().map(ToString::to_string).unwrap_or_default();
    let here = own(Some(&here)).map_or_else(|| Url::Dashboard.to_string(), str::to_owned);
    let shows = request.method() == Method::GET || request.method() == Method::HEAD;
    let mut response = next.run(request).await;
    let status = response.status();
    let problem = response.extensions_mut().remove::<Problem>();
    let problem = match problem {
        Some(problem) => problem,
        None if status == StatusCode::METHOD_NOT_ALLOWED => Problem::method_not_allowed(),
        None if status == StatusCode::PAYLOAD_TOO_LARGE => Problem::body_too_large(),
        None => return response,
    };
    match problem.code() {
        code if code == Code::SessionExpired.as_str() => {
            // A form that was sent with an old session is shown again, not sent again.
            go_to(&going_on(Url::SignIn, &here))
        }
        code if code == Code::StepUpRequired.as_str() => go_to(&going_on(Url::StepUp, &here)),
        code if code == Code::AuthenticatorRequired.as_str() && shows => {
            go_to(&Url::Authenticator.to_string())
        }
        _ => {
            let mut page = problem_page(&state, &problem, id.as_deref());
            for name in [axum::http::header::RETRY_AFTER, axum::http::header::ALLOW] {
                let value = response.headers().get(&name).cloned();
                page.headers_mut().extend(value.map(|value| (name, value)));
            }
            page
        }
    }
}
