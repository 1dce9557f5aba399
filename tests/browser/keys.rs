//! Keys and passwords: typed into the modal, tested by the hub, and never left in the page.

use http::Method;
use serde_json::{Value, json};
use vouchsafe::demo::fake::{DEMO_PASSWORD, QUILLPOST, RESTRICTED_KEY, REVOKED_KEY, VALID_KEY};

use crate::chrome::{Chrome, ChromeOptions};
use crate::front::{FERNHILL, HUB};
use crate::stage::Stage;

const KEY: &str = "input[name=key]";
const NO_LOAD: &str = "Failed to load resource";

async fn start(connector: &str) -> Option<(Stage, Chrome, crate::stage::Session)> {
    let stage = Stage::start().await;
    let chrome = Chrome::start(ChromeOptions::default()).await?;
    let session = stage.session_for(connector).await;
    stage.open_modal(&chrome, &session).await;
    chrome.on_page("key").await;
    Some((stage, chrome, session))
}

/// Nothing that was typed stands in the page any more.
async fn is_not_in_the_page(chrome: &Chrome, secret: &str) {
    let script =
        "const values = [...document.querySelectorAll('input, textarea')].map((input) => input.value);
                  return document.documentElement.outerHTML + values.join()";
    let page = chrome.script(script).await;
    assert!(!page.as_str().unwrap().contains(secret), "{page}");
}

fn submissions(stage: &Stage) -> usize {
    stage.front.count(HUB, &Method::POST, "/connect/credentials")
}

#[tokio::test]
async fn b13_a_wrong_key_is_refused_in_place_and_the_right_one_is_stored_once() {
    let Some((stage, chrome, session)) = start(QUILLPOST).await else {
        return;
    };
    let host = chrome.window().await;
    chrome.script_gives("return document.querySelector('input[name=key]').type", &json!("password")).await;
    chrome.fill(KEY, REVOKED_KEY).await;
    chrome.act("reveal").await;
    chrome.script_gives("return document.querySelector('input[name=key]').type", &json!("text")).await;
    chrome.act("submit").await;
    chrome.shows(".is-bad .field-error", "Quillpost didn't accept this").await;
    // The field says itself that it is empty, and why.
    let at = "const input = document.querySelector('input[name=key]');
               const said = document.getElementById(input.getAttribute('aria-describedby')).textContent;
               return [input.getAttribute('aria-invalid'), said.includes('Paste it again')]";
    chrome.script_gives(at, &json!(["true", true])).await;
    // Masked again, empty, and where the user goes on.
    let read = "const input = document.querySelector('input[name=key]');
                 return [input.type, input.value, document.activeElement.name ?? document.activeElement.tagName]";
    chrome.script_gives(read, &json!(["password", "", "key"])).await;
    is_not_in_the_page(&chrome, REVOKED_KEY).await;
    assert!(stage.api.credentials("jo").await.is_empty());

    // Copied with its surroundings, and pressed twice by an impatient hand.
    chrome.fill(KEY, &format!("  {VALID_KEY} ")).await;
    chrome
        .script("const button = document.querySelector('[data-vs-action=submit]'); button.click(); button.click();")
        .await;
    chrome.on_page("done").await;
    is_not_in_the_page(&chrome, VALID_KEY).await;
    assert_eq!(submissions(&stage), 2);
    chrome.end_by("done").await;
    let result = chrome.result(&host).await;
    let credential = stage.api.only_credential("jo").await;
    assert_eq!(result["results"][0]["credentialId"], credential["credentialId"]);
    assert_eq!(stage.api.token(&credential).await["fields"], json!({ "key": VALID_KEY }));
    assert_eq!(stage.api.session(&session.id).await["status"], "completed");
    chrome.finish(&[]).await;
}

