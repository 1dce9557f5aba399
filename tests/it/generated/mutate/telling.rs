//! Wrong facts of the values that a file asks for, maps or takes from answers.

use toml::{Table, Value};

use super::super::case::Case;
use super::super::raw::{self, Raw};
use super::super::sample;
use super::{misplaced, sharer, table};

/// The right case of a method.
fn case_of(file: &Table, method: &str) -> Option<Case> {
    let raw = Raw { slug: String::new(), text: String::new(), table: file.clone() };
    let method = raw.methods().into_iter().find(|known| *known == method)?;
    Some(Case::of(&raw, method, 1))
}

/// Of the variables that the method reaches in the table that all methods share: the one at a place among those of
/// which the file says something, and for which something holds.
fn reached<'a>(
    file: &'a mut Table,
    method: &str,
    place: usize,
    says: fn(&Table) -> bool,
    holds: fn(&Case, &str) -> bool,
) -> Option<&'a mut Table> {
    let shared = raw::table(file, "variables");
    let stated = shared.values().filter(|variable| variable.as_table().is_some_and(says)).count();
    // Most files need no more than this look.
    (place < stated).then_some(())?;
    let case = case_of(file, method)?;
    let fits = |(name, variable): &(String, Table)| {
        let is_shared = shared.get(name).and_then(Value::as_table) == Some(variable);
        is_shared && says(variable) && holds(&case, name)
    };
    let (name, _) = case.variables().into_iter().filter(fits).nth(place)?;
    table(file, "variables")?.get_mut(&name)?.as_table_mut()
}

/// Each that the app tells with this method.
pub(super) fn captured(file: &mut Table, method: &str, place: usize) -> Option<()> {
    let says = |variable: &Table| variable.contains_key("from") || variable.contains_key("lookup");
    let variable = reached(file, method, place, says, |case, name| case.told.contains_key(name))?;
    if let Some(lookup) = variable.get_mut("lookup").and_then(Value::as_table_mut) {
        lookup.insert("path".to_owned(), "wrong.path".into());
    } else {
        let wrong = format!("{}_wrong", raw::text(variable, "from")?);
        variable.insert("from".to_owned(), wrong.into());
    }
    Some(())
}

/// A host of somebody else's gets through.
pub(super) fn pattern(file: &mut Table, method: &str, place: usize) -> Option<()> {
    let foreign = |case: &Case, name: &str| case.foreign().iter().any(|(other, _)| other == name);
    let variable = reached(file, method, place, |variable| variable.contains_key("pattern"), foreign)?;
    // Nothing before it: that of an origin must begin as one.
    let wrong = format!(r"{}(\.elsewhere\.example)?", raw::text(variable, "pattern")?);
    variable.insert("pattern".to_owned(), wrong.into());
    Some(())
}

/// Another path or host is asked, by `part` as with [`misplaced`].
pub(super) fn lookup(file: &mut Table, method: &str, place: usize, part: usize) -> Option<()> {
    let variable = reached(file, method, place, |variable| variable.contains_key("lookup"), |_, _| true)?;
    misplaced(table(variable, "lookup")?, "url", part)
}

/// The entry at a place among those that the variables which the method reaches have in the table `key`: the name of its
/// variable, and its own.
fn entry(file: &Table, method: &str, key: &str, place: usize) -> Option<(String, String)> {
    let shared = raw::table(file, "variables");
    let stated: usize =
        shared.values().filter_map(|variable| variable.get(key)?.as_table()).map(Table::len).sum();
    (place < stated).then_some(())?;
    let mut own = case_of(file, method)?.variables().into_iter().flat_map(|(name, variable)| {
        let is_shared = shared.get(&name).and_then(Value::as_table) == Some(&variable);
        let entries = if is_shared { raw::table(&variable, key) } else { Table::new() };
        entries.into_iter().map(move |(entry, _)| (name.clone(), entry))
    });
    own.nth(place)
}

/// A word of a map stands for something else.
pub(super) fn word(file: &mut Table, method: &str, place: usize) -> Option<()> {
    let (name, word) = entry(file, method, "map", place)?;
    falsify(table(file, &format!("variables.{name}.map"))?.get_mut(&word)?);
    Some(())
}

/// A choice is another, and with it the default that it is.
pub(super) fn choice(file: &mut Table, method: &str, place: usize) -> Option<()> {
    let (name, label) = entry(file, method, "options", place)?;
    let variable = table(file, &format!("variables.{name}"))?;
    let chosen = table(variable, "options")?.get_mut(&label)?;
    let right = chosen.clone();
    falsify(chosen);
    if let Some(default) = variable.get_mut("default").filter(|default| **default == right) {
        falsify(default);
    }
    Some(())
}

/// What is taken where nothing is given is something else that may be given.
pub(super) fn default(file: &mut Table, method: &str, place: usize) -> Option<()> {
    let variable = reached(file, method, place, |variable| variable.contains_key("default"), |_, _| true)?;
    let right = raw::text(variable, "default")?.to_owned();
    let options = raw::table(variable, "options");
    let wrong = if !options.is_empty() {
        options.values().filter_map(Value::as_str).find(|choice| *choice != right)?.to_owned()
    } else if let Some(pattern) = raw::text(variable, "pattern") {
        (1..100).map(|seed| sample::of_pattern(pattern, seed)).find(|value| *value != right)?
    } else {
        format!("{right}wrong")
    };
    variable.insert("default".to_owned(), wrong.into());
    Some(())
}

fn falsify(value: &mut Value) {
    let right = value.as_str().unwrap_or_default();
    let at = if right.starts_with("https://") { "https://".len() } else { 0 };
    let wrong = format!("{}wrong-{}", &right[..at], &right[at..]);
    *value = wrong.into();
}

/// The account or its label, only where the app tells enough for both.
pub(super) fn account(file: &mut Table, method: &str, key: &str) -> Option<()> {
    raw::text(sharer(file, method, key)?, key)?;
    let case = case_of(file, method)?;
    let known = |name: &String| case.known.contains_key(name) || case.told.contains_key(name);
    for needed in ["account", key] {
        raw::placeholders(raw::text(&case.file, needed)?).iter().all(known).then_some(())?;
    }
    let wrong = format!("{}/wrong", raw::text(&case.file, key)?);
    sharer(file, method, key)?.insert(key.to_owned(), wrong.into());
    Some(())
}
