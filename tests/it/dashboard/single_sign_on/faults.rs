//! An identity provider that is away or refuses, and answers that belong to nobody here.

use chrono::TimeDelta;
use serde_json::json;

use super::{audited, last_audited};
use crate::support::browser::{Browser, Shown};
use crate::support::identity::Scene;

const BEGIN: &str = "/dashboard/sign-in/single-sign-on";

/// Sends a browser away: the address that it goes to.
async fn away(browser: &Browser<'_>) -> String {
    let answer = browser.get(BEGIN).await;
    assert_eq!(answer.status, 303, "{}", answer.html);
    answer.location.unwrap()
}

fn nobody_is_in(browser: &Browser<'_>) {
    assert_eq!(browser.cookie("vs_session"), None);
}

/// A calm page that says nothing of what was sent.
#[track_caller]
fn calm(shown: &Shown, status: u16, text: &str) {
    shown.page(status, text);
    for secret in ["code-", "hub-secret", "at-of-the", "eyJ"] {
        assert!(!shown.html.contains(secret), "{secret} is shown");
    }
}

#[tokio::test]
async fn an_identity_provider_that_is_away_gets_a_calm_page_and_is_not_asked_on_and_on() {
    let Some(scene) = Scene::start().await else { return };
    let metadata = "/.well-known/openid-configuration";
    scene.idp.script().down.insert(metadata, 503);
    let browser = scene.browser();
    for _ in 0..3 {
        calm(&browser.get(BEGIN).await, 502, "Acme ID doesn’t answer");
    }
    assert_eq!(scene.idp.asked(metadata).len(), 1, "not asked again within five seconds");
    assert!(browser.get(BEGIN).await.html.contains("sign in by password"));
    scene.idp.script().down.clear();
    scene.app.clock.advance(TimeDelta::seconds(5));
    away(&browser).await;
    assert_eq!(scene.idp.asked(metadata).len(), 2);
}

