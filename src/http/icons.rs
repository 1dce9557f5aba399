//! The icon of a provider: the one that ships with its definition, else its monogram on a tint of its own.
//!
//! It must not know who asks: icons are public.

use axum::extract::{Path, State};
use axum::response::{IntoResponse as _, Response};
use http::HeaderValue;
use http::header::{CACHE_CONTROL, CONTENT_TYPE};

use super::connect::page::Connector;
use super::{HttpState, Problem};

/// Hues of the tints, in the order of the stylesheet's.
const HUES: [u16; 6] = [212, 152, 28, 268, 342, 190];

/// Where the icon of `slug` is found, below the public address.
pub(super) fn path(slug: &str) -> String {
    format!("icons/{slug}.svg")
}

/// `GET /icons/{slug}.svg`.
pub(super) async fn get_provider_icon(
    State(state): State<HttpState>,
    Path(file): Path<String>,
) -> Result<Response, Problem> {
    let slug = file.strip_suffix(".svg").ok_or_else(Problem::not_found)?;
    let definition = state.hub.providers().get(slug).ok_or_else(Problem::not_found)?;
    let mut response = match definition.icon() {
        Some(icon) => icon.into_response(),
        None => monogram(slug, definition.name()).into_response(),
    };
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("image/svg+xml"));
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("public, max-age=86400"));
    Ok(response)
}

/// The picture of an app without an icon.
fn monogram(slug: &str, name: &str) -> String {
    let shown = Connector::new(slug, name);
    let hue = usize::try_from(shown.tint).ok().and_then(|tint| HUES.get(tint)).unwrap_or(&HUES[0]);
    // A monogram is one letter or digit, so nothing in it is markup.
    format!(
        r##"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 64 64"><rect width="64" height="64" rx="14" fill="hsl({hue} 45% 42%)"/><text x="32" y="43" text-anchor="middle" font-family="system-ui, sans-serif" font-size="32" font-weight="600" fill="#fff">{}</text></svg>"##,
        shown.monogram
    )
}
