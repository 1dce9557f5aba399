//! The browser's way to the app and back: start page, handshake or interstitial, callback. Works without a script.

use std::sync::Arc;

use axum::Json;
use axum::body::Body;
use axum::extract::{Path, RawQuery, State};
use axum::http::header::{LOCATION, RETRY_AFTER, SET_COOKIE};
use axum::http::{Extensions, HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use serde::Deserialize;
use serde_json::json;
use tracing::Instrument as _;
use url::form_urlencoded;
use vouchsafe_entity::id::{ConnectorId, FlowId};

use super::answer::{POPUP, Policy, html};
use super::build::failure;
use super::page::{
    CallbackOutcome, CallbackPage, ConfirmationCode, Connector, Failure, FailureReason, InterstitialPage,
    Look,
};
use super::visitor::{cookie_of, ensure_own_site, flow_cookie, flow_cookies, locale, origin};
use crate::http::extract::{JsonBody, read_body};
use crate::http::{HttpState, Problem};
use crate::service::connect::{Asked, Begun, CallbackAnswer, Returned};
use crate::service::{Code, Error};

/// `GET /connect/start`: takes the ticket, binds the browser, and asks opener or user.
pub(super) async fn start_flow(
    State(state): State<HttpState>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
    extensions: Extensions,
) -> Response {
    let pairs = pairs(query.as_deref().unwrap_or_default().as_bytes());
    let value = |name: &str| pairs.iter().find(|(other, _)| other == name).map(|(_, value)| value.as_str());
    let redirect = value("mode") == Some("redirect");
    let origin = origin(&headers, &extensions, &state);
    let started = match state.hub.start_flow(value("ticket").unwrap_or_default(), redirect, origin).await {
        Ok(started) => started,
        Err(error) => return refusal(&state, &headers, &error),
    };
    let page = InterstitialPage {
        host_app: started.visit.host_app(),
        look: Look::of(&started.visit.theme()),
        connector: Connector::new(&started.connector, &started.provider).with_icon(started.icon.as_deref()),
        user: started.visit.user.display_name().to_owned(),
        flow: started.flow.to_string(),
        handshake: started.handshake,
        opener_only: started.visit.needs_opener(),
        busy: false,
    };
    let locale = locale(&headers, started.visit.session.locale.as_deref());
    let policy = Policy { leads_to: Some(&started.authorization_origin), ..POPUP };
    let mut response = html(&state, locale, StatusCode::OK, &page, &policy);
    if let Some(cookie) = flow_cookie(&state, started.flow, &started.cookie, started.form_post) {
        response.headers_mut().append(SET_COOKIE, cookie);
    }
    response
}

/// What the start page's script sends.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct HandshakeIn {
    flow: String,
    nonce: String,
}

/// `POST /connect/start/handshake`: the opener proved that it is our frame.
pub(super) async fn shake_hands(
    State(state): State<HttpState>,
    headers: HeaderMap,
    extensions: Extensions,
    JsonBody(given): JsonBody<HandshakeIn>,
) -> Result<Response, Problem> {
    ensure_own_site(&headers)?;
    let flow: FlowId = given.flow.parse().map_err(|_| Error::NotFound)?;
    let cookie = cookie_of(&headers, &state, flow);
    let origin = origin(&headers, &extensions, &state);
    let begun = state.hub.shake_hands(flow, &cookie, &given.nonce, origin).await?;
    Ok(Json(json!({ "location": begun.location.as_str() })).into_response())
}

/// What a form of these pages sends. Nobody but them should, so what is missing is as good as wrong.
struct FlowForm(Vec<(String, String)>);

impl FlowForm {
    fn read(body: &[u8]) -> Self {
        Self(pairs(body))
    }

    fn value(&self, name: &str) -> &str {
        self.0.iter().find(|(other, _)| other == name).map_or("", |(_, value)| value)
    }
}

/// `POST /connect/start/continue`: the user read who asks, and goes on.
pub(super) async fn go_on(
    State(state): State<HttpState>,
    headers: HeaderMap,
    extensions: Extensions,
    body: Bytes,
) -> Response {
    let origin = origin(&headers, &extensions, &state);
    let (flow, cookie) = match held(&state, &headers, &FlowForm::read(&body)) {
        Ok(held) => held,
        Err(error) => return refusal(&state, &headers, &error),
    };
    match state.hub.go_on(flow, &cookie, origin.clone()).await {
        Ok(begun) => see_other(&begun),
        Err(Error::Refused { code: Code::ProviderBusy, retry_after, .. }) => {
            match state.hub.asked_flow(flow, &cookie, origin).await {
                Ok(asked) => ask_again(&state, &headers, &asked, retry_after),
                Err(error) => refusal(&state, &headers, &error),
            }
        }
        Err(error) => refusal(&state, &headers, &error),
    }
}

