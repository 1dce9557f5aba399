//! Who may frame the modal and speak with it: the origins of the session, to the letter, and nobody else.

use axum::Router;
use axum::response::Html;
use axum::routing::get;
use serde_json::json;
use vouchsafe::demo::fake::FERNHILL as APP_KEY;

use crate::chrome::{Chrome, ChromeOptions};
use crate::front::{APP, Front, HUB};
use crate::stage::{Stage, host};

/// A frame that was refused shows a page of the browser's own.
async fn is_not_framed(chrome: &Chrome) {
    chrome.enter_frame("iframe").await;
    chrome
        .script_gives(
            "return [document.readyState, document.querySelector('[data-session]')]",
            &json!(["complete", null]),
        )
        .await;
    let address = chrome.script("return location.href").await;
    assert!(address.as_str().unwrap().starts_with("chrome-error:"), "{address}");
    chrome.leave_frames().await;
}

#[tokio::test]
async fn b16_other_sub_domains_ports_and_schemes_neither_frame_nor_hear() {
    let mut stage = Stage::start().await;
    let Some(chrome) = Chrome::start(ChromeOptions::default()).await else {
        return;
    };
    let hub = stage.front.origin(HUB);
    let sub = "sub.app.test";
    stage.front.pages(sub, host::pages(&hub));
    let other_port = Front::start().await;
    other_port.pages(APP, host::pages(&hub));
    let other_scheme = stage.front.plain_pages(host::pages(&hub)).await;
    let session = stage.session_for(APP_KEY).await;
    for origin in [stage.front.origin(sub), other_port.origin(APP), other_scheme] {
        chrome.open(&format!("{origin}/frame?src={hub}/connect?session={}", session.id)).await;
        is_not_framed(&chrome).await;
        chrome.open(&origin).await;
        chrome.script(&format!("window.token = '{}'", session.token)).await;
        chrome.click("#connect").await;
        chrome.script_gives("return window.result?.error", &json!("origin_not_allowed")).await;
        chrome.script_gives("return window.heard.length", &json!(0)).await;
    }
    let seen = stage.front.seen(HUB);
    assert!(seen.iter().all(|request| request.path != "/connect/page"), "{seen:?}");
    chrome.finish(&["frame-ancestors"]).await;
}

#[tokio::test]
async fn s9_a_page_without_an_origin_frames_nothing_though_it_came_from_an_allowed_one() {
    let stage = Stage::start().await;
    let Some(chrome) = Chrome::start(ChromeOptions::default()).await else {
        return;
    };
    let session = stage.session_for(APP_KEY).await;
    let modal = format!("{}/connect?session={}", stage.front.origin(HUB), session.id);
    for address in [format!("/frame?src={modal}"), format!("data:text/html,<iframe src='{modal}'></iframe>")]
    {
        chrome.open(&format!("{}/outer?sandbox=allow-scripts", stage.app())).await;
        chrome.enter_frame("#inner").await;
        chrome.script_gives("return origin", &json!("null")).await;
        chrome.script(&format!("location.href = \"{address}\"")).await;
        is_not_framed(&chrome).await;
    }
    let seen = stage.front.seen(HUB);
    assert!(seen.iter().all(|request| request.path != "/connect/page"), "{seen:?}");
    chrome.finish(&["frame-ancestors"]).await;
}

/// Opens the frame in a window of its own and in a frame between, and gives it a token.
const STRANGER: &str = r#"<!doctype html><html lang="en"><title>Stranger</title><link rel="icon" href="data:,"><h1>Stranger</h1>
<button id="open">Open</button><script>
  window.heard = 0;
  addEventListener("message", () => { window.heard += 1; });
  document.getElementById("open").onclick = () => {
    const other = open(window.target);
    const speak = () => {
      for (const to of [other, ...Array.from({ length: other.length }, (_, i) => other[i])])
        to.postMessage({ type: "vouchsafe:init", token: window.token, options: {} }, "*");
    };
    setInterval(speak, 50);
  };
</script>"#;

#[tokio::test]
async fn b16_a_window_that_is_not_the_parent_is_not_answered() {
    let stage = Stage::start().await;
    let Some(chrome) = Chrome::start(ChromeOptions::default()).await else {
        return;
    };
    stage.front.pages("evil.test", Router::new().route("/", get(async || Html(STRANGER))));
    let session = stage.session_for(APP_KEY).await;
    let framed =
        format!("{}/frame?src={}/connect?session={}", stage.app(), stage.front.origin(HUB), session.id);
    chrome.open(&stage.front.origin("evil.test")).await;
    let evil = chrome.window().await;
    chrome.script(&format!("window.target = '{framed}'; window.token = '{}'", session.token)).await;
    chrome.click("#open").await;
    let opened = chrome.popup(std::slice::from_ref(&evil)).await;
    chrome.switch_to(opened).await;
    // The host page is allowed, and frames it; the token comes from the wrong window.
    chrome.enter_frame("iframe").await;
    let heard = "return new Promise((done) => { let n = 0; addEventListener('message', () => (n += 1) === 3 && done(n)) })";
    assert_eq!(chrome.script(heard).await, json!(3));
    chrome.script_gives("return document.querySelector('[data-vs-page]')", &json!(null)).await;
    chrome.switch_to(evil).await;
    chrome.script_gives("return window.heard", &json!(0)).await;
    let seen = stage.front.seen(HUB);
    assert!(seen.iter().all(|request| request.path != "/connect/page"), "{seen:?}");
    chrome.finish(&[]).await;
}