#[tokio::test]
async fn each_answer_that_fails_is_told_apart_in_the_audit_log_and_calm_on_the_page() {
    let Some(scene) = Scene::start().await else { return };
    let owner = scene.app.as_owner().await;
    scene.invite(&owner, "viewer", "jo@acme.test").await;
    let outage = "Acme ID doesn’t answer";
    let fault = "gave an answer that can’t be trusted";
    for (status, body, text, reason) in [
        (503, "", outage, "status 503 for the token answer of the identity provider"),
        (500, "<html>oops", outage, "status 500 for the token answer of the identity provider"),
        (400, r#"{"error":"invalid_grant"}"#, fault, "the identity provider refuses the code: invalid_grant"),
        (
            401,
            r#"{"error":"invalid_client"}"#,
            fault,
            "the identity provider refuses the code: invalid_client",
        ),
        (400, "", fault, "status 400 for the token answer of the identity provider"),
        (200, "", fault, "the token answer of the identity provider can't be read"),
        (
            200,
            r#"{"access_token":"at-of-the"}"#,
            fault,
            "the token answer of the identity provider can't be read",
        ),
        (
            200,
            r#"{"id_token":"a.b.c","id_token":"d.e.f"}"#,
            fault,
            "the token answer of the identity provider can't be read",
        ),
        (
            200,
            r#"{"id_token":"eyJhIjoxfQ.e30.x"}"#,
            fault,
            "the ID token is signed by an algorithm that is not allowed",
        ),
        (302, "", fault, "status 302 for the token answer of the identity provider"),
    ] {
        scene.idp.script().token_answer = Some((status, body.to_owned()));
        let browser = scene.browser();
        calm(&scene.idp.sign_in(&browser).await, 502, text);
        nobody_is_in(&browser);
        assert_eq!(last_audited(&scene.app).await.2, format!("single sign-on: {reason}"));
    }
    scene.idp.script().token_answer = None;
    scene.idp.sign_in(&scene.browser()).await.arrives_at("/dashboard");
}

#[tokio::test]
async fn who_says_no_there_is_told_that_nothing_has_changed() {
    let Some(scene) = Scene::start().await else { return };
    for (error, text, status) in [
        ("access_denied", "You’re not signed in", 400),
        ("login_required", "You’re not signed in", 400),
        ("temporarily_unavailable", "Acme ID doesn’t answer", 502),
    ] {
        let browser = scene.browser();
        let mut back = scene.idp.authorize(&away(&browser).await);
        let kept: Vec<_> = back.query_pairs().into_owned().filter(|(name, _)| name != "code").collect();
        back.query_pairs_mut().clear().extend_pairs(kept).append_pair("error", error);
        back.query_pairs_mut().append_pair("error_description", "<script>alert(1)</script>");
        let shown = browser.get(back.as_str()).await;
        calm(&shown, status, text);
        assert!(!shown.html.contains("alert(1)"));
    }
    assert!(scene.idp.asked("/token").is_empty());
    assert_eq!(audited(&scene.app).await.len(), 3);
}

#[tokio::test]
async fn an_answer_of_another_browser_signs_nobody_in() {
    let Some(scene) = Scene::start().await else { return };
    let owner = scene.app.as_owner().await;
    scene.invite(&owner, "viewer", "jo@acme.test").await;
    let attacker = scene.browser();
    let back = scene.idp.authorize(&away(&attacker).await);
    // A victim who has never begun, and one who has begun a sign-in of their own.
    let victim = scene.browser();
    calm(&victim.get(back.as_str()).await, 400, "This sign-in is over");
    away(&victim).await;
    calm(&victim.get(back.as_str()).await, 400, "This sign-in is over");
    nobody_is_in(&victim);
    assert!(scene.idp.asked("/token").is_empty(), "the code is not spent");
    let reason = last_audited(&scene.app).await.2;
    assert_eq!(reason, "single sign-on: state of another sign-in");
    attacker.get(back.as_str()).await.arrives_at("/dashboard");
    // And not a second time.
    let replayed = attacker.get(back.as_str()).await;
    calm(&replayed, 400, "This sign-in is over");
}

#[tokio::test]
async fn a_cookie_that_was_changed_fits_no_answer() {
    let Some(scene) = Scene::start().await else { return };
    let owner = scene.app.as_owner().await;
    let link = scene.app.hub.invite_owner("default").await.unwrap();
    scene.invite(&owner, "viewer", "jo@acme.test").await;
    let browser = scene.browser();
    let back = scene.idp.authorize(&away(&browser).await);
    let cookie = browser.cookie("vs_sign_on").unwrap();
    let token = link.as_str().split_once("invitation=").unwrap().1;
    let (rest, purpose) = cookie.rsplit_once('.').unwrap();
    assert_eq!(purpose, "in");
    let parts: Vec<&str> = cookie.split('.').collect();
    for changed in [
        format!("{rest}.join.{token}"),
        format!("x{cookie}"),
        format!("{}.{}.L2V2aWw.in", parts[0], parts[1]),
        format!("{}.9.{}.in", parts[0], parts[2]),
        "nothing".to_owned(),
    ] {
        browser.set_cookie("vs_sign_on", &changed);
        calm(&browser.get(back.as_str()).await, 400, "This sign-in is over");
        nobody_is_in(&browser);
    }
    assert!(scene.idp.asked("/token").is_empty());
}

#[tokio::test]
async fn a_sign_in_ends_after_ten_minutes() {
    let Some(scene) = Scene::start().await else { return };
    let browser = scene.browser();
    let back = scene.idp.authorize(&away(&browser).await);
    let cookie = browser.cookie("vs_sign_on").unwrap();
    scene.app.clock.advance(TimeDelta::minutes(10));
    calm(&browser.get(back.as_str()).await, 400, "This sign-in is over");
    assert_eq!(last_audited(&scene.app).await.2, "single sign-on: too late");
    assert!(scene.idp.asked("/token").is_empty());
    assert!(cookie.len() < 200, "{cookie}");
}

#[tokio::test]
async fn answers_that_cannot_be_one_are_refused_before_anything_is_asked() {
    let Some(scene) = Scene::start().await else { return };
    let browser = scene.browser();
    let back = scene.idp.authorize(&away(&browser).await);
    let cookie = browser.cookie("vs_sign_on").unwrap();
    let query = back.query().unwrap();
    let without = |name: &str| {
        let pairs = back.query_pairs().filter(|(other, _)| other != name);
        let pairs: Vec<_> = pairs.map(|(name, value)| format!("{name}={value}")).collect();
        pairs.join("&")
    };
    for query in [
        String::new(),
        without("code"),
        without("state"),
        format!("{query}&state=x"),
        format!("{query}&code=x"),
        format!("code={}&state=x", "x".repeat(9_000)),
        format!("{query}&iss=https%3A%2F%2Fevil.test"),
    ] {
        browser.set_cookie("vs_sign_on", &cookie);
        let shown = browser.get(&format!("/dashboard/sign-in/callback?{query}")).await;
        calm(&shown, 400, "This sign-in is over");
    }
    assert!(scene.idp.asked("/token").is_empty());
}

#[tokio::test]
async fn another_site_sends_nobody_away() {
    let Some(scene) = Scene::start().await else { return };
    for site in ["cross-site", "same-site"] {
        let browser = scene.browser().header("sec-fetch-site", site);
        browser.get(BEGIN).await.leads_to("/dashboard/sign-in?next=%2Fdashboard");
        assert_eq!(browser.cookie("vs_sign_on"), None);
    }
    for next in ["https://evil.test", "//evil.test", "/dashboard//evil.test"] {
        let browser = scene.browser();
        let there = format!("{BEGIN}?next={next}");
        let away = browser.get(&there).await.location.unwrap();
        assert!(away.starts_with(&scene.idp.base_url), "{away}");
        let cookie = browser.cookie("vs_sign_on").unwrap();
        // `/dashboard` in base64url.
        assert!(cookie.contains(".L2Rhc2hib2FyZA."), "{cookie}");
    }
}

#[tokio::test]
async fn guesses_from_an_address_wait() {
    let Some(scene) = Scene::start().await else { return };
    let mut waits = 0;
    for _ in 0..55 {
        let browser = scene.browser().at("192.0.2.7");
        away(&browser).await;
        let shown = browser.get("/dashboard/sign-in/callback?code=c&state=guess").await;
        if shown.html.contains("That was tried too often") {
            assert!(shown.headers.contains_key("retry-after"));
            waits += 1;
        } else {
            calm(&shown, 400, "This sign-in is over");
        }
    }
    assert_eq!(waits, 5, "fifty are looked at");
}

#[tokio::test]
async fn the_cookie_binds_the_browser_and_holds_nothing_that_is_sent() {
    let Some(scene) = Scene::start().await else { return };
    let browser = scene.browser();
    let first = away(&browser).await;
    let cookie = browser.cookie("vs_sign_on").unwrap();
    let second = away(&browser).await;
    assert_ne!(first, second);
    let url = url::Url::parse(&first).unwrap();
    for name in ["state", "nonce", "code_challenge"] {
        let value = crate::support::outside::query(&url, name).unwrap();
        assert!(value.len() >= 43 && !cookie.contains(&value), "{name}");
        assert!(!second.contains(&value), "{name} is new each time");
    }
    let token = cookie.split('.').next().unwrap();
    assert!(token.len() == 43 && !first.contains(token));
    let shown = browser.get(BEGIN).await;
    let set = shown.headers["set-cookie"].to_str().unwrap();
    assert!(set.contains("; Max-Age=600") && set.contains("Path=/"), "{set}");
    assert_eq!(json!(shown.status), 303);
}
