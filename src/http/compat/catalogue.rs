//! What apps there are, and what each asks for.

use axum::Json;
use serde::Serialize;

use super::Data;
use crate::http::extract::{Caller, InPath, ProvidersRead, Segment};
use crate::http::{Problem, icons};
use crate::provider::{Definition, Field};
use crate::service::{Error, Hub};

type Answer<T> = Result<Json<T>, Problem>;

/// How an app is connected.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct KindOut {
    name: String,
    icon: String,
    is_oauth: bool,
    properties: Vec<PropertyOut>,
}

/// What a user types.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct PropertyOut {
    name: String,
    display_name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<String>,
}

/// An app.
#[derive(Serialize)]
pub(super) struct AppOut {
    name: String,
    icon: String,
    #[serde(rename = "type")]
    kind: String,
}

impl From<Field> for PropertyOut {
    fn from(field: Field) -> Self {
        Self { name: field.name, display_name: field.label, description: field.help.or(field.example) }
    }
}

fn icon(hub: &Hub, definition: &Definition) -> String {
    format!("{}{}", hub.public_url(), icons::path(definition.slug()))
}

fn kind(hub: &Hub, definition: &Definition) -> KindOut {
    let method = definition.methods().first();
    KindOut {
        name: definition.slug().to_owned(),
        icon: icon(hub, definition),
        is_oauth: definition.oauth2().is_some(),
        properties: method.into_iter().flat_map(|m| definition.fields(*m)).map(PropertyOut::from).collect(),
    }
}

/// `GET /metadata/credentials`.
pub(super) async fn list_credential_kinds(caller: Caller<ProvidersRead>) -> Answer<Data<Vec<KindOut>>> {
    let providers = caller.hub.providers();
    Ok(Json(Data { data: providers.all().map(|definition| kind(&caller.hub, definition)).collect() }))
}

/// `GET /metadata/credentials/{app}`.
pub(super) async fn get_credential_kind(
    caller: Caller<ProvidersRead>,
    InPath(Segment(app)): InPath<Segment>,
) -> Answer<KindOut> {
    let definition = caller.hub.providers().get(&app).ok_or_else(|| Error::unknown("/app", "app"))?;
    Ok(Json(kind(&caller.hub, &definition)))
}

/// `GET /metadata/apps`.
pub(super) async fn list_apps(caller: Caller<ProvidersRead>) -> Answer<Data<Vec<AppOut>>> {
    let providers = caller.hub.providers();
    let app = |definition: &std::sync::Arc<Definition>| AppOut {
        name: definition.name().to_owned(),
        icon: icon(&caller.hub, definition),
        kind: definition.slug().to_owned(),
    };
    Ok(Json(Data { data: providers.all().map(app).collect() }))
}
