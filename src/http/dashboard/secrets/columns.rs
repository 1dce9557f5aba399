//! The columns of the list: which there are, and which of them a browser wants, which it remembers.

use axum::http::HeaderMap;
use serde::Serialize;

use crate::http::HttpState;
use crate::http::dashboard::cookies;

/// Every column beside key, value and state: its word, its heading, and whether it is shown unless somebody chooses.
const ALL: [(&str, &str, bool); 9] = [
    ("type", "Type", true),
    ("issuer", "Issuer", true),
    ("visibility", "Visibility", false),
    ("environments", "Environments", true),
    ("scope", "Scope", true),
    ("hosts", "Hosts", false),
    ("expires", "Ends", true),
    ("used", "Last used", true),
    ("created", "Made", false),
];

/// A column.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Column {
    word: &'static str,
    label: &'static str,
    shown: bool,
}

/// The columns as a browser wants them.
pub(super) fn chosen(headers: &HeaderMap, state: &HttpState) -> Vec<Column> {
    let choice = cookies::columns(headers, state);
    let wants = |word: &str, usual: bool| {
        choice.as_deref().map_or(usual, |choice| choice.split('.').any(|chosen| chosen == word))
    };
    ALL.into_iter().map(|(word, label, usual)| Column { word, label, shown: wants(word, usual) }).collect()
}

/// The words among `words` that are columns, as a browser remembers them. None at all is a choice too.
pub(super) fn remembered(words: &[String]) -> String {
    let known = ALL.iter().map(|(word, ..)| *word).filter(|word| words.iter().any(|one| one == word));
    let known: Vec<_> = known.collect();
    if known.is_empty() { "none".to_owned() } else { known.join(".") }
}

/// The usual columns, for samples.
pub(super) fn usual() -> Vec<Column> {
    ALL.into_iter().map(|(word, label, shown)| Column { word, label, shown }).collect()
}

impl Column {
    /// Its word.
    pub(super) const fn word(&self) -> &'static str {
        self.word
    }

    /// Whether it is shown.
    pub(super) const fn is_shown(&self) -> bool {
        self.shown
    }
}
