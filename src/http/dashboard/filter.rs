//! Filters of a list: query parameters, shown as chips that can be taken away one by one. Every address of the list
//! keeps how many rows a page is to have.

use serde::Serialize;
use url::form_urlencoded::Serializer;

use super::url::Url;

/// One choice of several, or one filter that can be taken away.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Chip {
    label: String,
    url: String,
    current: bool,
    /// How many there are; 0 where that is not said.
    count: usize,
}

impl Chip {
    pub(super) fn new(label: impl Into<String>, url: String, current: bool) -> Self {
        Self { label: label.into(), url, current, count: 0 }
    }

    /// The same, saying how many there are.
    pub(super) fn counting(self, count: usize) -> Self {
        Self { count, ..self }
    }
}

/// The filters of a list as they are set.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Filter {
    #[serde(skip)]
    list: String,
    /// How many rows a page has, where that is not the usual number.
    limit: Option<u64>,
    /// The first page without any filter.
    here: String,
    /// The first page with these filters.
    first_page: String,
    /// By name, for the form that sets them.
    values: std::collections::BTreeMap<&'static str, String>,
    /// Filters that can be taken away.
    set: Vec<Chip>,
}

impl Filter {
    /// The filters of the list at `list`, of so many rows a page; `chosen` is the one that has chips of its own.
    pub(super) fn of(list: &str, limit: Option<u64>, fields: &[(&'static str, &str)], chosen: &str) -> Self {
        Self::saying(list, limit, fields, chosen, said)
    }

    /// The same, where `said` tells what the chip of a name and value says.
    pub(super) fn saying(
        list: &str,
        limit: Option<u64>,
        fields: &[(&'static str, &str)],
        chosen: &str,
        said: fn(&str, &str) -> String,
    ) -> Self {
        let mut filter = Self {
            list: list.to_owned(),
            limit,
            here: String::new(),
            first_page: String::new(),
            values: fields.iter().map(|(name, value)| (*name, (*value).to_owned())).collect(),
            set: Vec::new(),
        };
        filter.here = filter.at([]);
        filter.first_page = filter.with("cursor", "");
        filter.set = fields
            .iter()
            .filter(|(name, _)| *name != chosen)
            .map(|(name, value)| Chip::new(said(name, value), filter.with(name, ""), true))
            .collect();
        filter
    }

    /// A list that has no filter.
    pub(super) fn none(list: &Url<'_>, limit: Option<u64>) -> Self {
        Self::of(&list.to_string(), limit, &[], "")
    }

    /// The list's address with `name` set to `value`, or without it.
    pub(super) fn with(&self, name: &str, value: &str) -> String {
        let others = self.values.iter().filter(|(other, _)| **other != name);
        let others = others.map(|(name, value)| (*name, value.as_str()));
        let own = Some((name, value)).filter(|(_, value)| !value.is_empty());
        self.at(others.chain(own))
    }

    /// The list's address with this filter and no other.
    pub(super) fn only(&self, name: &str, value: &str) -> String {
        self.at([(name, value)])
    }

    /// The address of the first page with these filters.
    pub(super) fn first_page(&self) -> String {
        self.first_page.clone()
    }

    /// The address of the page that begins at `cursor`.
    pub(super) fn next(&self, cursor: Option<&str>) -> Option<String> {
        Some(self.with("cursor", cursor?))
    }

    fn at<'a>(&self, fields: impl IntoIterator<Item = (&'a str, &'a str)>) -> String {
        let mut query = Serializer::new(String::new());
        query.extend_pairs(fields);
        if let Some(limit) = self.limit {
            query.append_pair("limit", &limit.to_string());
        }
        let query = query.finish();
        if query.is_empty() { self.list.clone() } else { format!("{}?{query}", self.list) }
    }
}

fn said(name: &str, value: &str) -> String {
    match name {
        "ends" => format!("ends within {value} days"),
        "search" => format!("“{value}”"),
        _ => format!("{name}: {value}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_filter_is_changed_and_taken_away_without_the_others() {
        let filter = Filter::of("/here", None, &[("status", "error"), ("user", "a&b")], "status");
        assert_eq!(filter.with("status", "active"), "/here?user=a%26b&status=active");
        assert_eq!(filter.with("user", ""), "/here?status=error");
        assert_eq!(filter.next(Some("c")).as_deref(), Some("/here?status=error&user=a%26b&cursor=c"));
        assert_eq!(filter.first_page, "/here?status=error&user=a%26b");
        assert_eq!(filter.set.len(), 1);
        assert_eq!(Filter::of("/here", None, &[], "status").with("status", ""), "/here");
    }

    #[test]
    fn every_address_keeps_how_many_rows_a_page_has() {
        let filter = Filter::of("/here", Some(2), &[("user", "a"), ("status", "error")], "status");
        assert_eq!(filter.here, "/here?limit=2");
        assert_eq!(filter.first_page(), "/here?status=error&user=a&limit=2");
        assert_eq!(filter.next(Some("c")).as_deref(), Some("/here?status=error&user=a&cursor=c&limit=2"));
        assert_eq!(filter.only("user", "b"), "/here?user=b&limit=2");
        assert_eq!(filter.set[0].url, "/here?status=error&limit=2");
    }
}
