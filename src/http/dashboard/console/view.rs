//! The view of the console.

use http::StatusCode;
use serde::Serialize;

use super::answer::Outcome;
use super::draft::{Draft, METHODS, Row};
use super::picker::{Choice, Picker, kinds};
use crate::domain::secret::SecretState;
use crate::http::dashboard::form::FormView;
use crate::http::dashboard::page::{DashboardPage, Place};
use crate::http::dashboard::secrets::{no_hosts_word, reference, state_word};
use crate::http::dashboard::url::Url;
use crate::service::proxy::Tried;
use crate::service::{Code, Error};

/// A call in the making, and what came of it.
#[derive(Serialize)]
pub(in crate::http::dashboard) struct ConsolePage {
    environment: String,
    action: String,
    draft: Draft,
    methods: [&'static str; 7],
    connectors: Vec<String>,
    picker: Option<Picker>,
    outcome: Option<Outcome>,
    /// The same call from a back end.
    command: String,
}

impl ConsolePage {
    pub(super) fn of(
        environment: &str,
        hub: &str,
        draft: Draft,
        connectors: Vec<String>,
        picker: Option<Picker>,
        outcome: Option<Outcome>,
    ) -> Self {
        Self {
            environment: environment.to_owned(),
            action: Url::Console(environment).to_string(),
            command: draft.command(hub),
            draft,
            methods: METHODS,
            connectors,
            picker,
            outcome,
        }
    }
}

/// A picker for samples.
fn picker(mode: &'static str, manage: bool, form: FormView) -> Picker {
    Picker {
        field: "header-0".to_owned(),
        mode,
        find: String::new(),
        editing: "METRICS_KEY".to_owned(),
        choices: ["METRICS_KEY", "CUSTOMS_BROKERAGE_INTERNATIONAL_LIVE_WEBHOOK_SIGNING_KEY_2031"]
            .into_iter()
            .map(|key| Choice {
                key: key.to_owned(),
                reference: reference(key),
                kind: "API key",
                mark: state_word(SecretState::Active),
                hosts: if key == "METRICS_KEY" { vec!["metrics.example.com".to_owned()] } else { Vec::new() },
                no_hosts: no_hosts_word(false),
            })
            .collect(),
        more: true,
        manage,
        form,
        kinds: kinds(),
        said: manage.then(|| "METRICS_KEY has its new value.".to_owned()),
    }
}

impl DashboardPage for ConsolePage {
    const TEMPLATE: &'static str = "dashboard/console.html";
    const PLACE: Place = Place::Console;

    fn samples() -> Vec<(&'static str, Self)> {
        let row = |name: &str, value: &str| Row { name: name.to_owned(), value: value.to_owned() };
        let page = |draft: Draft, picker, outcome| {
            let connectors = vec!["brightpay".to_owned(), "fernhill".to_owned()];
            Self::of("production", "https://hub.acme.test/", draft, connectors, picker, outcome)
        };
        let by_address = || Draft {
            method: "POST".to_owned(),
            via: "address".to_owned(),
            address: "https://metrics.example.com/v1/points".to_owned(),
            headers: vec![row("Authorization", "Bearer $Secret{METRICS_KEY}"), row("X-Of", "<production>")],
            body: "{\"value\": 7}".to_owned(),
            ..Draft::blank()
        };
        let none = Picker {
            choices: Vec::new(),
            more: false,
            find: "x".to_owned(),
            ..picker("find", true, FormView::new())
        };
        let refused = FormView::new()
            .with_error("key", "A key has 1 to 128 of A-Z, a-z, 0-9, _, - and .")
            .with_error("value", "Write 1 to 65,536 bytes.");
        let answered = |status: StatusCode, body: &[u8], cut: bool| {
            let headers = vec![("content-type".to_owned(), "application/json".to_owned())];
            Some(Outcome::answered(Tried { status, headers, body: body.to_vec(), cut }, 212))
        };
        let no = Error::refused(Code::ReferenceHostNotAllowed, "The secret `K` may not go to `<x>`.");
        vec![
            ("blank", page(Draft::blank(), None, None)),
            (
                "answered",
                page(by_address(), None, answered(StatusCode::OK, br#"{"ok":true,"in":"<x>"}"#, false)),
            ),
            ("cut", page(by_address(), None, answered(StatusCode::NOT_FOUND, b"<html>no</html>", true))),
            ("no-text", page(by_address(), None, answered(StatusCode::BAD_GATEWAY, &[0, 159], false))),
            ("refused", page(by_address(), None, Some(Outcome::refused(no)))),
            ("picking", page(by_address(), Some(picker("find", true, FormView::new())), None)),
            ("picking-for-editors", page(by_address(), Some(picker("find", false, FormView::new())), None)),
            ("picking-none", page(by_address(), Some(none), None)),
            ("making", page(by_address(), Some(picker("new", true, refused)), None)),
            ("changing", page(by_address(), Some(picker("edit", true, FormView::new())), None)),
            ("overtaken", page(by_address(), Some(picker("edit", true, FormView::new().overtaken())), None)),
        ]
    }
}
