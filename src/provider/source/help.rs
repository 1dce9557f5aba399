//! What people are told who must type a value: where it is found, or what it looks like.

use toml::de::{DeTable, DeValue};

use super::{Flaw, Place, Source};

/// A warning for each secret that people type without `help`, and for each other value without any hint.
pub(in crate::provider) fn help_flaws(source: &Source) -> Vec<Flaw> {
    let (table, _) = DeTable::parse_recoverable(source.readable());
    let table = table.get_ref();
    let mut flaws = in_variables(table);
    for (_, value) in table {
        if let DeValue::Table(method) = value.get_ref() {
            flaws.extend(in_variables(method));
        }
    }
    flaws
}

/// Those of the table `variables` of a file or of a method.
fn in_variables(of: &DeTable<'_>) -> Vec<Flaw> {
    let Some(DeValue::Table(variables)) = of.get("variables").map(toml::Spanned::get_ref) else {
        return Vec::new();
    };
    let mut flaws = Vec::new();
    for (name, variable) in variables {
        let DeValue::Table(variable) = variable.get_ref() else { continue };
        let value = |key: &str| variable.get(key).map(toml::Spanned::get_ref);
        let secret = matches!(value("secret"), Some(DeValue::Boolean(true)));
        let typed =
            value("from").is_none_or(|from| from.as_str() == Some("user")) && value("lookup").is_none();
        // Without a label it is the rest of a value of the file that this one extends.
        let asked = typed && (secret || value("label").is_some());
        let hints: &[&str] = if secret { &["help"] } else { &["help", "example", "options", "default"] };
        if asked && hints.iter().all(|&key| value(key).is_none()) {
            let message = format!("nobody is told where `{}` is found", name.get_ref());
            let flaw = Flaw::warning(Place::Bytes(name.span()), "no-help", message);
            flaws.push(flaw.help("`help` is the page on which it is found, or that says where that is"));
        }
    }
    flaws
}
