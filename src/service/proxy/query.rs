//! Queries: pairs stay as they are written, but for those that the hub injects and those with references.

use std::borrow::Cow;

use secrecy::{ExposeSecret as _, SecretString};
use url::form_urlencoded::{byte_serialize, parse};

use super::dynamic_text;
use crate::service::Error;
use crate::service::references::OpenSecrets;

/// Name and value of one pair, decoded.
fn decoded(pair: &str) -> (Cow<'_, str>, Cow<'_, str>) {
    parse(pair.as_bytes()).next().unwrap_or_default()
}

/// The pairs whose names are not `injected`, in any letter case, since some servers tell none apart.
pub(super) fn without(query: Option<&str>, injected: &[&str]) -> Option<String> {
    let query = query?;
    if injected.is_empty() {
        return Some(query.to_owned());
    }
    let free = |pair: &&str| {
        let (name, _) = decoded(pair);
        !injected.iter().any(|injected| name.eq_ignore_ascii_case(injected))
    };
    let kept: Vec<&str> = query.split('&').filter(free).collect();
    if kept.is_empty() { None } else { Some(kept.join("&")) }
}

/// Both queries, one behind the other.
pub(super) fn joined(first: Option<&str>, second: Option<&str>) -> Option<String> {
    match (first, second) {
        (Some(first), Some(second)) => Some(format!("{first}&{second}")),
        (one, None) | (None, one) => one.map(str::to_owned),
    }
}

/// The values that hold references or escapes, decoded.
pub(super) fn dynamic(query: &str) -> impl Iterator<Item = String> {
    query.split('&').filter_map(|pair| {
        let (_, value) = decoded(pair);
        dynamic_text(&value).then(|| value.into_owned())
    })
}

/// The query, or form, with the references in its values replaced and encoded as data.
pub(super) fn resolve(query: &str, secrets: &OpenSecrets) -> Result<String, Error> {
    let mut pairs = Vec::new();
    for pair in query.split('&') {
        let (_, value) = decoded(pair);
        if dynamic_text(&value) {
            let name = pair.split('=').next().unwrap_or_default();
            let value = secrets.fill(&value)?;
            let encoded: String = byte_serialize(value.as_bytes()).collect();
            pairs.push(Cow::Owned(format!("{name}={encoded}")));
        } else {
            pairs.push(Cow::Borrowed(pair));
        }
    }
    Ok(pairs.join("&"))
}

/// The query with what the hub injects.
pub(super) fn with(query: Option<&str>, injected: &[(String, SecretString)]) -> Option<String> {
    if injected.is_empty() {
        return query.map(str::to_owned);
    }
    let mut pairs: Vec<String> =
        query.filter(|query| !query.is_empty()).map(str::to_owned).into_iter().collect();
    for (name, value) in injected {
        let name: String = byte_serialize(name.as_bytes()).collect();
        let value: String = byte_serialize(value.expose_secret().as_bytes()).collect();
        pairs.push(format!("{name}={value}"));
    }
    Some(pairs.join("&"))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_is_injected_is_dropped_from_the_callers() {
        let without = |query| without(Some(query), &["api_key"]);
        assert_eq!(without("a=1&api_key=x&b=2").as_deref(), Some("a=1&b=2"));
        assert_eq!(without("API_KEY=x&api%5Fkey=y&a").as_deref(), Some("a"));
        assert_eq!(without("api_key").as_deref(), None);
        assert_eq!(without("x=api_key&&b=%zz+").as_deref(), Some("x=api_key&&b=%zz+"));
    }

    #[test]
    fn queries_are_put_one_behind_the_other() {
        assert_eq!(joined(Some("a=1"), Some("b=2")).as_deref(), Some("a=1&b=2"));
        assert_eq!(joined(None, Some("b=2")).as_deref(), Some("b=2"));
        assert_eq!(joined(None, None), None);
        let injected = [("api key".to_owned(), SecretString::from("a&b=c d"))];
        assert_eq!(with(Some("x=1"), &injected).as_deref(), Some("x=1&api+key=a%26b%3Dc+d"));
        assert_eq!(with(None, &injected).as_deref(), Some("api+key=a%26b%3Dc+d"));
        assert_eq!(with(None, &[]), None);
    }

    #[test]
    fn a_value_with_a_reference_is_found_in_every_writing() {
        for (query, found) in [
            ("k=$Secret{A}", vec!["$Secret{A}"]),
            ("k=%24Secret%7BA%7D", vec!["$Secret{A}"]),
            ("a=1&k=x+$Token{B}", vec!["x $Token{B}"]),
            ("$Secret{A}=1", vec![]),
            ("a=$5", vec![]),
        ] {
            assert_eq!(dynamic(query).collect::<Vec<_>>(), found, "{query}");
        }
    }

    proptest! {
        #[test]
        fn other_pairs_stay_as_they_are_written(query in "[a-z=&%+0-9$]{0,30}") {
            let resolved = resolve(&query, &OpenSecrets::default()).unwrap();
            prop_assert_eq!(resolved, query);
        }

        #[test]
        fn an_injected_value_is_data(value in ".{0,20}") {
            let query = with(Some("a=1"), &[("k".to_owned(), SecretString::from(value.as_str()))]).unwrap();
            let pairs: Vec<_> = parse(query.as_bytes()).into_owned().collect();
            prop_assert_eq!(pairs, [("a".to_owned(), "1".to_owned()), ("k".to_owned(), value)]);
        }
    }
}
