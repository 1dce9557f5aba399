//! Mistakes that only follow from others: what could not be read is missed elsewhere, and to be told once is enough.

use crate::provider::report::suggestion;
use crate::provider::source::{Flaw, Place, Source};

const METHODS: [&str; 9] =
    ["oauth2", "client_credentials", "api_key", "basic", "session", "jwt", "oauth1", "aws_sigv4", "mcp"];

/// The places of a file that could not be read.
pub(super) struct Unread<'a> {
    source: &'a Source,
    paths: Vec<Vec<String>>,
}

impl<'a> Unread<'a> {
    pub(super) fn new(source: &'a Source, paths: Vec<Vec<String>>) -> Self {
        Self { source, paths }
    }

    /// Adds the places of mistakes.
    pub(super) fn extend(&mut self, flaws: &[Flaw]) {
        self.paths.extend(flaws.iter().map(|flaw| path_of(flaw).to_vec()));
    }

    /// Whether a mistake only follows from what could not be read.
    pub(super) fn explains(&self, flaw: &Flaw) -> bool {
        let own = path_of(flaw);
        let any = |holds: &dyn Fn(&[String]) -> bool| self.paths.iter().any(|path| holds(path));
        match flaw.code {
            "missing-key" => {
                let key = flaw.message.split('`').nth(1).unwrap_or_default();
                any(&|path| {
                    path.split_last().is_some_and(|(last, table)| table == own && stands_for(last, key))
                })
            }
            // Whatever would have used it was not read; its text is there nevertheless.
            "unused-variable" => own.last().is_some_and(|name| !self.paths.is_empty() && self.mentions(name)),
            "missing-check" | "capture-without-check" => {
                any(&|path| path.iter().any(|key| stands_for(key, "check")))
            }
            "no-method" => any(&|path| is_top(path, &METHODS)),
            "no-credential" | "key-not-secret" => any(&|path| {
                path.first() == own.first() || is_top(path, &["variables"]) || {
                    let first = path.first().map(String::as_str);
                    matches!(first, Some("base_url" | "headers" | "variables"))
                }
            }),
            _ => any(&|path| {
                !own.is_empty() && path.starts_with(own)
                    || is_top(path, &["variables"])
                    || variable(path).is_some_and(|name| variable(own) == Some(name) || self.says(flaw, name))
            }),
        }
    }

    fn mentions(&self, name: &str) -> bool {
        self.source.text.contains(&format!("{{{name}}}"))
    }

    /// Whether the value at the place of a mistake uses a variable.
    fn says(&self, flaw: &Flaw, name: &str) -> bool {
        let value = self.source.text_at(&flaw.place).unwrap_or_default();
        value.contains(&format!("{{{name}}}"))
    }
}

fn path_of(flaw: &Flaw) -> &[String] {
    match &flaw.place {
        Place::Value(path) | Place::Key(path) => path.as_slice(),
        Place::Bytes(_) | Place::File => &[],
    }
}

/// Whether a key is this one, or one that was meant to be.
fn stands_for(key: &str, meant: &str) -> bool {
    suggestion(key, [meant]).is_some()
}

/// Whether a path is that of one of these keys at the top, mistyped or not.
fn is_top(path: &[String], keys: &[&str]) -> bool {
    matches!(path, [key] if keys.iter().any(|meant| stands_for(key, meant)))
}

/// The variable that a path is about.
fn variable(path: &[String]) -> Option<&String> {
    let table = path.iter().position(|key| key == "variables")?;
    path.get(table + 1)
}
