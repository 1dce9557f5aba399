//! A secret that a connector keeps is removed, after it was asked once.

use serde::Deserialize;
use serde_json::Value;

use super::form::{CLIENT_SECRET, field_name};
use super::{Found, credentials, found, found_counted};
use crate::http::Problem;
use crate::http::dashboard::Answer;
use crate::http::dashboard::caller::InEnvironment;
use crate::http::dashboard::confirm::ConfirmPage;
use crate::http::dashboard::page::Flash;
use crate::http::dashboard::url::Url;
use crate::http::extract::{InPath, Segment};
use crate::provider::Definition;
use crate::service::connectors::NewConnector;

/// A secret of a connector in the path, by the name of its field.
#[derive(Deserialize)]
pub(super) struct KeptPath {
    connector: Segment,
    field: Segment,
}

/// A secret that is kept.
struct Kept {
    /// What it is called.
    label: String,
    /// The connector without it.
    without: NewConnector,
}

/// The secret that the field of this name stands for.
fn kept_of(found: &Found, name: &str) -> Result<Kept, Problem> {
    let connector = &found.view.connector;
    let mut without = NewConnector::unchanged(connector);
    if name == CLIENT_SECRET && connector.has_client_secret {
        without.client_secret = Some(None);
        return Ok(Kept { label: "client secret".to_owned(), without });
    }
    let fields = found.definition.as_deref().map(Definition::connector_fields).unwrap_or_default();
    let field = fields
        .into_iter()
        .filter(|field| connector.secret_variables.contains(&field.name))
        .find(|field| field_name(&field.name, true) == name)
        .ok_or_else(Problem::not_found)?;
    without.variables.insert(field.name, Value::Null);
    Ok(Kept { label: field.label, without })
}

/// `GET /dashboard/{environment}/connectors/{connector}/kept/{field}/remove`.
pub(super) async fn ask_removal(desk: InEnvironment, InPath(path): InPath<KeptPath>) -> Answer {
    desk.hub.may_configure_connectors(&desk.actor).await?;
    let (key, field) = (&path.connector.0, &path.field.0);
    let found = found_counted(&desk, key).await?;
    let kept = kept_of(&found, field)?;
    let breaks = match found.view.credentials {
        0 => "Until another is entered, users may not be able to connect.".to_owned(),
        count => format!(
            "Until another is entered, users may not be able to connect, and calls with its {} may fail.",
            credentials(count).to_lowercase()
        ),
    };
    let effects = ["The hub forgets it, and it can't be brought back.", breaks.as_str()];
    let environment = &desk.environment;
    let action = ("Remove it", &Url::RemoveKept(environment, key, field));
    let title = format!("Remove the {} of “{key}” of {environment}?", kept.label);
    Ok(desk.show(&ConfirmPage::danger(title, &effects, action, &Url::Connector(environment, key))))
}

/// `POST /dashboard/{environment}/connectors/{connector}/kept/{field}/remove`.
pub(super) async fn remove_kept_secret(desk: InEnvironment, InPath(path): InPath<KeptPath>) -> Answer {
    desk.hub.may_configure_connectors(&desk.actor).await?;
    let key = &path.connector.0;
    let kept = kept_of(&found(&desk, key).await?, &path.field.0)?;
    desk.hub.put_connector(&desk.actor, key, kept.without, None).await?;
    Ok(desk.done(Flash::KeptSecretRemoved, &Url::Connector(&desk.environment, key)))
}
