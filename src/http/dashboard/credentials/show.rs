//! One credential: how it stands, what it may do, what uses it, what happened to it.

use serde::Serialize;
use vouchsafe_entity::id::CredentialId;
use vouchsafe_entity::kind::{Method, Status};
use vouchsafe_entity::millis::Millis;

use super::CredentialPath;
use super::words::{HistoryRow, Mark, app, mark, reason};
use crate::domain::credential::Credential;
use crate::domain::history::{By, Entry, Happening};
use crate::domain::page::PageRequest;
use crate::domain::role::Action;
use crate::http::Problem;
use crate::http::connect::page::Connector;
use crate::http::dashboard::Answer;
use crate::http::dashboard::caller::InEnvironment;
use crate::http::dashboard::filter::Filter;
use crate::http::dashboard::moment::Moment;
use crate::http::dashboard::page::{DashboardPage, Place};
use crate::http::dashboard::url::Url;
use crate::http::extract::{InPath, Listing, NoFilter};
use crate::service::credentials::History;

/// One credential.
#[derive(Serialize)]
pub(in crate::http::dashboard) struct CredentialPage {
    id: String,
    name: String,
    app: Connector,
    account: Option<String>,
    user: String,
    user_url: String,
    mark: Mark,
    reason: Option<&'static str>,
    /// How loudly the reason is said.
    level: &'static str,
    method: &'static str,
    scopes: Vec<String>,
    variables: Vec<(String, String)>,
    integrations: Vec<String>,
    created: Moment,
    issued: Moment,
    ends: Option<Moment>,
    last_used: Option<Moment>,
    last_refreshed: Option<Moment>,
    acts: Acts,
    history: Vec<HistoryRow>,
    uses_since: Option<Moment>,
    first: bool,
    here: String,
    next: Option<String>,
    back: String,
}

/// Where what can be done is done; none where it can't be, or the reader may not.
#[derive(Default, Serialize)]
struct Acts {
    verify: Option<String>,
    refresh: Option<String>,
    link: Option<String>,
    /// The address that the link can be mailed to.
    mail: Option<String>,
    deactivate: Option<String>,
    reactivate: Option<String>,
    revoke: Option<String>,
    delete: Option<String>,
}

/// How a credential was given, in words.
const fn method(method: Method) -> &'static str {
    match method {
        Method::OAuth2 => "Signed in at the app (OAuth 2.0)",
        Method::ClientCredentials => "Client ID and secret of its own",
        Method::ApiKey => "API key",
        Method::Basic => "User name and password",
        Method::Session => "Login for a session",
        Method::Jwt => "Signing key",
        Method::OAuth1 => "Signed in at the app (OAuth 1.0a)",
        Method::AwsSigV4 => "Keys that sign each call (AWS)",
    }
}

const fn level((kind, _): Mark) -> &'static str {
    match kind.as_bytes() {
        b"danger" => "danger",
        b"warning" => "warning",
        _ => "info",
    }
}

fn acts(desk: &InEnvironment, credential: &Credential, status: Status) -> Acts {
    let here = Url::Credential(&desk.environment, credential.id);
    let at = |word: &str, yes: bool| yes.then(|| format!("{here}/{word}"));
    let may = |action| desk.desk.who.may(action);
    let (maintains, manages) = (may(Action::MaintainCredentials), may(Action::ManageCredentials));
    let works = matches!(status, Status::Active | Status::Error);
    let definition = desk.hub.providers().get(&credential.provider);
    let has_check = definition.is_some_and(|known| known.check(credential.method).is_some());
    let on = credential.deactivated_at.is_none();
    let ended = matches!(status, Status::Expired | Status::Revoked);
    Acts {
        verify: at("verify", maintains && works && has_check),
        refresh: at("refresh", maintains && works && credential.is_renewable()),
        link: at("link", maintains && status != Status::Pending),
        mail: desk.hub.link_occasion(credential).and(credential.user_email.clone()).filter(|_| maintains),
        deactivate: at("deactivate", manages && on && !ended),
        reactivate: at("reactivate", manages && !on && !ended),
        revoke: at("revoke", manages && status != Status::Revoked),
        delete: at("delete", manages),
    }
}

/// `GET /dashboard/{environment}/credentials/{credential}`.
pub(super) async fn show_credential(
    desk: InEnvironment,
    InPath(CredentialPath { credential: id }): InPath<CredentialPath>,
    Listing { page, .. }: Listing<NoFilter>,
) -> Answer {
    Ok(desk.show(&look_into(&desk, id, &page).await?))
}

/// A credential beside the list, with so much of what happened of late; its own page is as long as usual.
pub(super) async fn glance_at(
    desk: &InEnvironment,
    id: CredentialId,
    most: u64,
) -> Result<CredentialPage, Problem> {
    let page = look_into(desk, id, &PageRequest { limit: most, after: None }).await?;
    Ok(CredentialPage { here: Url::Credential(&desk.environment, id).to_string(), ..page })
}

/// A credential with this page of its history.
pub(super) async fn look_into(
    desk: &InEnvironment,
    id: CredentialId,
    page: &PageRequest,
) -> Result<CredentialPage, Problem> {
    let credential = desk.hub.get_credential(&desk.actor, id).await?;
    let history = desk.hub.credential_history(&desk.actor, id, page).await?;
    let needing = desk.hub.integrations_with(&desk.actor, &[&credential.connector]).await?;
    let mut integrations: Vec<_> = needing.integrations.into_iter().map(|one| one.name).collect();
    if needing.more {
        integrations.push("and more".to_owned());
    }
    Ok(shown(desk, credential, history, integrations, page))
}

