//! Every sample of a page, served with the real stylesheets and scripts: by its accessibility rules, and, in a night,
//! in pictures. So pages are looked at that no other story opens: what is shown once, mistakes at their fields, faults
//! of the hub.
//!
//! `TEST_SCALE=nightly cargo nextest run --test browser samples` draws each at three sizes, light and dark:
//! `target/screens/sample-<name>-<width>-<shade>.png`; `TEST_SAMPLES=webhook,secrets-` none but those.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::Path;
use axum::response::Html;
use axum::routing::get;
use fantoccini::wd::TimeoutConfiguration;
use http::StatusCode;
use http::header::CONTENT_TYPE;
use serde_json::json;
use vouchsafe::http::assets::get_asset;
use vouchsafe::http::dashboard::render_samples;
use vouchsafe::http::render::Renderer;

use super::SIZES;
use crate::chrome::{Chrome, ChromeOptions, Look};
use crate::front::{Front, HUB};
use crate::support::components::node_modules;
use crate::support::scale::is_nightly;

/// The pages that no other story shows the rules, by how their samples are named; the others wait for a night.
const SEEN_NOWHERE_ELSE: [&str; 14] = [
    "api_key_shown-",
    "audit_check-",
    "authenticator-",
    "bulk-",
    "bulk_confirm-",
    // With a button that undoes it.
    "flash-connector_disabled",
    "invite-",
    "join-",
    "link-",
    "problem",
    "secret_value-",
    "suspended",
    "webhook_shown-",
    BROKEN,
];

/// A page with a fault, which must be found, else nothing is proved of the others.
const BROKEN: &str = "broken";

const BROKEN_PAGE: &str = "<!doctype html><html lang=\"en\"><title>Broken</title><input id=\"unnamed\">\
    <p style=\"color: #999; background: #888\">Hardly to be read</p></html>";

/// Shows the samples in a frame, one after the other, and gives the rules that each breaks. The frame is as dark as the
/// page around it says that it may be, so that is asked too.
const LOOK_AT_EACH: &str = r#"
const [names, dark, done] = arguments;
const tags = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"];
// Colours alone depend on the shade.
const runOnly = dark ? { type: "rule", values: ["color-contrast"] } : { type: "tag", values: tags };
// A preview is a picture in a frame with a name of its own: its parts are inert, and nobody comes to them.
const ofPictures = { "landmark-one-main": { enabled: false }, "page-has-heading-one": { enabled: false } };
const loaded = (one, place) => new Promise((then, fail) => {
  one.addEventListener("load", then);
  one.addEventListener("error", fail);
  place.append(one);
});
const look = async (name) => {
  const frame = document.createElement("iframe");
  Object.assign(frame, { src: `/samples/${name}`, title: name, width: 1440, height: 900 });
  document.body.replaceChildren();
  await loaded(frame, document.body);
  const page = frame.contentDocument;
  const shown = frame.contentWindow.matchMedia("(prefers-color-scheme: dark)").matches;
  if (shown !== dark) return [`${name} is shown in the other shade`];
  await loaded(Object.assign(page.createElement("script"), { src: "/axe.js" }), page.head);
  for (const one of page.getAnimations()) if (Number.isFinite(one.effect.getComputedTiming().endTime)) one.finish();
  const rules = page.querySelector("body > [inert]:only-child") ? ofPictures : {};
  const { violations } = await frame.contentWindow.axe.run(page, { runOnly, rules, iframes: false, preload: false });
  return violations.map((rule) => `${name}: ${rule.id} (${rule.nodes.map((node) => node.target.join(" ")).join(", ")})`);
};
(async () => {
  const found = [];
  for (const name of names) found.push(...await look(name));
  return found;
})().then(done, (error) => done([String(error)]));
"#;