/// The page that says who asks, once more: the app had no turn for the user who went on.
fn ask_again(state: &HttpState, headers: &HeaderMap, asked: &Asked, retry_after: Option<u64>) -> Response {
    let page = InterstitialPage {
        host_app: asked.visit.host_app(),
        look: Look::of(&asked.visit.theme()),
        connector: Connector::new(&asked.connector, &asked.provider).with_icon(asked.icon.as_deref()),
        user: asked.visit.user.display_name().to_owned(),
        flow: asked.flow.to_string(),
        handshake: false,
        opener_only: asked.visit.needs_opener(),
        busy: true,
    };
    let locale = locale(headers, asked.visit.session.locale.as_deref());
    let policy = Policy { leads_to: Some(&asked.authorization_origin), ..POPUP };
    later(html(state, locale, StatusCode::TOO_MANY_REQUESTS, &page, &policy), retry_after)
}

/// Says when to try again, where that is known.
fn later(mut response: Response, seconds: Option<u64>) -> Response {
    if let Some(seconds) = seconds {
        response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(seconds));
    }
    response
}

/// `POST /connect/start/cancel`: the user does not want to.
pub(super) async fn decline(
    State(state): State<HttpState>,
    headers: HeaderMap,
    extensions: Extensions,
    body: Bytes,
) -> Response {
    let origin = origin(&headers, &extensions, &state);
    let declined = match held(&state, &headers, &FlowForm::read(&body)) {
        Ok((flow, cookie)) => state.hub.decline(flow, &cookie, origin).await,
        Err(error) => Err(error),
    };
    ended(&state, &headers, declined)
}

/// `POST /connect/account`: whether another account may take the place of the old.
pub(super) async fn decide_account(
    State(state): State<HttpState>,
    headers: HeaderMap,
    extensions: Extensions,
    body: Bytes,
) -> Response {
    let origin = origin(&headers, &extensions, &state);
    let form = FlowForm::read(&body);
    let accept = form.value("decision") == "accept";
    let decided = match held(&state, &headers, &form) {
        Ok((flow, cookie)) => state.hub.decide_account(flow, &cookie, accept, origin).await,
        Err(error) => Err(error),
    };
    ended(&state, &headers, decided)
}

fn held(state: &HttpState, headers: &HeaderMap, form: &FlowForm) -> Result<(FlowId, String), Error> {
    ensure_own_site(headers)?;
    let flow: FlowId = form.value("flow").parse().map_err(|_| Error::NotFound)?;
    let cookie = cookie_of(headers, state, flow);
    Ok((flow, cookie))
}

fn see_other(begun: &Begun) -> Response {
    let Ok(mut location) = HeaderValue::from_str(begun.location.as_str()) else {
        return Problem::internal().into_response();
    };
    location.set_sensitive(true);
    (StatusCode::SEE_OTHER, [(LOCATION, location)]).into_response()
}

/// `GET /oauth/callback/{connectorId}`.
pub(super) async fn finish_flow(
    State(state): State<HttpState>,
    Path(connector): Path<String>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
    extensions: Extensions,
) -> Response {
    let pairs = pairs(query.as_deref().unwrap_or_default().as_bytes());
    finish(&state, &connector, &pairs, &headers, &extensions).await
}

/// `POST /oauth/callback/{connectorId}`, for apps that answer by form post.
pub(super) async fn finish_flow_by_form(
    State(state): State<HttpState>,
    Path(connector): Path<String>,
    headers: HeaderMap,
    extensions: Extensions,
    body: Body,
) -> Response {
    // The answer has no time limit; what is sent has.
    let read = tokio::time::timeout(state.handler_timeout, read_body(body)).await;
    match read.unwrap_or_else(|_| Err(Problem::timeout())) {
        Ok(body) => finish(&state, &connector, &pairs(&body), &headers, &extensions).await,
        Err(problem) => problem.into_response(),
    }
}

async fn finish(
    state: &HttpState,
    connector: &str,
    pairs: &[(String, String)],
    headers: &HeaderMap,
    extensions: &Extensions,
) -> Response {
    let Ok(connector) = connector.parse::<ConnectorId>() else {
        return refusal(state, headers, &Error::NotFound);
    };
    let cookies = flow_cookies(headers, state);
    let origin = origin(headers, extensions, state);
    // Once the flow is taken its code must be exchanged, whether or not the browser waits for the page.
    let (hub, pairs) = (Arc::clone(&state.hub), pairs.to_vec());
    let finishing = async move { hub.finish_flow(connector, &pairs, &cookies, origin).await };
    match state.hub.spawn(finishing.in_current_span()).await {
        Ok(finished) => ended(state, headers, finished),
        Err(_) => Problem::internal().into_response(),
    }
}

fn pairs(bytes: &[u8]) -> Vec<(String, String)> {
    form_urlencoded::parse(bytes).into_owned().collect()
}

