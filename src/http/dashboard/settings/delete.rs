//! The end of an environment: asked once, on a page that names what goes, and confirmed by its name.

use serde::Serialize;

use crate::domain::workspace::Contents;
use crate::http::dashboard::Answer;
use crate::http::dashboard::caller::InEnvironment;
use crate::http::dashboard::form::{Form, FormView};
use crate::http::dashboard::page::{DashboardPage, Flash, Place};
use crate::http::dashboard::url::Url;
use crate::service::Error;

/// The question.
#[derive(Serialize)]
pub(in crate::http::dashboard) struct DeleteEnvironmentPage {
    form: FormView,
    environment: String,
    /// What goes with it, how much of each.
    contents: [String; 4],
    /// Whether grants would be left at apps.
    holds_grants: bool,
    label: String,
    export: String,
    action: String,
    back: String,
}

impl DeleteEnvironmentPage {
    fn of(environment: &str, contents: &Contents, form: FormView) -> Self {
        Self {
            form,
            environment: environment.to_owned(),
            contents: contents.in_words(),
            holds_grants: contents.holds_grants(),
            label: format!("Type {environment} to confirm"),
            export: Url::ExportAudit(environment).to_string(),
            action: Url::DeleteEnvironment(environment).to_string(),
            back: Url::Settings(environment).to_string(),
        }
    }
}

impl DashboardPage for DeleteEnvironmentPage {
    const TEMPLATE: &'static str = "dashboard/environment_delete.html";
    const PLACE: Place = Place::Settings;

    fn samples() -> Vec<(&'static str, Self)> {
        let full = Contents { users: 240, credentials: 611, secrets: 1, connectors: 12, untold: 0 };
        let wrong = FormView::new().with("name", "sandbox").with_error("name", MISTYPED);
        vec![
            ("empty", Self::of("staging", &Contents::default(), FormView::new())),
            ("full", Self::of("production", &full, FormView::new())),
            ("refused", Self::of("production", &full, wrong)),
        ]
    }
}

const MISTYPED: &str = "Type the name of this environment, letter by letter.";

/// `GET /dashboard/{environment}/settings/delete`.
pub(in crate::http::dashboard) async fn ask_deletion(desk: InEnvironment) -> Answer {
    let contents = desk.hub.get_environment_contents(&desk.actor).await?;
    desk.ensure_proven()?;
    Ok(desk.show(&DeleteEnvironmentPage::of(&desk.environment, &contents, FormView::new())))
}

/// `POST /dashboard/{environment}/settings/delete`.
pub(in crate::http::dashboard) async fn delete_environment(desk: InEnvironment, form: Form) -> Answer {
    let contents = desk.hub.get_environment_contents(&desk.actor).await?;
    let deleted = if form.text("name") == desk.environment {
        desk.hub.delete_environment(&desk.actor, form.has("force")).await
    } else {
        Err(Error::invalid("/name", "mismatch", MISTYPED))
    };
    match deleted {
        Ok(()) => Ok(desk.done(Flash::EnvironmentDeleted, &Url::Dashboard)),
        Err(error) => {
            let form = form.refused(error)?;
            Ok(desk.refuse(&DeleteEnvironmentPage::of(&desk.environment, &contents, form)))
        }
    }
}
