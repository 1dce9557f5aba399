//! Samples of the pages that ask for something: choose, sign in, wait, key.
//!
//! Only tests and screenshots may use them.

use super::super::{
    ChoosePage, ChooseRow, Connector, Day, DisconnectPage, Field, FieldOption, KeyPage, KeyProblem,
    MethodLink, OwnCredential, RowState, SignInPage, WaitingPage,
};
use super::{LONG, RTL, hubspot};
use crate::http::render::Page;

fn subdomain() -> Field {
    Field {
        name: "subdomain".to_owned(),
        label: "Subdomain".to_owned(),
        example: Some("acme".to_owned()),
        prefix: Some("https://".to_owned()),
        suffix: Some(".zendesk.com".to_owned()),
        required: true,
        lower: true,
        pattern: Some("[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?".to_owned()),
        ..Field::default()
    }
}

fn api_key() -> Field {
    Field {
        name: "api_key".to_owned(),
        label: "API key".to_owned(),
        help: Some("https://platform.openai.com/api-keys".to_owned()),
        required: true,
        secret: true,
        pattern: Some(r"sk-\S+".to_owned()),
        example: Some("sk-…".to_owned()),
        ..Field::default()
    }
}

fn region() -> Field {
    let options = [("Europe", "eu"), ("United States", "us")];
    Field {
        name: "region".to_owned(),
        label: "Region".to_owned(),
        required: true,
        options: options
            .map(|(label, value)| FieldOption { label: label.to_owned(), value: value.to_owned() })
            .into(),
        ..Field::default()
    }
}

impl Page for ChoosePage {
    const TEMPLATE: &'static str = "connect/choose.html";

    fn samples() -> Vec<(&'static str, Self)> {
        let own = |last: Option<&str>, access: &[&str]| OwnCredential {
            id: "cred_01h455vb4pex5vsknk084sn02q".to_owned(),
            since: Day::of("2029-11-03T09:30:00.000Z".to_owned()),
            last_used: last.map(|at| Day::of(at.to_owned())),
            access: access.iter().map(ToString::to_string).collect(),
        };
        let row = |key: &str, name: &str, state: RowState| ChooseRow {
            own: None,
            connector: Connector::new(key, name),
            state,
            optional: false,
        };
        let account = Some("ops@acme.test".to_owned());
        let account_again = account.clone();
        let more = vec!["Read contacts".to_owned(), "Change deals and their stages".to_owned()];
        let mixed = vec![
            row("google-sheets", "Google Sheets", RowState::Connected { account: account.clone() }),
            row("hubspot", "HubSpot", RowState::More { account: account.clone(), access: more }),
            row("shopify", "Shopify", RowState::Connect),
            ChooseRow { optional: true, ..row("slack", "Slack", RowState::Connect) },
        ];
        let hard = vec![
            row("long", LONG, RowState::Failed { account: Some(format!("{LONG}@example.test")) }),
            row("nakhil", RTL, RowState::Connected { account: Some(RTL.to_owned()) }),
            row("plain", "Notion", RowState::Connected { account: None }),
            row("quiet", "Airtable", RowState::More { account: None, access: Vec::new() }),
            row("broken", "Stripe", RowState::Failed { account: None }),
        ];
        let names =
            ["Asana", "Box", "Calendly", "Dropbox", "Figma", "GitHub", "Intercom", "Jira", "Linear", "Miro"];
        let many = names.map(|name| row(name, name, RowState::Connect)).into();
        let page = |integration: Option<&str>, rows| Self {
            host_app: "Acme".to_owned(),
            integration: integration.map(str::to_owned),
            rows,
            finished: false,
        };
        let given = vec![
            ChooseRow {
                own: Some(own(Some("2030-01-01T00:00:00.000Z"), &["Read contacts", LONG])),
                ..row("hubspot", "HubSpot", RowState::Connected { account: account_again })
            },
            ChooseRow { own: Some(own(None, &[])), ..row("long", LONG, RowState::Failed { account: None }) },
            row("slack", "Slack", RowState::Connect),
        ];
        vec![
            ("mixed", page(Some("Orders to Sheets"), mixed)),
            ("hard", Self { host_app: LONG.to_owned(), finished: true, ..page(Some(RTL), hard) }),
            ("many", page(None, many)),
            ("own", page(None, given)),
        ]
    }
}

