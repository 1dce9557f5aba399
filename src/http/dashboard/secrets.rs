//! Secrets: listed with filters and chosen columns, made and changed in a panel beside the list, revealed for a moment,
//! ended after a question that names what uses them.
//!
//! Viewers are given names by another use case than the others, so that nothing else can slip through.

mod columns;
mod end;
mod form;
mod list;
mod panel;
mod query;
mod reveal;
mod steps;
mod used;
mod words;

pub(super) use end::ManySecretsPage;
pub(super) use list::SecretsPage;
pub(super) use reveal::SecretValuePage;
pub(super) use steps::ActingPage;

use axum::Router;
use axum::http::HeaderMap;
use axum::http::header::SET_COOKIE;
use axum::routing::{get, post};
use serde::Deserialize;

use super::Answer;
use super::caller::{InEnvironment, go_to};
use super::cookies;
use super::form::{Form, FormView};
use super::page::Flash;
use super::url::Url;
use crate::domain::page::PageRequest;
use crate::domain::role::Action;
use crate::http::extract::InPath;
use crate::http::{HttpState, Problem};
use crate::service::Seen;
use crate::service::secrets::SecretView;
use list::{Rights, SecretRow};
use panel::Panel;
use query::{Part, SecretQuery};

pub(super) use form::{new_secret, new_value, shown_again};
pub(super) use list::reference;
pub(super) use words::{no_hosts_word, state_word, type_word};

/// A secret in the path, by its key.
#[derive(Deserialize)]
pub(super) struct SecretPath {
    secret: String,
}

/// The routes of the secrets' pages.
pub(super) fn routes() -> Router<HttpState> {
    Router::new()
        .route("/dashboard/{environment}/secrets", get(list_secrets))
        .route("/dashboard/{environment}/secrets/new", get(show_new).post(create_secret))
        .route("/dashboard/{environment}/secrets/columns", post(choose_columns))
        .route("/dashboard/{environment}/secrets/act", post(end::act_on_secrets))
        .route("/dashboard/{environment}/secret/{secret}", get(show_secret))
        .route("/dashboard/{environment}/secret/{secret}/edit", get(show_edit).post(update_secret))
        .route(
            "/dashboard/{environment}/secret/{secret}/reveal",
            get(reveal::ask_reveal).post(reveal::reveal_secret),
        )
        .route(
            "/dashboard/{environment}/secret/{secret}/deactivate",
            get(end::ask_deactivation).post(end::deactivate_secret),
        )
        .route(
            "/dashboard/{environment}/secret/{secret}/reactivate",
            get(end::ask_reactivation).post(end::reactivate_secret),
        )
        .route(
            "/dashboard/{environment}/secret/{secret}/revoke",
            get(end::ask_revocation).post(end::revoke_secret),
        )
        .route(
            "/dashboard/{environment}/secret/{secret}/delete",
            get(end::ask_deletion).post(end::delete_secret),
        )
}

fn rights(desk: &InEnvironment) -> Rights {
    let may = |action| desk.desk.who.may(action);
    Rights {
        view: may(Action::ViewSecrets),
        manage: may(Action::ManageSecrets),
        reveal: may(Action::RevealMaskedSecrets),
    }
}

/// A part of the list.
async fn page(desk: &InEnvironment, headers: &HeaderMap, part: &Part) -> Result<SecretsPage, Problem> {
    let Part { query, page: wanted } = part;
    let (environment, rights) = (&desk.environment, rights(desk));
    let columns = columns::chosen(headers, desk.state());
    let filters = query.view(environment, wanted.own_limit(), desk.environments());
    let mut page = SecretsPage::new(environment, desk.hub.public_url().as_str(), rights, columns, filters);
    page.narrowed = query.narrows();
    page.first = wanted.after.is_none();
    let pages = query.on(environment, wanted.own_limit());
    page.here = pages.first_page();
    page.part = part.at(&Url::Secrets(environment));
    page.new = part.at(&Url::NewSecret(environment));
    page.bulk = part.at(&Url::ActOnSecrets(environment));
    let next = if rights.view {
        let found = desk.hub.list_secrets(&desk.actor, &query.filter()?, wanted).await?;
        let now = desk.hub.now();
        let row = |view: SecretView| {
            let issued = desk.hub.has_issuing_provider(&view.secret);
            SecretRow::of(environment, view, issued, rights, part, now)
        };
        page.secrets = found.items.into_iter().map(row).collect();
        found.next_cursor
    } else {
        let found = desk.hub.list_secret_names(&desk.actor, query.search(), wanted).await?;
        page.names = found.items.into_iter().map(Into::into).collect();
        found.next_cursor
    };
    page.next = pages.next(next.as_deref());
    Ok(page)
}

/// A part of the list, with `panel` beside it.
async fn beside(
    desk: &InEnvironment,
    headers: &HeaderMap,
    part: &Part,
    panel: Panel,
) -> Result<SecretsPage, Problem> {
    let mut page = page(desk, headers, part).await?;
    page.panel = Some(panel);
    Ok(page)
}

