//! The views of the API keys' pages.

use serde::Serialize;
use vouchsafe_entity::millis::Millis;

use crate::domain::api_key::ApiKey;
use crate::domain::page::{Page, PageRequest};
use crate::domain::scope::Scope;
use crate::http::dashboard::filter::Filter;
use crate::http::dashboard::form::FormView;
use crate::http::dashboard::moment::Moment;
use crate::http::dashboard::page::{DashboardPage, Place};
use crate::http::dashboard::url::Url;
use crate::secret::PlainApiKey;

/// The keys of an environment.
#[derive(Serialize)]
pub(in crate::http::dashboard) struct ApiKeysPage {
    environment: String,
    keys: Vec<KeyRow>,
    first: bool,
    here: String,
    next: Option<String>,
    new: String,
}

#[derive(Serialize)]
struct KeyRow {
    name: String,
    prefix: String,
    scopes: Vec<String>,
    /// `good`, `warning`, `danger` or `neutral`, with its word.
    mark: (&'static str, &'static str),
    active: bool,
    last_used: Option<Moment>,
    created: Moment,
    expires: Option<Moment>,
    rotate: String,
    switch: String,
    revoke: String,
}

/// `at` in words.
pub(super) fn said(at: Millis, now: Millis) -> String {
    Moment::new(at, now).into_said()
}

fn row(environment: &str, key: ApiKey, now: Millis) -> KeyRow {
    let over = key.expires_at.is_some_and(|at| at <= now);
    let mark = match (over, key.active) {
        (true, _) => ("danger", "Expired"),
        (false, true) => ("good", "Active"),
        (false, false) => ("neutral", "Switched off"),
    };
    let switch = if key.active {
        Url::DeactivateApiKey(environment, key.id)
    } else {
        Url::ReactivateApiKey(environment, key.id)
    };
    KeyRow {
        prefix: key.prefix,
        scopes: key.scopes.words().to_vec(),
        mark,
        active: key.active,
        last_used: key.last_used_at.map(|at| Moment::new(at, now)),
        created: Moment::new(key.created_at, now),
        expires: key.expires_at.map(|at| Moment::new(at, now)),
        rotate: Url::RotateApiKey(environment, key.id).to_string(),
        switch: switch.to_string(),
        revoke: Url::RevokeApiKey(environment, key.id).to_string(),
        name: key.name,
    }
}

impl ApiKeysPage {
    pub(super) fn of(environment: &str, keys: Page<ApiKey>, asked: &PageRequest, now: Millis) -> Self {
        let pages = Filter::none(&Url::ApiKeys(environment), asked.own_limit());
        Self {
            environment: environment.to_owned(),
            first: asked.after.is_none(),
            here: pages.first_page(),
            next: pages.next(keys.next_cursor.as_deref()),
            keys: keys.items.into_iter().map(|key| row(environment, key, now)).collect(),
            new: Url::NewApiKey(environment).to_string(),
        }
    }
}

/// The form for a new key.
#[derive(Serialize)]
pub(in crate::http::dashboard) struct NewApiKeyPage {
    environment: String,
    form: FormView,
    scopes: Vec<&'static str>,
    named: Vec<&'static str>,
    back: String,
}

impl NewApiKeyPage {
    pub(super) fn of(environment: &str, form: FormView) -> Self {
        let words = |named: bool| {
            let some = Scope::ALL.iter().filter(move |scope| scope.is_named_only() == named);
            some.map(|scope| scope.as_str()).collect()
        };
        Self {
            environment: environment.to_owned(),
            form,
            scopes: words(false),
            named: words(true),
            back: Url::ApiKeys(environment).to_string(),
        }
    }
}

/// A key with its value, shown this once.
#[derive(Serialize)]
pub(in crate::http::dashboard) struct ShownApiKeyPage {
    environment: String,
    name: String,
    value: String,
    rotated: bool,
    back: String,
}

impl ShownApiKeyPage {
    pub(super) fn of(environment: &str, key: ApiKey, plain: &PlainApiKey, rotated: bool) -> Self {
        Self {
            environment: environment.to_owned(),
            name: key.name,
            value: plain.expose().to_owned(),
            rotated,
            back: Url::ApiKeys(environment).to_string(),
        }
    }
}

impl DashboardPage for ApiKeysPage {
    const TEMPLATE: &'static str = "dashboard/api_keys.html";
    const PLACE: Place = Place::ApiKeys;

    fn samples() -> Vec<(&'static str, Self)> {
        let now = Millis(1_893_456_000_000);
        let row = |name: &str, scopes: &[&str], mark: (&'static str, &'static str), days: i64| KeyRow {
            name: name.to_owned(),
            prefix: "vs_production_k3J9xQ2a".to_owned(),
            scopes: scopes.iter().map(ToString::to_string).collect(),
            active: mark.0 == "good",
            mark,
            last_used: (days > 0).then(|| Moment::new(now.plus_seconds(-days * 3_600), now)),
            created: Moment::new(now.plus_seconds(-days * 86_400), now),
            expires: (days == 40).then(|| Moment::new(now.plus_seconds(30 * 86_400), now)),
            rotate: "/dashboard/production/api-keys/x/rotate".to_owned(),
            switch: "/dashboard/production/api-keys/x/deactivate".to_owned(),
            revoke: "/dashboard/production/api-keys/x/revoke".to_owned(),
        };
        let page = |keys, next: Option<&str>| Self {
            environment: "production".to_owned(),
            keys,
            first: true,
            here: Url::ApiKeys("production").to_string(),
            next: next.map(str::to_owned),
            new: Url::NewApiKey("production").to_string(),
        };
        let long = "Consolidated Freight & Customs Brokerage back end <production>";
        let many = ["users:read", "users:write", "sessions:write", "credentials:read", "proxy"];
        vec![
            ("empty", page(Vec::new(), None)),
            (
                "three",
                page(
                    vec![
                        row("billing service", &["*", "credentials:reveal"], ("good", "Active"), 40),
                        row(long, &many, ("good", "Active"), 0),
                        row("old worker", &["proxy"], ("neutral", "Switched off"), 200),
                    ],
                    Some("/dashboard/production/api-keys?cursor=x"),
                ),
            ),
        ]
    }
}

impl DashboardPage for NewApiKeyPage {
    const TEMPLATE: &'static str = "dashboard/api_key_new.html";
    const PLACE: Place = Place::ApiKeys;

    fn samples() -> Vec<(&'static str, Self)> {
        let refused = FormView::new()
            .with_error("name", "Write 1 to 200 characters.")
            .with_error("scopes", "Name at least one scope.");
        vec![
            ("empty", Self::of("production", FormView::new().with_chosen("scopes", &["*"]))),
            ("refused", Self::of("production", refused)),
        ]
    }
}

impl DashboardPage for ShownApiKeyPage {
    const TEMPLATE: &'static str = "dashboard/api_key_shown.html";
    const PLACE: Place = Place::ApiKeys;

    fn samples() -> Vec<(&'static str, Self)> {
        let page = |rotated| Self {
            environment: "production".to_owned(),
            name: "billing service".to_owned(),
            value: "vs_production_k3J9xQ2aAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA1xYz2b".to_owned(),
            rotated,
            back: Url::ApiKeys("production").to_string(),
        };
        vec![("made", page(false)), ("rotated", page(true))]
    }
}
