//! django-oauth-toolkit behind gunicorn: the second strict server, with the pages that Django comes with.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use reqwest::Url;
use serde_json::Value;
use tempfile::TempDir;
use tokio::sync::oneshot;

use super::AuthServer;
use crate::support::components::{Component, require};
use crate::support::outside::{self, Person};

/// Python, Django and gunicorn on a busy machine take their time.
const START: std::time::Duration = std::time::Duration::from_mins(1);

/// A running server. Its database lives as long as the process.
#[derive(Debug)]
pub(crate) struct DjangoServer {
    /// Without a slash at the end.
    pub(crate) base_url: String,
    grace: u32,
    child: Child,
    _folder: TempDir,
}

impl DjangoServer {
    /// Starts one on a free port that takes a spent refresh token for `grace` seconds more; with 0, reuse kills the
    /// family. `None` when Python is missing: the skip is recorded, return from the test.
    ///
    /// # Panics
    /// When it does not come up.
    pub(crate) async fn start(grace: u32) -> Option<Self> {
        Self::start_lasting(grace, 5).await
    }

    /// The same with access tokens that live so many seconds.
    ///
    /// # Panics
    /// As [`DjangoServer::start`].
    pub(crate) async fn start_lasting(grace: u32, access_token_seconds: u32) -> Option<Self> {
        let python = require(Component::Python)?;
        let folder = tempfile::tempdir().unwrap();
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/servers/django/server.py");
        let mut child = Command::new(python)
            .arg(script)
            .env("PORT", "0")
            .env("FOLDER", folder.path())
            .env("GRACE", grace.to_string())
            .env("AT_TTL", access_token_seconds.to_string())
            // The server ends when this process does, even when nothing is dropped.
            .env("END_WITH_STDIN", "1")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let output = child.stdout.take().unwrap();
        let (ready, listening) = oneshot::channel();
        let mut server = Self { base_url: String::new(), grace, child, _folder: folder };
        std::thread::spawn(move || {
            let lines = BufReader::new(output).lines().map_while(Result::ok);
            let events = lines.filter_map(|line| serde_json::from_str::<Value>(&line).ok());
            let mut ready = Some(ready);
            // To its end: a server whose output nobody reads stops.
            for event in events {
                if let (Some(port), Some(ready)) = (event["port"].as_u64(), ready.take()) {
                    let _ = ready.send(port);
                }
            }
        });
        let port = tokio::time::timeout(START, listening)
            .await
            .expect("Django is ready in time")
            .expect("Django says its port");
        server.base_url = format!("http://127.0.0.1:{port}");
        Some(server)
    }

    /// How many refresh tokens of a client live, and how many died.
    pub(crate) async fn tokens(&self, client_id: &str) -> (u64, u64) {
        let url = format!("{}/oracle?client_id={client_id}", self.base_url);
        let told: Value = outside::client().get(url).send().await.unwrap().json().await.unwrap();
        (told["live"].as_u64().unwrap(), told["dead"].as_u64().unwrap())
    }
}

impl Drop for DjangoServer {
    fn drop(&mut self) {
        // Its worker ends with it.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl AuthServer for DjangoServer {
    fn base_url(&self) -> &str {
        &self.base_url
    }

    fn paths(&self) -> [&'static str; 5] {
        ["/o/authorize/", "/o/token/", "/o/revoke_token/", "/api/me", "/o/register/"]
    }

    fn reuse(&self) -> String {
        if self.grace == 0 { "strict".to_owned() } else { format!("grace:{}", self.grace) }
    }

    fn account(&self) -> &'static str {
        "id"
    }

    fn scopes(&self) -> &'static [&'static str] {
        &["read"]
    }

    async fn sign_in(&self, authorize: &Url) -> Url {
        let mut person = Person::new(outside::client());
        let (page, response) = person.open(authorize.clone()).await;
        if page.path() != "/admin/login/" {
            return page;
        }
        let mut form = hidden_fields(&response.text().await.unwrap());
        form.insert("username".to_owned(), "jo".to_owned());
        form.insert("password".to_owned(), "x".to_owned());
        let (page, response) = person.submit(page, &fields(&form)).await;
        if page.path() != "/o/authorize/" {
            return page;
        }
        let mut form = hidden_fields(&response.text().await.unwrap());
        form.insert("allow".to_owned(), "Authorize".to_owned());
        person.submit(page, &fields(&form)).await.0
    }
}

fn fields(form: &BTreeMap<String, String>) -> Vec<(&str, &str)> {
    form.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect()
}

/// The hidden fields of a page, as its browser would send them back.
fn hidden_fields(page: &str) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    for tag in page.split("<input ").skip(1).filter(|tag| tag.starts_with("type=\"hidden\"")) {
        let tag = tag.split('>').next().unwrap();
        let attribute = |name: &str| {
            let value = tag.split(&format!("{name}=\"")).nth(1)?.split('"').next()?;
            let plain = value.replace("&quot;", "\"").replace("&#x27;", "'").replace("&lt;", "<");
            Some(plain.replace("&gt;", ">").replace("&amp;", "&"))
        };
        if let Some(name) = attribute("name") {
            found.insert(name, attribute("value").unwrap_or_default());
        }
    }
    found
}
