//! Samples of the pages around a sign-in and at its end.
//!
//! Only tests and screenshots may use them.

use super::super::{
    CallbackOutcome, CallbackPage, ConfirmationCode, ConnectedAccount, Connector, DoneNote, DonePage,
    FailedPage, Failure, FailureReason, HostedDonePage, HostedState, InterstitialPage,
};
use super::{LONG, RTL, hubspot, look};
use crate::http::render::Page;

impl Page for DonePage {
    const TEMPLATE: &'static str = "connect/done.html";

    fn samples() -> Vec<(&'static str, Self)> {
        let page = Self {
            host_app: "Acme".to_owned(),
            connector: Some(hubspot()),
            account: Some("ops@acme.test".to_owned()),
            note: None,
            next: None,
            return_url: None,
        };
        let access = vec!["Read invoices".to_owned()];
        vec![
            ("plain", page.clone()),
            ("next", Self { next: Some(Connector::new("shopify", "Shopify")), ..page.clone() }),
            ("missing", Self { note: Some(DoneNote::MissingPermission { access }), ..page.clone() }),
            ("untested", Self { note: Some(DoneNote::Untested), account: None, ..page.clone() }),
            (
                "pending",
                Self { note: Some(DoneNote::Pending), account: Some(RTL.to_owned()), ..page.clone() },
            ),
            (
                "all",
                Self {
                    connector: None,
                    account: None,
                    return_url: Some("https://app.test/settings".to_owned()),
                    ..page
                },
            ),
        ]
    }
}

fn failure(reason: FailureReason, code: &str, app_message: Option<&str>) -> Failure {
    Failure { reason, code: code.to_owned(), app_message: app_message.map(str::to_owned) }
}

fn failures() -> Vec<(&'static str, Failure)> {
    let words = "<b>invalid_scope</b>: The requested scope is invalid, unknown, or malformed.";
    let other = FailureReason::OtherAccount { expected: "ops@acme.test".to_owned(), found: RTL.to_owned() };
    vec![
        ("denied", failure(FailureReason::Denied, "access_denied", Some("The user said no."))),
        ("refused", failure(FailureReason::Refused, "invalid_scope", Some(words))),
        ("unreachable", failure(FailureReason::Unreachable, "provider_unreachable", None)),
        ("busy", failure(FailureReason::Busy, "rate_limited", None)),
        ("not-understood", failure(FailureReason::NotUnderstood, "unexpected_answer", Some("invalid_code"))),
        ("other-account", failure(other, "account_changed", None)),
        ("timed-out", failure(FailureReason::TimedOut, "flow_expired", None)),
        ("wrong-browser", failure(FailureReason::WrongBrowser, "state_mismatch", None)),
        ("changed", failure(FailureReason::Changed, "provider_changed", None)),
        ("unavailable", failure(FailureReason::Unavailable, "connector_failing", None)),
        ("unexpected", failure(FailureReason::Unexpected, "internal_error", None)),
    ]
}

impl Page for FailedPage {
    const TEMPLATE: &'static str = "connect/failed.html";

    fn samples() -> Vec<(&'static str, Self)> {
        let page = |failure| Self { host_app: "Acme".to_owned(), connector: hubspot(), failure, back: false };
        failures().into_iter().map(|(name, failure)| (name, page(failure))).collect()
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
            look: look(),
            handshake: false,
            opener_only: false,
            busy: false,
        };
        let hard = Self {
            host_app: LONG.to_owned(),
            connector: Connector::new("nakhil", RTL),
            user: RTL.to_owned(),
            ..page.clone()
        };
        let handshake = Self { handshake: true, ..page.clone() };
        let opener_only = Self { opener_only: true, ..handshake.clone() };
        let busy = Self { busy: true, ..page.clone() };
        vec![
            ("plain", page),
            ("handshake", handshake),
            ("opener-only", opener_only),
            ("busy", busy),
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
            outcome: CallbackOutcome::Completed { account: Some("ops@acme.test".to_owned()) },
            flow: Some("flow_01h455vb4pex5vsknk084sn02q".to_owned()),
            look: look(),
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
                    return_url: Some("https://app.test/?status=completed&sessionId=x".to_owned()),
                    ..page.clone()
                },
            ),
            (
                "continue",
                Self { continue_url: Some("/connect?session=cs_1&hosted=1".to_owned()), ..page.clone() },
            ),
            ("account", Self { outcome: change, ..page.clone() }),
        ];
        for (name, failure) in failures() {
            let connector = (name != "wrong-browser" && name != "unexpected").then(hubspot);
            let outcome = CallbackOutcome::Failed { failure };
            samples.push((name, Self { connector, outcome, flow: None, confirmation: None, ..page.clone() }));
        }
        samples
    }
}

impl Page for HostedDonePage {
    const TEMPLATE: &'static str = "connect/hosted_done.html";

    fn samples() -> Vec<(&'static str, Self)> {
        let accounts = vec![
            ConnectedAccount { connector: hubspot(), account: Some("ops@acme.test".to_owned()) },
            ConnectedAccount { connector: Connector::new("long", LONG), account: None },
        ];
        let page = Self {
            host_app: Some("Acme".to_owned()),
            state: HostedState::Completed,
            look: look(),
            accounts,
            return_url: None,
        };
        let over = |state| Self { state, accounts: Vec::new(), ..page.clone() };
        vec![
            ("completed", Self { return_url: Some("https://app.test/".to_owned()), ..page.clone() }),
            ("expired", over(HostedState::Expired)),
            ("cancelled", over(HostedState::Cancelled)),
            ("unknown", Self { host_app: None, ..over(HostedState::Unknown) }),
        ]
    }
}
