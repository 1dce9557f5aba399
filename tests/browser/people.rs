//! The modal for everybody: by keyboard alone, by its accessibility rules, on a small dark screen, and from right to
//! left.

use fantoccini::key::Key;
use serde_json::{Value, json};
use vouchsafe::demo::fake::{FERNHILL as APP_KEY, QUILLPOST, REVOKED_KEY, VALID_KEY};

use crate::chrome::{Chrome, ChromeOptions, Look};
use crate::stage::Stage;

const NARROW: Look = Look { size: (320, 640), dark: true, reduced_motion: true };

/// Whether dark colours are preferred, and the word for it in the name of a picture.
const SHADES: [(bool, &str); 2] = [(false, "light"), (true, "dark")];

/// Presses Tab until `css` has the focus in the present frame, which must be seen.
pub(crate) async fn tab_to(chrome: &Chrome, css: &str) {
    for _ in 0..20 {
        let script = "const one = document.activeElement;
                      const ring = (of) => getComputedStyle(of).outlineStyle !== 'none';
                      return Boolean(one?.matches(arguments[0]) && one.matches(':focus-visible')
                          && (ring(one) || ring(one.closest('.input') ?? one)))";
        let there = chrome.client().execute(script, vec![json!(css)]).await.unwrap();
        if there == json!(true) {
            return;
        }
        chrome.press(&[Key::Tab.into()]).await;
    }
    let last = chrome.script("return document.activeElement?.outerHTML").await;
    panic!("{css} can't be reached by keyboard; the focus is on {last}");
}

/// Presses Enter. A form that it sends goes a moment after the key is let go: the driver waits for ever, now and then,
/// for a key that is let go while the frame goes on to another page, and always in a window that is gone.
pub(crate) async fn enter(chrome: &Chrome) {
    // An Enter before this one may have sent no form, on this same page.
    let script = "window.lastEnter?.abort();
                  const { signal } = window.lastEnter = new AbortController();
                  addEventListener('submit', (event) => {
                      event.preventDefault();
                      event.stopImmediatePropagation();
                      const send = () => event.target.requestSubmit(event.submitter);
                      addEventListener('keyup', () => setTimeout(send, 250), { once: true });
                  }, { capture: true, once: true, signal })";
    chrome.script(script).await;
    chrome.press(&[Key::Enter.into()]).await;
}

/// Does what a key does that makes the modal go: Escape, or Enter on the button that has the focus. A script does it, as
/// the driver waits for ever, now and then, for a key that is let go in a frame that is gone.
async fn press_and_leave(chrome: &Chrome, key: Key) {
    let script = match key {
        Key::Enter => {
            "const button = document.activeElement;
                       if (button.localName !== 'button') throw new Error('the focus is on no button');
                       setTimeout(() => button.click(), 50)"
        }
        Key::Escape => {
            "const init = { key: 'Escape', bubbles: true, cancelable: true };
                        const at = document.activeElement;
                        setTimeout(() => at.dispatchEvent(new KeyboardEvent('keydown', init)), 50)"
        }
        other => panic!("{other:?} makes no modal go"),
    };
    chrome.script(script).await;
    chrome.leave_frames().await;
}

async fn types(chrome: &Chrome, text: &str) {
    for letter in text.chars() {
        chrome.press(&[letter]).await;
    }
}

/// The focus never leaves the modal for the page behind it.
async fn is_held(chrome: &Chrome) {
    let host = chrome.window().await;
    chrome.switch_to(host.clone()).await;
    for _ in 0..12 {
        chrome.press(&[Key::Tab.into()]).await;
        let focused = chrome.script("return document.activeElement.id").await;
        assert!(focused == "" || focused == Value::Null, "{focused}");
    }
    chrome.enter_modal().await;
}

#[tokio::test]
async fn b14_everything_can_be_done_by_keyboard() {
    let stage = Stage::start().await;
    let Some(chrome) = Chrome::start(ChromeOptions::default()).await else {
        return;
    };
    let session = stage.session(json!({ "connectors": [APP_KEY, QUILLPOST] })).await;
    chrome.open(&stage.app()).await;
    let host = chrome.window().await;
    chrome.script(&format!("window.token = '{}'", session.token)).await;
    tab_to(&chrome, "#connect").await;
    enter(&chrome).await;
    chrome.enter_modal().await;
    chrome.on_page("choose").await;
    is_held(&chrome).await;

    tab_to(&chrome, &format!("[data-vs-action=connect][data-vs-connector={APP_KEY}]")).await;
    enter(&chrome).await;
    chrome.on_page("sign-in").await;
    chrome.script_gives("return document.activeElement.tagName", &json!("H1")).await;
    tab_to(&chrome, "[data-vs-action=submit]").await;
    let known = chrome.windows().await;
    enter(&chrome).await;
    chrome.switch_to(chrome.popup(&known).await).await;
    chrome.shows("h1", "into your account").await;
    tab_to(&chrome, "button[value=allow]").await;
    enter(&chrome).await;
    chrome.windows_are(1).await;
    chrome.back_to_modal(&host).await;
    chrome.on_page("done").await;

    tab_to(&chrome, "[data-vs-action=connect]").await;
    enter(&chrome).await;
    chrome.on_page("key").await;
    tab_to(&chrome, "input[name=key]").await;
    types(&chrome, REVOKED_KEY).await;
    enter(&chrome).await;
    chrome.shows(".is-bad .field-error", "accept").await;
    tab_to(&chrome, "input[name=key]").await;
    types(&chrome, VALID_KEY).await;
    enter(&chrome).await;
    chrome.on_page("done").await;
    tab_to(&chrome, "[data-vs-action=done]").await;
    press_and_leave(&chrome, Key::Enter).await;
    assert_eq!(chrome.result(&host).await["status"], "completed");
    chrome.script_gives("return document.activeElement.id", &json!("connect")).await;
    assert_eq!(stage.api.credentials("jo").await.len(), 2);
    chrome.finish(&[]).await;
}

