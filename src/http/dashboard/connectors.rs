//! Connectors: the catalogue of apps, and what the embedder sets of each, with a test, a switch and an end.

mod catalogue;
mod form;
mod kept;
mod state;
mod view;

use std::collections::HashMap;

use axum::Router;
use axum::routing::{get, post};
use serde::Deserialize;
use vouchsafe_entity::id::ConnectorId;

use super::Answer;
use super::caller::InEnvironment;
use super::chart::grouped;
use super::confirm::ConfirmPage;
use super::deleting::{self, Progress};
use super::form::{Form, FormView};
use super::page::{Flash, SwitchedOff};
use super::url::Url;
use crate::http::extract::{InPath, Listing, NoFilter, Segment};
use crate::http::{HttpState, Problem};
use crate::provider::Definition;
use crate::service::Seen;
use crate::service::connectors::{ConnectorView, Lack, Needing, TestStep};
use crate::service::credentials::CredentialQuery;

pub(super) use catalogue::{CataloguePage, ProviderPage};
pub(super) use state::{app_name, missing_word, step};
pub(super) use view::{ConnectorPage, ConnectorsPage};

/// So many credentials of a connector are counted where it is only shown: a page takes the same time however many there
/// are.
const COUNTED: u32 = 100;

/// What each connector lacks; those that lack nothing are left out.
type Lacks = HashMap<ConnectorId, Vec<Lack>>;

pub(super) fn routes() -> Router<HttpState> {
    Router::new()
        .route("/dashboard/{environment}/catalogue", get(catalogue::show_catalogue))
        .route(
            "/dashboard/{environment}/catalogue/{provider}",
            get(catalogue::show_provider).post(catalogue::add_connector),
        )
        .route("/dashboard/{environment}/connectors", get(list_connectors))
        .route("/dashboard/{environment}/connectors/{connector}", get(show_connector).post(update_connector))
        .route("/dashboard/{environment}/connectors/{connector}/test", post(test_connector))
        .route("/dashboard/{environment}/connectors/{connector}/enable", post(enable_connector))
        .route(
            "/dashboard/{environment}/connectors/{connector}/disable",
            get(ask_disabling).post(disable_connector),
        )
        .route(
            "/dashboard/{environment}/connectors/{connector}/delete",
            get(ask_deletion).post(delete_connector),
        )
        .route(
            "/dashboard/{environment}/connectors/{connector}/kept/{field}/remove",
            get(kept::ask_removal).post(kept::remove_kept_secret),
        )
}

/// A connector in the path.
#[derive(Deserialize)]
pub(super) struct ConnectorPath {
    connector: Segment,
}

/// `GET /dashboard/{environment}/connectors`.
async fn list_connectors(desk: InEnvironment, Listing { page, .. }: Listing<NoFilter>) -> Answer {
    let found = desk.hub.list_connectors(&desk.actor, &page, Some(COUNTED)).await?;
    let connectors: Vec<_> = found.items.iter().map(|view| &view.connector).collect();
    let lacks = desk.hub.lacks_of(&desk.actor, &connectors).await?;
    Ok(desk.show(&ConnectorsPage::of(&desk, &found, &lacks, &page)))
}

/// A connector with all that its page shows beside.
struct Found {
    view: ConnectorView,
    /// None where it is not loaded any more.
    definition: Option<std::sync::Arc<Definition>>,
    needing: Needing,
    lacks: Vec<Lack>,
}

async fn found(desk: &InEnvironment, key: &str) -> Result<Found, Problem> {
    found_with(desk, key, Some(COUNTED)).await
}

/// With its credentials counted further, as somebody is about to do something to them.
async fn found_counted(desk: &InEnvironment, key: &str) -> Result<Found, Problem> {
    found_with(desk, key, u32::try_from(deleting::COUNTED).ok()).await
}

async fn found_with(desk: &InEnvironment, key: &str, most: Option<u32>) -> Result<Found, Problem> {
    let view = desk.hub.get_connector(&desk.actor, key, most).await?;
    let needing = desk.hub.integrations_with(&desk.actor, &[key]).await?;
    let definition = desk.hub.get_provider(&view.connector.provider).ok();
    let mut lacks = desk.hub.lacks_of(&desk.actor, &[&view.connector]).await?;
    let lacks = lacks.remove(&view.connector.id).unwrap_or_default();
    Ok(Found { view, definition, needing, lacks })
}

/// `GET /dashboard/{environment}/connectors/{connector}`.
async fn show_connector(desk: InEnvironment, InPath(path): InPath<ConnectorPath>) -> Answer {
    let found = found(&desk, &path.connector.0).await?;
    let form = form::of(&found.view, found.definition.as_deref());
    Ok(desk.show(&page(&desk, found, form, None)))
}

fn page(desk: &InEnvironment, found: Found, form: FormView, steps: Option<Vec<TestStep>>) -> ConnectorPage {
    ConnectorPage::of(desk, found, form, steps)
}

/// `POST /dashboard/{environment}/connectors/{connector}`.
async fn update_connector(desk: InEnvironment, InPath(path): InPath<ConnectorPath>, form: Form) -> Answer {
    let found = found_counted(&desk, &path.connector.0).await?;
    let new = form::read(&form, &found.view, found.definition.as_deref());
    let here = Url::Connector(&desk.environment, &path.connector.0);
    if let Some(question) = form::loses(&new, &found) {
        desk.hub.may_configure_connectors(&desk.actor).await?;
        if !form.is_sure_of(&question) {
            let form = form.view().asking(question);
            return Ok(desk.show(&page(&desk, found, form, None)));
        }
        if let Some(form) = form.lacks_retyped() {
            return Ok(desk.refuse(&page(&desk, found, form, None)));
        }
    }
    match desk.hub.put_connector(&desk.actor, &path.connector.0, new, form.seen()).await {
        Ok(_) => Ok(desk.done(Flash::ConnectorSaved, &here)),
        Err(error) => {
            let error = form::placed(error, found.definition.as_deref());
            let form = form.refused_or_denied(error)?;
            let found = self::found(&desk, &path.connector.0).await?;
            let form = form.renewed(Seen(found.view.connector.set_at()), desk.hub.now(), &here);
            Ok(desk.refuse_as(form.status(), &page(&desk, found, form, None)))
        }
    }
}

