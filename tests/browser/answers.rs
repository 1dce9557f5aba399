//! What comes back from the app: a no, an answer that comes twice or to somebody else, one that comes too late.

use http::Method;
use serde_json::json;
use vouchsafe::demo::fake::FERNHILL as APP_KEY;

use crate::chrome::{Chrome, ChromeOptions};
use crate::front::{FERNHILL, HUB};
use crate::stage::{Session, Stage, fernhill_settings};
use crate::support::outside;

/// A modal whose popup shows Fernhill's consent page.
struct UnderWay {
    stage: Stage,
    chrome: Chrome,
    session: Session,
    host: fantoccini::wd::WindowHandle,
}

async fn under_way() -> Option<UnderWay> {
    let stage = Stage::start().await;
    let chrome = Chrome::start(ChromeOptions::default()).await?;
    let session = stage.session_for(APP_KEY).await;
    let host = stage.open_modal(&chrome, &session).await;
    chrome.on_page("sign-in").await;
    chrome.sign_in().await;
    chrome.shows("h1", "into your account").await;
    Some(UnderWay { stage, chrome, session, host })
}

#[tokio::test]
async fn b08_a_no_is_no_failure_and_can_be_taken_back() {
    let Some(UnderWay { stage, chrome, session, host }) = under_way().await else {
        return;
    };
    chrome.click_and_leave("button[value=deny]").await;
    chrome.windows_are(1).await;
    chrome.back_to_modal(&host).await;
    chrome.on_page("failed").await;
    chrome.shows(".lead", "You said no at Fernhill").await;
    chrome
        .script_gives("return document.querySelectorAll('main :is(figure, details)').length", &json!(0))
        .await;
    let seen = stage.api.session(&session.id).await;
    assert_eq!(seen["status"], "open");
    assert_eq!(seen["results"][0]["error"], "access_denied");

    // What the app says may be written by an attacker: markup is not shown at all.
    chrome.act("retry").await;
    chrome.on_page("sign-in").await;
    chrome.sign_in().await;
    chrome.shows("h1", "into your account").await;
    let asked = chrome.client().current_url().await.unwrap();
    let (back, state) = ["redirect_uri", "state"].map(|name| outside::query(&asked, name).unwrap()).into();
    let said = "<img src=x onerror=window.hurt=1><b>call us</b>";
    let pairs = [
        ("state", state.as_str()),
        ("error", "server_error"),
        ("error_description", said),
        ("iss", stage.fake.base_url()),
    ];
    chrome.open(url::Url::parse_with_params(&back, pairs).unwrap().as_str()).await;
    chrome.windows_are(1).await;
    chrome.back_to_modal(&host).await;
    chrome.on_page("failed").await;
    chrome.shows("details", "Details").await;
    let markup = "return document.querySelectorAll('main img, main b, blockquote').length";
    chrome.script_gives(markup, &json!(0)).await;
    chrome
        .script_gives("return document.querySelector('details code').textContent", &json!("server_error"))
        .await;

    chrome.act("retry").await;
    chrome.on_page("sign-in").await;
    chrome.sign_in().await;
    stage.allow_as(&chrome, "jo@fernhill.test").await;
    chrome.back_to_modal(&host).await;
    chrome.on_page("done").await;
    chrome.end_by("done").await;
    assert_eq!(chrome.result(&host).await["status"], "completed");
    assert_eq!(stage.api.only_credential("jo").await["status"], "active");
    chrome.finish(&[]).await;
}

#[tokio::test]
async fn b10_an_answer_counts_once_and_only_in_the_browser_that_asked() {
    let Some(UnderWay { stage, chrome, session, host }) = under_way().await else {
        return;
    };
    let popup = chrome.window().await;
    // The answer is held up, so that it can be looked at.
    stage.front.refuse(HUB, "/oauth/callback");
    chrome.click("button[value=allow]").await;
    chrome.shows("body", "502").await;
    let answer = chrome.client().current_url().await.unwrap();
    assert!(outside::query(&answer, "code").is_some(), "{answer}");
    stage.front.restore(HUB);

    let mut elsewhere = url::Url::parse(&format!("http://{}", stage.hub.address)).unwrap();
    elsewhere.set_path(answer.path());
    elsewhere.set_query(answer.query());
    let stranger = outside::client().get(elsewhere).send().await.unwrap();
    assert_eq!(stranger.status(), 400);
    let page = stranger.text().await.unwrap();
    assert!(page.contains("another browser") && !page.contains("Jo Park"), "{page}");
    let audit = stage.api.audit("connect.callback").await;
    assert_eq!((audit.len(), &audit[0]["result"]), (1, &json!("refused")), "{audit:?}");
    assert_eq!(stage.api.session(&session.id).await["status"], "open");

    // The stranger ended nothing: the flow goes on in the browser that began it.
    chrome.switch_to(popup).await;
    chrome.open(answer.as_str()).await;
    chrome.shows("h1", "Fernhill is connected").await;
    chrome.windows_are(1).await;
    chrome.switch_to(host.clone()).await;
    let tab = chrome.client().new_window(true).await.unwrap();
    chrome.switch_to(tab.handle).await;
    chrome.open(answer.as_str()).await;
    chrome.on_page("failed").await;
    assert_eq!(stage.front.count(FERNHILL, &Method::POST, "/oauth/token"), 1);

    chrome.back_to_modal(&host).await;
    chrome.on_page("done").await;
    chrome.end_by("done").await;
    let credential = stage.api.only_credential("jo").await;
    assert_eq!(chrome.result(&host).await["results"][0]["credentialId"], credential["credentialId"]);
    chrome.finish(&["502", "400"]).await;
}

