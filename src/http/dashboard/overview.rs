//! The overview: what needs attention first, then what happened over time.

mod attention;

use serde::Serialize;
use vouchsafe_entity::kind::ActivityKind;
use vouchsafe_entity::millis::Millis;

use super::Answer;
use super::caller::{InEnvironment, InWorkspace, go_to};
use super::chart::Chart;
use super::page::{DashboardPage, Place};
use super::url::Url;
use crate::domain::role::Action;
use crate::http::Problem;
use crate::service::overview::{DAYS, Overview};
use attention::{Item, items};

/// The overview of an environment.
#[derive(Serialize)]
pub(super) struct OverviewPage {
    attention: Vec<Item>,
    /// Whether the reader sees all that could need attention.
    sees_all: bool,
    charts: Vec<Chart>,
    /// Whether nothing has ever happened here.
    is_new: bool,
    /// Another environment, in which something has.
    elsewhere: Option<Elsewhere>,
    environment: String,
    hub: String,
    api_keys: Option<String>,
}

/// Another environment.
#[derive(Serialize)]
struct Elsewhere {
    name: String,
    url: String,
}

impl Elsewhere {
    fn new(name: String) -> Self {
        Self { url: Url::Overview(&name).to_string(), name }
    }
}

impl DashboardPage for OverviewPage {
    const TEMPLATE: &'static str = "dashboard/overview.html";
    const PLACE: Place = Place::Overview;

    fn samples() -> Vec<(&'static str, Self)> {
        let now = Millis(1_893_456_000_000);
        let wave =
            |height: i64| -> Vec<i64> { (0..DAYS).map(|day| (day * 7 + day * day) % height).collect() };
        let page = |attention, is_new| {
            let (few, some, many) =
                if is_new { (wave(1), wave(1), wave(1)) } else { (wave(5), wave(23), wave(970)) };
            Self {
                attention,
                sees_all: true,
                charts: charts(Millis(1_890_950_400_000), &few, (&some, &few), (&many, &few)),
                is_new,
                elsewhere: is_new.then(|| Elsewhere::new("sandbox".to_owned())),
                environment: "production".to_owned(),
                hub: "https://hub.acme.test".to_owned(),
                api_keys: Some(Url::ApiKeys("production").to_string()),
            }
        };
        let expired = "The app ended it. Whoever uses it must connect again.";
        let attention = vec![
            Item::new("danger", "HubSpot of jo@acme.test must be connected again", expired)
                .at(Some(now.plus_seconds(-7_200)), now)
                .leading_to(Some("/dashboard/production/credentials/x".to_owned())),
            Item::new("warning", "The secret STRIPE_KEY ends soon", "Give it a new value before then.")
                .at(Some(now.plus_seconds(5 * 86_400)), now),
            Item::more("warning", "secrets end soon", Some(Url::Secrets("production").to_string())),
            Item::new(
                "info",
                "Values are being sealed under a new data key",
                "3,500 of about 12,000 are done. The worker goes on with it, and nothing waits for it.",
            )
            .at(Some(now.plus_seconds(-300)), now)
            .done(3_500, 12_000),
        ];
        vec![
            ("all-well", page(Vec::new(), false)),
            ("viewer", Self { sees_all: false, ..page(Vec::new(), false) }),
            ("attention", page(attention, false)),
            ("new", page(Vec::new(), true)),
        ]
    }
}

fn charts(
    from: Millis,
    connections: &[i64],
    refreshes: (&[i64], &[i64]),
    calls: (&[i64], &[i64]),
) -> Vec<Chart> {
    vec![
        Chart::new("Connections", from, &[("connected", "a", connections)]),
        Chart::new("Refreshes", from, &[("refreshed", "a", refreshes.0), ("failed", "b", refreshes.1)]),
        Chart::new("Calls", from, &[("answered", "a", calls.0), ("failed", "b", calls.1)]),
    ]
}

fn page(desk: &InEnvironment, overview: Overview) -> OverviewPage {
    let of = |kind: ActivityKind| -> &[i64] {
        overview
            .series
            .iter()
            .find(|series| series.kind == kind)
            .map_or(&[], |series| series.counts.as_slice())
    };
    let charts = charts(
        overview.from,
        of(ActivityKind::Connection),
        (of(ActivityKind::Refresh), of(ActivityKind::RefreshFailure)),
        (of(ActivityKind::Call), of(ActivityKind::CallFailure)),
    );
    let keys = desk.desk.who.may(Action::ManageApiKeys);
    OverviewPage {
        charts,
        sees_all: desk.desk.who.may(Action::ViewSecrets),
        is_new: overview.is_new,
        elsewhere: overview.elsewhere.map(Elsewhere::new),
        attention: items(desk, overview.attention, desk.hub.now()),
        hub: desk.hub.public_url().as_str().trim_end_matches('/').to_owned(),
        api_keys: keys.then(|| Url::ApiKeys(&desk.environment).to_string()),
        environment: desk.environment.clone(),
    }
}

/// `GET /dashboard`.
pub(super) async fn open_dashboard(desk: InWorkspace) -> Answer {
    let environment = desk.first_environment().ok_or_else(Problem::not_found)?;
    Ok(go_to(&Url::Overview(environment).to_string()))
}

/// `GET /dashboard/{environment}`.
pub(super) async fn open_environment(desk: InEnvironment) -> Answer {
    Ok(go_to(&Url::Overview(&desk.environment).to_string()))
}

/// `GET /dashboard/{environment}/overview`.
pub(super) async fn show_overview(desk: InEnvironment) -> Answer {
    let overview = desk.hub.overview(&desk.actor).await?;
    Ok(desk.show(&page(&desk, overview)))
}
