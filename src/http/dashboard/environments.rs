//! The form that makes another environment of the workspace.

use serde::Serialize;

use super::Answer;
use super::caller::InWorkspace;
use super::form::{Form, FormView};
use super::page::{DashboardPage, Flash, Place};
use super::url::Url;

/// An environment to be made.
#[derive(Serialize)]
pub(super) struct NewEnvironmentPage {
    form: FormView,
    action: String,
    back: String,
}

impl NewEnvironmentPage {
    fn of(form: FormView) -> Self {
        Self { form, action: Url::NewEnvironment.to_string(), back: Url::Dashboard.to_string() }
    }
}

impl DashboardPage for NewEnvironmentPage {
    const TEMPLATE: &'static str = "dashboard/environment_new.html";
    const PLACE: Place = Place::Elsewhere;

    fn samples() -> Vec<(&'static str, Self)> {
        let refused = FormView::new()
            .with("name", "sandbox")
            .with_error("name", "The workspace has an environment of this name.");
        vec![("empty", Self::of(FormView::new())), ("refused", Self::of(refused))]
    }
}

/// `GET /dashboard/environments/new`.
pub(super) async fn show_new(desk: InWorkspace) -> Answer {
    desk.hub.may_create_environments(&desk.who).await?;
    Ok(desk.show(&NewEnvironmentPage::of(FormView::new())))
}

/// `POST /dashboard/environments/new`.
pub(super) async fn create_environment(desk: InWorkspace, form: Form) -> Answer {
    let name = form.text("name");
    match desk.hub.create_environment_for_member(&desk.who, &name).await {
        Ok(_) => Ok(desk.done(Flash::EnvironmentCreated, &Url::Overview(&name))),
        Err(error) => Ok(desk.refuse(&NewEnvironmentPage::of(form.refused(error)?))),
    }
}
