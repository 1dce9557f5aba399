//! The views of the integrations' pages.

use serde::Serialize;
use vouchsafe_entity::millis::Millis;

use super::form::{SPARE_ROWS, lost};
use super::offer::{Choice, Offer};
use crate::domain::integration::Integration;
use crate::domain::page::{Page, PageRequest};
use crate::domain::role::Action;
use crate::http::dashboard::caller::InEnvironment;
use crate::http::dashboard::filter::Filter;
use crate::http::dashboard::form::FormView;
use crate::http::dashboard::moment::Moment;
use crate::http::dashboard::page::{DashboardPage, Place};
use crate::http::dashboard::url::Url;

/// The integrations of an environment.
#[derive(Serialize)]
pub(in crate::http::dashboard) struct IntegrationsPage {
    environment: String,
    integrations: Vec<Row>,
    first: bool,
    here: String,
    next: Option<String>,
    new: String,
    may_edit: bool,
    hub: String,
}

#[derive(Serialize)]
struct Row {
    name: String,
    slug: String,
    description: Option<String>,
    connectors: Vec<Needed>,
    changed: Moment,
    url: String,
}

#[derive(Serialize)]
struct Needed {
    key: String,
    optional: bool,
}

/// One integration, or a new one.
#[derive(Serialize)]
pub(in crate::http::dashboard) struct IntegrationPage {
    environment: String,
    /// None = a new one.
    slug: Option<String>,
    form: FormView,
    rows: Vec<FormRow>,
    choices: Vec<Choice>,
    may_edit: bool,
    action: String,
    delete: Option<String>,
    catalogue: String,
    back: String,
}

/// The names of the fields of a row, and the connector that is in it.
#[derive(Serialize)]
struct FormRow {
    number: usize,
    connector: String,
    scopes: String,
    optional: String,
    chosen: Option<Choice>,
}

fn form_row(at: usize, form: &FormView, find: impl Fn(&str) -> Option<Choice>) -> FormRow {
    let connector = format!("connector-{at}");
    FormRow {
        number: at + 1,
        chosen: find(form.text(&connector).trim()),
        connector,
        scopes: format!("scopes-{at}"),
        optional: format!("optional-{at}"),
    }
}

fn row(environment: &str, integration: Integration, now: Millis) -> Row {
    let needed = integration.connectors.into_iter();
    Row {
        url: Url::Integration(environment, &integration.slug).to_string(),
        connectors: needed.map(|need| Needed { key: need.connector, optional: need.optional }).collect(),
        changed: Moment::new(integration.updated_at, now),
        name: integration.name,
        slug: integration.slug,
        description: integration.description,
    }
}

impl IntegrationsPage {
    pub(super) fn of(desk: &InEnvironment, found: Page<Integration>, asked: &PageRequest) -> Self {
        let (environment, now) = (desk.environment.as_str(), desk.hub.now());
        let pages = Filter::none(&Url::Integrations(environment), asked.own_limit());
        Self {
            first: asked.after.is_none(),
            here: pages.first_page(),
            next: pages.next(found.next_cursor.as_deref()),
            integrations: found.items.into_iter().map(|one| row(environment, one, now)).collect(),
            new: Url::NewIntegration(environment).to_string(),
            may_edit: desk.desk.who.may(Action::EditIntegrations),
            hub: desk.hub.public_url().as_str().trim_end_matches('/').to_owned(),
            environment: environment.to_owned(),
        }
    }
}

impl IntegrationPage {
    pub(super) fn of(
        desk: &InEnvironment,
        slug: Option<&str>,
        form: FormView,
        rows: usize,
        offer: &Offer,
    ) -> Self {
        let environment = desk.environment.as_str();
        let may_edit = desk.desk.who.may(Action::EditIntegrations);
        let rows = if may_edit { rows } else { rows.saturating_sub(SPARE_ROWS) };
        let action =
            slug.map_or(Url::NewIntegration(environment), |slug| Url::Integration(environment, slug));
        Self {
            action: action.to_string(),
            delete: slug
                .filter(|_| may_edit)
                .map(|slug| Url::DeleteIntegration(environment, slug).to_string()),
            slug: slug.map(str::to_owned),
            rows: (0..rows).map(|at| form_row(at, &form, |typed| offer.find(&offer.meant(typed)))).collect(),
            form,
            choices: offer.choices().to_vec(),
            may_edit,
            catalogue: Url::Catalogue(environment).to_string(),
            back: Url::Integrations(environment).to_string(),
            environment: environment.to_owned(),
        }
    }
}

