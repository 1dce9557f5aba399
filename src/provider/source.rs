//! One file as text: parsing with spans, inheritance, and turning a place in the tree into a place in the text.

mod comments;
mod help;
mod order;
mod repair;
mod shape;

use std::ops::Range;
use std::sync::OnceLock;

use toml::de::{DeTable, DeValue};

use super::format::File;
use super::report::{Problem, Severity, suggestion};

pub(super) use self::comments::comment_flaws;
pub(super) use self::help::help_flaws;
pub(super) use self::order::order_flaws;
use self::repair::{Repair, repair};

/// The most bytes that a file may have.
pub(super) const MAX_FILE: usize = 64 * 1024;

/// Where a file comes from, which decides what it may say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Trust {
    /// Embedded in the binary.
    BuiltIn,
    /// From the operator's directory.
    Operator,
}

/// One file.
#[derive(Clone, Debug)]
pub(super) struct Source {
    pub(super) slug: String,
    /// The path as shown in problems.
    pub(super) shown: String,
    pub(super) text: String,
    pub(super) trust: Trust,
    repaired: OnceLock<Repair>,
}

/// What could be read of a file.
#[derive(Default)]
pub(super) struct Reading {
    /// What it says, without what is wrong; none where that is not known.
    pub(super) file: Option<File>,
    pub(super) flaws: Vec<Flaw>,
    /// Paths of what is wrong and left out of `file`.
    pub(super) unread: Vec<Vec<String>>,
}

/// A problem by its place in the tree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Flaw {
    pub(super) place: Place,
    pub(super) severity: Severity,
    pub(super) code: &'static str,
    pub(super) message: String,
    pub(super) help: Option<String>,
}

/// A place in a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// The value at a path of keys.
    Value(Vec<String>),
    /// The last key of a path.
    Key(Vec<String>),
    /// Bytes of the text.
    Bytes(Range<usize>),
    /// The file as a whole.
    File,
}

impl Flaw {
    pub(super) fn error(place: Place, code: &'static str, message: impl Into<String>) -> Self {
        Self { place, severity: Severity::Error, code, message: message.into(), help: None }
    }

    pub(super) fn warning(place: Place, code: &'static str, message: impl Into<String>) -> Self {
        Self { severity: Severity::Warning, ..Self::error(place, code, message) }
    }

    /// Whether its place is a variable of one of these names.
    pub(super) fn names_one_of(&self, names: &std::collections::HashSet<String>) -> bool {
        match &self.place {
            Place::Value(path) | Place::Key(path) => path.get(1).is_some_and(|name| names.contains(name)),
            Place::Bytes(_) | Place::File => false,
        }
    }

    pub(super) fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }
}

impl Source {
    pub(super) fn new(slug: &str, shown: String, text: String, trust: Trust) -> Self {
        Self { slug: slug.to_owned(), shown, text, trust, repaired: OnceLock::new() }
    }

    /// Reads the file, laid over `parent` where it extends one. Gives every syntax error and every wrong key at once,
    /// and what the rest of the file says. Without a file there may be no flaw, which is then the parent's.
    pub(super) fn read(&self, parent: Option<&Self>) -> Reading {
        if self.text.len() > MAX_FILE {
            let message = format!("a definition has at most {MAX_FILE} bytes");
            let flaws = vec![Flaw::error(Place::File, "too-large", message)];
            return Reading { flaws, ..Reading::default() };
        }
        let Ok(own) = DeTable::parse(&self.text) else {
            return self.read_rest(parent);
        };
        let Some(parent) = parent else {
            if let Some(file) = shape::read_good(own) {
                return Reading { file: Some(file), ..Reading::default() };
            }
            // Parsing again is for files with mistakes; a copy would be for all of them.
            let shape = shape::read(DeTable::parse_recoverable(&self.text).0);
            let file = shape.file.filter(|_| !is_orphan(&shape.unread));
            return Reading { file, flaws: shape.flaws, unread: shape.unread };
        };
        if let Some(file) = parent.with(own.get_ref(), own.span()) {
            return Reading { file: Some(file), ..Reading::default() };
        }
        // A wrong key is looked for in the file that has it; that of the parent is reported there.
        let span = own.span();
        let shape = shape::read(own);
        let file = parent.with(&shape.rest, span);
        Reading { file, flaws: shape.flaws, unread: shape.unread }
    }

