//! Samples of the pages with connectors.

use vouchsafe_entity::millis::Millis;

use super::{
    ConnectorPage, ConnectorsPage, Field, Row, Step, counted, counted_credentials, sample_app, step,
};
use crate::http::dashboard::connectors::form::{field_name, lost};
use crate::http::dashboard::connectors::state::sample_lacks;
use crate::http::dashboard::form::FormView;
use crate::http::dashboard::moment::Moment;
use crate::http::dashboard::page::{DashboardPage, Place};
use crate::http::dashboard::url::Url;
use crate::service::connectors::{Finding, TestPart, TestStep};

impl DashboardPage for ConnectorsPage {
    const TEMPLATE: &'static str = "dashboard/connectors.html";
    const PLACE: Place = Place::Connectors;

    fn samples() -> Vec<(&'static str, Self)> {
        let now = Millis(1_893_456_000_000);
        let row = |name: &str, mark: (&'static str, &'static str), credentials: i64| Row {
            app: sample_app(name),
            mark,
            step: (mark.0 == "warning").then(|| format!("Make an OAuth client at {name} and enter its ID.")),
            methods: vec!["Sign-in", "API key"],
            credentials: counted(credentials),
            changed: Some(Moment::new(now.plus_seconds(-credentials * 3_600), now)),
            url: Url::Connector("production", "x").to_string(),
        };
        let page = |connectors, may_configure: bool| Self {
            environment: "production".to_owned(),
            connectors,
            first: true,
            here: Url::Connectors("production").to_string(),
            next: may_configure.then(|| "/dashboard/production/connectors?cursor=x".to_owned()),
            catalogue: Url::Catalogue("production").to_string(),
            may_configure,
            hub: "https://hub.acme.test".to_owned(),
        };
        let rows = || {
            vec![
                row("HubSpot", ("good", "On"), 412),
                row("Slack", ("danger", "Refused by the app"), 7),
                row(
                    "Consolidated Freight & Customs Brokerage <International>",
                    ("warning", "Client ID missing"),
                    0,
                ),
                row("OpenAI", ("neutral", "Switched off"), 1),
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

fn sample_steps() -> Vec<Step> {
    let found = |part, finding, detail: &str| step(TestStep { part, finding, detail: detail.to_owned() });
    vec![
        found(TestPart::Settings, Finding::Good, "Everything that is needed is there."),
        found(TestPart::Secrets, Finding::Bad, "The secret HUBSPOT_SECRET has ended."),
        found(TestPart::App, Finding::Unsure, "The address has a part that each user gives."),
        found(TestPart::Client, Finding::Bad, "HubSpot refused the client. It said: invalid_client."),
    ]
}

impl DashboardPage for ConnectorPage {
    const TEMPLATE: &'static str = "dashboard/connector.html";
    const PLACE: Place = Place::Connectors;

    fn samples() -> Vec<(&'static str, Self)> {
        let now = Millis(1_893_456_000_000);
        let long = "Consolidated Freight & Customs Brokerage <International>";
        let field = |label: &str, secret, options: &[&str]| Field {
            name: field_name(label, secret),
            label: label.to_owned(),
            help: "Such as acme.".to_owned(),
            secret,
            kept: secret,
            required: !secret,
            options: options.iter().map(|one| ((*one).to_owned(), one.to_uppercase())).collect(),
        };
        let page = |mark, role: usize| Self {
            environment: "production".to_owned(),
            app: sample_app("HubSpot"),
            provider: "northwind".to_owned(),
            mark,
            missing: Vec::new(),
            failing: None,
            defined: true,
            documentation: Some("https://developers.hubspot.com/docs".to_owned()),
            redirect_uri: Some(
                "https://hub.acme.test/oauth/callback/conn_01h455vb4pex5vsknk084sn02q".to_owned(),
            ),
            credentials: counted_credentials(412),
            form: FormView::new()
                .with("clientId", "3f0a-client")
                .with("scopes", "crm.objects.contacts.read\ncrm.objects.companies.read")
                .with_chosen("methods", &["oauth2"]),
            methods: vec![("oauth2", "Sign-in"), ("api_key", "API key")],
            fields: vec![
                field("Tenant", false, &[]),
                field("Token", true, &[]),
                field("Region", false, &["eu", "us"]),
            ],
            has_client_secret: true,
            lacks_client_secret: false,
            steps: None,
            integrations: [(long, "/dashboard/production/integrations/x"), ("and more", "")]
                .map(|(name, url)| (name.to_owned(), url.to_owned()))
                .into(),
            may_configure: role > 1,
            may_edit: role > 0,
            enabled: mark != ("neutral", "Switched off"),
            explicit: true,
            save: Url::Connector("production", "northwind").to_string(),
            test: Url::TestConnector("production", "northwind").to_string(),
            enable: Url::EnableConnector("production", "northwind").to_string(),
            disable: Url::DisableConnector("production", "northwind").to_string(),
            delete: Url::DeleteConnector("production", "northwind").to_string(),
            back: Url::Connectors("production").to_string(),
        };
        let refused = FormView::new()
            .with_error("secret-client", "There is no secret of this key.")
            .with_error("var-Tenant", "Tenant is required.")
            .saying("The connector could not be saved.");
        let on = ("good", "On");
        let since = Some(Moment::new(now.plus_seconds(-7_200), now));
        let failing = Self { failing: since, ..page(("danger", "Refused by the app"), 2) };
        let gone = Self {
            defined: false,
            documentation: None,
            redirect_uri: None,
            methods: Vec::new(),
            fields: Vec::new(),
            integrations: Vec::new(),
            ..page(("warning", "Definition missing"), 2)
        };
        let lacking = Self {
            missing: sample_lacks(),
            has_client_secret: false,
            lacks_client_secret: true,
            ..page(("warning", "Client secret missing"), 2)
        };
        vec![
            ("lacking", lacking),
            ("owner", page(on, 2)),
            ("tested", Self { steps: Some(sample_steps()), ..page(on, 2) }),
            ("refused", Self { form: refused, ..page(on, 2) }),
            ("overtaken", Self { form: FormView::new().overtaken(), ..page(on, 2) }),
            ("asked", Self { form: page(on, 2).form.asking(lost("3f0a-client", 412)), ..page(on, 2) }),
            ("failing", failing),
            ("off", page(("neutral", "Switched off"), 2)),
            ("undefined", gone),
            ("editor", page(on, 1)),
            ("viewer", page(on, 0)),
        ]
    }
}
