//! Deliveries as they arrive, verified by the published libraries of Standard Webhooks and Svix, for Python and Node.

use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chrono::TimeDelta;
use serde_json::{Map, Value, json};
use vouchsafe::clock::{Clock as _, SystemClock};

use crate::support::app::TestApp;
use crate::support::components::{Component, require};
use crate::support::receiver::{Received, Receiver};

const LIBRARIES: [&str; 2] = ["standardwebhooks", "svix"];

/// A delivery for the libraries, with its body as it came or changed.
fn case(name: &str, message: &Received, body: &[u8]) -> Value {
    let headers: Map<String, Value> = ["webhook-id", "webhook-timestamp", "webhook-signature"]
        .iter()
        .map(|name| ((*name).to_owned(), json!(message.header(name))))
        .collect();
    json!({"name": name, "headers": headers, "body": STANDARD.encode(body)})
}

/// What the libraries of `script` say: `library: case: verdict`.
fn ask(program: &str, script: &str, secret: &str, cases: &[Value]) -> Value {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/tools").join(script);
    let mut command = Command::new(program);
    let mut child = command
        .arg(script)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("the libraries start");
    let given = json!({"secret": secret, "cases": cases}).to_string();
    child.stdin.take().unwrap().write_all(given.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{}", output.status);
    serde_json::from_slice(&output.stdout).unwrap()
}

/// Deliveries of a hub whose clock is right, and of one whose clock is six minutes slow; each with its secrets, the
/// newest first.
async fn deliver(app: &TestApp, behind: TimeDelta) -> (Received, Received, [String; 2]) {
    let receiver = Receiver::start().await;
    app.clock.set(SystemClock.now() - behind);
    let endpoint = app.endpoint(&receiver).await;
    app.as_key().post("/users", &json!({"username": "u", "fullName": "Jo \u{1F511}"})).await;
    app.credential("u").await;
    app.deliver().await;
    let one = receiver.take().remove(0);
    let path =
        format!("/webhook-endpoints/{}/rotate-secret", endpoint["webhookEndpointId"].as_str().unwrap());
    let rotated = app.as_key().act(&path).await.ok(200);
    app.credential("u").await;
    app.deliver().await;
    let both = receiver.take().remove(0);
    assert_eq!(both.header("webhook-signature").split(' ').count(), 2);
    let secret = |answer: &Value| answer["secret"].as_str().unwrap().to_owned();
    (one, both, [secret(&rotated), secret(&endpoint)])
}

async fn judge(program: &str, script: &str) {
    let Some(app) = TestApp::start().await else { return };
    let (one, both, [new, old]) = deliver(&app, TimeDelta::zero()).await;
    let mut changed = one.body.to_vec();
    let at = changed.len() / 2;
    changed[at] ^= 1;
    let cases = [
        case("one signature", &one, &one.body),
        case("one byte changed", &one, &changed),
        case("two signatures", &both, &both.body),
    ];
    for (secret, genuine) in
        [(&old, &["one signature", "two signatures"][..]), (&new, &["two signatures"][..])]
    {
        let verdicts = ask(program, script, secret, &cases);
        for library in LIBRARIES {
            for case in &cases {
                let name = case["name"].as_str().unwrap();
                let verdict = verdicts[library][name].as_str().unwrap();
                assert_eq!(verdict == "genuine", genuine.contains(&name), "{library}, {name}: {verdict}");
            }
        }
    }

    let (stale, _, [_, secret]) = deliver(&app, TimeDelta::minutes(6)).await;
    assert!(stale.is_signed_with(&secret), "only its time is wrong");
    let verdicts = ask(program, script, &secret, &[case("stale", &stale, &stale.body)]);
    for library in LIBRARIES {
        let verdict = verdicts[library]["stale"].as_str().unwrap();
        assert!(verdict.starts_with("refused") && verdict.contains("old"), "{library}: {verdict}");
    }
}

#[tokio::test]
async fn the_python_libraries_take_what_is_genuine_and_nothing_else() {
    let Some(python) = require(Component::Python) else { return };
    judge(&python, "verify_webhooks.py").await;
}

/// The lines that the README shows, with another secret and a delivery to receive.
#[tokio::test]
async fn the_readme_shows_lines_that_work() {
    let Some(python) = require(Component::Python) else { return };
    let Some(app) = TestApp::start().await else { return };
    let (one, _, [_, secret]) = deliver(&app, TimeDelta::zero()).await;
    let readme = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md")).unwrap();
    let shown = readme.split("```python\n").nth(1).unwrap().split("```").next().unwrap();
    let placeholder = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    assert!(shown.contains(placeholder));
    let given = case("", &one, &one.body);
    let driver = "
import base64, sys
given = json.loads(sys.argv[1])
body = base64.b64decode(given['body'])
assert receive(body, given['headers'])['type'] == 'credential.created'
try:
    receive(body.replace(b'created', b'expired'), given['headers'])
except Exception:
    print('refused')
";
    let script = format!("import json\n{}{driver}", shown.replace(placeholder, &secret));
    let output = Command::new(python).args(["-c", &script, &given.to_string()]).output().unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stdout), "refused\n", "{output:?}");
}

#[tokio::test]
async fn the_node_libraries_take_what_is_genuine_and_nothing_else() {
    let Some(node) = require(Component::Node) else { return };
    judge(&node, "verify_webhooks.mjs").await;
}
