//! A definition as the judge reads it: plain TOML, `extends` followed, placeholders found and filled. Nothing of
//! `vouchsafe::provider` is used here, so that a mistake there isn't made a second time.

use std::collections::BTreeMap;

use toml::{Table, Value};

/// Values by name of their variable or built-in.
pub(super) type Values = BTreeMap<String, String>;

/// The method tables that the judge can play the app for.
const METHODS: [&str; 9] =
    ["oauth2", "client_credentials", "api_key", "basic", "session", "jwt", "oauth1", "aws_sigv4", "mcp"];
/// Tables at the top that are no methods.
const OTHERS: [&str; 4] = ["headers", "variables", "check", "limits"];

/// One file.
pub(super) struct Raw {
    pub(super) slug: String,
    /// As it is written.
    pub(super) text: String,
    /// With what it extends.
    pub(super) table: Table,
}

impl Raw {
    /// Every file of `providers/`.
    pub(super) fn all() -> Vec<Self> {
        let texts = crate::providers::shipped();
        let tables: BTreeMap<&str, Table> =
            texts.iter().map(|(slug, text)| (slug.as_str(), text.parse().unwrap())).collect();
        let whole = |slug: &str| {
            let own = &tables[slug];
            let Some(base) = own.get("extends").and_then(Value::as_str) else { return own.clone() };
            let mut table = tables[base].clone();
            table.remove("name");
            lay_over(&mut table, own);
            table
        };
        let raw = |(slug, text): &(String, String)| Self {
            slug: slug.clone(),
            text: text.clone(),
            table: whole(slug),
        };
        texts.iter().map(raw).collect()
    }

    /// The names of its method tables.
    pub(super) fn methods(&self) -> Vec<&'static str> {
        let tables = self.table.iter().filter(|(_, value)| value.is_table()).map(|(name, _)| name.as_str());
        for table in tables {
            let known = METHODS.contains(&table) || OTHERS.contains(&table);
            assert!(known, "{}: the judge doesn't know how an app with `[{table}]` answers", self.slug);
        }
        METHODS.into_iter().filter(|method| self.table.contains_key(*method)).collect()
    }

    /// Its table as a file that extends nothing.
    pub(super) fn standalone(&self) -> String {
        let mut table = self.table.clone();
        table.remove("extends");
        // What only the file that it extends uses would be a mistake here.
        let mut uses = table.clone();
        uses.remove("variables");
        for (key, value) in &mut uses {
            let Some(table) = value.as_table_mut() else { continue };
            let own = if key == "check" {
                Some(&mut *table)
            } else {
                table.get_mut("check").and_then(Value::as_table_mut)
            };
            own.map(|check| check.remove("json"));
        }
        let uses = Value::Table(uses);
        if let Some(Value::Table(variables)) = table.get_mut("variables") {
            let lookups =
                variables.values().filter_map(|variable| variable.get("lookup")?.get("url")?.as_str());
            // A value can be made of another.
            let others = variables
                .values()
                .filter_map(|variable| variable.get("from")?.as_str()?.strip_prefix("variables."));
            let names = texts(&uses).into_iter().chain(lookups).flat_map(placeholders);
            let needed: Vec<String> = names.chain(others.map(str::to_owned)).collect();
            variables.retain(|name, _| needed.iter().any(|one| one == name));
        }
        toml::to_string(&table).unwrap()
    }
}

/// `providers.md`, section 2.1: tables key by key, everything else replaced, an empty text drops what is inherited.
fn lay_over(base: &mut Table, own: &Table) {
    for (key, value) in own {
        match (base.get_mut(key), value) {
            (Some(Value::Table(base)), Value::Table(own)) => lay_over(base, own),
            (Some(_), Value::String(text)) if text.is_empty() => drop(base.remove(key)),
            _ => drop(base.insert(key.clone(), value.clone())),
        }
    }
}

/// The value at a dotted path of keys.
pub(super) fn at<'a>(table: &'a Table, path: &str) -> Option<&'a Value> {
    let mut keys = path.split('.');
    let first = table.get(keys.next()?)?;
    keys.try_fold(first, |value, key| value.get(key))
}

/// The text at a dotted path of keys.
pub(super) fn text<'a>(table: &'a Table, path: &str) -> Option<&'a str> {
    at(table, path).and_then(Value::as_str)
}