impl DashboardPage for IntegrationsPage {
    const TEMPLATE: &'static str = "dashboard/integrations.html";
    const PLACE: Place = Place::Integrations;

    fn samples() -> Vec<(&'static str, Self)> {
        let now = Millis(1_893_456_000_000);
        let needed = |key: &str, optional| Needed { key: key.to_owned(), optional };
        let row = |name: &str, slug: &str, connectors| Row {
            name: name.to_owned(),
            slug: slug.to_owned(),
            description: (slug == "ask").then(|| "Answers questions about your customers.".to_owned()),
            connectors,
            changed: Moment::new(now.plus_seconds(-90_000), now),
            url: Url::Integration("production", slug).to_string(),
        };
        let page = |integrations, may_edit: bool| Self {
            environment: "production".to_owned(),
            integrations,
            first: true,
            here: Url::Integrations("production").to_string(),
            next: may_edit.then(|| "/dashboard/production/integrations?cursor=x".to_owned()),
            new: Url::NewIntegration("production").to_string(),
            may_edit,
            hub: "https://hub.acme.test".to_owned(),
        };
        let long = "Consolidated Freight & Customs Brokerage <International>";
        let rows = || {
            vec![
                row("Ask your CRM", "ask", vec![needed("northwind", false), needed("quillpost", true)]),
                row(long, "consolidated-freight-and-customs", vec![needed("fernhill", false)]),
            ]
        };
        vec![
            ("owner", page(rows(), true)),
            ("viewer", page(rows(), false)),
            ("empty", page(Vec::new(), true)),
            ("empty-viewer", page(Vec::new(), false)),
        ]
    }
}

impl DashboardPage for IntegrationPage {
    const TEMPLATE: &'static str = "dashboard/integration.html";
    const PLACE: Place = Place::Integrations;

    fn samples() -> Vec<(&'static str, Self)> {
        let filled = || {
            FormView::new()
                .with("name", "Ask your CRM <International>")
                .with("connector-0", "northwind")
                .with("scopes-0", "crm.objects.contacts.read")
                .with_chosen("optional-0", &["on"])
        };
        let choices = vec![
            Choice::sample("northwind", "Northwind <International>", true),
            Choice::sample("fernhill", "Fernhill", false),
        ];
        let find = |key: &str| choices.iter().find(|choice| choice.is(key)).cloned();
        let page = |slug: Option<&str>, form: FormView, may_edit: bool| Self {
            environment: "production".to_owned(),
            slug: slug.map(str::to_owned),
            rows: (0..2).map(|at| form_row(at, &form, find)).collect(),
            form,
            choices: choices.clone(),
            may_edit,
            action: "/dashboard/production/integrations/ask".to_owned(),
            delete: slug
                .filter(|_| may_edit)
                .map(|slug| Url::DeleteIntegration("production", slug).to_string()),
            catalogue: Url::Catalogue("production").to_string(),
            back: Url::Integrations("production").to_string(),
        };
        let refused = filled()
            .with_error("connector-0", "There is no such connector in this environment.")
            .with_error("connectors", "Name 1 to 50 connectors.")
            .with_error("slug", "A slug has a-z, 0-9 and single dashes.");
        vec![
            ("new", page(None, FormView::new(), true)),
            ("refused", page(None, refused, true)),
            ("overtaken", page(Some("ask"), filled().overtaken(), true)),
            ("asked", page(Some("ask"), filled().asking(lost(&["fernhill".to_owned()])), true)),
            ("editor", page(Some("ask"), filled(), true)),
            ("viewer", page(Some("ask"), filled(), false)),
        ]
    }
}
