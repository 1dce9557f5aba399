//! Views with everything that a template can show: long names, right-to-left names, every error.
//!
//! Tests and screenshots render them; nothing else may use them.

use super::{
    CallbackOutcome, CallbackPage, ChoosePage, ChooseRow, ConfirmationCode, ConnectedAccount, Connector,
    DoneNote, DonePage, FailedPage, Failure, FailureReason, Field, FieldOption, FrameMode, FrameShell,
    HostedDonePage, HostedState, InterstitialPage, KeyPage, KeyProblem, MethodLink, RowState, SignInPage,
    WaitingPage,
};
use crate::http::render::{Page, RenderError, Renderer};
use crate::http::strings::Locale;

/// One sample as HTML.
#[derive(Debug, Clone)]
pub struct RenderedSample {
    /// `<template>-<sample>`, fit for a file name.
    pub name: String,
    /// The HTML: a whole page, or the fragment that the frame's script inserts.
    pub html: String,
}

/// Renders all samples of all connect pages.
pub fn render_samples(renderer: &Renderer, locale: Locale) -> Result<Vec<RenderedSample>, RenderError> {
    let mut all = Vec::new();
    render_page::<FrameShell>(renderer, locale, &mut all)?;
    render_page::<ChoosePage>(renderer, locale, &mut all)?;
    render_page::<SignInPage>(renderer, locale, &mut all)?;
    render_page::<WaitingPage>(renderer, locale, &mut all)?;
    render_page::<KeyPage>(renderer, locale, &mut all)?;
    render_page::<DonePage>(renderer, locale, &mut all)?;
    render_page::<FailedPage>(renderer, locale, &mut all)?;
    render_page::<InterstitialPage>(renderer, locale, &mut all)?;
    render_page::<CallbackPage>(renderer, locale, &mut all)?;
    render_page::<HostedDonePage>(renderer, locale, &mut all)?;
    Ok(all)
}

fn render_page<P: Page>(
    renderer: &Renderer,
    locale: Locale,
    all: &mut Vec<RenderedSample>,
) -> Result<(), RenderError> {
    let stem = P::TEMPLATE
        .trim_start_matches("connect/")
        .trim_end_matches(".html");
    for (sample, page) in P::samples() {
        all.push(RenderedSample {
            name: format!("{stem}-{sample}"),
            html: renderer.render(locale, &page)?,
        });
    }
    Ok(())
}

const LONG: &str = "Consolidated Freight & Customs Brokerage <International> AG";
const RTL: &str = "شركة النخيل للتجارة الدولية";

fn text(value: &str) -> Option<String> {
    Some(value.to_owned())
}

fn hubspot() -> Connector {
    Connector::new("hubspot", "HubSpot")
}

fn failure(reason: FailureReason, code: &str, app_message: Option<&str>) -> Failure {
    Failure {
        reason,
        code: code.to_owned(),
        app_message: app_message.map(str::to_owned),
    }
}

fn subdomain() -> Field {
    Field {
        name: "subdomain".to_owned(),
        label: "Subdomain".to_owned(),
        example: text("acme"),
        prefix: text("https://"),
        suffix: text(".zendesk.com"),
        required: true,
        pattern: text("[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?"),
        ..Field::default()
    }
}

fn api_key() -> Field {
    Field {
        name: "api_key".to_owned(),
        label: "API key".to_owned(),
        help: text("https://platform.openai.com/api-keys"),
        required: true,
        secret: true,
        pattern: text(r"sk-\S+"),
        example: text("sk-…"),
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
            .map(|(label, value)| FieldOption {
                label: label.to_owned(),
                value: value.to_owned(),
            })
            .into(),
        ..Field::default()
    }
}

impl Page for FrameShell {
    const TEMPLATE: &'static str = "connect/frame.html";

