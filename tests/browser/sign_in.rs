//! Signing in at an app, from the click in the modal to a credential that works.

use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::chrome::{Chrome, ChromeOptions};
use crate::front::{APP, HUB, IDP};
use crate::stage::{NORTHWIND, NORTHWIND_FORM, Stage, host};
use crate::support::outside;

/// What differs between the ways to Northwind and back.
#[derive(Debug, Clone, Copy, Default)]
struct Way {
    form_post: bool,
    idp_policy: Option<&'static str>,
    host_policy: Option<&'static str>,
    localhost: bool,
}

/// Signs in and consents at the real authorization server, in the present window.
async fn sign_in_at_northwind(chrome: &Chrome) {
    chrome.fill("input[name=login]", "jo").await;
    chrome.fill("input[name=password]", "x").await;
    chrome.click("button[type=submit]").await;
    chrome.shows("h1", "Authorize").await;
    chrome.click_and_leave("button[type=submit]").await;
}

/// The token that the hub gives out for `jo` opens Northwind's door.
async fn works_at_northwind(stage: &Stage, credential: &Value) {
    let token = stage.api.token(credential).await;
    let me = outside::client()
        .get(format!("{}/me", stage.idp.as_ref().unwrap().base_url))
        .bearer_auth(token["accessToken"].as_str().unwrap())
        .send()
        .await
        .unwrap();
    assert_eq!(me.status(), StatusCode::OK);
    assert_eq!(me.json::<Value>().await.unwrap()["email"], "jo@idp.test");
}

/// The whole way in a real browser, for each of `ways` as a user of its own. Whatever opener policies are in force, it
/// must end the same.
async fn connects(options: ChromeOptions, ways: &[Way]) {
    let Some(mut stage) = Box::pin(Stage::with_idp()).await else {
        return;
    };
    let Some(chrome) = Chrome::start(options).await else {
        return;
    };
    for (number, way) in ways.iter().enumerate() {
        chrome.devtools("Network.clearBrowserCookies", &json!({})).await;
        Box::pin(connects_by(&mut stage, &chrome, *way, &format!("user-{number}"))).await;
    }
    chrome.finish(&[]).await;
}

async fn connects_by(stage: &mut Stage, chrome: &Chrome, way: Way, user: &str) {
    stage.front.opener_policy(IDP, way.idp_policy);
    stage.front.opener_policy(APP, way.host_policy);
    let connector = if way.form_post { NORTHWIND_FORM } else { NORTHWIND };
    let page = if way.localhost {
        let hub = stage.front.origin(HUB);
        stage.front.plain_pages(host::pages(&hub)).await
    } else {
        stage.app()
    };
    let session = stage
        .session(json!({
            "user": { "username": user },
            "connectors": [connector],
            "allowedOrigins": [page],
            "returnUrl": null,
        }))
        .await;
    chrome.open(&page).await;
    chrome.open_modal(&session, &json!({})).await;
    let host = chrome.window().await;
    chrome.on_page("sign-in").await;

    chrome.sign_in().await;
    if way.host_policy == Some("same-origin") {
        // The popup has no opener then, and asks.
        chrome.on_page("interstitial").await;
        chrome.shows("main", user).await;
        chrome.act("continue").await;
    }
    chrome.shows("h1", "Sign-in").await;
    if way.idp_policy.is_some() {
        // The browser tells our frame that the popup is closed. It is not, and the frame doesn't believe it.
        let popup = chrome.window().await;
        chrome.back_to_modal(&host).await;
        chrome.on_page("waiting").await;
        chrome.script_gives("return document.querySelector('[data-vs-fallback]').hidden", &json!(true)).await;
        chrome.switch_to(popup).await;
    }
    sign_in_at_northwind(chrome).await;
    chrome.windows_are(1).await;

    chrome.back_to_modal(&host).await;
    chrome.on_page("done").await;
    chrome.shows(".lead", "jo@idp.test").await;
    chrome.switch_to(host.clone()).await;
    let address = chrome.find("iframe").await.attr("src").await.unwrap().unwrap();
    assert!(address.contains(&session.id) && !address.contains(session.secret()), "{address}");
    chrome.enter_modal().await;
    chrome.end_by("done").await;
    told_of_northwind(stage, chrome.result(&host).await, connector, user).await;
    let session = stage.api.session(&session.id).await;
    assert_eq!(session["status"], "completed");
    let origins = chrome.script("return window.heard.map(({ origin }) => origin)").await;
    let origins = origins.as_array().unwrap();
    assert!(!origins.is_empty() && origins.iter().all(|origin| *origin == stage.front.origin(HUB)));
}

/// What the host page was told is what the API says, and it is true.
async fn told_of_northwind(stage: &Stage, result: Value, connector: &str, user: &str) {
    let credential = stage.api.only_credential(user).await;
    assert_eq!(
        result,
        json!({ "status": "completed", "results": [{
            "connector": connector,
            "credentialId": credential["credentialId"],
            "status": "completed",
        }] })
    );
    assert_eq!(credential["status"], "active");
    assert_eq!(credential["account"]["label"], "jo@idp.test");
    works_at_northwind(stage, &credential).await;
}

#[tokio::test]
async fn b01_sign_in_with_third_party_cookies_blocked_also_from_localhost() {
    let localhost = Way { localhost: true, ..Way::default() };
    connects(ChromeOptions::default(), &[Way::default(), localhost]).await;
}

#[tokio::test]
async fn b01_sign_in_with_third_party_cookies_allowed() {
    let options = ChromeOptions { third_party_cookies: true, ..ChromeOptions::default() };
    connects(options, &[Way::default()]).await;
}

#[tokio::test]
async fn b02_sign_in_where_the_apps_page_cuts_its_opener() {
    let ways = ["same-origin", "same-origin-allow-popups", "noopener-allow-popups"]
        .map(|policy| Way { idp_policy: Some(policy), ..Way::default() });
    connects(ChromeOptions::default(), &ways).await;
}

#[tokio::test]
async fn b03_sign_in_where_the_host_page_cuts_its_popups() {
    let way = |host, idp| Way { host_policy: Some(host), idp_policy: idp, ..Way::default() };
    let ways = [
        way("same-origin", None),
        way("same-origin", Some("same-origin")),
        way("same-origin-allow-popups", Some("same-origin")),
        way("noopener-allow-popups", None),
    ];
    connects(ChromeOptions::default(), &ways).await;
}

#[tokio::test]
async fn b04_the_answer_comes_as_a_form_post() {
    let form_post = Way { form_post: true, ..Way::default() };
    let cut = Way { idp_policy: Some("same-origin"), ..form_post };
    connects(ChromeOptions::default(), &[form_post, cut]).await;
}
