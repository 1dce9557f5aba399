//! The log of attempts to connect an app, with what the app said.

use axum::Router;
use axum::routing::get;
use serde::{Deserialize, Serialize};
use vouchsafe_entity::kind::{AttemptOutcome, Method};
use vouchsafe_entity::millis::Millis;

use super::Answer;
use super::caller::InEnvironment;
use super::credentials::{Mark, app};
use super::filter::{Chip, Filter};
use super::moment::Moment;
use super::page::{DashboardPage, Place};
use super::url::Url;
use crate::domain::attempt::Attempt;
use crate::http::connect::page::Connector;
use crate::http::extract::Listing;
use crate::http::{HttpState, Problem};
use crate::service::connect::AttemptQuery;

/// The filters. What is empty does not filter.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Wanted {
    #[serde(default)]
    outcome: String,
    #[serde(default)]
    connector: String,
    #[serde(default)]
    user: String,
}

/// The attempts in an environment.
#[derive(Serialize)]
pub(super) struct AttemptsPage {
    environment: String,
    hub: String,
    rows: Vec<AttemptRow>,
    outcomes: Vec<Chip>,
    filter: Filter,
    first: bool,
    next: Option<String>,
}

/// An attempt in a list.
#[derive(Serialize)]
pub(super) struct AttemptRow {
    user: String,
    user_url: String,
    app: Connector,
    method: &'static str,
    hosted: bool,
    mark: Mark,
    /// What the app said, or the hub where the app said nothing.
    words: Option<String>,
    code: Option<String>,
    credential: Option<String>,
    at: Moment,
    took: Option<String>,
}

/// The routes of attempts.
pub(super) fn routes() -> Router<HttpState> {
    Router::new().route("/dashboard/{environment}/attempts", get(list_attempts))
}

const fn mark(outcome: AttemptOutcome, left: bool) -> Mark {
    match outcome {
        AttemptOutcome::Started if left => ("warning", "Left unfinished"),
        AttemptOutcome::Started => ("neutral", "Under way"),
        AttemptOutcome::Waiting => ("neutral", "Not confirmed"),
        AttemptOutcome::Connected => ("good", "Connected"),
        AttemptOutcome::Failed => ("danger", "Failed"),
    }
}

const fn method(method: Method) -> &'static str {
    match method {
        Method::OAuth2 | Method::OAuth1 => "sign-in",
        Method::ClientCredentials => "client of their own",
        Method::ApiKey => "key",
        Method::Basic => "name and password",
        Method::Session => "login",
        Method::Jwt => "signing key",
        Method::AwsSigV4 => "AWS keys",
    }
}

/// A span as people say it, for what takes seconds or minutes.
fn took(millis: i64) -> String {
    match millis / 1_000 {
        ..1 => "at once".to_owned(),
        seconds @ 1..120 => format!("{seconds} s"),
        seconds => format!("{} min", seconds / 60),
    }
}

impl AttemptRow {
    pub(super) fn of(desk: &InEnvironment, attempt: Attempt) -> Self {
        let (now, place) = (desk.hub.now(), desk.environment.as_str());
        let connected = attempt.ending.outcome == AttemptOutcome::Connected;
        let credential = attempt.credential.filter(|_| connected);
        Self {
            user_url: Url::User(place, attempt.user).to_string(),
            app: app(&desk.hub, &attempt.connector, &attempt.provider),
            method: method(attempt.method),
            hosted: attempt.hosted,
            mark: mark(attempt.ending.outcome, attempt.is_left(now)),
            credential: credential.map(|id| Url::Credential(place, id).to_string()),
            at: Moment::new(attempt.started_at, now),
            took: attempt.ended_at.map(|end| took(end.since(attempt.started_at))),
            words: attempt.ending.detail,
            code: attempt.ending.error,
            user: attempt.username,
        }
    }