fn shown(
    desk: &InEnvironment,
    credential: Credential,
    history: History,
    integrations: Vec<String>,
    page: &PageRequest,
) -> CredentialPage {
    let now = desk.hub.now();
    let moment = |at: Option<Millis>| at.map(|at| Moment::new(at, now));
    let health = credential.health(now);
    let pages = Filter::none(&Url::Credential(&desk.environment, credential.id), page.own_limit());
    let names = &history.names;
    let rows = history.entries.into_iter().map(|entry| HistoryRow::of(entry, names, now)).collect();
    CredentialPage {
        id: credential.id.to_string(),
        app: app(&desk.hub, &credential.connector, &credential.provider),
        user_url: Url::User(&desk.environment, credential.user).to_string(),
        mark: mark(health.status),
        reason: health.reason.map(reason),
        level: level(mark(health.status)),
        method: method(credential.method),
        integrations,
        created: Moment::new(credential.created_at, now),
        issued: Moment::new(credential.issued_at, now),
        ends: moment(credential.acts_by()),
        last_used: moment(credential.last_used_at),
        last_refreshed: moment(credential.last_refreshed_at),
        acts: acts(desk, &credential, health.status),
        history: rows,
        uses_since: moment(history.uses_since),
        next: pages.next(history.next_cursor.as_deref()),
        first: page.after.is_none(),
        here: pages.first_page(),
        back: Url::Credentials(&desk.environment).to_string(),
        name: credential.name,
        account: credential.account.map(|account| account.label),
        user: credential.username,
        scopes: credential.scopes,
        variables: credential.variables.into_iter().collect(),
    }
}

impl DashboardPage for CredentialPage {
    const TEMPLATE: &'static str = "dashboard/credential.html";
    const PLACE: Place = Place::Credentials;

    fn samples() -> Vec<(&'static str, Self)> {
        use Happening as H;
        let now = Millis(1_893_456_000_000);
        let back = |hours: i64| Moment::new(now.plus_seconds(-hours * 3_600), now);
        let names = [("member", "Olive Owner"), ("api_key", "billing service")];
        let names = names.map(|(id, name)| (id.to_owned(), name.to_owned())).into();
        let entry = |what, hours: i64, count: u32, detail: Option<&str>, by: Option<&str>| {
            let at = now.plus_seconds(-hours * 3_600);
            let entry = Entry {
                count,
                since: now.plus_seconds(-(hours + i64::from(count)) * 3_600),
                detail: detail.map(str::to_owned),
                by: by.map(|kind| By { kind: kind.to_owned(), id: Some(kind.to_owned()) }),
                ..Entry::once(what, at)
            };
            HistoryRow::of(entry, &names, now)
        };
        let call = "GET api.hubapi.com/crm/v3/objects/contacts: 200, 0 bytes out, 5120 in, 84 ms";
        let history = || {
            vec![
                entry(H::Used, 1, 37, Some(call), Some("api_key")),
                entry(H::Reconnected, 20, 1, Some("crm as ops@acme.test"), Some("user")),
                entry(H::LinkMade, 22, 1, None, Some("member")),
                entry(H::Ended, 30, 1, None, None),
                entry(H::RefreshFailed, 30, 2, Some("refused (invalid_grant)"), Some("hub")),
                entry(H::ConnectFailed, 60, 1, Some("The user <said> no (access_denied)"), Some("user")),
                entry(H::Refreshed, 80, 412, None, Some("hub")),
                entry(H::Connected, 9_000, 1, Some("crm as ops@acme.test"), Some("user")),
            ]
        };
        let at = |word: &str| Some(format!("/dashboard/production/credentials/x/{word}"));
        let page = |mark, reason, acts, history: Vec<HistoryRow>| Self {
            id: "cred_01jz0000000000000000000000".to_owned(),
            name: "HubSpot of Consolidated Freight & Customs Brokerage".to_owned(),
            app: Connector::new("crm", "HubSpot"),
            account: Some("ops@acme.test".to_owned()),
            user: "u-17 <International>".to_owned(),
            user_url: "/dashboard/production/users/x".to_owned(),
            mark,
            reason,
            level: level(mark),
            method: method(Method::OAuth2),
            scopes: vec!["crm.objects.contacts.read".to_owned(), "offline_access".to_owned()],
            variables: vec![("subdomain".to_owned(), "acme".to_owned())],
            integrations: vec!["Ask your CRM".to_owned()],
            created: back(9_000),
            issued: back(20),
            ends: Some(back(-900)),
            last_used: Some(back(1)),
            last_refreshed: None,
            acts,
            uses_since: (history.len() > 4).then(|| back(2_000)),
            next: (history.len() > 4).then(|| "/dashboard/production/credentials/x?cursor=y".to_owned()),
            history,
            first: true,
            here: "/dashboard/production/credentials/x".to_owned(),
            back: "/dashboard/production/credentials".to_owned(),
        };
        let all = Acts {
            verify: at("verify"),
            refresh: at("refresh"),
            link: at("link"),
            mail: Some("jo@acme.test".to_owned()),
            deactivate: at("deactivate"),
            reactivate: None,
            revoke: at("revoke"),
            delete: at("delete"),
        };
        let off = Acts { reactivate: at("reactivate"), delete: at("delete"), ..Acts::default() };
        vec![
            ("active", page(mark(Status::Active), None, all, history())),
            ("off", page(mark(Status::Inactive), Some(reason("deactivated")), off, Vec::new())),
            (
                "editor",
                page(mark(Status::Expired), Some(reason("grant_refused")), Acts::default(), history()),
            ),
        ]
    }
}
