//! What stands before every page of the dashboard: forms come from its own pages alone, and a problem is a page, or the
//! way to what is missing.

use std::sync::Arc;

use axum::extract::{MatchedPath, Request, State};
use axum::http::request::Parts;
use axum::http::{Method, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use tower_http::csrf::CsrfLayer;

use super::caller::{Known, frame_of, go_to, page_of};
use super::page::{DashboardPage, Framed, Place, Shell};
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

const NOTHING: &str = "There is nothing here, or nothing that you can see.";

fn title(status: StatusCode, code: &str) -> &'static str {
    match code {
        "rate_limited" => "Too often",
        "invitation_over" => "This link is over",
        _ if status == StatusCode::NOT_FOUND => "Not found",
        _ if status == StatusCode::FORBIDDEN => "Not allowed",
        _ => "That didn’t work",
    }
}

/// A problem as a page: in the frame of whoever is signed in, else alone.
#[derive(Serialize)]
pub(super) struct ProblemPage {
    title: &'static str,
    code: &'static str,
    detail: String,
    request_id: String,
}

impl Page for ProblemPage {
    const TEMPLATE: &'static str = "dashboard/problem.html";

    fn samples() -> Vec<(&'static str, Self)> {
        let page = |status, code, detail: &str| Self {
            title: title(status, code),
            code,
            detail: detail.to_owned(),
            request_id: "req_01jz0000000000000000000000".to_owned(),
        };
        let failed = StatusCode::INTERNAL_SERVER_ERROR;
        let wrong = "`cursor` is none of this list. Begin at its first page.";
        vec![
            ("bad-request", page(StatusCode::BAD_REQUEST, "invalid_request", wrong)),
            ("not-found", page(StatusCode::NOT_FOUND, "not_found", NOTHING)),
            ("forbidden", page(StatusCode::FORBIDDEN, "forbidden", "Your role (editor) may not do this.")),
            ("internal", page(failed, "internal_error", "Something went wrong in the hub.")),
        ]
    }
}

impl DashboardPage for ProblemPage {
    const TEMPLATE: &'static str = "dashboard/problem_framed.html";
    const PLACE: Place = Place::Elsewhere;

    fn samples() -> Vec<(&'static str, Self)> {
        <Self as Page>::samples()
    }
}

/// The answer where there is no route: a page in the dashboard, else a problem as everywhere.
pub(in crate::http) async fn nothing_here(State(state): State<HttpState>, request: Request) -> Response {
    unrouted(&state, request, Problem::not_found()).await
}

/// The same where a route has other methods.
pub(in crate::http) async fn other_methods(State(state): State<HttpState>, request: Request) -> Response {
    unrouted(&state, request, Problem::method_not_allowed()).await
}

