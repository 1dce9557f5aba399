//! The API's own document in the hands of schemathesis: whatever it makes up from it, with a key and without, is
//! answered as the document says.

use std::collections::HashMap;
use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};
use vouchsafe::demo::fake::{FERNHILL, QUILLPOST, VALID_KEY};
use vouchsafe::egress::{Egress, EgressHooks};

use crate::support::app::{OWN_CLIENT, TestApp, egress_config};
use crate::support::components::{Component, require};
use crate::support::scale::is_nightly;

const CONFIGURATION: &str = "schemathesis.toml";
/// Users with a credential of each kind, and secrets: enough that one is left after the tool has deleted its share.
const OF_EACH: usize = 12;

/// Examples of each operation.
fn examples() -> &'static str {
    if is_nightly() { "1000" } else { "20" }
}

/// A hub with something of everything. Names lead nowhere: what the tool makes up must not be called.
async fn furnished(folder: &Path) -> Option<TestApp> {
    let hooks = EgressHooks { names: Some(HashMap::new()), roots: None };
    let closed = Egress::with_hooks(egress_config(), hooks).unwrap();
    let app = TestApp::start_as(|parts| parts.egress = closed, |_| ()).await?;
    app.put_fernhill().await;
    app.user("judge").await;
    let (mut users, mut credentials, mut secrets) = (Vec::new(), Vec::new(), Vec::new());
    for n in 0..OF_EACH {
        let user = format!("u-{n}");
        app.user(&user).await;
        for made in [app.credential(&user).await, app.renewable(&user).await] {
            credentials.push(text(&made["credentialId"]));
        }
        users.push(user);
        let secret = format!("S_{n}");
        let body = json!({"key": secret, "value": "v", "type": "api_key", "visibility": "masked"});
        app.as_key().post("/secrets", &body).await.ok(201);
        secrets.push(secret);
    }
    let events: Vec<String> = app.all_events().await.iter().map(|event| text(&event["id"])).collect();
    dictionary(folder, "users", &users);
    dictionary(folder, "credentials", &credentials);
    dictionary(folder, "secrets", &secrets);
    dictionary(folder, "events", &events);
    dictionary(folder, "connectors", &[FERNHILL, QUILLPOST, OWN_CLIENT].map(str::to_owned));
    Some(app)
}

fn text(value: &Value) -> String {
    value.as_str().unwrap().to_owned()
}

/// Words for the tool, each in quotes on a line of its own.
fn dictionary(folder: &Path, name: &str, words: &[String]) {
    let lines = format!("\"{}\"\n", words.join("\"\n\""));
    std::fs::write(folder.join(name).with_extension("dict"), lines).unwrap();
}

/// The id of the key that the tool calls with.
async fn key_id(app: &TestApp) -> String {
    let keys = app.as_key().get("/api-keys").await.ok(200);
    let own = |key: &&Value| app.key().starts_with(key["prefix"].as_str().unwrap());
    text(&keys["data"].as_array().unwrap().iter().find(own).unwrap()["apiKeyId"])
}

/// Lets the tool loose on the hub, and fails with what it has to say.
async fn judge(app: &TestApp, folder: &Path, python: &str, phases: &str, more: &[&str]) {
    let tools = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/tools");
    for file in [CONFIGURATION, "schemathesis_hooks.py"] {
        std::fs::copy(tools.join(file), folder.join(file)).unwrap();
    }
    let (document, own_key) = (format!("{}/openapi.json", app.base_url), key_id(app).await);
    let mut command = Command::new(python);
    command
        .arg(Path::new(python).with_file_name("schemathesis"))
        .args(["--config-file", CONFIGURATION, "run", document.as_str()])
        .args(["--no-color", "--max-examples", examples(), "--phases", phases])
        .args(more)
        .current_dir(folder)
        .env("VOUCHSAFE_KEY_ID", own_key)
        .env("VOUCHSAFE_VALUE", VALID_KEY)
        .env("NO_PROXY", "127.0.0.1");
    let output = tokio::task::spawn_blocking(move || command.output().expect("the tool starts"));
    let output = output.await.unwrap();
    let [told, complaint] =
        [output.stdout, output.stderr].map(|out| String::from_utf8_lossy(&out).into_owned());
    assert!(output.status.success(), "{told}{complaint}");
}

/// What a key is answered in these phases.
async fn judge_with_key(phases: &str) {
    let Some(python) = require(Component::Python) else { return };
    let folder = tempfile::tempdir().unwrap();
    let Some(app) = furnished(folder.path()).await else { return };
    let key = format!("Authorization: Bearer {}", app.key());
    judge(&app, folder.path(), &python, phases, &["--header", key.as_str()]).await;
    // Had the tool lost its key on the way, all that came after would have passed unseen.
    app.as_key().get("/environment").await.ok(200);
}

#[tokio::test]
async fn s14_the_edges_of_every_parameter_are_answered_as_documented() {
    judge_with_key("examples,coverage").await;
}

#[tokio::test]
async fn s14_made_up_calls_are_answered_as_documented() {
    judge_with_key(if is_nightly() { "fuzzing,stateful" } else { "fuzzing" }).await;
}

#[tokio::test]
async fn s14_without_a_key_nothing_is_answered_but_a_refusal() {
    let Some(python) = require(Component::Python) else { return };
    let folder = tempfile::tempdir().unwrap();
    let Some(app) = furnished(folder.path()).await else { return };
    // Nothing comes as far as what the other phases vary.
    let phases = if is_nightly() { "examples,coverage,fuzzing" } else { "fuzzing" };
    judge(&app, folder.path(), &python, phases, &[]).await;
}
