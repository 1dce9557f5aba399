//! Secrets and the request console in a real browser: made, revealed for a moment, chosen, ended; and every state of
//! their pages by its accessibility rules, at each size, light and dark.

use serde_json::{Value, json};
use vouchsafe::demo::fake::{DEMO_CLIENT_ID, FERNHILL, QUILLPOST};

use super::{SIZES, enrol, join, nothing_is_wrong, pictures};
use crate::chrome::{Chrome, ChromeOptions, Look};
use crate::support::app::TestApp;

const VALUE: &str = "sk-never-to-be-seen-0123456789";
const LONG: &str = "CUSTOMS_BROKERAGE_INTERNATIONAL_LIVE_WEBHOOK_SIGNING_KEY_2031";

/// An owner who is signed in.
async fn owner(app: &TestApp, chrome: &Chrome) {
    let link = app.hub.invite_owner("default").await.unwrap();
    chrome.open(link.as_str()).await;
    join(chrome, "Olive").await;
    enrol(chrome, app).await;
}

/// Makes the seconds of a page so many milliseconds long.
async fn pace(chrome: &Chrome, second: u32) {
    let script = format!(
        "window.real ??= window.setInterval; window.setInterval = (then, ms) => window.real(then, ms * {second} / 1000)"
    );
    chrome.script(&script).await;
}

/// Keeps what the first button that copies says of itself then, which it says for two seconds, as `window.said`.
const SAYS: &str = "new MutationObserver(([{ target }]) => (window.said ??= target.ariaLabel))
    .observe(document.querySelector('.secrets-table [data-copy-text]'), { attributeFilter: ['aria-label'] })";

#[tokio::test]
async fn a_secret_is_made_revealed_for_a_moment_and_deleted() {
    let Some(app) = TestApp::start().await else { return };
    let Some(chrome) = Chrome::start(ChromeOptions::default()).await else { return };
    owner(&app, &chrome).await;
    chrome.click(".nav a[href$=secrets]").await;
    chrome.shows(".nothing", "Keep a key of your own here").await;
    nothing_is_wrong(&chrome).await;
    chrome.click(".nothing a.primary").await;
    chrome.shows(".side-panel h1", "Create a secret").await;
    nothing_is_wrong(&chrome).await;
    chrome.script_gives("return document.activeElement.id", &json!("f-key")).await;
    chrome.fill("#f-key", "STRIPE_KEY").await;
    chrome.fill("#f-value", VALUE).await;
    let dots = "return getComputedStyle(document.querySelector('#f-value')).webkitTextSecurity";
    chrome.script_gives(dots, &json!("disc")).await;
    chrome.click("[data-show]").await;
    chrome.script_gives(dots, &json!("none")).await;
    chrome.fill("#f-allowedHosts", "api.stripe.com").await;
    chrome.click(".side-panel-foot .primary").await;
    chrome.shows(".flash", "The secret is kept.").await;
    chrome.shows(".secrets-table", "STRIPE_KEY").await;

    // It counts where it is seen and not heard, can be copied, and goes when one has done with it.
    pace(&chrome, 60_000).await;
    chrome.script("navigator.clipboard.writeText = async (text) => (window.copied = text)").await;
    chrome.script(SAYS).await;
    chrome.click(".secrets-table [data-copy-text]").await;
    chrome.script_gives("return window.copied", &json!("$Secret{STRIPE_KEY}")).await;
    chrome.script_gives("return window.said", &json!("Copied")).await;
    chrome.click("[data-reveal]").await;
    chrome.shows(".secrets-table [data-dots]", VALUE).await;
    chrome.shows(".shown-left", "15 s").await;
    let told = "return document.querySelector('main > .unseen[role=status]').textContent";
    chrome.script_gives(told, &json!("The value is shown for 15 seconds.")).await;
    nothing_is_wrong(&chrome).await;
    chrome.click("[aria-label='Copy the value of STRIPE_KEY']").await;
    chrome.script_gives("return window.copied", &json!(VALUE)).await;
    chrome.click("[aria-label='Hide the value of STRIPE_KEY']").await;
    chrome.shows(".secrets-table [data-dots]", "••••").await;
    chrome.script_gives("return document.body.innerHTML.includes('never-to-be-seen')", &json!(false)).await;
    chrome.script_gives("return document.activeElement.dataset.reveal", &json!("STRIPE_KEY")).await;

    pace(&chrome, 100).await;
    chrome.click("[data-reveal]").await;
    chrome.shows(".secrets-table [data-dots]", VALUE).await;
    chrome.shows(".secrets-table [data-dots]", "••••").await;
    let audit = app.as_key().get("/audit-events?action=secret.reveal").await.ok(200);
    assert_eq!(audit["data"].as_array().unwrap().len(), 2);

    chrome.click(".cell-name").await;
    chrome.shows(".side-panel .value-text", "$Secret{STRIPE_KEY}").await;
    nothing_is_wrong(&chrome).await;
    chrome.press(&[fantoccini::key::Key::Escape.into()]).await;
    chrome.shows("h1", "Secrets").await;

    // The bar comes with the first that is chosen.
    chrome
        .script_gives("return getComputedStyle(document.querySelector('.bulk-bar')).display", &json!("none"))
        .await;
    chrome.click("[data-pick-all]").await;
    nothing_is_wrong(&chrome).await;
    chrome.click(".bulk-bar [value=delete]").await;
    chrome.shows("h1", "Delete 1 secret?").await;
    nothing_is_wrong(&chrome).await;
    chrome.click("button.danger-full").await;
    chrome.shows(".flash", "All of them are done.").await;
    app.as_key().get("/secrets/STRIPE_KEY").await.assert_problem(404, "not_found");
    chrome.close().await;
}

