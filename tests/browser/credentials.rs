//! Users, credentials and attempts of the dashboard in a real browser, and what users see of themselves by a hosted
//! link.

use serde_json::{Value, json};
use vouchsafe::demo::fake::{FERNHILL, QUILLPOST, VALID_KEY};

use crate::chrome::{Chrome, ChromeOptions, Look};
use crate::dashboard::{SIZES, enrol, join, nothing_is_wrong};
use crate::stage::Stage;
use crate::support::app::TestApp;

const LONG: &str = "consolidated-freight-and-customs-brokerage-international-ag";

/// A first owner, signed in.
async fn begin(app: &TestApp) -> Option<Chrome> {
    let chrome = Chrome::start(ChromeOptions::default()).await?;
    let link = app.hub.invite_owner("default").await.unwrap();
    chrome.open(link.as_str()).await;
    join(&chrome, "Olive").await;
    enrol(&chrome, app).await;
    Some(chrome)
}

/// Users with credentials in several states, one with a long history.
async fn crowd(app: &TestApp) -> String {
    app.put_fernhill().await;
    let needs = json!({"name": "Ask your CRM", "connectors": [{"connector": "fernhill"}, {"connector": "quillpost"}]});
    app.as_key().put("/integrations/crm", &needs).await.ok(201);
    let jo = json!({"username": "u-17", "fullName": "Jo Miller", "email": "jo@acme.test", "tags": ["trial"]});
    app.as_key().post("/users", &jo).await.ok(201);
    for user in ["u-3", "u-4", LONG] {
        app.user(user).await;
    }
    let mut ids = Vec::new();
    for user in ["u-17", "u-3", "u-4", LONG] {
        ids.push(app.credential(user).await["credentialId"].as_str().unwrap().to_owned());
    }
    app.as_key().patch(&format!("/credentials/{}", ids[1]), &json!({"active": false})).await.ok(200);
    app.as_key().act(&format!("/credentials/{}/revoke", ids[2])).await.ok(200);
    let end = json!({"expiresAt": "2030-01-05T00:00:00Z"});
    app.as_key().patch(&format!("/credentials/{}", ids[3]), &end).await.ok(200);
    let id = app.connect("u-17").await;
    for _ in 0..3 {
        app.clock.advance(chrono::TimeDelta::minutes(2));
        app.as_key().act(&format!("/credentials/{id}/refresh")).await.ok(200);
        app.token(&id).await;
    }
    let modal = app.modal(&json!({"userId": "u-17", "credentialId": id})).await;
    let popup = modal.popup("fernhill").await;
    let back = popup.decide(app, "deny", "jo@acme.test").await;
    app.callback(&back, &popup.cookie).await;
    app.modal(&json!({"userId": LONG, "connectors": ["fernhill"]})).await.popup("fernhill").await;
    app.hub.flush_audit().await.unwrap();
    app.hub.flush_uses().await.unwrap();
    id
}

#[tokio::test]
async fn a_credential_is_looked_into_mended_and_ended() {
    let Some(app) = TestApp::start().await else { return };
    let Some(chrome) = begin(&app).await else { return };
    chrome.click(".nav a[href$=credentials]").await;
    chrome.shows(".nothing", "Nobody has connected anything here yet").await;
    nothing_is_wrong(&chrome).await;
    crowd(&app).await;
    chrome.click(".nav a[href$=credentials]").await;
    chrome.shows(".table", "u-17").await;
    chrome.click(".chips a[href*='status=revoked']").await;
    chrome.shows(".table", "u-4").await;
    chrome.script_gives("return document.querySelectorAll('tbody tr').length", &json!(1)).await;
    chrome.click(".chips a[href$=credentials]").await;
    chrome.fill("#q-user", "u-17").await;
    chrome.fill("#q-connector", "fernhill").await;
    chrome.click(".filter-form button").await;
    chrome.shows(".chip.is-set", "connector: fernhill").await;
    nothing_is_wrong(&chrome).await;
    chrome.click("tbody .cell-app a").await;
    chrome.shows(".side-panel h1", "Fernhill of u-17").await;
    chrome.shows(".side-panel .timeline", "Connecting it failed").await;
    nothing_is_wrong(&chrome).await;
    chrome.click(".side-panel-foot .primary").await;
    chrome.shows(".facts", "u-17").await;
    chrome.shows(".timeline", "Connecting it failed").await;
    nothing_is_wrong(&chrome).await;
    chrome.click("form[action$=verify] button").await;
    chrome.shows(".flash", "it works").await;
    chrome.click("a[href$=deactivate]").await;
    chrome.shows("h1", "Switch off Fernhill of u-17?").await;
    chrome.shows(".effects", "Ask your CRM").await;
    nothing_is_wrong(&chrome).await;
    chrome.click("button.danger-full").await;
    chrome.shows(".flash", "switched off").await;
    chrome.shows(".timeline", "Switched off").await;

    // Its user, and a link for them.
    chrome.click(".facts a").await;
    chrome.shows("h1", "u-17").await;
    nothing_is_wrong(&chrome).await;
    let settings = json!({"defaultReturnUrl": "https://app.acme.test/back"});
    chrome.click("form[action$=link] button").await;
    chrome.shows(".notice", "return address").await;
    chrome.assert_accessible().await;
    // The browser tells of the refusal itself.
    assert!(chrome.console_errors().await.iter().all(|error| error.contains("400")));
    app.as_key().patch("/environment", &settings).await.ok(200);
    chrome.click("form[action$=link] button").await;
    chrome.shows("h1", "A link for").await;
    chrome.shows("#value", "/connect?session=").await;
    nothing_is_wrong(&chrome).await;
    chrome.click(".nav a[href$=attempts]").await;
    chrome.shows(".table", "access_denied").await;
    nothing_is_wrong(&chrome).await;
    chrome.close().await;
}

