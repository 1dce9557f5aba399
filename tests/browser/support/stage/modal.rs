//! What a user does in the modal and at the apps, and what the host page learns of it.

use fantoccini::Locator;
use fantoccini::wd::WindowHandle;
use serde_json::{Value, json};

use super::Stage;
use crate::chrome::Chrome;
use crate::support::wait::eventually;

/// A connect session, as its maker got it.
#[derive(Debug, Clone)]
pub(crate) struct Session {
    pub(crate) id: String,
    pub(crate) token: String,
    /// The hosted link.
    pub(crate) link: Option<String>,
}

impl Session {
    /// What must stand in no address.
    pub(crate) fn secret(&self) -> &str {
        self.token.split_once('.').unwrap().1
    }

    /// The same of the hosted link, once its page is open.
    pub(crate) fn secret_of_link(&self) -> &str {
        self.link.as_ref().unwrap().rsplit_once('.').unwrap().1
    }
}

impl Stage {
    /// Makes a session for `jo` on the host page. `more` adds and replaces members.
    pub(crate) async fn session(&self, more: Value) -> Session {
        let mut body = json!({
            "user": { "username": "jo", "fullName": "Jo Park", "email": "jo@acme.test" },
            "allowedOrigins": [self.app()],
            "returnUrl": format!("{}/back", self.app()),
        });
        let (Value::Object(members), Value::Object(more)) = (&mut body, more) else {
            panic!("a session is made from an object");
        };
        members.extend(more);
        let (status, body) = self.api.post("/connect/sessions", &body).await;
        assert_eq!(status, 201, "{body}");
        let text = |name: &str| body[name].as_str().map(str::to_owned);
        Session { id: text("sessionId").unwrap(), token: text("token").unwrap(), link: text("connectUrl") }
    }

    /// A session for one connector.
    pub(crate) async fn session_for(&self, connector: &str) -> Session {
        self.session(json!({ "connectors": [connector] })).await
    }

    /// Opens the host page and on it the modal, and goes into the modal. Gives the window.
    pub(crate) async fn open_modal(&self, chrome: &Chrome, session: &Session) -> WindowHandle {
        chrome.open(&self.app()).await;
        chrome.open_modal(session, &json!({})).await;
        chrome.window().await
    }

    /// Says yes at Fernhill, in the present window, as `username`.
    pub(crate) async fn allow_as(&self, chrome: &Chrome, username: &str) {
        chrome.shows("h1", "into your account").await;
        chrome.find("#username").await.clear().await.unwrap();
        chrome.fill("#username", username).await;
        chrome.click_and_leave("button[value=allow]").await;
    }
}

impl Chrome {
    /// Opens the modal on the host page that is shown, and goes into it.
    pub(crate) async fn open_modal(&self, session: &Session, options: &Value) {
        self.client()
            .execute(
                "window.token = arguments[0]; window.options = arguments[1]",
                vec![json!(session.token), options.clone()],
            )
            .await
            .unwrap();
        self.click("#connect").await;
        self.enter_modal().await;
    }

    /// Goes into the modal of the host page that is shown.
    pub(crate) async fn enter_modal(&self) {
        self.enter_frame("iframe.vouchsafe-frame").await;
    }

    /// Waits until our page `name` is shown in the present frame.
    pub(crate) async fn on_page(&self, name: &str) {
        eventually(&format!("the page {name}"), async || {
            let shown = self
                .client()
                .execute(
                    "return document.querySelector('[data-vs-page]')?.dataset.vsPage ?? null",
                    Vec::new(),
                )
                .await
                .map_err(|error| error.to_string())?;
            if shown == name { Ok(()) } else { Err(shown.to_string()) }
        })
        .await;
    }

    /// Presses what has this action.
    pub(crate) async fn act(&self, action: &str) {
        self.click(&format!("[data-vs-action={action}]")).await;
    }

    /// Presses what has this action for a connector.
    pub(crate) async fn act_on(&self, action: &str, connector: &str) {
        self.click(&format!("[data-vs-action={action}][data-vs-connector={connector}]")).await;
    }

    /// Starts the sign-in that the modal shows and goes to its popup.
    pub(crate) async fn sign_in(&self) -> WindowHandle {
        let known = self.windows().await;
        self.act("submit").await;
        let popup = self.popup(&known).await;
        self.switch_to(popup.clone()).await;
        popup
    }

    /// Clicks what makes the present window or frame go away. The driver may complain that it is gone.
    pub(crate) async fn click_and_leave(&self, css: &str) {
        eventually(&format!("a click on {css}"), async || {
            let element = self.client().find(Locator::Css(css)).await.map_err(|error| error.to_string())?;
            let said = element.click().await.err().map(|error| error.to_string());
            // Anything else is the driver's wonder at what is gone.
            said.filter(|said| said.contains("intercepted") || said.contains("not interactable"))
                .map_or(Ok(()), Err)
        })
        .await;
    }

    /// Presses what ends the modal.
    pub(crate) async fn end_by(&self, action: &str) {
        self.click_and_leave(&format!("[data-vs-action={action}]")).await;
    }

    /// Goes back to the host page and into its modal.
    pub(crate) async fn back_to_modal(&self, host: &WindowHandle) {
        self.switch_to(host.clone()).await;
        self.enter_modal().await;
    }

    /// What the host page was told in the end. It must have been told once.
    pub(crate) async fn result(&self, host: &WindowHandle) -> Value {
        self.switch_to(host.clone()).await;
        self.script_gives("return window.told", &json!(1)).await;
        self.script("return window.result").await
    }

    /// The names of the events that the host page heard.
    pub(crate) async fn events(&self, host: &WindowHandle) -> Vec<String> {
        self.switch_to(host.clone()).await;
        let events = self.script("return window.events.map((event) => event.type)").await;
        serde_json::from_value(events).unwrap()
    }

    /// Ends the browser. Errors on its consoles are a failure, unless they contain one of `expected`.
    pub(crate) async fn finish(self, expected: &[&str]) {
        let errors = self.console_errors().await;
        let unexpected: Vec<&String> =
            errors.iter().filter(|error| !expected.iter().any(|part| error.contains(part))).collect();
        assert!(unexpected.is_empty(), "{unexpected:#?}");
        self.close().await;
    }
}
