//! Events: what happened, told to whom, and told again.

use axum::Router;
use axum::routing::{get, post};
use serde::{Deserialize, Serialize};
use vouchsafe_entity::id::{CredentialId, EventId};
use vouchsafe_entity::millis::Millis;

use super::Answer;
use super::caller::InEnvironment;
use super::filter::Filter;
use super::moment::Moment;
use super::page::Flash;
use super::url::Url;
use super::webhooks::status_mark;
use crate::domain::event::{EventBody, EventType};
use crate::domain::page::{Page, PageRequest};
use crate::domain::role::Action;
use crate::domain::webhook::Delivery;
use crate::http::extract::{InPath, Listing, NoFilter};
use crate::http::view::EventOut;
use crate::http::{HttpState, Problem};
use crate::service::events::EventFilter;

mod samples;

pub(super) fn routes() -> Router<HttpState> {
    Router::new()
        .route("/dashboard/{environment}/events", get(list_events))
        .route("/dashboard/{environment}/events/{event}", get(show_event))
        .route("/dashboard/{environment}/events/{event}/redeliver", post(redeliver_event))
}

/// Which events are wanted.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Wanted {
    #[serde(rename = "type")]
    kind: Option<String>,
    credential_id: Option<String>,
}

/// An event in the path.
#[derive(Deserialize)]
struct EventPath {
    event: EventId,
}

