//! The pages inside the frame, or on their own from a hosted link.

use axum::Json;
use axum::extract::{Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use vouchsafe_entity::id::{CredentialId, SessionId};
use vouchsafe_entity::kind::{Method, SessionStatus};

use super::answer::{ALONE, Policy, fragment, html};
use super::build::{self, Setting};
use super::page::{
    ConnectedAccount, DoneNote, FrameMode, FrameShell, HostedDonePage, HostedState, KeyProblem, Look,
};
use super::visitor::{Visitor, locale};
use crate::domain::actor::Origin;
use crate::domain::credential::is_sign_in;
use crate::domain::session::Progress;
use crate::http::extract::JsonBody;
use crate::http::strings::Locale;
use crate::http::{HttpState, Problem};
use crate::service::Error;
use crate::service::connect::{Standing, Typed, TypedOutcome, Visit};

/// What the frame's address says.
#[derive(Debug, Deserialize)]
pub(super) struct FrameQuery {
    session: Option<String>,
    hosted: Option<String>,
    locale: Option<String>,
}

/// `GET /connect`: the shell that the script fills.
pub(super) async fn show_frame(
    State(state): State<HttpState>,
    Query(query): Query<FrameQuery>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let id = query.session.as_deref().and_then(|id| id.parse::<SessionId>().ok());
    let visit = match id {
        Some(id) => state.hub.visit_of(id, Origin::default()).await?,
        None => None,
    };
    let wanted = query.locale.as_deref();
    let Some(visit) = visit else {
        let page = hosted_end(None, HostedState::Unknown, Vec::new());
        return Ok(html(&state, locale(&headers, wanted), StatusCode::NOT_FOUND, &page, &ALONE));
    };
    let locale = locale(&headers, wanted.or(visit.session.locale.as_deref()));
    let hosted = query.hosted.is_some();
    let ended = match visit.session.status(state.hub.now()) {
        SessionStatus::Completed => Some(HostedState::Completed),
        SessionStatus::Expired => Some(HostedState::Expired),
        SessionStatus::Cancelled => Some(HostedState::Cancelled),
        SessionStatus::Open => None,
    };
    let mut done = None;
    if let Some(end) = ended.filter(|_| hosted) {
        let page = hosted_end(Some(&visit), end, state.hub.standings(&visit).await?);
        // While its token is good, a finished link goes on showing what is connected.
        let goes_on = end == HostedState::Completed && visit.goes_on(state.hub.now());
        if !goes_on {
            return Ok(html(&state, locale, StatusCode::OK, &page, &ALONE));
        }
        done = Some(page);
    }
    let origins = if hosted { Vec::new() } else { visit.origins() };
    let shell = FrameShell {
        session: visit.session.id.to_string(),
        origins: origins.clone(),
        mode: if hosted { FrameMode::Hosted } else { FrameMode::Frame },
        host_app: visit.host_app(),
        look: Look::of(&visit.theme()),
        done,
    };
    let policy = Policy { framed_by: &origins, leads_to: None, keeps_opener: false };
    Ok(html(&state, locale, StatusCode::OK, &shell, &policy))
}

fn hosted_end(visit: Option<&Visit>, end: HostedState, standings: Vec<Standing>) -> HostedDonePage {
    let done = standings
        .into_iter()
        .filter(Standing::is_done)
        .map(|standing| ConnectedAccount { connector: build::app(&standing), account: standing.account });
    HostedDonePage {
        host_app: visit.map(Visit::host_app),
        look: visit.map(|visit| Look::of(&visit.theme())).unwrap_or_default(),
        state: end,
        accounts: done.collect(),
        return_url: visit.and_then(Visit::return_url).map(str::to_owned),
    }
}

/// Which page the script wants.
#[derive(Debug, Deserialize)]
pub(super) struct PageQuery {
    connector: Option<String>,
    method: Option<Method>,
    result: Option<String>,
    /// Asks whether to disconnect.
    disconnect: Option<String>,
    /// Wants the overview even where there is one connector.
    overview: Option<String>,
}

/// What the host page wants of all that the session allows: it may narrow it, never widen it.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Narrowing {
    integration: Option<String>,
    /// Keys, with commas between.
    connectors: Option<String>,
}

