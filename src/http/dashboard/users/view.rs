//! The views of the users' pages.

use std::collections::HashMap;

use serde::Serialize;
use vouchsafe_entity::id::CredentialId;
use vouchsafe_entity::kind::{AttemptOutcome, Status};
use vouchsafe_entity::millis::Millis;

use crate::domain::credential::Credential;
use crate::domain::history::{By, Entry, Happening};
use crate::domain::integration::Integration;
use crate::domain::page::{Page, PageRequest};
use crate::domain::role::Action;
use crate::domain::user::User;
use crate::http::connect::page::Connector;
use crate::http::dashboard::attempts::AttemptRow;
use crate::http::dashboard::caller::InEnvironment;
use crate::http::dashboard::credentials::{CredentialRow, HistoryRow, app, mark};
use crate::http::dashboard::filter::Filter;
use crate::http::dashboard::form::FormView;
use crate::http::dashboard::moment::Moment;
use crate::http::dashboard::page::{DashboardPage, Place};
use crate::http::dashboard::url::{Url, filtered};
use crate::provider::Definition;
use crate::service::Hub;
use crate::service::credentials::Activity;

/// Apps shown of one user in the list.
pub(super) const SHOWN: usize = 4;

/// The users of an environment.
#[derive(Serialize)]
pub(in crate::http::dashboard) struct UsersPage {
    environment: String,
    hub: String,
    /// None where the reader may not.
    new: Option<String>,
    rows: Vec<UserRow>,
    filter: Filter,
    first: bool,
    next: Option<String>,
}

#[derive(Serialize)]
struct UserRow {
    url: String,
    username: String,
    /// Name and address, as far as they are known.
    known_as: Option<String>,
    apps: Vec<Badge>,
    /// Whether there are more.
    more: bool,
    created: Moment,
}

/// An app and how its credential stands.
#[derive(Serialize)]
struct Badge {
    app: Connector,
    kind: &'static str,
    word: &'static str,
}

fn known_as(user: &User) -> Option<String> {
    let known: Vec<_> = [user.full_name.as_deref(), user.email.as_deref()].into_iter().flatten().collect();
    (!known.is_empty()).then(|| known.join(", "))
}

impl UsersPage {
    pub(super) fn of(
        desk: &InEnvironment,
        users: Page<User>,
        credentials: &[Credential],
        search: Option<&str>,
        asked: &PageRequest,
    ) -> Self {
        let now = desk.hub.now();
        let fields: Vec<_> = search.map(|search| ("search", search)).into_iter().collect();
        let list = Url::Users(&desk.environment).to_string();
        let filter = Filter::of(&list, asked.own_limit(), &fields, "");
        let row = |user: User| {
            let own: Vec<_> = credentials.iter().filter(|one| one.user == user.id).collect();
            let badge = |one: &&Credential| {
                let (kind, word) = mark(one.health(now).status);
                Badge { app: app(&desk.hub, &one.connector, &one.provider), kind, word }
            };
            UserRow {
                url: Url::User(&desk.environment, user.id).to_string(),
                known_as: known_as(&user),
                apps: own.iter().take(SHOWN).map(badge).collect(),
                more: own.len() > SHOWN,
                created: Moment::new(user.created_at, now),
                username: user.username,
            }
        };
        Self {
            environment: desk.environment.clone(),
            hub: desk.hub.public_url().as_str().trim_end_matches('/').to_owned(),
            new: desk.desk.who.may(Action::EditUsers).then(|| Url::NewUser(&desk.environment).to_string()),
            next: filter.next(users.next_cursor.as_deref()),
            rows: users.items.into_iter().map(row).collect(),
            filter,
            first: asked.after.is_none(),
        }
    }
}

/// One user.
#[derive(Serialize)]
#[expect(clippy::struct_excessive_bools, reason = "independent facts")]
pub(in crate::http::dashboard) struct UserPage {
    environment: String,
    id: String,
    username: String,
    full_name: Option<String>,
    email: Option<String>,
    organization: Option<String>,
    tags: Vec<String>,
    created: Moment,
    credentials: Vec<CredentialRow>,
    first: bool,
    here: String,
    next: Option<String>,
    attempts: Vec<AttemptRow>,
    all_attempts: Option<String>,
    /// Whether the reader may see what happened.
    may_see: bool,
    /// To their credentials and sessions.
    history: Vec<HistoryRow>,
    /// Whether older things are left out of it.
    more_history: bool,
    /// Whether the reader may make a link.
    may_link: bool,
    /// Slug and name of what a link can be for.
    integrations: Vec<(String, String)>,
    form: FormView,
    link: String,
    /// None where the reader may not.
    delete: Option<String>,
    back: String,
}