#[tokio::test]
async fn many_are_deleted_with_progress() {
    let Some(app) = TestApp::start().await else { return };
    let Some(chrome) = begin(&app).await else { return };
    for number in 0..55 {
        let user = format!("u-{number}");
        app.user(&user).await;
        app.credential(&user).await;
    }
    chrome.click(".nav a[href$=credentials]").await;
    // The bar comes with the first that is chosen.
    chrome
        .script_gives("return getComputedStyle(document.querySelector('.bulk-bar')).display", &json!("none"))
        .await;
    chrome.script_gives("return document.querySelector('.bulk-bar button').disabled", &json!(true)).await;
    // However far down one is, the columns say what they are.
    let head =
        "scrollTo(0, 900); return Math.round(document.querySelector('thead th').getBoundingClientRect().top)";
    chrome.script_gives(head, &json!(0)).await;
    chrome.script("scrollTo(0, 0)").await;
    chrome.click("[data-pick-all]").await;
    chrome.shows(".bulk-count", "With 50 chosen").await;
    chrome.click("tbody tr [data-pick]").await;
    chrome.shows(".bulk-count", "With 49 chosen").await;
    nothing_is_wrong(&chrome).await;
    chrome.click("[data-pick-matching]").await;
    chrome.shows(".bulk-count", "With all of them").await;
    chrome.click(".bulk-bar button.danger").await;
    chrome.shows("h1", "Delete 55 credentials of production?").await;
    nothing_is_wrong(&chrome).await;
    chrome.screenshot("dashboard-bulk-confirm").await;
    chrome.click("button.danger-full").await;
    chrome.shows("h1", "Credentials are deleted").await;
    chrome.shows(".progress", "55 of 55 looked at, 55 done").await;
    nothing_is_wrong(&chrome).await;
    chrome.screenshot("dashboard-bulk-done").await;
    chrome.click(".row-actions a").await;
    chrome.shows(".nothing", "Nobody has connected anything here yet").await;
    chrome.close().await;
}

#[tokio::test]
async fn the_pages_are_accessible_at_every_size_in_light_and_dark() {
    let Some(app) = TestApp::start().await else { return };
    let Some(chrome) = begin(&app).await else { return };
    let id = crowd(&app).await;
    let user = app.shown(&id).await["userId"].as_str().unwrap().to_owned();
    let pages = [
        ("users", "users".to_owned()),
        ("user", format!("users/{user}")),
        ("credentials", "credentials?ends=&user=&status=".to_owned()),
        ("credential-panel", format!("credentials?open={id}")),
        ("credentials-none", "credentials?status=error&user=u-9".to_owned()),
        ("credential", format!("credentials/{id}")),
        ("credential-delete", format!("credentials/{id}/delete")),
        ("attempts", "attempts".to_owned()),
    ];
    for dark in [false, true] {
        for size in SIZES {
            chrome.look(Look { size, dark, reduced_motion: true }).await;
            for (name, path) in &pages {
                chrome.open(&format!("{}/dashboard/production/{path}", app.base_url)).await;
                let shade = if dark { "dark" } else { "light" };
                chrome.screenshot(&format!("dashboard-{name}-{}-{shade}", size.0)).await;
                nothing_is_wrong(&chrome).await;
            }
        }
    }
    chrome.close().await;
}

const SMALL: Look = Look { size: (390, 844), dark: false, reduced_motion: true };

/// The user's own page as it is, at each size, light and dark.
async fn own_page(chrome: &Chrome, name: &str) {
    for dark in [false, true] {
        for size in SIZES {
            chrome.look(Look { size, dark, reduced_motion: true }).await;
            nothing_is_wrong(chrome).await;
            let shade = if dark { "dark" } else { "light" };
            chrome.screenshot(&format!("{name}-{}-{shade}", size.0)).await;
        }
    }
    chrome.look(SMALL).await;
}

/// Signs in at Fernhill from the page that is shown, until it is said what is connected.
async fn sign_in_at_fernhill(stage: &Stage, chrome: &Chrome) {
    chrome.on_page("sign-in").await;
    chrome.find("[data-vs-action=submit][aria-disabled=false]").await;
    chrome.act("submit").await;
    chrome.on_page("interstitial").await;
    chrome.act("continue").await;
    stage.allow_as(chrome, "jo@fernhill.test").await;
    chrome.on_page("done").await;
    chrome.shows(".rows", "jo@fernhill.test").await;
}