/// `GET /connect/page`: the page that is due.
pub(super) async fn show_page(
    State(state): State<HttpState>,
    visitor: Visitor,
    Query(query): Query<PageQuery>,
    Query(narrowing): Query<Narrowing>,
) -> Result<Response, Problem> {
    let (setting, standings) = setting_of(&state, &visitor, &narrowing).await?;
    let named = query.connector.as_deref().and_then(|key| standings.iter().find(|s| s.connector == key));
    match (named, standings.as_slice()) {
        (Some(standing), _) if query.disconnect.is_some() => {
            let page = build::disconnect(&setting, standing).ok_or(Error::NotFound)?;
            Ok(fragment(&state, setting.locale, &page))
        }
        (Some(standing), _) if query.result.is_some() => Ok(outcome(&state, &setting, &standings, standing)),
        (Some(standing), _) => ask(&state, &visitor, &setting, &standing.connector, query.method).await,
        (None, _) if query.connector.is_some() => Err(Error::NotFound.into()),
        (None, _) if query.overview.is_some() && visitor.hosted => {
            Ok(fragment(&state, setting.locale, &build::choose(&setting, &standings, true)))
        }
        (None, [only]) if only.is_done() => Ok(outcome(&state, &setting, &standings, only)),
        (None, [only]) => ask(&state, &visitor, &setting, &only.connector, query.method).await,
        (None, _) => {
            Ok(fragment(&state, setting.locale, &build::choose(&setting, &standings, visitor.hosted)))
        }
    }
}

async fn setting_of(
    state: &HttpState,
    visitor: &Visitor,
    narrowing: &Narrowing,
) -> Result<(Setting, Vec<Standing>), Error> {
    let visit = &visitor.visit;
    let mut standings = state.hub.standings(visit).await?;
    let own = visit.session.integration.as_deref();
    let other = narrowing.integration.as_deref().filter(|slug| own != Some(*slug));
    let integration = state.hub.integration_shown(visit, other).await?;
    let allowed_none = |pointer: &str| {
        Error::invalid(pointer, "not_allowed", "The connect session allows none of the connectors asked for.")
    };
    if let (Some(_), Some(integration)) = (other, &integration) {
        let needs = &integration.connectors;
        standings.retain(|standing| needs.iter().any(|need| need.connector == standing.connector));
        if standings.is_empty() {
            return Err(allowed_none("/integration"));
        }
    }
    if let Some(wanted) = &narrowing.connectors {
        let wanted: Vec<&str> = wanted.split(',').collect();
        standings.retain(|standing| wanted.contains(&standing.connector.as_str()));
        if standings.is_empty() {
            return Err(allowed_none("/connectors"));
        }
    }
    let name = integration.map(|integration| integration.name);
    let several = standings.len() > 1;
    Ok((build::setting(visit, name, several, visitor.locale), standings))
}

async fn ask(
    state: &HttpState,
    visitor: &Visitor,
    setting: &Setting,
    key: &str,
    method: Option<Method>,
) -> Result<Response, Problem> {
    let offer = state.hub.offer(&visitor.visit, key, method).await?;
    Ok(if is_sign_in(offer.method) {
        fragment(state, setting.locale, &build::sign_in(setting, offer))
    } else {
        fragment(state, setting.locale, &build::key(setting, offer))
    })
}

fn outcome(state: &HttpState, setting: &Setting, standings: &[Standing], standing: &Standing) -> Response {
    let progress = standing.result.as_ref().map(|result| result.progress);
    if progress == Some(Progress::Failed) {
        return fragment(state, setting.locale, &build::failed(setting, standing));
    }
    let note = (progress == Some(Progress::Waiting)).then_some(DoneNote::Pending);
    let page = build::done(setting, standings, Some(standing), note, None);
    fragment(state, setting.locale, &page)
}

/// What the form of a key sends.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct TypedIn {
    connector: String,
    method: Method,
    data: Map<String, Value>,
}

