//! Who visits: a modal by its session token, or a browser by its flow cookies.

use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::http::header::{ACCEPT_LANGUAGE, AUTHORIZATION, COOKIE};
use axum::http::request::Parts;
use axum::http::{Extensions, HeaderMap, HeaderName, HeaderValue};
use vouchsafe_entity::id::FlowId;

use crate::domain::actor::Origin;
use crate::http::strings::Locale;
use crate::http::{HttpState, Problem, RequestId, client_address};
use crate::secret::PlainToken;
use crate::service::connect::Visit;
use crate::service::{Code, Error};

const MODE: HeaderName = HeaderName::from_static("vouchsafe-mode");
const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");
const FLOW_COOKIE: &str = "vs_flow_";

/// Where a request came from.
pub(in crate::http) fn origin(headers: &HeaderMap, extensions: &Extensions, state: &HttpState) -> Origin {
    Origin {
        request_id: extensions.get::<RequestId>().map(|id| Arc::clone(&id.0)),
        address: client_address(headers, extensions, &state.trusted_proxies),
    }
}

/// The modal at work, with the language of its reader.
pub(super) struct Visitor {
    pub(super) visit: Visit,
    pub(super) locale: Locale,
    /// Whether the page is not framed.
    pub(super) hosted: bool,
}

impl FromRequestParts<HttpState> for Visitor {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &HttpState) -> Result<Self, Problem> {
        let over = || Error::refused(Code::SessionExpired, "Send the connect session's token.");
        let header =
            parts.headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let (scheme, token) = header.split_once(' ').ok_or_else(over)?;
        if !scheme.eq_ignore_ascii_case("bearer") {
            return Err(over().into());
        }
        let origin = origin(&parts.headers, &parts.extensions, state);
        let visit = state.hub.visit(token.trim(), origin).await?;
        Ok(Self {
            locale: locale(&parts.headers, visit.session.locale.as_deref()),
            // A page may say that it isn't framed, and never that it is: that hangs on the token.
            hosted: visit.by_link || parts.headers.get(MODE).is_some_and(|mode| mode == "hosted"),
            visit,
        })
    }
}

/// The language of a page: what the session says, else what the browser asks for.
pub(super) fn locale(headers: &HeaderMap, wanted: Option<&str>) -> Locale {
    let asked = || headers.get(ACCEPT_LANGUAGE).and_then(|value| value.to_str().ok());
    wanted
        .and_then(Locale::from_tag)
        .unwrap_or_else(|| asked().map_or_else(Locale::default, Locale::from_accept_language))
}

fn cookie_name(flow: FlowId, secure: bool) -> String {
    let prefix = if secure { "__Host-" } else { "" };
    format!("{prefix}{FLOW_COOKIE}{flow}")
}

/// The header that binds this browser to a flow.
pub(super) fn flow_cookie(
    state: &HttpState,
    flow: FlowId,
    value: &PlainToken,
    form_post: bool,
) -> Option<HeaderValue> {
    let secure = state.hub.public_url().scheme() == "https";
    let name = cookie_name(flow, secure);
    // `None` needs `Secure`, which plain http on loopback can't have.
    let (same_site, secure) = match (secure, form_post) {
        (true, true) => ("None", "; Secure"),
        (true, false) => ("Lax", "; Secure"),
        (false, _) => ("Lax", ""),
    };
    let seconds = crate::domain::flow::FLOW_SECONDS;
    let cookie = format!(
        "{name}={}; Path=/; HttpOnly; SameSite={same_site}; Max-Age={seconds}{secure}",
        value.expose()
    );
    let mut header = HeaderValue::from_str(&cookie).ok()?;
    header.set_sensitive(true);
    Some(header)
}

pub(in crate::http) fn cookies(headers: &HeaderMap) -> impl Iterator<Item = (&str, &str)> {
    headers
        .get_all(COOKIE)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
}

/// The cookie of one flow; empty where this browser has none, which fits no flow.
pub(super) fn cookie_of(headers: &HeaderMap, state: &HttpState, flow: FlowId) -> String {
    let name = cookie_name(flow, state.hub.public_url().scheme() == "https");
    let found = cookies(headers).find(|(other, _)| *other == name);
    found.map(|(_, value)| value.to_owned()).unwrap_or_default()
}

/// The values of all flow cookies of this browser.
pub(super) fn flow_cookies(headers: &HeaderMap, state: &HttpState) -> Vec<String> {
    let secure = state.hub.public_url().scheme() == "https";
    let prefix = format!("{}{FLOW_COOKIE}", if secure { "__Host-" } else { "" });
    let own = cookies(headers).filter(|(name, _)| name.starts_with(&prefix));
    own.map(|(_, value)| value.to_owned()).take(20).collect()
}

/// Refuses a form or script of another site. A browser that does not say so has no cookie of ours to send: it is
/// `Lax`, and `None` only for the app's own form post to the callback.
pub(super) fn ensure_own_site(headers: &HeaderMap) -> Result<(), Error> {
    let site = headers.get(SEC_FETCH_SITE).and_then(|value| value.to_str().ok());
    if site.is_none_or(|site| matches!(site, "same-origin" | "none")) {
        return Ok(());
    }
    Err(Error::refused(Code::FlowRefused, "This was sent from another site."))
}