impl Page for SignInPage {
    const TEMPLATE: &'static str = "connect/sign_in.html";

    fn samples() -> Vec<(&'static str, Self)> {
        let page = Self {
            host_app: "Acme".to_owned(),
            integration: Some("Orders to Sheets".to_owned()),
            connector: hubspot(),
            method: "oauth2".to_owned(),
            access: Vec::new(),
            fields: Vec::new(),
            reconnect: None,
            other_methods: Vec::new(),
            back: true,
        };
        let region = Field { value: Some("eu".to_owned()), ..region() };
        let fields = Self {
            connector: Connector::new("zendesk", "Zendesk"),
            integration: None,
            access: vec!["Read and write tickets".to_owned(), "See the people in your account".to_owned()],
            fields: vec![subdomain(), region],
            other_methods: vec![MethodLink { method: "api_key".to_owned() }],
            back: false,
            ..page.clone()
        };
        let hard = Self {
            host_app: LONG.to_owned(),
            integration: Some(RTL.to_owned()),
            connector: Connector::new("long", LONG),
            reconnect: Some("jo@acme.test".to_owned()),
            ..page.clone()
        };
        vec![("plain", page), ("fields", fields), ("hard", hard)]
    }
}

impl Page for WaitingPage {
    const TEMPLATE: &'static str = "connect/waiting.html";

    fn samples() -> Vec<(&'static str, Self)> {
        vec![
            ("plain", Self { connector: hubspot() }),
            ("long", Self { connector: Connector::new("long", LONG) }),
        ]
    }
}

impl Page for KeyPage {
    const TEMPLATE: &'static str = "connect/key.html";

    fn samples() -> Vec<(&'static str, Self)> {
        let page = Self {
            host_app: "Acme".to_owned(),
            integration: None,
            connector: Connector::new("openai", "OpenAI"),
            method: "api_key".to_owned(),
            fields: vec![api_key()],
            problem: None,
            reconnect: None,
            other_methods: Vec::new(),
            back: true,
        };
        let organization =
            Field { name: "organization".to_owned(), label: "Organization".to_owned(), ..Field::default() };
        let private_key = Field {
            name: "private_key".to_owned(),
            label: "Private key".to_owned(),
            required: true,
            secret: true,
            multiline: true,
            ..Field::default()
        };
        let several = Self {
            integration: Some("Orders to Sheets".to_owned()),
            connector: Connector::new("zendesk", "Zendesk"),
            fields: vec![subdomain(), region(), private_key, organization],
            reconnect: Some(RTL.to_owned()),
            other_methods: ["oauth2", "client_credentials", "basic", "session", "jwt"]
                .map(|method| MethodLink { method: method.to_owned() })
                .into(),
            ..page.clone()
        };
        let with = |problem| Self { problem: Some(problem), ..page.clone() };
        let bad_field = Field {
            value: Some("acme shop".to_owned()),
            error: Some("Use letters, digits and hyphens only.".to_owned()),
            ..subdomain()
        };
        let bad_region = Field { error: Some("Choose one of these.".to_owned()), ..region() };
        let expected = "ops@acme.test".to_owned();
        vec![
            ("plain", page.clone()),
            ("several", several),
            ("rejected", with(KeyProblem::Rejected { field: Some("api_key".to_owned()) })),
            ("rejected-nowhere", with(KeyProblem::Rejected { field: None })),
            ("other-account", with(KeyProblem::OtherAccount { expected, found: RTL.to_owned() })),
            ("unreachable", with(KeyProblem::Unreachable)),
            ("busy", with(KeyProblem::Busy)),
            ("unexpected", with(KeyProblem::Unexpected { status: 502 })),
            ("unavailable", with(KeyProblem::Unavailable)),
            ("field-errors", Self { fields: vec![bad_field, bad_region], ..page.clone() }),
        ]
    }
}

impl Page for DisconnectPage {
    const TEMPLATE: &'static str = "connect/disconnect.html";

    fn samples() -> Vec<(&'static str, Self)> {
        let page = |connector, account: Option<&str>| Self {
            host_app: "Acme".to_owned(),
            connector,
            account: account.map(str::to_owned),
            credential: "cred_01h455vb4pex5vsknk084sn02q".to_owned(),
        };
        vec![
            ("plain", page(hubspot(), Some("ops@acme.test"))),
            ("long", page(Connector::new("long", LONG), None)),
        ]
    }
}
