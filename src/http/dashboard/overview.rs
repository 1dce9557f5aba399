//! The overview: what needs attention first, then what happened over time.

use serde::Serialize;
use vouchsafe_entity::kind::ActivityKind;
use vouchsafe_entity::millis::Millis;

use super::Answer;
use super::caller::{InEnvironment, InWorkspace, go_to};
use super::chart::Chart;
use super::connectors::{app_name, missing_word, step};
use super::moment::Moment;
use super::page::{DashboardPage, Place};
use super::url::{Url, filtered};
use crate::domain::connector::Connector;
use crate::domain::credential::Credential;
use crate::http::Problem;
use crate::service::connectors::Lack;
use crate::service::overview::{Attention, DAYS, Overview};

/// The overview of an environment.
#[derive(Serialize)]
pub(super) struct OverviewPage {
    attention: Vec<Item>,
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

/// Something that needs attention.
#[derive(Serialize)]
struct Item {
    /// `danger`, `warning` or `info`.
    level: &'static str,
    title: String,
    text: String,
    at: Option<Moment>,
    /// Where it is looked into; none where the reader may not.
    url: Option<String>,
}

impl Item {
    fn new(level: &'static str, title: impl Into<String>, text: impl Into<String>) -> Self {
        Self { level, title: title.into(), text: text.into(), at: None, url: None }
    }

    fn leading_to(mut self, url: Option<String>) -> Self {
        self.url = url;
        self
    }

    fn at(mut self, at: Option<Millis>, now: Millis) -> Self {
        self.at = at.map(|at| Moment::new(at, now));
        self
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
        ];
        vec![
            ("all-well", page(Vec::new(), false)),
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

fn name(credential: &Credential) -> String {
    format!("{} of {}", credential.name, credential.username)
}

/// A connector by which nobody can connect, with the step that mends it.
fn lacking(desk: &InEnvironment, connector: &Connector, lacks: &[Lack]) -> Option<Item> {
    let lack = lacks.first()?;
    let name = app_name(desk, connector);
    let title = if connector.key == connector.provider {
        format!("{name} is not set up")
    } else {
        format!("{name} ({}) is not set up", connector.key)
    };
    let text = format!("{}. {}", missing_word(lack), step(lack, &name));
    let page = Url::Connector(&desk.environment, &connector.key).to_string();
    Some(Item::new("warning", title, text).leading_to(Some(page)))
}

fn items(desk: &InEnvironment, attention: Attention, now: Millis) -> Vec<Item> {
    let may = desk.desk.who.may(crate::domain::role::Action::ViewCredentials);
    let url =
        |credential: &Credential| may.then(|| Url::Credential(&desk.environment, credential.id).to_string());
    let sees_webhooks = desk.desk.who.may(crate::domain::role::Action::ViewDeliveries);
    let mut items = Vec::new();
    if attention.suspended {
        let text = "Nothing can be created or changed until it is renewed. What is there goes on working.";
        items.push(Item::new("danger", "The subscription has ended", text));
    }
    if attention.not_adopted {
        let text = "Another deployment may refresh these credentials. If it is gone, run `vouchsafe adopt`.";
        items.push(Item::new("danger", "Nothing is refreshed here", text));
    }
    for alarm in attention.alarms {
        let title = format!("{} was shown many secrets", alarm.who);
        let text = "More than ten values within ten minutes. Ask whether it was really them.";
        let reveals = filtered(&Url::Audit(&desk.environment), &[("action", Some("secret.reveal"))]);
        items.push(Item::new("danger", title, text).at(Some(alarm.at), now).leading_to(Some(reveals)));
    }
    for credential in attention.expired {
        let title = format!("{} must be connected again", name(&credential));
        let text = "It can't be used or renewed any more. Send its user a link to reconnect.";
        items.push(Item::new("danger", title, text).leading_to(url(&credential)));
    }
    items
        .extend(attention.connectors.iter().filter_map(|(connector, lacks)| lacking(desk, connector, lacks)));
    for endpoint in attention.endpoints {
        let text = "It refused events or took none for days, so the hub switched it off.";
        let page = Url::Webhook(&desk.environment, endpoint.id).to_string();
        let item = Item::new("danger", format!("{} is not told any more", endpoint.url), text);
        items.push(item.leading_to(sees_webhooks.then_some(page)));
    }
    for credential in attention.failing {
        let title = format!("{} can't be renewed at present", name(&credential));
        let text = "The hub keeps trying and says so when it works again.";
        items.push(Item::new("warning", title, text).leading_to(url(&credential)));
    }
    for secret in attention.secrets {
        let over = secret.expires_at.is_some_and(|at| at <= now);
        let title = format!("The secret {} {}", secret.key, if over { "has ended" } else { "ends soon" });
        let level = if over { "danger" } else { "warning" };
        let item = Item::new(level, title, "Give it a new value.").at(secret.expires_at, now);
        items.push(item.leading_to(Some(Url::Secret(&desk.environment, &secret.key).to_string())));
    }
    for credential in attention.expiring {
        let title = format!("{} ends soon", name(&credential));
        let text = "Nothing renews it. Ask for a new one before then.";
        let item = Item::new("warning", title, text).at(credential.acts_by(), now);
        items.push(item.leading_to(url(&credential)));
    }
    items
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
    let keys = desk.desk.who.may(crate::domain::role::Action::ManageApiKeys);
    OverviewPage {
        charts,
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