/// Whether a path is one of the dashboard.
fn is_ours(path: &str) -> bool {
    path.strip_prefix("/dashboard").is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// What a request to the dashboard is owed where its handler panics or takes too long, which nothing further in hears
/// of: a page that says so, in the frame of whoever asks, as far as that was found out.
pub(in crate::http) struct OwedPage(Known);

impl OwedPage {
    /// None where the request is for something else.
    pub(in crate::http) fn to(request: &mut Request) -> Option<Self> {
        if !is_ours(request.uri().path()) {
            return None;
        }
        let known = Known::default();
        request.extensions_mut().insert(known.clone());
        Some(Self(known))
    }

    /// The answer, a page where it is a problem still.
    pub(in crate::http) fn instead_of(
        &self,
        mut response: Response,
        state: &HttpState,
        id: &str,
    ) -> Response {
        let problem = response.extensions_mut().remove::<Problem>();
        problem.map_or(response, |problem| problem_page(state, &problem, Some(id), self.0.shell()))
    }
}

async fn unrouted(state: &HttpState, request: Request, problem: Problem) -> Response {
    if !is_ours(request.uri().path()) {
        return problem.into_response();
    }
    let (parts, _) = request.into_parts();
    let id = parts.extensions.get::<RequestId>().map(|id| Arc::clone(&id.0));
    let shell = frame_of(&parts, state).await;
    problem_page(state, &problem, id.as_deref(), shell)
}

fn problem_page(
    state: &HttpState,
    problem: &Problem,
    request_id: Option<&str>,
    shell: Option<Shell>,
) -> Response {
    let code = problem.code();
    let detail = match code {
        "not_found" => NOTHING,
        "method_not_allowed" => "This address takes a form. Go back to the page that has it.",
        _ => problem.detail(),
    };
    let page = ProblemPage {
        title: title(problem.status(), code),
        code,
        detail: detail.to_owned(),
        request_id: request_id.unwrap_or_default().to_owned(),
    };
    match shell {
        Some(shell) => page_of(state, problem.status(), &Framed { shell, page: &page }),
        None => page_of(state, problem.status(), &page),
    }
}

/// The addresses that take a form and show nothing.
const FORM_ALONE: [&str; 16] = [
    "/dashboard/account/authenticator/new",
    "/dashboard/{environment}/connectors/{connector}/test",
    "/dashboard/{environment}/connectors/{connector}/enable",
    "/dashboard/{environment}/webhooks/{endpoint}/test",
    "/dashboard/{environment}/webhooks/{endpoint}/replay",
    "/dashboard/{environment}/webhooks/{endpoint}/enable",
    "/dashboard/{environment}/events/{event}/redeliver",
    "/dashboard/{environment}/secrets/columns",
    "/dashboard/{environment}/secrets/act",
    "/dashboard/{environment}/users/{user}/link",
    "/dashboard/{environment}/credentials/bulk",
    "/dashboard/{environment}/credentials/{credential}/verify",
    "/dashboard/{environment}/credentials/{credential}/refresh",
    "/dashboard/{environment}/credentials/{credential}/link",
    "/dashboard/{environment}/credentials/{credential}/reactivate",
    "/dashboard/{environment}/api-keys/{key}/reactivate",
];

fn shows(asked: &Parts) -> bool {
    asked.method == Method::GET || asked.method == Method::HEAD
}

/// Where one goes on after a sign-in or a proof: to what was asked for, or, where that shows nothing, to the list of its
/// kind.
fn here(asked: &Parts) -> String {
    let matched = asked.extensions.get::<MatchedPath>().map_or("", MatchedPath::as_str);
    let there = if !shows(asked) && FORM_ALONE.contains(&matched) {
        // The kind stands behind the environment, where there is one.
        let parts = if matched.starts_with("/dashboard/{environment}/") { 4 } else { 3 };
        asked.uri.path().split('/').take(parts).collect::<Vec<_>>().join("/")
    } else {
        asked.uri.path_and_query().map(ToString::to_string).unwrap_or_default()
    };
    own(Some(&there)).map_or_else(|| Url::Dashboard.to_string(), str::to_owned)
}

/// Makes a page of a problem. Where a session, an authenticator or a fresh proof is missing, it leads there.
pub(super) async fn problems_as_pages(
    State(state): State<HttpState>,
    mut request: Request,
    next: Next,
) -> Response {
    let known = request.extensions().get::<Known>().cloned().unwrap_or_default();
    request.extensions_mut().insert(known.clone());
    let id = request.extensions().get::<RequestId>().map(|id| Arc::clone(&id.0));
    let (asked, body) = request.into_parts();
    let here = here(&asked);
    let mut response = next.run(Request::from_parts(asked.clone(), body)).await;
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
        code if code == Code::AuthenticatorRequired.as_str() && shows(&asked) => {
            go_to(&Url::Authenticator.to_string())
        }
        _ => {
            let shell = match known.shell() {
                // What has failed in the hub is not asked for again.
                None if problem.status().is_client_error() => frame_of(&asked, &state).await,
                shell => shell,
            };
            let mut page = problem_page(&state, &problem, id.as_deref(), shell);
            for name in [axum::http::header::RETRY_AFTER, axum::http::header::ALLOW] {
                let value = response.headers().get(&name).cloned();
                page.headers_mut().extend(value.map(|value| (name, value)));
            }
            page
        }
    }
}
