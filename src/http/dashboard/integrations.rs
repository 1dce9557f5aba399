//! Integrations: what each feature of the embedder's product needs.

mod form;
mod view;

use axum::Router;
use axum::routing::get;
use serde::Deserialize;

use super::Answer;
use super::caller::InEnvironment;
use super::confirm::ConfirmPage;
use super::form::{Form, FormView};
use super::page::Flash;
use super::url::Url;
use crate::http::extract::{InPath, Listing, NoFilter, Segment};
use crate::http::{HttpState, Problem};
use crate::service::Error;

pub(super) use view::{IntegrationPage, IntegrationsPage};

/// So many connectors are suggested.
const SUGGESTED: u64 = 200;

pub(super) fn routes() -> Router<HttpState> {
    Router::new()
        .route("/dashboard/{environment}/integrations", get(list_integrations))
        .route("/dashboard/{environment}/new-integration", get(show_new).post(create_integration))
        .route("/dashboard/{environment}/integrations/{slug}", get(show_integration).post(update_integration))
        .route(
            "/dashboard/{environment}/integrations/{slug}/delete",
            get(ask_deletion).post(delete_integration),
        )
}

/// An integration in the path.
#[derive(Deserialize)]
pub(super) struct IntegrationPath {
    slug: Segment,
}

/// `GET /dashboard/{environment}/integrations`.
async fn list_integrations(desk: InEnvironment, Listing { page, .. }: Listing<NoFilter>) -> Answer {
    let found = desk.hub.list_integrations(&desk.actor, &page).await?;
    Ok(desk.show(&IntegrationsPage::of(&desk, found, page.after.is_none())))
}

/// The keys of connectors that somebody may mean.
async fn suggestions(desk: &InEnvironment) -> Result<Vec<String>, Problem> {
    Ok(desk.hub.connector_keys(&desk.actor, SUGGESTED).await?)
}

async fn page(
    desk: &InEnvironment,
    slug: Option<&str>,
    form: FormView,
    rows: usize,
) -> Result<IntegrationPage, Problem> {
    Ok(IntegrationPage::of(desk, slug, form, rows, suggestions(desk).await?))
}

/// `GET /dashboard/{environment}/new-integration`.
async fn show_new(desk: InEnvironment) -> Answer {
    desk.hub.may_edit_integrations(&desk.actor).await?;
    Ok(desk.show(&page(&desk, None, FormView::new(), form::SPARE_ROWS).await?))
}

/// `POST /dashboard/{environment}/new-integration`.
async fn create_integration(desk: InEnvironment, form: Form) -> Answer {
    desk.hub.may_edit_integrations(&desk.actor).await?;
    if form.has("more") {
        return Ok(desk.show(&page(&desk, None, form.view(), form::rows(&form) + 1).await?));
    }
    let slug = form.text("slug");
    let (new, places) = form::read(&form);
    let made = desk.hub.create_integration(&desk.actor, &slug, new).await;
    saved(&desk, None, &form, &places, made.map(drop)).await
}

/// `GET /dashboard/{environment}/integrations/{slug}`.
async fn show_integration(desk: InEnvironment, InPath(path): InPath<IntegrationPath>) -> Answer {
    let found = desk.hub.get_integration(&desk.actor, &path.slug.0).await?;
    let rows = found.connectors.len() + form::SPARE_ROWS;
    Ok(desk.show(&page(&desk, Some(&path.slug.0), form::of(&found), rows).await?))
}

/// `POST /dashboard/{environment}/integrations/{slug}`.
async fn update_integration(
    desk: InEnvironment,
    InPath(path): InPath<IntegrationPath>,
    form: Form,
) -> Answer {
    let slug = &path.slug.0;
    desk.hub.may_edit_integrations(&desk.actor).await?;
    desk.hub.get_integration(&desk.actor, slug).await?;
    if form.has("more") {
        return Ok(desk.show(&page(&desk, Some(slug), form.view(), form::rows(&form) + 1).await?));
    }
    let (new, places) = form::read(&form);
    let put = desk.hub.put_integration(&desk.actor, slug, new).await;
    saved(&desk, Some(slug), &form, &places, put.map(drop)).await
}

async fn saved(
    desk: &InEnvironment,
    slug: Option<&str>,
    form: &Form,
    places: &[usize],
    outcome: Result<(), Error>,
) -> Answer {
    match outcome {
        Ok(()) => Ok(desk.done(Flash::IntegrationSaved, &Url::Integrations(&desk.environment))),
        Err(error) => {
            let view = form.refused_or_denied(form::placed(error, places))?;
            Ok(desk.refuse(&page(desk, slug, view, form::rows(form)).await?))
        }
    }
}

/// `GET /dashboard/{environment}/integrations/{slug}/delete`.
async fn ask_deletion(desk: InEnvironment, InPath(path): InPath<IntegrationPath>) -> Answer {
    desk.hub.may_edit_integrations(&desk.actor).await?;
    let found = desk.hub.get_integration(&desk.actor, &path.slug.0).await?;
    let (slug, environment) = (found.slug.as_str(), &desk.environment);
    let effects = [
        format!("A session of the modal that names `{slug}` is refused from then on."),
        "What users have connected stays: it belongs to them, not to the integration.".to_owned(),
    ];
    let effects: Vec<&str> = effects.iter().map(String::as_str).collect();
    let action = ("Delete integration", &Url::DeleteIntegration(environment, slug));
    let title = format!("Delete “{}” of {environment}?", found.name);
    Ok(desk.show(&ConfirmPage::danger(title, &effects, action, &Url::Integration(environment, slug))))
}

/// `POST /dashboard/{environment}/integrations/{slug}/delete`.
async fn delete_integration(desk: InEnvironment, InPath(path): InPath<IntegrationPath>) -> Answer {
    desk.hub.delete_integration(&desk.actor, &path.slug.0).await?;
    Ok(desk.done(Flash::IntegrationDeleted, &Url::Integrations(&desk.environment)))
}
