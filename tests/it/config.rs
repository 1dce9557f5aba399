//! The variables that the hub reads and the table of them in the README are the same.

use std::collections::BTreeSet;
use std::path::Path;

use vouchsafe::config::VARIABLES;

#[test]
fn the_readme_lists_every_variable_and_no_other() {
    let readme = Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md");
    let readme = std::fs::read_to_string(readme).unwrap();
    let rows = readme.lines().filter(|line| line.starts_with("| `VOUCHSAFE_"));
    let documented: BTreeSet<&str> = rows
        .filter_map(|row| row.split('|').nth(1))
        .flat_map(|cell| cell.split('`'))
        .filter(|word| word.starts_with("VOUCHSAFE_"))
        .collect();
    let known: BTreeSet<&str> = VARIABLES.iter().copied().collect();
    assert_eq!(documented, known);
}
