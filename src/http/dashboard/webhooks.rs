//! Webhook endpoints and their deliveries: made, tried out, given a new secret, told again, switched off and on.

mod delivery;
mod form;
mod view;

use axum::Router;
use axum::routing::{get, post};
use serde::Deserialize;
use vouchsafe_entity::id::WebhookEndpointId;
use vouchsafe_entity::kind::DeliveryStatus;

use super::Answer;
use super::caller::InEnvironment;
use super::confirm::ConfirmPage;
use super::form::{Form, FormView};
use super::page::Flash;
use super::url::Url;
use crate::domain::page::PageRequest;
use crate::domain::webhook::WebhookEndpoint;
use crate::http::extract::{InPath, Listing, NoFilter};
use crate::http::{HttpState, Problem};
use crate::service::Seen;
use crate::service::webhooks::{EndpointChange, NewReplay};

pub(super) use delivery::DeliveryPage;
pub(super) use view::{NewWebhookPage, ShownWebhookPage, WebhookPage, WebhooksPage, status_mark};

pub(super) fn routes() -> Router<HttpState> {
    Router::new()
        .route("/dashboard/{environment}/webhooks", get(list_webhooks))
        .route("/dashboard/{environment}/webhooks/new", get(show_new).post(create_webhook))
        .route("/dashboard/{environment}/webhooks/{endpoint}", get(show_webhook).post(update_webhook))
        .route("/dashboard/{environment}/webhooks/{endpoint}/test", post(test_webhook))
        .route("/dashboard/{environment}/webhooks/{endpoint}/rotate", get(ask_rotation).post(rotate_webhook))
        .route("/dashboard/{environment}/webhooks/{endpoint}/replay", post(replay_webhook))
        .route("/dashboard/{environment}/webhooks/{endpoint}/enable", post(enable_webhook))
        .route(
            "/dashboard/{environment}/webhooks/{endpoint}/disable",
            get(ask_disabling).post(disable_webhook),
        )
        .route("/dashboard/{environment}/webhooks/{endpoint}/delete", get(ask_deletion).post(delete_webhook))
        .route(
            "/dashboard/{environment}/webhooks/{endpoint}/deliveries/{delivery}",
            get(delivery::show_delivery),
        )
}

/// An endpoint in the path.
#[derive(Deserialize)]
pub(super) struct EndpointPath {
    endpoint: WebhookEndpointId,
}

/// `GET /dashboard/{environment}/webhooks`.
async fn list_webhooks(desk: InEnvironment, Listing { page, .. }: Listing<NoFilter>) -> Answer {
    let found = desk.hub.list_webhook_endpoints(&desk.actor, &page).await?;
    Ok(desk.show(&WebhooksPage::of(&desk, found, &page)))
}

/// `GET /dashboard/{environment}/webhooks/new`.
async fn show_new(desk: InEnvironment) -> Answer {
    desk.hub.may_manage_webhooks(&desk.actor).await?;
    Ok(desk.show(&NewWebhookPage::of(&desk.environment, FormView::new())))
}

/// `POST /dashboard/{environment}/webhooks/new`.
async fn create_webhook(desk: InEnvironment, form: Form) -> Answer {
    match desk.hub.create_webhook_endpoint(&desk.actor, form::new_endpoint(&form)).await {
        Ok((endpoint, secret)) => {
            Ok(desk.show(&ShownWebhookPage::of(&desk.environment, &endpoint, &secret, false)))
        }
        Err(error) => {
            let form = form.refused_or_denied(error)?;
            Ok(desk.refuse(&NewWebhookPage::of(&desk.environment, form)))
        }
    }
}

/// Which deliveries are wanted.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Wanted {
    status: Option<String>,
}

