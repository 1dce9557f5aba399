//! The OpenAPI 3.1 document, made from the handlers. What holds for all of them is added here, once.

use serde_json::{Map, Value, json};
use utoipa::OpenApi;
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};

use super::problem::ProblemOut;

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Vouchsafe",
        description = "Connects your users' apps: collects, keeps and renews their credentials. Every refusal is a \
            problem, but for what never was a request: a message that is no HTTP gets a bare 400, a head of more than \
            100 headers or 64 KiB a bare 431.",
        license(name = "Apache-2.0", identifier = "Apache-2.0")
    ),
    servers((url = "/")),
    components(schemas(ProblemOut)),
    paths(super::api::proxy::call_app),
    modifiers(&Key)
)]
pub(super) struct Described;

struct Key;

impl utoipa::Modify for Key {
    fn modify(&self, openapi: &mut utoipa::openapi::OpenApi) {
        let scheme = HttpBuilder::new()
            .scheme(HttpAuthScheme::Bearer)
            .bearer_format("vs_<environment>_…")
            .description(Some(
                "A hub API key. It decides workspace and environment; each operation names its scope.",
            ))
            .build();
        openapi.components.get_or_insert_default().add_security_scheme("key", SecurityScheme::Http(scheme));
    }
}

/// The document as JSON, members in a fixed order.
pub fn document() -> String {
    let described = super::router::described();
    let mut document = serde_json::to_value(described).unwrap_or_default();
    for operation in operations(&mut document) {
        add_problems(operation);
    }
    if let Some(paths) = document["paths"].as_object_mut() {
        for operation in paths.values_mut().filter_map(|path| path.get_mut("post")) {
            add_idempotency_key(operation);
        }
    }
    serde_json::to_string_pretty(&document).unwrap_or_default()
}

fn operations(document: &mut Value) -> impl Iterator<Item = &mut Value> {
    let paths = document["paths"].as_object_mut();
    let items = paths.into_iter().flat_map(Map::values_mut);
    items.filter_map(Value::as_object_mut).flat_map(Map::values_mut).filter(|operation| operation.is_object())
}

/// Every refusal is a problem, whether or not an operation names it.
fn add_problems(operation: &mut Value) {
    let content = json!({"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}});
    let secured = operation.get("security").is_some();
    let Some(responses) = operation["responses"].as_object_mut() else {
        return;
    };
    let mut add = |status: &str, description: &str| {
        let response = responses.entry(status).or_insert_with(|| json!({"description": description}));
        response["content"] = content.clone();
    };
    if secured {
        add("400", "`invalid_request`");
        add("401", "`unauthenticated`");
        add("403", "`scope_missing`");
        add("429", "`rate_limited`");
    }
    add("default", "Any other refusal");
    for (status, response) in responses.iter_mut() {
        if status.starts_with(['4', '5']) {
            response["content"] = content.clone();
        }
    }
}

fn add_idempotency_key(operation: &mut Value) {
    let parameter = json!({
        "name": "Idempotency-Key",
        "in": "header",
        "required": false,
        "description": "Sent again with the same body within 24 h, the first answer is given again.",
        "schema": {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[!-~]+$"}
    });
    if let Some(parameters) = operation["parameters"].as_array_mut() {
        parameters.push(parameter);
    } else {
        operation["parameters"] = json!([parameter]);
    }
}