/// A site that shows the samples. What their forms send and what they ask of the hub comes to nothing, and leaves them
/// as they are.
fn site(renderer: &Renderer, samples: BTreeMap<String, String>) -> Router {
    let axe = std::fs::read_to_string(node_modules().join("axe-core/axe.min.js")).unwrap();
    let samples = Arc::new(samples);
    let sample = move |Path(name): Path<String>| {
        let found = samples.get(&name).cloned();
        async move { found.map(Html).ok_or(StatusCode::NOT_FOUND) }
    };
    let frame = "<!doctype html><html lang=\"en\"><meta name=\"color-scheme\" content=\"light dark\">\
                 <title>Samples</title><body></body></html>";
    Router::new()
        .route("/", get(async move || Html(frame)))
        .route("/samples/{name}", get(sample))
        .route("/axe.js", get(async move || ([(CONTENT_TYPE, "text/javascript")], axe.clone())))
        .route("/assets/{file}", get(get_asset))
        .with_state(Arc::clone(renderer.assets()))
        .fallback(async || StatusCode::NO_CONTENT)
}

/// Each at each size, light and dark, where none may be moved sideways.
async fn draw(chrome: &Chrome, origin: &str, names: &[&String]) {
    let wide = "return document.documentElement.scrollWidth - document.documentElement.clientWidth";
    for name in names {
        chrome.open(&format!("{origin}/samples/{name}")).await;
        for dark in [false, true] {
            for size in SIZES {
                chrome.look(Look { size, dark, reduced_motion: true }).await;
                let shade = if dark { "dark" } else { "light" };
                chrome.screenshot(&format!("sample-{name}-{}-{shade}", size.0)).await;
                assert_eq!(chrome.script(wide).await, json!(0), "{name} at {}", size.0);
            }
        }
    }
}

#[tokio::test]
async fn samples_of_pages_are_accessible_in_light_and_dark() {
    let Some(chrome) = Chrome::start(ChromeOptions::default()).await else { return };
    let renderer = Renderer::load().unwrap();
    let mut samples: BTreeMap<_, _> = render_samples(&renderer).unwrap().into_iter().collect();
    samples.insert(BROKEN.to_owned(), BROKEN_PAGE.to_owned());
    for part in SEEN_NOWHERE_ELSE {
        assert!(samples.keys().any(|name| name.starts_with(part)), "{part} is the name of no sample");
    }
    let looked_at = |name: &&String| {
        is_nightly()
            || name.ends_with("-refused")
            || name.ends_with("-overtaken")
            || SEEN_NOWHERE_ELSE.iter().any(|part| name.starts_with(part))
    };
    let wanted = std::env::var("TEST_SAMPLES").unwrap_or_default();
    let is_wanted = |name: &&String| {
        wanted.is_empty() || **name == BROKEN || wanted.split(',').any(|part| name.starts_with(part))
    };
    let names: Vec<_> = samples.keys().filter(looked_at).filter(is_wanted).collect();
    let front = Front::start().await;
    front.pages(HUB, site(&renderer, samples.clone()));
    let origin = front.origin(HUB);
    let all = TimeoutConfiguration::new(Some(Duration::from_mins(15)), None, None);
    chrome.client().update_timeouts(all).await.unwrap();
    chrome.open(&origin).await;
    for dark in [false, true] {
        chrome.look(Look { size: SIZES[0], dark, reduced_motion: true }).await;
        let arguments = vec![json!(names), json!(dark)];
        let found = chrome.client().execute_async(LOOK_AT_EACH, arguments).await.unwrap();
        let found: Vec<String> = serde_json::from_value(found).unwrap();
        let (broken, wrong): (Vec<_>, Vec<_>) = found.iter().partition(|one| one.starts_with(BROKEN));
        assert!(broken.iter().any(|one| one.contains("color-contrast")), "it is found: {broken:?}");
        assert_eq!(wrong, Vec::<&String>::new(), "dark: {dark}");
    }
    if is_nightly() {
        draw(&chrome, &origin, &names).await;
    }
    chrome.close().await;
}
