//! The cookies of the dashboard: the session, the mark of a browser that was used before, a sign-in under way at the
//! identity provider, a message for the next page, the environment last looked at, and the columns that a browser wants.

use axum::http::{HeaderMap, HeaderValue};

use super::page::Said;
use crate::http::HttpState;
use crate::http::connect::visitor::cookies;
use crate::service::members::Entry;

const SESSION: &str = "vs_session";
const MARK: &str = "vs_browser";
const FLASH: &str = "vs_flash";
const ENVIRONMENT: &str = "vs_environment";
const COLUMNS: &str = "vs_columns";
const SIGN_ON: &str = "vs_sign_on";
/// A browser is known again for a year.
const MARK_SECONDS: u32 = 365 * 86_400;
const FLASH_SECONDS: u32 = 60;
const ENVIRONMENT_SECONDS: u32 = 30 * 86_400;
const COLUMNS_SECONDS: u32 = 365 * 86_400;
const SIGN_ON_SECONDS: u32 = 600;

fn secure(state: &HttpState) -> bool {
    state.hub.public_url().scheme() == "https"
}

/// The name of a cookie, which on https says that it is for this host alone and was set over https.
fn name(state: &HttpState, bare: &str) -> String {
    format!("{}{bare}", if secure(state) { "__Host-" } else { "" })
}

fn value(headers: &HeaderMap, state: &HttpState, bare: &str) -> Option<String> {
    only(headers, &name(state, bare))
}

/// The value of the cookie of this name, where there is one and it says something.
fn only(headers: &HeaderMap, name: &str) -> Option<String> {
    let mut found = cookies(headers).filter(|(other, _)| *other == name);
    // Two of one name: somebody else has set one.
    let (only, None) = (found.next()?, found.next()) else {
        return None;
    };
    Some(only.1.to_owned()).filter(|value| !value.is_empty())
}

fn set(state: &HttpState, bare: &str, value: &str, seconds: Option<u32>) -> Option<HeaderValue> {
    set_for("Strict", state, bare, value, seconds)
}

fn set_for(
    same_site: &str,
    state: &HttpState,
    bare: &str,
    value: &str,
    seconds: Option<u32>,
) -> Option<HeaderValue> {
    let lasts = seconds.map(|seconds| format!("; Max-Age={seconds}")).unwrap_or_default();
    let secure = if secure(state) { "; Secure" } else { "" };
    let name = name(state, bare);
    let cookie = format!("{name}={value}; Path=/; HttpOnly; SameSite={same_site}{lasts}{secure}");
    let mut header = HeaderValue::from_str(&cookie).ok()?;
    header.set_sensitive(true);
    Some(header)
}

/// The session that a browser presents.
pub(super) fn session(headers: &HeaderMap, state: &HttpState) -> Option<String> {
    value(headers, state, SESSION)
}

/// The mark that a browser presents.
pub(super) fn mark(headers: &HeaderMap, state: &HttpState) -> Option<String> {
    value(headers, state, MARK)
}

/// The message that waits for the next page.
pub(super) fn flash(headers: &HeaderMap, state: &HttpState) -> Option<Said> {
    Said::read(&value(headers, state, FLASH)?)
}

/// The environment last looked at.
pub(super) fn environment(headers: &HeaderMap, state: &HttpState) -> Option<String> {
    value(headers, state, ENVIRONMENT)
}

/// The columns of the secrets that a browser wants.
pub(super) fn columns(headers: &HeaderMap, state: &HttpState) -> Option<String> {
    value(headers, state, COLUMNS)
}

/// Gives a browser its session, until the browser is closed.
pub(super) fn set_session(state: &HttpState, token: &str) -> Option<HeaderValue> {
    set(state, SESSION, token, None)
}

/// Gives a browser its session and its mark.
pub(super) fn set_entry(state: &HttpState, entry: &Entry) -> [Option<HeaderValue>; 2] {
    [set_session(state, entry.token.expose()), set(state, MARK, &entry.mark, Some(MARK_SECONDS))]
}

/// Takes the session away.
pub(super) fn end_session(state: &HttpState) -> Option<HeaderValue> {
    set(state, SESSION, "", Some(0))
}

/// Leaves a message for the next page, or takes it away.
pub(super) fn set_flash(state: &HttpState, said: Option<&Said>) -> Option<HeaderValue> {
    match said {
        Some(said) => set(state, FLASH, &said.to_string(), Some(FLASH_SECONDS)),
        None => set(state, FLASH, "", Some(0)),
    }
}

/// Remembers the environment last looked at.
pub(super) fn set_environment(state: &HttpState, environment: &str) -> Option<HeaderValue> {
    set(state, ENVIRONMENT, environment, Some(ENVIRONMENT_SECONDS))
}

/// Remembers the columns that a browser wants.
pub(super) fn set_columns(state: &HttpState, columns: &str) -> Option<HeaderValue> {
    set(state, COLUMNS, columns, Some(COLUMNS_SECONDS))
}

/// What a browser went to the identity provider with.
pub(super) fn sign_on(headers: &HeaderMap, state: &HttpState) -> Option<String> {
    value(headers, state, SIGN_ON)
}

/// Sends a browser away with this, or takes it back. It comes back from another site, so it can't be `Strict`.
pub(super) fn set_sign_on(state: &HttpState, errand: Option<&str>) -> Option<HeaderValue> {
    match errand {
        Some(errand) => set_for("Lax", state, SIGN_ON, errand, Some(SIGN_ON_SECONDS)),
        None => set_for("Lax", state, SIGN_ON, "", Some(0)),
    }
}

#[cfg(test)]
mod tests {
    use axum::http::header::COOKIE;
    use proptest::prelude::*;

    use super::*;
    use crate::fuzz::{CASES, mutation};
    use crate::secret::PlainToken;

    const TOKEN: &str = "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs";
    const HEADERS: [&str; 4] = [
        "__Host-vs_session=NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs",
        "a=b; __Host-vs_session=NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs; vs_session=c",
        "__Host-vs_session=other; __Host-vs_flow_1=NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs",
        "__Host-vs_session=; =x; y",
    ];

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(CASES))]

        #[test]
        fn s15_cookie(change in mutation()) {
            let text = change.text_of(&HEADERS);
            let Ok(header) = HeaderValue::from_str(&text) else { return Ok(()) };
            let headers: HeaderMap = [(COOKIE, header)].into_iter().collect();
            let Some(value) = only(&headers, "__Host-vs_session") else { return Ok(()) };
            let mut said = text.split(';').filter_map(|pair| pair.trim().strip_prefix("__Host-vs_session="));
            prop_assert_eq!((said.next(), said.next()), (Some(value.as_str()), None));
            let kept = PlainToken::presented(TOKEN).hash();
            prop_assert_eq!(PlainToken::presented(&value).hash().matches(kept.as_str()), value == TOKEN);
        }
    }
}
