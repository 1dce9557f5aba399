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
    cookies: bool,
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

/// The whole way in a real browser. Whatever opener policies are in force, it must end the same.
async fn connects(way: Way) {
    let Some(mut stage) = Stage::with_idp().await else {
        return;
    };
    let options = ChromeOptions {
        third_party_cookies: way.cookies,
        ..ChromeOptions::default()
    };
    let Some(chrome) = Chrome::start(options).await else {
        return;
    };
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
        .session(json!({ "connectors": [connector], "allowedOrigins": [page], "returnUrl": null }))
        .await;
    chrome.open(&page).await;
    chrome.open_modal(&session, &json!({})).await;
    let host = chrome.window().await;
    chrome.on_page("sign-in").await;

    chrome.sign_in().await;
    if way.host_policy == Some("same-origin") {
        // The popup has no opener then, and asks.
        chrome.on_page("interstitial").await;
        chrome.shows("main", "Jo Park").await;
        chrome.act("continue").await;
    }
    chrome.shows("h1", "Sign-in").await;
    let popup = chrome.window().await;
    if way.idp_policy.is_some() {
        // The browser tells our frame that the popup is closed. It is not, and the frame doesn't believe it.
        chrome.back_to_modal(&host).await;
        chrome.on_page("waiting").await;
        chrome
            .script_gives(
                "return document.querySelector('[data-vs-fallback]').hidden",
                &json!(true),
            )
            .await;
        chrome.switch_to(popup).await;
    }
    sign_in_at_northwind(&chrome).await;
    chrome.windows_are(1).await;

    chrome.back_to_modal(&host).await;
    chrome.on_page("done").await;
    chrome.shows(".lead", "jo@idp.test").await;
    chrome.act("done").await;
    let result = chrome.result(&host).await;
    let credential = stage.api.only_credential("jo").await;
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
    works_at_northwind(&stage, &credential).await;
    let session = stage.api.session(&session.id).await;
    assert_eq!(session["status"], "completed");
    assert_eq!(session["results"][0]["credentialId"], credential["credentialId"]);
    let origins = chrome
        .script("return window.heard.map(({ origin }) => origin)")
        .await;
    let origins = origins.as_array().unwrap();
    assert!(!origins.is_empty() && origins.iter().all(|origin| *origin == stage.front.origin(HUB)));
    chrome.finish(&[]).await;
}

#[tokio::test]
async fn b01_sign_in_with_third_party_cookies_blocked() {
    connects(Way::default()).await;
}

#[tokio::test]
async fn b01_sign_in_with_third_party_cookies_allowed() {
    connects(Way {
        cookies: true,
        ..Way::default()
    })
    .await;
}

#[tokio::test]
async fn b01_sign_in_from_a_host_page_on_localhost() {
    connects(Way {
        localhost: true,
        ..Way::default()
    })
    .await;
}