/// `POST /dashboard/{environment}/connectors/{connector}/test`.
async fn test_connector(desk: InEnvironment, InPath(path): InPath<ConnectorPath>) -> Answer {
    let steps = desk.hub.test_connector(&desk.actor, &path.connector.0).await?;
    let found = found(&desk, &path.connector.0).await?;
    let form = form::of(&found.view, found.definition.as_deref());
    Ok(desk.show(&page(&desk, found, form, Some(steps))))
}

/// `POST /dashboard/{environment}/connectors/{connector}/enable`.
async fn enable_connector(desk: InEnvironment, InPath(path): InPath<ConnectorPath>) -> Answer {
    desk.hub.switch_connector(&desk.actor, &path.connector.0, true).await?;
    Ok(desk.done(Flash::ConnectorEnabled, &Url::Connector(&desk.environment, &path.connector.0)))
}

/// So many credentials, in words; a count goes no further than [`deleting::COUNTED`].
pub(super) fn credentials(count: i64) -> String {
    match count {
        1 => "1 credential".to_owned(),
        count if count.unsigned_abs() > deleting::COUNTED => {
            format!("More than {} credentials", grouped(deleting::COUNTED))
        }
        count => format!("{} credentials", grouped(count)),
    }
}

/// The sentence that names the integrations which need a connector; none where none does.
fn needed_by(Needing { integrations, more }: &Needing) -> Option<String> {
    let names: Vec<_> = integrations.iter().map(|one| format!("“{}”", one.name)).collect();
    let more = if *more { " and more" } else { "" };
    let said = || format!("Needed by {}{more}: users can't finish connecting there.", names.join(", "));
    (!names.is_empty()).then(said)
}

/// `GET /dashboard/{environment}/connectors/{connector}/disable`.
async fn ask_disabling(desk: InEnvironment, InPath(path): InPath<ConnectorPath>) -> Answer {
    desk.hub.may_configure_connectors(&desk.actor).await?;
    let found = found_counted(&desk, &path.connector.0).await?;
    let (key, environment) = (&path.connector.0, &desk.environment);
    let kept = match found.view.credentials {
        0 => "It has no credentials.".to_owned(),
        1 => {
            "1 credential can't be read, called with or renewed until it is on again. It is kept.".to_owned()
        }
        count => format!(
            "{} can't be read, called with or renewed until it is on again. They are kept.",
            credentials(count)
        ),
    };
    let mut effects = vec!["Nobody can connect it any more.", kept.as_str()];
    let needed = needed_by(&found.needing);
    effects.extend(needed.as_deref());
    let action = ("Switch off", &Url::DisableConnector(environment, key));
    let title = format!("Switch off “{key}” of {environment}?");
    Ok(desk.show(&ConfirmPage::danger(title, &effects, action, &Url::Connector(environment, key))))
}

/// `POST /dashboard/{environment}/connectors/{connector}/disable`.
async fn disable_connector(desk: InEnvironment, InPath(path): InPath<ConnectorPath>) -> Answer {
    desk.hub.switch_connector(&desk.actor, &path.connector.0, false).await?;
    let next = Url::Connector(&desk.environment, &path.connector.0);
    Ok(desk.switched_off(SwitchedOff::Connector(path.connector.0.clone()), &next))
}

/// `GET /dashboard/{environment}/connectors/{connector}/delete`.
async fn ask_deletion(desk: InEnvironment, InPath(path): InPath<ConnectorPath>) -> Answer {
    desk.hub.may_configure_connectors(&desk.actor).await?;
    let found = found_counted(&desk, &path.connector.0).await?;
    let (key, environment) = (&path.connector.0, &desk.environment);
    let lost = match found.view.credentials {
        0 => "It has no credentials.".to_owned(),
        1 => "1 credential is deleted with it for good, and the app is told to end it.".to_owned(),
        count => {
            let lost = credentials(count);
            format!("{lost} are deleted with it for good, and the app is told to end them.")
        }
    };
    let mut effects = vec![lost.as_str(), "Its client ID and secret are forgotten."];
    let needed = needed_by(&found.needing);
    effects.extend(needed.as_deref());
    let action = ("Delete connector", &Url::DeleteConnector(environment, key));
    let title = format!("Delete “{key}” of {environment}?");
    Ok(desk.show(&ConfirmPage::danger(title, &effects, action, &Url::Connector(environment, key))))
}

/// `POST /dashboard/{environment}/connectors/{connector}/delete`.
async fn delete_connector(desk: InEnvironment, InPath(path): InPath<ConnectorPath>, form: Form) -> Answer {
    desk.hub.may_configure_connectors(&desk.actor).await?;
    let key = &path.connector.0;
    let query = CredentialQuery { connector: Some(key.clone()), ..CredentialQuery::default() };
    let progress = Progress::of(&desk, &form, query).await?;
    let step = desk.hub.delete_connector_step(&desk.actor, key).await?;
    if step.gone {
        return Ok(desk.done(Flash::ConnectorDeleted, &Url::Connectors(&desk.environment)));
    }
    let action = Url::DeleteConnector(&desk.environment, key);
    Ok(progress.show(&desk, format!("Deleting “{key}”"), &step.deleted, &action))
}