/// From the question whether to disconnect it: the page of what is connected tells from now since when, and of what is
/// long past the date.
async fn since_when(chrome: &Chrome) {
    let base = "window.since = Date.parse(document.querySelector('.own-facts time').dateTime)";
    let said = "const time = document.querySelector('.own-facts time');
                const date = new Date(time.dateTime);
                const day = date.toLocaleDateString('en');
                return [time.textContent.replace(day, 'the date'), time.title === date.toLocaleString('en')]";
    let back = async || {
        chrome.click(".row-own summary").await;
        chrome.act_on("ask-disconnect", QUILLPOST).await;
        chrome.on_page("disconnect").await;
    };
    let on = async || {
        chrome.act("overview").await;
        chrome.on_page("choose").await;
    };
    on().await;
    chrome.script(base).await;
    for (seconds, wanted) in [
        (30, "now"),
        (3 * 3_600, "3 hours ago"),
        (24 * 3_600, "yesterday"),
        (29 * 86_400, "29 days ago"),
        (30 * 86_400, "the date"),
    ] {
        chrome.script(&format!("Date.now = () => since + {seconds} * 1000")).await;
        back().await;
        on().await;
        chrome.script_gives(said, &json!([wanted, true])).await;
    }
    back().await;
}

/// What the user gave of Fernhill, and when it was last used: never, or not.
async fn own_facts(chrome: &Chrome, used: bool) {
    chrome.act("overview").await;
    chrome.on_page("choose").await;
    chrome.click(".row-own summary").await;
    chrome.shows(".own-facts", "profile").await;
    chrome.shows(".own-facts", "Last used").await;
    assert_eq!(chrome.text(".own-facts").await.contains("never"), !used);
    chrome
        .script_gives(
            "return document.querySelectorAll('.own-facts time').length",
            &json!(1 + u8::from(used)),
        )
        .await;
}

/// A finished link tells what was given, and connects it anew. Gives the id of the credential.
async fn connected_anew_by_its_link(stage: &Stage, chrome: &Chrome) -> Value {
    let session =
        stage.session(json!({ "connectors": [FERNHILL], "confirm": "browser", "returnUrl": null })).await;
    let link = session.link.clone().unwrap();
    chrome.open(&link).await;
    sign_in_at_fernhill(stage, chrome).await;
    own_facts(chrome, false).await;
    let before = stage.api.only_credential("jo").await;
    stage.api.token(&before).await;
    stage.hub.hub.flush_uses().await.unwrap();
    chrome.open("about:blank").await;
    chrome.open(&link).await;
    chrome.on_page("done").await;
    own_facts(chrome, true).await;
    own_page(chrome, "hosted-own").await;
    chrome.act_on("connect", FERNHILL).await;
    sign_in_at_fernhill(stage, chrome).await;
    let after = stage.api.only_credential("jo").await;
    assert_eq!(after["credentialId"], before["credentialId"]);
    assert_eq!(after["status"], "active");
    assert_eq!(stage.fake.grants().len(), 2, "it was granted anew");
    after["credentialId"].clone()
}

#[tokio::test]
async fn a_user_connects_anew_and_takes_back_what_they_connected_by_a_hosted_link() {
    let stage = Stage::start().await;
    let Some(chrome) = Chrome::start(ChromeOptions::default()).await else { return };
    chrome.look(SMALL).await;
    let kept = connected_anew_by_its_link(&stage, &chrome).await;
    let session =
        stage.session(json!({ "connectors": [QUILLPOST], "confirm": "browser", "returnUrl": null })).await;
    let link = session.link.clone().unwrap();
    chrome.open(&link).await;
    chrome.on_page("key").await;
    chrome.fill("input[name=key]", VALID_KEY).await;
    chrome.act("submit").await;
    chrome.on_page("done").await;

    // Opened anew, as from a mail.
    chrome.open("about:blank").await;
    chrome.open(&link).await;
    chrome.on_page("done").await;
    chrome.act("overview").await;
    chrome.on_page("choose").await;
    chrome.click(".row-own summary").await;
    chrome.shows(".own-facts", "Connected").await;
    chrome.shows(".own-facts", "everything that the app lets you do").await;
    nothing_is_wrong(&chrome).await;
    chrome.act_on("ask-disconnect", QUILLPOST).await;
    chrome.on_page("disconnect").await;
    chrome.shows("h1", "Disconnect Quillpost?").await;
    own_page(&chrome, "hosted-disconnect").await;
    since_when(&chrome).await;
    chrome.act("disconnect").await;
    chrome.on_page("choose").await;
    chrome.shows(".rows", "Not connected yet").await;
    assert_eq!(stage.api.only_credential("jo").await["credentialId"], kept);
    chrome.finish(&[]).await;
}
