//! The stylesheet of a theme. All that it says stands in its address, so it needs no session and lasts for good.

use axum::extract::RawQuery;
use axum::http::HeaderValue;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use serde_json::{Map, Value};
use url::form_urlencoded;

use crate::domain::theme::Theme;
use crate::http::Problem;

/// Longer than any address of ours.
const LONGEST: usize = 200;

/// `GET /connect/theme.css`.
pub(super) async fn get_theme(RawQuery(query): RawQuery) -> Result<Response, Problem> {
    let query = query.unwrap_or_default();
    let given = form_urlencoded::parse(query.as_bytes()).map(|(name, value)| match value.parse::<u64>() {
        Ok(number) if name == "radius" => (name.into_owned(), Value::from(number)),
        _ => (name.into_owned(), Value::String(value.into_owned())),
    });
    let (theme, wrong) = Theme::read(&given.collect::<Map<_, _>>());
    if query.len() > LONGEST || !wrong.is_empty() || theme.is_plain() {
        return Err(Problem::not_found());
    }
    let mut response = theme.stylesheet().into_response();
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/css; charset=utf-8"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("public, max-age=31536000, immutable"));
    Ok(response)
}