/// The events of an environment.
#[derive(Serialize)]
pub(super) struct EventsPage {
    environment: String,
    events: Vec<Row>,
    /// The types to choose from: word and label.
    kinds: Vec<[&'static str; 2]>,
    filter: Filter,
    first: bool,
    next: Option<String>,
    hub: String,
}

#[derive(Serialize)]
struct Row {
    kind: String,
    mark: (&'static str, &'static str),
    about: String,
    whose: Option<String>,
    reason: Option<String>,
    at: Option<Moment>,
    url: String,
}

/// One event with its deliveries.
#[derive(Serialize)]
pub(super) struct EventPage {
    environment: String,
    id: String,
    kind: String,
    about: String,
    at: Option<Moment>,
    body: String,
    /// Whether its deliveries are for this role.
    sees_deliveries: bool,
    deliveries: Vec<DeliveryRow>,
    first: bool,
    here: String,
    next: Option<String>,
    redeliver: Option<String>,
    back: String,
}

#[derive(Serialize)]
struct DeliveryRow {
    mark: (&'static str, &'static str),
    attempt: i32,
    answer: String,
    at: Moment,
    url: String,
    endpoint: String,
}

/// How bad it is, and the word for that.
fn mark(kind: &str) -> (&'static str, &'static str) {
    match kind.rsplit('.').next() {
        Some("expired" | "revoked" | "deleted") => ("danger", "Ended"),
        Some("failing" | "expiring" | "deactivated") => ("warning", "Warning"),
        Some("created" | "reconnected" | "recovered") => ("good", "In order"),
        _ => ("neutral", "Note"),
    }
}

/// What it is about. Of one that does not open little is known.
fn about(body: &EventBody) -> String {
    let named = body.credential_name.clone().or_else(|| body.secret_key.clone());
    let named = named.or_else(|| body.connector.clone()).or_else(|| body.credential_id.clone());
    let is_test = body.kind == EventType::WebhookTest.as_str();
    named.unwrap_or_else(|| if is_test { "Test" } else { "–" }.to_owned())
}

/// The body as it is sent, but for what opens the link in it: nobody here is to connect in somebody else's name.
pub(super) fn shown_body(body: &EventBody) -> String {
    let mut body = body.clone();
    if let Some((page, _)) = body.reconnect_url.as_ref().and_then(|link| link.split_once('#')) {
        body.reconnect_url = Some(format!("{page}#…"));
    }
    serde_json::to_string_pretty(&EventOut::from(body)).unwrap_or_default()
}

fn at(body: &EventBody, now: Millis) -> Option<Moment> {
    let at = chrono::DateTime::parse_from_rfc3339(&body.timestamp).ok()?;
    Some(Moment::new(Millis(at.timestamp_millis()), now))
}

fn checked(wanted: &Wanted) -> Result<EventFilter, Problem> {
    let filled = |text: &Option<String>| text.clone().filter(|text| !text.is_empty());
    let kind = filled(&wanted.kind).map(|word| {
        word.parse::<EventType>()
            .map_err(|_| Problem::invalid_at("/type", "unknown", "There is no such type of event."))
    });
    let credential = filled(&wanted.credential_id).map(|id| {
        let message = "This is no id of a credential (cred_…).";
        id.trim()
            .parse::<CredentialId>()
            .map_err(|_| Problem::invalid_at("/credentialId", "invalid_format", message))
    });
    Ok(EventFilter { kind: kind.transpose()?, credential: credential.transpose()? })
}

fn row(environment: &str, body: &EventBody, now: Millis) -> Row {
    let url = body
        .id
        .parse()
        .map_or_else(|_| Url::Events(environment).to_string(), |id| Url::Event(environment, id).to_string());
    Row {
        mark: mark(&body.kind),
        about: about(body),
        whose: body.user_email.clone().or_else(|| body.user_id.clone()),
        reason: body.reason.clone(),
        at: at(body, now),
        kind: body.kind.clone(),
        url,
    }
}

/// `GET /dashboard/{environment}/events`.
async fn list_events(desk: InEnvironment, Listing { page, filter: wanted }: Listing<Wanted>) -> Answer {
    let found = desk.hub.list_events(&desk.actor, checked(&wanted)?, &page).await?;
    let (environment, now) = (desk.environment.as_str(), desk.hub.now());
    let kind = wanted.kind.as_deref().unwrap_or_default();
    let credential = wanted.credential_id.as_deref().unwrap_or_default().trim();
    let filter = filter_of(environment, page.own_limit(), kind, credential);
    Ok(desk.show(&EventsPage {
        events: found.items.iter().map(|body| row(environment, body, now)).collect(),
        kinds: kinds(),
        next: filter.next(found.next_cursor.as_deref()),
        filter,
        first: page.after.is_none(),
        hub: desk.hub.public_url().as_str().trim_end_matches('/').to_owned(),
        environment: environment.to_owned(),
    }))
}

fn filter_of(environment: &str, limit: Option<u64>, kind: &str, credential: &str) -> Filter {
    let fields = [("type", kind), ("credentialId", credential)];
    let fields: Vec<_> = fields.into_iter().filter(|(_, value)| !value.is_empty()).collect();
    let said = |name: &str, value: &str| match name {
        "type" => value.to_owned(),
        _ => format!("of {value}"),
    };
    Filter::saying(&Url::Events(environment).to_string(), limit, &fields, "", said)
}

fn kinds() -> Vec<[&'static str; 2]> {
    EventType::ALL.iter().map(|kind| [kind.as_str(); 2]).collect()
}

fn delivery_row(environment: &str, delivery: &Delivery, now: Millis) -> DeliveryRow {
    let answer = delivery.answer_status.map(|status| status.to_string()).or_else(|| delivery.error.clone());
    DeliveryRow {
        mark: status_mark(delivery),
        attempt: delivery.attempt,
        answer: answer.unwrap_or_default(),
        at: Moment::new(delivery.started_at.unwrap_or(delivery.created_at), now),
        url: Url::Delivery(environment, delivery.endpoint, delivery.id).to_string(),
        endpoint: delivery.endpoint.to_string(),
    }
}

/// `GET /dashboard/{environment}/events/{event}`.
async fn show_event(
    desk: InEnvironment,
    InPath(path): InPath<EventPath>,
    Listing { page, .. }: Listing<NoFilter>,
) -> Answer {
    let body = desk.hub.get_event(&desk.actor, path.event).await?;
    let deliveries = deliveries(&desk, path.event, &page).await?;
    let (environment, who) = (desk.environment.as_str(), &desk.desk.who);
    let pages = Filter::none(&Url::Event(environment, path.event), page.own_limit());
    let next = deliveries.as_ref().and_then(|found| found.next_cursor.as_deref());
    let now = desk.hub.now();
    let may_redeliver = who.may(Action::RedeliverEvents);
    Ok(desk.show(&EventPage {
        id: body.id.clone(),
        about: about(&body),
        at: at(&body, now),
        body: shown_body(&body),
        kind: body.kind,
        first: page.after.is_none(),
        here: pages.first_page(),
        next: pages.next(next),
        sees_deliveries: deliveries.is_some(),
        deliveries: deliveries
            .into_iter()
            .flat_map(|found| found.items)
            .map(|delivery| delivery_row(environment, &delivery, now))
            .collect(),
        redeliver: may_redeliver.then(|| Url::RedeliverEvent(environment, path.event).to_string()),
        back: Url::Events(environment).to_string(),
        environment: environment.to_owned(),
    }))
}

async fn deliveries(
    desk: &InEnvironment,
    event: EventId,
    page: &PageRequest,
) -> Result<Option<Page<Delivery>>, Problem> {
    if !desk.desk.who.may(Action::ViewDeliveries) {
        return Ok(None);
    }
    Ok(Some(desk.hub.list_deliveries(&desk.actor, event, page).await?))
}

/// `POST /dashboard/{environment}/events/{event}/redeliver`.
async fn redeliver_event(desk: InEnvironment, InPath(path): InPath<EventPath>) -> Answer {
    let sent = desk.hub.redeliver_event(&desk.actor, path.event).await?;
    let said = if sent.deliveries > 0 { Flash::EventRedelivered } else { Flash::EventUnwanted };
    Ok(desk.done(said, &Url::Event(&desk.environment, path.event)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_link_in_a_body_does_not_open() {
        let id: EventId = "evt_01h455vb4pex5vsknk084sn02q".parse().unwrap();
        let mut body = EventBody::new(id, EventType::CredentialExpired, Millis(0), "production");
        body.reconnect_url = Some("https://hub.test/connect?session=cs_1&hosted=1#secret".to_owned());
        let shown = shown_body(&body);
        assert!(!shown.contains("secret\"") && shown.contains("hosted=1#…"), "{shown}");
        body.reconnect_url = Some("https://app.acme.test/reconnect".to_owned());
        assert!(shown_body(&body).contains("https://app.acme.test/reconnect\""));
    }
}
