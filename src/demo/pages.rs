//! The demo's own templates and assets, embedded. Separate from the hub's pages: these stand for other
//! people's products. Knows no route.

use axum::response::{Html, IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};
use tera::{Context, Tera};

use super::DemoError;

#[derive(rust_embed::Embed)]
#[folder = "templates/demo"]
struct Files;

/// The templates under `templates/demo`, named `demo/<file>`.
#[derive(Debug)]
pub(super) struct Pages(Tera);

impl Pages {
    pub(super) fn load() -> Result<Self, DemoError> {
        let mut sources = Vec::new();
        for name in Files::iter().filter(|name| name.ends_with(".html")) {
            if let Some(file) = Files::get(&name) {
                sources.push((format!("demo/{name}"), String::from_utf8_lossy(&file.data).into_owned()));
            }
        }
        let mut tera = Tera::new();
        tera.add_raw_templates(sources)?;
        Ok(Self(tera))
    }

    /// Renders `demo/<name>.html`; a template that fails answers 500 with the template's own complaint.
    pub(super) fn render(&self, status: StatusCode, name: &str, context: &Context) -> Response {
        match self.0.render(&format!("demo/{name}.html"), context) {
            Ok(html) => (status, Html(html)).into_response(),
            Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, format!("{error}")).into_response(),
        }
    }
}

/// Serves the style sheet and scripts of the demo.
pub(super) async fn asset(axum::extract::Path(name): axum::extract::Path<String>) -> Response {
    match Files::get(&name) {
        Some(file) if file.metadata.mimetype() != "text/html" => {
            let kind = HeaderValue::from_str(file.metadata.mimetype())
                .unwrap_or(HeaderValue::from_static("application/octet-stream"));
            ([(header::CONTENT_TYPE, kind)], file.data.into_owned()).into_response()
        }
        Some(_) | None => StatusCode::NOT_FOUND.into_response(),
    }
}

/// Sets the headers every demo page has; `policy` is its Content-Security-Policy.
pub(super) fn guard(mut response: Response, policy: &str) -> Response {
    let headers = response.headers_mut();
    if let Ok(policy) = HeaderValue::from_str(policy) {
        headers.insert(header::CONTENT_SECURITY_POLICY, policy);
    }
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
