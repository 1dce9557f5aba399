//! The catalogue: apps by name and category, and one app with how it is added.

use serde::{Deserialize, Serialize};

use super::view::{method_words, sample_app};
use crate::domain::role::Action;
use crate::http::connect::page::Connector as App;
use crate::http::dashboard::Answer;
use crate::http::dashboard::caller::InEnvironment;
use crate::http::dashboard::filter::{Chip, Filter};
use crate::http::dashboard::form::{Form, FormView};
use crate::http::dashboard::page::{DashboardPage, Flash, Place};
use crate::http::dashboard::url::Url;
use crate::http::extract::{InPath, Listing, Segment};
use crate::provider::Definition;

/// What is looked for.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::http::dashboard) struct Sought {
    search: Option<String>,
    category: Option<String>,
}

/// An app in the path.
#[derive(Deserialize)]
pub(in crate::http::dashboard) struct ProviderPath {
    provider: Segment,
}

/// The catalogue.
#[derive(Serialize)]
pub(in crate::http::dashboard) struct CataloguePage {
    environment: String,
    categories: Vec<Chip>,
    filter: Filter,
    providers: Vec<Card>,
    first: bool,
    next: Option<String>,
    back: String,
}

/// An app.
#[derive(Serialize)]
struct Card {
    app: App,
    methods: Vec<&'static str>,
    categories: Vec<String>,
    url: String,
    /// Whether it has a connector.
    added: bool,
}

/// `dev-tools` as people read it.
fn label(category: &str) -> String {
    let mut words = category.replace('-', " ");
    if let Some(first) = words.get_mut(..1) {
        first.make_ascii_uppercase();
    }
    match category {
        "ai" | "cms" | "crm" | "erp" | "hr" | "iam" => category.to_uppercase(),
        "e-commerce" => "E-commerce".to_owned(),
        _ => words,
    }
}

fn card(environment: &str, definition: &Definition, added: bool) -> Card {
    Card {
        app: App::new(definition.slug(), definition.name()).with_icon(definition.icon_slug()),
        methods: method_words(definition.methods()),
        categories: definition.categories().iter().map(|category| label(category)).collect(),
        url: Url::Provider(environment, definition.slug()).to_string(),
        added,
    }
}

fn filled(text: Option<&str>) -> Option<&str> {
    text.map(str::trim).filter(|text| !text.is_empty())
}

/// `GET /dashboard/{environment}/catalogue`.
pub(super) async fn show_catalogue(
    desk: InEnvironment,
    Listing { page, filter: sought }: Listing<Sought>,
) -> Answer {
    let (search, category) = (filled(sought.search.as_deref()), filled(sought.category.as_deref()));
    let found = desk.hub.list_providers(search, category, &page)?;
    let slugs: Vec<&str> = found.items.iter().map(|definition| definition.slug()).collect();
    let added = desk.hub.connectors_of_providers(&desk.actor, &slugs).await?;
    let environment = desk.environment.as_str();
    let fields = [("search", search), ("category", category)];
    let fields: Vec<_> = fields.into_iter().filter_map(|(name, value)| Some((name, value?))).collect();
    let filter = Filter::of(&Url::Catalogue(environment).to_string(), page.own_limit(), &fields, "category");
    let cards = found.items.iter().map(|one| card(environment, one, added.contains_key(one.slug())));
    Ok(desk.show(&CataloguePage {
        environment: desk.environment.clone(),
        categories: chips(&filter, desk.hub.provider_categories(), category),
        providers: cards.collect(),
        first: page.after.is_none(),
        next: filter.next(found.next_cursor.as_deref()),
        filter,
        back: Url::Connectors(environment).to_string(),
    }))
}

fn chips(
    filter: &Filter,
    categories: impl IntoIterator<Item = (String, usize)>,
    chosen: Option<&str>,
) -> Vec<Chip> {
    let all = std::iter::once(Chip::new("All", filter.with("category", ""), chosen.is_none()));
    let each = categories.into_iter().map(|(name, count)| {
        let current = chosen == Some(name.as_str());
        Chip::new(label(&name), filter.with("category", &name), current).counting(count)
    });
    all.chain(each).collect()
}

/// One app of the catalogue.
#[derive(Serialize)]
pub(in crate::http::dashboard) struct ProviderPage {
    environment: String,
    app: App,
    documentation: String,
    methods: Vec<&'static str>,
    categories: Vec<String>,
    needs_client: bool,
    /// Whether one of several ways in wants a client.
    takes_client: bool,
    /// What the embedder gives beside a client.
    wants: Vec<String>,
    /// The connectors that it has: key and address.
    connectors: Vec<(String, String)>,
    form: FormView,
    action: String,
    may_add: bool,
    back: String,
}

