//! `vouchsafe demo` as a newcomer plays it: both apps are connected on its page, and used with what the hub gives out.

use serde_json::json;
use vouchsafe::demo::fake::{FERNHILL, QUILLPOST, VALID_KEY};

use crate::chrome::{Chrome, ChromeOptions, Look};
use crate::dashboard::nothing_is_wrong;
use crate::support::process::{RunningHub, vouchsafe};
use crate::support::wait::eventually;

/// The address that the greeting names.
async fn address(demo: &RunningHub) -> String {
    eventually("the address to open", async || {
        let out = demo.out();
        let named = out.split_once("Open  ").and_then(|(_, rest)| rest.split_once("  and press"));
        named.map(|(address, _)| address.to_owned()).ok_or_else(|| (out.clone(), demo.err()))
    })
    .await
}

/// The page as it is, on a desk and a phone, light and dark.
async fn pictures(chrome: &Chrome, name: &str) {
    for (dark, shade) in [(false, "light"), (true, "dark")] {
        for size in [(1440, 900), (390, 844)] {
            chrome.look(Look { size, dark, reduced_motion: true }).await;
            nothing_is_wrong(chrome).await;
            chrome.screenshot(&format!("demo-{name}-{}-{shade}", size.0)).await;
        }
    }
}

/// Signs in at Fernhill, and goes on to the key for Quillpost.
async fn connects_both(chrome: &Chrome) {
    let host = chrome.window().await;
    chrome.click("[data-action=connect]").await;
    chrome.enter_modal().await;
    chrome.on_page("choose").await;
    chrome.act_on("connect", FERNHILL).await;
    chrome.on_page("sign-in").await;
    chrome.sign_in().await;
    chrome.shows("h1", "into your account").await;
    nothing_is_wrong(chrome).await;
    chrome.click_and_leave("button[value=allow]").await;
    chrome.windows_are(1).await;
    chrome.back_to_modal(&host).await;
    chrome.on_page("done").await;
    chrome.act("connect").await;
    chrome.on_page("key").await;
    chrome.fill("input[name=key]", VALID_KEY).await;
    chrome.act("submit").await;
    chrome.on_page("done").await;
    chrome.end_by("done").await;
    chrome.switch_to(host).await;
    chrome.shows("#note", "Connected.").await;
    let usable = "return document.querySelectorAll('[data-action=use]').length";
    chrome.script_gives(usable, &json!(2)).await;
}

/// Presses what does `action` with an app. As many calls were made as `calls`, the last to the app, who knew Jo.
async fn works(chrome: &Chrome, action: &str, app: &str, calls: usize) {
    // The list is renewed last.
    chrome.script("document.getElementById('connections').firstElementChild.id = 'old'").await;
    chrome.click(&format!("[data-action={action}][data-connector={app}]")).await;
    chrome.script_gives("return document.getElementById('old') === null", &json!(true)).await;
    chrome.shows("#note", "It works").await;
    let marks = "return [...document.querySelectorAll('#steps [open] .mark')].map((one) => one.textContent)";
    assert_eq!(chrome.script(marks).await, json!(vec!["Answer 200"; calls]), "{action} {app}");
    let answer = "return [...document.querySelectorAll('#steps [open] .answer')].at(-1).textContent";
    let answer = chrome.script(answer).await;
    assert!(answer.as_str().unwrap().contains("\"email\": \"jo@acme.test\""), "{action} {app}: {answer}");
}

#[tokio::test]
async fn a_newcomer_connects_both_apps_of_the_demo_and_uses_them() {
    let Some(chrome) = Chrome::start(ChromeOptions::default()).await else {
        return;
    };
    let home = tempfile::tempdir().unwrap();
    let command = &mut vouchsafe(home.path(), &["demo"]);
    let demo = RunningHub::spawn(home.path(), command.env("TMPDIR", home.path()));
    chrome.open(&address(&demo).await).await;
    pictures(&chrome, "new").await;
    connects_both(&chrome).await;
    works(&chrome, "use", FERNHILL, 2).await;
    works(&chrome, "use", QUILLPOST, 2).await;
    works(&chrome, "proxy", QUILLPOST, 1).await;
    pictures(&chrome, "used").await;
    chrome.finish(&[]).await;
    demo.stop().await;
}