#[tokio::test]
async fn b10_a_ticket_starts_one_flow() {
    let stage = Stage::start().await;
    let Some(chrome) = Chrome::start(ChromeOptions::default()).await else {
        return;
    };
    let session = stage.session_for(APP_KEY).await;
    let host = stage.open_modal(&chrome, &session).await;
    chrome.on_page("sign-in").await;
    stage.front.refuse(HUB, "/connect/start");
    chrome.sign_in().await;
    chrome.shows("body", "502").await;
    let start = chrome.client().current_url().await.unwrap();
    assert!(!start.as_str().contains(session.secret()), "{start}");
    stage.front.restore(HUB);
    chrome.open(start.as_str()).await;
    chrome.shows("h1", "into your account").await;
    let tab = chrome.client().new_window(true).await.unwrap();
    chrome.switch_to(tab.handle).await;
    chrome.open(start.as_str()).await;
    chrome.on_page("failed").await;
    let told = crate::support::wait::eventually("the second start to be written down", async || {
        let told = stage.api.audit("connect.start").await;
        if told.len() == 2 { Ok(told) } else { Err(told) }
    });
    let results: Vec<_> = told.await.iter().map(|event| event["result"].clone()).collect();
    assert_eq!(results, ["refused", "ok"]);
    chrome.switch_to(host).await;
    chrome.finish(&["502", "400"]).await;
}

#[tokio::test]
async fn b11_a_session_that_is_over_says_so_before_anything_is_asked() {
    let stage = Stage::start().await;
    let Some(chrome) = Chrome::start(ChromeOptions::default()).await else {
        return;
    };
    let session = stage.session_for(APP_KEY).await;
    let path = format!("/connect/sessions/{}", session.id);
    assert_eq!(stage.api.call(Method::DELETE, &path, None).await.0, 200);
    let host = stage.open_modal(&chrome, &session).await;
    chrome.on_page("failed").await;
    chrome.end_by("close").await;
    assert_eq!(chrome.result(&host).await["error"], "session_expired");
    assert!(chrome.client().find(fantoccini::Locator::Css("dialog")).await.is_err());

    let session = stage.session_for(APP_KEY).await;
    stage.forward(3_601);
    stage.open_modal(&chrome, &session).await;
    chrome.on_page("failed").await;
    assert_eq!(chrome.result(&host).await["error"], "session_expired");
    chrome.finish(&["401", "400"]).await;
}

#[tokio::test]
async fn b11_a_session_that_ends_during_the_sign_in_takes_nothing_any_more() {
    for cancelled in [true, false] {
        let Some(UnderWay { stage, chrome, session, host }) = under_way().await else {
            return;
        };
        let popup = chrome.window().await;
        if cancelled {
            let path = format!("/connect/sessions/{}", session.id);
            assert_eq!(stage.api.call(Method::DELETE, &path, None).await.0, 200);
        } else {
            stage.forward(3_601);
        }
        chrome.back_to_modal(&host).await;
        chrome.on_page("failed").await;
        chrome.switch_to(popup).await;
        chrome.click_and_leave("button[value=allow]").await;
        chrome.back_to_modal(&host).await;
        chrome.end_by("close").await;
        let told = chrome.result(&host).await;
        assert_eq!(told["error"], "session_expired");
        assert_eq!(stage.fake.counters().token_requests, 0);
        assert!(stage.api.credentials("jo").await.is_empty());
        chrome.finish(&["401", "400"]).await;
    }
}

#[tokio::test]
async fn b11_a_connector_that_is_switched_off_during_the_sign_in_takes_nothing_any_more() {
    let Some(UnderWay { stage, chrome, session, host }) = under_way().await else {
        return;
    };
    let mut off = fernhill_settings();
    off["enabled"] = json!(false);
    stage.api.connector(APP_KEY, &off).await;
    chrome.click_and_leave("button[value=allow]").await;
    chrome.windows_are(1).await;
    chrome.back_to_modal(&host).await;
    chrome.on_page("failed").await;
    chrome.shows(".lead", "Ask the people at Acme").await;
    assert!(stage.api.credentials("jo").await.is_empty());
    let seen = stage.api.session(&session.id).await;
    assert_eq!(seen["results"][0]["error"], "connector_disabled");
    // Trying again says the same, without a way out of the modal being lost.
    chrome.act("retry").await;
    chrome.on_page("failed").await;
    chrome.end_by("close").await;
    assert_eq!(chrome.result(&host).await["status"], "cancelled");
    chrome.finish(&["400", "409"]).await;
}

#[tokio::test]
async fn b12_the_state_arrives_without_a_stream_and_after_a_restart_of_the_hub() {
    let Some(UnderWay { stage, chrome, session, host }) = under_way().await else {
        return;
    };
    stage.front.refuse(HUB, "/connect/events");
    let stage = Box::pin(stage.restart_hub()).await;
    let asked = stage.front.count(HUB, &Method::GET, "/connect/state");
    stage.allow_as(&chrome, "jo@fernhill.test").await;
    chrome.windows_are(1).await;
    chrome.back_to_modal(&host).await;
    chrome.on_page("done").await;
    assert!(stage.front.count(HUB, &Method::GET, "/connect/state") > asked);
    chrome.end_by("done").await;
    assert_eq!(chrome.result(&host).await["status"], "completed");
    assert_eq!(stage.api.session(&session.id).await["status"], "completed");
    assert_eq!(stage.api.only_credential("jo").await["status"], "active");
    chrome.finish(&["502", "503", "ERR_"]).await;
}