async fn provider_page(
    desk: &InEnvironment,
    slug: &str,
    form: Option<FormView>,
) -> Result<ProviderPage, crate::http::Problem> {
    let definition = desk.hub.get_provider(slug)?;
    let mut added = desk.hub.connectors_of_providers(&desk.actor, &[slug]).await?;
    let connectors = added.remove(slug).unwrap_or_default();
    let environment = desk.environment.as_str();
    let free = |key: &String| !connectors.contains(key);
    let key = std::iter::once(slug.to_owned()).chain((2..=99).map(|n| format!("{slug}-{n}"))).find(free);
    let fields = definition.connector_fields().into_iter().filter(|field| field.required);
    Ok(ProviderPage {
        app: App::new(slug, definition.name()).with_icon(definition.icon_slug()),
        documentation: definition.documentation().to_owned(),
        methods: method_words(definition.methods()),
        categories: definition.categories().iter().map(|category| label(category)).collect(),
        needs_client: definition.needs_client(),
        takes_client: definition.oauth2().is_some(),
        wants: fields.map(|field| field.label).collect(),
        form: form.unwrap_or_else(|| FormView::new().with("key", key.unwrap_or_default())),
        action: Url::Provider(environment, slug).to_string(),
        may_add: desk.desk.who.may(Action::ConfigureConnectors),
        back: Url::Catalogue(environment).to_string(),
        connectors: connectors
            .into_iter()
            .map(|key| (key.clone(), Url::Connector(environment, &key).to_string()))
            .collect(),
        environment: desk.environment.clone(),
    })
}

/// `GET /dashboard/{environment}/catalogue/{provider}`.
pub(super) async fn show_provider(desk: InEnvironment, InPath(path): InPath<ProviderPath>) -> Answer {
    Ok(desk.show(&provider_page(&desk, &path.provider.0, None).await?))
}

/// `POST /dashboard/{environment}/catalogue/{provider}`.
pub(super) async fn add_connector(
    desk: InEnvironment,
    InPath(path): InPath<ProviderPath>,
    form: Form,
) -> Answer {
    let (slug, key) = (&path.provider.0, form.text("key"));
    match desk.hub.add_connector(&desk.actor, &key, slug).await {
        Ok(_) => Ok(desk.done(Flash::ConnectorAdded, &Url::Connector(&desk.environment, &key))),
        Err(error) => {
            let form = form.refused_or_denied(error)?;
            Ok(desk.refuse(&provider_page(&desk, slug, Some(form)).await?))
        }
    }
}

impl DashboardPage for CataloguePage {
    const TEMPLATE: &'static str = "dashboard/catalogue.html";
    const PLACE: Place = Place::Connectors;

    fn samples() -> Vec<(&'static str, Self)> {
        let card = |name: &str, added: bool| Card {
            app: sample_app(name),
            methods: vec!["Sign-in", "API key"],
            categories: vec!["CRM".to_owned(), "Marketing".to_owned()],
            url: Url::Provider("production", "x").to_string(),
            added,
        };
        let page = |fields: &[(&'static str, &str)], providers, next: Option<&str>| {
            let filter = Filter::of("/dashboard/production/catalogue", None, fields, "category");
            let categories = [("ai", 14), ("crm", 33), ("dev-tools", 34)];
            let categories = categories.map(|(name, count)| (name.to_owned(), count));
            Self {
                environment: "production".to_owned(),
                categories: chips(&filter, categories, Some("crm")),
                providers,
                first: true,
                next: filter.next(next),
                filter,
                back: Url::Connectors("production").to_string(),
            }
        };
        let cards = vec![
            card("HubSpot", true),
            card("Slack", false),
            card("Consolidated Freight & Customs Brokerage <International> AG", false),
        ];
        vec![
            ("some", page(&[("category", "crm")], cards, Some("x"))),
            ("none", page(&[("category", "crm"), ("search", "zzz <International>")], Vec::new(), None)),
        ]
    }
}

impl DashboardPage for ProviderPage {
    const TEMPLATE: &'static str = "dashboard/provider.html";
    const PLACE: Place = Place::Connectors;

    fn samples() -> Vec<(&'static str, Self)> {
        let page = |form: FormView, may_add: bool, connectors: Vec<(String, String)>| Self {
            environment: "production".to_owned(),
            app: sample_app("HubSpot"),
            documentation: "https://developers.hubspot.com/docs".to_owned(),
            methods: vec!["Sign-in", "API key"],
            categories: vec!["CRM".to_owned()],
            needs_client: may_add,
            takes_client: true,
            wants: vec!["Tenant".to_owned()],
            connectors,
            form,
            action: Url::Provider("production", "northwind").to_string(),
            may_add,
            back: Url::Catalogue("production").to_string(),
        };
        let there = vec![("northwind".to_owned(), "/dashboard/production/connectors/hubspot".to_owned())];
        let refused =
            FormView::new().with("key", "Hub Spot").with_error("key", "A key has a-z, 0-9 and dashes.");
        vec![
            ("new", page(FormView::new().with("key", "northwind"), true, Vec::new())),
            ("refused", page(refused, true, there.clone())),
            ("viewer", page(FormView::new(), false, there)),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn categories_are_written_as_people_read_them() {
        for (category, read) in [
            ("dev-tools", "Dev tools"),
            ("erp", "ERP"),
            ("crm", "CRM"),
            ("e-commerce", "E-commerce"),
            ("other", "Other"),
        ] {
            assert_eq!(label(category), read);
        }
    }
}
