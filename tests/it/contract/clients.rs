//! The published clients of the integration product that the dialects follow, with nothing but the address changed.

use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};
use vouchsafe::demo::fake::{FERNHILL, QUILLPOST, VALID_KEY};

use crate::support::app::TestApp;
use crate::support::components::{Component, require};

/// What a client made of a whole story.
async fn story(app: &TestApp, program: String, script: &str) -> Value {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/tools").join(script);
    let (address, key) = (app.base_url.clone(), app.key().to_owned());
    let output = tokio::task::spawn_blocking(move || {
        let mut command = Command::new(program);
        command.arg(&script).args([&address, &key, VALID_KEY]);
        if script.extension().is_some_and(|kind| kind == "mjs") {
            // It knows one address, and takes a proxy from the environment.
            command.env("https_proxy", &address);
        }
        command.output().expect("the client starts")
    });
    let output = output.await.unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

#[tokio::test]
async fn the_python_client_works_unchanged() {
    let Some(python) = require(Component::Python) else { return };
    let Some(app) = TestApp::start().await else { return };
    app.put_fernhill().await;
    let told = story(&app, python, "dialect.py").await;
    let id = told["created"]["userId"].as_str().unwrap();
    assert_eq!(told["shown"], json!({"userId": id, "username": "u-1", "fullName": "Jo"}));
    assert_eq!(told["renamed"]["fullName"], "Jo Park");
    assert_eq!(told["batch"], json!({"message": "success", "invalidUsers": [{"username": "u-1"}]}));
    assert_eq!(told["users"]["data"].as_array().unwrap().len(), 2);
    assert_eq!(told["credential"]["success"], true);
    assert_eq!(told["credentials"]["data"][0]["type"], QUILLPOST);
    assert!(told["kinds"]["data"].as_array().unwrap().iter().any(|kind| kind["name"] == QUILLPOST));
    assert!(told["apps"]["data"].as_array().unwrap().iter().any(|app| app["type"] == FERNHILL));
    assert!(told["link"]["oauthUrl"].as_str().unwrap().starts_with(&app.base_url));
    assert!(told["token"]["token"].is_string());
    assert_eq!((&told["deleted"], &told["gone"]), (&json!({"success": true}), &json!({"success": true})));
}

#[tokio::test]
async fn the_node_client_works_unchanged() {
    let Some(node) = require(Component::Node) else { return };
    let Some(app) = TestApp::start().await else { return };
    app.put_fernhill().await;
    app.user("u-1").await;
    let told = story(&app, node, "dialect.mjs").await;
    assert_eq!(told["user"]["username"], "u-1");
    assert_eq!(told["identified"], told["user"]["userId"]);
    assert!(told["token"]["token"].is_string());
    assert!(told["link"]["oauthUrl"].as_str().unwrap().starts_with(&app.base_url));
    assert_eq!(told["kind"]["name"], QUILLPOST);
    assert!(told["apps"]["data"].as_array().unwrap().iter().any(|app| app["type"] == FERNHILL));
    assert_eq!(told["deleted"], json!({"success": true}));
    assert!(told["refusal"].as_str().unwrap().contains("not"), "{told}");
}
