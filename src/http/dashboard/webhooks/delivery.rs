//! One delivery: what was sent, and what came back.

use serde::{Deserialize, Serialize};
use vouchsafe_entity::id::{DeliveryId, WebhookEndpointId};
use vouchsafe_entity::millis::Millis;

use super::view::status_mark;
use crate::domain::event::EventBody;
use crate::domain::role::Action;
use crate::http::dashboard::Answer;
use crate::http::dashboard::caller::InEnvironment;
use crate::http::dashboard::events::shown_body;
use crate::http::dashboard::moment::Moment;
use crate::http::dashboard::page::{DashboardPage, Place};
use crate::http::dashboard::url::Url;
use crate::http::extract::{InPath, NoQuery};
use crate::service::webhooks::DeliveryDetail;

/// A delivery in the path.
#[derive(Deserialize)]
pub(in crate::http::dashboard) struct DeliveryPath {
    endpoint: WebhookEndpointId,
    delivery: DeliveryId,
}

/// One delivery.
#[derive(Serialize)]
pub(in crate::http::dashboard) struct DeliveryPage {
    environment: String,
    id: String,
    kind: String,
    mark: (&'static str, &'static str),
    attempt: i32,
    planned: Moment,
    sent: Option<Moment>,
    due: Option<Moment>,
    duration: Option<i64>,
    url: String,
    headers: Vec<(&'static str, String)>,
    body: String,
    status: Option<i16>,
    error: Option<String>,
    answer: Option<String>,
    event: String,
    redeliver: Option<String>,
    back: String,
}

fn page(desk: &InEnvironment, found: DeliveryDetail) -> DeliveryPage {
    let DeliveryDetail { delivery, endpoint, body, answer } = found;
    let (environment, now) = (desk.environment.as_str(), desk.hub.now());
    let may_redeliver = desk.desk.who.may(Action::RedeliverEvents);
    DeliveryPage {
        id: delivery.id.to_string(),
        kind: body.kind.clone(),
        mark: status_mark(&delivery),
        attempt: delivery.attempt,
        planned: Moment::new(delivery.created_at, now),
        sent: delivery.started_at.map(|at| Moment::new(at, now)),
        due: delivery.due_at.map(|at| Moment::new(at, now)),
        duration: delivery.duration_ms,
        headers: headers(&body, delivery.started_at),
        body: shown_body(&body),
        status: delivery.answer_status,
        error: delivery.error,
        answer,
        event: Url::Event(environment, delivery.event).to_string(),
        redeliver: may_redeliver.then(|| Url::RedeliverEvent(environment, delivery.event).to_string()),
        back: Url::Webhook(environment, endpoint.id).to_string(),
        url: endpoint.url,
        environment: environment.to_owned(),
    }
}

/// The headers that are sent, but for the signature, which is not kept.
fn headers(body: &EventBody, sent: Option<Millis>) -> Vec<(&'static str, String)> {
    let mut headers = vec![("content-type", "application/json".to_owned()), ("webhook-id", body.id.clone())];
    if let Some(at) = sent {
        headers.push(("webhook-timestamp", at.0.div_euclid(1_000).to_string()));
        headers.push(("webhook-signature", "v1,… (made anew for each attempt, and not kept)".to_owned()));
    }
    headers
}

/// `GET /dashboard/{environment}/webhooks/{endpoint}/deliveries/{delivery}`.
pub(super) async fn show_delivery(
    desk: InEnvironment,
    InPath(path): InPath<DeliveryPath>,
    _: NoQuery,
) -> Answer {
    let found = desk.hub.get_delivery(&desk.actor, path.endpoint, path.delivery).await?;
    Ok(desk.show(&page(&desk, found)))
}

impl DashboardPage for DeliveryPage {
    const TEMPLATE: &'static str = "dashboard/delivery.html";
    const PLACE: Place = Place::Webhooks;

    fn samples() -> Vec<(&'static str, Self)> {
        let now = Millis(1_893_456_000_000);
        let page = |mark, attempt: i32| Self {
            environment: "production".to_owned(),
            id: "dlv_01h455vb4pex5vsknk084sn02q".to_owned(),
            kind: "credential.expired".to_owned(),
            mark,
            attempt,
            planned: Moment::new(now.plus_seconds(-130), now),
            sent: Some(Moment::new(now.plus_seconds(-120), now)),
            due: None,
            duration: Some(312),
            url: "https://app.acme.test/hooks/vouchsafe".to_owned(),
            headers: vec![("webhook-id", "evt_01h455vb4pex5vsknk084sn02q".to_owned())],
            body: "{\n  \"type\": \"credential.expired\",\n  \"credentialName\": \"<International>\"\n}"
                .to_owned(),
            status: Some(204),
            error: None,
            answer: None,
            event: "/dashboard/production/events/x".to_owned(),
            redeliver: Some("/dashboard/production/events/x/redeliver".to_owned()),
            back: "/dashboard/production/webhooks/x".to_owned(),
        };
        let failed = Self {
            status: Some(500),
            answer: Some("<h1>Internal Server Error</h1>\nat <production>".to_owned()),
            ..page(("danger", "Failed"), 3)
        };
        let unanswered = Self {
            status: None,
            duration: Some(15_000),
            error: Some("no complete answer in time".to_owned()),
            redeliver: None,
            ..page(("danger", "Failed"), 1)
        };
        let waiting = Self {
            status: None,
            sent: None,
            duration: None,
            due: Some(Moment::new(now.plus_seconds(300), now)),
            ..page(("neutral", "Waits"), 2)
        };
        vec![
            ("taken", page(("good", "Taken"), 1)),
            ("failed", failed),
            ("unanswered", unanswered),
            ("waiting", waiting),
        ]
    }
}