/// A credential by the name of its app and its own, which mostly begins with that.
fn called(hub: &Hub, credential: &Credential) -> String {
    let known = hub.providers().get(&credential.provider);
    let app = known.as_deref().map_or(credential.connector.as_str(), Definition::name);
    let own = credential.name.as_str();
    if own.starts_with(app) { own.to_owned() } else { format!("{app}, {own}") }
}

/// The attempts, and what happened besides, each with the credential that it happened to.
fn told(desk: &InEnvironment, activity: Activity) -> (Vec<AttemptRow>, Vec<HistoryRow>) {
    let (now, place) = (desk.hub.now(), desk.environment.as_str());
    let row = |(to, entry): (Option<CredentialId>, Entry)| {
        let row = HistoryRow::of(entry, &activity.names, now);
        match to.and_then(|id| activity.credentials.get(&id)) {
            Some(one) => {
                let url = activity.has(one.id).then(|| Url::Credential(place, one.id).to_string());
                row.happened_to(called(&desk.hub, one), url)
            }
            None => row,
        }
    };
    let history = activity.entries.iter().cloned().map(row).collect();
    let attempts = activity.attempts.into_iter().map(|attempt| AttemptRow::of(desk, attempt)).collect();
    (attempts, history)
}

impl UserPage {
    pub(super) fn of(
        desk: &InEnvironment,
        user: User,
        (credentials, next, asked): (Vec<CredentialRow>, Option<String>, &PageRequest),
        activity: Option<Activity>,
        integrations: Option<Vec<Integration>>,
        form: FormView,
    ) -> Self {
        let place = desk.environment.as_str();
        let pages = Filter::none(&Url::User(place, user.id), asked.own_limit());
        let id = user.id.to_string();
        let all = filtered(&Url::Attempts(place), &[("user", Some(&id))]);
        let may_see = activity.is_some();
        let more_history = activity.as_ref().is_some_and(|activity| activity.more);
        let (attempts, history) = activity.map(|activity| told(desk, activity)).unwrap_or_default();
        let slugs = |all: Vec<Integration>| all.into_iter().map(|one| (one.slug, one.name)).collect();
        Self {
            environment: place.to_owned(),
            created: Moment::new(user.created_at, desk.hub.now()),
            credentials,
            first: asked.after.is_none(),
            here: pages.first_page(),
            next: pages.next(next.as_deref()),
            all_attempts: Some(all).filter(|_| !attempts.is_empty()),
            attempts,
            may_see,
            history,
            more_history,
            may_link: integrations.is_some(),
            integrations: integrations.map_or_else(Vec::new, slugs),
            form,
            link: Url::LinkUser(place, user.id).to_string(),
            delete: desk
                .desk
                .who
                .may(Action::DeleteUsers)
                .then(|| Url::DeleteUser(place, user.id).to_string()),
            back: Url::Users(place).to_string(),
            id,
            username: user.username,
            full_name: user.full_name,
            email: user.email,
            organization: user.organization,
            tags: user.tags,
        }
    }
}

impl DashboardPage for UsersPage {
    const TEMPLATE: &'static str = "dashboard/users.html";
    const PLACE: Place = Place::Users;