#[tokio::test]
async fn b13_a_key_with_a_space_inside_is_refused_at_its_field_without_asking_anybody() {
    let Some((stage, chrome, _)) = start(QUILLPOST).await else {
        return;
    };
    let host = chrome.window().await;
    chrome.act("submit").await;
    chrome.shows(".field-error", "Fill in").await;
    chrome.fill(KEY, "fake_live_4f2a 9c1b7d3e8065").await;
    chrome.act("submit").await;
    chrome.shows(".field-error", "fake_live_0123456789abcdef").await;
    chrome.script_gives("return document.activeElement.name", &json!("key")).await;
    chrome.script_gives("return document.activeElement.getAttribute('aria-invalid')", &json!("true")).await;
    assert_eq!(submissions(&stage), 0);

    // A line break at the end comes from copying a whole line; the browser's field drops it.
    let paste = "const input = document.querySelector('input[name=key]'); input.focus(); input.select();
                 document.execCommand('insertText', false, arguments[0])";
    chrome.client().execute(paste, vec![json!(format!("{VALID_KEY}\n"))]).await.unwrap();
    chrome.shows(".field", "API key").await;
    chrome.script_gives("return document.querySelector('.field-error').textContent", &json!("")).await;
    // What goes into a host may be typed with capitals, and is sent as the hub keeps it.
    let capitals = "const form = document.querySelector('form[data-vs-form]');
                    const input = form.querySelector('input[name=key]');
                    const { value, dataset: { pattern } } = input;
                    Object.assign(input.dataset, { lower: '', pattern: '[a-z]+' });
                    input.value = ' Acme ';
                    const said = [Fields.valid(form), Fields.read(form).key];
                    delete input.dataset.lower;
                    input.dataset.pattern = pattern;
                    input.value = value;
                    return said";
    chrome.script_gives(capitals, &json!([true, "acme"])).await;
    chrome.act("submit").await;
    chrome.on_page("done").await;
    chrome.end_by("done").await;
    assert_eq!(chrome.result(&host).await["status"], "completed");
    chrome.finish(&[]).await;
}

#[tokio::test]
async fn b13_a_key_without_permission_is_stored_with_a_note_and_a_silent_app_is_not_the_keys_fault() {
    let Some((stage, chrome, _)) = start(QUILLPOST).await else {
        return;
    };
    stage.front.refuse(FERNHILL, "/api");
    chrome.fill(KEY, RESTRICTED_KEY).await;
    chrome.act("submit").await;
    chrome.shows(".notice-warning", "Quillpost").await;
    assert!(stage.api.credentials("jo").await.is_empty());
    stage.front.restore(FERNHILL);
    chrome.fill(KEY, RESTRICTED_KEY).await;
    chrome.act("submit").await;
    chrome.on_page("done").await;
    chrome.shows(".notice-warning", "Acme").await;
    assert_eq!(stage.api.only_credential("jo").await["status"], "active");
    chrome.finish(&[]).await;
}

#[tokio::test]
async fn b13_forms_with_several_fields_keep_what_is_no_secret() {
    let Some((stage, chrome, _)) = start("mailroom").await else {
        return;
    };
    for connector in ["mailroom", "ledgerly"] {
        if connector == "ledgerly" {
            let session = stage.session_for(connector).await;
            stage.open_modal(&chrome, &session).await;
            chrome.on_page("key").await;
        }
        chrome.fill("input[name=username]", "ops@acme.test").await;
        chrome.fill("input[name=password]", "not-the-password").await;
        chrome.act("submit").await;
        chrome.shows(".is-bad .field-error", "accept").await;
        let values = "return [...document.querySelectorAll('form input')].map((input) => input.value)";
        chrome.script_gives(values, &json!(["ops@acme.test", ""])).await;
        chrome.fill("input[name=password]", DEMO_PASSWORD).await;
        chrome.act("submit").await;
        chrome.on_page("done").await;
        chrome.shows(".lead", "ops@acme.test").await;
        is_not_in_the_page(&chrome, DEMO_PASSWORD).await;
    }
    let credentials = stage.api.credentials("jo").await;
    assert_eq!(credentials.len(), 2, "{credentials:?}");
    for credential in &credentials {
        assert_eq!(credential["status"], "active");
        let shown = stage.api.token(credential).await;
        match credential["connector"].as_str() {
            Some("mailroom") => {
                assert_eq!(
                    shown["fields"],
                    json!({ "username": "ops@acme.test", "password": DEMO_PASSWORD })
                );
            }
            _ => assert!(matches!(shown["accessToken"], Value::String(_)), "{credential}"),
        }
    }
    chrome.finish(&[NO_LOAD]).await;
}
