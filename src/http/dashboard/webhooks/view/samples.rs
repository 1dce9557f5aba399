//! Samples of the pages with endpoints and deliveries.

use vouchsafe_entity::millis::Millis;

use super::{DeliveryRow, Row, WebhookPage, WebhooksPage, filters, kinds};
use crate::http::dashboard::filter::Filter;
use crate::http::dashboard::form::FormView;
use crate::http::dashboard::moment::Moment;
use crate::http::dashboard::page::{DashboardPage, Place};
use crate::http::dashboard::url::Url;

const NOW: Millis = Millis(1_893_456_000_000);
const LONG: &str =
    "https://integrations.consolidated-freight-and-customs-brokerage.example/hooks/vouchsafe/production";

impl DashboardPage for WebhooksPage {
    const TEMPLATE: &'static str = "dashboard/webhooks.html";
    const PLACE: Place = Place::Webhooks;

    fn samples() -> Vec<(&'static str, Self)> {
        let row = |url: &str, mark: (&'static str, &'static str), events| Row {
            url: url.to_owned(),
            description: (url == LONG).then(|| "The back end of <International>".to_owned()),
            failing: (mark.1 == "Failing").then(|| Moment::new(NOW.plus_seconds(-7_200), NOW)),
            mark,
            events,
            made: Moment::new(NOW.plus_seconds(-90_000), NOW),
            page: "/dashboard/production/webhooks/x".to_owned(),
        };
        let page = |endpoints, may_manage: bool| Self {
            environment: "production".to_owned(),
            endpoints,
            first: true,
            here: Url::Webhooks("production").to_string(),
            next: may_manage.then(|| "/dashboard/production/webhooks?cursor=x".to_owned()),
            new: Url::NewWebhook("production").to_string(),
            may_manage,
            hub: "https://hub.acme.test".to_owned(),
        };
        let rows = || {
            vec![
                row("https://app.acme.test/hooks/vouchsafe", ("good", "On"), None),
                row(LONG, ("warning", "Failing"), Some(2)),
                row("https://old.acme.test/", ("danger", "Switched off by the hub"), Some(1)),
            ]
        };
        vec![
            ("owner", page(rows(), true)),
            ("editor", page(rows(), false)),
            ("empty", page(Vec::new(), true)),
            ("empty-editor", page(Vec::new(), false)),
        ]
    }
}

impl DashboardPage for WebhookPage {
    const TEMPLATE: &'static str = "dashboard/webhook.html";
    const PLACE: Place = Place::Webhooks;

    fn samples() -> Vec<(&'static str, Self)> {
        let page =
            |mark: (&'static str, &'static str), deliveries: Vec<DeliveryRow>, may_manage: bool| Self {
                environment: "production".to_owned(),
                url: LONG.to_owned(),
                description: Some("The back end of <International>".to_owned()),
                disabled: (mark.0 == "danger").then_some("It took nothing for five days."),
                failing: (mark.0 == "warning").then(|| Moment::new(NOW.plus_seconds(-7_200), NOW)),
                enabled: mark.0 != "danger",
                mark,
                form: FormView::new().with("url", LONG).with_chosen("events", &["credential.expired"]),
                kinds: kinds(),
                replay: FormView::new(),
                under_way: (mark.0 == "warning")
                    .then(|| (Moment::new(NOW.plus_seconds(-90_000), NOW), Moment::new(NOW, NOW))),
                filters: filters(&Filter::none(&Url::Webhooks("production"), None), None),
                filtered: false,
                first: true,
                here: "/dashboard/production/webhooks/x".to_owned(),
                next: (!deliveries.is_empty())
                    .then(|| "/dashboard/production/webhooks/x?cursor=x".to_owned()),
                deliveries,
                may_manage,
                save: "/dashboard/production/webhooks/x".to_owned(),
                test: "/dashboard/production/webhooks/x/test".to_owned(),
                rotate: "/dashboard/production/webhooks/x/rotate".to_owned(),
                tell_again: "/dashboard/production/webhooks/x/replay".to_owned(),
                enable: "/dashboard/production/webhooks/x/enable".to_owned(),
                disable: "/dashboard/production/webhooks/x/disable".to_owned(),
                delete: "/dashboard/production/webhooks/x/delete".to_owned(),
                back: Url::Webhooks("production").to_string(),
            };
        let row = |kind: &'static str, mark, answer: &str, duration| DeliveryRow {
            kind,
            mark,
            attempt: 3,
            answer: answer.to_owned(),
            duration,
            at: Moment::new(NOW.plus_seconds(-120), NOW),
            url: "/dashboard/production/webhooks/x/deliveries/y".to_owned(),
        };
        let rows = || {
            vec![
                row("credential.expired", ("good", "Taken"), "204", Some(84)),
                row("credential.created", ("danger", "Failed"), "the connection was refused", Some(3)),
                row("secret.expiring", ("neutral", "Waits"), "due in 5 minutes", None),
            ]
        };
        let mut refused = page(("good", "On"), Vec::new(), true);
        refused.form = FormView::new().with("url", "x").with_error("url", "Write an https address.");
        refused.replay = FormView::new().with_error("since", "The beginning must lie before the end.");
        let mut overtaken = page(("good", "On"), Vec::new(), true);
        overtaken.form = overtaken.form.overtaken();
        let mut none_failed = page(("good", "On"), Vec::new(), true);
        none_failed.filtered = true;
        vec![
            ("owner", page(("good", "On"), rows(), true)),
            ("failing", page(("warning", "Failing"), rows(), true)),
            ("off", page(("danger", "Switched off by the hub"), Vec::new(), true)),
            ("refused", refused),
            ("overtaken", overtaken),
            ("filtered", none_failed),
            ("editor", page(("good", "On"), rows(), false)),
        ]
    }
}
