//! Wrong facts of the values that a file asks for, maps or takes from answers.

use toml::{Table, Value};

use super::super::case::Case;
use super::super::raw::{self, Raw};
use super::{longer, sharer, table};

/// The right case of a method.
fn case_of(file: &Table, method: &str) -> Option<Case> {
    let raw = Raw { slug: String::new(), text: String::new(), table: file.clone() };
    let method = raw.methods().into_iter().find(|known| *known == method)?;
    Some(Case::of(&raw, method, 1))
}

/// The first variable that the method reaches for which something holds, in the table that all methods share.
fn reached<'a>(
    file: &'a mut Table,
    method: &str,
    holds: impl Fn(&Case, &str, &Table) -> bool,
) -> Option<&'a mut Table> {
    let case = case_of(file, method)?;
    let shared = raw::table(file, "variables");
    let mut variables = case.variables().into_iter();
    let (name, _) = variables.find(|(name, variable)| {
        shared.get(name).and_then(Value::as_table) == Some(variable) && holds(&case, name, variable)
    })?;
    table(file, "variables")?.get_mut(&name)?.as_table_mut()
}

/// One that the app tells with this method.
pub(super) fn captured(file: &mut Table, method: &str) -> Option<()> {
    let variable = reached(file, method, |case, name, _| case.told.contains_key(name))?;
    if let Some(lookup) = variable.get_mut("lookup").and_then(Value::as_table_mut) {
        lookup.insert("path".to_owned(), "wrong.path".into());
    } else {
        let wrong = format!("{}_wrong", raw::text(variable, "from")?);
        variable.insert("from".to_owned(), wrong.into());
    }
    Some(())
}

/// A host of somebody else's gets through.
pub(super) fn pattern(file: &mut Table, method: &str) -> Option<()> {
    let foreign = |case: &Case, name: &str| case.foreign().iter().any(|(other, _)| other == name);
    let variable = reached(file, method, |case, name, variable| {
        variable.contains_key("pattern") && foreign(case, name)
    })?;
    // Nothing before it: that of an origin must begin as one.
    let wrong = format!(r"{}(\.elsewhere\.example)?", raw::text(variable, "pattern")?);
    variable.insert("pattern".to_owned(), wrong.into());
    Some(())
}

pub(super) fn lookup(file: &mut Table, method: &str) -> Option<()> {
    let variable = reached(file, method, |_, _, variable| variable.contains_key("lookup"))?;
    longer(variable.get_mut("lookup")?.as_table_mut()?, "url")
}

/// Every word stands for something else.
pub(super) fn map(file: &mut Table, method: &str) -> Option<()> {
    let variable = reached(file, method, |_, _, variable| variable.contains_key("map"))?;
    let map = variable.get_mut("map")?.as_table_mut()?;
    for (_, value) in map {
        falsify(value);
    }
    Some(())
}

/// Every choice but the default is another.
pub(super) fn options(file: &mut Table, method: &str) -> Option<()> {
    let variable = reached(file, method, |_, _, variable| variable.contains_key("options"))?;
    let default = variable.get("default").cloned();
    let options = variable.get_mut("options")?.as_table_mut()?;
    let mut is_wrong = false;
    for (_, value) in options {
        if Some(&*value) != default.as_ref() {
            falsify(value);
            is_wrong = true;
        }
    }
    is_wrong.then_some(())
}

fn falsify(value: &mut Value) {
    let right = value.as_str().unwrap_or_default();
    let at = if right.starts_with("https://") { "https://".len() } else { 0 };
    let wrong = format!("{}wrong-{}", &right[..at], &right[at..]);
    *value = wrong.into();
}

/// Only where the app tells enough for an account.
pub(super) fn account(file: &mut Table, method: &str) -> Option<()> {
    let case = case_of(file, method)?;
    let right = raw::text(&case.file, "account")?;
    let known = |name: &String| case.known.contains_key(name) || case.told.contains_key(name);
    raw::placeholders(right).iter().all(known).then_some(())?;
    let wrong = format!("{right}/wrong");
    sharer(file, method, "account")?.insert("account".to_owned(), wrong.into());
    Some(())
}
