//! What a person does in a browser: opening, clicking, typing, changing windows and frames.

use fantoccini::Locator;
use fantoccini::actions::{InputSource as _, KeyAction, KeyActions};
use fantoccini::elements::Element;
use fantoccini::wd::WindowHandle;
use serde_json::Value;

use super::Chrome;
use crate::support::wait::{DEADLINE, eventually};

impl Chrome {
    /// Opens `url` in the present window and waits until it is loaded.
    pub(crate) async fn open(&self, url: &str) {
        self.client.goto(url).await.unwrap();
    }

    /// Runs `script` as the body of a function in the present frame.
    pub(crate) async fn script(&self, script: &str) -> Value {
        self.client.execute(script, Vec::new()).await.unwrap()
    }

    /// Waits until `script` gives `wanted`.
    pub(crate) async fn script_gives(&self, script: &str, wanted: &Value) {
        eventually(script, async || {
            let value = self.client.execute(script, Vec::new()).await.map_err(|error| error.to_string())?;
            if value == *wanted { Ok(()) } else { Err(value.to_string()) }
        })
        .await;
    }

    /// Waits for the first element that matches `css`.
    pub(crate) async fn find(&self, css: &str) -> Element {
        eventually(css, async || self.client.find(Locator::Css(css)).await.map_err(|error| error.to_string()))
            .await
    }

    /// Clicks with trusted input, which gives the page user activation. Waits until the click is possible.
    pub(crate) async fn click(&self, css: &str) {
        eventually(&format!("a click on {css}"), async || {
            let element = self.client.find(Locator::Css(css)).await.map_err(|error| error.to_string())?;
            element.click().await.map_err(|error| error.to_string())
        })
        .await;
    }

    /// The same on `css` in the row, of a table or a list, that has `text`.
    pub(crate) async fn click_in_row(&self, text: &str, css: &str) {
        eventually(&format!("a click on {css} of {text}"), async || {
            let rows = self.client.find_all(Locator::Css("main tbody tr, main .list > li")).await;
            for row in rows.map_err(|error| error.to_string())? {
                if row.text().await.map_err(|error| error.to_string())?.contains(text) {
                    let found = row.find(Locator::Css(css)).await.map_err(|error| error.to_string())?;
                    return found.click().await.map_err(|error| error.to_string());
                }
            }
            Err("no such row".to_owned())
        })
        .await;
    }

    /// Whether there is anything that matches `css` in what is shown now.
    pub(crate) async fn has(&self, css: &str) -> bool {
        !self.client.find_all(Locator::Css(css)).await.unwrap().is_empty()
    }

    /// Types `text` into a field, after what is there.
    pub(crate) async fn fill(&self, css: &str, text: &str) {
        self.find(css).await.send_keys(text).await.unwrap();
    }

    /// The visible text of the first element that matches `css`.
    pub(crate) async fn text(&self, css: &str) -> String {
        self.find(css).await.text().await.unwrap()
    }

    /// Waits until the visible text of `css` contains `wanted`.
    pub(crate) async fn shows(&self, css: &str, wanted: &str) {
        eventually(&format!("{wanted:?} in {css}"), async || {
            let element = self.client.find(Locator::Css(css)).await.map_err(|error| error.to_string())?;
            let text = element.text().await.map_err(|error| error.to_string())?;
            if text.contains(wanted) { Ok(()) } else { Err(text) }
        })
        .await;
    }

    /// Holds `keys` down in order and lets them go in reverse: `[Key::Shift, Key::Tab]` goes one field back. The driver
    /// hears nothing of a key that is let go in a page that has gone.
    pub(crate) async fn press(&self, keys: &[char]) {
        let down = keys.iter().map(|&value| KeyAction::Down { value });
        let up = keys.iter().rev().map(|&value| KeyAction::Up { value });
        let actions = down.chain(up).fold(KeyActions::new("keyboard".to_owned()), KeyActions::then);
        let pressed = tokio::time::timeout(DEADLINE, self.client.perform_actions(actions)).await;
        pressed.expect("the driver hears that the keys are let go").unwrap();
    }

    /// Goes into the frame that `css` names in the present frame.
    pub(crate) async fn enter_frame(&self, css: &str) {
        self.find(css).await.enter_frame().await.unwrap();
    }

    /// Goes back to the top of the present window.
    pub(crate) async fn leave_frames(&self) {
        self.switch_to(self.window().await).await;
    }

    /// The present window.
    pub(crate) async fn window(&self) -> WindowHandle {
        self.client.window().await.unwrap()
    }

    /// All windows, popups among them.
    pub(crate) async fn windows(&self) -> Vec<WindowHandle> {
        self.client.windows().await.unwrap()
    }

    /// Waits until there are `count` windows.
    pub(crate) async fn windows_are(&self, count: usize) {
        eventually(&format!("{count} windows"), async || {
            let open = self.windows().await.len();
            if open == count { Ok(()) } else { Err(open) }
        })
        .await;
    }

    /// Waits for a window that is not among `known`, and gives it.
    pub(crate) async fn popup(&self, known: &[WindowHandle]) -> WindowHandle {
        eventually("a new window", async || {
            let windows = self.windows().await;
            windows.iter().find(|window| !known.contains(window)).cloned().ok_or(windows.len())
        })
        .await
    }

    /// Goes to the top of `window`.
    pub(crate) async fn switch_to(&self, window: WindowHandle) {
        self.client.switch_to_window(window).await.unwrap();
    }

    /// Closes the present window, as a user does. Switch to another one afterwards.
    pub(crate) async fn close_window(&self) {
        self.client.close_window().await.unwrap();
    }
}
