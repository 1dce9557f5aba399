//! What a test looks at: size and preferences, pictures, the console, and the rules of axe-core.

use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::Chrome;
use super::command::Extension;
use crate::support::components::node_modules;

/// How a page is shown. It holds for the present window until it is changed.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Look {
    /// Width and height in CSS pixels; narrower than a window can be, if wished.
    pub(crate) size: (u32, u32),
    /// The user prefers dark colours.
    pub(crate) dark: bool,
    /// The user prefers no animations.
    pub(crate) reduced_motion: bool,
}

impl Default for Look {
    fn default() -> Self {
        Self { size: (1280, 900), dark: false, reduced_motion: false }
    }
}

impl Look {
    /// The narrowest screen that is supported.
    pub(crate) const PHONE: Self = Self { size: (320, 640), dark: false, reduced_motion: false };
}

impl Chrome {
    /// Calls the `DevTools` protocol for the present window.
    pub(crate) async fn devtools(&self, method: &str, parameters: &Value) -> Value {
        self.client.issue_cmd(Extension::devtools(method, parameters)).await.unwrap()
    }

    /// Shows the present window as `look` says.
    pub(crate) async fn look(&self, look: Look) {
        let (width, height) = look.size;
        let metrics = json!({ "width": width, "height": height, "deviceScaleFactor": 1, "mobile": false });
        self.devtools("Emulation.setDeviceMetricsOverride", &metrics).await;
        let features = json!({ "features": [
            { "name": "prefers-color-scheme", "value": if look.dark { "dark" } else { "light" } },
            { "name": "prefers-reduced-motion", "value": if look.reduced_motion { "reduce" } else { "no-preference" } },
        ] });
        self.devtools("Emulation.setEmulatedMedia", &features).await;
    }

    /// Writes a picture of the present page, also of what is below the edge of the window, to
    /// `target/screens/<name>.png`, for people to look at.
    pub(crate) async fn screenshot(&self, name: &str) -> PathBuf {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).with_file_name("screens");
        std::fs::create_dir_all(&folder).unwrap();
        let file = folder.join(name).with_extension("png");
        let size = "return [innerWidth, Math.max(innerHeight, document.documentElement.scrollHeight)]";
        let size = self.client.execute(size, Vec::new()).await.unwrap();
        let (width, height) = (&size[0], &size[1]);
        let clip = json!({ "x": 0, "y": 0, "width": width, "height": height, "scale": 1 });
        let all = json!({ "captureBeyondViewport": true, "clip": clip });
        let taken = self.devtools("Page.captureScreenshot", &all).await;
        let picture = taken["data"].as_str().expect("a picture");
        std::fs::write(&file, STANDARD.decode(picture).expect("a picture in Base64")).unwrap();
        file
    }

    /// Everything the pages wrote to their consoles since the last call, `level` and `message` in each.
    pub(crate) async fn console(&self) -> Vec<Value> {
        match self.client.issue_cmd(Extension::console()).await.unwrap() {
            Value::Array(entries) => entries,
            other => panic!("no console but {other}"),
        }
    }

    /// The errors among [`Chrome::console`]: exceptions, failed loads, breaches of a content security policy.
    pub(crate) async fn console_errors(&self) -> Vec<String> {
        let entries = self.console().await;
        let errors = entries.iter().filter(|entry| entry["level"] == "SEVERE");
        errors.filter_map(|entry| entry["message"].as_str().map(str::to_owned)).collect()
    }

    /// The WCAG 2.2 A and AA rules, and those of good practice, that the present frame breaks, each with the elements it breaks them in.
    ///
    /// The script comes through WebDriver and so works under any content security policy. Frames inside are
    /// left out: enter and ask them one by one.
    pub(crate) async fn axe_violations(&self) -> Vec<String> {
        let axe = std::fs::read_to_string(node_modules().join("axe-core/axe.min.js"))
            .expect("axe-core is installed (npm ci in tests/tools)");
        self.client.execute(&axe, Vec::new()).await.unwrap();
        let found = self.client.execute_async(RUN_AXE, Vec::new()).await.unwrap();
        serde_json::from_value(found.clone()).unwrap_or_else(|_| panic!("axe-core did not run: {found}"))
    }

    /// # Panics
    /// When [`Chrome::axe_violations`] finds any.
    pub(crate) async fn assert_accessible(&self) {
        let violations = self.axe_violations().await;
        let page = self.client.current_url().await.unwrap();
        assert!(violations.is_empty(), "{}:\n{}", page.path(), violations.join("\n"));
    }
}

const RUN_AXE: &str = r#"
const done = arguments[arguments.length - 1];
const tags = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"];
// What fades in or changes its colour is judged as it comes to rest.
const moving = document.getAnimations().filter((one) => Number.isFinite(one.effect.getComputedTiming().endTime));
for (const one of moving) one.finish();
// What is inert as a whole is a picture in the frame of another page: nobody comes to its parts.
const picture = document.querySelector("body > [inert]:only-child");
const ofPages = Object.fromEntries(
  ["landmark-one-main", "page-has-heading-one"].map((id) => [id, { enabled: !picture }]));
axe.run(document, { runOnly: { type: "tag", values: tags }, rules: ofPages, iframes: false }).then(
  ({ violations }) => done(violations.map((rule) =>
    `${rule.id}: ${rule.help} (${rule.nodes.map((node) => node.target.join(" ")).join(", ")})`)),
  (error) => done(String(error)),
);
"#;
