//! The end of a workspace: asked once, on a page that names what goes, and confirmed by its name. Whoever ends it is
//! nobody here any more, so what was done is said on a page without the frame of the dashboard.

use axum::http::StatusCode;
use axum::http::header::SET_COOKIE;
use serde::Serialize;

use super::caller::{InWorkspace, page_of};
use super::form::{Form, FormView};
use super::page::{DashboardPage, Place};
use super::url::Url;
use super::{Answer, cookies};
use crate::domain::workspace::Contents;
use crate::http::render::Page;
use crate::service::Error;

/// The question.
#[derive(Serialize)]
pub(super) struct DeleteWorkspacePage {
    form: FormView,
    workspace: String,
    /// What goes with it, how much of each.
    contents: [String; 4],
    /// Whether grants would be left at apps.
    holds_grants: bool,
    label: String,
    action: String,
    back: String,
}

impl DeleteWorkspacePage {
    fn of(workspace: &str, contents: &Contents, form: FormView) -> Self {
        Self {
            form,
            workspace: workspace.to_owned(),
            contents: contents.in_words(),
            holds_grants: contents.holds_grants(),
            label: format!("Type {workspace} to confirm"),
            action: Url::DeleteWorkspace.to_string(),
            back: Url::Members.to_string(),
        }
    }
}

impl DashboardPage for DeleteWorkspacePage {
    const TEMPLATE: &'static str = "dashboard/workspace_delete.html";
    const PLACE: Place = Place::Members;

    fn samples() -> Vec<(&'static str, Self)> {
        let full = Contents { users: 240, credentials: 611, secrets: 1, connectors: 12, untold: 0 };
        let wrong = FormView::new().with("name", "acne").with_error("name", MISTYPED);
        vec![
            ("empty", Self::of("acme", &Contents::default(), FormView::new())),
            ("full", Self::of("acme", &full, FormView::new())),
            ("refused", Self::of("acme", &full, wrong)),
        ]
    }
}

/// What is said of one that is gone.
#[derive(Serialize)]
pub(super) struct WorkspaceGonePage {
    workspace: String,
    sign_in: String,
}

impl WorkspaceGonePage {
    fn of(workspace: &str) -> Self {
        Self { workspace: workspace.to_owned(), sign_in: Url::SignIn.to_string() }
    }
}

impl Page for WorkspaceGonePage {
    const TEMPLATE: &'static str = "dashboard/workspace_gone.html";

    fn samples() -> Vec<(&'static str, Self)> {
        vec![("gone", Self::of("acme"))]
    }
}

const MISTYPED: &str = "Type the name of this workspace, letter by letter.";

/// `GET /dashboard/workspace/delete`.
pub(super) async fn ask_deletion(desk: InWorkspace) -> Answer {
    let contents = desk.hub.get_workspace_contents(&desk.who).await?;
    desk.ensure_proven()?;
    Ok(desk.show(&DeleteWorkspacePage::of(&desk.who.workspace.name, &contents, FormView::new())))
}

/// `POST /dashboard/workspace/delete`.
pub(super) async fn delete_workspace(desk: InWorkspace, form: Form) -> Answer {
    let contents = desk.hub.get_workspace_contents(&desk.who).await?;
    let name = &desk.who.workspace.name;
    let deleted = if form.text("name") == *name {
        desk.hub.delete_workspace_for_member(&desk.who, form.has("force")).await
    } else {
        Err(Error::invalid("/name", "mismatch", MISTYPED))
    };
    match deleted {
        Ok(()) => {
            let mut response = page_of(&desk.state, StatusCode::OK, &WorkspaceGonePage::of(name));
            let ended = cookies::end_session(&desk.state);
            response.headers_mut().extend(ended.map(|cookie| (SET_COOKIE, cookie)));
            Ok(response)
        }
        Err(error) => {
            let form = form.refused(error)?;
            Ok(desk.refuse(&DeleteWorkspacePage::of(name, &contents, form)))
        }
    }
}
