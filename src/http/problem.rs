//! Refusals as callers see them: `application/problem+json` (RFC 9457), and the one table from reasons to statuses.
//!
//! What a caller sees and what the log sees are separate: internal errors are logged here, once, with their whole
//! chain, and shown as a plain sentence.

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use http::header::{ALLOW, CONTENT_LENGTH, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderValue, StatusCode};
use serde::Serialize;
use utoipa::ToSchema;

use crate::service::{Code, Error, Violation};

/// The media type of problems.
pub(super) const PROBLEM_JSON: HeaderValue = HeaderValue::from_static("application/problem+json");

/// Why a request was refused. The outermost layer writes its body, since only there the request's id is at hand.
#[derive(Clone, Debug)]
pub struct Problem {
    status: StatusCode,
    code: &'static str,
    detail: String,
    errors: Vec<Violation>,
    retry_after: Option<u64>,
}

/// The body of every answer that is no success (RFC 9457).
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Problem)]
pub(super) struct ProblemOut<'a> {
    /// `urn:vouchsafe:problem:` and the code.
    #[serde(rename = "type")]
    #[schema(example = "urn:vouchsafe:problem:not_found")]
    kind: String,
    /// The code in words.
    #[schema(example = "Not found")]
    title: String,
    /// The HTTP status.
    #[schema(example = 404)]
    status: u16,
    /// What happened and what to do.
    #[schema(example = "There is nothing here, or nothing that this key can see.")]
    detail: &'a str,
    /// A stable word to branch on.
    #[schema(example = "not_found")]
    code: &'static str,
    /// The same text as `detail`.
    #[schema(example = "There is nothing here, or nothing that this key can see.")]
    message: &'a str,
    /// What to name when asking for help; also in `X-Request-Id`.
    request_id: &'a str,
    /// What is wrong with the input, where it is about members of it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    errors: Vec<ViolationOut<'a>>,
}

/// One mistake in the input.
#[derive(Serialize, ToSchema)]
#[schema(as = Violation)]
struct ViolationOut<'a> {
    /// Where (RFC 6901); a query parameter is `/name`.
    #[schema(example = "/username")]
    pointer: &'a str,
    /// A stable word.
    #[schema(example = "required")]
    code: &'static str,
    /// What to do.
    #[schema(example = "This is required.")]
    message: &'a str,
}

impl Problem {
    fn new(status: StatusCode, code: &'static str, detail: impl Into<String>) -> Self {
        Self { status, code, detail: detail.into(), errors: Vec::new(), retry_after: None }
    }

    /// Input with mistakes.
    pub fn invalid(errors: Vec<Violation>) -> Self {
        let detail = match errors.as_slice() {
            [one] if one.pointer.is_empty() => one.message.clone(),
            [one] => format!("{}: {}", one.pointer, one.message),
            many => format!("The request has {} mistakes; see `errors`.", many.len()),
        };
        Self { errors, ..Self::new(StatusCode::BAD_REQUEST, "invalid_request", detail) }
    }

    /// One mistake in the input.
    pub fn invalid_at(pointer: impl Into<String>, code: &'static str, message: impl Into<String>) -> Self {
        Self::invalid(vec![Violation::new(pointer, code, message)])
    }

    /// Nothing there, or nothing that the caller may know of: the same answer for both.
    pub fn not_found() -> Self {
        let detail = "There is nothing here, or nothing that this key can see.";
        Self::new(StatusCode::NOT_FOUND, "not_found", detail)
    }

    /// A key without `scope`.
    pub fn scope_missing(scope: &str) -> Self {
        let detail = format!("This key lacks the scope `{scope}`.");
        Self::new(status_of(Code::ScopeMissing), Code::ScopeMissing.as_str(), detail)
    }

    /// Another method than the path has; the router names those in `Allow`.
    pub fn method_not_allowed() -> Self {
        let detail = "This path has other methods; see the `Allow` header.";
        Self::new(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", detail)
    }

    /// A body of another media type.
    pub fn unsupported_media_type() -> Self {
        let detail = "Send the body as `Content-Type: application/json`.";
        Self::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported_media_type", detail)
    }

    /// A body beyond the limit.
    pub fn body_too_large() -> Self {
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, "body_too_large", "A body has at most 1 MiB.")
    }

