//! A file without the lines that are no TOML, so that what the others say is read nevertheless.

use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue, Error};

/// Syntax errors told of one file; whoever has more of them has another problem.
const MOST: usize = 10;
/// So many entries before an error may be its cause, as an array without an end is.
const BACK: usize = 3;

/// What a file says without its syntax errors.
#[derive(Clone, Debug)]
pub(super) struct Repair {
    /// The text with blanks in their place, so as long as before; none where the rest can't be told from them.
    pub(super) text: Option<String>,
    /// Each by itself, without those that only follow from it.
    pub(super) errors: Vec<Error>,
    /// Paths of what is blank now.
    pub(super) unread: Vec<Vec<String>>,
}

/// Takes the entry with the first syntax error out, until there is none.
pub(super) fn repair(text: &str) -> Repair {
    let mut repair = Repair { text: None, errors: Vec::new(), unread: Vec::new() };
    let (mut text, mut gone) = (text.to_owned(), Vec::new());
    loop {
        let found = errors_of(&text);
        let Some(error) = found.first() else { break };
        let culprit = error.span().and_then(|span| culprit(&text, span.start, found.len()));
        repair.errors.push(error.clone());
        let Some(culprit) = culprit.filter(|_| repair.errors.len() < MOST) else {
            return repair;
        };
        gone.extend(entries(&text, &culprit));
        text = without(&text, &culprit);
    }
    let (table, _) = DeTable::parse_recoverable(&text);
    repair.unread = gone.into_iter().map(|entry| entry.path(table.get_ref())).collect();
    repair.text = Some(text);
    repair
}

fn errors_of(text: &str) -> Vec<Error> {
    DeTable::parse_recoverable(text).1
}

/// The bytes that leave the fewest of so many errors if they are taken out; none where that mends nothing.
fn culprit(text: &str, at: usize, errors: usize) -> Option<Range<usize>> {
    let mut start = 0;
    let lines: Vec<Range<usize>> = text
        .split_inclusive('\n')
        .map(|line| {
            start += line.len();
            start - line.len()..start
        })
        .collect();
    let own = lines.iter().rposition(|line| line.start <= at)?;
    let line = |at: usize| &text[lines[at].clone()];
    // From a line up to the next that `begins` something.
    let from = |first: usize, begins: fn(&str) -> bool| {
        let next = (first + 1..lines.len()).find(|at| begins(line(*at)));
        lines[first].start..next.map_or(text.len(), |at| lines[at].start)
    };
    // Without its header a table's keys would be those of the table before.
    let alone = if is_header(line(own)) { from(own, is_header) } else { lines[own].clone() };
    let before = (0..=own).rev().filter(|at| is_entry(line(*at))).take(BACK);
    let before = before.map(|at| from(at, |line| is_header(line) || is_entry(line)));
    std::iter::once(alone)
        .chain(before)
        .map(|range| (errors_of(&without(text, &range)).len(), range))
        .filter(|(left, _)| *left < errors)
        .min_by_key(|(left, _)| *left)
        .map(|(_, range)| range)
}

/// `text` with blanks for these bytes.
fn without(text: &str, gone: &Range<usize>) -> String {
    let blank = text[gone.clone()].bytes().map(|byte| if byte == b'\n' { '\n' } else { ' ' });
    let blank: String = blank.collect();
    format!("{}{blank}{}", &text[..gone.start], &text[gone.end..])
}

fn is_header(line: &str) -> bool {
    line.trim_start().starts_with('[')
}

fn is_entry(line: &str) -> bool {
    let part = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.' | '"' | '\'' | ' ' | '\t');
    line.split_once('=').is_some_and(|(key, _)| !key.trim().is_empty() && key.chars().all(part))
}

/// Something that was taken out.
struct Entry {
    bytes: Range<usize>,
    /// The table whose header stands before it.
    table: Vec<String>,
    /// Its key in the table; none of a table itself.
    key: Vec<String>,
}

impl Entry {
    fn path(self, rest: &DeTable<'_>) -> Vec<String> {
        let around = if self.key.is_empty() { None } else { around(rest, &self.bytes) };
        around.unwrap_or(self.table).into_iter().chain(self.key).collect()
    }
}

/// What stands in these bytes: the table of a header, or each entry.
fn entries(text: &str, gone: &Range<usize>) -> Vec<Entry> {
    let lines: Vec<&str> = text[gone.clone()].lines().collect();
    let entry = |table, key| Entry { bytes: gone.clone(), table, key };
    if let Some(header) = lines.first().filter(|line| is_header(line)) {
        return vec![entry(header_path(header), Vec::new())];
    }
    let header = text[..gone.start].lines().rev().find(|line| is_header(line));
    let table = header.map(header_path).unwrap_or_default();
    let named = lines.iter().enumerate().filter(|(at, line)| *at == 0 || is_entry(line));
    named.map(|(_, line)| entry(table.clone(), key_path(line))).collect()
}

fn header_path(line: &str) -> Vec<String> {
    let inner = line.trim_start().trim_start_matches('[');
    dotted(inner.split([']', '#']).next().unwrap_or_default())
}

/// The key of a line, which may have lost its `=`.
fn key_path(line: &str) -> Vec<String> {
    match line.split_once('=') {
        Some((key, _)) => dotted(key),
        None => dotted(line.split_whitespace().next().unwrap_or_default()),
    }
}

fn dotted(path: &str) -> Vec<String> {
    let part = |part: &str| part.trim().trim_matches(['"', '\'']).to_owned();
    path.split('.').map(part).filter(|part| !part.is_empty()).collect()
}

/// The path of the innermost value that is written around these bytes.
fn around(table: &DeTable<'_>, bytes: &Range<usize>) -> Option<Vec<String>> {
    let holds = |value: &Spanned<DeValue<'_>>| {
        let span = value.span();
        span.start < bytes.start && bytes.end < span.end
    };
    table.iter().find_map(|(key, value)| {
        let inner = value.get_ref().as_table().and_then(|inner| around(inner, bytes));
        let path = inner.or_else(|| holds(value).then(Vec::new))?;
        Some(std::iter::once(key.get_ref().to_string()).chain(path).collect())
    })
}
