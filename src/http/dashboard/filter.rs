//! Filters of a list: query parameters, shown as chips that can be taken away one by one.

use serde::Serialize;
use url::form_urlencoded::Serializer;

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
    here: String,
    /// The first page with these filters.
    first_page: String,
    /// By name, for the form that sets them.
    values: std::collections::BTreeMap<&'static str, String>,
    /// Filters that can be taken away.
    set: Vec<Chip>,
}

impl Filter {
    /// The filters of the list at `here`; `chosen` is the one that has chips of its own.
    pub(super) fn of(here: &str, fields: &[(&'static str, &str)], chosen: &str) -> Self {
        Self::saying(here, fields, chosen, said)
    }

    /// The same, where `said` tells what the chip of a name and value says.
    pub(super) fn saying(
        here: &str,
        fields: &[(&'static str, &str)],
        chosen: &str,
        said: fn(&str, &str) -> String,
    ) -> Self {
        let values = fields.iter().map(|(name, value)| (*name, (*value).to_owned())).collect();
        let mut filter = Self { here: here.to_owned(), first_page: String::new(), values, set: Vec::new() };
        filter.first_page = filter.with("cursor", "");
        filter.set = fields
            .iter()
            .filter(|(name, _)| *name != chosen)
            .map(|(name, value)| Chip::new(said(name, value), filter.with(name, ""), true))
            .collect();
        filter
    }

    /// The list's address with `name` set to `value`, or without it.
    pub(super) fn with(&self, name: &str, value: &str) -> String {
        let others = self.values.iter().filter(|(other, _)| **other != name);
        let others = others.map(|(name, value)| (*name, value.as_str()));
        let own = Some((name, value)).filter(|(_, value)| !value.is_empty());
        self.at(others.chain(own))
    }

    /// The address of the page that begins at `cursor`.
    pub(super) fn next(&self, cursor: Option<&str>) -> Option<String> {
        Some(self.with("cursor", cursor?))
    }

    fn at<'a>(&self, fields: impl Iterator<Item = (&'a str, &'a str)>) -> String {
        let query = Serializer::new(String::new()).extend_pairs(fields).finish();
        if query.is_empty() { self.here.clone() } else { format!("{}?{query}", self.here) }
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
        let filter = Filter::of("/here", &[("status", "error"), ("user", "a&b")], "status");
        assert_eq!(filter.with("status", "active"), "/here?user=a%26b&status=active");
        assert_eq!(filter.with("user", ""), "/here?status=error");
        assert_eq!(filter.next(Some("c")).as_deref(), Some("/here?status=error&user=a%26b&cursor=c"));
        assert_eq!(filter.first_page, "/here?status=error&user=a%26b");
        assert_eq!(filter.set.len(), 1);
        assert_eq!(Filter::of("/here", &[], "status").with("status", ""), "/here");
    }
}