    /// A fault of the hub. Its cause is logged by whoever saw it.
    pub fn internal() -> Self {
        let detail = "Something went wrong in the hub. Its log has the details under this request id.";
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "internal_error", detail)
    }

    /// No answer in time. What waits so long is an app behind the hub: the database gives up sooner.
    pub fn timeout() -> Self {
        let detail = "The app behind took too long to answer.";
        Self::new(StatusCode::GATEWAY_TIMEOUT, "provider_timeout", detail)
    }

    /// The hub cannot serve at present.
    pub fn not_ready() -> Self {
        let detail = "The hub can't serve at present: its database or keys are not available.";
        Self { retry_after: Some(1), ..Self::new(StatusCode::SERVICE_UNAVAILABLE, "internal_error", detail) }
    }

    /// The problem that stands for a bare status, as libraries answer it.
    fn of_status(status: StatusCode) -> Self {
        match status {
            StatusCode::NOT_FOUND => Self::not_found(),
            StatusCode::METHOD_NOT_ALLOWED => Self::method_not_allowed(),
            StatusCode::PAYLOAD_TOO_LARGE => Self::body_too_large(),
            StatusCode::UNSUPPORTED_MEDIA_TYPE => Self::unsupported_media_type(),
            status if status.is_client_error() => {
                Self::new(status, "invalid_request", "The request can't be read.")
            }
            status => Self { status, ..Self::internal() },
        }
    }

    /// The code.
    pub(super) fn code(&self) -> &'static str {
        self.code
    }

    /// What happened and what to do.
    pub(super) fn detail(&self) -> &str {
        &self.detail
    }

    /// The status.
    pub fn status(&self) -> StatusCode {
        self.status
    }

    fn body<'a>(&'a self, request_id: &'a str) -> Vec<u8> {
        let violation = |violation: &'a Violation| ViolationOut {
            pointer: &violation.pointer,
            code: violation.code,
            message: &violation.message,
        };
        let out = ProblemOut {
            kind: format!("urn:vouchsafe:problem:{}", self.code),
            title: title(self.code),
            status: self.status.as_u16(),
            detail: &self.detail,
            code: self.code,
            message: &self.detail,
            request_id,
            errors: self.errors.iter().map(violation).collect(),
        };
        serde_json::to_vec(&out).unwrap_or_default()
    }
}

/// `credential_expired` as `Credential expired`.
fn title(code: &str) -> String {
    let words = code.replace('_', " ").replace("oauth", "OAuth");
    let mut letters = words.chars();
    letters
        .next()
        .map(|first| first.to_uppercase().collect::<String>() + letters.as_str())
        .unwrap_or_default()
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut response = Response::new(Body::empty());
        *response.status_mut() = self.status;
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, PROBLEM_JSON);
        if self.status == StatusCode::UNAUTHORIZED {
            headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        if let Some(seconds) = self.retry_after {
            headers.insert(RETRY_AFTER, HeaderValue::from(seconds));
        }
        response.extensions_mut().insert(self);
        response
    }
}

/// Writes the body of a problem, now that the request's id is known. A refusal by a library gets one too; pages for
/// browsers stay as they are.
pub(super) fn complete(mut response: Response, request_id: &str) -> Response {
    let status = response.status();
    let problem = response.extensions_mut().remove::<Problem>();
    let problem = match problem {
        Some(problem) => problem,
        None if (status.is_client_error() || status.is_server_error()) && is_bare(&response) => {
            let allow = response.headers().get(ALLOW).cloned();
            let problem = Problem::of_status(status);
            response = problem.clone().into_response();
            response.headers_mut().extend(allow.map(|allow| (ALLOW, allow)));
            problem
        }
        None => return response,
    };
    response.headers_mut().remove(CONTENT_LENGTH);
    *response.body_mut() = Body::from(problem.body(request_id));
    response
}

fn is_bare(response: &Response) -> bool {
    let kind = response.headers().get(CONTENT_TYPE);
    kind.is_none_or(|kind| kind.as_bytes().starts_with(b"text/plain"))
}

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        match error {
            Error::Invalid(errors) => Self::invalid(errors),
            Error::NotFound => Self::not_found(),
            Error::Refused { code, detail, violations, retry_after, .. } => {
                Self { errors: violations, retry_after, ..Self::new(status_of(code), code.as_str(), detail) }
            }
            Error::Store(_) | Error::Internal(_) => {
                tracing::error!(error = &error as &dyn std::error::Error, "a request failed inside the hub");
                Self::internal()
            }
        }
    }
}