/// The table at a dotted path of keys; empty where there is none.
pub(super) fn table(of: &Table, path: &str) -> Table {
    at(of, path).and_then(Value::as_table).cloned().unwrap_or_default()
}

/// The texts of a list.
pub(super) fn list(table: &Table, path: &str) -> Vec<String> {
    let items = at(table, path).and_then(Value::as_array).into_iter().flatten();
    items.filter_map(Value::as_str).map(str::to_owned).collect()
}

/// Every text below a value.
pub(super) fn texts(value: &Value) -> Vec<&str> {
    match value {
        Value::String(text) => vec![text.as_str()],
        Value::Array(items) => items.iter().flat_map(texts).collect(),
        Value::Table(table) => table.iter().flat_map(|(_, value)| texts(value)).collect(),
        _ => Vec::new(),
    }
}

enum Piece<'a> {
    Text(&'a str),
    Name(&'a str),
}

fn pieces(template: &str) -> Vec<Piece<'_>> {
    let mut pieces = Vec::new();
    let mut rest = template;
    while let Some(place) = rest.find(['{', '}']) {
        pieces.push(Piece::Text(&rest[..place]));
        if rest[place..].starts_with("{{") || rest[place..].starts_with("}}") {
            pieces.push(Piece::Text(&rest[place..=place]));
            rest = &rest[place + 2..];
        } else {
            let end = place + rest[place..].find('}').unwrap();
            pieces.push(Piece::Name(&rest[place + 1..end]));
            rest = &rest[end + 1..];
        }
    }
    pieces.push(Piece::Text(rest));
    pieces
}

/// The placeholders of a template.
pub(super) fn placeholders(template: &str) -> Vec<String> {
    let names = pieces(template).into_iter().filter_map(|piece| match piece {
        Piece::Name(name) => Some(name.to_owned()),
        Piece::Text(_) => None,
    });
    names.collect()
}

/// The template filled; `None` where a value is missing.
pub(super) fn fill(template: &str, values: &Values) -> Option<String> {
    let mut filled = String::new();
    for piece in pieces(template) {
        match piece {
            Piece::Text(text) => filled.push_str(text),
            Piece::Name(name) => filled.push_str(values.get(name)?),
        }
    }
    Some(filled)
}

/// A URL filled: host, path and query, none of them encoded.
#[derive(Clone, Debug)]
pub(super) struct Address {
    pub(super) host: String,
    pub(super) path: String,
    pub(super) query: Vec<(String, String)>,
}

impl Address {
    /// Reads a template of an absolute URL.
    pub(super) fn of(template: &str, values: &Values) -> Option<Self> {
        let (origin, rest) = match template.strip_prefix("https://") {
            Some(rest) => rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len())),
            None => template.split_at(template.find('}')? + 1),
        };
        let host = fill(origin, values)?.to_ascii_lowercase();
        let host = host.trim_start_matches("https://").trim_end_matches('/').to_owned();
        Some(Self { host, path: String::new(), query: Vec::new() }.below(rest, values)?.rooted())
    }

    /// The same with a template of path and query put behind it.
    pub(super) fn below(mut self, tail: &str, values: &Values) -> Option<Self> {
        let (path, query) = tail.split_once('?').unwrap_or((tail, ""));
        let base = self.path.trim_end_matches('/').to_owned();
        self.path = base + &fill(&decoded(path), values)?;
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=')?;
            // What an optional value belongs to goes with it.
            if let Some(value) = fill(&decoded(value), values) {
                self.query.push((decoded(name), value));
            }
        }
        Some(self)
    }

    fn rooted(mut self) -> Self {
        if self.path.is_empty() {
            self.path.push('/');
        }
        self
    }
}

/// A text without its percent signs.
pub(super) fn decoded(path: &str) -> String {
    let mut parts = path.split('%');
    let mut bytes = parts.next().unwrap_or_default().as_bytes().to_vec();
    for part in parts {
        let (code, rest) = part.split_at_checked(2).unwrap_or(("3f", part));
        bytes.push(u8::from_str_radix(code, 16).unwrap_or(b'?'));
        bytes.extend(rest.as_bytes());
    }
    String::from_utf8_lossy(&bytes).into_owned()
}