#[tokio::test]
async fn a_call_is_put_together_with_a_secret_that_is_made_on_the_way() {
    let Some(app) = TestApp::start().await else { return };
    let Some(chrome) = Chrome::start(ChromeOptions::default()).await else { return };
    app.user("jo").await;
    app.credential("jo").await;
    owner(&app, &chrome).await;
    chrome.click(".nav a[href$=console]").await;
    chrome.shows("h1", "API call").await;
    nothing_is_wrong(&chrome).await;
    chrome.script("document.querySelector('#f-connector').value = 'quillpost'").await;
    assert_eq!(QUILLPOST, "quillpost");
    chrome.fill("#f-user", "jo").await;
    chrome.fill("#f-path", "/echo").await;
    chrome.fill("[name=header-name]", "X-Key").await;
    chrome.fill("[name=header-value]", "Bearer ").await;
    chrome.click("[value=\"pick:header-0\"]").await;
    chrome.shows("#panel-title", "Choose a secret").await;
    nothing_is_wrong(&chrome).await;
    chrome.click(".side-panel-foot [value=new]").await;
    chrome.shows("#panel-title", "Create a secret").await;
    chrome.fill("#f-key", "ALPHA").await;
    chrome.fill("#f-value", VALUE).await;
    nothing_is_wrong(&chrome).await;
    chrome.click(".side-panel-foot [value=create]").await;
    let field = "return document.querySelector('[name=header-value]').value";
    chrome.script_gives(field, &json!("Bearer $Secret{ALPHA}")).await;
    chrome.click("[value=send]").await;
    chrome.shows(".answer-line", "200 OK").await;
    chrome.shows(".answer-body", "Bearer ••••••").await;
    nothing_is_wrong(&chrome).await;
    assert!(!chrome.text("body").await.contains(VALUE));
    // Pressed twice it is one call: the second would be another charge at the app.
    let before = app.fake.counters().api_calls;
    let twice = "const form = document.querySelector('form[data-in-place]');
                 const [button, fetch] = [form.querySelector('[value=send]'), window.fetch];
                 window.sent = 0;
                 window.fetch = (...all) => { window.sent += 1; return fetch(...all); };
                 document.querySelector('.answer-line').textContent = '';
                 form.requestSubmit(button);
                 form.requestSubmit(button);
                 window.fetch = fetch";
    chrome.script(twice).await;
    chrome.shows(".answer-line", "200 OK").await;
    chrome.script_gives("return window.sent", &json!(1)).await;
    assert_eq!(app.fake.counters().api_calls, before + 1);
    // The body takes one where its caret is, and is looked through from then on.
    chrome.script("document.querySelector('.console-more').open = true").await;
    chrome.fill("#f-body", "{\"k\": \"\"}").await;
    chrome
        .script("const body = document.querySelector('#f-body'); body.focus(); body.setSelectionRange(7, 7)")
        .await;
    chrome.click("[value=\"pick:body\"]").await;
    chrome.shows("#panel-title", "Choose a secret").await;
    chrome.click("[value=\"choose:ALPHA\"]").await;
    let body = "return document.querySelector('#f-body').value";
    chrome.script_gives(body, &json!("{\"k\": \"$Secret{ALPHA}\"}")).await;
    chrome.script_gives("return document.querySelector('[name=resolves]').checked", &json!(true)).await;
    nothing_is_wrong(&chrome).await;
    // The page was changed in place, and what was typed is there.
    let user = "return document.querySelector('#f-user').value";
    chrome.script_gives(user, &json!("jo")).await;
    // It stays where there is no answer, or one of another page.
    chrome.script("window.fetch = () => Promise.reject(new TypeError('no network'))").await;
    chrome.click("[value=send]").await;
    chrome.shows("[data-kept]", "The hub gave no answer.").await;
    nothing_is_wrong(&chrome).await;
    let other = "const html = '<main><p class=\"lead\">That took too long.</p></main>';
                 const headers = { 'content-type': 'text/html; charset=utf-8' };
                 window.fetch = () => Promise.resolve(new Response(html, { status: 504, headers }))";
    chrome.script(other).await;
    chrome.click("[value=send]").await;
    chrome.shows("[data-kept]", "That took too long.").await;
    chrome.shows("[value=send]", "Send").await;
    let kept = "return document.querySelectorAll('[data-kept]').length";
    chrome.script_gives(kept, &json!(1)).await;
    chrome.script_gives("return document.querySelector('.is-busy') === null", &json!(true)).await;
    chrome.script_gives(user, &json!("jo")).await;
    chrome.close().await;
}

