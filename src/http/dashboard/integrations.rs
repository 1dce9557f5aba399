//! Integrations: what each feature of the embedder's product needs.

mod form;
mod offer;
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
use crate::http::HttpState;
use crate::http::extract::{InPath, Listing, NoFilter, Segment};
use crate::service::{Error, Seen};

use offer::Offer;
pub(super) use view::{IntegrationPage, IntegrationsPage};

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
    Ok(desk.show(&IntegrationsPage::of(&desk, found, &page)))
}

/// `GET /dashboard/{environment}/new-integration`.
async fn show_new(desk: InEnvironment) -> Answer {
    desk.hub.may_edit_integrations(&desk.actor).await?;
    let offer = Offer::of(&desk).await?;
    Ok(desk.show(&IntegrationPage::of(&desk, None, FormView::new(), form::SPARE_ROWS, &offer)))
}

/// `POST /dashboard/{environment}/new-integration`.
async fn create_integration(desk: InEnvironment, form: Form) -> Answer {
    desk.hub.may_edit_integrations(&desk.actor).await?;
    let offer = Offer::of(&desk).await?;
    if form.has("more") {
        return Ok(desk.show(&IntegrationPage::of(&desk, None, form.view(), form::rows(&form) + 1, &offer)));
    }
    let slug = form.text("slug");
    let (new, places) = form::read(&form, &offer);
    let made = desk.hub.create_integration(&desk.actor, &slug, new).await;
    let saved = made.map(drop).map_err(|error| form::placed(error, &places));
    ended(&desk, None, &form, &offer, saved).await
}

/// `GET /dashboard/{environment}/integrations/{slug}`.
async fn show_integration(desk: InEnvironment, InPath(path): InPath<IntegrationPath>) -> Answer {
    let found = desk.hub.get_integration(&desk.actor, &path.slug.0).await?;
    let rows = found.connectors.len() + form::SPARE_ROWS;
    let offer = Offer::of(&desk).await?;
    Ok(desk.show(&IntegrationPage::of(&desk, Some(&path.slug.0), form::of(&found), rows, &offer)))
}

/// `POST /dashboard/{environment}/integrations/{slug}`.
async fn update_integration(
    desk: InEnvironment,
    InPath(path): InPath<IntegrationPath>,
    form: Form,
) -> Answer {
    let slug = &path.slug.0;
    desk.hub.may_edit_integrations(&desk.actor).await?;
    let there = desk.hub.get_integration(&desk.actor, slug).await?;
    let offer = Offer::of(&desk).await?;
    if form.has("more") {
        let rows = form::rows(&form) + 1;
        return Ok(desk.show(&IntegrationPage::of(&desk, Some(slug), form.view(), rows, &offer)));
    }
    let (new, places) = form::read(&form, &offer);
    if let Some(question) = form::loses(&new, &there).filter(|question| !form.is_sure_of(question)) {
        let rows = form::rows(&form);
        let view = form.view().asking(question);
        return Ok(desk.show(&IntegrationPage::of(&desk, Some(slug), view, rows, &offer)));
    }
    let put = desk.hub.put_integration(&desk.actor, slug, new, form.seen()).await;
    let saved = put.map(drop).map_err(|error| form::placed(error, &places));
    ended(&desk, Some(slug), &form, &offer, saved).await
}

/// On to the list, or the form once more with each mistake at its row.
async fn ended(
    desk: &InEnvironment,
    slug: Option<&str>,
    form: &Form,
    offer: &Offer,
    saved: Result<(), Error>,
) -> Answer {
    match saved {
        Ok(()) => Ok(desk.done(Flash::IntegrationSaved, &Url::Integrations(&desk.environment))),
        Err(error) => {
            let mut view = form.refused_or_denied(error)?;
            if let Some(slug) = slug {
                let there = desk.hub.get_integration(&desk.actor, slug).await?;
                let open = Url::Integration(&desk.environment, slug);
                view = view.renewed(Seen(Some(there.updated_at)), desk.hub.now(), &open);
            }
            Ok(desk.refuse_as(view.status(), &IntegrationPage::of(desk, slug, view, form::rows(form), offer)))
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