/// `POST /connect/credentials`: tests and stores what was typed. A form with mistakes comes back as a page.
pub(super) async fn submit_credential(
    State(state): State<HttpState>,
    visitor: Visitor,
    Query(narrowing): Query<Narrowing>,
    JsonBody(typed): JsonBody<TypedIn>,
) -> Result<Response, Problem> {
    let (connector, method) = (typed.connector.clone(), typed.method);
    let offer = state.hub.offer(&visitor.visit, &connector, Some(method)).await?;
    let typed = Typed { connector: typed.connector, method, data: typed.data, hosted: visitor.hosted };
    let shown = typed.shown_again(&offer.fields);
    let stored = state.hub.connect_typed(&visitor.visit, typed).await;
    let (setting, standings) = setting_of(&state, &visitor, &narrowing).await?;
    let mut page = build::key(&setting, offer);
    for field in &mut page.fields {
        let value = shown.iter().find(|(name, _)| *name == field.name);
        field.value = value.map(|(_, value)| value.clone());
    }
    match stored {
        Ok(TypedOutcome::Stored { warnings, pending, return_url, .. }) => {
            let standing = standings.iter().find(|standing| standing.connector == connector);
            let note = match (pending, warnings.as_slice()) {
                (true, _) => Some(DoneNote::Pending),
                (false, []) => None,
                (false, _) => Some(DoneNote::MissingPermission { access: Vec::new() }),
            };
            let page = build::done(&setting, &standings, standing, note, return_url);
            return Ok(fragment(&state, setting.locale, &page));
        }
        Ok(TypedOutcome::OtherAccount { expected, found }) => {
            page.problem = Some(KeyProblem::OtherAccount { expected, found });
        }
        Err(Error::Invalid(violations)) => {
            for violation in violations {
                let name = violation.pointer.rsplit('/').next().unwrap_or_default();
                if let Some(field) = page.fields.iter_mut().find(|field| field.name == name) {
                    field.error =
                        Some(build::field_error(setting.locale, violation.code, &violation.message));
                }
            }
        }
        Err(error) => {
            let problem = match &error {
                Error::Refused { code, app_status, .. } => {
                    build::key_problem(*code, *app_status, &page.fields)
                }
                _ => None,
            };
            let Some(problem) = problem else {
                return Err(error.into());
            };
            page.problem = Some(problem);
        }
    }
    Ok(fragment(&state, setting.locale, &page))
}

/// What is to be disconnected.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct DisconnectIn {
    credential_id: CredentialId,
}

/// `POST /connect/disconnect`: takes back what the user has connected, and shows what is left.
pub(super) async fn disconnect(
    State(state): State<HttpState>,
    visitor: Visitor,
    JsonBody(wanted): JsonBody<DisconnectIn>,
) -> Result<Response, Problem> {
    state.hub.disconnect(&visitor.visit, wanted.credential_id).await?;
    let (setting, standings) = setting_of(&state, &visitor, &Narrowing::default()).await?;
    Ok(fragment(&state, setting.locale, &build::choose(&setting, &standings, true)))
}

/// What a sign-in page sends.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct TicketIn {
    connector: String,
    #[serde(default, rename = "method")]
    _method: Option<Method>,
    #[serde(default)]
    data: Map<String, Value>,
}

/// `POST /connect/tickets`: a ticket for the popup.
pub(super) async fn create_ticket(
    State(state): State<HttpState>,
    visitor: Visitor,
    JsonBody(wanted): JsonBody<TicketIn>,
) -> Result<Response, Problem> {
    let made = state.hub.create_ticket(&visitor.visit, &wanted.connector, &wanted.data, visitor.hosted).await;
    let made = made.map_err(|error| in_words(error, visitor.locale))?;
    Ok(Json(json!({
        "ticket": made.ticket.expose(),
        "nonce": made.nonce.expose(),
        "startUrl": format!("/connect/start?ticket={}", made.ticket.expose()),
        "expiresIn": made.expires_in,
    }))
    .into_response())
}

fn in_words(error: Error, locale: Locale) -> Error {
    match error {
        Error::Invalid(mut violations) => {
            for violation in &mut violations {
                violation.message = build::field_error(locale, violation.code, &violation.message);
            }
            Error::Invalid(violations)
        }
        other => other,
    }
}