    fn samples() -> Vec<(&'static str, Self)> {
        let shell = Self {
            session: "cs_01h455vb4pex5vsknk084sn02q".to_owned(),
            origins: vec!["https://app.test".to_owned(), "http://localhost:3000".to_owned()],
            mode: FrameMode::Frame,
            host_app: "Acme".to_owned(),
        };
        vec![
            ("framed", shell.clone()),
            (
                "hosted",
                Self {
                    mode: FrameMode::Hosted,
                    ..shell
                },
            ),
        ]
    }
}

impl Page for ChoosePage {
    const TEMPLATE: &'static str = "connect/choose.html";

    fn samples() -> Vec<(&'static str, Self)> {
        let row = |key: &str, name: &str, state: RowState| ChooseRow {
            connector: Connector::new(key, name),
            state,
            optional: false,
        };
        let account = text("ops@acme.test");
        let more = vec![
            "Read contacts".to_owned(),
            "Change deals and their stages".to_owned(),
        ];
        let mixed = vec![
            row(
                "google-sheets",
                "Google Sheets",
                RowState::Connected {
                    account: account.clone(),
                },
            ),
            row(
                "hubspot",
                "HubSpot",
                RowState::More {
                    account: account.clone(),
                    access: more,
                },
            ),
            row("shopify", "Shopify", RowState::Connect),
            ChooseRow {
                optional: true,
                ..row("slack", "Slack", RowState::Connect)
            },
        ];
        let hard = vec![
            row(
                "long",
                LONG,
                RowState::Failed {
                    account: text(&format!("{LONG}@example.test")),
                },
            ),
            row("nakhil", RTL, RowState::Connected { account: text(RTL) }),
            row("plain", "Notion", RowState::Connected { account: None }),
            row(
                "quiet",
                "Airtable",
                RowState::More {
                    account: None,
                    access: Vec::new(),
                },
            ),
            row("broken", "Stripe", RowState::Failed { account: None }),
        ];
        let names = [
            "Asana", "Box", "Calendly", "Dropbox", "Figma", "GitHub", "Intercom", "Jira", "Linear", "Miro",
        ];
        let many = names.map(|name| row(name, name, RowState::Connect)).into();
        let page = |integration: Option<&str>, rows| Self {
            host_app: "Acme".to_owned(),
            integration: integration.map(str::to_owned),
            rows,
            finished: false,
        };
        vec![
            ("mixed", page(Some("Orders to Sheets"), mixed)),
            (
                "hard",
                Self {
                    host_app: LONG.to_owned(),
                    finished: true,
                    ..page(Some(RTL), hard)
                },
            ),
            ("many", page(None, many)),
        ]
    }
}

impl Page for SignInPage {
    const TEMPLATE: &'static str = "connect/sign_in.html";

