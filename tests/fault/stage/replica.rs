//! A hub as a process that faults befall.

use std::collections::BTreeMap;
use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};
use tokio::task::JoinHandle;

use crate::support::outside;
use crate::support::process::RunningHub;
use crate::support::wait::eventually;

/// A line of the log, once what a test set is in force.
const SET: &str = "fault settings were read";

/// A running hub with failure points.
pub(crate) struct Replica {
    pub(crate) hub: RunningHub,
    home: PathBuf,
    asker: Asker,
}

/// Calls the hub, and bears that it dies meanwhile.
#[derive(Clone)]
pub(crate) struct Asker {
    base_url: String,
    key: String,
    client: reqwest::Client,
}

impl Asker {
    /// Status and body; `None` where no whole answer came.
    pub(crate) async fn ask(&self, method: &str, path: &str) -> Option<(u16, Value)> {
        self.send(method, path, None).await
    }

    /// The same with a body.
    pub(crate) async fn send(&self, method: &str, path: &str, body: Option<&Value>) -> Option<(u16, Value)> {
        let method = method.parse().unwrap();
        let request = self.client.request(method, format!("{}{path}", self.base_url)).bearer_auth(&self.key);
        let request = match body {
            Some(body) => request.json(body),
            None => request,
        };
        let answer = request.send().await.ok()?;
        let status = answer.status().as_u16();
        let text = answer.text().await.ok()?;
        Some((status, serde_json::from_str(&text).unwrap_or_default()))
    }
}

impl Replica {
    pub(super) async fn start(
        build: &str,
        home: &Path,
        variables: &BTreeMap<String, String>,
        key: &str,
    ) -> Self {
        Self::run(Command::new(build), home, variables, key).await
    }

    /// The same for a command that runs the build.
    pub(super) async fn run(
        mut command: Command,
        home: &Path,
        variables: &BTreeMap<String, String>,
        key: &str,
    ) -> Self {
        command.arg("serve").env_clear().envs(variables).current_dir(home);
        let hub = RunningHub::start_with(home, &mut command).await;
        let asker = Asker { base_url: hub.base_url.clone(), key: key.to_owned(), client: outside::client() };
        Self { hub, home: home.to_owned(), asker }
    }

    /// Sets failure points; those that were set before are forgotten.
    pub(crate) async fn arm(&self, points: &str) {
        std::fs::write(self.home.join("failpoints"), points).unwrap();
        self.look().await;
    }

    /// What is set from the next start on.
    pub(crate) fn arm_next(&self, points: &str) {
        std::fs::write(self.home.join("failpoints"), points).unwrap();
    }

    /// Has it read points and clock again.
    pub(crate) async fn look(&self) {
        let before = self.hub.err().matches(SET).count();
        self.hub.signal("USR1");
        eventually("the settings in force", async || {
            let log = self.hub.err();
            if log.matches(SET).count() > before { Ok(()) } else { Err(log) }
        })
        .await;
    }

    /// A caller of its API.
    pub(crate) fn asker(&self) -> Asker {
        self.asker.clone()
    }

    /// Calls its API.
    pub(crate) async fn ask(&self, method: &str, path: &str) -> Option<(u16, Value)> {
        self.asker.ask(method, path).await
    }

    /// Begins to renew a credential, as its embedder may.
    pub(crate) fn renew(&self, credential: &str) -> JoinHandle<Option<(u16, Value)>> {
        let (asker, path) = (self.asker(), format!("/credentials/{credential}/refresh"));
        tokio::spawn(async move { asker.ask("POST", &path).await })
    }

    /// The credential as the API shows it.
    pub(crate) async fn shown(&self, credential: &str) -> Value {
        self.ask("GET", &format!("/credentials/{credential}")).await.map_or(Value::Null, |(_, body)| body)
    }

    /// Switches a credential on or off; the status of the answer.
    pub(crate) async fn switch(&self, credential: &str, active: bool) -> u16 {
        let path = format!("/credentials/{credential}");
        let body = json!({ "active": active });
        self.asker.send("PATCH", &path, Some(&body)).await.map_or(0, |(status, _)| status)
    }

    /// Its access token, where it is served.
    pub(crate) async fn token(&self, credential: &str) -> Result<String, (u16, Value)> {
        let (status, body) =
            self.ask("GET", &format!("/credentials/{credential}/token")).await.unwrap_or_default();
        match body["accessToken"].as_str() {
            Some(token) if status == 200 => Ok(token.to_owned()),
            _ => Err((status, body)),
        }
    }

    /// How many events of a type tell of a credential.
    pub(crate) async fn events(&self, credential: &str, kind: &str) -> usize {
        let (_, page) = self.ask("GET", &format!("/events?credentialId={credential}")).await.unwrap();
        page["data"].as_array().unwrap().iter().filter(|event| event["type"] == kind).count()
    }

    /// Waits until it has ended by `SIGKILL`.
    pub(crate) async fn killed(&mut self) {
        let status = self.hub.ended().await;
        assert_eq!(status.signal(), Some(9), "{status}: {}", self.hub.err());
    }

    /// Waits until it has stopped itself at a point.
    pub(crate) async fn stopped(&self) {
        eventually("a stopped hub", async || {
            let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.hub.id())).unwrap_or_default();
            let state = stat.rsplit(')').next().unwrap_or_default().trim().chars().next();
            if state == Some('T') { Ok(()) } else { Err((state, self.hub.err())) }
        })
        .await;
    }

    /// Lets it go on.
    pub(crate) fn go_on(&self) {
        self.hub.signal("CONT");
    }

    /// Waits for a line of its log that came after it last read points and clock.
    pub(crate) async fn says(&self, text: &str) {
        eventually(text, async || {
            let log = self.hub.err();
            let since = log.rsplit(SET).next().unwrap_or_default();
            if since.contains(text) { Ok(()) } else { Err(log) }
        })
        .await;
    }
}
