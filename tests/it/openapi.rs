//! The description of the API is the committed one. `UPDATE_OPENAPI=1` writes it anew.

use std::path::Path;

use serde_json::Value;

use crate::support::app::TestApp;

#[test]
fn the_document_is_the_committed_one() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/openapi.json");
    let document = vouchsafe::http::document() + "\n";
    if std::env::var_os("UPDATE_OPENAPI").is_some() {
        std::fs::write(&path, &document).unwrap();
    }
    let committed = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        document == committed,
        "the API has changed; look at the difference after UPDATE_OPENAPI=1 cargo nextest run --test it openapi"
    );
}

#[test]
fn every_operation_has_a_name_a_scope_and_problems() {
    let document: Value = serde_json::from_str(&vouchsafe::http::document()).unwrap();
    assert!(document["openapi"].as_str().unwrap().starts_with("3.1"));
    let mut names = Vec::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let name = operation["operationId"].as_str().unwrap();
            assert!(name.contains('_') && !names.contains(&name), "{method} {path}: {name}");
            names.push(name);
            assert!(operation["summary"].is_string(), "{name} says what it does");
            let problem = &operation["responses"]["default"]["content"]["application/problem+json"];
            assert_eq!(problem["schema"]["$ref"], "#/components/schemas/Problem", "{name}");
            let open = ["/healthz", "/readyz", "/openapi.json"].contains(&path.as_str());
            assert_eq!(operation.get("security").is_none(), open, "{name}");
            for parameter in path.split('/').filter_map(|part| part.strip_prefix('{')) {
                let parameter = parameter.trim_end_matches('}');
                let described = operation["parameters"].as_array().is_some_and(|parameters| {
                    parameters.iter().any(|one| one["name"] == parameter && one["in"] == "path")
                });
                assert!(described, "{name} describes {parameter}");
            }
        }
    }
}

#[tokio::test]
async fn the_hub_serves_its_document() {
    let Some(app) = TestApp::start().await else { return };
    let served = app.anonymous().get("/openapi.json").await.ok(200);
    let document: Value = serde_json::from_str(&vouchsafe::http::document()).unwrap();
    assert_eq!(served, document);
}

#[test]
fn every_reference_leads_somewhere() {
    let text = vouchsafe::http::document();
    let document: Value = serde_json::from_str(&text).unwrap();
    let mut found = 0;
    for part in text.split("\"$ref\": \"#").skip(1) {
        let pointer = part.split('"').next().unwrap();
        assert!(document.pointer(pointer).is_some(), "{pointer}");
        found += 1;
    }
    assert!(found > 20);
}
