//! The audit log: who did what, taken along, and whether it is as it was written.

mod export;
mod view;

use axum::Router;
use axum::routing::get;
use chrono::{NaiveDate, NaiveTime};
use serde::Deserialize;
use vouchsafe_entity::id::MemberId;
use vouchsafe_entity::millis::Millis;

use super::Answer;
use super::caller::InEnvironment;
use super::url::{Url, filtered};
use crate::http::extract::{Listing, Query};
use crate::http::{HttpState, Problem};
use crate::service::audit::AuditFilter;

pub(super) use export::ExportPage;
pub(super) use view::{AuditPage, CheckPage};

const DAY: i64 = 86_400_000;

pub(super) fn routes() -> Router<HttpState> {
    Router::new()
        .route("/dashboard/{environment}/audit", get(list_audit))
        .route("/dashboard/{environment}/audit/export", get(export::show_export).post(export::export_audit))
        .route("/dashboard/{environment}/audit/check", get(check_audit))
}

/// Which audit events are wanted, as it was typed.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::http::dashboard) struct Wanted {
    action: Option<String>,
    target: Option<String>,
    member: Option<String>,
    /// The first day (UTC).
    since: Option<String>,
    /// The last day (UTC).
    until: Option<String>,
}

fn filled(text: Option<&String>) -> Option<String> {
    text.map(|text| text.trim().to_owned()).filter(|text| !text.is_empty())
}

fn day(pointer: &str, text: Option<&String>) -> Result<Option<Millis>, Problem> {
    let Some(text) = filled(text) else { return Ok(None) };
    let day = text.parse::<NaiveDate>().map(|day| day.and_time(NaiveTime::MIN).and_utc().timestamp_millis());
    let message = "Write a day such as 2031-01-31.";
    day.map(|at| Some(Millis(at))).map_err(|_| Problem::invalid_at(pointer, "invalid_date", message))
}

impl Wanted {
    fn checked(&self) -> Result<AuditFilter, Problem> {
        let member = filled(self.member.as_ref()).map(|id| {
            let message = "This is no id of a member (member_…).";
            id.parse::<MemberId>().map_err(|_| Problem::invalid_at("/member", "invalid_format", message))
        });
        Ok(AuditFilter {
            action: filled(self.action.as_ref()),
            target: filled(self.target.as_ref()),
            member: member.transpose()?,
            since: day("/since", self.since.as_ref())?,
            until: day("/until", self.until.as_ref())?.map(|at| at.plus(DAY)),
        })
    }

    /// Name and value of each part.
    fn parts(&self) -> [(&'static str, Option<&str>); 5] {
        [
            ("action", self.action.as_deref()),
            ("target", self.target.as_deref()),
            ("member", self.member.as_deref()),
            ("since", self.since.as_deref()),
            ("until", self.until.as_deref()),
        ]
    }

    /// Those that filter.
    fn set(&self) -> Vec<(&'static str, &str)> {
        let typed = self.parts().into_iter().filter_map(|(name, value)| Some((name, value?.trim())));
        typed.filter(|(_, value)| !value.is_empty()).collect()
    }

    /// The address of `page` with this filter.
    fn on(&self, page: &Url<'_>) -> String {
        filtered(page, &self.parts())
    }
}

/// `GET /dashboard/{environment}/audit`.
async fn list_audit(desk: InEnvironment, Listing { page, filter: wanted }: Listing<Wanted>) -> Answer {
    let filter = wanted.checked()?;
    let found = desk.hub.list_audit_events(&desk.actor, &filter, &page).await?;
    let names = desk.hub.authors_of(&desk.actor, &found.items).await?;
    Ok(desk.show(&AuditPage::of(&desk, &wanted, found, &names, &page)))
}

/// Where a check goes on, as the part before said it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Place {
    from: Option<String>,
}

/// `GET /dashboard/{environment}/audit/check`: the next part, and on by itself.
async fn check_audit(desk: InEnvironment, Query(place): Query<Place>) -> Answer {
    let check = desk.hub.check_chain(&desk.actor, place.from.as_deref()).await?;
    Ok(desk.show(&CheckPage::of(&desk.environment, &check)))
}