/// The status of each reason: 400 for what the caller sent, 401 and 403 for who they are, 409 for the state of what
/// they name, 429 for too much, 500 for the hub, 502 and 503 for the app behind it.
const fn status_of(code: Code) -> StatusCode {
    match code {
        Code::TargetMissing
        | Code::PathRefused
        | Code::UpgradeNotSupported
        | Code::OAuthConnector
        | Code::CredentialRejected
        | Code::ConnectorIncomplete
        | Code::ConnectorDisabled
        | Code::NotRefreshable
        | Code::ConfirmationRefused
        | Code::FlowRefused
        | Code::SignInRefused
        | Code::InvitationOver
        | Code::AccessDenied
        | Code::BindingTooWeak
        | Code::WrongEnvironment
        | Code::ImmutableField
        | Code::SecretMissing
        | Code::ReferenceInactive
        | Code::ReferenceExpired
        | Code::ReferenceRevoked
        | Code::ReferenceOutOfScope
        | Code::ReferenceWrongEnvironment
        | Code::ReferenceWrongIssuer
        | Code::ReferenceHostNotAllowed => StatusCode::BAD_REQUEST,
        Code::Unauthenticated | Code::SessionExpired => StatusCode::UNAUTHORIZED,
        Code::ScopeMissing
        | Code::Forbidden
        | Code::StepUpRequired
        | Code::AuthenticatorRequired
        | Code::SubscriptionRequired
        | Code::ScopeExceeded
        | Code::Restricted
        | Code::HostNotAllowed => StatusCode::FORBIDDEN,
        Code::UsernameTaken
        | Code::MemberTaken
        | Code::LastOwner
        | Code::InUse
        | Code::ChangedMeanwhile
        | Code::KeyTaken
        | Code::SecretExpired
        | Code::SecretRevoked
        | Code::ProviderMissing
        | Code::ProviderChanged
        | Code::CredentialExpired
        | Code::CredentialInactive
        | Code::CredentialPending
        | Code::CredentialRevoked
        | Code::NoCheck
        | Code::ConfirmationExpired
        | Code::AccountChanged
        | Code::TooManyKeys
        | Code::TooManyEndpoints
        | Code::EndpointDisabled
        | Code::IdempotencyMismatch
        | Code::IdempotencyInProgress => StatusCode::CONFLICT,
        Code::UnsupportedMediaType => StatusCode::UNSUPPORTED_MEDIA_TYPE,
        Code::BodyTooLarge => StatusCode::PAYLOAD_TOO_LARGE,
        Code::RateLimited | Code::ProviderBusy | Code::RefreshTooSoon => StatusCode::TOO_MANY_REQUESTS,
        Code::KeyUnavailable => StatusCode::INTERNAL_SERVER_ERROR,
        Code::ProviderUnreachable => StatusCode::BAD_GATEWAY,
        Code::ProviderTimeout => StatusCode::GATEWAY_TIMEOUT,
        Code::ConnectorFailing | Code::RefreshPending | Code::AuditUnavailable => {
            StatusCode::SERVICE_UNAVAILABLE
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_has_a_status_of_an_error() {
        for code in Code::ALL {
            let status = status_of(*code).as_u16();
            assert!(status >= 400 && status != 422 && status != 404, "{code:?}: {status}");
        }
    }

    #[test]
    fn an_internal_error_does_not_say_what_it_was() {
        let problem = Problem::from(Error::internal("the cat ate the key"));
        let body = String::from_utf8(problem.body("req_1")).unwrap();
        assert!(!body.contains("cat"), "{body}");
        assert!(body.contains("\"requestId\":\"req_1\""), "{body}");
    }

    #[test]
    fn a_title_is_the_code_in_words() {
        assert_eq!(title("oauth_connector"), "OAuth connector");
        assert_eq!(title("not_found"), "Not found");
    }

    #[tokio::test]
    async fn a_bare_refusal_becomes_a_problem_and_a_page_stays() {
        use http_body_util::BodyExt as _;
        let bare = complete(StatusCode::NOT_FOUND.into_response(), "r");
        assert_eq!(bare.headers()[CONTENT_TYPE], "application/problem+json");
        let page = (StatusCode::NOT_FOUND, axum::response::Html("<p>gone")).into_response();
        let page = complete(page, "r").into_body().collect().await.unwrap().to_bytes();
        assert_eq!(page, "<p>gone");
    }
}
