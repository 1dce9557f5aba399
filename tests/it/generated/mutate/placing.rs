//! Wrong facts of where a credential goes on a call.

use toml::{Table, Value};

use super::{renamed, table};

/// The headers and parameters that a method names, by the table in which they stand.
fn placed(own: &Table) -> Vec<(&'static str, String)> {
    let names = |key: &'static str| {
        let entries = own.get(key).and_then(Value::as_table).into_iter().flat_map(Table::keys);
        entries.map(move |name| (key, name.clone()))
    };
    ["query", "headers"].into_iter().flat_map(names).collect()
}

/// Whether the token goes where it does if a file says nothing.
fn is_usual(own: &Table, method: &str) -> bool {
    let stated = ["headers", "query", "basic"].iter().any(|key| own.contains_key(*key));
    !stated && !matches!(method, "api_key" | "basic" | "oauth1" | "aws_sigv4")
}

fn with_header(own: &mut Table, name: &str, value: &str) {
    let header = Table::from_iter([(name.to_owned(), Value::from(value))]);
    own.insert("headers".to_owned(), header.into());
}

/// Another name for each header and parameter.
pub(super) fn name(file: &mut Table, method: &str, place: usize) -> Option<()> {
    let own = table(file, method)?;
    if is_usual(own, method) {
        return (place == 0).then(|| with_header(own, "X-Wrong", "Bearer {access_token}"));
    }
    let (key, name) = placed(own).into_iter().nth(place)?;
    renamed(table(own, key)?, &name)
}

/// The halves of Basic the other way round, and another word before the value of each header.
pub(super) fn form(file: &mut Table, method: &str, mut place: usize) -> Option<()> {
    let own = table(file, method)?;
    if is_usual(own, method) {
        return (place == 0).then(|| with_header(own, "Authorization", "Token {access_token}"));
    }
    if let Some(basic) = own.get_mut("basic").and_then(Value::as_table_mut) {
        let Some(behind) = place.checked_sub(1) else {
            let (username, password) = (basic.remove("username")?, basic.remove("password")?);
            basic.insert("username".to_owned(), password);
            basic.insert("password".to_owned(), username);
            return Some(());
        };
        place = behind;
    }
    let (_, value) = table(own, "headers")?.iter_mut().nth(place)?;
    *value = format!("Wrong {}", value.as_str()?).into();
    Some(())
}

/// In a header what belongs into the query, and in the query what belongs into a header.
pub(super) fn elsewhere(file: &mut Table, method: &str, place: usize) -> Option<()> {
    let own = table(file, method)?;
    let (from, name) = placed(own).into_iter().nth(place)?;
    let there = table(own, from)?;
    let value = there.remove(&name)?;
    if there.is_empty() {
        own.remove(from);
    }
    let to = if from == "query" { "headers" } else { "query" };
    own.entry(to).or_insert_with(|| Table::new().into()).as_table_mut()?.insert(name, value);
    Some(())
}