/// How a flow ended, or why it did not.
fn ended(state: &HttpState, headers: &HeaderMap, ended: Result<Returned, Error>) -> Response {
    match ended {
        Ok(returned) => callback(state, headers, returned),
        Err(error) => refusal(state, headers, &error),
    }
}

fn callback(state: &HttpState, headers: &HeaderMap, returned: Returned) -> Response {
    let locale = locale(headers, returned.visit.session.locale.as_deref());
    let failed = matches!(returned.answer, CallbackAnswer::Failed { .. });
    let outcome = match returned.answer {
        CallbackAnswer::Completed { account, .. } => CallbackOutcome::Completed { account },
        CallbackAnswer::Failed { code, message } => {
            CallbackOutcome::Failed { failure: failure(&code, message) }
        }
        CallbackAnswer::OtherAccount { expected, found } => {
            CallbackOutcome::ConfirmAccount { expected, found, action: "/connect/account".to_owned() }
        }
    };
    let status = match &outcome {
        CallbackOutcome::Failed { failure: Failure { reason: FailureReason::Unexpected, .. } } => {
            StatusCode::INTERNAL_SERVER_ERROR
        }
        CallbackOutcome::Failed { .. }
        | CallbackOutcome::Completed { .. }
        | CallbackOutcome::ConfirmAccount { .. } => StatusCode::OK,
    };
    // A hosted page with more to do, or a failure to try again, goes on there; with a code to hand over, the host
    // app comes first.
    let more = returned.visit.session.needs.len() > 1 || failed;
    let goes_on = returned.hosted && more && returned.confirmation_code.is_none();
    let hosted_page = format!("/connect?session={}&hosted=1", returned.visit.session.id);
    let has_return = returned.return_url.is_some();
    let app = Connector::new(&returned.connector, &returned.provider).with_icon(returned.icon.as_deref());
    let page = CallbackPage {
        host_app: returned.visit.host_app(),
        look: Look::of(&returned.visit.theme()),
        connector: Some(app),
        outcome,
        flow: Some(returned.flow.to_string()),
        confirmation: returned.confirmation_code.map(|code| ConfirmationCode::new(code.expose())),
        return_url: returned.return_url.filter(|_| !goes_on),
        continue_url: (goes_on || (returned.hosted && !has_return)).then_some(hosted_page),
    };
    html(state, locale, status, &page, &POPUP)
}

/// A page that says why a browser can't go on. Nothing of a flow is shown to a browser that it does not belong to.
fn refusal(state: &HttpState, headers: &HeaderMap, error: &Error) -> Response {
    let (status, reason, code) = match error {
        Error::Refused { code: Code::FlowRefused, .. } => {
            (StatusCode::BAD_REQUEST, FailureReason::WrongBrowser, Code::FlowRefused.as_str())
        }
        Error::Refused { code: Code::BindingTooWeak, .. } => {
            (StatusCode::BAD_REQUEST, FailureReason::WrongBrowser, Code::BindingTooWeak.as_str())
        }
        Error::Refused { code: Code::SessionExpired, .. } => {
            (StatusCode::BAD_REQUEST, FailureReason::TimedOut, Code::SessionExpired.as_str())
        }
        Error::Refused { code: Code::ProviderBusy, .. } => {
            (StatusCode::TOO_MANY_REQUESTS, FailureReason::Busy, Code::ProviderBusy.as_str())
        }
        Error::Refused { code: Code::KeyUnavailable, .. } => {
            let code = Code::KeyUnavailable.as_str();
            (StatusCode::INTERNAL_SERVER_ERROR, FailureReason::Unexpected, code)
        }
        Error::Refused { code, .. } => (StatusCode::BAD_REQUEST, FailureReason::Unavailable, code.as_str()),
        Error::Invalid(_) => (StatusCode::BAD_REQUEST, FailureReason::Unexpected, "invalid_request"),
        Error::NotFound => (StatusCode::NOT_FOUND, FailureReason::Unexpected, "not_found"),
        Error::Store(_) | Error::Internal(_) => {
            tracing::error!(error = error as &dyn std::error::Error, "a sign-in could not go on");
            (StatusCode::INTERNAL_SERVER_ERROR, FailureReason::Unexpected, "internal_error")
        }
    };
    let page = CallbackPage {
        host_app: "the app you came from".to_owned(),
        look: Look::default(),
        connector: None,
        outcome: CallbackOutcome::Failed {
            failure: Failure { reason, code: code.to_owned(), app_message: None },
        },
        flow: None,
        confirmation: None,
        return_url: None,
        continue_url: None,
    };
    let retry_after = match error {
        Error::Refused { retry_after, .. } => *retry_after,
        Error::Invalid(_) | Error::NotFound | Error::Store(_) | Error::Internal(_) => None,
    };
    later(html(state, locale(headers, None), status, &page, &POPUP), retry_after)
}
