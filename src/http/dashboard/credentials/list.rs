//! The list of credentials with its filters, and the history of one beside it.

use serde::{Deserialize, Serialize};
use vouchsafe_entity::id::CredentialId;
use vouchsafe_entity::kind::Status;

use super::show::{CredentialPage, glance_at};
use super::words::{CredentialRow, STATUSES, mark};
use crate::domain::role::Action;
use crate::http::Problem;
use crate::http::dashboard::Answer;
use crate::http::dashboard::caller::InEnvironment;
use crate::http::dashboard::filter::{Chip, Filter};
use crate::http::dashboard::page::{DashboardPage, Place};
use crate::http::dashboard::url::Url;
use crate::http::extract::Listing;
use crate::service::credentials::CredentialQuery;

/// The filters, as query parameters or as fields of a form. What is empty does not filter.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Wanted {
    #[serde(default)]
    pub(super) status: String,
    #[serde(default)]
    pub(super) connector: String,
    #[serde(default)]
    pub(super) user: String,
    #[serde(default)]
    pub(super) integration: String,
    /// Days within which somebody must act.
    #[serde(default)]
    pub(super) ends: String,
    /// The credential whose history stands beside the list.
    #[serde(default)]
    pub(super) open: String,
}

/// So many connectors are offered to filter by.
const OFFERED: u64 = 200;
/// So many changes of a credential are told beside the list.
const TOLD: u64 = 20;
/// The days to choose from.
const ENDS: [(&str, &str); 4] =
    [("", "any time"), ("7", "within 7 days"), ("30", "within 30 days"), ("90", "within 90 days")];

impl Wanted {
    /// The fields that filter, with their values.
    pub(super) fn fields(&self) -> Vec<(&'static str, &str)> {
        let all = [
            ("status", self.status.trim()),
            ("connector", self.connector.trim()),
            ("user", self.user.trim()),
            ("integration", self.integration.trim()),
            ("ends", self.ends.trim()),
        ];
        all.into_iter().filter(|(_, value)| !value.is_empty()).collect()
    }

    /// What the services are asked for.
    pub(super) fn query(&self, desk: &InEnvironment) -> Result<CredentialQuery, Problem> {
        let text = |text: &str| Some(text.trim().to_owned()).filter(|text| !text.is_empty());
        let status = text(&self.status).map(|word| word.parse::<Status>()).transpose();
        let status = status.map_err(|_| {
            Problem::invalid_at("/status", "unknown", "There is no such status of a credential.")
        })?;
        let days = text(&self.ends).map(|days| days.parse::<u16>()).transpose();
        let days = days.map_err(|_| {
            Problem::invalid_at("/ends", "out_of_range", "Write a number of days, such as 30.")
        })?;
        Ok(CredentialQuery {
            user: text(&self.user),
            connector: text(&self.connector),
            integration: text(&self.integration),
            status,
            expires_before: days.map(|days| desk.hub.now().plus_seconds(i64::from(days) * 86_400)),
        })
    }
}

