//! Users: found, looked at, given a link to connect, disconnected, deleted.

mod new;
mod view;

pub(super) use new::NewUserPage;
pub(super) use view::{UserPage, UsersPage};

use axum::Router;
use axum::routing::{get, post};
use serde::Deserialize;
use vouchsafe_entity::id::{CredentialId, UserId};

use super::Answer;
use super::caller::InEnvironment;
use super::chart::grouped;
use super::confirm::ConfirmPage;
use super::credentials::{CredentialRow, LinkPage, breaks, named, said};
use super::deleting::{COUNTED, Progress};
use super::form::{Form, FormView};
use super::moment::Moment;
use super::page::Flash;
use super::url::Url;
use crate::domain::credential::Credential;
use crate::domain::page::PageRequest;
use crate::domain::role::Action;
use crate::domain::user::User;
use crate::http::extract::{InPath, Listing, NoFilter};
use crate::http::{HttpState, Problem};
use crate::service::Error;
use crate::service::credentials::CredentialQuery;

/// A user in the path.
#[derive(Deserialize)]
struct UserPath {
    user: UserId,
}

/// A credential of a user in the path.
#[derive(Deserialize)]
struct OwnPath {
    user: UserId,
    credential: CredentialId,
}

/// The search. What is empty does not search.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Wanted {
    #[serde(default)]
    search: String,
}

/// The routes of users.
pub(super) fn routes() -> Router<HttpState> {
    Router::new()
        .route("/dashboard/{environment}/users", get(list_users))
        .route("/dashboard/{environment}/new-user", get(new::show_new).post(new::create_user))
        .route("/dashboard/{environment}/users/{user}", get(show_user))
        .route("/dashboard/{environment}/users/{user}/link", post(make_link))
        .route("/dashboard/{environment}/users/{user}/delete", get(ask_deletion).post(delete_user))
        .route(
            "/dashboard/{environment}/users/{user}/credentials/{credential}/disconnect",
            get(ask_disconnection).post(disconnect),
        )
}

/// `GET /dashboard/{environment}/users`.
async fn list_users(desk: InEnvironment, Listing { page, filter }: Listing<Wanted>) -> Answer {
    let search = Some(filter.search.trim()).filter(|search| !search.is_empty());
    let found = desk.hub.list_users(&desk.actor, search, &page).await?;
    let ids: Vec<_> = found.items.iter().map(|user| user.id).collect();
    let credentials = desk.hub.credentials_of_users(&desk.actor, &ids, view::SHOWN as u64 + 1).await?;
    Ok(desk.show(&UsersPage::of(&desk, found, &credentials, search, &page)))
}

async fn found(desk: &InEnvironment, user: UserId) -> Result<User, Problem> {
    Ok(desk.hub.get_user(&desk.actor, &user.to_string()).await?)
}

/// `GET /dashboard/{environment}/users/{user}`.
async fn show_user(
    desk: InEnvironment,
    InPath(path): InPath<UserPath>,
    Listing { page, .. }: Listing<NoFilter>,
) -> Answer {
    let user = found(&desk, path.user).await?;
    let view = page_of(&desk, user, &page, FormView::new()).await?;
    Ok(desk.show(&view))
}

async fn page_of(
    desk: &InEnvironment,
    user: User,
    page: &PageRequest,
    form: FormView,
) -> Result<UserPage, Problem> {
    let (hub, actor) = (&desk.hub, &desk.actor);
    let credentials = hub.list_credentials(actor, all_of(user.id), page).await?;
    let may = |action| desk.desk.who.may(action);
    let activity =
        if may(Action::ViewCredentials) { Some(hub.user_activity(actor, user.id).await?) } else { None };
    let integrations = if may(Action::MaintainCredentials) {
        let first = PageRequest { limit: 200, after: None };
        Some(hub.list_integrations(actor, &first).await?.items)
    } else {
        None
    };
    let next = credentials.next_cursor;
    let rows = credentials.items.into_iter().map(|one| CredentialRow::of(desk, one)).collect();
    Ok(UserPage::of(desk, user, (rows, next, page), activity, integrations, form))
}