    fn samples() -> Vec<(&'static str, Self)> {
        let page = Self {
            host_app: "Acme".to_owned(),
            integration: text("Orders to Sheets"),
            connector: hubspot(),
            method: "oauth2".to_owned(),
            access: Vec::new(),
            fields: Vec::new(),
            reconnect: None,
            other_methods: Vec::new(),
            back: true,
        };
        let region = Field {
            value: text("eu"),
            ..region()
        };
        let fields = Self {
            connector: Connector::new("zendesk", "Zendesk"),
            integration: None,
            access: vec![
                "Read and write tickets".to_owned(),
                "See the people in your account".to_owned(),
            ],
            fields: vec![subdomain(), region],
            other_methods: vec![MethodLink {
                method: "api_key".to_owned(),
            }],
            back: false,
            ..page.clone()
        };
        let hard = Self {
            host_app: LONG.to_owned(),
            integration: text(RTL),
            connector: Connector::new("long", LONG),
            reconnect: text("jo@acme.test"),
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
            (
                "long",
                Self {
                    connector: Connector::new("long", LONG),
                },
            ),
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
        let organization = Field {
            name: "organization".to_owned(),
            label: "Organization".to_owned(),
            ..Field::default()
        };
        let private_key = Field {
            name: "private_key".to_owned(),
            label: "Private key".to_owned(),
            required: true,
            secret: true,
            multiline: true,
            ..Field::default()
        };
        let several = Self {
            integration: text("Orders to Sheets"),
            connector: Connector::new("zendesk", "Zendesk"),
            fields: vec![subdomain(), region(), private_key, organization],
            reconnect: text(RTL),
            other_methods: ["oauth2", "client_credentials", "basic", "session", "jwt"]
                .map(|method| MethodLink {
                    method: method.to_owned(),
                })
                .into(),
            ..page.clone()
        };
        let with = |problem| Self {
            problem: Some(problem),
            ..page.clone()
        };
        let bad_field = Field {
            value: text("acme shop"),
            error: text("Use letters, digits and hyphens only."),
            ..subdomain()
        };
        let bad_region = Field {
            error: text("Choose one of these."),
            ..region()
        };
        let expected = "ops@acme.test".to_owned();
        vec![
            ("plain", page.clone()),
            ("several", several),
            (
                "rejected",
                with(KeyProblem::Rejected {
                    message: text("Incorrect API key provided: sk-…9f3a"),
                }),
            ),
            ("rejected-silently", with(KeyProblem::Rejected { message: None })),
            (
                "other-account",
                with(KeyProblem::OtherAccount {
                    expected,
                    found: RTL.to_owned(),
                }),
            ),
            ("unreachable", with(KeyProblem::Unreachable)),
            ("unexpected", with(KeyProblem::Unexpected { status: 502 })),
            ("unavailable", with(KeyProblem::Unavailable)),
            (
                "field-errors",
                Self {
                    fields: vec![bad_field, bad_region],
                    ..page.clone()
                },
            ),
        ]
    }
}

impl Page for DonePage {
    const TEMPLATE: &'static str = "connect/done.html";

    fn samples() -> Vec<(&'static str, Self)> {
        let page = Self {
            host_app: "Acme".to_owned(),
            connector: Some(hubspot()),
            account: text("ops@acme.test"),
            note: None,
            next: None,
            return_url: None,
        };
        let access = vec!["Read invoices".to_owned()];
        vec![
            ("plain", page.clone()),
            (
                "next",
                Self {
                    next: Some(Connector::new("shopify", "Shopify")),
                    ..page.clone()
                },
            ),
            (
                "missing",
                Self {
                    note: Some(DoneNote::MissingPermission { access }),
                    ..page.clone()
                },
            ),
            (
                "untested",
                Self {
                    note: Some(DoneNote::Untested),
                    account: None,
                    ..page.clone()
                },
            ),
            (
                "pending",
                Self {
                    note: Some(DoneNote::Pending),
                    account: text(RTL),
                    ..page.clone()
                },
            ),
            (
                "all",
                Self {
                    connector: None,
                    account: None,
                    return_url: text("https://app.test/settings"),
                    ..page
                },
            ),
        ]
    }
}

fn failures() -> Vec<(&'static str, Failure)> {
    let words = "<b>invalid_scope</b>: The requested scope is invalid, unknown, or malformed.";
    let other = FailureReason::OtherAccount {
        expected: "ops@acme.test".to_owned(),
        found: RTL.to_owned(),
    };
    vec![
        ("denied", failure(FailureReason::Denied, "access_denied", None)),
        (
            "refused",
            failure(FailureReason::Refused, "invalid_scope", Some(words)),
        ),
        (
            "unreachable",
            failure(FailureReason::Unreachable, "provider_unreachable", None),
        ),
        ("other-account", failure(other, "account_changed", None)),
        (
            "timed-out",
            failure(FailureReason::TimedOut, "flow_expired", None),
        ),
        (
            "wrong-browser",
            failure(FailureReason::WrongBrowser, "state_mismatch", None),
        ),
        (
            "unavailable",
            failure(FailureReason::Unavailable, "connector_failing", None),
        ),
        (
            "unexpected",
            failure(FailureReason::Unexpected, "internal_error", None),
        ),
    ]
}

impl Page for FailedPage {
    const TEMPLATE: &'static str = "connect/failed.html";

