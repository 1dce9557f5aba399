//! Query parameters. Unknown and repeated ones are mistakes.

use axum::extract::FromRequestParts;
use http::request::Parts;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer, de};
use serde_json::{Map, Value};

use crate::domain::page::{InvalidPage, PageRequest};
use crate::http::{HttpState, Problem};
use crate::service::error::escape;
use crate::service::shape::shaped;
use crate::service::{Error, Violation};

/// Parameters of the shape `T`, whose members are texts.
pub(in crate::http) struct Query<T>(pub(in crate::http) T);

/// No parameter at all.
pub(in crate::http) struct NoQuery;

/// The parameters of a list: `limit`, `cursor`, and a filter.
pub(in crate::http) struct Listing<T> {
    pub(in crate::http) page: PageRequest,
    pub(in crate::http) filter: T,
}

/// A list without a filter.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::http) struct NoFilter {}

impl<T: DeserializeOwned> FromRequestParts<HttpState> for Query<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &HttpState) -> Result<Self, Problem> {
        parameters(read(parts)?).map(Self)
    }
}

impl FromRequestParts<HttpState> for NoQuery {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &HttpState) -> Result<Self, Problem> {
        parameters::<NoFilter>(read(parts)?).map(|_| Self)
    }
}

impl<T: DeserializeOwned> FromRequestParts<HttpState> for Listing<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &HttpState) -> Result<Self, Problem> {
        let mut given = read(parts)?;
        let (limit, cursor) = (given.remove("limit"), given.remove("cursor"));
        let text = |value: &Option<Value>| value.as_ref().and_then(Value::as_str).map(str::to_owned);
        let page = PageRequest::parse(text(&limit).as_deref(), text(&cursor).as_deref());
        Ok(Self { filter: parameters(given)?, page: page.map_err(invalid_page)? })
    }
}

fn invalid_page(error: InvalidPage) -> Problem {
    match error {
        InvalidPage::Limit => Problem::invalid_at("/limit", "out_of_range", "Write a number from 1 to 200."),
        InvalidPage::Cursor => Error::invalid_cursor().into(),
    }
}

fn read(parts: &Parts) -> Result<Map<String, Value>, Problem> {
    let mut given = Map::new();
    let mut wrong = Vec::new();
    for (name, value) in url::form_urlencoded::parse(parts.uri.query().unwrap_or_default().as_bytes()) {
        let at = || format!("/{}", escape(&name.replace('\0', "")));
        if name.contains('\0') || value.contains('\0') {
            wrong.push(Violation::new(at(), "invalid_characters", "The character U+0000 is not allowed."));
        } else if given.insert(name.clone().into_owned(), Value::String(value.into_owned())).is_some() {
            wrong.push(Violation::new(at(), "repeated", "This parameter is there twice."));
        }
    }
    if wrong.is_empty() { Ok(given) } else { Err(Problem::invalid(wrong)) }
}

fn parameters<T: DeserializeOwned>(given: Map<String, Value>) -> Result<T, Problem> {
    shaped(given).map_err(|told| {
        let message = match told.code {
            "unknown_field" => "There is no such parameter here.".to_owned(),
            _ => told.message,
        };
        Problem::invalid_at(told.pointer, told.code, message)
    })
}

/// `true` or `false` in a query.
#[derive(Clone, Copy, Debug, Default)]
pub(in crate::http) struct Flag(pub(in crate::http) bool);

impl<'de> Deserialize<'de> for Flag {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match String::deserialize(deserializer)?.as_str() {
            "true" => Ok(Self(true)),
            "false" => Ok(Self(false)),
            _ => Err(de::Error::invalid_value(de::Unexpected::Other("another text"), &"`true` or `false`")),
        }
    }
}

#[cfg(test)]
mod tests {
    use axum::response::IntoResponse as _;
    use http::{Request, StatusCode};

    use super::*;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Sample {
        search: Option<String>,
        #[serde(default)]
        force: Flag,
    }

    fn parsed(query: &str) -> Result<Sample, Problem> {
        let (parts, ()) = Request::get(format!("/x?{query}")).body(()).unwrap().into_parts();
        parameters(read(&parts)?)
    }

    #[test]
    fn known_parameters_are_read() {
        let sample = parsed("search=a%20b&force=true").unwrap();
        assert_eq!(sample.search.as_deref(), Some("a b"));
        assert!(sample.force.0);
        assert!(!parsed("").unwrap().force.0);
    }

    #[test]
    fn unknown_repeated_and_unreadable_ones_are_refused() {
        for query in ["serch=a", "search=a&search=b", "force=yes", "search=%00"] {
            let refused = parsed(query).unwrap_err();
            assert_eq!(refused.into_response().status(), StatusCode::BAD_REQUEST, "{query}");
        }
    }
}