async fn scene(app: &TestApp) {
    app.user("jo").await;
    app.credential("jo").await;
    let secret = |key: &str, more: Value| {
        let mut body = json!({"key": key, "value": VALUE, "type": "api_key", "visibility": "masked"});
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        body
    };
    for body in [
        secret(
            LONG,
            json!({"name": "Consolidated Freight & Customs Brokerage, live <production>",
            "issuer": "customs-brokerage-international", "period": "P3D", "type": "client_token",
            "scope": {"products": ["sync-orders", "ask-your-crm"], "apps": ["hubspot"]},
            "allowedHosts": ["api.customs-brokerage.example", "*.customs-brokerage.example"]}),
        ),
        secret("STRIPE_KEY", json!({"visibility": "restricted", "issuer": "stripe", "period": "P90D"})),
        secret("FERN", json!({"name": "Fernhill’s client", "type": "credential"})),
        secret("metrics.write", json!({"allowedHosts": ["127.0.0.1"]})),
        secret("OFF", json!({})),
    ] {
        app.as_key().post("/secrets", &body).await.ok(201);
    }
    app.as_key().act("/secrets/OFF/deactivate").await.ok(200);
    let body = json!({"provider": FERNHILL, "clientId": DEMO_CLIENT_ID, "clientSecret": "$Secret{FERN}"});
    app.as_key().put("/connectors/fernhill", &body).await.ok(201);
}

#[tokio::test]
async fn every_page_of_secrets_and_calls_is_accessible_at_every_size() {
    let Some(app) = TestApp::start().await else { return };
    let Some(chrome) = Chrome::start(ChromeOptions::default()).await else { return };
    owner(&app, &chrome).await;
    let open = async |path: &str| chrome.open(&format!("{}/dashboard/production/{path}", app.base_url)).await;
    open("secrets").await;
    pictures(&chrome, "secrets-empty").await;
    scene(&app).await;
    for (name, path) in [
        ("secrets", "secrets"),
        ("secrets-filtered", "secrets?type=api_key&ended=shown&search=e"),
        ("secret", &format!("secret/{LONG}")),
        ("secret-new", "secrets/new"),
        ("secret-edit", "secret/STRIPE_KEY/edit"),
        ("secret-delete", "secret/FERN/delete"),
        ("secret-reveal", "secret/FERN/reveal"),
        ("console", "console"),
    ] {
        open(path).await;
        pictures(&chrome, name).await;
    }
    chrome.fill("#f-user", "jo").await;
    chrome.script("document.querySelector('#f-connector').value = 'quillpost'").await;
    chrome.fill("#f-path", "/echo?limit=2").await;
    chrome.click("[value=send]").await;
    chrome.shows(".answer-line", "200 OK").await;
    pictures(&chrome, "console-answer").await;
    chrome.click("[value=\"pick:header-0\"]").await;
    chrome.shows("#panel-title", "Choose a secret").await;
    pictures(&chrome, "console-picker").await;
    chrome.look(Look { size: SIZES[0], dark: false, reduced_motion: true }).await;
    open("secrets").await;
    chrome.click("[data-pick-all]").await;
    pictures(&chrome, "secrets-chosen").await;
    chrome.click(".bulk-bar [value=revoke]").await;
    chrome.shows("h1", "Revoke 5 secrets?").await;
    pictures(&chrome, "secrets-many").await;
    chrome.close().await;
}
