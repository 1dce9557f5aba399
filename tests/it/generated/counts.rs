//! How many facts the files state.

use toml::Table;

use super::raw::Raw;

/// Keys that tell people something and no machine.
const WORDS: [&str; 8] =
    ["name", "documentation", "categories", "extends", "label", "help", "example", "account_label"];

/// How many facts a file states, as it is written.
pub(super) fn facts(raw: &Raw) -> usize {
    let own: Table = raw.text.parse().unwrap();
    leaves(&own)
}

fn leaves(table: &Table) -> usize {
    let own = table.iter().filter(|(key, _)| !WORDS.contains(&key.as_str()));
    own.map(|(_, value)| value.as_table().map_or(1, leaves)).sum()
}
