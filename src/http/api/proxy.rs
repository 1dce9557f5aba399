//! Calls to apps through the hub: what is the hub's is read from the headers, the rest is passed on as it is.

use axum::body::Body;
use axum::extract::{FromRequestParts as _, Request, State};
use axum::response::{IntoResponse as _, Response};
use http::header::{ALLOW, HeaderName};
use http::request::Parts;
use http::{HeaderMap, HeaderValue, Method};
use http_body_util::BodyExt as _;

use crate::http::extract::{Caller, Proxy};
use crate::http::layers::FromApp;
use crate::http::{HttpState, Problem};
use crate::service::proxy::{Call, Via};
use crate::service::{Code, Error};

const CREDENTIAL: HeaderName = HeaderName::from_static("vouchsafe-credential");
const USER: HeaderName = HeaderName::from_static("vouchsafe-user");
const CONNECTOR: HeaderName = HeaderName::from_static("vouchsafe-connector");
const HOST: HeaderName = HeaderName::from_static("vouchsafe-host");
const URL: HeaderName = HeaderName::from_static("vouchsafe-url");
const INTEGRATION: HeaderName = HeaderName::from_static("vouchsafe-integration");
const RESOLVE: HeaderName = HeaderName::from_static("vouchsafe-resolve");
const UPSTREAM_AUTHORIZATION: HeaderName = HeaderName::from_static("vouchsafe-authorization");

/// Every method that goes on.
const METHODS: HeaderValue = HeaderValue::from_static("GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS");

/// Calls an app with a credential put in. Every method is passed on, and so are body, query and headers, as they are;
/// status, headers and body come back as the app sends them. A refusal of the hub has the header `Vouchsafe-Error`.
#[utoipa::path(
    get, path = "/proxy/{path}", tag = "proxy", security(("key" = ["proxy"])),
    params(
        ("path" = String, Path, description = "Put behind the provider's base address; may have slashes"),
        ("Vouchsafe-Credential" = Option<String>, Header, description = "The credential, `cred_…`"),
        ("Vouchsafe-User" = Option<String>, Header, description = "Or the user, with `Vouchsafe-Connector`"),
        ("Vouchsafe-Connector" = Option<String>, Header, description = "The connector's key"),
        ("Vouchsafe-Host" = Option<String>, Header, description = "Another of the provider's allowed hosts; the path begins at its root then"),
        ("Vouchsafe-Url" = Option<String>, Header, description = "Instead of a credential: an address to which every secret in the call may go"),
        ("Vouchsafe-Authorization" = Option<String>, Header, description = "With `Vouchsafe-Url`: sent as `Authorization`; may hold references"),
        ("Vouchsafe-Integration" = Option<String>, Header, description = "The integration that the call is for, for the scope of secrets"),
        ("Vouchsafe-Resolve" = Option<String>, Header, description = "`body`: references in a JSON or form body are replaced too")
    ),
    responses(
        (status = 200, description = "Whatever the app answers, with its own status"),
        (status = 400, description = "`target_missing`, `path_refused`, `upgrade_not_supported`, `connector_incomplete`, `secret_missing`, `secret_inactive`, `secret_expired`, `secret_revoked`, `secret_out_of_scope`, `secret_wrong_environment`, `secret_wrong_issuer`, `secret_host_not_allowed`"),
        (status = 403, description = "`scope_missing`, `host_not_allowed`"),
        (status = 404, description = "No such credential, user, connector or integration"),
        (status = 409, description = "`credential_expired`, `credential_inactive`, `credential_pending`, `credential_revoked`"),
        (status = 429, description = "`rate_limited`: too many at once, or the app asked to wait"),
        (status = 502, description = "`provider_unreachable`"),
        (status = 503, description = "`refresh_pending`, `connector_failing`"),
        (status = 504, description = "`provider_timeout`")
    )
)]
pub(in crate::http) async fn call_app(State(state): State<HttpState>, request: Request) -> Response {
    let (mut parts, body) = request.into_parts();
    let caller = match Caller::<Proxy>::from_request_parts(&mut parts, &state).await {
        Ok(caller) => caller,
        Err(problem) => return problem.into_response(),
    };
    if matches!(parts.method, Method::CONNECT | Method::TRACE) {
        let mut refused = unread(&caller, &parts, Problem::method_not_allowed()).await;
        refused.headers_mut().insert(ALLOW, METHODS);
        return refused;
    }
    let call = match read(&mut parts, body) {
        Ok(call) => call,
        Err(error) => return unread(&caller, &parts, error.into()).await,
    };
    match caller.hub.proxy_call(&caller.actor, call).await {
        Ok(answer) => {
            let mut answer = answer.map(Body::new);
            answer.extensions_mut().insert(FromApp);
            answer
        }
        Err(error) => Problem::from(error).into_response(),
    }
}

