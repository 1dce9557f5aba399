//! Pages that make the browser show what it does. They have no part in the product.

use axum::Router;
use axum::http::HeaderMap;
use axum::http::header::{CONTENT_SECURITY_POLICY, COOKIE, SET_COOKIE};
use axum::response::{AppendHeaders, Html, IntoResponse};
use axum::routing::get;

/// A page with `frame` inside.
pub(super) fn host(frame: &str) -> String {
    page("Host", &format!(r#"<iframe src="{frame}" title="frame" width="600" height="400"></iframe>"#))
}

/// The site in the frame and in the popup.
pub(super) fn hub() -> Router {
    Router::new()
        .route("/frame", get(async || Html(page("Frame", FRAME))))
        .route("/popup", get(async || Html(page("Popup", POPUP))))
        .route("/listener", get(async || Html(page("Listener", LISTENER))))
        .route("/set", get(set_cookies))
        .route("/cookies", get(show_cookies))
}

/// A sound page, and one that breaks rules on purpose.
pub(super) fn looks() -> Router {
    Router::new().route("/", get(async || Html(page("Looks", LOOKS)))).route("/broken", get(broken))
}

fn page(title: &str, body: &str) -> String {
    format!(
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><title>{title}</title>\
         <link rel=\"icon\" href=\"data:,\"></head><body><main><h1>{title}</h1>{body}</main></body></html>"
    )
}

async fn set_cookies() -> impl IntoResponse {
    AppendHeaders([
        (SET_COOKIE, "third=1; Path=/; Secure; HttpOnly; SameSite=None"),
        (SET_COOKIE, "partitioned=1; Path=/; Secure; HttpOnly; SameSite=None; Partitioned"),
    ])
}

async fn show_cookies(headers: HeaderMap) -> String {
    headers.get(COOKIE).and_then(|value| value.to_str().ok()).unwrap_or("none").to_owned()
}

async fn broken() -> impl IntoResponse {
    let policy = "script-src 'nonce-one'";
    let body = r#"<input id="unnamed">
        <script nonce="one">console.error("on purpose")</script>
        <script>document.title = "must not run"</script>"#;
    ([(CONTENT_SECURITY_POLICY, policy)], Html(page("Broken", body)))
}

const FRAME: &str = r#"
<p id="unasked"></p><p id="cookies"></p><p id="told"></p><p id="heard">nothing</p>
<button id="open">Open</button>
<script>
const show = (id, text) => { document.getElementById(id).textContent = text; };
show("unasked", window.open("/popup", "unasked", "popup") === null ? "blocked" : "opened");
document.getElementById("open").onclick = () => window.open("/popup", "asked", "popup");
new BroadcastChannel("b0").onmessage = ({ data }) => show("heard", data);
window.addEventListener("message", ({ origin, data }) => {
  if (origin === location.origin) show("told", data);
});
fetch("/set").then(() => fetch("/cookies")).then((answer) => answer.text()).then((text) => show("cookies", text));
</script>"#;

// The popup speaks only once its own listener is there, and goes on only when that has heard.
const POPUP: &str = r#"
<iframe src="/listener" title="listener"></iframe>
<script>
const channel = new BroadcastChannel("b0");
window.addEventListener("message", ({ data }) => {
  if (data < 20) channel.postMessage(data + 1);
  else opener.postMessage("all 20 rounds were heard inside the popup", location.origin);
});
</script>"#;

const LISTENER: &str = r#"
<script>
new BroadcastChannel("b0").onmessage = ({ data }) => parent.postMessage(data, location.origin);
parent.postMessage(0, location.origin);
</script>"#;

const LOOKS: &str = r#"
<meta name="viewport" content="width=device-width">
<p id="seen"></p><button id="first">First</button><button id="second">Second</button>
<script>
const is = (query) => matchMedia(query).matches;
const show = () => {
  document.getElementById("seen").textContent = [
    innerWidth,
    is("(prefers-color-scheme: dark)") ? "dark" : "light",
    is("(prefers-reduced-motion: reduce)") ? "reduce" : "no-preference",
  ].join(" ");
};
show();
for (const query of ["(prefers-color-scheme: dark)", "(prefers-reduced-motion: reduce)"]) {
  matchMedia(query).addEventListener("change", show);
}
addEventListener("resize", show);
</script>"#;
