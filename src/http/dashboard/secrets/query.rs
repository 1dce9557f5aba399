//! Which secrets the list shows: the parameters of its address, the chips that say so, and the addresses of its pages.

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use serde::{Deserialize, Serialize};
use vouchsafe_entity::kind::{SecretType, Visibility};

use super::words::{state_word, type_word, visibility_word};
use crate::domain::page::PageRequest;
use crate::domain::secret::SecretState;
use crate::http::dashboard::filter::Filter;
use crate::http::dashboard::form::Form;
use crate::http::dashboard::url::Url;
use crate::http::extract::Listing;
use crate::http::{HttpState, Problem};
use crate::service::secrets::SecretFilter;

/// The parameters, as a form sends them: what was left empty is there and empty.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct SecretQuery {
    search: String,
    #[serde(rename = "type")]
    kind: String,
    issuer: String,
    visibility: String,
    environment: String,
    state: String,
    /// `shown`: those that have ended too.
    ended: String,
}

/// The filters as the form shows them, with what may be chosen.
#[derive(Debug, Serialize)]
pub(super) struct Filters {
    #[serde(flatten)]
    filter: Filter,
    ended: bool,
    /// The list with those that have ended.
    with_ended: String,
    kinds: Vec<(&'static str, &'static str)>,
    visibilities: Vec<(&'static str, &'static str)>,
    states: Vec<(&'static str, &'static str)>,
    environments: Vec<(String, String)>,
}

impl SecretQuery {
    /// What they ask for.
    ///
    /// # Errors
    /// A word that is none.
    pub(super) fn filter(&self) -> Result<SecretFilter, Problem> {
        let state = match self.state.as_str() {
            "" => None,
            word => {
                let state = SecretState::ALL.iter().find(|state| state.as_str() == word);
                Some(*state.ok_or_else(|| unknown("/state"))?)
            }
        };
        if !["", "shown"].contains(&self.ended.as_str()) {
            return Err(unknown("/ended"));
        }
        let text = |text: &str| Some(text.trim().to_owned()).filter(|text| !text.is_empty());
        let ends = matches!(state, Some(SecretState::Expired | SecretState::Revoked));
        Ok(SecretFilter {
            issuer: text(&self.issuer),
            kind: word::<SecretType>("/type", &self.kind)?,
            environment: text(&self.environment),
            search: text(&self.search),
            visibility: word::<Visibility>("/visibility", &self.visibility)?,
            state,
            leave_out_ended: self.ended.is_empty() && !ends,
            ..SecretFilter::default()
        })
    }

    /// Those that a form of the list carries along.
    pub(super) fn carried(form: &Form) -> Self {
        Self {
            search: form.text("search"),
            kind: form.text("type"),
            issuer: form.text("issuer"),
            visibility: form.text("visibility"),
            environment: form.text("environment"),
            state: form.text("state"),
            ended: form.text("ended"),
        }
    }

    /// Parameters for samples.
    pub(super) fn sample() -> Self {
        Self {
            search: "brightpay".to_owned(),
            kind: "api_key".to_owned(),
            ended: "shown".to_owned(),
            ..Self::default()
        }
    }

    /// What is looked for in the keys.
    pub(super) fn search(&self) -> Option<&str> {
        Some(self.search.trim()).filter(|text| !text.is_empty())
    }

    /// The parameters that are set.
    fn set(&self) -> Vec<(&'static str, &str)> {
        let all = [
            ("search", &self.search),
            ("type", &self.kind),
            ("issuer", &self.issuer),
            ("visibility", &self.visibility),
            ("environment", &self.environment),
            ("state", &self.state),
            ("ended", &self.ended),
        ];
        all.into_iter()
            .map(|(name, value)| (name, value.trim()))
            .filter(|(_, value)| !value.is_empty())
            .collect()
    }

    /// Whether the list shows fewer than it would.
    pub(super) fn narrows(&self) -> bool {
        self.set().iter().any(|(name, _)| *name != "ended")
    }

    /// The filters of the list, of so many rows a page.
    pub(super) fn on(&self, environment: &str, limit: Option<u64>) -> Filter {
        self.carried_by(&Url::Secrets(environment), limit)
    }

    /// The same, carried along by `page`.
    fn carried_by(&self, page: &Url<'_>, limit: Option<u64>) -> Filter {
        Filter::saying(&page.to_string(), limit, &self.set(), "", said)
    }

