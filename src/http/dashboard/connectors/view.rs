//! The views of the connectors' pages.

mod samples;

use serde::Serialize;
use vouchsafe_entity::kind::Method;
use vouchsafe_entity::millis::Millis;

use super::form::field_name;
use super::state::{Missing, mark, step_of_mark};
use super::{COUNTED, Found, Lacks, credentials};
use crate::domain::page::{Page, PageRequest};
use crate::domain::role::Action;
use crate::http::connect::page::Connector as App;
use crate::http::dashboard::caller::InEnvironment;
use crate::http::dashboard::filter::Filter;
use crate::http::dashboard::form::FormView;
use crate::http::dashboard::moment::Moment;
use crate::http::dashboard::url::Url;
use crate::provider::Definition;
use crate::service::connectors::{ConnectorView, Finding, Lack, Needing, TestPart, TestStep};

/// The connectors of an environment.
#[derive(Serialize)]
pub(in crate::http::dashboard) struct ConnectorsPage {
    environment: String,
    connectors: Vec<Row>,
    first: bool,
    here: String,
    next: Option<String>,
    catalogue: String,
    may_configure: bool,
    hub: String,
}

#[derive(Serialize)]
struct Row {
    app: App,
    /// `good`, `warning`, `danger` or `neutral`, with its word.
    mark: (&'static str, &'static str),
    /// What to do about it.
    step: Option<String>,
    methods: Vec<&'static str>,
    credentials: String,
    changed: Option<Moment>,
    url: String,
}

/// A connector with its settings.
#[derive(Serialize)]
#[expect(clippy::struct_excessive_bools, reason = "independent facts")]
pub(in crate::http::dashboard) struct ConnectorPage {
    environment: String,
    app: App,
    provider: String,
    mark: (&'static str, &'static str),
    missing: Vec<Missing>,
    failing: Option<Moment>,
    /// Whether the definition of its provider is loaded.
    defined: bool,
    documentation: Option<String>,
    redirect_uri: Option<String>,
    /// How many it has, in words.
    credentials: String,
    form: FormView,
    /// The methods of the app: the word in requests, and the words.
    methods: Vec<(&'static str, &'static str)>,
    fields: Vec<Field>,
    has_client_secret: bool,
    /// Whether the app wants one and it is not there.
    lacks_client_secret: bool,
    steps: Option<Vec<Step>>,
    /// Those that need it: name and address; none of what stands for more.
    integrations: Vec<(String, String)>,
    may_configure: bool,
    may_edit: bool,
    enabled: bool,
    explicit: bool,
    save: String,
    test: String,
    enable: String,
    disable: String,
    delete: String,
    back: String,
}

/// What the app wants of the embedder.
#[derive(Serialize)]
struct Field {
    name: String,
    label: String,
    help: String,
    secret: bool,
    /// Whether a secret is kept.
    kept: bool,
    required: bool,
    options: Vec<(String, String)>,
}

/// What a step of the test found.
#[derive(Serialize)]
struct Step {
    title: &'static str,
    /// `good`, `warning` or `danger`.
    kind: &'static str,
    word: &'static str,
    detail: String,
}

/// The methods as people read them.
pub(super) fn method_words(methods: &[Method]) -> Vec<&'static str> {
    methods.iter().map(|method| method_word(*method)).collect()
}

const fn method_word(method: Method) -> &'static str {
    match method {
        Method::OAuth2 => "Sign-in",
        Method::ClientCredentials => "User’s own client",
        Method::ApiKey => "API key",
        Method::Basic => "User name and password",
        Method::Session => "Login",
        Method::Jwt => "Signing key",
        Method::OAuth1 => "Sign-in (OAuth 1)",
        Method::AwsSigV4 => "AWS keys",
    }
}

/// A count that stopped after [`COUNTED`], as people read it.
fn counted(count: i64) -> String {
    if count > i64::from(COUNTED) { format!("{COUNTED}+") } else { count.to_string() }
}

fn counted_credentials(count: i64) -> String {
    if count > i64::from(COUNTED) { format!("{COUNTED}+ credentials") } else { credentials(count) }
}

/// The app of a connector, as it is named and pictured.
fn app(desk: &InEnvironment, view: &ConnectorView) -> App {
    let provider = view.connector.provider.as_str();
    let known = desk.hub.get_provider(provider).ok();
    let name = known.as_deref().map_or(provider, Definition::name);
    App::new(&view.connector.key, name).with_icon(known.as_deref().and_then(Definition::icon_slug))
}

