//! What owns many credentials, deleted a step at a time: a connector or a user. Each page shows how far it is; the form on
//! it goes on, by a script or by hand. Nothing is kept between the steps: whoever stops is asked again, about those that
//! are left.

use axum::response::Response;
use serde::Serialize;

use super::caller::InEnvironment;
use super::credentials::{Mark, named};
use super::form::Form;
use super::page::{DashboardPage, Place};
use super::url::Url;
use crate::domain::credential::Credential;
use crate::http::Problem;
use crate::service::credentials::CredentialQuery;

/// Credentials that go with somebody are counted so far.
pub(super) const COUNTED: u64 = 10_000;

/// How far it was before a step.
pub(super) struct Progress {
    done: u64,
    total: u64,
}

impl Progress {
    /// As the form of the step before carries it; before the first one, those that fit `query` are counted.
    pub(super) async fn of(
        desk: &InEnvironment,
        form: &Form,
        query: CredentialQuery,
    ) -> Result<Self, Problem> {
        let number = |name: &str| form.text(name).parse::<u64>().ok();
        let total = match number("total") {
            Some(total) => total,
            None => desk.hub.count_credentials(&desk.actor, query, COUNTED).await?,
        };
        Ok(Self { done: number("done").unwrap_or(0), total })
    }

    /// The page after a step, which deleted these, with the form that sends the next one to `action`.
    pub(super) fn show(
        self,
        desk: &InEnvironment,
        title: String,
        deleted: &[Credential],
        action: &Url<'_>,
    ) -> Response {
        let names = deleted.iter().map(|credential| named(desk, credential)).collect();
        let done = self.done.saturating_add(deleted.len() as u64);
        desk.show(&DeletingPage::of(title, (done, self.total.max(done)), names, action))
    }
}

/// How far it is.
#[derive(Serialize)]
pub(super) struct DeletingPage {
    title: String,
    /// Deleted so far, of how many.
    done: u64,
    total: u64,
    /// Whether there are more than were counted.
    beyond: bool,
    changed: u64,
    rows: Vec<DeletedRow>,
    /// The form that goes on.
    fields: [(&'static str, String); 2],
    action: String,
    back: String,
}

#[derive(Serialize)]
struct DeletedRow {
    name: String,
    mark: Mark,
}

impl DeletingPage {
    fn of(title: String, (done, total): (u64, u64), names: Vec<String>, action: &Url<'_>) -> Self {
        Self {
            title,
            done,
            total,
            beyond: total > COUNTED,
            changed: done,
            rows: names.into_iter().map(|name| DeletedRow { name, mark: ("good", "Deleted") }).collect(),
            fields: [("done", done.to_string()), ("total", total.to_string())],
            action: action.to_string(),
            // The question says what is left.
            back: action.to_string(),
        }
    }
}

impl DashboardPage for DeletingPage {
    const TEMPLATE: &'static str = "dashboard/bulk.html";
    const PLACE: Place = Place::Elsewhere;

    fn samples() -> Vec<(&'static str, Self)> {
        let names = vec!["HubSpot of u-17".to_owned(), "Stripe of <International>".to_owned()];
        let action = Url::DeleteConnector("production", "books");
        vec![("connector", Self::of("Deleting “books”".to_owned(), (50, 1_240), names, &action))]
    }
}