/// The page of an endpoint with a part of its deliveries.
async fn page(
    desk: &InEnvironment,
    endpoint: WebhookEndpoint,
    form: FormView,
    replay: FormView,
    (wanted, request): (Wanted, &PageRequest),
) -> Result<WebhookPage, Problem> {
    let status = wanted.status.filter(|word| !word.is_empty()).map(|word| {
        let unknown = || Problem::invalid_at("/status", "unknown", "There is no such state of a delivery.");
        word.parse::<DeliveryStatus>().map_err(|_| unknown())
    });
    let status = status.transpose()?;
    let deliveries = desk.hub.list_deliveries_to(&desk.actor, endpoint.id, status, request).await?;
    let under_way = desk.hub.replay_under_way(&desk.actor, endpoint.id).await?;
    Ok(WebhookPage::of(desk, endpoint, form, replay, (deliveries, status, request), under_way))
}

fn newest() -> (Wanted, PageRequest) {
    (Wanted::default(), PageRequest { limit: 20, after: None })
}

/// `GET /dashboard/{environment}/webhooks/{endpoint}`.
async fn show_webhook(
    desk: InEnvironment,
    InPath(path): InPath<EndpointPath>,
    Listing { page: request, filter }: Listing<Wanted>,
) -> Answer {
    let endpoint = desk.hub.get_webhook_endpoint(&desk.actor, path.endpoint).await?;
    let form = form::of(&endpoint);
    let part = (filter, &request);
    Ok(desk.show(&page(&desk, endpoint, form, FormView::new(), part).await?))
}

/// `POST /dashboard/{environment}/webhooks/{endpoint}`.
async fn update_webhook(desk: InEnvironment, InPath(path): InPath<EndpointPath>, form: Form) -> Answer {
    let id = path.endpoint;
    match desk.hub.update_webhook_endpoint(&desk.actor, id, form::change(&form), form.seen()).await {
        Ok(_) => Ok(desk.done(Flash::WebhookSaved, &Url::Webhook(&desk.environment, id))),
        Err(error) => {
            let form = form.refused_or_denied(error)?;
            let endpoint = desk.hub.get_webhook_endpoint(&desk.actor, id).await?;
            let (wanted, request) = newest();
            let open = Url::Webhook(&desk.environment, id);
            let form = form.renewed(Seen(Some(endpoint.updated_at)), desk.hub.now(), &open);
            let status = form.status();
            Ok(desk
                .refuse_as(status, &page(&desk, endpoint, form, FormView::new(), (wanted, &request)).await?))
        }
    }
}

/// `POST /dashboard/{environment}/webhooks/{endpoint}/test`.
async fn test_webhook(desk: InEnvironment, InPath(path): InPath<EndpointPath>) -> Answer {
    desk.hub.test_webhook_endpoint(&desk.actor, path.endpoint).await?;
    Ok(desk.done(Flash::WebhookTested, &Url::Webhook(&desk.environment, path.endpoint)))
}

/// `GET /dashboard/{environment}/webhooks/{endpoint}/rotate`.
async fn ask_rotation(desk: InEnvironment, InPath(path): InPath<EndpointPath>) -> Answer {
    desk.hub.may_manage_webhooks(&desk.actor).await?;
    let endpoint = desk.hub.get_webhook_endpoint(&desk.actor, path.endpoint).await?;
    let (environment, id) = (&desk.environment, endpoint.id);
    let effects = [
        "You are shown a new secret, once.",
        "For a day each delivery is signed with both, so give your back end the new one today.",
        "After that whoever checks with the old one refuses every delivery.",
    ];
    let action = ("Rotate secret", &Url::RotateWebhook(environment, id));
    let title = format!("Give {} a new secret?", endpoint.url);
    let mut page = ConfirmPage::danger(title, &effects, action, &Url::Webhook(environment, id));
    page.danger = false;
    Ok(desk.show(&page))
}

/// `POST /dashboard/{environment}/webhooks/{endpoint}/rotate`.
async fn rotate_webhook(desk: InEnvironment, InPath(path): InPath<EndpointPath>) -> Answer {
    let (endpoint, secret) = desk.hub.rotate_webhook_secret(&desk.actor, path.endpoint).await?;
    Ok(desk.show(&ShownWebhookPage::of(&desk.environment, &endpoint, &secret, true)))
}