    /// The filters as the form shows them.
    pub(super) fn view(&self, environment: &str, limit: Option<u64>, environments: &[String]) -> Filters {
        let others = environments.iter().filter(|name| *name != environment);
        let filter = self.on(environment, limit);
        Filters {
            with_ended: filter.only("ended", "shown"),
            filter,
            ended: !self.ended.is_empty(),
            kinds: SecretType::ALL.iter().map(|kind| (kind.as_str(), type_word(*kind))).collect(),
            visibilities: Visibility::ALL.iter().map(|one| (one.as_str(), visibility_word(*one))).collect(),
            states: SecretState::ALL.iter().map(|state| (state.as_str(), state_word(*state).1)).collect(),
            environments: others.map(|name| (name.clone(), name.clone())).collect(),
        }
    }
}

/// The part of the list that one looks at. Whatever is opened from it carries it along and leads back to it.
pub(super) struct Part {
    pub(super) query: SecretQuery,
    pub(super) page: PageRequest,
}

impl FromRequestParts<HttpState> for Part {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &HttpState) -> Result<Self, Problem> {
        let Listing { page, filter: query } =
            Listing::<SecretQuery>::from_request_parts(parts, state).await?;
        Ok(Self { query, page })
    }
}

impl Part {
    /// The address of `page`, from which one comes back to this part.
    pub(super) fn at(&self, page: &Url<'_>) -> String {
        let part = self.query.carried_by(page, self.page.own_limit());
        part.next(self.page.cursor().as_deref()).unwrap_or_else(|| part.first_page())
    }

    /// The beginning of the list, for samples.
    pub(super) fn first(query: SecretQuery) -> Self {
        Self { query, page: PageRequest { limit: 50, after: None } }
    }
}

/// What the chip of a filter says.
fn said(name: &str, value: &str) -> String {
    match name {
        "search" => format!("Key has “{value}”"),
        "type" => {
            let kind = value.parse::<SecretType>().ok().map(type_word);
            format!("Type: {}", kind.unwrap_or(value))
        }
        "issuer" => format!("Issuer: {value}"),
        "visibility" => {
            let visibility = value.parse::<Visibility>().ok().map(visibility_word);
            visibility.unwrap_or(value).to_owned()
        }
        "environment" => format!("Also covers {value}"),
        "state" => {
            let state = SecretState::ALL.iter().find(|state| state.as_str() == value);
            state.map_or(value, |state| state_word(*state).1).to_owned()
        }
        _ => "Expired and revoked too".to_owned(),
    }
}

fn unknown(pointer: &str) -> Problem {
    Problem::invalid_at(pointer, "unknown", "This is none of the words that it may be.")
}

fn word<T: std::str::FromStr>(pointer: &str, text: &str) -> Result<Option<T>, Problem> {
    match text {
        "" => Ok(None),
        word => word.parse().map(Some).map_err(|_| unknown(pointer)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_keeps_what_is_set_and_loses_what_is_taken_away() {
        let query = SecretQuery {
            search: " stripe & co ".to_owned(),
            kind: "api_key".to_owned(),
            ended: "shown".to_owned(),
            ..SecretQuery::default()
        };
        let base = "/dashboard/production/secrets";
        let filter = query.on("production", None);
        let here = format!("{base}?ended=shown&search=stripe+%26+co&type=api_key");
        assert_eq!(filter.next(Some("abc")), Some(format!("{here}&cursor=abc")));
        assert_eq!(filter.first_page(), here);
        assert_eq!(filter.with("search", ""), format!("{base}?ended=shown&type=api_key"));
        assert_eq!(SecretQuery::default().on("production", None).first_page(), base);
        let ended = query.view("production", Some(9), &[]).with_ended;
        assert_eq!(ended, format!("{base}?ended=shown&limit=9"));
        assert!(query.narrows() && !SecretQuery::default().narrows());
    }

    #[test]
    fn what_has_ended_is_left_out_until_it_is_asked_for() {
        let query = |state: &str, ended: &str| SecretQuery {
            state: state.to_owned(),
            ended: ended.to_owned(),
            ..SecretQuery::default()
        };
        for (state, ended, left_out) in
            [("", "", true), ("active", "", true), ("", "shown", false), ("expired", "", false)]
        {
            assert_eq!(query(state, ended).filter().unwrap().leave_out_ended, left_out, "{state} {ended}");
        }
        assert!(query("gone", "").filter().is_err() && query("", "yes").filter().is_err());
    }
}