/// The credentials of an environment.
#[derive(Serialize)]
pub(in crate::http::dashboard) struct CredentialsPage {
    environment: String,
    hub: String,
    rows: Vec<CredentialRow>,
    statuses: Vec<Chip>,
    filter: Filter,
    /// The fields that filter, for the form that changes many.
    fields: Vec<(&'static str, String)>,
    ends: Vec<(&'static str, &'static str)>,
    /// The keys of connectors to filter by.
    connectors: Vec<String>,
    first: bool,
    next: Option<String>,
    /// Where many are changed; none where the reader may not.
    bulk: Option<String>,
    /// What stands beside the list.
    panel: Option<CredentialPage>,
    /// This page of the list with nothing beside it.
    place: String,
}

/// `GET /dashboard/{environment}/credentials`.
pub(super) async fn list_credentials(
    desk: InEnvironment,
    Listing { page, filter: wanted }: Listing<Wanted>,
) -> Answer {
    let found = desk.hub.list_credentials_worst_first(&desk.actor, wanted.query(&desk)?, &page).await?;
    let here = Url::Credentials(&desk.environment).to_string();
    let fields = wanted.fields();
    let filter = Filter::of(&here, page.own_limit(), &fields, "status");
    let cursor = page.cursor();
    let mut on_this_page = fields.clone();
    on_this_page.extend(cursor.as_deref().map(|cursor| ("cursor", cursor)));
    let place = Filter::of(&here, page.own_limit(), &on_this_page, "");
    let rows = found.items.into_iter().map(|credential| {
        let row = CredentialRow::of(&desk, credential);
        // Whoever may look into it does so beside the list.
        CredentialRow { url: row.url.map(|_| place.with("open", &row.id)), ..row }
    });
    let may = desk.desk.who.may(Action::ManageCredentials);
    let connectors = desk.hub.first_connectors(&desk.actor, OFFERED).await?;
    let shown = CredentialsPage {
        statuses: chips(&filter, &wanted.status),
        next: filter.next(found.next_cursor.as_deref()),
        rows: rows.collect(),
        fields: fields.iter().map(|(name, value)| (*name, (*value).to_owned())).collect(),
        ends: ENDS.to_vec(),
        connectors: connectors.into_iter().map(|connector| connector.key).collect(),
        filter,
        first: page.after.is_none(),
        bulk: may.then(|| Url::BulkCredentials(&desk.environment).to_string()),
        panel: beside(&desk, wanted.open.trim()).await?,
        place: place.with("open", ""),
        hub: desk.hub.public_url().as_str().trim_end_matches('/').to_owned(),
        environment: desk.environment.clone(),
    };
    Ok(desk.show(&shown))
}

/// The credential of this id with the latest of its history; none where none is asked for.
async fn beside(desk: &InEnvironment, open: &str) -> Result<Option<CredentialPage>, Problem> {
    if open.is_empty() {
        return Ok(None);
    }
    let id: CredentialId = open.parse().map_err(|_| Problem::not_found())?;
    glance_at(desk, id, TOLD).await.map(Some)
}

fn chips(filter: &Filter, chosen: &str) -> Vec<Chip> {
    let all = std::iter::once(Chip::new("All", filter.with("status", ""), chosen.is_empty()));
    let each = STATUSES.iter().map(|status| {
        let word = status.as_str();
        Chip::new(mark(*status).1, filter.with("status", word), chosen == word)
    });
    all.chain(each).collect()
}

impl DashboardPage for CredentialsPage {
    const TEMPLATE: &'static str = "dashboard/credentials.html";
    const PLACE: Place = Place::Credentials;

    fn samples() -> Vec<(&'static str, Self)> {
        let page = |rows: Vec<CredentialRow>, fields: &[(&'static str, &str)], bulk: bool| {
            let filter = Filter::of("/dashboard/production/credentials", None, fields, "status");
            Self {
                environment: "production".to_owned(),
                hub: "https://hub.acme.test".to_owned(),
                statuses: chips(&filter, fields.first().map_or("", |(_, value)| value)),
                next: filter.next(Some("x").filter(|_| rows.len() > 2)),
                fields: fields.iter().map(|(name, value)| (*name, (*value).to_owned())).collect(),
                ends: ENDS.to_vec(),
                connectors: vec!["books".to_owned(), "books-<eu>".to_owned()],
                filter,
                rows,
                first: true,
                bulk: bulk.then(|| "/dashboard/production/credentials/bulk".to_owned()),
                panel: None,
                place: "/dashboard/production/credentials".to_owned(),
            }
        };
        let row = CredentialRow::sample;
        let long = "consolidated-freight-and-customs-brokerage <International> ag";
        let rows = || {
            vec![
                row("u-17", ("crm", "HubSpot"), Some("ops@acme.test"), Status::Active, 40),
                row(long, ("books", "QuickBooks Online Advanced"), None, Status::Expired, 8),
                row("u-3", ("payments", "Stripe"), Some("acct_1032D82eZvKYlo2C"), Status::Error, 1),
                row("u-4", ("chat", "Slack"), None, Status::Inactive, 300),
                row("u-5", ("desk", "Zendesk"), None, Status::Pending, 0),
                row("u-6", ("notes", "Notion"), None, Status::Revoked, 11),
            ]
        };
        let open = CredentialPage::samples().into_iter().next().map(|(_, credential)| credential);
        vec![
            ("beside", Self { panel: open, ..page(rows(), &[], true) }),
            ("empty", page(Vec::new(), &[], true)),
            ("none-fits", page(Vec::new(), &[("status", "error"), ("user", "u-9")], true)),
            ("six", page(rows(), &[], true)),
            ("viewer", page(rows(), &[("status", "active"), ("ends", "30")], false)),
        ]
    }
}
