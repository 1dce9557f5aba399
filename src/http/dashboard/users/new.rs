//! The form that makes a user ahead of their first session.

use serde::Serialize;

use crate::http::dashboard::Answer;
use crate::http::dashboard::caller::InEnvironment;
use crate::http::dashboard::form::{Form, FormView};
use crate::http::dashboard::page::{DashboardPage, Flash, Place};
use crate::http::dashboard::url::Url;
use crate::service::users::NewUser;

/// A user to be made.
#[derive(Serialize)]
pub(in crate::http::dashboard) struct NewUserPage {
    form: FormView,
    action: String,
    back: String,
}

impl NewUserPage {
    fn of(environment: &str, form: FormView) -> Self {
        Self {
            form,
            action: Url::NewUser(environment).to_string(),
            back: Url::Users(environment).to_string(),
        }
    }
}

impl DashboardPage for NewUserPage {
    const TEMPLATE: &'static str = "dashboard/user_new.html";
    const PLACE: Place = Place::Users;

    fn samples() -> Vec<(&'static str, Self)> {
        let refused = FormView::new()
            .with("username", "u-17")
            .with_error("username", "Another user has this username.");
        vec![("empty", Self::of("production", FormView::new())), ("refused", Self::of("production", refused))]
    }
}

/// `GET /dashboard/{environment}/new-user`.
pub(super) async fn show_new(desk: InEnvironment) -> Answer {
    desk.hub.may_edit_users(&desk.actor).await?;
    Ok(desk.show(&NewUserPage::of(&desk.environment, FormView::new())))
}

/// `POST /dashboard/{environment}/new-user`.
pub(super) async fn create_user(desk: InEnvironment, form: Form) -> Answer {
    let new = NewUser {
        username: form.text("username"),
        full_name: form.optional("fullName"),
        email: form.optional("email"),
        organization: form.optional("organization"),
        tags: Vec::new(),
    };
    match desk.hub.create_user(&desk.actor, new).await {
        Ok(user) => Ok(desk.done(Flash::UserCreated, &Url::User(&desk.environment, user.id))),
        Err(error) => {
            let form = form.refused_or_denied(error)?;
            Ok(desk.refuse(&NewUserPage::of(&desk.environment, form)))
        }
    }
}
