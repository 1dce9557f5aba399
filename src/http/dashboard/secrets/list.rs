//! The view of the list of secrets, with whatever stands in the panel beside it.

use std::collections::BTreeMap;

use serde::Serialize;
use vouchsafe_entity::kind::{SecretType, Visibility};
use vouchsafe_entity::millis::Millis;

use super::columns::{Column, usual};
use super::panel::Panel;
use super::query::{Filters, Part, SecretQuery};
use super::words::{no_hosts_word, state_word, type_word, visibility_word};
use crate::domain::secret::SecretState;
use crate::http::dashboard::form::FormView;
use crate::http::dashboard::moment::Moment;
use crate::http::dashboard::page::{DashboardPage, Place};
use crate::http::dashboard::url::Url;
use crate::service::secrets::{SecretName, SecretView};

/// What a member may do with the secrets of a page.
#[derive(Clone, Copy, Debug, Serialize)]
pub(super) struct Rights {
    /// See more than names.
    pub(super) view: bool,
    /// Make, change and end them.
    pub(super) manage: bool,
    /// Be shown masked values.
    pub(super) reveal: bool,
}

/// The secrets of an environment.
#[derive(Serialize)]
pub(in crate::http::dashboard) struct SecretsPage {
    pub(super) environment: String,
    pub(super) rights: Rights,
    pub(super) secrets: Vec<SecretRow>,
    /// All that a viewer is shown.
    pub(super) names: Vec<NameRow>,
    pub(super) columns: Vec<Column>,
    /// Each column's word, and whether it is shown.
    pub(super) shows: BTreeMap<&'static str, bool>,
    pub(super) filters: Filters,
    /// Whether a filter hides something, maybe.
    pub(super) narrowed: bool,
    pub(super) first: bool,
    pub(super) here: String,
    /// The same with this page of it.
    pub(super) part: String,
    pub(super) next: Option<String>,
    pub(super) new: String,
    pub(super) bulk: String,
    pub(super) choose_columns: String,
    pub(super) hub: String,
    pub(super) panel: Option<Panel>,
}

/// A line of the list.
#[derive(Clone, Debug, Serialize)]
pub(super) struct SecretRow {
    key: String,
    name: String,
    reference: String,
    mark: (&'static str, &'static str),
    kind: &'static str,
    issuer: Option<String>,
    visibility: &'static str,
    restricted: bool,
    environments: Vec<String>,
    products: Vec<String>,
    apps: Vec<String>,
    hosts: Vec<String>,
    /// Where it goes without any.
    no_hosts: &'static str,
    expires: Option<Moment>,
    used: Option<Moment>,
    created: Moment,
    url: String,
    /// Where its value is revealed; none where nobody may or nothing is left.
    reveal: Option<String>,
}

/// A line of the list for those who see names alone.
#[derive(Clone, Debug, Serialize)]
pub(super) struct NameRow {
    key: String,
    name: String,
}

impl From<SecretName> for NameRow {
    fn from(secret: SecretName) -> Self {
        Self { key: secret.key, name: secret.name }
    }
}

/// How one refers to a secret.
pub(in crate::http::dashboard) fn reference(key: &str) -> String {
    format!("$Secret{{{key}}}")
}

impl SecretRow {
    /// `issued`: its issuer is a provider.
    pub(super) fn of(
        environment: &str,
        view: SecretView,
        issued: bool,
        rights: Rights,
        part: &Part,
        now: Millis,
    ) -> Self {
        let SecretView { secret, environments } = view;
        let state = secret.state(now);
        let restricted = secret.visibility == Visibility::Restricted;
        let reveals = rights.reveal && !restricted && state != SecretState::Revoked;
        Self {
            reference: reference(&secret.key),
            mark: state_word(state),
            kind: type_word(secret.kind),
            issuer: secret.issuer,
            visibility: visibility_word(secret.visibility),
            restricted,
            environments,
            products: secret.scope.products,
            apps: secret.scope.apps,
            hosts: secret.allowed_hosts.iter().map(ToString::to_string).collect(),
            no_hosts: no_hosts_word(issued),
            expires: secret.expires_at.map(|at| Moment::new(at, now)),
            used: secret.last_used_at.map(|at| Moment::new(at, now)),
            created: Moment::new(secret.created_at, now),
            url: part.at(&Url::Secret(environment, &secret.key)),
            reveal: reveals.then(|| part.at(&Url::RevealSecret(environment, &secret.key))),
            name: secret.name,
            key: secret.key,
        }
    }
}

impl SecretsPage {
    /// Whether it has no row.
    pub(super) fn is_empty(&self) -> bool {
        self.secrets.is_empty() && self.names.is_empty()
    }

