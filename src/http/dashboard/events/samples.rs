//! Samples of the pages with events.

use vouchsafe_entity::millis::Millis;

use super::{DeliveryRow, EventPage, EventsPage, Row, filter_of, kinds, mark};
use crate::http::dashboard::moment::Moment;
use crate::http::dashboard::page::{DashboardPage, Place};
use crate::http::dashboard::url::Url;

const NOW: Millis = Millis(1_893_456_000_000);
const LONG: &str = "Consolidated Freight & Customs Brokerage <International>";

impl DashboardPage for EventsPage {
    const TEMPLATE: &'static str = "dashboard/events.html";
    const PLACE: Place = Place::Events;

    fn samples() -> Vec<(&'static str, Self)> {
        let row = |kind: &str, about: &str, reason: Option<&str>| Row {
            kind: kind.to_owned(),
            mark: mark(kind),
            about: about.to_owned(),
            whose: Some("jo@acme.test".to_owned()),
            reason: reason.map(str::to_owned),
            at: Some(Moment::new(NOW.plus_seconds(-600), NOW)),
            url: "/dashboard/production/events/x".to_owned(),
        };
        let page = |events: Vec<Row>, kind: &str, credential: &str| {
            let filter = filter_of("production", None, kind, credential);
            Self {
                environment: "production".to_owned(),
                kinds: kinds(),
                first: true,
                next: filter.next(Some("x").filter(|_| !events.is_empty())),
                filter,
                events,
                hub: "https://hub.acme.test".to_owned(),
            }
        };
        let rows = vec![
            row("credential.expired", "HubSpot", Some("refused_by_app")),
            row("credential.created", LONG, None),
            row("secret.expiring", "STRIPE_KEY", None),
        ];
        vec![
            ("some", page(rows, "credential.expired", "")),
            ("none-fits", page(Vec::new(), "credential.expired", "cred_01h455vb4pex5vsknk084sn02q")),
            ("empty", page(Vec::new(), "", "")),
        ]
    }
}

impl DashboardPage for EventPage {
    const TEMPLATE: &'static str = "dashboard/event.html";
    const PLACE: Place = Place::Events;

    fn samples() -> Vec<(&'static str, Self)> {
        let page = |deliveries: Option<Vec<DeliveryRow>>| Self {
            environment: "production".to_owned(),
            id: "evt_01h455vb4pex5vsknk084sn02q".to_owned(),
            kind: "credential.expired".to_owned(),
            about: LONG.to_owned(),
            at: Some(Moment::new(NOW.plus_seconds(-600), NOW)),
            body: "{\n  \"type\": \"credential.expired\",\n  \"credentialName\": \"<International>\"\n}"
                .to_owned(),
            first: true,
            here: "/dashboard/production/events/x".to_owned(),
            next: None,
            redeliver: deliveries.is_some().then(|| "/dashboard/production/events/x/redeliver".to_owned()),
            sees_deliveries: deliveries.is_some(),
            deliveries: deliveries.unwrap_or_default(),
            back: Url::Events("production").to_string(),
        };
        let row = |mark, answer: &str| DeliveryRow {
            mark,
            attempt: 1,
            answer: answer.to_owned(),
            at: Moment::new(NOW.plus_seconds(-590), NOW),
            url: "/dashboard/production/webhooks/x/deliveries/y".to_owned(),
            endpoint: "webhook_01h455vb4pex5vsknk084sn02q".to_owned(),
        };
        let rows = vec![row(("danger", "Failed"), "500"), row(("good", "Taken"), "204")];
        vec![("editor", page(Some(rows))), ("untold", page(Some(Vec::new()))), ("viewer", page(None))]
    }
}