    /// Reads what is there beside its syntax errors.
    fn read_rest(&self, parent: Option<&Self>) -> Reading {
        let Repair { text, errors, unread } = self.repaired();
        let mut flaws = self.syntax_flaws();
        let known = text.as_ref().filter(|_| !errors.is_empty() && !is_orphan(unread));
        let Some(text) = known else {
            return Reading { flaws, ..Reading::default() };
        };
        let rest = Self::new(&self.slug, self.shown.clone(), text.clone(), self.trust).read(parent);
        flaws.extend(rest.flaws);
        let unread = unread.iter().cloned().chain(rest.unread).collect();
        Reading { file: rest.file, flaws, unread }
    }

    fn repaired(&self) -> &Repair {
        self.repaired.get_or_init(|| repair(&self.text))
    }

    /// The text with blanks for its syntax errors, where the rest can be told from them.
    fn readable(&self) -> &str {
        self.repaired().text.as_deref().unwrap_or(&self.text)
    }

    /// Whether a syntax error takes what stands at a dotted path.
    fn takes_out(&self, dotted: &str) -> bool {
        let takes = |path: &Vec<String>| {
            let rest = dotted.strip_prefix(&path.join("."));
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
        };
        self.repaired().unread.iter().any(takes)
    }

    /// This file with another laid over it.
    fn with(&self, own: &DeTable<'_>, span: Range<usize>) -> Option<File> {
        let mut merged = DeTable::parse(&self.text).ok()?.into_inner();
        merged.remove("name");
        lay_over(&mut merged, own, false);
        shape::read_good(toml::Spanned::new(span, merged))
    }

    /// The slug that this file extends, if it can be read at all.
    pub(super) fn extends(&self) -> Option<String> {
        // Parsing is dear and few files extend another.
        if !self.text.contains("extends") {
            return None;
        }
        let table = DeTable::parse(&self.text).or_else(|_| DeTable::parse(self.readable())).ok()?;
        let value = table.get_ref().get("extends")?.get_ref().as_str()?;
        Some(value.to_owned())
    }

    /// Whether a place is written in this file and not inherited.
    pub(super) fn owns(&self, place: &Place) -> bool {
        let (Place::Value(path) | Place::Key(path)) = place else {
            return true;
        };
        let (table, _) = DeTable::parse_recoverable(self.readable());
        find(table.get_ref(), path, true).is_some_and(|(_, whole)| whole)
    }

    /// Each syntax error.
    pub(super) fn syntax_flaws(&self) -> Vec<Flaw> {
        let flaw = |error: &toml::de::Error| {
            let place = error.span().map_or(Place::File, Place::Bytes);
            Flaw::error(place, "syntax", error.message().to_lowercase())
        };
        self.repaired().errors.iter().map(flaw).collect()
    }

    /// Puts a flaw into words with its place in the text. A place that this file does not have (because it was
    /// inherited) is shown at `extends`.
    pub(super) fn problem(&self, flaw: Flaw) -> Problem {
        let span = match flaw.place {
            Place::Bytes(range) => Some(range),
            Place::File => None,
            Place::Value(path) => self.locate(&path, false),
            Place::Key(path) => self.locate(&path, true),
        };
        let (line, column, end_line, end_column, snippet) = match span {
            None => (0, 0, 0, 0, String::new()),
            Some(range) => {
                let (line, column, snippet) = self.position(range.start);
                let (end_line, end_column, _) = self.position(range.end.max(range.start));
                (line, column, end_line, end_column, snippet)
            }
        };
        let Flaw { severity, code, message, help, .. } = flaw;
        let file = self.shown.clone();
        Problem { file, line, column, end_line, end_column, severity, code, message, help, snippet }
    }