impl ConnectorsPage {
    pub(super) fn of(
        desk: &InEnvironment,
        found: &Page<ConnectorView>,
        lacks: &Lacks,
        asked: &PageRequest,
    ) -> Self {
        let now = desk.hub.now();
        let pages = Filter::none(&Url::Connectors(&desk.environment), asked.own_limit());
        Self {
            first: asked.after.is_none(),
            here: pages.first_page(),
            next: pages.next(found.next_cursor.as_deref()),
            connectors: found.items.iter().map(|view| row(desk, view, lacks, now)).collect(),
            catalogue: Url::Catalogue(&desk.environment).to_string(),
            may_configure: desk.desk.who.may(Action::ConfigureConnectors),
            hub: desk.hub.public_url().as_str().trim_end_matches('/').to_owned(),
            environment: desk.environment.clone(),
        }
    }
}

fn row(desk: &InEnvironment, view: &ConnectorView, lacks: &Lacks, now: Millis) -> Row {
    let app = app(desk, view);
    let lacks = lacks.get(&view.connector.id).map_or(&[][..], Vec::as_slice);
    Row {
        mark: mark(&view.connector, lacks),
        step: step_of_mark(&view.connector, lacks, &app.name),
        app,
        methods: method_words(&view.methods),
        credentials: counted(view.credentials),
        changed: view.connector.updated_at.map(|at| Moment::new(at, now)),
        url: Url::Connector(&desk.environment, &view.connector.key).to_string(),
    }
}

fn fields(view: &ConnectorView, definition: &Definition) -> Vec<Field> {
    let field = |field: crate::provider::Field| Field {
        name: field_name(&field.name, field.secret),
        help: match (&field.example, &field.default) {
            (_, Some(default)) => format!("Left empty: {default}."),
            (Some(example), None) => format!("Such as {example}."),
            (None, None) => String::new(),
        },
        kept: view.connector.secret_variables.contains(&field.name),
        options: field.options.into_iter().map(|(label, value)| (value, label)).collect(),
        label: field.label,
        secret: field.secret,
        required: field.required,
    };
    definition.connector_fields().into_iter().map(field).collect()
}

fn step(step: TestStep) -> Step {
    let (kind, word) = match step.finding {
        Finding::Good => ("good", "In order"),
        Finding::Unsure => ("warning", "Can’t be told"),
        Finding::Bad => ("danger", "Must be mended"),
    };
    let title = match step.part {
        TestPart::Settings => "Settings",
        TestPart::Secrets => "Secrets",
        TestPart::App => "App",
        TestPart::Client => "Client",
    };
    Step { title, kind, word, detail: step.detail }
}

impl ConnectorPage {
    pub(super) fn of(
        desk: &InEnvironment,
        found: Found,
        form: FormView,
        steps: Option<Vec<TestStep>>,
    ) -> Self {
        let Found { view, definition, needing: Needing { integrations, more }, lacks } = found;
        let app = app(desk, &view);
        let (environment, key) = (desk.environment.as_str(), view.connector.key.as_str());
        let methods = definition.iter().flat_map(|one| one.methods().iter().copied());
        let linked = integrations
            .into_iter()
            .map(|one| (one.name, Url::Integration(environment, &one.slug).to_string()));
        Self {
            mark: mark(&view.connector, &lacks),
            missing: Missing::all(environment, &lacks, &app.name),
            app,
            provider: view.connector.provider.clone(),
            failing: view.connector.failing.map(|failing| Moment::new(failing.since, desk.hub.now())),
            defined: definition.is_some(),
            documentation: definition.as_ref().map(|one| one.documentation().to_owned()),
            credentials: counted_credentials(view.credentials),
            form,
            methods: methods.map(|method| (method.as_str(), method_word(method))).collect(),
            fields: definition.as_ref().map(|one| fields(&view, one)).unwrap_or_default(),
            has_client_secret: view.connector.has_client_secret,
            lacks_client_secret: lacks.contains(&Lack::ClientSecret),
            steps: steps.map(|steps| steps.into_iter().map(step).collect()),
            integrations: linked.chain(more.then(|| ("and more".to_owned(), String::new()))).collect(),
            may_configure: desk.desk.who.may(Action::ConfigureConnectors),
            may_edit: desk.desk.who.may(Action::EditIntegrations) && view.connector.explicit,
            enabled: view.connector.enabled,
            explicit: view.connector.created_at.is_some(),
            save: Url::Connector(environment, key).to_string(),
            test: Url::TestConnector(environment, key).to_string(),
            enable: Url::EnableConnector(environment, key).to_string(),
            disable: Url::DisableConnector(environment, key).to_string(),
            delete: Url::DeleteConnector(environment, key).to_string(),
            back: Url::Connectors(environment).to_string(),
            redirect_uri: view.redirect_uri.clone(),
            environment: environment.to_owned(),
        }
    }
}

/// An app of samples.
pub(super) fn sample_app(name: &str) -> App {
    App::new(name.to_lowercase(), name)
}