/// `GET /dashboard/{environment}/secrets`.
async fn list_secrets(desk: InEnvironment, headers: HeaderMap, part: Part) -> Answer {
    let page = page(&desk, &headers, &part).await?;
    // The last of a page may have gone since one was there.
    if page.is_empty() && !page.first {
        return Ok(go_to(&page.here));
    }
    Ok(desk.show(&page))
}

/// `POST /dashboard/{environment}/secrets/columns`.
async fn choose_columns(desk: InEnvironment, form: Form) -> Answer {
    let choice = columns::remembered(&form.all("columns"));
    let page = PageRequest::parse(form.optional("limit").as_deref(), None).ok();
    let limit = page.and_then(|page| page.own_limit());
    let mut response = go_to(&SecretQuery::carried(&form).on(&desk.environment, limit).first_page());
    let cookie = cookies::set_columns(desk.state(), &choice);
    response.headers_mut().extend(cookie.map(|cookie| (SET_COOKIE, cookie)));
    Ok(response)
}

/// `GET /dashboard/{environment}/secret/{secret}`.
async fn show_secret(
    desk: InEnvironment,
    headers: HeaderMap,
    InPath(path): InPath<SecretPath>,
    part: Part,
) -> Answer {
    let used = desk.hub.get_used_secret(&desk.actor, &path.secret).await?;
    let issued = desk.hub.has_issuing_provider(&used.view.secret);
    let panel = Panel::secret(&desk.environment, used, issued, rights(&desk), &part, desk.hub.now());
    Ok(desk.show(&beside(&desk, &headers, &part, panel).await?))
}

/// `GET /dashboard/{environment}/secrets/new`.
async fn show_new(desk: InEnvironment, headers: HeaderMap, part: Part) -> Answer {
    desk.hub.may_manage_secrets(&desk.actor).await?;
    let form = form::blank(&desk.environment);
    let panel = Panel::new_secret(&desk.environment, desk.environments(), form, &part);
    Ok(desk.show(&beside(&desk, &headers, &part, panel).await?))
}

/// `POST /dashboard/{environment}/secrets/new`.
async fn create_secret(desk: InEnvironment, headers: HeaderMap, part: Part, form: Form) -> Answer {
    desk.hub.may_manage_secrets(&desk.actor).await?;
    let made = match new_secret(&form, "") {
        Ok(new) => desk.hub.create_secret(&desk.actor, new).await,
        Err(error) => Err(error),
    };
    match made {
        // Filters might hide the new one.
        Ok(_) => Ok(desk.done(Flash::SecretCreated, &Url::Secrets(&desk.environment))),
        Err(error) => {
            let form = shown_again(&form, error)?;
            let panel = Panel::new_secret(&desk.environment, desk.environments(), form, &part);
            Ok(desk.refuse(&beside(&desk, &headers, &part, panel).await?))
        }
    }
}

async fn edit_panel(
    desk: &InEnvironment,
    key: &str,
    part: &Part,
    form: Option<FormView>,
) -> Result<Panel, Problem> {
    let used = desk.hub.get_used_secret(&desk.actor, key).await?;
    let now = desk.hub.now();
    let open = part.at(&Url::EditSecret(&desk.environment, key));
    let form = match form {
        Some(form) => form.renewed(Seen(Some(used.view.secret.updated_at)), now, &open),
        None => form::filled(&used.view, now),
    };
    Ok(Panel::edit(&desk.environment, desk.environments(), &used, form, part, now))
}

/// `GET /dashboard/{environment}/secret/{secret}/edit`.
async fn show_edit(
    desk: InEnvironment,
    headers: HeaderMap,
    InPath(path): InPath<SecretPath>,
    part: Part,
) -> Answer {
    desk.hub.may_manage_secrets(&desk.actor).await?;
    let panel = edit_panel(&desk, &path.secret, &part, None).await?;
    Ok(desk.show(&beside(&desk, &headers, &part, panel).await?))
}

/// `POST /dashboard/{environment}/secret/{secret}/edit`.
async fn update_secret(
    desk: InEnvironment,
    headers: HeaderMap,
    InPath(path): InPath<SecretPath>,
    part: Part,
    form: Form,
) -> Answer {
    desk.hub.may_manage_secrets(&desk.actor).await?;
    let view = desk.hub.get_secret(&desk.actor, &path.secret).await?;
    let updated = match form::change(&form, &view, desk.hub.now()) {
        Ok(change) => desk.hub.update_secret(&desk.actor, &path.secret, change, form.seen()).await,
        Err(error) => Err(error),
    };
    match updated {
        Ok(_) => Ok(desk.done(Flash::SecretUpdated, &part.at(&Url::Secrets(&desk.environment)))),
        Err(error) => {
            let shown = shown_again(&form, error)?;
            let status = shown.status();
            let panel = edit_panel(&desk, &path.secret, &part, Some(shown)).await?;
            Ok(desk.refuse_as(status, &beside(&desk, &headers, &part, panel).await?))
        }
    }
}
