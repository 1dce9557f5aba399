//! The views of the webhooks' pages.

use serde::Serialize;
use vouchsafe_entity::kind::{DeliveryStatus, DisabledReason};
use vouchsafe_entity::millis::Millis;

use crate::domain::event::EventType;
use crate::domain::page::{Page, PageRequest};
use crate::domain::role::Action;
use crate::domain::webhook::{Delivery, WebhookEndpoint};
use crate::http::dashboard::caller::InEnvironment;
use crate::http::dashboard::filter::Filter;
use crate::http::dashboard::form::FormView;
use crate::http::dashboard::moment::Moment;
use crate::http::dashboard::page::{DashboardPage, Place};
use crate::http::dashboard::url::Url;
use crate::secret::WebhookSecret;
use crate::service::webhooks::{LoggedDelivery, Replay};

mod samples;

/// The endpoints of an environment.
#[derive(Serialize)]
pub(in crate::http::dashboard) struct WebhooksPage {
    environment: String,
    endpoints: Vec<Row>,
    first: bool,
    here: String,
    next: Option<String>,
    new: String,
    may_manage: bool,
    hub: String,
}

#[derive(Serialize)]
struct Row {
    url: String,
    description: Option<String>,
    mark: (&'static str, &'static str),
    /// How many types it wants; none = all.
    events: Option<usize>,
    failing: Option<Moment>,
    made: Moment,
    page: String,
}

/// The form for a new endpoint.
#[derive(Serialize)]
pub(in crate::http::dashboard) struct NewWebhookPage {
    environment: String,
    form: FormView,
    kinds: Vec<&'static str>,
    back: String,
}

/// An endpoint with its secret, shown this once.
#[derive(Serialize)]
pub(in crate::http::dashboard) struct ShownWebhookPage {
    environment: String,
    url: String,
    value: String,
    rotated: bool,
    back: String,
}

/// One endpoint.
#[derive(Serialize)]
#[expect(clippy::struct_excessive_bools, reason = "independent facts")]
pub(in crate::http::dashboard) struct WebhookPage {
    environment: String,
    url: String,
    description: Option<String>,
    mark: (&'static str, &'static str),
    disabled: Option<&'static str>,
    failing: Option<Moment>,
    enabled: bool,
    form: FormView,
    kinds: Vec<&'static str>,
    replay: FormView,
    /// The replay that is under way: from and to.
    under_way: Option<(Moment, Moment)>,
    deliveries: Vec<DeliveryRow>,
    filters: Vec<(&'static str, String, bool)>,
    filtered: bool,
    first: bool,
    here: String,
    next: Option<String>,
    may_manage: bool,
    save: String,
    test: String,
    rotate: String,
    tell_again: String,
    enable: String,
    disable: String,
    delete: String,
    back: String,
}

#[derive(Serialize)]
struct DeliveryRow {
    kind: &'static str,
    mark: (&'static str, &'static str),
    attempt: i32,
    answer: String,
    duration: Option<i64>,
    at: Moment,
    url: String,
}

fn mark(endpoint: &WebhookEndpoint) -> (&'static str, &'static str) {
    match (endpoint.enabled, endpoint.disabled_reason, endpoint.failing_since) {
        (false, Some(_), _) => ("danger", "Switched off by the hub"),
        (false, None, _) => ("neutral", "Switched off"),
        (true, _, Some(_)) => ("warning", "Failing"),
        (true, _, None) => ("good", "On"),
    }
}

/// How far a delivery is, as a mark.
pub(in crate::http::dashboard) fn status_mark(delivery: &Delivery) -> (&'static str, &'static str) {
    match delivery.status {
        DeliveryStatus::Pending => ("neutral", "Waits"),
        DeliveryStatus::Succeeded => ("good", "Taken"),
        DeliveryStatus::Failed => ("danger", "Failed"),
        DeliveryStatus::Cancelled => ("neutral", "Called off"),
    }
}

fn kinds() -> Vec<&'static str> {
    EventType::subscribable().map(EventType::as_str).collect()
}

impl WebhooksPage {
    pub(super) fn of(desk: &InEnvironment, found: Page<WebhookEndpoint>, asked: &PageRequest) -> Self {
        let (environment, now) = (desk.environment.as_str(), desk.hub.now());
        let pages = Filter::none(&Url::Webhooks(environment), asked.own_limit());
        let row = |endpoint: WebhookEndpoint| Row {
            mark: mark(&endpoint),
            events: endpoint.events.as_ref().map(Vec::len),
            failing: endpoint.failing_since.map(|at| Moment::new(at, now)),
            made: Moment::new(endpoint.created_at, now),
            page: Url::Webhook(environment, endpoint.id).to_string(),
            url: endpoint.url,
            description: endpoint.description,
        };
        Self {
            first: asked.after.is_none(),
            here: pages.first_page(),
            next: pages.next(found.next_cursor.as_deref()),
            endpoints: found.items.into_iter().map(row).collect(),
            new: Url::NewWebhook(environment).to_string(),
            may_manage: desk.desk.who.may(Action::ManageWebhooks),
            hub: desk.hub.public_url().as_str().trim_end_matches('/').to_owned(),
            environment: environment.to_owned(),
        }
    }
}

impl NewWebhookPage {
    pub(super) fn of(environment: &str, form: FormView) -> Self {
        Self {
            environment: environment.to_owned(),
            form,
            kinds: kinds(),
            back: Url::Webhooks(environment).to_string(),
        }
    }
}