    fn samples() -> Vec<(&'static str, Self)> {
        let now = Millis(1_893_456_000_000);
        let row = |username: &str, known: Option<&str>, apps: &[(&str, Status)], more| UserRow {
            url: "/dashboard/production/users/x".to_owned(),
            username: username.to_owned(),
            known_as: known.map(str::to_owned),
            apps: apps
                .iter()
                .map(|(name, status)| {
                    let (kind, word) = mark(*status);
                    Badge { app: Connector::new(name.to_lowercase(), *name), kind, word }
                })
                .collect(),
            more,
            created: Moment::new(now.plus_seconds(-86_400 * 20), now),
        };
        let page = |rows: Vec<UserRow>, search: &[(&'static str, &str)]| {
            let filter = Filter::of("/dashboard/production/users", None, search, "");
            Self {
                environment: "production".to_owned(),
                hub: "https://hub.acme.test".to_owned(),
                new: Some("/dashboard/production/new-user".to_owned()),
                next: filter.next(Some("x").filter(|_| !rows.is_empty())),
                rows,
                filter,
                first: true,
            }
        };
        let many = [
            ("HubSpot", Status::Active),
            ("Stripe", Status::Expired),
            ("QuickBooks Online Advanced", Status::Active),
            ("Slack", Status::Error),
        ];
        let long = "consolidated-freight-and-customs-brokerage <International> ag";
        let rows = vec![
            row("u-17", Some("Jo Miller, jo@acme.test"), &many, true),
            row(long, None, &many[..1], false),
            row("u-3", Some("sam@acme.test"), &[], false),
        ];
        vec![
            ("empty", page(Vec::new(), &[])),
            ("none-found", page(Vec::new(), &[("search", "nobody <at> all")])),
            ("three", page(rows, &[])),
        ]
    }
}

fn sample_history() -> Vec<HistoryRow> {
    let now = Millis(1_893_456_000_000);
    let row = |what, count, by: &str| {
        let by = Some(By { kind: by.to_owned(), id: None });
        HistoryRow::of(Entry { count, by, ..Entry::once(what, now) }, &HashMap::new(), now)
    };
    let (of, url) = ("Stripe <of> Jo", "/dashboard/production/credentials/x");
    vec![
        row(Happening::Refreshed, 12, "hub").happened_to(of.to_owned(), Some(url.to_owned())),
        row(Happening::Deleted, 1, "user").happened_to(of.to_owned(), None),
        row(Happening::SessionMade, 1, "api_key"),
    ]
}

impl DashboardPage for UserPage {
    const TEMPLATE: &'static str = "dashboard/user.html";
    const PLACE: Place = Place::Users;

    fn samples() -> Vec<(&'static str, Self)> {
        let now = Millis(1_893_456_000_000);
        let page = |credentials: Vec<CredentialRow>, attempts: Vec<AttemptRow>, may: bool, form: FormView| {
            let integrations = vec![("ask-your-crm".to_owned(), "Ask your CRM".to_owned())];
            Self {
                environment: "production".to_owned(),
                id: "user_01jz0000000000000000000000".to_owned(),
                username: "consolidated-freight-and-customs-brokerage <International> ag".to_owned(),
                full_name: Some("Jo Miller".to_owned()),
                email: Some("jo@acme.test".to_owned()),
                organization: None,
                tags: vec!["trial".to_owned()],
                created: Moment::new(now.plus_seconds(-86_400 * 20), now),
                credentials,
                first: true,
                here: "/dashboard/production/users/x".to_owned(),
                next: None,
                all_attempts: (!attempts.is_empty())
                    .then(|| "/dashboard/production/attempts?user=x".to_owned()),
                may_see: may,
                history: if attempts.is_empty() { Vec::new() } else { sample_history() },
                more_history: !attempts.is_empty(),
                attempts,
                may_link: may,
                integrations,
                form,
                link: "/dashboard/production/users/x/link".to_owned(),
                delete: may.then(|| "/dashboard/production/users/x/delete".to_owned()),
                back: "/dashboard/production/users".to_owned(),
            }
        };
        let credentials = || {
            vec![
                CredentialRow::sample("u-17", ("crm", "HubSpot"), Some("ops@acme.test"), Status::Active, 40),
                CredentialRow::sample("u-17", ("payments", "Stripe"), None, Status::Expired, 9),
            ]
        };
        let attempts = || {
            vec![
                AttemptRow::sample("u-17", "Stripe", AttemptOutcome::Failed, Some("You said <no>.")),
                AttemptRow::sample("u-17", "HubSpot", AttemptOutcome::Connected, None),
            ]
        };
        let refused = FormView::new().saying("Set the return address of this environment first.");
        vec![
            ("empty", page(Vec::new(), Vec::new(), true, FormView::new())),
            ("two", page(credentials(), attempts(), true, FormView::new())),
            ("refused", page(credentials(), attempts(), true, refused)),
            ("viewer", page(credentials(), Vec::new(), false, FormView::new())),
        ]
    }
}