/// `POST …/link`: a hosted link, shown this once.
async fn make_link(desk: InEnvironment, InPath(path): InPath<UserPath>, form: Form) -> Answer {
    let name = path.user.to_string();
    let made = desk.hub.hosted_link_for(&desk.actor, &name, form.optional("integration")).await;
    let user = found(&desk, path.user).await?;
    match made {
        Ok((address, until)) => Ok(desk.show(&LinkPage {
            title: format!("A link for {}", user.display_name()),
            link: address.expose().to_owned(),
            until: Some(Moment::new(until, desk.hub.now())),
            once: false,
            back: Url::User(&desk.environment, user.id).to_string(),
            back_label: user.username.clone(),
            email: user.email,
            user: user.username,
        })),
        Err(error) if error.code() == Some(crate::service::Code::Forbidden) => Err(error.into()),
        Err(error) => {
            let form = form.refused(error)?;
            let page = PageRequest { limit: 50, after: None };
            Ok(desk.refuse(&page_of(&desk, user, &page, form).await?))
        }
    }
}

/// `GET …/delete`.
async fn ask_deletion(desk: InEnvironment, InPath(path): InPath<UserPath>) -> Answer {
    desk.hub.may_delete_users(&desk.actor).await?;
    let user = found(&desk, path.user).await?;
    let query = all_of(user.id);
    let lost = match desk.hub.count_credentials(&desk.actor, query, COUNTED).await? {
        0 => "Nothing is connected.".to_owned(),
        1 => "What they have connected is deleted too, and stops working.".to_owned(),
        count if count > COUNTED => {
            let many = grouped(COUNTED);
            format!("All of their more than {many} credentials are deleted too, and stop working.")
        }
        count => format!("The {count} credentials that they have given are deleted too, and stop working."),
    };
    let effects = [lost.as_str(), "The apps are told where they can be.", "It can’t be brought back."];
    let action = ("Delete user", &Url::DeleteUser(&desk.environment, user.id));
    let title = format!("Delete {} of {}?", user.username, desk.environment);
    let back = Url::User(&desk.environment, user.id);
    Ok(desk.show(&ConfirmPage::danger(title, &effects, action, &back)))
}

/// `POST …/delete`.
async fn delete_user(desk: InEnvironment, InPath(path): InPath<UserPath>, form: Form) -> Answer {
    desk.hub.may_delete_users(&desk.actor).await?;
    let user = found(&desk, path.user).await?;
    let progress = Progress::of(&desk, &form, all_of(user.id)).await?;
    let step = desk.hub.delete_user_step(&desk.actor, user.id).await?;
    if step.gone {
        return Ok(desk.done(Flash::UserDeleted, &Url::Users(&desk.environment)));
    }
    let action = Url::DeleteUser(&desk.environment, user.id);
    Ok(progress.show(&desk, format!("Deleting {}", user.username), &step.deleted, &action))
}

/// Everything that a user has given.
fn all_of(user: UserId) -> CredentialQuery {
    CredentialQuery { user: Some(user.to_string()), ..CredentialQuery::default() }
}

/// The credential, where it is this user's.
async fn own(desk: &InEnvironment, path: &OwnPath) -> Result<Credential, Problem> {
    desk.hub.may_manage_credentials(&desk.actor).await?;
    let credential = desk.hub.get_credential(&desk.actor, path.credential).await?;
    if credential.user == path.user { Ok(credential) } else { Err(Error::NotFound.into()) }
}

/// `GET …/disconnect`.
async fn ask_disconnection(desk: InEnvironment, InPath(path): InPath<OwnPath>) -> Answer {
    let credential = own(&desk, &path).await?;
    let mut effects = breaks(&desk, &credential).await?;
    effects.push("The app is told where it can be; its user would have to connect anew.".to_owned());
    let effects: Vec<_> = effects.iter().map(String::as_str).collect();
    let action = Url::DisconnectCredential(&desk.environment, path.user, path.credential);
    let title = format!("Disconnect {}?", named(&desk, &credential));
    let back = Url::User(&desk.environment, path.user);
    Ok(desk.show(&ConfirmPage::danger(title, &effects, ("Disconnect", &action), &back)))
}

/// `POST …/disconnect`.
async fn disconnect(desk: InEnvironment, InPath(path): InPath<OwnPath>) -> Answer {
    let credential = own(&desk, &path).await?;
    let upstream = desk.hub.delete_credential(&desk.actor, credential.id).await?;
    Ok(desk.done(said(upstream), &Url::User(&desk.environment, path.user)))
}