    /// A page with nothing in it yet.
    pub(super) fn new(
        environment: &str,
        hub: &str,
        rights: Rights,
        columns: Vec<Column>,
        filters: Filters,
    ) -> Self {
        Self {
            environment: environment.to_owned(),
            rights,
            secrets: Vec::new(),
            names: Vec::new(),
            shows: columns.iter().map(|column| (column.word(), column.is_shown())).collect(),
            columns,
            filters,
            narrowed: false,
            first: true,
            here: Url::Secrets(environment).to_string(),
            part: Url::Secrets(environment).to_string(),
            next: None,
            new: Url::NewSecret(environment).to_string(),
            bulk: Url::ActOnSecrets(environment).to_string(),
            choose_columns: Url::SecretColumns(environment).to_string(),
            hub: hub.trim_end_matches('/').to_owned(),
            panel: None,
        }
    }
}

fn sample_row(key: &str, days: i64, state: SecretState, restricted: bool) -> SecretRow {
    let now = Millis(1_893_456_000_000);
    let visibility = if restricted { Visibility::Restricted } else { Visibility::Masked };
    SecretRow {
        key: key.to_owned(),
        name: if days > 30 { "Payments, live <production>".to_owned() } else { key.to_owned() },
        reference: reference(key),
        mark: state_word(state),
        kind: type_word(SecretType::ALL[usize::try_from(days).unwrap_or(0) % SecretType::ALL.len()]),
        issuer: (days > 2).then(|| "brightpay".to_owned()),
        visibility: visibility_word(visibility),
        restricted,
        environments: vec!["production".to_owned(), "sandbox".to_owned()],
        products: if days > 30 { vec!["sync-orders".to_owned()] } else { Vec::new() },
        apps: if days > 2 { vec!["brightpay".to_owned(), "fernhill".to_owned()] } else { Vec::new() },
        hosts: if days > 0 {
            vec!["api.stripe.com".to_owned(), "*.stripe.com".to_owned()]
        } else {
            Vec::new()
        },
        no_hosts: no_hosts_word(false),
        expires: (days > 2).then(|| Moment::new(now.plus_seconds(days * 86_400), now)),
        used: (days > 0).then(|| Moment::new(now.plus_seconds(-days * 3_600), now)),
        created: Moment::new(now.plus_seconds(-days * 86_400), now),
        url: Url::Secret("production", key).to_string(),
        reveal: (!restricted).then(|| Url::RevealSecret("production", key).to_string()),
    }
}

impl DashboardPage for SecretsPage {
    const TEMPLATE: &'static str = "dashboard/secrets.html";
    const PLACE: Place = Place::Secrets;

    fn samples() -> Vec<(&'static str, Self)> {
        let owner = Rights { view: true, manage: true, reveal: true };
        let query = SecretQuery::sample();
        let page = |rights: Rights, set: bool| {
            let query = if set { query.clone() } else { SecretQuery::default() };
            let others = ["production".to_owned(), "sandbox".to_owned()];
            let hub = "https://hub.acme.test/";
            let mut page =
                Self::new("production", hub, rights, usual(), query.view("production", None, &others));
            page.narrowed = query.narrows();
            page
        };
        let rows = || {
            vec![
                sample_row("STRIPE_KEY", 40, SecretState::Active, true),
                sample_row(
                    "CUSTOMS_BROKERAGE_INTERNATIONAL_LIVE_WEBHOOK_SIGNING_KEY_2031",
                    5,
                    SecretState::Expired,
                    false,
                ),
                sample_row("metrics", 0, SecretState::Inactive, false),
            ]
        };
        let full = |rights| Self {
            secrets: rows(),
            next: Some("/dashboard/production/secrets?cursor=x".to_owned()),
            ..page(rights, false)
        };
        let reader = Rights { view: true, manage: false, reveal: false };
        let viewer = Rights { view: false, manage: false, reveal: false };
        let name = |key: &str| NameRow { key: key.to_owned(), name: "Payments, live".to_owned() };
        let beside = |panel| Self { panel: Some(panel), ..full(owner) };
        let refused = FormView::new()
            .with_error("key", "A key has 1 to 128 of A-Z, a-z, 0-9, _, - and .")
            .with_error("value", "Write 1 to 65,536 bytes.")
            .with_error("expiresAt", "The end must lie in the future.");
        vec![
            ("empty", page(owner, false)),
            ("empty-for-editors", page(reader, false)),
            ("none-fits", page(owner, true)),
            ("three", full(owner)),
            ("three-for-editors", full(reader)),
            ("viewer", Self { names: vec![name("STRIPE_KEY"), name("metrics")], ..page(viewer, false) }),
            ("new", beside(Panel::sample_form(FormView::new().with("visibility", "masked"), true))),
            ("new-refused", beside(Panel::sample_form(refused, true))),
            ("edit", beside(Panel::sample_form(FormView::new().with("name", "Payments"), false))),
            ("edit-overtaken", beside(Panel::sample_form(FormView::new().overtaken(), false))),
            ("one", beside(Panel::sample_secret(owner))),
            ("one-for-editors", Self { panel: Some(Panel::sample_secret(reader)), ..full(reader) }),
        ]
    }
}
