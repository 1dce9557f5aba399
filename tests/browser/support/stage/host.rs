//! The host page: the product that embeds the modal, under a policy as strict as an embedder may have. It keeps what
//! it was told on `window`, where a test reads it.

use std::collections::HashMap;

use axum::Router;
use axum::extract::Query;
use axum::http::header::{CONTENT_SECURITY_POLICY, CONTENT_TYPE};
use axum::response::{Html, IntoResponse};
use axum::routing::get;

/// The host pages for the hub at `hub`:
///
/// - `/` has a button that opens the modal with `window.token` and `window.options`,
/// - `/back` is where a redirect comes back to; it has the same button,
/// - `/outer?sandbox=…` shows `/` in a frame with that `sandbox` attribute,
/// - `/frame?src=…` frames any address.
pub(crate) fn pages(hub: &str) -> Router {
    let policy = format!(
        "default-src 'none'; script-src 'self' {hub}; frame-src 'self' {hub}; img-src data:; base-uri 'none'"
    );
    let page = |title: &'static str| {
        let body = format!(
            r#"<h1>{title}</h1><button id="connect" type="button">Connect</button><a id="after" href="/back">After</a>
            <script src="{hub}/connect.js"></script><script src="/host.js"></script>"#
        );
        let headers = [(CONTENT_SECURITY_POLICY, policy.clone())];
        move || {
            let answer = (headers.clone(), Html(document(title, &body)));
            async move { answer.into_response() }
        }
    };
    Router::new()
        .route("/", get(page("Acme")))
        .route("/back", get(page("Acme again")))
        .route("/host.js", get(async || ([(CONTENT_TYPE, "text/javascript")], SCRIPT)))
        .route("/outer", get(outer))
        .route("/frame", get(framing))
}

async fn outer(Query(query): Query<HashMap<String, String>>) -> Html<String> {
    let sandbox = query.get("sandbox").map_or("", String::as_str);
    Html(document(
        "Outer",
        &format!(
            r#"<iframe id="inner" src="/" sandbox="{sandbox}" title="Acme" width="900" height="700"></iframe>"#
        ),
    ))
}

async fn framing(Query(query): Query<HashMap<String, String>>) -> Html<String> {
    let source = query.get("src").map_or("", String::as_str);
    Html(document(
        "Framing",
        &format!(r#"<iframe src="{source}" title="framed" width="600" height="600"></iframe>"#),
    ))
}

fn document(title: &str, body: &str) -> String {
    format!(
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width\"><title>{title}</title>\
         <link rel=\"icon\" href=\"data:,\"></head><body><main>{body}</main></body></html>"
    )
}

const SCRIPT: &str = r#"
window.told = 0;
window.result = null;
window.events = [];
window.heard = [];
addEventListener("message", ({ origin, data }) => window.heard.push({ origin, data }));
document.getElementById("connect").addEventListener("click", () => {
  const tell = (result) => { window.told += 1; window.result = result; };
  Vouchsafe.connect({
    getToken: async () => window.token,
    onEvent: (event) => window.events.push(event),
    ...window.options,
  }).then(tell, (error) => tell({ error: error.code, message: error.message }));
});
"#;