#[tokio::test]
async fn b14_escape_closes_and_asks_first_where_something_would_be_lost() {
    let stage = Stage::start().await;
    let Some(chrome) = Chrome::start(ChromeOptions::default()).await else {
        return;
    };
    let session = stage.session_for(QUILLPOST).await;
    let host = stage.open_modal(&chrome, &session).await;
    chrome.on_page("key").await;
    press_and_leave(&chrome, Key::Escape).await;
    assert_eq!(chrome.result(&host).await, json!({ "status": "cancelled", "results": [] }));
    chrome.script_gives("return document.activeElement.id", &json!("connect")).await;

    stage.open_modal(&chrome, &session).await;
    chrome.on_page("key").await;
    tab_to(&chrome, "input[name=key]").await;
    types(&chrome, "half").await;
    chrome.press(&[Key::Escape.into()]).await;
    chrome.script_gives("return document.querySelector('dialog').open", &json!(true)).await;
    chrome.assert_accessible().await;
    tab_to(&chrome, "[data-vs-action=stay]").await;
    enter(&chrome).await;
    chrome.script_gives("return document.querySelector('dialog').open", &json!(false)).await;
    chrome.script_gives("return document.querySelector('input[name=key]').value", &json!("half")).await;
    chrome.press(&[Key::Escape.into()]).await;
    tab_to(&chrome, "[data-vs-action=leave]").await;
    press_and_leave(&chrome, Key::Enter).await;
    assert_eq!(chrome.result(&host).await["status"], "cancelled");
    chrome.finish(&[]).await;
}

/// What every page must keep: one heading, the rules of axe-core, nothing cut off, and no scroll bar for nothing.
async fn is_sound(chrome: &Chrome, name: &str) {
    for (dark, shade) in SHADES {
        chrome.look(Look { dark, ..NARROW }).await;
        chrome.assert_accessible().await;
        chrome.screenshot(&format!("{name}-320-{shade}")).await;
    }
    let script = "const page = document.documentElement;
                  const content = document.querySelector('.shell').offsetHeight;
                  return { headings: document.querySelectorAll('h1').length, tooWide: page.scrollWidth > innerWidth,
                           tooTall: content <= innerHeight && page.scrollHeight > innerHeight }";
    let wanted = json!({ "headings": 1, "tooWide": false, "tooTall": false });
    assert_eq!(chrome.script(script).await, wanted, "{name}");
}

/// The button is pale until there is a ticket, and axe-core may look at it while it changes.
async fn is_ready(chrome: &Chrome) {
    chrome.find("[data-vs-action=submit][aria-disabled=false]").await;
}

/// The same in the modal of the present window, whose picture shows the whole window.
async fn modal_is_sound(chrome: &Chrome, page: &str, name: &str) {
    chrome.on_page(page).await;
    if page == "sign-in" {
        is_ready(chrome).await;
    }
    is_sound(chrome, name).await;
}

/// [`modal_is_sound`], with pictures on a wider phone too.
async fn modal_is_shown(chrome: &Chrome, page: &str, name: &str) {
    modal_is_sound(chrome, page, name).await;
    for (dark, shade) in SHADES {
        chrome.look(Look { size: (400, 800), dark, ..NARROW }).await;
        // It is painted anew by the time that it was judged.
        chrome.assert_accessible().await;
        chrome.screenshot(&format!("{name}-400-{shade}")).await;
    }
    chrome.look(NARROW).await;
}

/// A name as long as they come, from right to left.
const LONG: &str = "شركة النور للتجارة الإلكترونية والخدمات اللوجستية المحدودة في الشرق الأوسط";