/// The refusal of a call that can't be read, once it is written down.
async fn unread(caller: &Caller<Proxy>, parts: &Parts, problem: Problem) -> Response {
    caller.hub.note_unread_call(&caller.actor, &parts.method, path_of(parts), problem.code()).await;
    problem.into_response()
}

/// What stands behind `/proxy/`.
fn path_of(parts: &Parts) -> &str {
    let path = parts.uri.path();
    let path = path.strip_prefix("/proxy").unwrap_or(path);
    path.strip_prefix('/').unwrap_or(path)
}

/// The call as its parts say it; they keep what is in them where it can't be read.
fn read(parts: &mut Parts, body: Body) -> Result<Call, Error> {
    let headers = &parts.headers;
    let via = target(headers)?;
    let host = one(headers, &HOST)?;
    if host.is_some() && matches!(via, Via::Address(_)) {
        return Err(target_missing("Vouchsafe-Url names a host already; leave Vouchsafe-Host out."));
    }
    let resolve_body = match one(headers, &RESOLVE)?.as_deref() {
        None => false,
        Some("body") => true,
        Some(_) => {
            return Err(Error::invalid("/vouchsafe-resolve", "unknown", "Write `body`, or leave it out."));
        }
    };
    let authorization = match one(headers, &UPSTREAM_AUTHORIZATION)? {
        None => None,
        Some(_) if !matches!(via, Via::Address(_)) => {
            let message =
                "This goes with Vouchsafe-Url alone; a credential brings an Authorization of its own.";
            return Err(Error::invalid(
                format!("/{UPSTREAM_AUTHORIZATION}"),
                "not_with_a_credential",
                message,
            ));
        }
        Some(text) => Some(HeaderValue::try_from(text).map_err(|_| unreadable(&UPSTREAM_AUTHORIZATION))?),
    };
    let integration = one(headers, &INTEGRATION)?;
    Ok(Call {
        path: path_of(parts).to_owned(),
        query: parts.uri.query().map(str::to_owned),
        integration,
        via,
        host,
        authorization,
        resolve_body,
        method: parts.method.clone(),
        headers: std::mem::take(&mut parts.headers),
        body: body.map_err(Into::into).boxed_unsync(),
    })
}

/// What the call goes with: exactly one way of naming it.
fn target(headers: &HeaderMap) -> Result<Via, Error> {
    let found = [&CREDENTIAL, &USER, &CONNECTOR, &URL].map(|name| one(headers, name));
    let [credential, user, connector, address] = found;
    match (credential?, user?, connector?, address?) {
        (Some(id), None, None, None) => Ok(Via::Credential(id)),
        (None, Some(user), Some(connector), None) => Ok(Via::User { user, connector }),
        (None, None, None, Some(address)) => Ok(Via::Address(address)),
        (None, None, None, None) => Err(target_missing(
            "Say what the call goes with: Vouchsafe-Credential, Vouchsafe-User and Vouchsafe-Connector, or Vouchsafe-Url.",
        )),
        (None, _, _, None) => Err(target_missing("Vouchsafe-User and Vouchsafe-Connector go together.")),
        _ => Err(target_missing("The call names its target in two ways at once; leave one out.")),
    }
}

fn target_missing(detail: &str) -> Error {
    Error::refused(Code::TargetMissing, detail)
}

/// The only value of a header that is the hub's.
fn one(headers: &HeaderMap, name: &HeaderName) -> Result<Option<String>, Error> {
    let mut sent = headers.get_all(name).iter();
    match (sent.next(), sent.next()) {
        (None, _) => Ok(None),
        (Some(only), None) => {
            let text = only.to_str().map_err(|_| unreadable(name))?.trim();
            if text.is_empty() { Err(unreadable(name)) } else { Ok(Some(text.to_owned())) }
        }
        (Some(_), Some(_)) => {
            Err(Error::invalid(format!("/{name}"), "repeated", "This header is there twice."))
        }
    }
}

fn unreadable(name: &HeaderName) -> Error {
    Error::invalid(format!("/{name}"), "invalid_characters", "Write this header in visible ASCII.")
}