    pub(super) fn sample(user: &str, name: &str, outcome: AttemptOutcome, words: Option<&str>) -> Self {
        let now = Millis(1_893_456_000_000);
        Self {
            user: user.to_owned(),
            user_url: "/dashboard/production/users/x".to_owned(),
            app: Connector::new(name.to_lowercase(), name),
            method: method(Method::OAuth2),
            hosted: words.is_some(),
            mark: mark(outcome, true),
            words: words.map(str::to_owned),
            code: words.map(|_| "access_denied".to_owned()),
            credential: (outcome == AttemptOutcome::Connected)
                .then(|| "/dashboard/production/credentials/x".to_owned()),
            at: Moment::new(now.plus_seconds(-7_200), now),
            took: (outcome != AttemptOutcome::Started).then(|| took(24_000)),
        }
    }
}

fn chips(filter: &Filter, chosen: &str) -> Vec<Chip> {
    let words = [
        ("All", ""),
        ("Failed", "failed"),
        ("Connected", "connected"),
        ("Not finished", "started"),
        ("Not confirmed", "waiting"),
    ];
    words.map(|(label, word)| Chip::new(label, filter.with("outcome", word), chosen == word)).to_vec()
}

/// `GET /dashboard/{environment}/attempts`.
async fn list_attempts(desk: InEnvironment, Listing { page, filter: wanted }: Listing<Wanted>) -> Answer {
    let text = |text: &str| Some(text.trim().to_owned()).filter(|text| !text.is_empty());
    let outcome = text(&wanted.outcome).map(|word| word.parse::<AttemptOutcome>()).transpose();
    let outcome =
        outcome.map_err(|_| Problem::invalid_at("/outcome", "unknown", "There is no such outcome."))?;
    let query = AttemptQuery { user: text(&wanted.user), connector: text(&wanted.connector), outcome };
    let found = desk.hub.list_attempts(&desk.actor, query, &page).await?;
    let here = Url::Attempts(&desk.environment).to_string();
    let fields = [
        ("outcome", wanted.outcome.trim()),
        ("connector", wanted.connector.trim()),
        ("user", wanted.user.trim()),
    ];
    let fields: Vec<_> = fields.into_iter().filter(|(_, value)| !value.is_empty()).collect();
    let filter = Filter::of(&here, page.own_limit(), &fields, "outcome");
    let shown = AttemptsPage {
        outcomes: chips(&filter, wanted.outcome.trim()),
        next: filter.next(found.next_cursor.as_deref()),
        filter,
        rows: found.items.into_iter().map(|attempt| AttemptRow::of(&desk, attempt)).collect(),
        first: page.after.is_none(),
        hub: desk.hub.public_url().as_str().trim_end_matches('/').to_owned(),
        environment: desk.environment.clone(),
    };
    Ok(desk.show(&shown))
}

impl DashboardPage for AttemptsPage {
    const TEMPLATE: &'static str = "dashboard/attempts.html";
    const PLACE: Place = Place::Attempts;

    fn samples() -> Vec<(&'static str, Self)> {
        let page = |rows: Vec<AttemptRow>, fields: &[(&'static str, &str)]| {
            let filter = Filter::of("/dashboard/production/attempts", None, fields, "outcome");
            Self {
                environment: "production".to_owned(),
                hub: "https://hub.acme.test".to_owned(),
                outcomes: chips(&filter, fields.first().map_or("", |(_, value)| value)),
                next: filter.next(Some("x").filter(|_| rows.len() > 2)),
                filter,
                rows,
                first: true,
            }
        };
        let row = AttemptRow::sample;
        let long = "consolidated-freight-and-customs-brokerage <International> ag";
        let words = "The <resource owner> or authorization server denied the request.";
        let rows = vec![
            row("u-17", "HubSpot", AttemptOutcome::Failed, Some(words)),
            row(long, "QuickBooks Online Advanced", AttemptOutcome::Started, None),
            row("u-3", "Stripe", AttemptOutcome::Connected, None),
            row("u-4", "Slack", AttemptOutcome::Waiting, None),
        ];
        vec![
            ("empty", page(Vec::new(), &[])),
            ("none-fits", page(Vec::new(), &[("outcome", "failed"), ("user", "u-9")])),
            ("four", page(rows, &[])),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_span_is_said_in_a_word() {
        assert_eq!(
            [took(400), took(1_000), took(119_999), took(180_000)],
            ["at once", "1 s", "119 s", "3 min"]
        );
    }
}