    /// Line, column and text of the line of a byte.
    fn position(&self, at: usize) -> (usize, usize, String) {
        let mut at = at.min(self.text.len());
        while !self.text.is_char_boundary(at) {
            at -= 1;
        }
        let before = &self.text[..at];
        let start = before.rfind('\n').map_or(0, |newline| newline + 1);
        let line = before.matches('\n').count() + 1;
        let column = before[start..].chars().count() + 1;
        let text = self.text[start..].lines().next().unwrap_or_default();
        (line, column, text.replace('\t', " "))
    }

    /// What is written at a place; none where the file doesn't have it.
    pub(super) fn text_at(&self, place: &Place) -> Option<&str> {
        let span = match place {
            Place::Bytes(range) => range.clone(),
            Place::Value(path) | Place::Key(path) => self.locate(path, false)?,
            Place::File => return None,
        };
        self.text.get(span)
    }

    /// The bytes of a value or key; those of the nearest table around it if it is not there.
    fn locate(&self, path: &[String], key: bool) -> Option<Range<usize>> {
        let (table, _) = DeTable::parse_recoverable(self.readable());
        let Some((found, whole)) = find(table.get_ref(), path, key) else {
            return table.get_ref().get_key_value("extends").map(|(_, value)| value.span());
        };
        if whole || !table.get_ref().contains_key("extends") {
            return Some(found);
        }
        table.get_ref().get("extends").map(toml::Spanned::span)
    }
}

/// Whether it is not known what a file wants to extend: all that it leaves to that would be missing.
fn is_orphan(unread: &[Vec<String>]) -> bool {
    unread.iter().any(|path| matches!(&path[..], [key] if suggestion(key, ["extends"]).is_some()))
}

/// Whether a table has a value at a dotted path.
fn has(table: &DeTable<'_>, dotted: &str) -> bool {
    let path: Vec<String> = dotted.split('.').map(str::to_owned).collect();
    find(table, &path, true).is_some_and(|(_, whole)| whole)
}

/// The bytes of a path, and whether all of it is there.
fn find(table: &DeTable<'_>, path: &[String], key: bool) -> Option<(Range<usize>, bool)> {
    let (first, rest) = path.split_first()?;
    let (name, value) = table.get_key_value(first.as_str())?;
    if rest.is_empty() {
        // The span of a `[table]` is its header; its key says more.
        let range = if key || value.get_ref().is_table() && value.span().is_empty() {
            name.span()
        } else {
            value.span()
        };
        return Some((range, true));
    }
    match value.get_ref() {
        DeValue::Table(inner) => find(inner, rest, key).or_else(|| Some((name.span(), false))),
        DeValue::Array(items) => {
            let item = rest[0].parse::<usize>().ok().and_then(|index| items.get(index));
            Some((item.map_or(value.span(), toml::Spanned::span), item.is_some()))
        }
        _ => Some((value.span(), false)),
    }
}

/// Tables in which an empty string drops what was inherited.
const DROPPING: [&str; 3] = ["headers", "query", "token_headers"];

/// Lays a table over another: tables key by key, everything else replaced.
fn lay_over<'t>(base: &mut DeTable<'t>, own: &DeTable<'t>, dropping: bool) {
    for (key, value) in own {
        let name: &str = key.get_ref();
        if dropping && value.get_ref().as_str() == Some("") && base.contains_key(name) {
            base.remove(name);
            continue;
        }
        if let (Some(inherited), DeValue::Table(table)) = (base.get_mut(name), value.get_ref())
            && let DeValue::Table(inherited) = inherited.get_mut()
        {
            lay_over(inherited, table, DROPPING.contains(&name));
            continue;
        }
        base.insert(key.clone(), value.clone());
    }
}
