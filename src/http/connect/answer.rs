//! Pages as answers, each with the policies that belong to it.

use axum::http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE};
use axum::http::{HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};

use crate::http::render::Page;
use crate::http::strings::Locale;
use crate::http::{HttpState, Problem};

const OPENER_POLICY: HeaderName = HeaderName::from_static("cross-origin-opener-policy");

/// Where a page may stand and lead.
pub(in crate::http) struct Policy<'a> {
    /// Origins that may frame it.
    pub(super) framed_by: &'a [String],
    /// An origin that its form leads to by redirect.
    pub(super) leads_to: Option<&'a str>,
    /// Whether its opener must stay reachable.
    pub(super) keeps_opener: bool,
}

/// A page on its own that nobody frames and that cuts its opener.
pub(in crate::http) const ALONE: Policy<'static> =
    Policy { framed_by: &[], leads_to: None, keeps_opener: false };

/// A page of the popup: its opener is our frame.
pub(super) const POPUP: Policy<'static> = Policy { framed_by: &[], leads_to: None, keeps_opener: true };

impl<'a> Policy<'a> {
    /// A page that these may frame.
    pub(in crate::http) const fn framed_by(origins: &'a [String]) -> Self {
        Self { framed_by: origins, leads_to: None, keeps_opener: false }
    }

    fn content_security(&self) -> String {
        let framed_by =
            if self.framed_by.is_empty() { "'none'".to_owned() } else { self.framed_by.join(" ") };
        // Chromium applies `form-action` to the redirect that follows a form.
        let form = self.leads_to.map_or_else(|| "'self'".to_owned(), |origin| format!("'self' {origin}"));
        format!(
            "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; \
             base-uri 'none'; form-action {form}; frame-ancestors {framed_by}"
        )
    }
}

/// A rendered page.
pub(in crate::http) fn html<P: Page>(
    state: &HttpState,
    locale: Locale,
    status: StatusCode,
    page: &P,
    policy: &Policy<'_>,
) -> Response {
    let text = match state.renderer.render(locale, page) {
        Ok(text) => text,
        Err(error) => {
            tracing::error!(error = &error as &dyn std::error::Error, "a page could not be made");
            return Problem::internal().into_response();
        }
    };
    let mut response = (status, text).into_response();
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    let opener = if policy.keeps_opener { "unsafe-none" } else { "same-origin" };
    if policy.framed_by.is_empty() {
        headers.insert(OPENER_POLICY, HeaderValue::from_static(opener));
    }
    match HeaderValue::from_str(&policy.content_security()) {
        Ok(value) => {
            headers.insert(CONTENT_SECURITY_POLICY, value);
            response
        }
        // Origins are checked when they are given; a page without its policy is not sent.
        Err(_) => Problem::internal().into_response(),
    }
}

/// A fragment for the frame's script.
pub(super) fn fragment<P: Page>(state: &HttpState, locale: Locale, page: &P) -> Response {
    html(state, locale, StatusCode::OK, page, &ALONE)
}
