//! The failure points, each once, in the order in which a refresh, a delivery, a new key or a copy reaches them.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

/// What a process that dies at a point leaves behind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Left {
    /// Nothing was begun.
    Nothing,
    /// A claim, and a token that the provider has not seen.
    Claim,
    /// A spent token whose answer nobody wrote down: the one window in which a grant may be lost.
    Spent,
    /// An answer in the journal.
    Answer,
    /// New tokens in the database.
    Tokens,
}

pub(crate) const POINTS: [(&str, Left); 15] = [
    ("refresh::before_claim", Left::Nothing),
    ("refresh::after_claim", Left::Claim),
    ("refresh::after_open", Left::Claim),
    ("refresh::connected", Left::Claim),
    ("refresh::mid_write", Left::Claim),
    ("refresh::written", Left::Spent),
    ("refresh::headers", Left::Spent),
    ("refresh::mid_body", Left::Spent),
    ("refresh::body_read", Left::Spent),
    ("refresh::journal_written", Left::Answer),
    ("refresh::journal_synced", Left::Answer),
    ("refresh::parsed", Left::Answer),
    ("refresh::before_commit", Left::Answer),
    ("refresh::in_commit", Left::Answer),
    ("refresh::after_commit", Left::Tokens),
];

/// A delivery that is claimed, and one that was sent and is not marked yet.
pub(crate) const CLAIMED: &str = "webhook::claimed";
pub(crate) const SENT: &str = "webhook::sent";

/// All data keys are wrapped by another master key: before that is committed, and after.
pub(crate) const WRAPPED: &str = "rewrap::wrapped";
pub(crate) const REWRAPPED: &str = "rewrap::committed";

/// Another data key is there and seals nothing yet; it seals; values are sealed anew, and that is not committed.
pub(crate) const MADE: &str = "rekey::made";
pub(crate) const SWITCHED: &str = "rekey::switched";
pub(crate) const RESEALED: &str = "rekey::resealed";

/// A copy of a database or an export of an environment is whole, and the audit log does not have it yet.
pub(crate) const COPIED: &str = "backup::written";
pub(crate) const EXPORTED: &str = "export::written";

fn names() -> impl Iterator<Item = &'static str> {
    let others = [CLAIMED, SENT, WRAPPED, REWRAPPED, MADE, SWITCHED, RESEALED, COPIED, EXPORTED];
    POINTS.into_iter().map(|(name, _)| name).chain(others)
}

#[test]
fn the_points_are_those_of_the_source() {
    let mut found = BTreeSet::new();
    read(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &mut found);
    let known = names().map(str::to_owned).collect();
    assert_eq!(found, known);
}

fn read(folder: &Path, found: &mut BTreeSet<String>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            read(&path, found);
            continue;
        }
        let text = std::fs::read_to_string(&path).unwrap_or_default();
        // Between quotes: paths of modules are written without.
        let quoted = text.split('"').skip(1).step_by(2);
        found.extend(quoted.filter(|text| is_a_point(text)).map(str::to_owned));
    }
}

fn is_a_point(text: &str) -> bool {
    text.split_once("::").is_some_and(|(module, _)| {
        matches!(module, "refresh" | "webhook" | "rewrap" | "rekey" | "backup" | "export")
    })
}

#[test]
fn the_default_binary_names_no_point() {
    let mut search = Command::new("grep");
    search.args(["-a", "-o", "-F"]);
    for word in names().chain(["VOUCHSAFE_FAILPOINTS", "VOUCHSAFE_CLOCK_OFFSET"]) {
        search.args(["-e", word]);
    }
    // A word that is in every build shows that the search finds what is there.
    let found = search.args(["-e", "VOUCHSAFE_REFRESH_LEASE"]).arg(env!("CARGO_BIN_EXE_vouchsafe")).output();
    let found = String::from_utf8(found.unwrap().stdout).unwrap();
    let found: BTreeSet<&str> = found.lines().collect();
    assert_eq!(found, BTreeSet::from(["VOUCHSAFE_REFRESH_LEASE"]));
}
