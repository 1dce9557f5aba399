//! Wrong facts of the values that a file asks for, maps or takes from answers.

use toml::{Table, Value};

use super::super::case::Case;
use super::super::raw::{self, Raw};
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

/// Every word of a map stands for something else.
pub(super) fn map(file: &mut Table, method: &str, place: usize) -> Option<()> {
    let variable = reached(file, method, place, |variable| variable.contains_key("map"), |_, _| true)?;
    for (_, value) in table(variable, "map")? {
        falsify(value);
    }
    Some(())
}

/// Every choice but the default is another.
pub(super) fn options(file: &mut Table, method: &str, place: usize) -> Option<()> {
    let says = |variable: &Table| {
        let default = variable.get("default");
        raw::table(variable, "options").values().any(|value| Some(value) != default)
    };
    let variable = reached(file, method, place, says, |_, _| true)?;
    let default = variable.get("default").cloned();
    for (_, value) in table(variable, "options")? {
        if Some(&*value) != default.as_ref() {
            falsify(value);
        }
    }
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
