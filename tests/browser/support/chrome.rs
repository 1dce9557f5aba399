//! A real Chromium for one test: its driver, an empty profile, and the switches a user's browser has too.
//!
//! It knows nothing of the pages it shows. What a test does with it is in `chrome/page.rs`, what it looks at
//! in `chrome/look.rs`.
#![allow(dead_code, reason = "not every story needs every part of the browser")]

#[path = "chrome/command.rs"]
mod command;
#[path = "chrome/look.rs"]
mod look;
#[path = "chrome/page.rs"]
mod page;

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{Ipv4Addr, TcpStream};
use std::os::unix::fs::MetadataExt as _;
use std::process::{Child, ChildStdout, Command, Stdio};

use fantoccini::wd::Capabilities;
use fantoccini::{Client, ClientBuilder};
use hyper_util::client::legacy::connect::HttpConnector;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::sync::oneshot;

use crate::support::components::{Component, require};
use crate::support::wait::DEADLINE;

pub(crate) use look::Look;

/// How the browser of a test differs from a fresh one.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ChromeOptions {
    /// Lets sites set cookies inside frames of other sites, as a user can choose in the settings.
    pub(crate) third_party_cookies: bool,
    /// Lets pages run scripts of their own; those of the test run all the same.
    pub(crate) scripts: bool,
    /// Size of a new window in CSS pixels.
    pub(crate) window: (u32, u32),
}

impl Default for ChromeOptions {
    fn default() -> Self {
        Self { third_party_cookies: false, scripts: true, window: (1280, 900) }
    }
}

/// A running browser. Dropping it ends browser and driver.
#[derive(Debug)]
pub(crate) struct Chrome {
    client: Client,
    /// Path of the WebDriver session; none once it was ended.
    session: Option<String>,
    driver: Driver,
    // Last, so that it is removed after those who write into it.
    profile: TempDir,
}

impl Chrome {
    /// Starts a browser. `None` when one is missing: the skip is recorded, return from the test.
    ///
    /// # Panics
    /// When it does not come up.
    pub(crate) async fn start(options: ChromeOptions) -> Option<Self> {
        let binary = require(Component::Chromium)?;
        let driver = require(Component::Chromedriver)?;
        let profile = TempDir::with_prefix("vouchsafe-chromium-").unwrap();
        let driver = Driver::start(&driver).await;
        let client = ClientBuilder::new(HttpConnector::new())
            .capabilities(capabilities(options, &binary, &profile))
            .connect(&format!("http://127.0.0.1:{}", driver.port))
            .await
            .expect("chromedriver opens a browser");
        let session = client.session_id().await.unwrap().map(|id| format!("/session/{id}"));
        Some(Self { client, session, driver, profile })
    }

    /// The WebDriver session itself, for what has no helper.
    pub(crate) fn client(&self) -> &Client {
        &self.client
    }

    /// Ends the browser in good order.
    pub(crate) async fn close(mut self) {
        self.session = None;
        self.client.clone().close().await.unwrap();
    }
}

impl Drop for Chrome {
    fn drop(&mut self) {
        // Only the driver can end its browser and wait for it, and a failed test cannot await.
        let ended = self.session.take().map_or(Ok(()), |session| self.driver.delete(&session));
        if let Err(error) = ended {
            eprintln!("the browser may still run: {error}");
        }
    }
}

fn capabilities(options: ChromeOptions, binary: &str, profile: &TempDir) -> Capabilities {
    let (width, height) = options.window;
    let mut arguments = vec![
        "--headless=new".to_owned(),
        "--disable-gpu".to_owned(),
        "--no-first-run".to_owned(),
        "--disable-background-networking".to_owned(),
        "--disable-component-update".to_owned(),
        "--disable-sync".to_owned(),
        "--disable-dev-shm-usage".to_owned(),
        "--host-resolver-rules=MAP *.test 127.0.0.1".to_owned(),
        "--ignore-certificate-errors".to_owned(),
        format!("--window-size={width},{height}"),
        format!("--user-data-dir={}", profile.path().display()),
    ];
    if is_root() {
        // Chromium's sandbox refuses to run as root.
        arguments.push("--no-sandbox".to_owned());
    }
    let mut preferences = json!({});
    if options.third_party_cookies {
        preferences["profile.cookie_controls_mode"] = json!(0);
    }
    if !options.scripts {
        preferences["profile.managed_default_content_settings.javascript"] = json!(2);
    }
    let wanted = json!({
        "browserName": "chrome",
        "goog:chromeOptions": {
            "binary": binary,
            "args": arguments,
            // chromedriver adds it, and a blocked popup would never be seen.
            "excludeSwitches": ["disable-popup-blocking"],
            "prefs": preferences,
        },
        "goog:loggingPrefs": { "browser": "ALL" },
    });
    let Value::Object(wanted) = wanted else { unreachable!("an object was written above") };
    wanted
}

fn is_root() -> bool {
    std::fs::metadata("/proc/self").is_ok_and(|me| me.uid() == 0)
}

/// A chromedriver of the test's own.
#[derive(Debug)]
struct Driver {
    child: Child,
    port: u16,
}

impl Driver {
    /// It takes a free port of IPv4, and ends where somebody has the same of IPv6.
    async fn start(program: &str) -> Self {
        for _ in 0..5 {
            if let Some(driver) = Self::try_start(program).await {
                return driver;
            }
        }
        panic!("chromedriver finds no port");
    }

    async fn try_start(program: &str) -> Option<Self> {
        let mut child = Command::new(program)
            .arg("--port=0")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let (ready, listening) = oneshot::channel();
        let output = child.stdout.take().unwrap();
        std::thread::spawn(move || read_port(output, ready));
        let mut driver = Self { child, port: 0 };
        driver.port =
            tokio::time::timeout(DEADLINE, listening).await.expect("chromedriver is ready in time").ok()?;
        Some(driver)
    }

    /// Sends one DELETE and waits for the answer, without a runtime.
    fn delete(&self, path: &str) -> std::io::Result<()> {
        let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, self.port))?;
        stream.set_read_timeout(Some(DEADLINE))?;
        write!(stream, "DELETE {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")?;
        // The driver answers when the browser has ended, and keeps the connection open after that.
        stream.read(&mut [0; 512]).map(drop)
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        // It may have ended by itself, and then there is nothing to end or to say.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn read_port(output: ChildStdout, ready: oneshot::Sender<u16>) {
    let mut ready = Some(ready);
    // Read on to the end, as a full pipe would stop the driver.
    for line in BufReader::new(output).lines().map_while(Result::ok) {
        let port = line.split_once("started successfully on port ").map(|(_, rest)| rest);
        if let Some(port) = port.and_then(|rest| rest.trim_end_matches('.').parse().ok())
            && let Some(ready) = ready.take()
        {
            // The test that waited may have given up.
            let _ = ready.send(port);
        }
    }
}