impl ShownWebhookPage {
    pub(super) fn of(
        environment: &str,
        endpoint: &WebhookEndpoint,
        secret: &WebhookSecret,
        rotated: bool,
    ) -> Self {
        Self {
            environment: environment.to_owned(),
            url: endpoint.url.clone(),
            value: secret.expose().to_owned(),
            rotated,
            back: Url::Webhook(environment, endpoint.id).to_string(),
        }
    }
}

fn delivery_row(environment: &str, logged: LoggedDelivery, now: Millis) -> DeliveryRow {
    let LoggedDelivery { delivery, kind } = logged;
    let answer = match (delivery.answer_status, &delivery.error, delivery.due_at) {
        (Some(status), _, _) => status.to_string(),
        (None, Some(error), _) => error.clone(),
        (None, None, Some(due)) if due.since(now) < 60_000 => "due now".to_owned(),
        (None, None, Some(due)) => format!("due {}", Moment::new(due, now).into_said()),
        (None, None, None) => String::new(),
    };
    DeliveryRow {
        kind: kind.as_str(),
        mark: status_mark(&delivery),
        attempt: delivery.attempt,
        answer,
        duration: delivery.duration_ms,
        at: Moment::new(delivery.started_at.unwrap_or(delivery.created_at), now),
        url: Url::Delivery(environment, delivery.endpoint, delivery.id).to_string(),
    }
}

/// The filters of the log: label, address, whether it is on.
fn filters(filter: &Filter, chosen: Option<DeliveryStatus>) -> Vec<(&'static str, String, bool)> {
    let all = [
        ("All", None),
        ("Failed", Some(DeliveryStatus::Failed)),
        ("Waiting", Some(DeliveryStatus::Pending)),
        ("Taken", Some(DeliveryStatus::Succeeded)),
    ];
    let one = |(label, status): (&'static str, Option<DeliveryStatus>)| {
        let word = status.map_or("", DeliveryStatus::as_str);
        (label, filter.with("status", word), status == chosen)
    };
    all.map(one).to_vec()
}

impl WebhookPage {
    pub(super) fn of(
        desk: &InEnvironment,
        endpoint: WebhookEndpoint,
        form: FormView,
        replay: FormView,
        (deliveries, status, asked): (Page<LoggedDelivery>, Option<DeliveryStatus>, &PageRequest),
        under_way: Option<Replay>,
    ) -> Self {
        let (environment, now, id) = (desk.environment.as_str(), desk.hub.now(), endpoint.id);
        let page = Url::Webhook(environment, id);
        let fields: Vec<_> = status.map(|status| ("status", status.as_str())).into_iter().collect();
        let filter = Filter::of(&page.to_string(), asked.own_limit(), &fields, "status");
        Self {
            mark: mark(&endpoint),
            disabled: endpoint.disabled_reason.map(|reason| match reason {
                DisabledReason::Gone => "It answered that it is gone for good (410).",
                DisabledReason::Failing => "It took nothing for five days.",
            }),
            failing: endpoint.failing_since.map(|at| Moment::new(at, now)),
            enabled: endpoint.enabled,
            form,
            kinds: kinds(),
            replay,
            under_way: under_way
                .map(|replay| (Moment::new(replay.since, now), Moment::new(replay.until, now))),
            filters: filters(&filter, status),
            filtered: status.is_some(),
            first: asked.after.is_none(),
            here: filter.first_page(),
            next: filter.next(deliveries.next_cursor.as_deref()),
            deliveries: deliveries.items.into_iter().map(|one| delivery_row(environment, one, now)).collect(),
            may_manage: desk.desk.who.may(Action::ManageWebhooks),
            save: page.to_string(),
            test: Url::TestWebhook(environment, id).to_string(),
            rotate: Url::RotateWebhook(environment, id).to_string(),
            tell_again: Url::ReplayWebhook(environment, id).to_string(),
            enable: Url::EnableWebhook(environment, id).to_string(),
            disable: Url::DisableWebhook(environment, id).to_string(),
            delete: Url::DeleteWebhook(environment, id).to_string(),
            back: Url::Webhooks(environment).to_string(),
            url: endpoint.url,
            description: endpoint.description,
            environment: environment.to_owned(),
        }
    }
}

impl DashboardPage for NewWebhookPage {
    const TEMPLATE: &'static str = "dashboard/webhook_new.html";
    const PLACE: Place = Place::Webhooks;

    fn samples() -> Vec<(&'static str, Self)> {
        let refused = FormView::new()
            .with("url", "http://localhost")
            .with_error("url", "Write an https address.")
            .with_error("events", "There is no such type of event.");
        vec![("empty", Self::of("production", FormView::new())), ("refused", Self::of("production", refused))]
    }
}

impl DashboardPage for ShownWebhookPage {
    const TEMPLATE: &'static str = "dashboard/webhook_shown.html";
    const PLACE: Place = Place::Webhooks;

    fn samples() -> Vec<(&'static str, Self)> {
        let page = |rotated| Self {
            environment: "production".to_owned(),
            url: "https://app.acme.test/hooks/vouchsafe".to_owned(),
            value: "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSwAAAAAAAAAAA=".to_owned(),
            rotated,
            back: "/dashboard/production/webhooks/x".to_owned(),
        };
        vec![("made", page(false)), ("rotated", page(true))]
    }
}