    fn samples() -> Vec<(&'static str, Self)> {
        let page = |failure| Self {
            host_app: "Acme".to_owned(),
            connector: hubspot(),
            failure,
            back: false,
        };
        failures()
            .into_iter()
            .map(|(name, failure)| (name, page(failure)))
            .collect()
    }
}

impl Page for InterstitialPage {
    const TEMPLATE: &'static str = "connect/interstitial.html";

    fn samples() -> Vec<(&'static str, Self)> {
        let page = Self {
            host_app: "Acme".to_owned(),
            connector: hubspot(),
            user: "jo@acme.test".to_owned(),
            flow: "flow_01h455vb4pex5vsknk084sn02q".to_owned(),
            handshake: false,
        };
        let hard = Self {
            host_app: LONG.to_owned(),
            connector: Connector::new("nakhil", RTL),
            user: RTL.to_owned(),
            ..page.clone()
        };
        vec![
            ("plain", page.clone()),
            (
                "handshake",
                Self {
                    handshake: true,
                    ..page
                },
            ),
            ("hard", hard),
        ]
    }
}

impl Page for CallbackPage {
    const TEMPLATE: &'static str = "connect/callback.html";

    fn samples() -> Vec<(&'static str, Self)> {
        let page = Self {
            host_app: "Acme".to_owned(),
            connector: Some(hubspot()),
            outcome: CallbackOutcome::Completed {
                account: text("ops@acme.test"),
            },
            flow: text("flow_01h455vb4pex5vsknk084sn02q"),
            confirmation: Some(ConfirmationCode::new("cc_sample")),
            return_url: None,
            continue_url: None,
        };
        let change = CallbackOutcome::ConfirmAccount {
            expected: "ops@acme.test".to_owned(),
            found: RTL.to_owned(),
            action: "/connect/flow/account".to_owned(),
        };
        let mut samples = vec![
            ("completed", page.clone()),
            (
                "returning",
                Self {
                    return_url: text("https://app.test/?status=completed&sessionId=x"),
                    ..page.clone()
                },
            ),
            (
                "continue",
                Self {
                    continue_url: text("/connect?session=cs_1&hosted=1"),
                    ..page.clone()
                },
            ),
            (
                "account",
                Self {
                    outcome: change,
                    ..page.clone()
                },
            ),
        ];
        for (name, failure) in failures() {
            let connector = (name != "wrong-browser" && name != "unexpected").then(hubspot);
            let outcome = CallbackOutcome::Failed { failure };
            samples.push((
                name,
                Self {
                    connector,
                    outcome,
                    flow: None,
                    confirmation: None,
                    ..page.clone()
                },
            ));
        }
        samples
    }
}

impl Page for HostedDonePage {
    const TEMPLATE: &'static str = "connect/hosted_done.html";

    fn samples() -> Vec<(&'static str, Self)> {
        let accounts = vec![
            ConnectedAccount {
                connector: hubspot(),
                account: text("ops@acme.test"),
            },
            ConnectedAccount {
                connector: Connector::new("long", LONG),
                account: None,
            },
        ];
        let page = Self {
            host_app: text("Acme"),
            state: HostedState::Completed,
            accounts,
            return_url: None,
        };
        let over = |state| Self {
            state,
            accounts: Vec::new(),
            ..page.clone()
        };
        vec![
            (
                "completed",
                Self {
                    return_url: text("https://app.test/"),
                    ..page.clone()
                },
            ),
            ("expired", over(HostedState::Expired)),
            ("cancelled", over(HostedState::Cancelled)),
            (
                "unknown",
                Self {
                    host_app: None,
                    ..over(HostedState::Unknown)
                },
            ),
        ]
    }
}
