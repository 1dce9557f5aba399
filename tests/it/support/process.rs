//! The product's own binary as a process: commands that end, and hubs that run until they are told to stop.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};

use reqwest::Client;
use serde_json::Value;

use super::outside;
use super::wait::eventually;

/// A command of the binary in `home`, with nothing of this process's environment: its data directory is
/// `home/data`, and a hub takes a free port.
pub(crate) fn vouchsafe(home: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_vouchsafe"));
    command
        .args(arguments)
        .env_clear()
        .env("VOUCHSAFE_DATA_DIR", home.join("data"))
        .env("VOUCHSAFE_LISTEN", "127.0.0.1:0")
        .env("VOUCHSAFE_LOG_FORMAT", "json")
        .current_dir(home);
    command
}

/// What a command said, and how it ended.
#[derive(Debug)]
pub(crate) struct Said {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Said {
    /// The standard output of a success.
    #[track_caller]
    pub(crate) fn ok(self) -> String {
        assert_eq!(self.code, 0, "{self:?}");
        self.out
    }

    /// The standard error of a failure with this code; nothing else was printed.
    #[track_caller]
    pub(crate) fn failed(self, code: i32) -> String {
        assert_eq!((self.code, self.out.as_str()), (code, ""), "{self:?}");
        self.err
    }
}

/// Runs a command to its end.
pub(crate) fn run(command: &mut Command) -> Said {
    let output = command.stdin(Stdio::null()).output().unwrap();
    Said {
        code: output.status.code().unwrap_or(-1),
        out: String::from_utf8(output.stdout).unwrap(),
        err: String::from_utf8(output.stderr).unwrap(),
    }
}

/// [`vouchsafe`], run.
pub(crate) fn say(home: &Path, arguments: &[&str]) -> Said {
    run(&mut vouchsafe(home, arguments))
}

/// A running hub. Dropping it kills it.
pub(crate) struct RunningHub {
    /// Without a slash at the end.
    pub(crate) base_url: String,
    home: PathBuf,
    child: Child,
}

impl RunningHub {
    /// Starts `vouchsafe serve` in `home` and waits for its first healthy answer.
    pub(crate) async fn start(home: &Path) -> Self {
        Self::start_with(home, &mut vouchsafe(home, &["serve"])).await
    }

    /// The same for a command that was changed first.
    pub(crate) async fn start_with(home: &Path, command: &mut Command) -> Self {
        let address = home.join("data/address");
        let _ = std::fs::remove_file(&address);
        let mut hub = Self::spawn(home, command);
        let address =
            eventually("the address of the hub", async || match std::fs::read_to_string(&address) {
                Ok(text) if !text.is_empty() => Ok(text),
                _ => Err(hub.err()),
            })
            .await;
        hub.base_url = format!("http://{address}");
        let client = outside::client();
        eventually("a healthy answer", async || {
            let answer = client.get(format!("{}/readyz", hub.base_url)).send().await;
            match answer {
                Ok(answer) if answer.status().is_success() => Ok(()),
                _ => Err(hub.err()),
            }
        })
        .await;
        hub
    }

    /// Starts it and waits for nothing.
    pub(crate) fn spawn(home: &Path, command: &mut Command) -> Self {
        let file = |name| std::fs::File::create(home.join(name)).unwrap();
        let child =
            command.stdin(Stdio::null()).stdout(file("hub.out")).stderr(file("hub.err")).spawn().unwrap();
        Self { base_url: String::new(), home: home.to_owned(), child }
    }

    /// Its process.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// What it printed.
    pub(crate) fn out(&self) -> String {
        std::fs::read_to_string(self.home.join("hub.out")).unwrap()
    }

    /// Its log.
    pub(crate) fn err(&self) -> String {
        std::fs::read_to_string(self.home.join("hub.err")).unwrap()
    }

    /// Sends a signal by its name, such as `TERM`.
    pub(crate) fn signal(&self, name: &str) {
        let command = format!("kill -{name} {}", self.child.id());
        let status = Command::new("sh").args(["-c", &command]).status().unwrap();
        assert!(status.success(), "{command}");
    }

    /// Its process id.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Waits for its end.
    pub(crate) async fn ended(&mut self) -> ExitStatus {
        let child = &mut self.child;
        eventually("the end of the hub", || {
            std::future::ready(child.try_wait().unwrap().ok_or("it still runs"))
        })
        .await
    }

    /// Ends it as an operator would; it must agree.
    pub(crate) async fn stop(mut self) {
        self.signal("TERM");
        assert_eq!(self.ended().await.code(), Some(0), "{}", self.err());
    }

    /// A client of its API with `key`.
    pub(crate) fn api(&self, key: &str) -> Api {
        Api::new(self.base_url.clone(), key)
    }
}

impl Drop for RunningHub {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Somebody with an API key.
#[derive(Clone)]
pub(crate) struct Api {
    pub(crate) base_url: String,
    key: String,
    client: Client,
}

impl Api {
    /// A caller of the hub at `base_url`.
    pub(crate) fn new(base_url: String, key: &str) -> Self {
        Self { base_url, key: key.to_owned(), client: outside::client() }
    }

    /// Calls; the status and the body, `null` where it is no JSON.
    pub(crate) async fn call(&self, method: &str, path: &str, body: Option<&Value>) -> (u16, Value) {
        let (status, text) = self.call_raw(method, path, body.map(Value::to_string)).await;
        (status, serde_json::from_str(&text).unwrap_or_default())
    }

    /// As [`Api::call`], with any body and the answer as it came.
    pub(crate) async fn call_raw(&self, method: &str, path: &str, body: Option<String>) -> (u16, String) {
        let method = method.parse().unwrap();
        let mut request =
            self.client.request(method, format!("{}{path}", self.base_url)).bearer_auth(&self.key);
        if let Some(body) = body {
            request = request.header("content-type", "application/json").body(body);
        }
        let answer = request.send().await.unwrap();
        (answer.status().as_u16(), answer.text().await.unwrap())
    }

    /// A call that must go well; its body.
    #[track_caller]
    pub(crate) fn done(&self, method: &str, path: &str, body: Option<&Value>) -> impl Future<Output = Value> {
        let at = std::panic::Location::caller();
        async move {
            let (status, answer) = self.call(method, path, body).await;
            assert!((200..300).contains(&status), "{at}: {method} {path}: {status} {answer}");
            answer
        }
    }
}