#[tokio::test]
async fn b15_b17_every_page_is_sound_on_a_narrow_dark_screen_with_long_names_from_right_to_left() {
    let stage = Stage::start().await;
    let Some(chrome) = Chrome::start(ChromeOptions::default()).await else {
        return;
    };
    let needs = json!([{ "connector": APP_KEY, "scopes": ["items:read"] }, { "connector": QUILLPOST, "optional": true }]);
    stage.api.integration("long", LONG, &needs).await;
    let theme = json!({ "theme": { "appName": LONG } });
    assert_eq!(stage.api.patch("/environment", &theme).await.0, 200);
    let user = json!({ "username": "jo", "fullName": LONG });
    let session = stage.session(json!({ "integration": "long", "user": user })).await;
    chrome.look(NARROW).await;
    let host = stage.open_modal(&chrome, &session).await;
    modal_is_shown(&chrome, "choose", "modal-choose").await;
    chrome.act_on("connect", APP_KEY).await;
    modal_is_shown(&chrome, "sign-in", "modal-sign-in").await;
    chrome.sign_in().await;
    chrome.look(NARROW).await;
    chrome.shows("h1", "into your account").await;
    let popup = chrome.window().await;
    chrome.back_to_modal(&host).await;
    modal_is_shown(&chrome, "waiting", "modal-waiting").await;
    chrome.switch_to(popup).await;
    chrome.click_and_leave("button[value=deny]").await;
    chrome.windows_are(1).await;
    chrome.back_to_modal(&host).await;
    modal_is_shown(&chrome, "failed", "modal-failed").await;
    chrome.act("retry").await;
    chrome.on_page("sign-in").await;
    chrome.sign_in().await;
    stage.allow_as(&chrome, "jo@fernhill.test").await;
    chrome.windows_are(1).await;
    chrome.back_to_modal(&host).await;
    modal_is_shown(&chrome, "done", "modal-done").await;

    let session = stage.session(json!({ "connectors": ["mailroom"], "user": user })).await;
    stage.open_modal(&chrome, &session).await;
    modal_is_shown(&chrome, "key", "modal-key").await;
    chrome.act("submit").await;
    chrome.shows(".field-error", "Fill in").await;
    modal_is_shown(&chrome, "key", "modal-key-empty").await;
    chrome.fill("input[name=username]", "ops@acme.test").await;
    chrome.fill("input[name=password]", "wrong").await;
    chrome.act("submit").await;
    chrome.shows(".is-bad .field-error", "accept").await;
    modal_is_shown(&chrome, "key", "modal-key-refused").await;
    chrome.finish(&[]).await;
}

#[tokio::test]
async fn b15_b17_pages_of_their_own_are_sound_on_a_narrow_dark_screen() {
    let stage = Stage::start().await;
    let Some(chrome) = Chrome::start(ChromeOptions::default()).await else {
        return;
    };
    chrome.look(NARROW).await;
    let user = json!({ "username": "jo", "fullName": LONG });
    let body = json!({ "connectors": [APP_KEY], "user": user, "confirm": "browser", "returnUrl": null });
    let session = stage.session(body.clone()).await;
    let link = session.link.clone().unwrap();
    chrome.open(&link).await;
    chrome.on_page("sign-in").await;
    is_ready(&chrome).await;
    is_sound(&chrome, "hosted-sign-in").await;
    chrome.act("submit").await;
    chrome.on_page("interstitial").await;
    is_sound(&chrome, "interstitial").await;
    chrome.act("continue").await;
    stage.allow_as(&chrome, "jo@fernhill.test").await;
    chrome.on_page("done").await;
    chrome.shows(".rows", "jo@fernhill.test").await;
    is_sound(&chrome, "hosted-done").await;

    // Without a script, and so without the timer that leads on, the callback page can be looked at.
    chrome.open(&format!("{}/connect/start?ticket=none", stage.front.origin(crate::front::HUB))).await;
    chrome.on_page("failed").await;
    is_sound(&chrome, "start-refused").await;
    chrome.open(&format!("{}/connect?session=none", stage.front.origin(crate::front::HUB))).await;
    chrome.on_page("failed").await;
    is_sound(&chrome, "hosted-unknown").await;
    let mut body = body;
    body["user"]["username"] = json!("sam");
    let session = stage.session(body).await;
    let path = format!("/connect/sessions/{}", session.id);
    assert_eq!(stage.api.call(http::Method::DELETE, &path, None).await.0, 200);
    chrome.open(session.link.as_ref().unwrap()).await;
    chrome.on_page("failed").await;
    is_sound(&chrome, "hosted-cancelled").await;
    chrome.finish(&["400", "404"]).await;
}

#[tokio::test]
async fn b17_every_language_fits() {
    let stage = Stage::start().await;
    let Some(chrome) = Chrome::start(ChromeOptions::default()).await else {
        return;
    };
    chrome.look(NARROW).await;
    for locale in ["de", "es", "fr", "ja"] {
        let body = json!({ "connectors": [APP_KEY, QUILLPOST], "locale": locale });
        let session = stage.session(body).await;
        stage.open_modal(&chrome, &session).await;
        modal_is_sound(&chrome, "choose", &format!("{locale}-choose")).await;
        chrome.script_gives("return document.documentElement.lang", &json!(locale)).await;
        chrome.act_on("connect", QUILLPOST).await;
        modal_is_sound(&chrome, "key", &format!("{locale}-key")).await;
    }
    chrome.finish(&[]).await;
}