/// `POST /dashboard/{environment}/webhooks/{endpoint}/replay`.
async fn replay_webhook(desk: InEnvironment, InPath(path): InPath<EndpointPath>, form: Form) -> Answer {
    let replay = NewReplay { since: form::moment(&form.text("since")), until: form.optional("until") };
    let replay = NewReplay { until: replay.until.as_deref().map(form::moment), ..replay };
    match desk.hub.replay_webhook_endpoint(&desk.actor, path.endpoint, replay).await {
        Ok(_) => Ok(desk.done(Flash::WebhookReplayed, &Url::Webhook(&desk.environment, path.endpoint))),
        Err(error) => {
            let typed = form.refused_or_denied(error)?;
            let endpoint = desk.hub.get_webhook_endpoint(&desk.actor, path.endpoint).await?;
            let (wanted, request) = newest();
            let form = form::of(&endpoint);
            Ok(desk.refuse(&page(&desk, endpoint, form, typed, (wanted, &request)).await?))
        }
    }
}

async fn switch(desk: &InEnvironment, id: WebhookEndpointId, on: bool) -> Result<(), Problem> {
    let change = EndpointChange { enabled: Some(on), ..EndpointChange::default() };
    desk.hub.update_webhook_endpoint(&desk.actor, id, change, None).await?;
    Ok(())
}

/// `POST /dashboard/{environment}/webhooks/{endpoint}/enable`.
async fn enable_webhook(desk: InEnvironment, InPath(path): InPath<EndpointPath>) -> Answer {
    switch(&desk, path.endpoint, true).await?;
    Ok(desk.done(Flash::WebhookEnabled, &Url::Webhook(&desk.environment, path.endpoint)))
}

/// `GET /dashboard/{environment}/webhooks/{endpoint}/disable`.
async fn ask_disabling(desk: InEnvironment, InPath(path): InPath<EndpointPath>) -> Answer {
    desk.hub.may_manage_webhooks(&desk.actor).await?;
    let endpoint = desk.hub.get_webhook_endpoint(&desk.actor, path.endpoint).await?;
    let (environment, id) = (&desk.environment, endpoint.id);
    let effects = [
        "It is told of nothing any more, so your product does not hear of credentials that end.",
        "Deliveries that wait are called off.",
        "What it misses is sent by a replay, once it is on again. Events are kept for 30 days.",
    ];
    let action = ("Switch off", &Url::DisableWebhook(environment, id));
    let title = format!("Switch off {}?", endpoint.url);
    Ok(desk.show(&ConfirmPage::danger(title, &effects, action, &Url::Webhook(environment, id))))
}

/// `POST /dashboard/{environment}/webhooks/{endpoint}/disable`.
async fn disable_webhook(desk: InEnvironment, InPath(path): InPath<EndpointPath>) -> Answer {
    switch(&desk, path.endpoint, false).await?;
    Ok(desk.done(Flash::WebhookDisabled, &Url::Webhook(&desk.environment, path.endpoint)))
}

/// `GET /dashboard/{environment}/webhooks/{endpoint}/delete`.
async fn ask_deletion(desk: InEnvironment, InPath(path): InPath<EndpointPath>) -> Answer {
    desk.hub.may_manage_webhooks(&desk.actor).await?;
    let endpoint = desk.hub.get_webhook_endpoint(&desk.actor, path.endpoint).await?;
    let (environment, id) = (&desk.environment, endpoint.id);
    let effects = [
        "It is told of nothing any more, so your product does not hear of credentials that end.",
        "The log of its deliveries goes with it, and its secret is forgotten.",
        "It can't be brought back.",
    ];
    let action = ("Delete endpoint", &Url::DeleteWebhook(environment, id));
    let title = format!("Delete {}?", endpoint.url);
    Ok(desk.show(&ConfirmPage::danger(title, &effects, action, &Url::Webhook(environment, id))))
}

/// `POST /dashboard/{environment}/webhooks/{endpoint}/delete`.
async fn delete_webhook(desk: InEnvironment, InPath(path): InPath<EndpointPath>) -> Answer {
    desk.hub.delete_webhook_endpoint(&desk.actor, path.endpoint).await?;
    Ok(desk.done(Flash::WebhookDeleted, &Url::Webhooks(&desk.environment)))
}
