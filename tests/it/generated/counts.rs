//! How many facts the files state.

use toml::{Table, Value};

use super::raw::Raw;

/// Keys that tell people something and no machine, and those of our own form: what it hides and may lack.
const WORDS: [&str; 10] = [
    "name",
    "documentation",
    "categories",
    "extends",
    "label",
    "help",
    "example",
    "account_label",
    "secret",
    "optional",
];

/// How many facts a file states, as it is written. What a choice stands for is one, and its label none.
pub(super) fn facts(raw: &Raw) -> usize {
    let own: Table = raw.text.parse().unwrap();
    leaves(&own)
}

fn leaves(table: &Table) -> usize {
    let count = |(key, value): (&String, &Value)| match value.as_table() {
        Some(within) => leaves(within),
        None if WORDS.contains(&key.as_str()) || is_asked(key, value) => 0,
        None => 1,
    };
    table.iter().map(count).sum()
}

/// Whether this says that people are asked for a value, which is no fact of the app.
fn is_asked(key: &str, value: &Value) -> bool {
    key == "from" && matches!(value.as_str(), Some("user" | "connector"))
}
